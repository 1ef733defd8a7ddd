"""Three optimizers on handwritten digits, one image a step.

The same net, 784-32-10 of sigmoid units, from the same weights and with the images in the same order: plain
gradient descent, gradient descent with momentum, and Adam, whose steps are as long for rare inputs as for
frequent ones.
"""

from .. import SGD, Adam, Dense, Momentum
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C1", "Optimizers on 784-32-10, an image a step"
REPORTED = {
    "SGD 0.01": {"seconds": "550.91"},
    "momentum 0.9, 0.01": {"seconds": "639.84"},
    "Adam 0.001": {"seconds": "1350.63", "test accuracy": "gains most per epoch"},
}
OPTIMIZERS = dict(zip(REPORTED, (SGD(0.01), Momentum(0.01, 0.9), Adam(0.001)), strict=True))
SIZES = {
    "tiny": (200, 50, 2),
    "quick": (6000, 1000, 3),
    "full": (None, None, 10),
}  # to train, to test; epochs
CONCLUSIONS = {
    "Adam gains most in the first epoch": lambda r: (
        max(by := r.values("test accuracy after 1 epoch"), key=by.get) == "Adam 0.001"
    ),
}


def run(size="quick", seed=0, n_threads=None, epochs=None):
    """Run C1; return its `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    nets = {}
    for name, optimizer in OPTIMIZERS.items():
        layers = [Dense(32, "logistic"), Dense(10, "logistic")]
        how = dict(loss="delta_rule", optimizer=optimizer, epochs=epochs, batch_size=1)
        net = nets[name] = trained(images, layers, seed, **how)
        first = net.history_["test_accuracy"][0]
        result.add_models(name, net, CURVES, test_accuracy_after_1_epoch=first)
    result.compare(nets, "loss", "test_accuracy")
    return result
