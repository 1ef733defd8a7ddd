"""Learning rates: that of each step on every backend and in every regime, and what schedules say."""

import numpy as np
import pytest
from kernels.test_kernels_control import assert_equal_bits
from kernels.test_kernels_ensemble import train_ensemble
from kernels.test_kernels_train import compare
from oracle.jobs import chain, clone, expected_of, make_job, train

from fastmlp import SGD, Adam, Dense, MLPRegressor, Momentum, Network, fit_many, schedules
from fastmlp.activations import Tanh
from fastmlp.kernels import ensemble, rates, training
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Regime, Status

N = 23


def job_by_step(kernels, n_knots, n_epochs=3, batch_size=5, draw=0, **options):
    """A job whose rate changes with every step; of `n_knots` rates an epoch."""
    plan = chain(7, (9, 4), (Activation.TANH, Activation.SOFTMAX), l2=0.01)
    steps = np.random.RandomState(draw).uniform(0.01, 0.2, size=n_epochs * n_knots + 1)
    options = dict(rates=steps, rates_per_epoch=n_knots, n_epochs=n_epochs, epsilon=1e-3) | options
    loss = Loss.CATEGORICAL_CROSS_ENTROPY
    return make_job(kernels.dtype, plan, N, loss, batch_size=batch_size, draw=draw, **options)


@pytest.mark.parametrize(
    "optimizer", [Optimizer.SGD, Optimizer.NESTEROV, Optimizer.ADAM], ids=lambda o: o.name
)
@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_rates_of_every_step(kernels, regime, optimizer):
    """As many rates as batches, and fewer: 23 samples one by one, or by fives."""
    size, knots = (1, (N, 4)) if regime == Regime.ONLINE else (5, (5, 3))
    for n_knots in knots:
        compare(kernels, job_by_step(kernels, n_knots, batch_size=size, optimizer=optimizer), regime=regime)


@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_rates_do_not_depend_on_slices(kernels, regime):
    size, n_knots = (1, 7) if regime == Regime.ONLINE else (5, 3)
    job = job_by_step(kernels, n_knots, batch_size=size, optimizer=Optimizer.ADAM)
    results = []
    for budget in (1, 3, 10**9):
        part = clone(job)
        backend = training.prepare(part, 1, regime)
        part.run["budget"] = budget
        while (status := backend.train(part)) == Status.RUNNING:
            pass
        backend.dismiss(part)
        assert status == Status.FINISHED
        results.append(part)
    assert_equal_bits(results[0], results[2])
    assert_equal_bits(results[1], results[2])


@pytest.mark.parametrize(
    "optimizer", [Optimizer.SGD, Optimizer.MOMENTUM, Optimizer.ADAM], ids=lambda o: o.name
)
def test_rates_of_every_step_in_lanes(kernels, optimizer):
    """Nets of other rates and numbers of samples, side by side; some of them with one rate an epoch."""
    if not hasattr(kernels.module, "train_ensemble"):
        pytest.skip("this backend trains nets one by one")
    x = np.random.RandomState(0).normal(size=(N, 7)).astype(kernels.dtype)
    together = [
        job_by_step(kernels, n_knots, batch_size=1, draw=draw, optimizer=optimizer, x=x)
        for draw, n_knots in enumerate((N, 4, 1))
    ]
    for job in together[1:]:
        job.rows, job.y = together[0].rows, together[0].y
    assert len({ensemble.key(job, lambda: False) for job in together}) == 1
    alone = [clone(job) for job in together]
    train_ensemble(together)
    for ours, theirs in zip(together, alone, strict=True):
        training.run(theirs, n_threads=1, regime=Regime.ONLINE)
        assert_equal_bits(ours, theirs)


def test_threads_and_steps(kernels):
    job = job_by_step(kernels, 3, optimizer=Optimizer.ADAM)
    single, _ = train(job, n_threads=1, regime=Regime.BATCH)
    several, _ = train(job, n_threads=3, regime=Regime.BATCH)
    assert_equal_bits(several, single)


def test_of_batch_is_the_oracles(kernels):
    """What Python says of a step is what the kernels took: the record keeps the last one's."""
    for n_knots in (1, 3, 5):
        job = job_by_step(kernels, n_knots)
        expected = expected_of(job)
        result, _ = train(job)
        assert len(expected.losses) == 3
        assert result.option("learning_rate") == rates.of_epoch(job, 2)


# -- schedules ----------------------------------------------------------------------------------------------


def data(n=50):
    x = np.random.RandomState(0).normal(size=(n, 3))
    return x, np.tanh(x[:, :1])


def small(hidden="tanh"):
    return Network([Dense(4, hidden), Dense(1)], random_state=0)


def recorded(schedule, epochs, batch_size=10, n=50, **how):
    return small().fit(*data(n), epochs=epochs, batch_size=batch_size, optimizer=SGD(schedule), **how)


