"""How many threads take part, chosen while a job runs: by made-up speeds; results do not depend on it."""

import time
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from oracle.jobs import chain, make_job

from fastmlp.kernels import pace, threads, training
from fastmlp.kernels.job import AT
from fastmlp.kernels.pace import JOIN, ROUNDS, START, TRIAL, Pace
from fastmlp.kernels.plan import Activation, Optimizer, Regime, Status
from fastmlp.kernels.training import SLICE

BATCH = 32
REGIMES = pytest.mark.parametrize("regime, batch_size", [(Regime.BATCH, 1024), (Regime.ONLINE, 1)])


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(pace, "known", {})


def job_of(dtype=np.float32, **options):
    return make_job(
        dtype,
        chain(50, (20, 3), (Activation.TANH, Activation.IDENTITY)),
        n=8 * BATCH,
        **dict(batch_size=BATCH) | options,
    )


class Machine:
    """A clock, and slices of `seconds` in which `speeds[n_active]` samples a second are trained.

    Other threads are started in `starting` seconds.
    """

    def __init__(self, speeds, seconds=1000.0):
        self.now, self.starting, self.speeds, self.job = 0.0, START / JOIN, speeds, job_of()
        self.job.run["n_threads"] = 2
        self.job.run["n_epochs"] = seconds * speeds[1] / self.job.option("n_samples")
        self.start()

    def start(self):
        """Begin a run; `n_started`: how many times it has started threads."""
        self.job.run["batch"] = self.job.run["budget"] = self.n_started = 0
        self.pace = Pace(self.job, self.count, lambda: self.now)
        return self.pace.n_active

    def count(self):
        self.n_started += 1
        self.now += self.starting

    def slice(self, seconds=TRIAL):
        self.pace.begin()
        active = self.job.option("n_active")
        self.now += seconds
        self.job.run["batch"] += int(seconds * self.speeds[active] / BATCH)
        self.pace.end()
        return active

    def slices(self, n, seconds=TRIAL):
        return [self.slice(seconds) for _ in range(n)]

    def trial(self):
        """Slices in which both are tried; return what is chosen then."""
        assert self.slices(2 * ROUNDS) == [1] * ROUNDS + [2] * ROUNDS
        return self.pace.n_active

    def run(self):
        """A whole run in one slice; return its threads."""
        active = self.start()
        self.slice(self.job.option("n_epochs") * self.job.option("n_samples") / self.speeds[active] + 1e-5)
        return active


@pytest.mark.parametrize("alone, chosen", [(0.6, 2), (0.95, 2), (0.98, 1), (1.05, 1), (1.5, 1)])
def test_the_faster_is_chosen_and_one_where_it_matters_little(alone, chosen):
    assert Machine({1: alone * 1e7, 2: 1e7}).trial() == chosen


@pytest.mark.parametrize("speeds", [{1: 0.6e7, 2: 1e7}, {1: 1.5e7, 2: 1e7}])
def test_it_looks_again_after_a_while_and_changes_its_mind(speeds):
    machine = Machine(speeds)
    chosen = machine.trial()
    machine.speeds[3 - chosen] = 3e7
    assert machine.slices(4, 0.06) == [chosen] * 4
    assert machine.slices(9) == [3 - chosen] * 9


def test_what_gets_slower_is_left_without_a_trial():
    machine = Machine({1: 0.7e7, 2: 1e7})
    machine.trial()
    machine.speeds[2] = 0.5e7
    assert machine.slices(4, 0.01) == [2, 2, 1, 1]


@pytest.mark.parametrize("speeds", [{1: 0.6e7, 2: 1e7}, {1: 1.6e7, 2: 1e7}])
def test_trials_take_a_hundredth_of_the_time(speeds):
    machine = Machine(speeds)
    chosen = machine.trial()
    seconds = {1: 0.0, 2: 0.0}
    while machine.now < 10:
        length = TRIAL if machine.pace.tries else 0.05
        seconds[machine.slice(length)] += length
    assert 0.005 < seconds[3 - chosen] / 10 < 0.011


@pytest.mark.parametrize("disturbed", [2, 3])
def test_one_disturbed_slice_does_not_decide(disturbed):
    machine = Machine({1: 0.7e7, 2: 1e7})
    for number in range(2 * ROUNDS + 1):
        machine.speeds[2] = 0.1e7 if number == disturbed else 1e7
        machine.slice()
    assert machine.pace.n_active == 2


