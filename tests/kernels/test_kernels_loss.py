"""Losses and gradients of a whole network: against the formulas, and against central differences."""

import numpy as np
import pytest
from oracle import reference
from oracle.jobs import chain, concatenation, expected_of, make_job, train

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Regime

OUTPUTS = (
    Activation.IDENTITY, Activation.LOGISTIC, Activation.SOFTMAX, Activation.TANH, Activation.RELU,
    Activation.EXP, Activation.GELU,
)  # fmt: skip
POSITIVE = (Activation.LOGISTIC, Activation.SOFTMAX, Activation.EXP)
PAIRS = [
    (loss, output)
    for loss in Loss
    for output in OUTPUTS
    if loss != Loss.POISSON or output in POSITIVE  # the logarithm of an output that may be negative
]
CLIPPED = (Loss.BINARY_CROSS_ENTROPY, Loss.CATEGORICAL_CROSS_ENTROPY)  # outside (0, 1), but from logits
DIFFERENTIABLE = [
    (loss, output)
    for loss, output in PAIRS
    if loss not in CLIPPED or output in (Activation.IDENTITY, Activation.LOGISTIC, Activation.SOFTMAX)
]
PARAMETER = {Loss.HUBER: 0.6, Loss.QUANTILE: 0.2, Loss.HINGE: 1.0, Loss.SQUARED_HINGE: 0.7}


def gradient_job(kernels, loss, output, **options):
    """Scaled down, so that no loss is cut off and none is near a kink."""
    slope = 0.8 if output in (Activation.LOGISTIC, Activation.TANH) else 1.0
    plan = chain(6, (5, 4), (Activation.TANH, output), last={"slope": slope})
    options = dict(loss_parameter=PARAMETER.get(loss, 1.0), batch_size=100, n_epochs=1, shuffle=0) | options
    return make_job(kernels.dtype, plan, 9, loss, optimizer=Optimizer.GRADIENT, **options)


def compare_gradient(kernels, job, factor=200):
    expected = expected_of(job)
    result, _ = train(job, regime=Regime.BATCH)
    np.testing.assert_allclose(
        result.losses, expected.losses, rtol=factor * kernels.eps, atol=factor * kernels.eps
    )
    kernels.assert_close(result.gradient, expected.gradient, factor)
    np.testing.assert_array_equal(result.params, job.params)


@pytest.mark.parametrize("loss", Loss, ids=lambda code: code.name)
def test_loss_and_gradient(kernels, loss):
    for output in (output for of_loss, output in PAIRS if of_loss == loss):
        compare_gradient(kernels, gradient_job(kernels, loss, output))


@pytest.mark.parametrize("loss, output", DIFFERENTIABLE, ids=lambda code: code.name)
def test_reference_gradient_by_central_differences(loss, output):
    class Double:
        dtype = np.float64

    job = gradient_job(Double, loss, output)
    gradient, step = reference.train(job).gradient, 1e-6
    params = job.params.copy()
    for i in range(0, len(params), 3):
        values = []
        for sign in (1, -1):
            job.params = params.copy()
            job.params[i] += sign * step
            values.append(reference.train(job).losses[0])
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[i], rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("z", [3.0, -5.0, -19.9, -20.1, -60.0, -90.0, -300.0, -1e4])
def test_poisson_behind_softplus_that_underflows(kernels, z):
    """Far below 0 softplus is exp: its logarithm is z, and dz is a - y, 0 only where the target is."""
    plan = chain(1, (1,), (Activation.SOFTPLUS,))
    z = float(kernels.dtype.type(z))
    a = max(z, 0.0) + np.log1p(np.exp(-abs(z)))
    log_a, ratio = (np.log(a), 1 / (1 + np.exp(-z)) / a) if z > -300 else (z, 1.0)
    for y in (0.0, 1.0, 7.0):
        rows, target = Rows(np.ones((1, 1), kernels.dtype)), np.full((1, 1), y, kernels.dtype)
        params = np.array([z, 0.0], kernels.dtype)
        value, gradient = training.loss_and_gradient(plan, params, rows, target, loss=Loss.POISSON)
        assert value == pytest.approx((y * np.log(y) if y else 0.0) - y * log_a - y + a, rel=20 * kernels.eps)
        np.testing.assert_allclose(gradient, ratio * (a - y), rtol=20 * kernels.eps, atol=1e-37)


# softmax is for outputs: the network refuses it between layers
@pytest.mark.parametrize(
    "hidden", [a for a in Activation if a not in (Activation.STEP, Activation.SOFTMAX)], ids=lambda a: a.name
)
def test_gradient_through_each_hidden_activation(kernels, hidden):
    plan = chain(6, (7, 5, 3), (hidden, hidden, Activation.LOGISTIC), slope=0.6)
    job = make_job(kernels.dtype, plan, 9, optimizer=Optimizer.GRADIENT, batch_size=9, n_epochs=1)
    compare_gradient(kernels, job)


