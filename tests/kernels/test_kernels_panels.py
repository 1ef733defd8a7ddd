"""Wide dense inputs: small batches meet the first weights by panels, whose sums are added up by bands.

Where the last columns of the weights are few, they have products of their own.
"""

import numpy as np
import pytest
from oracle.jobs import chain, check_listed, check_refused, compare_slices, make_job, train
from scipy import sparse

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, Listing, Loss, Optimizer, Regime, build_plan

N = 66
BAND_BYTES = 1 << 20  # of first weights, from which on there are bands: panels.pxi


@pytest.fixture(autouse=True)
def dense(monkeypatch):
    monkeypatch.setattr(training, "choose_listing", lambda job, regime: Listing.DENSE)


def features(width, dtype):
    """The fewest inputs of a first layer that has bands, and three: no whole panel, no whole vector."""
    return BAND_BYTES // (width * np.dtype(dtype).itemsize) // 2 * 2 + 3


def rows_of(n_features, dtype, n=N):
    return (np.random.RandomState(5).normal(size=(n, n_features)) * 0.1).astype(dtype)


def job_of(kernels, x=None, width=100, n=N, **options):
    x = rows_of(features(width, kernels.dtype), kernels.dtype, n) if x is None else x
    plan = chain(x.shape[1], (width, 3), (Activation.TANH, Activation.SOFTMAX))
    options = {"batch_size": 20, "optimizer": Optimizer.MOMENTUM, "n_epochs": 2, **options}
    return make_job(kernels.dtype, plan, n, Loss.CATEGORICAL_CROSS_ENTROPY, x=Rows(x), **options)


def check(kernels, job, factor=4000):
    return check_listed(kernels, job, Listing.DENSE, factor)


@pytest.mark.parametrize("width", [97, 101, 131])
def test_widths_of_the_layer(kernels, width):
    """With and without a tail of at most four columns."""
    check(kernels, job_of(kernels, width=width))


@pytest.mark.parametrize("batch_size", [7, 64, 65])
def test_batches(kernels, batch_size):
    """Up to 256 samples."""
    check(kernels, job_of(kernels, batch_size=batch_size, weighted=True))


def test_batches_too_large_for_bands(kernels):
    check(kernels, job_of(kernels, n=300, batch_size=280))


ADAM = dict(optimizer=Optimizer.ADAM, epsilon=1e-2)  # a step of the smallest gradients that is not their sign
OPTIONS = {
    "plain": dict(optimizer=Optimizer.SGD),
    "adam": ADAM,
    "clipped": dict(clip_value=0.01, optimizer=Optimizer.SGD),
    "by the norm": dict(clip_norm=0.1),
    "dropout of the input": dict(input_dropout=0.3),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_optimizers(kernels, options):
    check(kernels, job_of(kernels, **options))


@pytest.mark.parametrize(
    "layer",
    [dict(l2=0.1), dict(l1=0.01), dict(max_norm=0.5), dict(trainable=False)],
    ids=lambda d: next(iter(d)),
)
def test_layers_with_conditions(kernels, layer):
    n_features = features(100, kernels.dtype)
    specs = [dict(n_out=100, sources=[INPUT], activation=Activation.TANH) | layer]
    specs += [dict(n_out=3, sources=[0], activation=Activation.SOFTMAX)]
    rows = Rows(rows_of(n_features, kernels.dtype))
    loss = Loss.CATEGORICAL_CROSS_ENTROPY
    check(
        kernels,
        make_job(kernels.dtype, build_plan(n_features, specs), N, loss, x=rows, batch_size=20, n_epochs=2),
    )


def test_input_that_meets_two_layers(kernels):
    """There are no bands then."""
    n_features = features(100, kernels.dtype)
    specs = [
        dict(n_out=100, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=2, sources=[0, INPUT], activation=Activation.IDENTITY),
    ]
    rows = Rows(rows_of(n_features, kernels.dtype))
    check(
        kernels, make_job(kernels.dtype, build_plan(n_features, specs), N, x=rows, batch_size=37, n_epochs=2)
    )


@pytest.mark.parametrize("budget, n_threads", [(1, 1), (1, 2), (3, 2)])
def test_slices_that_end_between_any_two_batches(kernels, monkeypatch, budget, n_threads):
    """What a batch prepares of the next one is not taken over into another slice."""
    compare_slices(monkeypatch, job_of(kernels, n_epochs=3), budget, regime=Regime.BATCH, n_threads=n_threads)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("row, feature", [(0, 0), (25, 200), (N - 1, -1)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_not_finite(kernels, value, row, feature, n_threads):
    """It is looked for where a panel is copied, which may be with the batch before."""
    x = rows_of(features(100, kernels.dtype), kernels.dtype)
    x[row, feature] = value
    for rows in (x, sparse.csr_matrix(x)):
        job = job_of(kernels, rows, check_rows=1, shuffle=0)
        check_refused(job, row, regime=Regime.BATCH, n_threads=n_threads)


ROWS = {
    "columns first": np.asfortranarray,
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1],
    "sparse": sparse.csr_matrix,
}


@pytest.mark.parametrize("kind", ROWS)
def test_kinds_of_rows(kernels, kind):
    """The same numbers have the same bits, however they lie."""
    x = rows_of(features(100, kernels.dtype), kernels.dtype)
    plain = x[::-1].copy() if kind == "backwards" else x
    first, second = (train(job_of(kernels, rows), regime=Regime.BATCH)[0] for rows in (plain, ROWS[kind](x)))
    np.testing.assert_array_equal(first.params, second.params)
