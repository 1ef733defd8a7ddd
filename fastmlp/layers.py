"""Layers: what a network is told to be made of. They hold no weights; the network does.

A layer stays as it was made, but for `trainable`: a network's plan, weights and drawings all follow from it.
One that is added to a second network is copied, so that each network has its own.
"""

import copy
from dataclasses import KW_ONLY, dataclass
from inspect import signature
from typing import Annotated, Any

import numpy as np

from . import _checks, activations, initializers
from ._checks import NotNegative

INPUT = "input"


def _initializer(name, given):
    return None if given is None else initializers.get(given, name)


Initializer = Annotated[Any, _initializer]


class Layer(_checks.Declared):
    """Base of all layers.

    Attributes
    ----------
    name : str or None
        Given by the user, or by the network when the layer is added.
    trainable : bool
        Whether the layer's weights learn; the only attribute that may be changed. The next fit obeys.
    """

    trainable: bool = True
    name: str | None = None
    _added = _named = False  # whether it is in a network, and whether that gave it its name

    def __setattr__(self, name, value):
        if name != "trainable" and (name in vars(self) or self._added):
            _checks.layer_is_fixed(self, name)
        checks = {"trainable": _checks.check_flag} | _checks.checks_of(type(self))
        super().__setattr__(name, checks[name](name, value) if name in checks else value)

    def __delattr__(self, name):
        _checks.layer_is_fixed(self, name)

    def __copy__(self):
        """Return a layer of the same settings that is in no network."""
        other = object.__new__(type(self))
        left = {"_added", "_named"} | ({"name"} if self._named else set())
        vars(other).update({k: v for k, v in vars(self).items() if k not in left})
        return other

    def unshared(self):
        """Return the layer that a network may take: itself, or a copy where another network has it."""
        return copy.copy(self) if self._added else self

    def join(self, name):
        """Become a layer of a network, which calls it `name`."""
        vars(self).update(_added=True, _named=self.name is None, name=name)

    def __repr__(self):
        usual = {name: p.default for name, p in signature(type(self)).parameters.items()}
        said = {k: v for k, v in vars(self).items() if not k.startswith("_") and v != usual.get(k)}
        if said.get("activation") == activations.Identity():
            del said["activation"]
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in said.items())})"


@dataclass(eq=False, repr=False)
class Dense(Layer):
    """A fully connected layer, ``activation(x @ W + b)``.

    Parameters
    ----------
    units : int
        Number of neurons.
    activation : str or activation, default="identity"
        A name such as "tanh", an object such as ``LeakyReLU(0.1)``, or your own (see `fastmlp.activations`).
    input_dim : int, default=None
        Number of inputs; needed nowhere, and checked where given. It lets the network be built before it has
        data.
    use_bias : bool, default=True
    initializer : str, float or callable, default=None
        Initial weights (see `fastmlp.initializers`): a number is every weight. None draws them as scikit-
        learn does: uniform within sqrt(6 / (n_in + n_out)), or sqrt(2 / (n_in + n_out)) for logistic
        neurons; the output layer by the activation of the layer before it.
    bias_initializer : str, float or callable, default=None
        None: the same bound where `initializer` is None or "torch", else zeros.
    l1, l2 : float, default=0.0
        Penalties ``l1 sum |W|`` and ``l2 / 2 sum W^2``, divided by the batch's size times the mean of sample
        weights, as scikit-learn's `alpha`; `fastmlp.penalties` has a table of others, of the whole network
        too.
    max_norm : float, default=0.0
        Largest length of the weights into one neuron; 0 for no limit.
    trainable : bool, default=True
        False freezes the layer: training leaves its weights and biases as they are, without penalties,
        decay or `max_norm`, and what an optimizer knows of them too. Gradients pass through to the layers
        before it.
    name : str, default=None

    Examples
    --------
    >>> Dense(units=2, activation="tanh", input_dim=2)
    Dense(units=2, activation=Tanh(slope=1.0), input_dim=2)
    """

    units: _checks.Count
    activation: Annotated[Any, lambda name, value: activations.get(value)] = "identity"
    input_dim: _checks.OptionalCount = None
    _: KW_ONLY
    use_bias: _checks.Flag = True
    initializer: Initializer = None
    bias_initializer: Initializer = None
    l1: NotNegative = 0.0
    l2: NotNegative = 0.0
    max_norm: NotNegative = 0.0
    trainable: _checks.Flag = True
    name: _checks.Name = None

    def __post_init__(self):
        if isinstance(self.bias_initializer, initializers.Orthogonal):
            _checks.refuse("bias_initializer cannot be orthogonal: a bias is no matrix; use 'zeros'")

    def draw(self, n_in, random_state, dtype=np.float64, before=None):
        """Return initial weights (n_in, units) and bias (units,) or None, drawn in this order.

        `before`: for the output layer, the activation of the layer before it.
        """
        fans = (n_in, self.units)
        of_weights, of_bias = self.initializer, self.bias_initializer
        if of_weights is None:
            of_weights = initializers.Glorot(
                factor=2.0 if (before or self.activation).name == "logistic" else 6.0
            )
            of_bias = of_bias or of_weights
        if of_bias is None:
            of_bias = of_weights if getattr(of_weights, "biases_too", False) else initializers.Constant(0.0)
        weights = initializers.draw(of_weights, fans, random_state, fans, dtype)
        if not self.use_bias:
            return weights, None
        return weights, initializers.draw(of_bias, (self.units,), random_state, fans, dtype)

    def spec(self, sources, dropout):
        """Return the layer as `build_plan` takes it."""
        own = {name: getattr(self, name) for name in ("l1", "l2", "max_norm", "trainable")}
        about = dict(n_out=self.units, sources=sources, bias=self.use_bias, dropout=dropout)
        return about | own | dict(slope=self.activation.slope, activation=self.activation.code or 0)


@dataclass(eq=False, repr=False)
class Dropout(Layer):
    """Set a share `rate` of the inputs to 0 while training, and scale the others by 1 / (1 - rate).

    Nothing is dropped in prediction.

    Parameters
    ----------
    rate : float in [0, 1)
    name : str, default=None
    """

    rate: _checks.ShareBelowOne
    _: KW_ONLY
    name: _checks.Name = None


def _sources(given):
    """Return what a Concatenate reads as a tuple."""
    one = isinstance(given, (str, Layer))
    return (given,) if one else tuple(_checks.check_sequence("sources", given, "layers or names"))


@dataclass(eq=False, repr=False)
class Concatenate(Layer):
    """Side by side, the outputs of several earlier layers, or of them and the network's input.

    Parameters
    ----------
    sources : sequence
        Layers that were added before, their names, or "input". Costs no copy.
    name : str, default=None

    Examples
    --------
    A neuron that sees a hidden one and the inputs:

    >>> hidden = Dense(units=1, activation="tanh", input_dim=2)
    >>> both = Concatenate([hidden, "input"])
    """

    sources: Annotated[Any, lambda name, value: _sources(value)]
    _: KW_ONLY
    name: _checks.Name = None

    def __repr__(self):
        sources = [getattr(source, "name", None) or source for source in self.sources]
        name = f", name={self.name!r}" if self.name else ""
        return f"{type(self).__name__}({sources!r}{name})"
