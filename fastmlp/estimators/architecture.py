"""The network that an estimator's parameters describe, before it has weights."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from .. import _checks, activations, initializers
from ..layers import Dense, Dropout
from ..network.network import Network


def hidden_sizes(given):
    """Return the widths of hidden layers as a list; 0 and () stand for no hidden layer."""
    sizes = list(given) if np.ndim(given) else ([given] if given != 0 else [])
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n <= 0 for n in sizes):
        _checks.refuse(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(n) for n in sizes]


def describe(estimator, sizes, output):
    """Return a network of layers of these sizes, the last of which has the activation `output`."""
    est, rng = estimator, check_random_state(estimator.random_state)
    hidden = _checks.check_per_layer("activation", est.activation, len(sizes) - 1)
    functions = [*map(activations.get, hidden), output]
    _checks.check_learnable(functions)
    rates = _checks.check_dropout(est.dropout, len(sizes) - 1)
    network = Network(random_state=rng, dtype=est.dtype)
    if rates[0]:
        network.add(Dropout(rates[0]))
    # scikit-learn draws the output layer by the hidden layers' activation
    like = [*(f.name for f in functions[:-1])] or [getattr(est.activation, "name", est.activation)]
    for units, function, rate, name in zip(
        sizes, functions, [*rates[1:], 0.0], [*like, like[-1]], strict=False
    ):
        start, of_bias = est.initializer, None
        if start is None:
            start = of_bias = initializers.Glorot(factor=2.0 if name == "logistic" else 6.0)
        network.add(Dense(units, function, l2=est.alpha, initializer=start, bias_initializer=of_bias))
        if rate:
            network.add(Dropout(rate))
    return network
