"""Layers that are not trainable stay as they are: on every backend, in every regime, for every optimizer."""

import numpy as np
import pytest
from kernels.test_kernels_ensemble import train_ensemble
from kernels.test_kernels_train import STEPPING, compare
from oracle.jobs import clone, make_job, regimes_of

from fastmlp import SGD, Dense, Momentum, Network
from fastmlp.kernels import ensemble, training
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, Regime, build_plan

N, LOSS = 23, Loss.CATEGORICAL_CROSS_ENTROPY
REGIMES = {Regime.BATCH: (1, 5, N), Regime.ONLINE: (1,), Regime.TINY: (1, 5, N)}


def plan_of(*trainable, **extra):
    """Four layers that read each other and the input; `extra` goes to all of them."""
    specs = [
        dict(n_out=5, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=3, sources=[INPUT, 0], activation=Activation.LOGISTIC),
        dict(n_out=4, sources=[1, INPUT, 0], activation=Activation.ELU, bias=False),
        dict(n_out=3, sources=[2, 0, INPUT], activation=Activation.SOFTMAX),
    ]
    return build_plan(6, [s | extra | {"trainable": t} for s, t in zip(specs, trainable, strict=True)])


def frozen_spans(plan):
    return [span for span, layer in zip(plan.spans, plan.layers, strict=True) if layer["frozen"]]


PATTERNS = [(False, True, True, True), (True, False, False, True), (True, True, True, False), (False,) * 4]


@pytest.mark.parametrize("optimizer", STEPPING, ids=lambda o: o.name)
@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_frozen_layers_do_not_move(kernels, regime, optimizer):
    if regime == Regime.ONLINE and optimizer not in training.ONLINE_OPTIMIZERS:
        pytest.skip("ONLINE does not know this optimizer")
    if regime not in regimes_of(kernels):
        pytest.skip("it has one way to make steps")
    for pattern in PATTERNS:
        for batch_size in REGIMES[regime]:
            if optimizer == Optimizer.RPROP and batch_size < N:
                continue
            how = dict(optimizer=optimizer, batch_size=batch_size, weight_decay=0.1, epsilon=1e-2)
            job = make_job(kernels.dtype, plan_of(*pattern, l2=0.1), N, LOSS, **how)
            job.state[...] = 0.01  # as an earlier training leaves it: no momentum may carry frozen weights on
            result = compare(kernels, job, regime=regime)
            for span in frozen_spans(job.plan):
                np.testing.assert_array_equal(result.params[span], job.params[span])
                np.testing.assert_array_equal(result.state[:, span], job.state[:, span])
            for span in set_of(job.plan) - set_of(job.plan, frozen=True):
                assert (result.params[slice(*span)] != job.params[slice(*span)]).any()


def set_of(plan, frozen=False):
    return {(s.start, s.stop) for s in (frozen_spans(plan) if frozen else plan.spans)}


@pytest.mark.parametrize(
    "options",
    [dict(clip_norm=0.01), dict(clip_value=0.001), dict(max_norm=0.5), dict(l1=0.1), dict(dropout=0.3)],
    ids=lambda o: next(iter(o)),
)
def test_what_else_moves_weights(kernels, options):
    """Clipping by the length of what moves; neither limits nor penalties of frozen layers."""
    of_layer = {name: value for name, value in options.items() if not name.startswith("clip")}
    of_run = {name: value for name, value in options.items() if name.startswith("clip")}
    for pattern in PATTERNS:
        job = make_job(
            kernels.dtype,
            plan_of(*pattern, **of_layer),
            N,
            Loss.CATEGORICAL_CROSS_ENTROPY,
            optimizer=Optimizer.ADAM,
            epsilon=1e-2,
            seed=5,
            **of_run,
        )
        result = compare(kernels, job)
        for span in frozen_spans(job.plan):
            np.testing.assert_array_equal(result.params[span], job.params[span])


@pytest.mark.parametrize("listed", [False, True])
def test_sparse_input_and_many_samples(kernels, listed):
    """Listed inputs, gradients added up by chunks, and rows that momentum would move on their own."""
    random = np.random.RandomState(0)
    x = random.normal(size=(2100, 200)) * (random.uniform(size=(2100, 200)) < 0.1)
    specs = [dict(n_out=33, sources=[INPUT], activation=Activation.RELU, trainable=False),
             dict(n_out=3, sources=[0], activation=Activation.SOFTMAX)]  # fmt: skip
    plan = build_plan(200, specs)
    if listed:
        from scipy.sparse import csr_matrix

        from fastmlp.kernels.job import Rows

        x = Rows(csr_matrix(x.astype(kernels.dtype)))
    else:
        x = x.astype(kernels.dtype)
    for batch_size in (1, 32, 2100):
        job = make_job(
            kernels.dtype,
            plan,
            2100,
            Loss.CATEGORICAL_CROSS_ENTROPY,
            x=x,
            batch_size=batch_size,
            optimizer=Optimizer.MOMENTUM,
            n_epochs=1,
            rates=(1e-3,),
        )
        job.state[...] = 0.01
        before = clone(job)
        training.run(job)
        span = plan.spans[0]
        np.testing.assert_array_equal(job.params[span], before.params[span])
        np.testing.assert_array_equal(job.state[:, span], before.state[:, span])
        assert (job.params[plan.spans[1]] != before.params[plan.spans[1]]).any()


