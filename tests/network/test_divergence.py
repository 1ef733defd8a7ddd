"""What diverges keeps the last finite weights, alike on every backend, and can go on."""

import warnings

import numpy as np
import pytest
from kernels.test_kernels_ensemble import train_ensemble
from oracle.jobs import chain, clone, make_job, train

from fastmlp import LBFGS, SGD, Dense, DivergenceWarning, MLPRegressor, Momentum, Network, fit_many
from fastmlp.kernels import ensemble, training
from fastmlp.kernels.plan import Activation, Optimizer, Regime, Status

N = 23
SQUARING = [Optimizer.ADAM, Optimizer.AMSGRAD, Optimizer.ADAGRAD, Optimizer.RMSPROP]


def large_inputs(kernels, optimizer, n_epochs, batch_size, scale, **options):
    """A job whose inputs are `scale` times as large as a network is happy with."""
    plan = chain(3, (4, 2), (Activation.RELU, Activation.IDENTITY))
    x = np.random.RandomState(0).uniform(0.1, 1, size=(N, 3)).astype(kernels.dtype)
    options = dict(shuffle=0, rates=(1e-3,)) | options
    return make_job(
        kernels.dtype,
        plan,
        N,
        x=x * kernels.dtype.type(scale),
        optimizer=optimizer,
        n_epochs=n_epochs,
        batch_size=batch_size,
        **options,
    )


