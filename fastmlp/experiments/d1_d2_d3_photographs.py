"""Small nets on photographs: losses, outputs, hidden layers, and a penalty on the weights.

Pixels are centred by the training images' mean and divided by their standard deviation. ``reg=L2(λ)``
adds λ Σ W² of all layers once to the mean loss. A softmax's cross-entropy can be taken of any outputs: of
sigmoids, which lie between 0 and 1, it cannot come near 0. Deep sigmoid nets that start from weights next to
0 take long to leave the point where all outputs are alike.
"""

from typing import NamedTuple

import numpy as np

from .. import L2, SGD, Dense, Network
from ..initializers import Scaled
from ..plots import CompareRunsDisplay, ImagesDisplay
from . import data
from .result import Result

ID, TITLE = "D1", "CIFAR-10: losses, outputs, hidden layers, penalties"
WHY = {
    "D1": "the rates stated learn next to nothing in as many epochs: ours are larger",
    "D2": "as D1; at such rates λ = 0.1 would hold all weights at 0 (at 1e-6 it does nothing): ours is 1e-3",
    "D3": "as D1",
    "D3: two of sigmoid, MSE": "from weights so small it stays where all outputs are alike, at any rate",
}


class Setting(NamedTuple):
    """A net, and how it learns: by how many images, in batches of how many."""

    hidden: tuple
    output: str
    loss: str
    rate: float
    lam: float = 1e-3
    n: int = 5000
    batch: int = 128
    epochs: int = 50
    factors: tuple = ()  # of the initial weights, by layer


ONE, RELU, TWO = ((100, "logistic"),), ((100, "relu"),), ((100, "logistic"),) * 2
ENTROPY = "softmax_crossentropy"  # behind identity, what a softmax output has
WIDE: dict = dict(n=10000)
DEEP: dict = dict(batch=64, epochs=100, factors=(1e-2, 1e-3, 1e-2))
FLAT: dict = dict(batch=64, epochs=100)
SETTINGS = {
    "D1: sigmoid, linear, MSE": Setting(ONE, "identity", "mse", 0.02),
    "D1: sigmoid, linear, hinge": Setting(ONE, "identity", "hinge", 0.001),
    "D1: sigmoid, linear, softmax": Setting(ONE, "identity", ENTROPY, 0.01),
    "D1: sigmoid, sigmoid, MSE": Setting(ONE, "logistic", "mse", 0.1),
    "D2: ReLU, sigmoid, MSE": Setting(RELU, "logistic", "mse", 0.5, **WIDE),
    "D2: ReLU, sigmoid, softmax": Setting(RELU, "logistic", ENTROPY, 0.05, **WIDE),
    "D2: ReLU, linear, MSE": Setting(RELU, "identity", "mse", 0.01, **WIDE),
    "D2: ReLU, linear, softmax": Setting(RELU, "identity", ENTROPY, 0.01, **WIDE),
    "D3: two of sigmoid, MSE": Setting(TWO, "identity", "mse", 0.05, **DEEP),
    "D3: two of sigmoid, hinge": Setting(TWO, "identity", "hinge", 0.03, **DEEP),
    "D3: two of sigmoid, softmax": Setting(TWO, "identity", ENTROPY, 0.3, **DEEP),
    "D3: no hidden layer, MSE": Setting((), "identity", "mse", 0.003, **FLAT),
    "D3: no hidden layer, hinge": Setting((), "identity", "hinge", 1e-4, **FLAT),
    "D3: no hidden layer, softmax": Setting((), "identity", ENTROPY, 1e-3, **FLAT),
}
REPORTED = dict(zip(SETTINGS, (
    "30 %", "30 %", "38 %", "", "32 %", "27 %", "35 %", "25 %", "33 %", "33 %", "33 %", *["23 to 25 %"] * 3,
), strict=True))  # fmt: skip
CONCLUSIONS = {
    "a softmax learns more than nothing": lambda r: (
        r.value("D1: sigmoid, linear, softmax", "test accuracy") > 0.2
    ),
    "a hidden layer of ReLU tells more than none": lambda r: (
        r.value("D2: ReLU, linear, softmax", "test accuracy")
        > r.value("D3: no hidden layer, softmax", "test accuracy") - 0.05
    ),
    "a softmax of sigmoids cannot come near 0": lambda r: r.value("D2: ReLU, sigmoid, softmax", "loss") > 1.4,
}


def run(size="quick", seed=0, n_threads=None, penalty=None, epochs=None):
    """Run D1, D2 and D3; return their `Result`."""
    n_train, n_test, usual = {"tiny": (200, 50, 1), "quick": (2000, 1000, 15), "full": (10000, 2000, None)}[
        size
    ]
    images = data.photographs().some(n_train, n_test)
    mean, std = images.X.mean(axis=0), images.X.std() or 1.0
    X, X_test = ((pixels - mean).astype(np.float32) / std for pixels in (images.X, images.X_test))
    result, nets = Result(ID, TITLE, images.note, size, seed), {}
    for name, one in SETTINGS.items():
        sizes = [*one.hidden, (10, one.output)]
        start = [Scaled("glorot_uniform", factor) for factor in one.factors] or [None] * len(sizes)
        layers = [Dense(*each, initializer=own) for each, own in zip(sizes, start, strict=True)]
        net = Network(layers, random_state=seed, reg=L2(one.lam if penalty is None else penalty))
        nets[name] = net.fit(
            X[: one.n], images.y[: one.n], loss=one.loss, optimizer=SGD(one.rate), batch_size=one.batch,
            epochs=epochs or usual or one.epochs, n_threads=n_threads, metrics=["accuracy"],
            validation_data={"test": (X_test, images.y_test)},
        )  # fmt: skip
        curves = {"training accuracy": "accuracy", "test accuracy": "test_accuracy", "loss": "loss"}
        reported = {"test accuracy": REPORTED[name]} if REPORTED[name] else None
        why = WHY.get(name, WHY[name[:2]]) if reported else ""
        result.add_models(name, [net], curves, reported=reported, why=why)
    for row in ("D1", "D2", "D3"):
        shown = {name.removeprefix(f"{row}: "): net for name, net in nets.items() if name.startswith(row)}
        result.picture(row, CompareRunsDisplay.from_estimators(shown, key="test_accuracy"))
    result.picture("images", ImagesDisplay(images.X[:20], images.y[:20], image_shape=images.shape).plot())
    return result
