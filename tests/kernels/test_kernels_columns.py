"""The first weights' gradient by lists of columns: that of dense rows, and to the bit of lists of rows.

Where the input has several cuts, and batches are small, weights are also updated and multiplied by in bands.
"""

import numpy as np
import pytest
from oracle.jobs import chain, check_listed, check_refused, compare_slices, make_job, train
from scipy import sparse

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, Listing, Loss, Optimizer, Regime, build_plan

N = 150
WIDTH = 128  # of a layer whose gradient is summed by columns, on every level
WIDE = 600  # inputs that make at least four cuts, on every level


def dotted(n_features, dtype, n=N):
    """Rows a fifth of whose values are not 0; some rows, each seventh column and twelve in a row are 0."""
    random = np.random.RandomState(5)
    x = random.randint(-255, 256, size=(n, n_features)) * (random.uniform(size=(n, n_features)) < 0.2)
    x[5] = x[64:68] = 0
    x[:, ::7] = x[:, 18:30] = 0
    return x.astype(dtype)


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    monkeypatch.setattr(training, "choose_listing", lambda job, regime: Listing.LISTS)


def job_of(kernels, x, widths=(WIDTH, 3), **options):
    plan = chain(x.shape[1], widths, (Activation.TANH, Activation.SOFTMAX))
    options = {"batch_size": 64, "optimizer": Optimizer.MOMENTUM, **options}
    rows = Rows(x, 1 / 256)  # exact: sparse rows are scaled in double precision
    return make_job(kernels.dtype, plan, x.shape[0], Loss.CATEGORICAL_CROSS_ENTROPY, x=rows, **options)


def check(kernels, job, factor=2000):
    return check_listed(kernels, job, Listing.LISTS, factor)


@pytest.mark.parametrize("n_features", [1, 3, 17, 64, 65, 130])
def test_widths_of_the_input(kernels, n_features):
    check(kernels, job_of(kernels, dotted(n_features, kernels.dtype)))


@pytest.mark.parametrize("width", [64, 65, 96, 129, 152, 256])
def test_widths_of_the_layer(kernels, width):
    """Panels of every width."""
    check(kernels, job_of(kernels, dotted(40, kernels.dtype), (width, 3)))


@pytest.mark.parametrize("batch_size", [3, 16, 17, 64, 65, 129])
def test_batches_that_do_not_fill_a_vector_or_a_panel(kernels, batch_size):
    check(kernels, job_of(kernels, dotted(40, kernels.dtype), batch_size=batch_size, weighted=True))


def test_weights_that_move_in_place(kernels):
    """Plain gradient descent subtracts from the weights as it sums."""
    check(kernels, job_of(kernels, dotted(40, kernels.dtype), optimizer=Optimizer.SGD))


@pytest.mark.parametrize("options", [{}, dict(clip_norm=0.1)], ids=["", "clipped"])
def test_batches_beyond_a_chunk(kernels, options):
    x = dotted(20, kernels.dtype, 2060)
    check(kernels, job_of(kernels, x, batch_size=2050, n_epochs=2, **options))


@pytest.mark.parametrize("sources", [[INPUT, 0], [0, INPUT]], ids=str)
def test_input_that_meets_two_layers(kernels, sources):
    specs = [
        dict(n_out=6, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=WIDTH, sources=sources, activation=Activation.TANH),
        dict(n_out=2, sources=[1], activation=Activation.IDENTITY),
    ]
    rows = Rows(dotted(200, kernels.dtype), 1 / 255)
    check(kernels, make_job(kernels.dtype, build_plan(200, specs), N, x=rows, batch_size=37))


@pytest.mark.parametrize("sources", [[INPUT, 0], [0, INPUT]], ids=str)
@pytest.mark.parametrize("width, n_features", [(WIDTH, 900), (1400, 100)])
def test_input_that_meets_a_wide_layer_and_a_narrow_one(kernels, width, n_features, sources):
    """The narrow one's gradient is summed by lists of rows, of several cuts where a block of weights ends."""
    specs = [
        dict(n_out=width, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=6, sources=sources, activation=Activation.TANH),
        dict(n_out=2, sources=[1], activation=Activation.IDENTITY),
    ]
    rows = Rows(dotted(n_features, kernels.dtype), 1 / 255)
    check(kernels, make_job(kernels.dtype, build_plan(n_features, specs), N, x=rows, batch_size=37))


