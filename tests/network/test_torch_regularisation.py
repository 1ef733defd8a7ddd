"""Penalties, clipping and schedules against PyTorch's: 20 steps in float64, parameters equal to 1e-9.

Where a formula of ours is not PyTorch's, the test's text says what differs, and either writes ours in
tensors or allows for the difference.
"""

import numpy as np
import pytest
from oracle.torch_twin import BATCH, N, assert_equal, layered, ours, start_of, theirs, torch

from fastmlp import L1, L1L2, L2, SGD, Adam, Dense, Momentum, Network, RMSprop, schedules
from fastmlp.kernels import dispatch

F, optim = torch.nn.functional, torch.optim
every = torch.optim.lr_scheduler
everywhere = pytest.mark.parametrize(
    "kernels", [(name, np.float64) for name in dispatch.available()], indirect=True, ids=lambda p: p[0]
)
Y = np.random.RandomState(2).standard_normal((N, 3))
FORWARD = layered(torch.tanh, lambda z: z)
UNITS = pytest.mark.parametrize("units", [6, 70])


def weights(parameters):
    """The parameters that are not biases."""
    return [p for p in parameters if p.ndim == 2]


def compare(layers, our_optimizer, their_optimizer, tolerance=1e-9, **how):
    shared = {k: how.pop(k) for k in ("epochs", "batch_size") if k in how}
    network = ours(layers, Y, loss="mse", optimizer=our_optimizer, **shared)
    found = theirs(start_of(layers), FORWARD, F.mse_loss, their_optimizer, Y, **shared, **how)
    assert_equal(network, found, tolerance)
    return network


@everywhere
@UNITS
@pytest.mark.parametrize("l1, l2", [(0.0, 0.3), (0.05, 0.0), (0.05, 0.3)], ids=["l2", "l1", "both"])
def test_penalties(kernels, units, l1, l2):
    """On weights alone, divided by the batch's size, as scikit-learn's `alpha`."""

    def penalty(parameters):
        return sum(0.5 * l2 * (w**2).sum() + l1 * w.abs().sum() for w in weights(parameters)) / BATCH

    layers = [Dense(units, "tanh", l1=l1, l2=l2), Dense(3, l1=l1, l2=l2)]
    compare(layers, Adam(0.02), lambda p: optim.Adam(p, 0.02), penalty=penalty)


@everywhere
@UNITS
@pytest.mark.parametrize("reg", [L2(0.05), L1(0.02), L1L2(0.01, 0.05)], ids=str)
def test_penalties_of_the_whole_network(kernels, units, reg):
    """Added once to the mean loss, whatever the batch's size: 7 of 20 samples, the last one of 6."""

    def penalty(parameters):
        return sum(reg.l2 * (w**2).sum() + reg.l1 * w.abs().sum() for w in weights(parameters))

    how = dict(epochs=7, batch_size=7)
    network = Network([Dense(units, "tanh"), Dense(3)], random_state=0, reg=reg)
    start, adam = start_of(network.layers), lambda p: optim.Adam(p, 0.02)
    found = theirs(start, FORWARD, F.mse_loss, adam, Y, penalty=penalty, **how)
    assert_equal(ours(network, Y, loss="mse", optimizer=Adam(0.02), **how), found)


@everywhere
def test_half_a_penalty_is_their_coupled_decay(kernels):
    """Of PyTorch's SGD, on weights alone."""

    def theirs_of(parameters):
        biases = [p for p in parameters if p.ndim == 1]
        return optim.SGD(
            [{"params": weights(parameters), "weight_decay": 0.1}, {"params": biases}], 0.05, momentum=0.8
        )

    network = Network([Dense(6, "tanh"), Dense(3)], random_state=0, reg=L2(0.05))
    start = start_of(network.layers)
    found = theirs(start, FORWARD, F.mse_loss, theirs_of, Y)
    assert_equal(ours(network, Y, loss="mse", optimizer=Momentum(0.05, 0.8)), found)


@everywhere
@UNITS
def test_decoupled_decay(kernels, units):
    """With momentum PyTorch's coupled decay enters the velocity; ours never does: written in tensors."""

    def decay(parameters):
        with torch.no_grad():
            for p in parameters:
                p *= 1 - 0.05 * 0.3

    layers = [Dense(units, "tanh"), Dense(3)]
    optimizer = Momentum(0.05, 0.8, weight_decay=0.3)
    compare(layers, optimizer, lambda p: optim.SGD(p, 0.05, momentum=0.8), before_step=decay)


@everywhere
@UNITS
def test_clipping_by_value(kernels, units):
    compare(
        [Dense(units, "tanh"), Dense(3)],
        SGD(0.2, clip_value=0.02),
        lambda p: optim.SGD(p, 0.2),
        before_step=lambda p: torch.nn.utils.clip_grad_value_(p, 0.02),
    )


@everywhere
@UNITS
def test_clipping_by_global_norm(kernels, units):
    """PyTorch divides by the norm plus 1e-6: ours does not, so the two differ by that share of a step."""
    bound = 0.2
    lengths = []

    def clip(parameters):
        length = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        lengths.append(float(length))
        for p in parameters:
            p.grad *= min(1.0, bound / lengths[-1])

    layers, optimizer = [Dense(units, "tanh"), Dense(3)], SGD(0.3, clip_norm=bound)
    compare(layers, optimizer, lambda p: optim.SGD(p, 0.3), before_step=clip)
    assert max(lengths) > bound  # it was clipped
    compare(
        layers,
        optimizer,
        lambda p: optim.SGD(p, 0.3),
        tolerance=2e-5,
        before_step=lambda p: torch.nn.utils.clip_grad_norm_(p, bound),
    )


