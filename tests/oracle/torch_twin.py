"""The same training twice: by a `Network`, and by PyTorch's autograd and optimizers on the same weights."""

import copy

import numpy as np
import pytest

from fastmlp import Network

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # so small a network gains nothing by more
F = torch.nn.functional
N, EPOCHS, BATCH = 40, 4, 8  # 20 steps
X = np.random.RandomState(1).standard_normal((N, 5))


class Formula:
    """An activation of PyTorch's; `slope` is the parameter that ours is given for it, if it has one."""

    def __init__(self, function, slope=None):
        self.function, self.slope = function, slope

    def __call__(self, z):
        return self.function(z)


ACTIVATIONS = {
    "identity": Formula(lambda z: z),
    "logistic": Formula(lambda z: torch.sigmoid(0.7 * z), 0.7),
    "tanh": Formula(lambda z: torch.tanh(1.3 * z), 1.3),
    "relu": Formula(F.relu),
    "leaky_relu": Formula(lambda z: F.leaky_relu(z, 0.2), 0.2),
    "elu": Formula(lambda z: F.elu(z, 0.6), 0.6),
    "selu": Formula(F.selu),
    "softplus": Formula(F.softplus),
    "gelu": Formula(F.gelu),
    "silu": Formula(F.silu),
    "step": Formula(lambda z: torch.heaviside(z, torch.ones((), dtype=z.dtype))),
    "softmax": Formula(lambda z: torch.softmax(z, dim=1)),
    "exp": Formula(torch.exp),
}


def layered(*activations):
    """Return the forward pass of layers in a row: from (parameters, x) to the outputs."""

    def forward(parameters, x):
        for activation, W, b in zip(activations, parameters[::2], parameters[1::2], strict=True):
            x = activation(x @ W + b)
        return x

    return forward


def start_of(layers):
    """Return the initial weights that `ours` trains from."""
    network = layers if isinstance(layers, Network) else Network(layers, random_state=0)
    return network.build(X.shape[1]).get_weights()


def ours(layers, y, *, n=N, epochs=EPOCHS, batch_size=BATCH, **how):
    """Return the network of these layers after training on the first `n` samples in order."""
    network = layers if isinstance(layers, Network) else Network(copy.deepcopy(layers), random_state=0)
    return network.fit(X[:n], y[:n], epochs=epochs, batch_size=batch_size, shuffle=False, **how)


def theirs(
    start,
    forward,
    loss,
    make_optimizer,
    y,
    *,
    n=N,
    epochs=EPOCHS,
    batch_size=BATCH,
    penalty=None,
    before_step=None,
    after_step=None,
    make_schedule=None,
    by_step=False,
    with_positions=False,
):
    """Return the parameters that PyTorch arrives at.

    Parameters
    ----------
    start : list of ndarray
    forward : callable of (parameters, x), `with_positions` of (parameters, x, epoch, positions) too
    loss : callable of (outputs, y)
    make_optimizer : callable of the parameters
    penalty, before_step, after_step : callable of the parameters, default=None
        Added to the loss; called between backward and step; called after the step.
    make_schedule : callable of the optimizer, default=None
        A scheduler that takes a step after each epoch, given the epoch's mean loss if it is a plateau's.
    by_step : bool, default=False
        Whether the scheduler takes a step after each batch instead.
    """
    parameters = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in start]
    optimizer = make_optimizer(parameters)
    schedule = make_schedule(optimizer) if make_schedule else None
    x, y = torch.tensor(X[:n]), torch.tensor(y[:n])
    for epoch in range(epochs):
        reported = 0.0
        for first in range(0, n, batch_size):
            at = np.arange(first, min(first + batch_size, n))
            more = (epoch, at) if with_positions else ()

            def evaluate(at=at, more=more):
                optimizer.zero_grad()
                value = loss(forward(parameters, x[at], *more), y[at])
                if penalty is not None:
                    value = value + penalty(parameters)
                value.backward()
                if before_step is not None:
                    before_step(parameters)
                return value

            reported += float(optimizer.step(evaluate).detach()) * len(at) / n
            if after_step is not None:
                with torch.no_grad():
                    after_step(parameters)
            if by_step:
                schedule.step()
        if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            schedule.step(reported)
        elif schedule is not None and not by_step:
            schedule.step()
    found = [p.detach().numpy() for p in parameters]
    assert all((a != b).any() for a, b in zip(found, start, strict=True))  # it has learnt
    return found


def assert_equal(network, expected, tolerance=1e-9):
    """The network's parameters are those expected."""
    found = network.get_weights()
    assert [a.shape for a in found] == [a.shape for a in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