def test_gradient_by_central_differences(kernels):
    """Without the reference: the kernels' own losses, in float64."""
    if kernels.dtype != np.float64:
        pytest.skip("differences of float32 losses say little")
    job = make_job(kernels.dtype, concatenation(4, 3, Activation.SOFTMAX), 8, Loss.CATEGORICAL_CROSS_ENTROPY)
    _, gradient = training.loss_and_gradient(job.plan, job.params, job.rows, job.y, loss=job.run["loss"][0])
    for i in range(0, len(gradient), 7):
        values = []
        for step in (1e-6, -1e-6):
            params = job.params.copy()
            params[i] += step
            values.append(
                training.loss_and_gradient(job.plan, params, job.rows, job.y, loss=job.run["loss"][0])[0]
            )
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(gradient[i], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    "options",
    [
        dict(weighted=True),
        dict(average=0),
        dict(average=0, weighted=True),
        dict(loss_scale=0.25, gradient_scale=3.0),
        dict(label_smoothing=0.1),
        dict(clip_value=0.01),
    ],
    ids=lambda options: "-".join(options),
)
@pytest.mark.parametrize("n_outputs", [1, 4])
def test_gradient_with(kernels, options, n_outputs):
    plan = chain(6, (5, n_outputs), (Activation.RELU, Activation.LOGISTIC), l2=0.3, l1=0.05, mean_l2=0.1)
    job = make_job(
        kernels.dtype,
        plan,
        9,
        Loss.BINARY_CROSS_ENTROPY,
        optimizer=Optimizer.GRADIENT,
        batch_size=9,
        n_epochs=1,
        **options,
    )
    compare_gradient(kernels, job)


@pytest.mark.parametrize(
    "loss",
    [Loss.CATEGORICAL_CROSS_ENTROPY, Loss.SOFTMAX_CROSS_ENTROPY, Loss.HINGE, Loss.SQUARED_HINGE],
)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_labels_equal_one_hot_targets(kernels, loss, smoothing):
    output = Activation.SOFTMAX if loss == Loss.CATEGORICAL_CROSS_ENTROPY else Activation.IDENTITY
    jobs = [
        gradient_job(kernels, loss, output, labels=labels, label_smoothing=smoothing)
        for labels in (False, True)
    ]
    results = [train(job, regime=Regime.BATCH)[0] for job in jobs]
    kernels.assert_close(results[1].gradient, results[0].gradient, 8)
    np.testing.assert_allclose(results[1].losses, results[0].losses, rtol=8 * kernels.eps)
    compare_gradient(kernels, jobs[1])


@pytest.mark.parametrize(
    "loss, output",
    [
        (Loss.BINARY_CROSS_ENTROPY, Activation.LOGISTIC),
        (Loss.CATEGORICAL_CROSS_ENTROPY, Activation.SOFTMAX),
        (Loss.CATEGORICAL_CROSS_ENTROPY, Activation.IDENTITY),
        (Loss.SOFTMAX_CROSS_ENTROPY, Activation.IDENTITY),
        (Loss.SOFTMAX_CROSS_ENTROPY, Activation.RELU),
    ],
    ids=lambda code: code.name,
)
def test_cross_entropy_of_huge_logits_is_exact(kernels, loss, output):
    """Where probabilities round to 0 and 1, the loss is still that of the logits."""
    job = gradient_job(kernels, loss, output)
    job.params *= 300
    expected = expected_of(job)
    result, _ = train(job, regime=Regime.BATCH)
    assert np.isfinite(expected.losses[0]) and expected.losses[0] > 30
    np.testing.assert_allclose(result.losses, expected.losses, rtol=100 * kernels.eps)
    kernels.assert_close(result.gradient, expected.gradient, 1000)


@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70])
@pytest.mark.parametrize("labels", [False, True], ids=["one-hot", "labels"])
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_softmax_cross_entropy_of_any_width(kernels, n_outputs, labels, weighted):
    """Around the edges of vectors and of the samples whose losses are computed side by side."""
    plan = chain(5, (4, n_outputs), (Activation.TANH, Activation.SOFTMAX))
    for n in (1, 7, 16, 23, 33):
        options = dict(labels=labels, weighted=weighted, optimizer=Optimizer.GRADIENT, n_epochs=1, shuffle=0)
        job = make_job(kernels.dtype, plan, n, Loss.CATEGORICAL_CROSS_ENTROPY, batch_size=n, **options)
        compare_gradient(kernels, job)


@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33])
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_softmax_of_labels_online(kernels, n_outputs, weighted):
    """Narrow outputs have loss and derivative in registers, wider ones in memory."""
    plan = chain(5, (4, n_outputs), (Activation.TANH, Activation.SOFTMAX))
    options = dict(labels=True, weighted=weighted, batch_size=1)
    job = make_job(kernels.dtype, plan, 23, Loss.CATEGORICAL_CROSS_ENTROPY, **options)
    expected = expected_of(job)
    result, _ = train(job, regime=Regime.ONLINE)
    np.testing.assert_allclose(result.losses, expected.losses, rtol=200 * kernels.eps, atol=kernels.eps)
    kernels.assert_close(result.params, expected.params, 200)


def test_loss_and_gradient_of_larger_batches_than_fit_the_workspace(kernels):
    plan = chain(5, (6, 2), (Activation.TANH, Activation.IDENTITY), l2=0.1, mean_l1=0.01)
    n = 2500
    x = np.random.RandomState(0).normal(size=(n, 5)).astype(kernels.dtype)
    job = make_job(
        kernels.dtype,
        plan,
        n,
        x=Rows(x),
        optimizer=Optimizer.GRADIENT,
        batch_size=n,
        n_epochs=1,
        weighted=True,
    )
    compare_gradient(kernels, job, 1000)
