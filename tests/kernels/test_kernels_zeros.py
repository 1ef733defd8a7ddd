"""Hidden layers most of whose outputs, and dZ, are 0: products by lists have the bits of dense ones.

A leaky ReLU of slope 0 is a ReLU for which nothing is listed.
"""

import numpy as np
import pytest
from oracle.jobs import chain, clone, compare_slices, expected_of, make_job, train

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, Regime, build_plan

N = 150
WIDTH = 128  # of layers whose products may be by lists, on every level
SHARES = (0.1, 0.4, 0.9)  # of hidden units that are not 0, at first


def slope_of(activation):
    return 0.0 if activation == Activation.LEAKY_RELU else 1.0


def plan_of(activation, widths, dropout=0.0, **extra):
    options = dict(activation=activation, slope=slope_of(activation), dropout=dropout, **extra)
    specs = [dict(n_out=width, sources=[k - 1], **options) for k, width in enumerate(widths)]
    specs.append(dict(n_out=3, sources=[len(widths) - 1], activation=Activation.SOFTMAX))
    return build_plan(20, specs)


def job_of(kernels, activation=Activation.RELU, widths=(WIDTH, WIDTH), share=0.4, n=N, plan=None, **options):
    """Such a share of hidden units is not 0."""
    net = {name: options.pop(name) for name in ("dropout", "trainable", "max_norm", "l2") if name in options}
    plan = plan_of(activation, widths, **net) if plan is None else plan
    x = np.random.RandomState(5).normal(size=(n, plan.n_features)).astype(kernels.dtype)
    options = {"batch_size": 64, "optimizer": Optimizer.MOMENTUM, **options}
    job = make_job(kernels.dtype, plan, n, Loss.CATEGORICAL_CROSS_ENTROPY, x=Rows(x), **options)
    place_biases(job, share)
    return job


def place_biases(job, share):
    outputs = {INPUT: job.rows.data.astype(np.float64)}
    for k, layer in enumerate(job.plan.layers):
        edges = job.plan.edges[layer["first_edge"] :][: layer["n_edges"]]
        inputs = np.hstack([outputs[int(edge["source"])] for edge in edges])
        n_in, n_out = int(layer["n_in"]), int(layer["n_out"])
        W = job.params[layer["weights"] :][: n_in * n_out].reshape(n_in, n_out)
        W *= 2 / np.sqrt(n_in)
        z = inputs @ W
        if layer["activation"] in (Activation.RELU, Activation.LEAKY_RELU):
            job.params[layer["bias"] :][:n_out] = -np.quantile(z, 1 - share)
            z = np.maximum(z - np.quantile(z, 1 - share), 0)
        outputs[k] = z


def check(kernels, factor=8000, **options):
    """Numbers of the reference, where it drops what we drop; bits of dense products, with any threads."""
    listed, dense = (
        job_of(kernels, activation, **options) for activation in (Activation.RELU, Activation.LEAKY_RELU)
    )
    result, expected = train(listed, regime=Regime.BATCH)[0], train(dense, regime=Regime.BATCH)[0]
    np.testing.assert_array_equal(result.params, expected.params)
    np.testing.assert_array_equal(result.losses, expected.losses)
    if options.get("trainable", True):  # no layer is dead
        assert np.count_nonzero(result.params != listed.params) > listed.params.size / 4
    reference = expected_of(listed)
    kernels.assert_close(result.params, reference.params, factor)
    for n_threads in (2, 3):
        again, _ = train(listed, regime=Regime.BATCH, n_threads=n_threads)
        np.testing.assert_array_equal(again.params, result.params)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(
    "widths", [(WIDTH, WIDTH), (140, 152), (131, 257, 70), (300, 64), (64, 256)], ids=str
)
def test_widths(kernels, widths, share):
    """Whole panels and parts of them, rows that share sets of the cache, and layers too narrow for lists."""
    check(kernels, widths=widths, share=share)


@pytest.mark.parametrize("batch_size", [3, 7, 8, 15, 16, 17, 64, 65, 129, 150])
def test_batches(kernels, batch_size):
    check(kernels, batch_size=batch_size, weighted=True, n_epochs=2)


@pytest.mark.parametrize("options", [{}, dict(clip_norm=0.1)], ids=["", "clipped"])
def test_batches_beyond_a_chunk(kernels, options):
    """Gradients are added up over more samples than are listed at a time."""
    check(kernels, n=1100, batch_size=1090, n_epochs=1, **options)


@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.ADAM])
def test_optimizers(kernels, optimizer):
    options = dict(epsilon=1e-2) if optimizer == Optimizer.ADAM else {}
    check(kernels, optimizer=optimizer, **options)


