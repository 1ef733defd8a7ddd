"""Graphs of whole layers: inputs, weights, products and activations as blocks, then the loss.

What a graph of single numbers (E1) says of one neuron, these say of nets of any size: which block is computed
from which, and so where gradients flow on their way back.
"""

from .. import L2, Concatenate, Dense, Network
from .result import Result

ID, TITLE = "E1b", "Graphs of whole layers: the nets on photographs, and both nets of XOR"
REPORTED: dict = {}
CONCLUSIONS = {
    "a net with penalties has a branch for each": lambda r: (
        r.value("3072-100-10, MSE and L2", "penalties") == 2
    ),
}


def run(size="quick", seed=0, n_threads=None, penalty=1e-3):
    """Run E1b; return its `Result`."""
    result = Result(ID, TITLE, "no data: networks without weights", size, seed)
    for name, (layers, loss) in nets().items():
        net = Network(layers, random_state=seed, reg=L2(penalty) if "L2" in name else None)
        graph = net.plot_graph(loss)
        weights = sum(isinstance(layer, Dense) for layer in net.layers)
        penalties = sum(text.get_text().startswith("λ") for text in graph.texts)
        result.add(name, {"layers with weights": weights, "penalties": penalties})
        result.picture(name, graph.figure)
    return result


def nets():
    """Return the layers of each net, and the loss that it learns by."""
    hidden = Dense(1, "tanh", name="hidden")
    softmax = [Dense(100, "relu", 3072), Dense(10, "softmax")]
    deep = [Dense(100, "logistic", 3072), Dense(100, "logistic"), Dense(10)]
    return {
        "3072-100-10, MSE and L2": ([Dense(100, "logistic", 3072), Dense(10)], "mse"),
        "3072-100-10, softmax": (softmax, "categorical_crossentropy"),
        "3072-100-100-10, hinge": (deep, "hinge"),
        "2-2-1": ([Dense(2, "tanh", 2), Dense(1, "tanh")], "mse"),
        "2-1-1 with the inputs": ([hidden, Concatenate([hidden, "input"]), Dense(1, "tanh")], "mse"),
    }
