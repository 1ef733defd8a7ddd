"""Activations in ONNX's operators, and what their double precision is composed from.

ONNX defines all of them for float64 too, but ONNX Runtime computes Elu, Selu, Softplus and Erf in float32
only. There they are put together from operators that it has.
"""

import math

import numpy as np

from ..activations import SELU_ALPHA, SELU_SCALE

STEP, N_NODES = 0.5, 13  # of the midpoint rule for erfc: its error is below exp(-pi^2 / STEP^2) = 1e-17


class Formulas:
    """Nodes for each activation.

    Parameters
    ----------
    node : callable
        ``node(operator, *inputs, **attributes)`` adds a node and returns the name of its output.
    constant : callable
        ``constant(value)`` returns the name of a constant of the model's dtype.
    dtype : str
        "float32" or "float64".
    """

    def __init__(self, node, constant, dtype):
        self.node, self.constant = node, constant
        self.is_double = dtype == "float64"

    def apply(self, activation, z):
        """Return the name of f(z)."""
        return getattr(self, activation.name)(z, activation.slope)

    def scaled(self, z, factor):
        return z if factor == 1 else self.node("Mul", z, self.constant(factor))

    def below_0(self, z, values):
        """Return z where it is above 0, else `values`."""
        return self.node("Where", self.node("Greater", z, self.constant(0.0)), z, values)

    def identity(self, z, slope=1.0):
        return z

    def logistic(self, z, slope=1.0):
        return self.node("Sigmoid", self.scaled(z, slope))

    def tanh(self, z, slope=1.0):
        return self.node("Tanh", self.scaled(z, slope))

    def relu(self, z, slope=1.0):
        return self.node("Relu", z)

    def leaky_relu(self, z, slope):
        return (
            self.node("LeakyRelu", z, alpha=slope)
            if not self.is_double
            else self.below_0(z, self.scaled(z, slope))
        )

    def elu(self, z, slope):
        if not self.is_double:
            return self.node("Elu", z, alpha=slope)
        return self.below_0(z, self.scaled(self.expm1_below_0(z), slope))

    def selu(self, z, slope=1.0):
        if not self.is_double:
            return self.node("Selu", z, alpha=SELU_ALPHA, gamma=SELU_SCALE)
        return self.scaled(self.elu(z, SELU_ALPHA), SELU_SCALE)

    def softplus(self, z, slope=1.0):
        if not self.is_double:
            return self.node("Softplus", z)
        e = self.node("Exp", self.node("Neg", self.node("Abs", z)))
        return self.node("Add", self.node("Relu", z), self.log1p(e))

    def gelu(self, z, slope=1.0):
        x = self.scaled(z, -math.sqrt(0.5))
        if self.is_double:
            twice = self.erfc(x)
        else:
            twice = self.node("Sub", self.constant(1.0), self.node("Erf", x))
        return self.node("Mul", self.scaled(z, 0.5), twice)

    def silu(self, z, slope=1.0):
        return self.node("Mul", z, self.logistic(z))

    def step(self, z, slope=1.0):
        return self.cast(self.node("GreaterOrEqual", z, self.constant(0.0)))

    def softmax(self, z, slope=1.0):
        return self.node("Softmax", z, axis=-1)

    def exp(self, z, slope=1.0):
        return self.node("Exp", z)

    def cast(self, values):
        """Return values in the model's dtype."""
        return self.node("Cast", values, to=np.float64 if self.is_double else np.float32)

    def expm1_below_0(self, z):
        """Return exp(z) - 1 for z below 0, without cancellation: 2 t / (1 - t), where t = tanh(z / 2)."""
        t = self.node("Tanh", self.scaled(self.node("Min", z, self.constant(0.0)), 0.5))
        return self.node("Div", self.scaled(t, 2.0), self.node("Sub", self.constant(1.0), t))

    def log1p(self, e):
        """Return log(1 + e), by the error that rounding u = 1 + e makes (Kahan): e log(u) / (u - 1)."""
        one = self.constant(1.0)
        u = self.node("Add", e, one)
        is_one = self.node("Equal", u, one)
        difference = self.node("Where", is_one, one, self.node("Sub", u, one))
        quotient = self.node("Div", self.node("Mul", e, self.node("Log", u)), difference)
        return self.node("Where", is_one, e, quotient)

    def erfc(self, x):
        """Return 1 - erf(x), by the midpoint rule for its integral and the pole that this passes.

        For x >= 0 and t_n = (n + 1/2) h, erfc(x) = 2 h x exp(-x^2) / pi sum_n exp(-t_n^2) / (t_n^2 + x^2)
        + 2 / (1 + exp(2 pi x / h)) (Chiarella and Reichel, 1968); erfc(-x) = 2 - erfc(x).
        """
        a = self.node("Abs", x)
        squared = self.node("Mul", a, a)
        t = ((np.arange(N_NODES) + 0.5) * STEP) ** 2
        each = self.node("Unsqueeze", squared, self.constant([-1], np.int64))
        terms = self.node("Div", self.constant(np.exp(-t)), self.node("Add", each, self.constant(t)))
        total = self.node("ReduceSum", terms, self.constant([-1], np.int64), keepdims=0)
        weight = self.scaled(
            self.node("Mul", a, self.node("Exp", self.node("Neg", squared))), 2 * STEP / math.pi
        )
        pole = self.node("Add", self.node("Exp", self.scaled(a, 2 * math.pi / STEP)), self.constant(1.0))
        sum_ = self.node("Add", self.node("Mul", weight, total), self.node("Div", self.constant(2.0), pole))
        mirrored = self.node("Sub", self.constant(2.0), sum_)
        return self.node("Where", self.node("Less", x, self.constant(0.0)), mirrored, sum_)
