"""Computational graphs of scalars, for teaching: values forward, gradients backward, both drawn.

    x, y = Node(3.0, "x"), Node(-2.0, "y")
    f = x**2 + 2 * x * y + y**2
    f.backward()            # x.gradient and y.gradient are 2 (x + y)
    f.draw()                # values in black, gradients in red

`unroll` writes a small `Network` out as such a graph, for one sample. Its gradients are the kernels'.
"""

from . import functions
from .drawing import draw
from .functions import *  # noqa: F403
from .node import Node, Operation, apply
from .unroll import Unrolled, unroll

__all__ = ["Node", "Operation", "Unrolled", "apply", "draw", "unroll", *functions.__all__]