ADAM = dict(optimizer=Optimizer.ADAM, epsilon=1e-2)  # a step of the smallest gradients that is not their sign
OPTIONS = {
    "momentum": {},
    "in place": dict(optimizer=Optimizer.SGD),
    "at once": dict(weighted=True, **ADAM),
    "decaying": dict(weight_decay=0.1, **ADAM),
    "clipped": dict(clip_value=0.01, **ADAM),
    "by the norm": dict(clip_norm=0.1, **ADAM),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("batch_size", [20, 64, 130])
def test_bands(kernels, batch_size, options):
    """Up to 256 samples; with more threads than bands a sample meets all weights at once."""
    check(kernels, job_of(kernels, dotted(WIDE, kernels.dtype), batch_size=batch_size, **options))


@pytest.mark.parametrize(
    "layer", [dict(max_norm=0.5), dict(l2=0.1), dict(trainable=False)], ids=lambda d: next(iter(d))
)
def test_bands_of_layers_with_conditions(kernels, layer):
    specs = [dict(n_out=WIDTH, sources=[INPUT], activation=Activation.TANH) | layer]
    specs += [dict(n_out=3, sources=[0], activation=Activation.SOFTMAX)]
    rows = Rows(dotted(WIDE, kernels.dtype), 1 / 256)
    loss = Loss.CATEGORICAL_CROSS_ENTROPY
    check(kernels, make_job(kernels.dtype, build_plan(WIDE, specs), N, loss, x=rows, batch_size=40, **ADAM))


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("budget", [1, 2, 3])
def test_slices_that_end_between_any_two_batches(kernels, monkeypatch, budget, n_threads):
    """What a batch prepares of the next one is not taken over into another slice."""
    job = job_of(kernels, dotted(WIDE, kernels.dtype), batch_size=40, n_epochs=3, **ADAM)
    compare_slices(monkeypatch, job, budget, regime=Regime.BATCH, n_threads=n_threads)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 17, 77, N - 1])
def test_a_row_that_is_not_finite(kernels, row, value):
    """It is looked for while rows are listed, which may be with the batch before."""
    x = dotted(WIDE, kernels.dtype)
    x[row, 33] = value
    job = job_of(kernels, x, batch_size=20, check_rows=1, shuffle=0)
    check_refused(job, row, regime=Regime.BATCH)


@pytest.mark.parametrize("n_features", [90, WIDE])
@pytest.mark.parametrize("batch_size", [20, 64, 150])
def test_bits_are_those_of_lists_of_rows(kernels, batch_size, n_features):
    """Those of a sparse matrix are summed sample by sample, in the same order."""
    x = dotted(n_features, kernels.dtype)
    dense, matrix = (
        train(job_of(kernels, rows, batch_size=batch_size, optimizer=Optimizer.ADAM), regime=Regime.BATCH)[0]
        for rows in (x, sparse.csr_matrix(x))
    )
    np.testing.assert_array_equal(dense.params, matrix.params)


ROWS = {
    "uint8": lambda x: np.abs(x).astype(np.uint8),
    "columns first": np.asfortranarray,
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1],
}


@pytest.mark.parametrize("kind", ROWS)
def test_kinds_of_rows(kernels, kind):
    """Those that do not lie as kernels read them have no lists of columns."""
    x = ROWS[kind](dotted(40, kernels.dtype))
    before = x.copy()
    check(kernels, job_of(kernels, x))
    np.testing.assert_array_equal(x, before)


def test_beside_dropout_of_the_input(kernels):
    check(kernels, job_of(kernels, dotted(40, kernels.dtype), input_dropout=0.3))
