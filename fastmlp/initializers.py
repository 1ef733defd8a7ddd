"""Initial weights: each initializer is called with a shape (n_in, n_out) and a RandomState.

A user's own is any callable of the same two arguments. Biases are drawn by the same classes with the shape
(n_out,); `fans` are the layer's, so that scikit-learn's bound holds for its bias too.
"""

from dataclasses import dataclass

import numpy as np

from . import _checks
from ._checks import Number


@dataclass(frozen=True, repr=False, eq=False)
class Glorot(_checks.Fixed):
    """Glorot and Bengio's (2010) range: variance 2 / (n_in + n_out).

    Parameters
    ----------
    normal : bool, default=False
        Draw from a normal distribution instead of a uniform one.
    factor : float, default=6.0
        Uniform bound sqrt(factor / (n_in + n_out)). scikit-learn uses 6, and 2 for logistic layers.
    """

    normal: bool = False
    factor: _checks.Positive = 6.0

    def __call__(self, shape, random_state, fans=None):
        n_in, n_out = fans or shape
        return _draw(random_state, shape, self.factor / (n_in + n_out), self.normal)


@dataclass(frozen=True, repr=False, eq=False)
class He(_checks.Fixed):
    """He et al.'s (2015) range for ReLU: variance 2 / n_in."""

    normal: bool = False
    _factor = 6.0

    def __call__(self, shape, random_state, fans=None):
        return _draw(random_state, shape, self._factor / (fans or shape)[0], self.normal)


class LeCun(He):
    """LeCun et al.'s (1998) range: variance 1 / n_in."""

    _factor = 3.0


@dataclass(frozen=True, repr=False, eq=False)
class Torch(_checks.Fixed):
    """PyTorch's default for linear layers: uniform within 1 / sqrt(n_in), biases too."""

    biases_too = True  # where a layer names no initializer of its biases

    def __call__(self, shape, random_state, fans=None):
        return _draw(random_state, shape, 1.0 / (fans or shape)[0], False)


@dataclass(frozen=True, repr=False, eq=False)
class Scaled(_checks.Fixed):
    """What another initializer draws, times a factor.

    Parameters
    ----------
    initializer : str or initializer
    factor : float
    """

    initializer: object
    factor: Number

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "initializer", get(self.initializer))

    @property
    def biases_too(self):
        return getattr(self.initializer, "biases_too", False)

    def __call__(self, shape, random_state, fans=None):
        return self.factor * draw(self.initializer, shape, random_state, fans or shape)


@dataclass(frozen=True, repr=False, eq=False)
class Orthogonal(_checks.Fixed):
    """Rows or columns of a random orthogonal matrix times `gain` (Saxe et al., 2014)."""

    gain: Number = 1.0

    def __call__(self, shape, random_state, fans=None):
        n_in, n_out = shape
        q, r = np.linalg.qr(random_state.standard_normal((max(shape), min(shape))))
        q *= np.sign(np.diag(r))  # makes the matrices uniformly distributed
        return self.gain * (q if n_in >= n_out else q.T)


@dataclass(frozen=True, repr=False, eq=False)
class Constant(_checks.Fixed):
    """The same value everywhere."""

    value: Number = 0.0

    def __call__(self, shape, random_state, fans=None):
        return np.full(shape, float(self.value))


@dataclass(frozen=True, repr=False, eq=False)
class Uniform(_checks.Fixed):
    """Uniform between `low` and `high`."""

    low: Number = -0.05
    high: Number = 0.05

    def __post_init__(self):
        super().__post_init__()
        _checks.check_real("high", self.high, low=self.low)

    def __call__(self, shape, random_state, fans=None):
        return random_state.uniform(self.low, self.high, shape)


@dataclass(frozen=True, repr=False, eq=False)
class Normal(_checks.Fixed):
    """Normal with the given mean and standard deviation."""

    mean: Number = 0.0
    std: _checks.NotNegative = 0.05

    def __call__(self, shape, random_state, fans=None):
        return random_state.normal(self.mean, self.std, shape)


def _draw(random_state, shape, squared_bound, normal):
    bound = np.sqrt(squared_bound)
    if normal:  # with the variance of the uniform one
        return random_state.normal(0.0, bound / np.sqrt(3.0), shape)
    return random_state.uniform(-bound, bound, shape)


BUILT_IN = (Glorot, He, LeCun, Torch, Scaled, Orthogonal, Constant, Uniform, Normal)
INITIALIZERS = {
    "glorot_uniform": Glorot(),
    "glorot_normal": Glorot(normal=True),
    "he_uniform": He(),
    "he_normal": He(normal=True),
    "lecun_uniform": LeCun(),
    "lecun_normal": LeCun(normal=True),
    "orthogonal": Orthogonal(),
    "constant": Constant(0.01),
    "random": Normal(0.0, 1.0),
    "torch": Torch(),
    "uniform": Uniform(),
    "normal": Normal(),
    "zeros": Constant(0.0),
}
INITIALIZERS |= {
    "xavier_uniform": INITIALIZERS["glorot_uniform"],
    "xavier_normal": INITIALIZERS["glorot_normal"],
    "kaiming_uniform": INITIALIZERS["he_uniform"],
    "kaiming_normal": INITIALIZERS["he_normal"],
}


def get(initializer, argument="initializer"):
    """Return the initializer that a name, a number, a class or a callable stands for."""
    if isinstance(initializer, (int, float, np.integer, np.floating)) and not isinstance(initializer, bool):
        return Constant(float(initializer))
    initializer = _checks.check_named(argument, initializer, INITIALIZERS)
    return _checks.check_protocol(argument, initializer, ("__call__",), INITIALIZERS)


def draw(initializer, shape, random_state, fans, dtype=np.float64):
    """Return the array that `initializer` gives for `shape`; `fans` are the layer's n_in and n_out."""
    built_in = isinstance(initializer, BUILT_IN)
    array = _checks.call_initializer(initializer, shape, random_state, *([fans] if built_in else []))
    return _checks.check_drawn(initializer, array, tuple(shape), dtype)