@pytest.mark.parametrize(
    "layer", [dict(l2=0.1), dict(max_norm=0.5), dict(trainable=False)], ids=lambda d: next(iter(d))
)
def test_layers_with_conditions(kernels, layer):
    check(kernels, **layer)


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_dropped_units(kernels, rate):
    check(kernels, dropout=rate)


def test_dropped_units_of_another_activation(kernels):
    """Most of these are 0, and nothing else is."""
    plan = plan_of(Activation.TANH, (WIDTH, WIDTH), dropout=0.7)
    job = job_of(kernels, plan=plan)
    result, _ = train(job, regime=Regime.BATCH)
    kernels.assert_close(result.params, expected_of(job).params, 8000)


@pytest.mark.parametrize("sources", [[0, 1], [1, 0], [INPUT, 1], [1, INPUT]], ids=str)
def test_layers_of_several_sources(kernels, sources):
    """Their products are added up, one of them perhaps by lists."""
    found = []
    for activation in (Activation.RELU, Activation.LEAKY_RELU):
        specs = [
            dict(n_out=WIDTH, sources=[INPUT], activation=activation, slope=slope_of(activation)),
            dict(n_out=WIDTH + 4, sources=[0], activation=activation, slope=slope_of(activation)),
            dict(n_out=WIDTH, sources=sources, activation=Activation.TANH),
            dict(n_out=3, sources=[2], activation=Activation.SOFTMAX),
        ]
        job = job_of(kernels, plan=build_plan(20, specs))
        found.append(train(job, regime=Regime.BATCH)[0])
        kernels.assert_close(found[-1].params, expected_of(job).params, 8000)
    np.testing.assert_array_equal(*(job.params for job in found))


def test_an_output_layer_with_zeros(kernels):
    """Its dZ is listed as those of hidden layers are."""
    found = []
    for activation in (Activation.RELU, Activation.LEAKY_RELU):
        last = dict(slope=slope_of(activation))
        plan = chain(20, (WIDTH, WIDTH), (Activation.TANH, activation), last)
        job = make_job(kernels.dtype, plan, N, Loss.HALF_SQUARED_ERROR, batch_size=64, rates=(0.001, 0.001))
        place_biases(job, 0.2)
        found.append(train(job, regime=Regime.BATCH)[0])
    np.testing.assert_array_equal(*(job.params for job in found))


@pytest.mark.parametrize("budget", [1, 2])
def test_slices(kernels, monkeypatch, budget):
    compare_slices(monkeypatch, job_of(kernels, batch_size=40), budget, n_threads=2, regime=Regime.BATCH)


def test_a_loss_that_is_not_finite(kernels):
    """Units that overflow are no zeros."""
    job = job_of(kernels, n_epochs=1)
    layer = job.plan.layers[0]
    job.params[layer["weights"] :][: 20 * WIDTH] = np.finfo(kernels.dtype).max
    dense = job_of(kernels, Activation.LEAKY_RELU, n_epochs=1)
    dense.params[:] = job.params
    (listed, a), (expected, b) = (train(one, regime=Regime.BATCH) for one in (job, dense))
    assert a == b
    np.testing.assert_array_equal(listed.losses, expected.losses)


ROWS = [1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 128, 129, 300]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("widths", [(WIDTH, WIDTH), (140, 152), (131, 257, 70), (300, 64)], ids=str)
def test_predictions(kernels, widths, share):
    """They are the same by lists and without, of many rows and of one."""
    jobs = [job_of(kernels, a, widths, share, n=max(ROWS)) for a in (Activation.RELU, Activation.LEAKY_RELU)]
    whole = training.predict(jobs[1].plan, jobs[1].params, jobs[1].rows)
    for n in ROWS:
        rows = Rows(jobs[0].rows.data[:n])
        found = training.predict(jobs[0].plan, jobs[0].params, rows)
        np.testing.assert_array_equal(found, whole[:n])


@pytest.mark.parametrize("sources", [[INPUT, 0], [0, INPUT]], ids=str)
@pytest.mark.parametrize("n", [1, 40, 100])
def test_predictions_of_layers_that_meet_the_input_too(kernels, n, sources):
    """The input's list is still wanted when hidden units are met."""
    found = []
    for activation in (Activation.RELU, Activation.LEAKY_RELU):
        specs = [
            dict(n_out=WIDTH, sources=[INPUT], activation=activation, slope=slope_of(activation)),
            dict(n_out=WIDTH, sources=sources, activation=Activation.IDENTITY),
        ]
        job = job_of(kernels, plan=build_plan(20, specs), n=100)
        found.append(training.predict(job.plan, job.params, Rows(clone(job).rows.data[:n])))
    np.testing.assert_array_equal(*found)
