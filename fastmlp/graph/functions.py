"""Functions of nodes: elementary ones, activations, softmax, losses.

Activations are those of `fastmlp.activations`, one node each, a user's own included.
"""

import numpy as np

from .. import activations
from .node import EXP, LOG, MAX, SQRT, SUM, Operation, apply

__all__ = [
    "activate", "elu", "exp", "largest", "leaky_relu", "log", "log_softmax", "mse", "relu", "sigmoid",
    "softmax", "sqrt", "tanh", "total",
]  # fmt: skip


def exp(x):
    """Return e^x."""
    return apply(EXP, x)


def log(x):
    """Return the natural logarithm of x."""
    return apply(LOG, x)


def sqrt(x):
    """Return the square root of x."""
    return apply(SQRT, x)


def total(nodes):
    """Return the sum of nodes and numbers, as one node; of a single one, itself."""
    nodes = list(nodes)
    return nodes[0] if len(nodes) == 1 else apply(SUM, *nodes)


def largest(nodes):
    """Return the largest of nodes and numbers, as one node; of equal ones the first has the gradient."""
    return apply(MAX, *nodes)


def activate(x, activation):
    """Return f(x) for an activation function.

    Parameters
    ----------
    x : Node or float
    activation : str or activation
        A name such as "tanh", an object such as ``LeakyReLU(0.1)``, or your own (see `fastmlp.activations`);
        anything but softmax, which is a function of several nodes.
    """
    f = activations.get(activation)

    def value(z):
        return f.value(np.array([z]))[0]

    def partials(a, z):
        return f.derivative(np.array([z]), np.array([a]))

    return apply(Operation(f.name.replace("_", " "), value, partials), x)


def tanh(x):
    """Return tanh(x)."""
    return activate(x, "tanh")


def sigmoid(x):
    """Return 1 / (1 + e^-x)."""
    return activate(x, "sigmoid")


def relu(x):
    """Return max(0, x)."""
    return activate(x, "relu")


def leaky_relu(x, slope=0.01):
    """Return x where x > 0, else slope x."""
    return activate(x, activations.LeakyReLU(slope))


def elu(x, alpha=1.0):
    """Return x where x > 0, else alpha (e^x - 1)."""
    return activate(x, activations.ELU(alpha))


def softmax(nodes):
    """Return e^x / sum of e^x for each of several nodes, as a list.

    The largest is subtracted first, so that no power is too large.
    """
    powers = [exp(x) for x in below_largest(nodes)]
    inverse = 1 / total(powers)
    return [power * inverse for power in powers]


def log_softmax(nodes):
    """Return the logarithms of `softmax`, which stay finite where a share is too small for a number."""
    nodes = below_largest(nodes)
    log_of_sum = log(total(exp(x) for x in nodes))
    return [x - log_of_sum for x in nodes]


def below_largest(nodes):
    """Return x - largest x for each of several nodes."""
    top = largest(nodes)
    return [x - top for x in nodes]


def mse(predictions, targets):
    """Return the mean of (prediction - target)^2 over pairs of nodes or numbers.

    Examples
    --------
    >>> from fastmlp.graph import Node, mse
    >>> mse([Node(1.0), Node(2.0)], [0.0, 4.0]).value
    2.5
    """
    squares = [(p - t) ** 2 for p, t in zip(predictions, targets, strict=True)]
    return total(squares) / len(squares) if len(squares) > 1 else squares[0]
