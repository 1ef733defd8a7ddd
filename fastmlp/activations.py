"""Activation functions: the readable formulas, and the codes the kernels know them by.

Each function is told by its value ``f(z)`` and its derivative ``f'(z)``, given next to each other. The
kernels compute the built-in ones; these NumPy forms are what they are held against, and what a user's own
activation looks like: any object with ``name``, ``value(z)`` and ``derivative(z, a)``, where ``a`` is
``value(z)``; an activation that mixes the units of a sample, as softmax does, has ``backward(z, a, d)`` too,
the gradient with respect to `z` where `d` is the one with respect to `a`. All return one number for each of
`z`, and leave their arguments as they are. What such an object keeps may change between two calls: it is
asked anew each time.
"""

from dataclasses import dataclass
from math import erf, pi, sqrt

import numpy as np

from . import _checks
from .formulas import Activation, UserActivation
from .kernels.numpy_backend import tables
from .kernels.plan import Activation as Code

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _erf(z):
    return np.vectorize(erf, otypes=[z.dtype])(z)


def logistic(z):
    """Return 1 / (1 + exp(-z)) without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def softmax(z):
    """Return exp(z) / sum(exp(z)) of each row."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_sum_exp(z):
    """Return log(sum(exp(z))) of each row, shape (n, 1)."""
    top = z.max(axis=-1, keepdims=True)
    return top + np.log(np.exp(z - top).sum(axis=-1, keepdims=True))


class Identity(Activation):
    """f(z) = z."""

    name, code = "identity", Code.IDENTITY

    def value(self, z):
        return z

    def derivative(self, z, a):
        return np.ones_like(z)


@dataclass(frozen=True, repr=False, eq=False)
class Logistic(Activation):
    """f(z) = 1 / (1 + exp(-slope z)), the sigmoid."""

    slope: _checks.Positive = 1.0
    name, code = "logistic", Code.LOGISTIC

    def value(self, z):
        return logistic(self.slope * z)

    def derivative(self, z, a):
        return self.slope * a * (1 - a)


@dataclass(frozen=True, repr=False, eq=False)
class Tanh(Activation):
    """f(z) = tanh(slope z)."""

    slope: _checks.Positive = 1.0
    name, code = "tanh", Code.TANH

    def value(self, z):
        return np.tanh(self.slope * z)

    def derivative(self, z, a):
        return self.slope * (1 - a * a)


class ReLU(Activation):
    """f(z) = max(0, z)."""

    name, code = "relu", Code.RELU

    def value(self, z):
        return np.maximum(z, 0)

    def derivative(self, z, a):
        return (z > 0).astype(z.dtype)


@dataclass(frozen=True, repr=False, eq=False)
class LeakyReLU(Activation):
    """f(z) = z where z > 0, else slope z."""

    slope: _checks.NotNegative = 0.01
    name, code = "leaky_relu", Code.LEAKY_RELU

    def value(self, z):
        return np.where(z > 0, z, self.slope * z)

    def derivative(self, z, a):
        return np.where(z > 0, 1.0, self.slope)


@dataclass(frozen=True, repr=False, eq=False)
class ELU(Activation):
    """f(z) = z where z > 0, else slope (exp(z) - 1)."""

    slope: _checks.NotNegative = 1.0
    name, code = "elu", Code.ELU

    def value(self, z):
        return np.where(z > 0, z, self.slope * np.expm1(np.minimum(z, 0)))

    def derivative(self, z, a):
        return np.where(z > 0, 1.0, a + self.slope)


class SELU(Activation):
    """ELU scaled so that activations normalise themselves (Klambauer et al., 2017)."""

    name, code = "selu", Code.SELU

    def value(self, z):
        return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))

    def derivative(self, z, a):
        return np.where(z > 0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA)


class Softplus(Activation):
    """f(z) = log(1 + exp(z))."""

    name, code = "softplus", Code.SOFTPLUS

    def value(self, z):
        return np.logaddexp(0, z)

    def derivative(self, z, a):
        return logistic(z)


class GELU(Activation):
    """f(z) = z Phi(z), with the normal distribution function Phi (Hendrycks and Gimpel, 2016)."""

    name, code = "gelu", Code.GELU

    def value(self, z):
        return z * 0.5 * (1 + _erf(z / sqrt(2)))

    def derivative(self, z, a):
        return 0.5 * (1 + _erf(z / sqrt(2))) + z * np.exp(-0.5 * z * z) / sqrt(2 * pi)


class SiLU(Activation):
    """f(z) = z / (1 + exp(-z)), also called swish."""

    name, code = "silu", Code.SILU

    def value(self, z):
        return z * logistic(z)

    def derivative(self, z, a):
        s = logistic(z)
        return s * (1 + z * (1 - s))


class Step(Activation):
    """f(z) = 1 where z >= 0, else 0: for networks that are used, not trained."""

    name, code = "step", Code.STEP

    def value(self, z):
        return (z >= 0).astype(z.dtype)

    def derivative(self, z, a):
        return np.zeros_like(z)


class Softmax(Activation):
    """f(z)_j = exp(z_j) / sum_k exp(z_k); of the output layer only."""

    name, code = "softmax", Code.SOFTMAX

    def value(self, z):
        return softmax(z)

    def derivative(self, z, a):
        return a * (1 - a)  # the diagonal; `backward` takes the whole Jacobian

    def backward(self, z, a, d):
        return a * (d - (a * d).sum(axis=-1, keepdims=True))


class Exp(Activation):
    """f(z) = exp(z), the inverse of the log link of Poisson regression."""

    name, code = "exp", Code.EXP

    def value(self, z):
        return np.exp(z)

    def derivative(self, z, a):
        return a


BUILT_IN = (Identity, Logistic, Tanh, ReLU, LeakyReLU, ELU, SELU, Softplus, GELU, SiLU, Step, Softmax, Exp)
tables.ACTIVATIONS.update({cls.code: cls.of_slope for cls in BUILT_IN})
LIMITS = {Logistic: (0.0, 1.0), Tanh: (-1.0, 1.0)}  # of outputs, which single neurons map targets to
ACTIVATIONS = {cls.name: cls for cls in BUILT_IN} | {"linear": Identity, "sigmoid": Logistic, "swish": SiLU}


def get(activation):
    """Return the activation that a name, a class or an object stands for; a user's own is wrapped."""
    activation = _checks.check_named("activation", activation, ACTIVATIONS)
    if type(activation) in (*BUILT_IN, UserActivation):
        return activation
    _checks.check_protocol("activation", activation, ("name", "value", "derivative"), ACTIVATIONS)
    return UserActivation(activation)
