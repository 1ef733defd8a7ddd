"""How trainings stop, go on, and share their work: slices, threads, epochs, plateaus, divergence."""

import threading

import numpy as np
import pytest
from oracle.jobs import chain, clone, expected_of, make_job, train
from scipy.sparse import csr_matrix

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Regime, Status

N = 23
ADAPTIVE = (Optimizer.ADAM, Optimizer.AMSGRAD, Optimizer.RMSPROP, Optimizer.ADAGRAD)
MOVING = ("params", "state", "order", "losses")


def small_job(kernels, **options):
    plan = chain(7, (9, 4), (Activation.TANH, Activation.SOFTMAX), l2=0.01)
    return make_job(kernels.dtype, plan, N, Loss.CATEGORICAL_CROSS_ENTROPY, **options)


def assert_equal_bits(first, second):
    for name in MOVING:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    for field in ("epoch", "batch", "step", "best_loss", "no_improvement", "learning_rate"):
        assert first.run[field] == second.run[field], field


@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.NESTEROV, Optimizer.ADAM, Optimizer.RPROP])
def test_slices_equal_one_call(kernels, regime, optimizer):
    if regime == Regime.ONLINE and optimizer not in training.ONLINE_OPTIMIZERS:
        pytest.skip("ONLINE does not know this optimizer")
    job = small_job(kernels, optimizer=optimizer, batch_size=1 if regime == Regime.ONLINE else 5)
    results = []
    for budget in (1, 3, 10**9):
        part = clone(job)
        backend = training.prepare(part, 1, regime)
        part.run["budget"] = budget
        calls = 1
        while (status := backend.train(part)) == Status.RUNNING:
            calls += 1
        backend.dismiss(part)
        assert status == Status.FINISHED
        assert (calls == 1) == (budget == 10**9)
        assert part.random_state.randint(2**31) >= 0
        results.append(part)
    assert_equal_bits(results[0], results[2])
    assert_equal_bits(results[1], results[2])


def listed_job(kernels, optimizer, **options):
    """Online learning from CSR rows, most of whose features are used now and then."""
    x = np.random.RandomState(1).standard_normal((60, 20))
    x[np.random.RandomState(2).uniform(size=x.shape) < 0.9] = 0
    plan = chain(20, (9, 4), (Activation.TANH, Activation.SOFTMAX))
    options = dict(optimizer=optimizer, batch_size=1, epsilon=1e-3, n_epochs=2) | options
    rows = Rows(csr_matrix(x.astype(kernels.dtype)))
    return make_job(kernels.dtype, plan, 60, Loss.CATEGORICAL_CROSS_ENTROPY, x=rows, **options)


@pytest.mark.parametrize("optimizer", training.ONLINE_OPTIMIZERS, ids=lambda o: o.name)
def test_slices_of_listed_inputs_equal_one_call(kernels, optimizer):
    """Rows whose inputs are 0 are brought up to date when they are used, not where a call happens to end."""
    job, results = listed_job(kernels, optimizer), []
    for budget in (1, 7, 10**9):
        part = clone(job)
        backend = training.prepare(part, 1, Regime.ONLINE)
        part.run["budget"] = budget
        while backend.train(part) == Status.RUNNING:
            pass
        backend.dismiss(part)
        results.append(part)
    assert_equal_bits(results[0], results[2])
    assert_equal_bits(results[1], results[2])


@pytest.mark.parametrize("optimizer", training.ONLINE_OPTIMIZERS, ids=lambda o: o.name)
def test_a_run_that_ends_between_two_calls_has_all_its_steps(kernels, optimizer):
    options = dict(n_epochs=1, shuffle=0)
    part = clone(listed_job(kernels, optimizer, **options))
    backend = training.prepare(part, 1, Regime.ONLINE)
    part.run["budget"] = 23
    assert backend.train(part) == Status.RUNNING
    backend.dismiss(part)
    expected = expected_of(listed_job(kernels, optimizer, subset=np.arange(23), **options))
    kernels.assert_close(part.params, expected.params, 2000)
    kernels.assert_close(part.state, expected.state, 2000)