def test_short_slices_are_timed_together():
    """Where a run comes back at each epoch's end, a trial takes several slices."""
    machine = Machine({1: 2e7, 2: 1e7})
    assert machine.slices(17, TRIAL / 8) == [1] * 8 + [2] * 8 + [1]


def test_the_short_rest_of_a_run_is_no_trial():
    """Of 64 samples behind 8128 it would not tell the speed, and the next trial would come too soon."""
    machine = Machine({1: 1.5e7, 2: 1e7}, 8192 / 1.5e7 + 1e-9)
    seconds = {1: 0.0, 2: 0.0}
    while machine.now < 4:
        machine.start()
        for samples in (8128, 64):
            length = samples / machine.speeds[machine.pace.n_active] + 1e-9
            seconds[machine.slice(length)] += length
    assert 0.001 < seconds[2] / machine.now < 0.012


@pytest.mark.parametrize("alone, chosen", [(0.6, 2), (1.25, 1)])
def test_runs_that_are_stopped_at_once_tell_together(alone, chosen):
    """None of them takes long enough: 0.2 ms, each stopped by its callback."""
    machine, runs = Machine({1: alone * 1e8, 2: 1e8}), []
    for _ in range(60):
        machine.start()
        runs.append(machine.slice(TRIAL / 5))
    assert runs[-40:] == [chosen] * 40


def test_many_fits_at_once_try_one_thread_no_more_often():
    """They train for more seconds than go by, and each that begins during a trial takes part in it."""
    machines = [Machine({1: 0.6e7, 2: 1e7}, 0.01) for _ in range(16)]
    now, seconds = 0.0, {1: 0.0, 2: 0.0}
    while now < 5:
        for machine in machines:
            machine.now = now
        for machine, active in [(machine, machine.start()) for machine in machines]:
            machine.slice(machine.pace.total / machine.speeds[active] + 1e-5)
            seconds[active] += machine.now - now
        now = max(machine.now for machine in machines)
    assert 0.0005 < seconds[1] / sum(seconds.values()) < 0.02


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_clock_that_stands_still_or_goes_back_tells_nothing(seconds):
    """As coarse ones do, and those of tests: the run ends all the same, and no speed is known."""
    machine = Machine({1: 2e7, 2: 1e7})
    machine.pace.begin()
    machine.now += seconds
    machine.job.run["epoch"] = machine.job.option("n_epochs")
    machine.pace.end()
    assert machine.pace.n_active == 1 and machine.pace.known.speeds == {1: (), 2: ()}


def test_threads_are_started_when_they_are_first_to_take_part():
    machine = Machine({1: 0.6e7, 2: 1e7})
    machine.slices(ROUNDS)
    assert machine.n_started == 0
    machine.slices(3)
    assert machine.n_started == 1


@pytest.mark.parametrize("seconds, chosen", [(START, 1), (1.9 * START, 1), (3 * START, 2), (1.0, 2)])
def test_none_is_started_where_the_run_is_over_before(seconds, chosen):
    """Once it is known how long such runs take: twice as fast is as long as START longer in 2 * START."""
    machine = Machine({1: 1e9, 2: 2e9}, seconds)
    assert [machine.run() for _ in range(6)] == [1, 1] + [chosen] * 4


@pytest.mark.parametrize("starting, chosen", [(START / JOIN, 2), (2 * START / JOIN, 1)])
def test_what_it_takes_to_start_threads_is_found_out(starting, chosen):
    """Two save a run half of its 3 * START."""
    machine = Machine({1: 1e9, 2: 2e9}, 3 * START)
    machine.starting = starting
    assert [machine.run() for _ in range(6)] == [1, 1, 2, 2, chosen, chosen]


@pytest.mark.parametrize("seconds", [3 * START, 0.01])
def test_two_are_tried_again_as_time_passes_where_one_is_faster(seconds):
    """Whatever made them slow may be over by then, and nothing else would tell."""
    machine = Machine({1: 1.5e9, 2: 1e9}, seconds)
    assert [machine.run() for _ in range(6)] == [1, 1, 2, 2, 1, 1]
    machine.now += 10
    assert [machine.run() for _ in range(3)] == [2, 2, 1]


def test_runs_now_and_then_do_not_try_one_thread_each_time():
    """It would cost them a tenth of their 10 ms, and it is seen when two get slower."""
    machine = Machine({1: 0.6e7, 2: 1e7}, 0.1)
    machine.trial()
    machine.now += 10
    assert machine.start() == 2
    machine.speeds[2] = 0.5e7
    assert machine.slices(4, 0.01) == [2, 2, 1, 1]