SCHEDULES = [
    schedules.Cosine(0.1, 4, 0.01), schedules.OneCycle(0.1, 4), schedules.Exponential(0.1, 0.5),
    schedules.StepDecay(0.1, 2), schedules.Warmup(0.1, 2.5), lambda epoch: 0.1 / (1 + epoch),
    schedules.Warmup(schedules.Cosine(0.1, 3), 1),
]  # fmt: skip


class Counting:
    """A schedule that counts how often it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, epoch):
        self.asked.append(epoch)
        return 0.1 / len(self.asked)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_schedule_is_asked_once_for_each_epoch():
    """So that one with a state of its own says what it means, from the first epoch on."""
    x, y = np.eye(4), np.array([0.0, 1.0, 1.0, 0.0])
    expected = [0.1 / k for k in range(1, 6)]
    network, schedule = Network([Dense(1)], random_state=0), Counting()
    for epochs in (2, 3):
        network.fit(x, y, epochs=epochs, optimizer=SGD(schedule))
    assert schedule.asked == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(network.history_["learning_rate"], expected)
    stepwise, schedule = Network([Dense(1)], random_state=0), Counting()
    for _ in range(5):
        stepwise.train_on_batch(x, y, optimizer=SGD(schedule))
    assert schedule.asked == [0, 1, 2, 3, 4]
    estimator = MLPRegressor(hidden_layer_sizes=(2,), solver=SGD(Counting()), max_iter=5, random_state=0)
    np.testing.assert_allclose(estimator.fit(x, y).history_["learning_rate"], expected)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: getattr(type(s), "__name__", "f"))
@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_epochs_are_counted_over_the_life_of_the_weights(kernels, schedule, batch_size):
    """One fit of four epochs; two of two; four of one; and the same calls of `train_on_batch`."""
    whole = recorded(schedule, 4, batch_size, shuffle=False)
    parts = recorded(schedule, 2, batch_size, shuffle=False)
    parts.fit(*data(), epochs=1, batch_size=batch_size, shuffle=False)
    parts.fit(*data(), epochs=1, batch_size=batch_size, shuffle=False)
    assert parts.n_epochs_ == whole.n_epochs_ == 4
    np.testing.assert_array_equal(parts.history_["learning_rate"], whole.history_["learning_rate"])
    np.testing.assert_array_equal(parts.params, whole.params)
    if batch_size == 50:
        batches = small()
        for _ in range(4):
            batches.train_on_batch(*data(), optimizer=SGD(schedule))
        assert batches.n_epochs_ == 4
        np.testing.assert_allclose(batches.params, whole.params, rtol=1e-12, atol=1e-14)


def test_user_formulas_meet_the_same_rates(kernels):
    class Own:
        name = "own"
        value, derivative = staticmethod(np.tanh), staticmethod(lambda z, a: 1 - a * a)

    for schedule in (schedules.OneCycle(0.2, 3), schedules.Warmup(0.2, 2), lambda epoch: 0.2 / (1 + epoch)):
        own, native = small(Own()), small(Tanh())
        for model in (own, native):
            model.fit(*data(), epochs=3, batch_size=10, optimizer=Momentum(schedule))
        np.testing.assert_allclose(own.params, native.params, rtol=0, atol=1e-11)
        np.testing.assert_array_equal(own.history_["learning_rate"], native.history_["learning_rate"])


def test_one_cycle_is_that_of_steps():
    """PyTorch's OneCycleLR over 4 epochs of 5 steps, at each epoch's last step."""
    every = schedules.OneCycle(0.1, 20)
    told = recorded(schedules.OneCycle(0.1, 4), 4).history_["learning_rate"]
    np.testing.assert_allclose(told, [every(step) for step in (4, 9, 14, 19)], rtol=1e-13)
    assert every(5) == 0.1 and every(0) == pytest.approx(0.1 / 25) and every(19) == pytest.approx(4e-7)


def test_a_schedule_may_last_as_long_as_its_fit():
    model = recorded(schedules.OneCycle(0.1), 4)
    first = list(model.history_["learning_rate"])
    assert first == recorded(schedules.OneCycle(0.1, 4), 4).history_["learning_rate"]
    model.fit(*data(), epochs=4, batch_size=10)
    assert model.history_["learning_rate"] == first * 2  # each fit anew
    cosine = recorded(schedules.Cosine(0.1), 3).history_["learning_rate"]
    assert cosine == recorded(schedules.Cosine(0.1, 3), 3).history_["learning_rate"]
    for schedule in (schedules.OneCycle(0.1), schedules.Cosine(0.1)):
        with pytest.raises(ValueError, match="n_epochs must be given: None stands for the epochs of a fit"):
            schedule(0)


def test_warmup():
    rise = schedules.Warmup(0.1, 4)
    assert [rise(epoch) for epoch in range(6)] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])
    told = recorded(schedules.Warmup(schedules.Cosine(0.1), 1), 3).history_["learning_rate"]
    assert told == pytest.approx(
        [0.1, 0.1 * (1 + np.cos(np.pi * 0.4)) / 2, 0.1 * (1 + np.cos(np.pi * 0.9)) / 2]
    )
    with pytest.raises(ValueError, match="Warmup takes no Plateau"):
        schedules.Warmup(schedules.Plateau(0.1))
    for epochs, then, message in ((0, 0.1, "epochs must be"), (1, -0.1, "then must be")):
        with pytest.raises(ValueError, match=message):
            schedules.Warmup(then, epochs)


def test_a_users_function_may_ask_for_every_step():
    def decay(epoch):
        seen.append(epoch)
        return 0.1 * 0.5**epoch

    seen = []
    recorded(decay, 2)
    assert seen[-2:] == [0, 1] and all(isinstance(epoch, int) for epoch in seen)
    decay.per_step = True
    told = recorded(decay, 2).history_["learning_rate"]
    assert told == pytest.approx([0.1 * 0.5**0.8, 0.1 * 0.5**1.8])


def test_many_steps_lie_on_straight_lines_between_knots():
    """The error of a cosine of one epoch is within what the documentation says."""
    n_batches = 10_007
    for schedule, bound in ((schedules.Cosine(1.0, 1), 2e-5), (schedules.Warmup(1.0), 1 / n_batches)):
        found, n_knots = schedules.rates(schedule, 2, 0, n_batches)
        assert n_knots == rates.MOST_KNOTS and len(found) == 2 * n_knots + 1
        batch = np.arange(2 * n_batches)
        taken = rates.of_batch(found, n_knots, batch // n_batches, batch % n_batches, n_batches)
        exact = schedule.at(batch / n_batches, 1 / n_batches, None)
        assert np.abs(taken - exact).max() < bound


def test_side_by_side_as_alone():
    """Networks with schedules of their own, as an ensemble and not."""
    x, y = data()
    options = [{"optimizer": kind(s)} for s in SCHEDULES for kind in (SGD, Adam)]
    for batch_size in (1, 10):
        how = dict(epochs=3, batch_size=batch_size)
        together = [small() for _ in options]
        fit_many(together, x, y, parameters=options, **how)
        for model, own in zip(together, options, strict=True):
            alone = small().fit(x, y, **how, **own)
            np.testing.assert_array_equal(model.params, alone.params)
            assert model.history_["learning_rate"] == alone.history_["learning_rate"]
            assert model.n_epochs_ == 3


@pytest.mark.parametrize("one_by_one", ["fit", "train_on_batch"])
def test_a_plateau_goes_on_from_fit_to_fit(one_by_one):
    """The same falls of the rate in many fits of one epoch as in one of many."""
    plateau = schedules.Plateau(0.1, factor=0.5, patience=1, tol=10.0, min_rate=1e-3)
    whole = recorded(plateau, 8, 50, shuffle=False)
    parts = small()
    for _ in range(8):
        if one_by_one == "fit":
            parts.fit(*data(), batch_size=50, optimizer=SGD(plateau), shuffle=False)
        else:
            parts.train_on_batch(*data(), optimizer=SGD(plateau))
    assert whole.history_["learning_rate"] == [0.1] * 3 + [0.05] * 2 + [0.025] * 2 + [0.0125]
    assert (
        parts.learning.optimizer_state.learning_rate == whole.learning.optimizer_state.learning_rate == 0.0125
    )
    np.testing.assert_allclose(parts.params, whole.params, rtol=1e-12, atol=1e-14)
    if one_by_one == "fit":
        assert parts.history_["learning_rate"] == whole.history_["learning_rate"]
    parts.fit(*data(), optimizer=SGD(schedules.Plateau(0.2)))  # another one begins anew
    assert parts.history_["learning_rate"][-1] == 0.2


@pytest.mark.parametrize("power", [10**9, 2**63, 10**30, 1e300])
def test_powers_beyond_floats_end_at_once(power):
    assert schedules.InverseScaling(0.1, power)(0) == 0.1
    assert schedules.InverseScaling(0.1, power)(7) == 0.0
    assert schedules.Exponential(0.1, 1.0 / power)(2) == pytest.approx(0.1 / power / power)
    for grows in (schedules.Exponential(0.1, power), schedules.StepDecay(0.1, 1, power)):
        assert grows(400) == np.inf
        with pytest.raises(ValueError, match="learning_rate"):
            small().fit(*data(), epochs=401, optimizer=SGD(grows))


def test_patience_that_no_run_reaches():
    one, other = (
        small().fit(*data(), epochs=3, optimizer=SGD(schedules.Plateau(0.1, patience=patience)))
        for patience in (100, 2**63)
    )
    np.testing.assert_array_equal(one.params, other.params)


@pytest.mark.parametrize("given", [(), (3,), (abs,)])
def test_the_base_of_schedules_by_step_is_none(given):
    with pytest.raises(ValueError, match=r"PerStep is the base of Cosine.* set f.per_step = True"):
        schedules.PerStep(*given)