def test_a_finished_job_stays_finished(kernels):
    job, status = train(small_job(kernels))
    before = job.params.copy()
    backend = training.prepare(job, 1)
    job.run["budget"] = 10
    assert status == backend.train(job) == Status.FINISHED
    np.testing.assert_array_equal(job.params, before)


@pytest.mark.parametrize("widths", [(9, 4), (70, 33, 4)])
@pytest.mark.parametrize("batch_size", [17, 64, 150])
@pytest.mark.parametrize(
    "options",
    [{}, dict(clip_norm=0.1), dict(weighted=True, l2=0.1), dict(mean_l2=0.1)],
    ids=lambda o: "-".join(o),
)
def test_threads_do_not_change_a_bit(kernels, widths, batch_size, options):
    options = dict(options)
    activations = [Activation.RELU] * (len(widths) - 1) + [Activation.SOFTMAX]
    penalties = {name: options.pop(name) for name in ("l2", "mean_l2") if name in options}
    plan = chain(40, widths, activations, **penalties)
    job = make_job(
        kernels.dtype,
        plan,
        150,
        Loss.CATEGORICAL_CROSS_ENTROPY,
        optimizer=Optimizer.ADAM,
        batch_size=batch_size,
        n_epochs=2,
        **options,
    )
    single, _ = train(job, n_threads=1, regime=Regime.BATCH)
    for n_threads in (2, 3, 4):
        several, status = train(job, n_threads=n_threads, regime=Regime.BATCH)
        assert status == Status.FINISHED
        assert_equal_bits(several, single)


def test_predictions_do_not_depend_on_threads(kernels):
    job = make_job(kernels.dtype, chain(30, (20, 3), (Activation.TANH, Activation.SOFTMAX)), 301)
    single = training.predict(job.plan, job.params, job.rows, n_threads=1)
    for n_threads in (2, 3, 4):
        several = training.predict(job.plan, job.params, job.rows, n_threads=n_threads)
        kernels.assert_close(several, single.astype(np.float64), 4)