def test_threads_that_have_been_started_stay_to_the_end():
    """Where what is left takes half as long as to start them."""
    machine = Machine({1: 0.6e7, 2: 1e7}, seconds=ROUNDS * TRIAL * (1 + 1 / 0.6) + START)
    assert machine.trial() == 2
    assert 0 < machine.pace.total - machine.pace.position - 1e7 * TRIAL < 1e7 * START


def test_runs_of_a_slice_look_again_too():
    """One takes 10 ms alone, twice, and 6 ms together, in which 2 s of training go by to the next trial."""
    machine = Machine({1: 0.6e7, 2: 1e7}, 0.01)
    runs = [machine.run() for _ in range(600)]
    assert runs[:6] == [1, 1, 2, 2, 2, 2] and runs[10:].index(1) in range(310, 340) and runs.count(1) == 4


def test_the_first_slice_takes_a_hundredth_of_a_second_where_speeds_are_known():
    machine = Machine({1: 2e7, 2: 1e7})
    assert machine.job.option("budget") == 0
    machine.trial()
    machine.start()
    assert machine.job.option("budget") == pytest.approx(0.01 * 2e7 / BATCH, rel=0.01)


def test_the_next_run_of_that_kind_begins_with_what_was_chosen():
    machine = Machine({1: 0.6e7, 2: 1e7})
    machine.trial()
    assert machine.start() == 2
    machine.job.run["n_epochs"] *= 2
    assert machine.start() == 1


@pytest.mark.parametrize("field", ["n_features", "batch_size", "sparse", "optimizer", "n_threads"])
def test_what_was_chosen_is_for_that_work_alone(field):
    machine = Machine({1: 0.6e7, 2: 1e7})
    assert machine.trial() == machine.start() == 2
    machine.job.run[field] += 1
    assert machine.start() == 1


def test_what_is_known_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(pace, "MOST_KNOWN", 3)
    for batch in range(1, 10):
        machine = Machine({1: 0.6e7, 2: 1e7})
        machine.job.run["batch_size"] = batch
        machine.start()
        machine.slices(5)
        assert machine.start() == 2 and len(pace.known) <= 3


def test_slices_are_short_where_threads_are_tried(monkeypatch):
    """Of a millisecond, from one slice to the next; else each is at least a quarter of the one before."""
    monkeypatch.setattr(training.time, "perf_counter", lambda: SLICE)
    machine = Machine({1: 1e7, 2: 1e7})
    assert training.next_budget(1000, 0.0, machine.pace) == 1000 * TRIAL / SLICE
    machine.trial()
    assert training.next_budget(1000, 0.0, machine.pace) == training.next_budget(1000, 0.0) == 1000


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("n_epochs, n_threads", [(1, (1, 1)), (2, (5, 2))])
def test_a_run_that_is_over_at_once_has_one_thread(lanes, n_epochs, n_threads, monkeypatch):
    """Whatever its steps: it would end before another thread has begun."""
    for module in (threads, training):
        monkeypatch.setattr(module, "usable_cores", lambda: 5)
    monkeypatch.setattr(training, "MIN_WORK", 1 << 10)
    plan = chain(300, (300, 3), (Activation.TANH, Activation.IDENTITY))
    n = training.MIN_RUN * lanes // (3 * plan.n_params)
    job = make_job(np.float32, plan, n=n, batch_size=n, n_epochs=n_epochs)
    job.run["halves"] = 1
    kernels = SimpleNamespace(lanes=lambda: lanes, pauses_threads=False)
    found = [training.choose_threads(job, regime, None, kernels) for regime in (Regime.BATCH, Regime.ONLINE)]
    assert tuple(found) == n_threads


@pytest.mark.parametrize(
    "optimizer, pauses, n_threads",
    [(Optimizer.SGD, True, 1), (Optimizer.ADAM, True, 2), (Optimizer.ADAM, False, 1)],
)
def test_two_threads_are_tried_on_small_steps(optimizer, pauses, n_threads, monkeypatch):
    """The optimizer's step is work, too; but only of backends whose threads can be told to rest."""
    for module in (threads, training):
        monkeypatch.setattr(module, "usable_cores", lambda: 5)
    plan = chain(300, (40, 3), (Activation.TANH, Activation.IDENTITY))
    job = make_job(np.float32, plan, n=2000, batch_size=8, optimizer=optimizer)
    kernels = SimpleNamespace(lanes=lambda: 8, pauses_threads=pauses)
    assert training.choose_threads(job, Regime.BATCH, None, kernels) == n_threads