@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_a_last_step_that_overflows(kernels, regime):
    """The last step of epoch 3 ruins the weights, and no loss of that epoch tells: it does not count."""
    size = 1 if regime == Regime.ONLINE else 5
    plan = chain(7, (9, 3), (Activation.TANH, Activation.IDENTITY))
    for optimizer in (Optimizer.SGD, Optimizer.MOMENTUM, Optimizer.ADAM):
        job = make_job(kernels.dtype, plan, N, batch_size=size, n_epochs=4, optimizer=optimizer)
        n_batches = -(-N // size)
        rates = np.full(4 * n_batches + 1, 0.01)
        rates[3 * n_batches - 1] = np.inf
        job.rates, job.run["rates_per_epoch"] = rates, n_batches
        calm = clone(job)
        calm.run["n_epochs"] = 2
        expected, _ = train(calm, regime=regime)
        seen = []
        result, status = train(job, regime=regime, on_epoch=lambda j, seen=seen: seen.append(j.params.copy()))
        assert status == Status.DIVERGED and result.run["epoch"][0] == len(seen) == 2
        assert all(np.isfinite(params).all() for params in seen)
        np.testing.assert_array_equal(result.params, expected.params)
        assert np.isfinite(result.losses[:2]).all() and np.isnan(result.losses[2:]).all()


@pytest.mark.parametrize("optimizer", SQUARING, ids=lambda o: o.name)
@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_squared_gradients_that_overflow(kernels, regime, optimizer):
    """|g| beyond the square root of the largest number, where g itself and the loss are finite."""
    if regime == Regime.ONLINE and optimizer not in training.ONLINE_OPTIMIZERS:
        pytest.skip("ONLINE does not know this optimizer")
    scale = 1e11 if kernels.dtype == np.float32 else 1e80
    for batch_size in (1,) if regime == Regime.ONLINE else (5, N):
        job = large_inputs(kernels, optimizer, 3, batch_size, scale)
        result, status = train(job, regime=regime)
        assert status == Status.DIVERGED and result.run["epoch"][0] == 0
        np.testing.assert_array_equal(result.params, job.params)
        small = large_inputs(kernels, optimizer, 3, batch_size, 1.0)
        assert train(small, regime=regime)[1] == Status.FINISHED


def test_lanes_diverge_as_alone(kernels):
    if not hasattr(kernels.module, "train_ensemble"):
        pytest.skip("this backend trains nets one by one")
    scale = 1e11 if kernels.dtype == np.float32 else 1e80
    jobs = [large_inputs(kernels, Optimizer.ADAM, 3, 1, scale, draw=draw) for draw in range(3)]
    for job in jobs[1:]:
        job.rows, job.y = jobs[0].rows, jobs[0].y
    alone = [clone(job) for job in jobs]
    assert len({ensemble.key(job, lambda: False) for job in jobs}) == 1
    statuses = train_ensemble(jobs)
    for ours, theirs, status in zip(jobs, alone, statuses, strict=True):
        assert training.run(theirs, n_threads=1) == status == Status.DIVERGED
        np.testing.assert_array_equal(ours.params, theirs.params)
        for field in ("epoch", "batch", "step"):
            assert ours.run[field] == theirs.run[field], field


def test_a_gradient_alone_may_overflow(kernels):
    """Where nothing is updated, a loss is a loss however large its gradient."""
    job = large_inputs(kernels, Optimizer.SGD, 1, N, 1e15 if kernels.dtype == np.float32 else 1e100)
    loss, _ = training.loss_and_gradient(job.plan, job.params, job.rows, job.y)
    assert np.isfinite(loss)


# -- networks and estimators ----------------------------------------------------------------------------


class Own:
    name = "own"
    value, derivative = staticmethod(lambda z: z), staticmethod(lambda z, a: np.ones_like(z))


@pytest.mark.parametrize("output", ["identity", Own()], ids=["native", "own"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "amsgrad", "adagrad", "rmsprop"])
def test_one_large_number(kernels, optimizer, output):
    x = np.array([[1e10]], np.float32)
    model = Network([Dense(1, output)], random_state=0).build(1, np.float32)
    before = model.params.copy()
    with pytest.warns(DivergenceWarning, match="not finite in epoch 1"), np.errstate(all="ignore"):
        model.fit(x, x, epochs=2, loss="mse", optimizer=optimizer)
    np.testing.assert_array_equal(model.params, before)
    assert model.n_epochs_ == 0 and model.loss_curve_ == []


@pytest.mark.parametrize("function", ["relu", "tanh", "elu"])
def test_unscaled_regression_keeps_finite_weights(kernels, function):
    diverged = 0
    for seed in range(50):
        random = np.random.RandomState(seed)
        x = (random.uniform(size=(50, 6)) * 1000).astype(np.float32)
        model = Network([*(Dense(20, function) for _ in range(3)), Dense(1)], random_state=seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = x @ random.normal(size=(6, 1))
            model.fit(x, y, epochs=5, batch_size=50, loss="mse", optimizer=SGD(0.01))
        assert np.isfinite(model.params).all()
        diverged += any(issubclass(w.category, DivergenceWarning) for w in caught)
    assert diverged or function != "relu"


@pytest.mark.parametrize("function", ["tanh", Own()], ids=["native", "own"])
def test_a_diverged_network_goes_on(kernels, function):
    """Weights of the epoch's start, an optimizer that begins anew: as a copy of the weights would learn."""
    x = np.random.RandomState(0).normal(size=(40, 3))
    y = x[:, :1] * 2
    net = Network([Dense(4, function), Dense(1)], random_state=0)
    net.fit(x, y, epochs=3, shuffle=False, optimizer=Momentum(0.01))
    before = net.get_weights()
    with pytest.warns(DivergenceWarning), np.errstate(all="ignore"):
        net.fit(x, y * 1e200, epochs=2, shuffle=False)
    for old, new in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    other = Network([Dense(4, function), Dense(1)], random_state=0).build(3).set_weights(before)
    for model in (net, other):
        model.fit(x, y, epochs=3, shuffle=False, optimizer=Momentum(0.01))
    np.testing.assert_array_equal(net.params, other.params)
    assert net.n_epochs_ == 6


def message_of(x, y, scale=1.0, fit=True):
    model = Network([Dense(3), Dense(1)], random_state=0, input_scale=scale)
    with pytest.warns(DivergenceWarning) as caught, np.errstate(all="ignore"):
        model.fit(x, y, epochs=20, loss="mse", optimizer=SGD(0.5))
    return str(caught[0].message)


def test_messages_name_what_is_large():
    x = np.random.RandomState(0).uniform(0.5, 1, size=(20, 2))
    y = x[:, :1] * 1e30
    told = message_of(x, y * 1e200)
    assert "the largest |y| is" in told and "scale the targets y" in told and "scale the inputs" not in told
    told = message_of(x * 1e200, x[:, :1])
    assert "the largest |x| is" in told and "|y|" not in told and "scale the inputs x" in told
    told = message_of((x * 255).astype(np.uint8), np.ones(20) * 5, 1e300)
    assert "the largest |x| is 2.5" in told
    fast = dict(solver="sgd", learning_rate_init=10, random_state=0)
    with pytest.raises(ValueError, match=r"The targets may contain large values.*largest \|y\| is .*scale"):
        MLPRegressor(hidden_layer_sizes=(3,), **fast).fit(x, y.ravel() * 1e200)
    with pytest.raises(ValueError, match=r"The input data may contain large values.*scale the inputs x"):
        MLPRegressor(hidden_layer_sizes=(3,), **fast).fit(x * 1e200, x[:, 0])


def test_many_say_which():
    x = np.random.RandomState(0).normal(size=(20, 2))
    nets = [Network([Dense(1)], random_state=k) for k in range(3)]
    with pytest.warns(DivergenceWarning, match=r"fit 1 of 3.*largest \|y\|"), np.errstate(all="ignore"):
        fit_many(
            nets,
            x,
            x[:, :1] * 1e3,
            epochs=30,
            loss="mse",
            batch_size=1,
            parameters=[{"optimizer": SGD(rate)} for rate in (1e-4, 1e6, 1e-4)],
        )
    assert all(np.isfinite(net.params).all() for net in nets)
    assert nets[0].n_epochs_ == nets[2].n_epochs_ == 30 > nets[1].n_epochs_


def test_lbfgs_says_that_the_loss_is_beyond_all_numbers():
    """SciPy takes a loss that is NaN for a minimum."""
    x = np.random.RandomState(0).uniform(0.5, 1, size=(20, 2))
    y = x[:, 0] * 1e200
    net = Network([Dense(3, "tanh"), Dense(1)], random_state=0, dtype="float64").build(2)
    before = net.params.copy()
    with pytest.warns(DivergenceWarning, match=r"not finite in epoch 1; the largest \|y\| is .*Try to scale"):
        net.fit(x, y, epochs=5, loss="mse", optimizer=LBFGS())
    np.testing.assert_array_equal(net.params, before)
    assert net.loss_curve_ == []
    regressor = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=0)
    with pytest.raises(ValueError, match=r"The targets may contain large values.*not finite in epoch 1; the"):
        regressor.fit(x, y)
    assert not hasattr(regressor, "coefs_")
