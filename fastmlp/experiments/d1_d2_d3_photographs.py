"""Small nets on photographs: losses, outputs, hidden layers, and a penalty on the weights.

Pixels are centred by the training images' mean and divided by their standard deviation. ``reg=L2(λ)``
adds λ Σ W² of all layers once to the mean loss. A softmax's cross-entropy can be taken of any outputs: of
sigmoids, which lie between 0 and 1, it cannot come near 0. Deep sigmoid nets that start from weights next to
0 take long to leave the point where all outputs are alike.
"""

from typing import NamedTuple

from .. import L2, SGD, Dense
from ..initializers import Scaled
from ..plots import ImagesDisplay
from . import data
from .result import Result
from .training import trained

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

    def layers(self):
        """Return the layers of the net."""
        sizes = [*self.hidden, (10, self.output)]
        starts = [Scaled("glorot_uniform", factor) for factor in self.factors] or [None] * len(sizes)
        return [Dense(*size, initializer=start) for size, start in zip(sizes, starts, strict=True)]


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
FIGURES = ["30 %"] * 2 + ["38 %", None, "32 %", "27 %", "35 %", "25 %"] + ["33 %"] * 3 + ["23 to 25 %"] * 3
REPORTED = {name: {"test accuracy": figure} for name, figure in zip(SETTINGS, FIGURES, strict=True) if figure}
WHY = {name: WHY.get(name, WHY[name[:2]]) for name in REPORTED}
CURVES = {"training accuracy": "accuracy", "test accuracy": "test_accuracy", "loss": "loss"}
SIZES = {
    "tiny": (200, 50, 1),
    "quick": (2000, 1000, 15),
    "full": (10000, 2000, 0),
}  # 0: each setting's
CONCLUSIONS = {
    "a softmax learns more than nothing": lambda r: (
        r.value("D1: sigmoid, linear, softmax", "test accuracy") > 0.2
    ),
    "a hidden layer of ReLU tells more than none": lambda r: (
        r.value("D2: ReLU, linear, softmax", "test accuracy")
        > r.value("D3: no hidden layer, softmax", "test accuracy")
    ),
    "a softmax of sigmoids cannot come near 0": lambda r: r.value("D2: ReLU, sigmoid, softmax", "loss") > 1.4,
}


def run(size="quick", seed=0, n_threads=None, penalty=None, epochs=None):
    """Run D1, D2 and D3; return their `Result`."""
    images, epochs = data.photographs().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED, why=WHY)
    centred, nets = images.centred(), {}
    for name, one in SETTINGS.items():
        reg = L2(one.lam if penalty is None else penalty)
        how = dict(loss=one.loss, optimizer=SGD(one.rate), batch_size=one.batch, n_threads=n_threads)
        some = centred.some(one.n, None)
        nets[name] = trained(some, one.layers(), seed, reg=reg, epochs=epochs or one.epochs, **how)
        result.add_models(name, nets[name], CURVES)
    for row in ("D1", "D2", "D3"):
        shown = {name.removeprefix(f"{row}: "): net for name, net in nets.items() if name.startswith(row)}
        result.compare(shown, "test_accuracy", name=row)
    result.picture("images", ImagesDisplay(images.X[:20], images.y[:20], image_shape=images.shape).plot())
    return result
