"""How many threads take part, chosen while a job runs: by made-up speeds; results do not depend on it."""

import time

import numpy as np
import pytest
from oracle.jobs import chain, make_job

from fastmlp.kernels import pace, training
from fastmlp.kernels.pace import AGAIN, ROUNDS, TRIAL, Pace
from fastmlp.kernels.plan import Activation, Regime, Status
from fastmlp.kernels.training import SLICE

BATCH = 32


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(pace, "known", {})


def job_of(dtype=np.float32, **options):
    return make_job(
        dtype,
        chain(50, (20, 3), (Activation.TANH, Activation.IDENTITY)),
        n=8 * BATCH,
        batch_size=BATCH,
        **options,
    )


class Machine:
    """A clock, and slices of `seconds` in which `speeds[n_active]` samples a second are trained."""

    def __init__(self, speeds, n_threads=2):
        self.now, self.speeds, self.job = 0.0, speeds, job_of()
        self.job.run["n_threads"] = n_threads
        self.pace = self.start()

    def start(self):
        return Pace(self.job, lambda: self.now)

    def slice(self, seconds=TRIAL):
        self.pace.begin()
        active = self.job.option("n_active")
        self.now += seconds
        self.job.run["batch"] += int(seconds * self.speeds[active])
        self.pace.end()
        return active

    def trial(self):
        """The threads of a trial's slices, and what is chosen then."""
        self.slice()
        return [self.slice() for _ in range(2 * ROUNDS)], self.pace.n_active


@pytest.mark.parametrize("alone, chosen", [(0.6, 2), (1.0, 2), (1.05, 2), (1.2, 1), (1.5, 1)])
def test_the_faster_is_chosen_all_threads_where_it_matters_little(alone, chosen):
    assert Machine({1: alone * 1e6, 2: 1e6}).trial() == ([2, 1] * ROUNDS, chosen)


def test_it_looks_again_after_a_while_and_changes_its_mind():
    machine = Machine({1: 1.5e6, 2: 1e6})
    machine.trial()
    machine.speeds = {1: 0.6e6, 2: 1e6}
    began = machine.now
    while machine.now < began + AGAIN - 0.05:
        assert machine.slice(0.05) == 1
    machine.slice(0.1)
    assert [machine.slice() for _ in range(2 * ROUNDS)] == [2, 1] * ROUNDS
    assert machine.slice() == 2


@pytest.mark.parametrize("disturbed", [0, 2])
def test_one_disturbed_slice_does_not_decide(disturbed):
    machine = Machine({1: 0.7e6, 2: 1e6})
    machine.slice()
    for number in range(2 * ROUNDS):
        machine.speeds = {1: 0.7e6, 2: 0.1e6 if number == disturbed else 1e6}
        machine.slice()
    assert machine.pace.n_active == 2


def test_short_slices_are_timed_together():
    """Where a run comes back at each epoch's end, a trial takes several slices."""
    machine = Machine({1: 2e6, 2: 1e6})
    machine.slice()
    assert [machine.slice(TRIAL / 8) for _ in range(12)] == [2] * 4 + [1] * 4 + [2] * 4


def test_the_next_run_of_that_size_begins_with_what_was_chosen():
    machine = Machine({1: 1.5e6, 2: 1e6})
    machine.trial()
    assert machine.start().n_active == 1
    machine.job.run["batch_size"] = 2 * BATCH
    assert machine.start().n_active == 2


@pytest.mark.parametrize("field", ["n_features", "batch_size", "sparse", "optimizer", "n_threads"])
def test_what_was_chosen_is_for_that_work_alone(field):
    machine = Machine({1: 1.5e6, 2: 1e6})
    machine.trial()
    machine.job.run[field] += 1
    assert machine.start().n_active == machine.job.option("n_threads") > 1


def test_what_is_known_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(pace, "MOST_KNOWN", 3)
    for batch in range(1, 10):
        machine = Machine({1: 1.5e6, 2: 1e6})
        machine.job.run["batch_size"] = batch
        machine.pace = machine.start()
        assert machine.trial()[1] == 1 and len(pace.known) <= 3
        assert machine.start().n_active == 1


def test_slices_are_short_where_threads_are_tried(monkeypatch):
    """Of some milliseconds, from one slice to the next; else each is at least a quarter of the one before."""
    monkeypatch.setattr(training.time, "perf_counter", lambda: SLICE)
    machine = Machine({1: 1e6, 2: 1e6})
    assert training.next_budget(1000, 0.0, machine.pace) == training.next_budget(1000, 0.0) == 1000
    machine.slice()
    assert training.next_budget(1000, 0.0, machine.pace) == 1000 * TRIAL / SLICE


@pytest.mark.parametrize("n_active", [1, 2, 3])
def test_results_do_not_depend_on_who_takes_part(kernels, n_active, monkeypatch):
    jobs = [job_of(kernels.dtype, n_epochs=5, stop_each_epoch=0) for _ in range(2)]
    training.run(jobs[0], n_threads=1, regime=Regime.BATCH)
    jobs[1].run["n_active"] = n_active
    assert training.run(jobs[1], n_threads=3, regime=Regime.BATCH) == Status.FINISHED
    assert (jobs[0].params == jobs[1].params).all() and (jobs[0].losses == jobs[1].losses).all()


def test_who_takes_no_part_sleeps(kernels, monkeypatch):
    """Its CPU seconds tell; steps are large, so that another thread would find work to do in each."""
    if not kernels.module.pauses_threads:
        pytest.skip("these kernels' threads always take part")
    seconds, work = [], kernels.module.work

    def timed(job, thread):
        work(job, thread)
        seconds.append(time.thread_time())

    monkeypatch.setattr(kernels.module, "work", timed)
    plan = chain(300, (300, 3), (Activation.TANH, Activation.IDENTITY))
    job = make_job(kernels.dtype, plan, n=2048, batch_size=1024, n_epochs=10_000)
    job.run["n_active"] = 1
    began = time.perf_counter()
    training.run(job, lambda job: time.perf_counter() > began + 0.3, n_threads=2, regime=Regime.BATCH)
    assert seconds[0] < 0.1 * (time.perf_counter() - began)


def test_threads_that_were_asked_for_take_part(kernels, monkeypatch):
    def refuse(job):
        raise AssertionError("nobody asked for that")

    monkeypatch.setattr(training, "Pace", refuse)
    training.run(job_of(kernels.dtype), n_threads=2, regime=Regime.BATCH)


def test_a_run_on_its_own_threads_is_paced(kernels, monkeypatch):
    """Slice after slice with another choice, and the same bits."""
    if not kernels.module.pauses_threads:
        pytest.skip("these kernels' threads always take part")

    seen = []

    class Alternating(Pace):
        def end(self):
            super().end()
            seen.append(self.n_active)
            self._set(2 if self.n_active == 1 else 1)

    monkeypatch.setattr(training, "choose_threads", lambda job, regime, n_threads: n_threads or 2)
    monkeypatch.setattr(training, "first_budget", lambda job: 3)
    monkeypatch.setattr(training, "next_budget", lambda budget, began, pace: 3)
    monkeypatch.setattr(training, "Pace", Alternating)
    jobs = [job_of(kernels.dtype, n_epochs=4) for _ in range(2)]
    training.run(jobs[0], n_threads=1, regime=Regime.BATCH)
    assert not seen
    training.run(jobs[1], regime=Regime.BATCH)
    assert len(seen) > 5
    assert (jobs[0].params == jobs[1].params).all() and (jobs[0].losses == jobs[1].losses).all()
