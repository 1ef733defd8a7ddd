"""Scalars that remember how they were computed, and so know their derivatives.

An `Operation` holds a function's value and its partial derivatives side by side. A difference is written as
a sum with a negative, a quotient as a product with a reciprocal, so that the order in which a drawing shows
the operands does not matter.

Where a function has no number, it has what IEEE arithmetic and NumPy say, without a warning: 1 / 0 and the
logarithm of 0 are infinite; 0 / 0, the root or logarithm of a negative number and its power with a fraction
are NaN; what is too large is infinite.
"""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np

from .. import _checks

MINUS, TIMES = "\u2212", "\u00d7"


class Operation(NamedTuple):
    """A function of scalars.

    Attributes
    ----------
    label : str
        What a drawing calls it.
    value : callable
        From the arguments to the function's value.
    partials : callable
        From that value and the arguments to the partial derivatives, one for each argument.
    """

    label: str
    value: object
    partials: object


def _power(a, b):
    return np.float64(a) ** b


def _sum(*terms):
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):  # the sum overflows, or has infinities of both signs
        return sum(terms)


def _largest(*terms):
    return math.nan if any(map(math.isnan, terms)) else max(terms)


def _of_largest(largest, *terms):
    """Return 1 for the first of the largest terms, 0 for the others."""
    first = terms.index(largest) if largest == largest else -1
    return [float(i == first) for i in range(len(terms))]


def _by_exponent(power, a):
    """Return the derivative of a^b by b: 0 where a is 0 and its power stays so."""
    return 0.0 if a == 0 == power else power * np.log(a)


ADD = Operation("+", lambda a, b: a + b, lambda f, a, b: (1.0, 1.0))
MULTIPLY = Operation(TIMES, lambda a, b: a * b, lambda f, a, b: (b, a))
NEGATE = Operation(MINUS, lambda a: -a, lambda f, a: (-1.0,))
INVERT = Operation(f"^ {MINUS}1", lambda a: np.divide(1.0, a), lambda f, a: (-f * f,))
POWER = Operation("^", _power, lambda f, a, b: (b * _power(a, b - 1), _by_exponent(f, a)))
SUM = Operation("Σ", _sum, lambda f, *a: (1.0,) * len(a))
EXP = Operation("exp", np.exp, lambda f, a: (f,))
LOG = Operation("log", np.log, lambda f, a: (np.divide(1.0, a) if a >= 0 else math.nan,))
SQRT = Operation("√", np.sqrt, lambda f, a: (np.divide(0.5, f),))
MAX = Operation("max", _largest, _of_largest)
ABSOLUTE = Operation("| |", abs, lambda f, a: (float((a > 0) - (a < 0)),))


def power_of(exponent):
    """Return the operation x^exponent for a constant exponent."""

    def partials(f, a):
        return (exponent * _power(a, exponent - 1) if exponent else 0.0,)

    return Operation(f"^ {exponent:g}".replace("-", MINUS), lambda a: _power(a, exponent), partials)


class Node:
    """A scalar in a computational graph.

    Parameters
    ----------
    value : float
    name : str, default=None
        What a drawing calls it.

    Attributes
    ----------
    value : float
        May be set on a variable; `forward` then brings what depends on it up to date.
    gradient : float
        Derivative of the node whose `backward` was called last with respect to this one.
    operation : Operation or None
        How it was computed; None for a variable or a constant.
    parents : tuple of Node
        What it was computed from.

    Examples
    --------
    >>> from fastmlp.graph import Node
    >>> x, y = Node(3.0, "x"), Node(-2.0, "y")
    >>> f = x**2 + 2 * x * y + y**2
    >>> f.backward()
    >>> f.value, x.gradient, y.gradient
    (1.0, 2.0, 2.0)
    """

    __slots__ = ("gradient", "name", "operation", "parents", "value")

    def __init__(self, value, name=None):
        self.value = _checks.check_real("value", value, low=-math.inf)
        self.name = name
        self.gradient = 0.0
        self.operation, self.parents = None, ()

    def named(self, name):
        """Give the node a name for drawings; return it."""
        self.name = name
        return self

    def nodes(self):
        """Return all nodes that this one depends on, and itself, each after its parents."""
        found, seen, stack = [], set(), [(self, False)]
        while stack:  # no recursion: a sum of a thousand terms is a thousand deep
            node, parents_done = stack.pop()
            if parents_done:
                found.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent in reversed(node.parents))
        return found

    def forward(self):
        """Compute the graph again, after variables were changed; return the value."""
        with np.errstate(all="ignore"):
            for node in self.nodes():
                if node.operation is not None:
                    node.value = float(node.operation.value(*(p.value for p in node.parents)))
        return self.value

    def backward(self):
        """Set `gradient` in every node of the graph: the derivative of this node with respect to it."""
        nodes = self.nodes()
        for node in nodes:
            node.gradient = 0.0
        self.gradient = 1.0
        with np.errstate(all="ignore"):
            for node in reversed(nodes):
                if node.operation is not None:
                    partials = node.operation.partials(node.value, *(p.value for p in node.parents))
                    for parent, partial in zip(node.parents, partials, strict=True):
                        parent.gradient += node.gradient * float(partial)

    def draw(self, ax=None, **options):
        """Draw the graph; see `fastmlp.graph.draw`."""
        from .drawing import draw

        return draw(self, ax, **options)

    def __repr__(self):
        name = "" if self.name is None else f"{self.name!r}, "
        return f"Node({name}value={self.value:g}, gradient={self.gradient:g})"

    def __float__(self):
        return self.value

    def __add__(self, other):
        return _binary(ADD, self, other)

    def __radd__(self, other):
        return _binary(ADD, other, self)

    def __mul__(self, other):
        return _binary(MULTIPLY, self, other)

    def __rmul__(self, other):
        return _binary(MULTIPLY, other, self)

    def __neg__(self):
        return apply(NEGATE, self)

    def __sub__(self, other):
        return self + (-other) if isinstance(other, Node | Real) else NotImplemented

    def __rsub__(self, other):
        return _binary(ADD, other, -self)

    def __truediv__(self, other):
        if isinstance(other, Node):
            return self * apply(INVERT, other)
        if not isinstance(other, Real):
            return NotImplemented
        return self * (1.0 / other if other else apply(INVERT, other))

    def __rtruediv__(self, other):
        if isinstance(other, Real) and other == 1:
            return apply(INVERT, self)
        return _binary(MULTIPLY, other, apply(INVERT, self))

    def __pow__(self, other):
        return apply(power_of(float(other)), self) if isinstance(other, Real) else _binary(POWER, self, other)

    def __rpow__(self, other):
        return _binary(POWER, other, self)

    def __abs__(self):
        return apply(ABSOLUTE, self)

    # NumPy's functions call these on arrays of nodes: np.tanh(W @ x + b) is a graph too.

    def exp(self):
        return apply(EXP, self)

    def log(self):
        return apply(LOG, self)

    def sqrt(self):
        return apply(SQRT, self)

    def tanh(self):
        from .functions import tanh

        return tanh(self)


def apply(operation, *arguments):
    """Return the node that an operation gives for nodes or numbers."""
    parents = tuple(a if isinstance(a, Node) else Node(a) for a in arguments)
    node = Node(0.0)
    node.operation, node.parents = operation, parents
    with np.errstate(all="ignore"):
        node.value = float(operation.value(*(p.value for p in parents)))
    return node


def _binary(operation, a, b):
    """Return the node, or NotImplemented, so that arrays of nodes are left to NumPy."""
    if not all(isinstance(each, Node | Real) for each in (a, b)):
        return NotImplemented
    return apply(operation, a, b)