def test_jobs_may_run_at_the_same_time(kernels):
    jobs = [small_job(kernels, draw=seed, optimizer=Optimizer.ADAM, n_epochs=30) for seed in range(4)]
    alone = [train(job, n_threads=1)[0] for job in jobs]
    together = [clone(job) for job in jobs]
    how = dict(target=training.run, kwargs=dict(n_threads=1))
    threads = [threading.Thread(args=(job,), **how) for job in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for first, second in zip(together, alone, strict=True):
        assert_equal_bits(first, second)


def test_python_is_called_at_every_epochs_end(kernels):
    seen = []
    job, status = train(
        small_job(kernels, n_epochs=4), on_epoch=lambda job: seen.append(int(job.run["epoch"][0]))
    )
    plain, _ = train(small_job(kernels, n_epochs=4))
    assert status == Status.FINISHED
    assert seen[:3] == [1, 2, 3]
    assert_equal_bits(job, plain)


def test_a_true_answer_stops(kernels):
    job, status = train(small_job(kernels, n_epochs=50), on_epoch=lambda job: job.run["epoch"][0] == 7)
    assert status == Status.EPOCH_END
    assert job.run["epoch"][0] == 7
    assert np.isfinite(job.losses[:7]).all() and np.isnan(job.losses[7:]).all()


@pytest.mark.parametrize("stop_each_epoch", [False, True])
def test_a_plateau_stalls(kernels, stop_each_epoch):
    job = small_job(kernels, n_epochs=100, tol=0.02, n_iter_no_change=3, rates=(0.01,))
    expected = expected_of(job)
    result, status = train(job, on_epoch=(lambda job: False) if stop_each_epoch else None)
    assert status == expected.status == Status.STALLED
    assert result.run["epoch"][0] == len(expected.losses) < 100
    assert result.run["no_improvement"][0] == 4
    assert result.run["best_loss"][0] == np.nanmin(result.losses)


def test_a_plateau_in_the_last_epoch_stalls_too(kernels):
    options = dict(tol=0.02, n_iter_no_change=3, rates=(0.01,))
    n = len(expected_of(small_job(kernels, n_epochs=100, **options)).losses)
    _, status = train(small_job(kernels, n_epochs=n, **options))
    assert status == Status.STALLED


def test_a_stalled_job_may_go_on(kernels):
    job = small_job(kernels, n_epochs=60, tol=0.02, n_iter_no_change=3, rates=(0.01,))
    job, status = train(job)
    stalled_at = int(job.run["epoch"][0])
    job.run["no_improvement"] = 0
    job.run["tol"] = -np.inf
    job.rates = np.array([0.002])
    status = training.run(job)
    assert status == Status.FINISHED
    assert np.isfinite(job.losses).all()
    assert job.losses[-1] < job.losses[stalled_at - 1]


@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
@pytest.mark.parametrize("at_epoch", [0, 2])
def test_divergence_restores_the_epochs_start(kernels, regime, at_epoch):
    plan = chain(7, (9, 3), (Activation.RELU, Activation.IDENTITY))
    job = make_job(kernels.dtype, plan, N, batch_size=1 if regime == Regime.ONLINE else 5, n_epochs=5)
    rates = np.full(5, 0.01)
    rates[at_epoch:] = 1e30 if kernels.dtype == np.float32 else 1e200
    job.rates = rates
    calm = clone(job)
    calm.run["n_epochs"] = max(1, at_epoch)
    expected = train(calm, regime=regime)[0].params if at_epoch else job.params
    result, status = train(job, regime=regime)
    assert status == Status.DIVERGED
    assert result.run["epoch"][0] == at_epoch
    np.testing.assert_array_equal(result.params, expected)
    assert np.isfinite(result.losses[:at_epoch]).all() and np.isnan(result.losses[at_epoch:]).all()


def test_denormals_are_not_left_switched_off(kernels):
    tiny = np.array([np.finfo(np.float64).tiny])
    train(small_job(kernels))
    training.predict(small_job(kernels).plan, small_job(kernels).params, small_job(kernels).rows)
    assert (tiny / 4)[0] > 0


def test_moments_that_fade_reach_zero(kernels):
    """Adam's moments of an input that falls silent must not linger as denormal numbers."""
    x = np.ones((40, 7), kernels.dtype)
    x[:, 3] = 0
    x[0, 3] = 1e-15 if kernels.dtype == np.float32 else 1e-150
    plan = chain(7, (9, 4), (Activation.TANH, Activation.SOFTMAX))
    job = make_job(
        kernels.dtype,
        plan,
        40,
        Loss.CATEGORICAL_CROSS_ENTROPY,
        x=x,
        optimizer=Optimizer.ADAM,
        batch_size=40,
        n_epochs=20,
    )
    result, _ = train(job)
    smallest = np.finfo(kernels.dtype).tiny
    size = np.abs(result.state)
    assert not ((size > 0) & (size < smallest)).any()


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("optimizer", ADAPTIVE, ids=lambda o: o.name)
def test_an_epsilon_too_small_for_the_dtype_divides_nothing_by_0(kernels, optimizer, batch_size):
    """A weight that never had a gradient stays where it is."""
    x = np.zeros((8, 5), kernels.dtype)
    x[:, 2] = 1
    for epsilon in (1e-46, 5e-324):
        job = make_job(
            kernels.dtype, chain(5, (1,), (Activation.IDENTITY,)), x=x, n=8, optimizer=optimizer,
            batch_size=batch_size, n_epochs=2, epsilon=epsilon, epsilon_corrected=1, rates=(0.01,),
        )  # fmt: skip
        before = job.params.copy()
        trained, status = train(job)
        assert status == Status.FINISHED and np.isfinite(trained.params).all()
        unused = [0, 1, 3, 4]
        assert (trained.params[unused] == before[unused]).all() and trained.params[2] != before[2]
