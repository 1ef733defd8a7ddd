"""Weights of samples in networks: they count in batches of any size, alike in every way of training."""

import numpy as np
import pytest
from kernels.test_kernels_ensemble import train_ensemble
from kernels.test_kernels_train import compare
from oracle.jobs import chain, clone, make_job

from fastmlp import SGD, Adam, Dense, Momentum, Network, fit_many
from fastmlp.kernels import ensemble, training
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Regime

N = 23
WEIGHTS = np.array([9.0] * 5 + [1.0] * 5)
ONES, TARGETS = np.ones((10, 1)), np.array([1.0] * 5 + [0.0] * 5)


class Own:
    name = "own"
    value, derivative = staticmethod(lambda z: z), staticmethod(lambda z, a: np.ones_like(z))


def constant(output="identity", seed=0):
    """A network that knows one number; the best one is the weighted mean of the targets, 0.9."""
    return Network([Dense(1, output, use_bias=False)], random_state=seed)


WAYS = [
    ("identity", SGD(0.01), 500),
    ("identity", Momentum(0.002), 500),
    ("identity", Adam(0.005), 500),
    (Own(), SGD(0.025), 200),
]


@pytest.mark.parametrize(("output", "optimizer", "epochs"), WAYS, ids=lambda way: type(way).__name__)
def test_a_constant_is_the_weighted_mean(kernels, output, optimizer, epochs):
    for batch_size in (1, 2, 8, None):
        how = dict(epochs=epochs, batch_size=batch_size, loss="mse", optimizer=optimizer)
        net = constant(output).fit(ONES, TARGETS, sample_weight=WEIGHTS, **how)
        assert net.predict(ONES[:1])[0, 0] == pytest.approx(0.9, abs=0.03), batch_size


def test_a_constant_by_lbfgs(kernels):
    for output in ("identity", Own()):
        how = dict(epochs=50, loss="mse", optimizer="lbfgs")
        net = constant(output).fit(ONES, TARGETS, sample_weight=WEIGHTS, **how)
        assert net.predict(ONES[:1])[0, 0] == pytest.approx(0.9, abs=1e-6)
        assert net.loss_curve_[-1] == pytest.approx(0.09, abs=1e-9)


@pytest.mark.parametrize(
    "loss", [Loss.HALF_SQUARED_ERROR, Loss.CATEGORICAL_CROSS_ENTROPY], ids=lambda c: c.name
)
@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_kernels_divide_by_the_mean_weight(kernels, regime, loss):
    output = Activation.TANH if loss == Loss.HALF_SQUARED_ERROR else Activation.SOFTMAX
    for penalty in ({}, {"l2": 0.1}, {"mean_l2": 0.1}):
        plan = chain(7, (9, 4), (Activation.TANH, output), **penalty)
        for batch_size in (1,) if regime == Regime.ONLINE else (1, 5, N):
            for optimizer in (Optimizer.SGD, Optimizer.ADAM):
                job = make_job(
                    kernels.dtype,
                    plan,
                    N,
                    loss,
                    weighted=True,
                    batch_size=batch_size,
                    optimizer=optimizer,
                    epsilon=1e-2,
                    mean_weight=0.7,
                )
                compare(kernels, job, regime=regime)


@pytest.mark.parametrize("average", [0, 1])
@pytest.mark.parametrize("mean_weight", [0.0, 0.7])
def test_weights_in_lanes(kernels, mean_weight, average):
    """Nets that learn other rows have other means, and are one ensemble all the same."""
    if not hasattr(kernels.module, "train_ensemble"):
        pytest.skip("this backend trains nets one by one")
    x = np.random.RandomState(0).normal(size=(N, 7)).astype(kernels.dtype)
    plan = chain(7, (6, 3), (Activation.TANH, Activation.SOFTMAX), l2=0.1, mean_l2=0.05)
    jobs = [
        make_job(
            kernels.dtype,
            plan,
            N,
            Loss.CATEGORICAL_CROSS_ENTROPY,
            k,
            x=x,
            weighted=True,
            batch_size=1,
            mean_weight=mean_weight * (1 + k),
            average=average,
        )
        for k in range(3)
    ]
    for job in jobs[1:]:
        job.rows, job.y, job.sample_weight = jobs[0].rows, jobs[0].y, jobs[0].sample_weight
    assert len({ensemble.key(job, lambda: False) for job in jobs}) == 1
    alone = [clone(job) for job in jobs]
    train_ensemble(jobs)
    for ours, theirs in zip(jobs, alone, strict=True):
        training.run(theirs, n_threads=1)
        np.testing.assert_array_equal(ours.params, theirs.params)
        np.testing.assert_array_equal(ours.losses, theirs.losses)


def data(n=30):
    random = np.random.RandomState(0)
    x = random.normal(size=(n, 3))
    return x, np.tanh(x[:, :2]), random.uniform(0.1, 3, size=n)


def small(function="tanh", seed=0):
    return Network([Dense(4, function), Dense(2)], random_state=seed)


class OwnTanh:
    name = "own"
    value, derivative = staticmethod(np.tanh), staticmethod(lambda z, a: 1 - a * a)