def test_cores_are_counted_anew_where_affinity_changes(monkeypatch):
    """And only then: the files of cgroups take longer than a short run."""
    allowed, counted = [{0, 1}], iter((2, 1))
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: allowed[0], raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: next(counted))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads.count_cores.cache_clear()
    try:
        assert [threads.usable_cores() for _ in range(3)] == [2, 2, 2]
        allowed[0] = {1}
        assert [threads.usable_cores() for _ in range(3)] == [1, 1, 1]
    finally:
        threads.count_cores.cache_clear()


@pytest.mark.parametrize(
    "limit, n_threads",
    [("3", 3), (" 3 ", 3), ("3,2", 3), (" 3 , 2", 3)]
    + [(other, 5) for other in ("", "0", "-1", "x", ",3", "²")],
)
def test_omp_num_threads_is_read_as_openmp_reads_it(limit, n_threads, monkeypatch):
    """Spaces, and a list whose first number counts; what is no number, above 0, is left aside."""
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    monkeypatch.setattr(threads, "count_cores", lambda affinity: 5)
    assert threads.usable_cores() == n_threads


@pytest.mark.parametrize("n_active", [1, 2, 3])
def test_results_do_not_depend_on_who_takes_part(kernels, n_active, monkeypatch):
    jobs = [job_of(kernels.dtype, n_epochs=5, stop_each_epoch=0) for _ in range(2)]
    training.run(jobs[0], n_threads=1, regime=Regime.BATCH)
    jobs[1].run["n_active"] = n_active
    assert training.run(jobs[1], n_threads=3, regime=Regime.BATCH) == Status.FINISHED
    assert (jobs[0].params == jobs[1].params).all() and (jobs[0].losses == jobs[1].losses).all()


@REGIMES
def test_who_takes_no_part_sleeps(kernels, regime, batch_size):
    """Its CPU seconds tell; steps are large, so that another thread would find work to do in each."""
    if not kernels.module.pauses_threads:
        pytest.skip("these kernels' threads always take part")
    seconds = []
    plan = chain(300, (300, 3), (Activation.TANH, Activation.IDENTITY))
    for _ in range(4):  # what wakes it on a busy machine comes and goes
        job = make_job(kernels.dtype, plan, n=2048, batch_size=batch_size, n_epochs=10_000, rates=(1e-5,))
        job.run["n_active"] = 1
        began, of_others = time.perf_counter(), time.process_time() - time.thread_time()

        def over(job, end=began + 0.3):
            return time.perf_counter() > end

        assert training.run(job, over, n_threads=2, regime=regime) == Status.EPOCH_END
        seconds.append(time.process_time() - time.thread_time() - of_others)
        if seconds[-1] < 0.1 * (time.perf_counter() - began):
            return
    pytest.fail(f"it was awake for {seconds} of 0.3 seconds each")


def test_threads_that_were_asked_for_take_part(kernels, monkeypatch):
    def refuse(job):
        raise AssertionError("nobody asked for that")

    monkeypatch.setattr(training, "Pace", refuse)
    training.run(job_of(kernels.dtype), n_threads=2, regime=Regime.BATCH)


@REGIMES
def test_a_run_on_its_own_threads_is_paced(kernels, regime, batch_size, monkeypatch):
    """Slice after slice with another choice, and the same bits."""
    if not kernels.module.pauses_threads:
        pytest.skip("these kernels' threads always take part")

    monkeypatch.setattr(training, "HALVES_LEAST", 0)
    seen = []

    class Alternating(Pace):
        def end(self):
            super().end()
            self.n_active = job.counts[AT["n_active"]] = 1 + len(seen) % 2
            seen.append(self.n_active)

    monkeypatch.setattr(training, "choose_threads", lambda job, regime, n_threads, backend: n_threads or 2)
    monkeypatch.setattr(training, "first_budget", lambda job: 3)
    monkeypatch.setattr(training, "next_budget", lambda budget, began, pace: 3)
    monkeypatch.setattr(training, "Pace", Alternating)
    alone, job = (job_of(kernels.dtype, batch_size=min(batch_size, BATCH), n_epochs=4) for _ in range(2))
    training.run(alone, n_threads=1, regime=regime)
    assert not seen
    training.run(job, regime=regime)
    assert len(seen) > 5
    assert (alone.params == job.params).all() and (alone.losses == job.losses).all()
