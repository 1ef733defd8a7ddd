"""Computational graphs with the value of every node in black and its gradient in red.

Values run forward from the leaves to the result; gradients run back, and each operation multiplies what comes
to it by its own derivative: the chain rule, one edge at a time.
"""

import numpy as np

from .. import Dense, Network
from ..graph import Node, elu, leaky_relu, sigmoid, tanh, unroll
from .result import Result

ID, TITLE = "E1", "Graphs of a neuron, of a layer with a loss, and of a function of two variables"
REPORTED: dict = {}
ACTIVATIONS = {
    "sigmoid": sigmoid, "tanh": tanh, "ELU": elu, "leaky ReLU 0.1": lambda z: leaky_relu(z, 0.1),
}  # fmt: skip
CONCLUSIONS = {
    "gradients are those of central differences": lambda r: max(r.values("largest error").values()) < 1e-6,
}
STEP = 1e-6


def run(size="quick", seed=0, n_threads=None, x=(2.8, -1.8), w=(1.45, -0.35), b=-4.0):
    """Run E1 and E2; return their `Result`."""
    result = Result(ID, TITLE, "numbers of the reports", size, seed)
    for name, activation in ACTIVATIONS.items():

        def neuron(*numbers, activation=activation):
            leaves = [Node(v, n) for v, n in zip(numbers, ("x0", "x1", "w0", "w1", "b"), strict=True)]
            x0, x1, w0, w1, bias = leaves
            return leaves, activation(w0 * x0 + w1 * x1 + bias).named("f")

        add(result, f"neuron, {name}", neuron, (*x, *w, b))

    def square(x, y):
        leaves = [Node(x, "x"), Node(y, "y")]
        return leaves, (leaves[0] ** 2 + 2 * leaves[0] * leaves[1] + leaves[1] ** 2).named("f")

    add(result, "x² + 2xy + y²", square, (3.0, -2.0))

    layer = Network([Dense(2, "logistic", 2)])
    layer.set_weights([np.array([[-0.2, 2.0], [-0.5, -0.3]]).T, np.array([-4.0, -1.0])])
    graph = unroll(layer, [-3.1, 1.5], [0.0, 1.0], loss="mse")
    theirs = layer.gradients([[-3.1, 1.5]], [[0.0, 1.0]], loss="mse")
    error = max(np.abs(a - b).max() for a, b in zip(graph.gradients(), theirs, strict=True))
    result.add("layer of two sigmoid neurons, MSE", {"value": graph.loss.value, "largest error": error})
    result.picture("layer", graph.loss.draw())
    return result


def add(result, name, build, numbers):
    """Add a graph's value, and how far its gradients are from central differences; draw it."""
    leaves, f = build(*numbers)
    f.backward()
    errors = []
    for k, leaf in enumerate(leaves):
        up, down = ([v + sign * STEP * (i == k) for i, v in enumerate(numbers)] for sign in (1, -1))
        errors.append(abs(leaf.gradient - (build(*up)[1].value - build(*down)[1].value) / (2 * STEP)))
    result.add(name, {"value": f.value, "largest error": max(errors)})
    result.picture(name.split(",")[-1].strip().replace(" ", "_").replace("²", "2"), f.draw())