@everywhere
@UNITS
def test_max_norm(kernels, units):
    """PyTorch's renorm divides by the norm plus 1e-7: ours does not."""

    def cap(parameters):
        for w in weights(parameters):
            w *= (0.5 / w.norm(dim=0)).clamp(max=1.0)

    def renorm(parameters):
        for w in weights(parameters):
            w.copy_(torch.renorm(w, p=2, dim=1, maxnorm=0.5))

    layers = [Dense(units, "tanh", max_norm=0.5), Dense(3, max_norm=0.5)]
    network = compare(layers, SGD(0.1), lambda p: optim.SGD(p, 0.1), after_step=cap)
    for w in network.coefs_:
        assert np.linalg.norm(w, axis=0).max() < 0.5 + 1e-12
    compare(layers, SGD(0.1), lambda p: optim.SGD(p, 0.1), tolerance=1e-5, after_step=renorm)


SCHEDULES = {
    "constant": (schedules.Constant(0.1), lambda o: every.ConstantLR(o, factor=1.0)),
    "step": (schedules.StepDecay(0.1, 3, 0.5), lambda o: every.StepLR(o, 3, 0.5)),
    "exponential": (schedules.Exponential(0.1, 0.8), lambda o: every.ExponentialLR(o, 0.8)),
    "inverse scaling": (
        schedules.InverseScaling(0.1, 0.5),
        lambda o: every.LambdaLR(o, lambda epoch: (epoch + 1) ** -0.5),
    ),
    "cosine": (schedules.Cosine(0.1, 10, 0.01), lambda o: every.CosineAnnealingLR(o, 20, eta_min=0.01)),
    "one cycle": (
        schedules.OneCycle(0.1, 10),
        lambda o: every.OneCycleLR(o, 0.1, total_steps=20, cycle_momentum=False),
    ),
    "one cycle, slow rise": (
        schedules.OneCycle(0.1, 10, 0.7, 5.0, 10.0),
        lambda o: every.OneCycleLR(
            o, 0.1, total_steps=20, pct_start=0.7, div_factor=5.0, final_div_factor=10.0, cycle_momentum=False
        ),
    ),
    "callable": (lambda epoch: 0.1 / (1 + epoch), lambda o: every.LambdaLR(o, lambda e: 1 / (1 + e))),
}  # fmt: skip


@everywhere
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(kernels, name):
    """By epochs of two batches; PyTorch's are asked after each batch where ours change with every step."""
    schedule, make_schedule = SCHEDULES[name]
    by_step = isinstance(schedule, schedules.PerStep)
    layers = [Dense(6, "tanh"), Dense(3)]
    how = dict(epochs=10, batch_size=N // 2, make_schedule=make_schedule, by_step=by_step)
    for ours_of, theirs_of in ((SGD, optim.SGD), (RMSprop, optim.RMSprop)):
        network = compare(layers, ours_of(schedule), lambda p, cls=theirs_of: cls(p, 0.1), **how)
        rates = network.history_["learning_rate"]
        assert by_step or rates[0] == schedule(0)
        assert name == "constant" or len(set(rates)) > 1


@everywhere
@pytest.mark.parametrize("optimizer", [SGD, Adam], ids=lambda cls: cls.__name__)
def test_plateau(kernels, optimizer):
    """At a rate at which the loss rises now and then. PyTorch's threshold is relative by default."""
    rate = 2.5 if optimizer is SGD else 2.0
    network = compare(
        [Dense(6, "tanh"), Dense(3)],
        optimizer(schedules.Plateau(rate, 0.5, patience=1, tol=0.0)),
        lambda p: getattr(optim, optimizer.__name__)(p, rate),
        epochs=20,
        batch_size=N,
        make_schedule=lambda o: every.ReduceLROnPlateau(
            o, factor=0.5, patience=1, threshold=0.0, threshold_mode="abs"
        ),
    )
    rates = network.history_["learning_rate"]
    assert rates[0] == rate and len(set(rates)) > 1


@everywhere
def test_momentum_with_a_schedule(kernels):
    """Our velocity holds the rates of its time, as scikit-learn's; PyTorch's is multiplied by today's."""
    layers, rates = [Dense(6, "tanh"), Dense(3)], [0.1 * 0.5**e for e in range(5)]

    class Velocity(optim.SGD):
        def step(self, closure):
            value = closure()
            self.done = getattr(self, "done", -1) + 1
            with torch.no_grad():
                for p in self.param_groups[0]["params"]:
                    v = self.state[p].get("v", torch.zeros_like(p))
                    self.state[p]["v"] = v = 0.8 * v - rates[self.done // 4] * p.grad
                    p += v
            return value

    optimizer = Momentum(schedules.Exponential(0.1, 0.5), 0.8)
    compare(layers, optimizer, Velocity, epochs=5, batch_size=N // 4)
    network = ours(layers, Y, loss="mse", optimizer=optimizer, epochs=5, batch_size=N // 4)
    theirs_found = theirs(
        start_of(layers),
        FORWARD,
        F.mse_loss,
        lambda p: optim.SGD(p, 0.1, momentum=0.8),
        Y,
        epochs=5,
        batch_size=N // 4,
        make_schedule=lambda o: every.ExponentialLR(o, 0.5),
    )
    assert np.abs(network.get_weights()[0] - theirs_found[0]).max() > 1e-4
