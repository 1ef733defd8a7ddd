"""Activations of the hidden layer: sigmoid, tanh, ReLU and others, in the same net with Adam."""

from .. import Adam, Dense
from ..plots import BarsDisplay, CompareRunsDisplay
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C2", "Activations on 784-32-10"
REPORTED = {"logistic": {"test accuracy": "sigmoid best in accuracy and time"}}
ACTIVATIONS = ("logistic", "tanh", "relu", "leaky_relu", "elu", "silu")
CONCLUSIONS = {
    "all learn": lambda r: min(r.values("test accuracy").values()) > 0.85,
}


def run(size="quick", seed=0, n_threads=None, epochs=None, runs=3):
    """Run C2; return its `Result`."""
    n_train, n_test, usual = {"tiny": (200, 50, 1), "quick": (10000, 2000, 3), "full": (None, None, 3)}[size]
    images = data.digits().some(n_train, n_test)
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {}
    for activation in ACTIVATIONS:
        nets[activation] = []
        for k in range(seed, seed + runs):
            layers = [Dense(32, activation), Dense(10, "softmax")]
            how = dict(optimizer=Adam(0.001), epochs=epochs or usual, n_threads=n_threads)
            nets[activation].append(trained(images, layers, k, **how))
        result.add_models(activation, nets[activation], CURVES, reported=REPORTED.get(activation))
    result.picture("test_accuracy", CompareRunsDisplay.from_estimators(nets, key="test_accuracy"))
    bars = {name: [sum(net.history_["seconds"]) for net in found] for name, found in nets.items()}
    result.picture("seconds", BarsDisplay(bars, name="seconds", group_name="activation").plot())
    return result
