"""Activations of the hidden layer: sigmoid, tanh, ReLU and others, in the same net with Adam."""

from .. import Adam, Dense
from . import data
from .result import Result
from .training import CURVES, repeated

ID, TITLE = "C2", "Activations on 784-32-10"
REPORTED = {"logistic": {"test accuracy": "sigmoid best in accuracy and time"}}
ACTIVATIONS = ("logistic", "tanh", "relu", "leaky_relu", "elu", "silu")
SIZES = {
    "tiny": (200, 50, 1),
    "quick": (10000, 2000, 6),
    "full": (None, None, 3),
}  # to train, to test; epochs
CONCLUSIONS = {
    "all learn": lambda r: min(r.values("test accuracy").values()) > 0.85,
}


def run(size="quick", seed=0, n_threads=None, epochs=None, runs=3):
    """Run C2; return its `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    nets = {}
    for name in ACTIVATIONS:
        layers = [Dense(32, name), Dense(10, "softmax")]
        how = dict(optimizer=Adam(0.001), epochs=epochs, n_threads=n_threads)
        nets[name] = repeated(runs, images, layers, seed, **how)
        result.add_models(name, nets[name], CURVES)
    result.compare(nets, "test_accuracy", title="activation")
    result.bars("seconds", "activation")
    return result
