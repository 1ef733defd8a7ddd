"""
Values and gradients of a neuron
================================

A neuron as a graph of single numbers. Values, in black, run forward from the leaves to the result;
gradients, in red, run back, and each operation multiplies what comes to it by its own derivative: the chain
rule, one edge at a time. Experiments E1 and E2: ``fastmlp experiment E1``.
"""

# %%
# Data
# ----
# Two inputs, two weights and a bias, each a leaf with a name.
from fastmlp.graph import Node

x0, x1 = Node(2.8, "x0"), Node(-1.8, "x1")
w0, w1, b = Node(1.45, "w0"), Node(-0.35, "w1"), Node(-4.0, "b")

# %%
# Network
# -------
# A sigmoid neuron is a formula: writing it builds the graph, and computes the values.
from fastmlp.graph import sigmoid

f = sigmoid(w0 * x0 + w1 * x1 + b).named("f")

# %%
# Training
# --------
# One step of it: ``backward`` finds every gradient; a weight goes against its own.
f.backward()
print(f"df/dw0 = {w0.gradient:.4f}; after a step of 0.1: w0 = {w0.value - 0.1 * w0.gradient:.4f}")

# %%
# Result
# ------
# The neuron; a function of two variables; and a whole layer with its loss, unrolled from a network.
import numpy as np

from fastmlp import Dense, Network
from fastmlp.graph import unroll

f.draw()
x, y = Node(3.0, "x"), Node(-2.0, "y")
g = (x**2 + 2 * x * y + y**2).named("g")
g.backward()
g.draw()
layer = Network([Dense(2, "logistic", 2)])
layer.set_weights([np.array([[-0.2, -0.5], [2.0, -0.3]]), np.array([-4.0, -1.0])])
graph = unroll(layer, [-3.1, 1.5], [0.0, 1.0], loss="mse")
graph.loss.backward()
graph.loss.draw()