@pytest.mark.parametrize("function", ["tanh", OwnTanh()], ids=["native", "own"])
def test_the_history_does_not_depend_on_batches(kernels, function):
    """Of a network that hardly moves the loss is that of `evaluate` on all data, whatever the batches."""
    x, y, weights = data()
    for scale in (1.0, 100.0):
        for batch_size in (1, 4, 7, 30):
            net = small(function).build(3)
            expected = net.evaluate(x, y, sample_weight=weights, loss="mse")["loss"]
            net.fit(
                x, y, batch_size=batch_size, loss="mse", optimizer=SGD(1e-12), sample_weight=weights * scale
            )
            assert net.loss_curve_[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_their_scale_does_not_matter(kernels, batch_size):
    """Weights of 2 are weights of 1, as are no weights; so is a sample of weight 2 two of weight 1."""
    x, y, weights = data()
    fits = [
        small().fit(x, y, epochs=3, batch_size=batch_size, sample_weight=w)
        for w in (None, np.ones(30), np.full(30, 2.0))
    ]
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.params, fits[0].params, rtol=0, atol=1e-12)
    one, other = (
        small().fit(x, y, epochs=3, batch_size=batch_size, optimizer=SGD(0.01), sample_weight=w)
        for w in (weights, weights * 8)
    )
    np.testing.assert_allclose(one.params, other.params, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("scale", [2.0**-990, 2.0**900])
def test_nor_where_float32_cannot_hold_them(kernels, scale, batch_size):
    """Only their ratios count, which a power of 2 leaves as they are: bit for bit the same weights."""
    x, y, weights = (array.astype(kernels.dtype) for array in data())
    weights = weights.astype(float)
    how = dict(epochs=3, batch_size=batch_size, optimizer=SGD(0.01))
    one, other = (small().fit(x, y, sample_weight=w, **how) for w in (weights, weights * scale))
    np.testing.assert_array_equal(one.params, other.params)
    assert one.loss_curve_ == other.loss_curve_


def test_side_by_side(kernels):
    """fit_many, with subsets whose weights have other means, as an ensemble and not."""
    x, y, weights = data()
    subsets = [np.arange(30), np.arange(12), np.arange(5, 30, 2)]
    for batch_size in (1, 5):
        for optimizer in (SGD(0.05), Adam()):
            how = dict(epochs=3, batch_size=batch_size, optimizer=optimizer)
            nets = [small(seed=k) for k in range(3)]
            fit_many(nets, x, y, subsets=subsets, sample_weight=weights, **how)
            for k, (net, rows) in enumerate(zip(nets, subsets, strict=True)):
                alone = small(seed=k).fit(x[rows], y[rows], sample_weight=weights[rows], **how)
                np.testing.assert_array_equal(net.params, alone.params)
                assert net.loss_curve_ == alone.loss_curve_


@pytest.mark.parametrize("function", ["tanh", OwnTanh()], ids=["native", "own"])
def test_single_batches(kernels, function):
    """A batch's weights count as they are: one sample of weight 3 makes three times the step."""
    x, y, _ = data()
    steps = []
    for weight in (1.0, 3.0):
        net = small(function).build(3)
        before = net.params.copy()
        loss = net.train_on_batch(x[:1], y[:1], loss="mse", optimizer=SGD(0.01), sample_weight=[weight])
        steps.append((net.params - before, loss))
    np.testing.assert_allclose(steps[1][0], 3 * steps[0][0], rtol=1e-8, atol=1e-16)
    assert steps[1][1] == pytest.approx(3 * steps[0][1])


def test_a_stream_of_single_samples(kernels):
    stream = constant()
    for _ in range(60):
        for k in range(10):
            some = slice(k, k + 1)
            stream.train_on_batch(
                ONES[some], TARGETS[some], loss="mse", optimizer=SGD(0.005), sample_weight=WEIGHTS[some]
            )
    assert stream.predict(ONES[:1])[0, 0] == pytest.approx(0.9, abs=0.03)


BAD = {
    "negative": (-np.ones(30), "must not be negative, nor 0 for all samples; the least is -1"),
    "one negative": (np.r_[-1.0, np.ones(29)], "the least is -1"),
    "zero": (np.zeros(30), "the least is 0"),
    "nan": (np.r_[1, np.nan, np.ones(28)], r"sample_weight holds NaN or infinity, first at \[1\]"),
    "infinite": (np.r_[np.inf, np.ones(29)], "sample_weight holds NaN or infinity"),
    "beyond floats": (np.full(30, 1e307), "must have a finite sum; the largest is 1e.307: divide all by it"),
    "short": (np.ones(29), r"sample_weight must have shape \(30,\)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_refused_everywhere_alike(kind):
    x, y, _ = data()
    weights, message = BAD[kind]
    net = small().fit(x, y)
    before = net.params.copy()
    for call in (
        lambda: net.fit(x, y, sample_weight=weights),
        lambda: net.fit(x, y, sample_weight=weights, optimizer="lbfgs"),
        lambda: net.train_on_batch(x, y, sample_weight=weights),
        lambda: net.gradients(x, y, sample_weight=weights),
        lambda: net.evaluate(x, y, sample_weight=weights),
        lambda: net.fit(x, y, validation_data=(x, y, weights)),
        lambda: fit_many([net], x, y, sample_weight=weights),
    ):
        with pytest.raises((ValueError, ExceptionGroup), match=None) as caught:
            call()
        error = caught.value
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        with pytest.raises(ValueError, match=message.replace("sample_weight", "sample_weight.*")):
            raise error
    np.testing.assert_array_equal(net.params, before)
    assert len(net.loss_curve_) == 1 == net.n_epochs_