def test_frozen_layers_in_lanes(kernels):
    if not hasattr(kernels.module, "train_ensemble"):
        pytest.skip("this backend trains nets one by one")
    x = np.random.RandomState(0).normal(size=(N, 6)).astype(kernels.dtype)
    for optimizer in training.ONLINE_OPTIMIZERS:
        for pattern in PATTERNS:
            jobs = [
                make_job(
                    kernels.dtype, plan_of(*pattern), N, LOSS, draw, x=x, batch_size=1, optimizer=optimizer
                )
                for draw in range(2)
            ]
            jobs[1].rows, jobs[1].y = jobs[0].rows, jobs[0].y
            alone = [clone(job) for job in jobs]
            assert None not in {ensemble.key(job, lambda: False) for job in jobs}
            train_ensemble(jobs)
            for ours, theirs in zip(jobs, alone, strict=True):
                before = theirs.params.copy()
                training.run(theirs, n_threads=1)
                np.testing.assert_array_equal(ours.params, theirs.params)
                for span in frozen_spans(theirs.plan):
                    np.testing.assert_array_equal(ours.params[span], before[span])


# -- networks ------------------------------------------------------------------------------------------


def data(n=60):
    x = np.random.RandomState(0).normal(size=(n, 4))
    return x, np.tanh(x[:, :2])


class Own:
    name = "own"
    value, derivative = staticmethod(np.tanh), staticmethod(lambda z, a: 1 - a * a)


def deep(first=True, function="tanh", **options):
    return Network(
        [Dense(6, function, trainable=first, **options), Dense(5, function), Dense(2)], random_state=0
    )


@pytest.mark.parametrize("function", ["tanh", Own()], ids=["native", "own"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "rprop", "lbfgs"])
def test_networks_freeze(kernels, optimizer, function):
    model = deep(False, function, l2=0.1, max_norm=0.1).build(4)
    before = model.get_weights()
    how = dict(batch_size=None) if optimizer == "rprop" else {}
    model.fit(*data(), epochs=5, optimizer=optimizer, **how)
    if optimizer != "lbfgs":
        model.train_on_batch(*data())
    for old, new in zip(before[:2], model.get_weights()[:2], strict=True):
        np.testing.assert_array_equal(old, new)
    assert all((old != new).any() for old, new in zip(before[2:], model.get_weights()[2:], strict=True))
    own, native = deep(False, Own()), deep(False)
    for one in (own, native):
        one.fit(*data(), epochs=5, optimizer=optimizer, **how)
    np.testing.assert_allclose(
        own.params, native.params, rtol=0, atol=1e-6 if optimizer == "lbfgs" else 1e-10
    )


def test_freezing_between_fits(kernels):
    """As in transfer learning: all, then the last layers only, then all again."""
    model = deep().fit(*data(), epochs=3, optimizer=Momentum(0.05))
    held, velocity = (
        model.coefs_[0].copy(),
        model.learning.optimizer_state.arrays[0, : model.coefs_[0].size].copy(),
    )
    model.layers[0].trainable = False
    model.fit(*data(), epochs=3)
    np.testing.assert_array_equal(model.coefs_[0], held)
    np.testing.assert_array_equal(model.learning.optimizer_state.arrays[0, : held.size], velocity)
    model.layers[0].trainable = True
    model.fit(*data(), epochs=1)
    assert (model.coefs_[0] != held).all()


def test_gradients_of_frozen_layers_are_those_of_the_loss(kernels):
    """`gradients` says how the loss depends on all weights; training just does not use it."""
    x, y = data()
    frozen, free = deep(False).build(4), deep().build(4)
    for ours, theirs in zip(frozen.gradients(x, y), free.gradients(x, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_all_frozen(kernels):
    model = Network([Dense(3, "tanh", trainable=False), Dense(2, trainable=False)], random_state=0).build(4)
    before = model.params.copy()
    for batch_size in (1, 10, None):
        model.fit(*data(), epochs=2, batch_size=batch_size, optimizer=SGD(0.1))
    np.testing.assert_array_equal(model.params, before)
    assert np.ptp(model.loss_curve_) < 1e-12
