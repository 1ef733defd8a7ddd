"""Online learning in two parts: the mathematics of one part, and the same bits by one thread or two."""

import numpy as np
import pytest
from oracle.jobs import chain, check_refused, clone, concatenation, make_job, train
from scipy.sparse import csr_matrix

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation, Listing, Loss, Optimizer, Regime, Status

WIDTHS = [(40, 10), (70, 33, 4), (16, 3), (90, 40, 21, 10), (33, 17, 50, 8, 5)]


@pytest.fixture
def parts(monkeypatch):
    """However small a net is, its online steps are made in two parts."""
    monkeypatch.setattr(training, "HALVES_LEAST", 0)


def job_of(kernels, widths=(70, 33, 4), optimizer=Optimizer.ADAM, listed=False, plan=None, **options):
    """Online learning of a chain; `listed` gives rows in CSR, most of whose features are seldom used."""
    n = 60
    x = np.random.RandomState(1).standard_normal((n, 30))
    x[np.random.RandomState(2).uniform(size=x.shape) < 0.8] = 0
    x = x.astype(kernels.dtype)
    plan = plan or chain(30, widths, [Activation.TANH] * (len(widths) - 1) + [Activation.SOFTMAX])
    options = dict(batch_size=1, epsilon=1e-3, n_epochs=2, rates=(0.01,)) | options
    return make_job(
        kernels.dtype, plan, n, Loss.CATEGORICAL_CROSS_ENTROPY, optimizer=optimizer,
        x=Rows(csr_matrix(x)) if listed else x, **options,
    )  # fmt: skip


def assert_equal_bits(first, second):
    for name in ("params", "state", "losses"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    for field in ("epoch", "batch", "step", "best_loss", "learning_rate"):
        assert first.run[field] == second.run[field], field


@pytest.mark.parametrize("optimizer", training.ONLINE_OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("listed", [False, True], ids=["dense", "listed"])
def test_two_parts_learn_what_one_does(kernels, monkeypatch, optimizer, widths, listed):
    if kernels.name == "numpy":
        pytest.skip("it has one way to make steps")
    job = job_of(kernels, widths, optimizer, listed, weighted=True)
    whole, _ = train(job, regime=Regime.ONLINE)
    assert not whole.run["halves"][0]
    monkeypatch.setattr(training, "HALVES_LEAST", 0)
    single, status = train(job, n_threads=1)
    assert status == Status.FINISHED and single.run["halves"][0] == 1
    kernels.assert_close(
        single.params, whole.params.astype(np.float64), 5000
    )  # roundings that momentum adds up
    kernels.assert_close(single.state, whole.state.astype(np.float64), 2000)
    np.testing.assert_allclose(single.losses, whole.losses, rtol=2000 * kernels.eps)
    several, _ = train(job, n_threads=2)
    assert_equal_bits(several, single)


@pytest.mark.parametrize("listed", [False, True], ids=["dense", "listed"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_slices_equal_one_call_with_any_threads(kernels, parts, listed, n_threads):
    """Also where rates change within an epoch, and a slice ends anywhere."""
    job = job_of(kernels, listed=listed, rates=(0.01, 0.02, 0.003), rates_per_epoch=2)
    whole, _ = train(job, n_threads=n_threads)
    for budget in (1, 7):
        part = clone(job)
        backend = training.prepare(part, 1)
        part.run["budget"] = budget
        while (status := backend.train(part)) == Status.RUNNING:
            pass
        backend.dismiss(part)
        assert status == Status.FINISHED
        assert_equal_bits(part, whole)


@pytest.mark.parametrize("optimizer", [Optimizer.MOMENTUM, Optimizer.ADAM], ids=lambda o: o.name)
def test_a_run_that_ends_between_two_calls_has_all_its_steps(kernels, parts, optimizer):
    job = job_of(kernels, optimizer=optimizer, listed=True)
    part = clone(job)
    backend = training.prepare(part, 1)
    part.run["budget"] = 50
    assert backend.train(part) == Status.RUNNING
    backend.dismiss(part)
    dense = job_of(kernels, optimizer=optimizer)
    dense.run["sparse"] = Listing.DENSE
    other = clone(dense)
    backend = training.prepare(other, 1)
    other.run["budget"] = 50
    assert backend.train(other) == Status.RUNNING
    backend.dismiss(other)
    kernels.assert_close(part.params, other.params.astype(np.float64), 2000)
    kernels.assert_close(part.state, other.state.astype(np.float64), 2000)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_diverges_with_any_threads_has_the_parameters_of_its_epoch(kernels, parts, n_threads):
    job = job_of(kernels, optimizer=Optimizer.SGD, rates=(0.01, np.inf), n_epochs=3)
    kept, _ = train(job_of(kernels, optimizer=Optimizer.SGD, rates=(0.01,), n_epochs=1), n_threads=1)
    result, status = train(job, n_threads=n_threads)
    assert status == Status.DIVERGED
    np.testing.assert_array_equal(result.params, kept.params)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("listed", [False, True], ids=["dense", "listed"])
def test_a_row_that_is_not_finite_is_found_with_any_threads(kernels, parts, n_threads, listed, value):
    job = job_of(kernels, listed=listed, check_rows=1, shuffle=0)
    rows = job.rows
    where = (17, 3) if not listed else rows.indptr[17]
    rows.data[where] = value
    check_refused(job, 17, n_threads=n_threads)


def test_which_nets_are_trained_in_two_parts(kernels, parts):
    def halves(job):
        training.prepare(job, 1)
        return bool(job.run["halves"][0])

    assert halves(job_of(kernels))
    assert not halves(job_of(kernels, widths=(9,)))
    assert not halves(job_of(kernels, batch_size=2))
    assert not halves(job_of(kernels, optimizer=Optimizer.RMSPROP))
    assert not halves(job_of(kernels, weight_decay=0.1))
    assert not halves(job_of(kernels, plan=concatenation(30, 4, Activation.SOFTMAX)))
    tanh = (Activation.TANH, Activation.SOFTMAX)
    assert not halves(job_of(kernels, plan=chain(30, (70, 4), tanh, l2=0.1)))
    assert not halves(job_of(kernels, plan=chain(30, (70, 4), tanh, trainable=False)))
    assert not halves(job_of(kernels, plan=chain(30, (70, 4), (Activation.SOFTMAX, Activation.SOFTMAX))))


def test_how_much_a_sample_meets_decides(kernels, monkeypatch):
    """Rows of weights whose input is mostly 0 are not met."""
    for least, expected in ((1, True), (10**4, False)):
        monkeypatch.setattr(training, "HALVES_LEAST", least)
        for listed in (False, True):
            job = job_of(kernels, (300, 4), listed=listed)
            assert job.plan.n_params > 10**4
            training.prepare(job, 1)
            assert bool(job.run["halves"][0]) == expected
