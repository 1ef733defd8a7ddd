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

        def neuron(x0, x1, w0, w1, b, activation=activation):
            return activation(w0 * x0 + w1 * x1 + b)

        add(result, f"neuron, {name}", neuron, x0=x[0], x1=x[1], w0=w[0], w1=w[1], b=b)
    add(result, "x² + 2xy + y²", lambda x, y: x**2 + 2 * x * y + y**2, x=3.0, y=-2.0)
    layer, inputs, targets = Network([Dense(2, "logistic", 2)]), [-3.1, 1.5], [0.0, 1.0]
    layer.set_weights([np.array([[-0.2, 2.0], [-0.5, -0.3]]).T, np.array([-4.0, -1.0])])
    graph = unroll(layer, inputs, targets, loss="mse")
    theirs = layer.gradients([inputs], [targets], loss="mse")
    error = max(np.abs(a - b).max() for a, b in zip(graph.gradients(), theirs, strict=True))
    result.add("layer of two sigmoid neurons, MSE", {"value": graph.loss.value, "largest error": error})
    result.picture("layer", graph.loss.draw())
    return result


def add(result, name, formula, **numbers):
    """Add a formula's value, and how far its gradients are from central differences; draw its graph."""
    leaves = {leaf: Node(number, leaf) for leaf, number in numbers.items()}
    f = formula(**leaves).named("f")
    f.backward()
    errors = []
    for leaf, number in numbers.items():
        up, down = (formula(**leaves | {leaf: Node(number + step)}).value for step in (STEP, -STEP))
        errors.append(abs(leaves[leaf].gradient - (up - down) / (2 * STEP)))
    result.add(name, {"value": f.value, "largest error": max(errors)})
    result.picture(name.removeprefix("neuron, ").replace("²", "2"), f.draw())
