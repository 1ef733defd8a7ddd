"""Batch sizes: the fewer images a step, the more steps an epoch, and the more is learned in it."""

from .. import SGD, Dense
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C3", "Batch sizes on 784-32-10, plain gradient descent"
REPORTED = {"1": {"test accuracy": "smaller batches learn faster per epoch"}}
SIZES = {
    "tiny": (300, 50, 1),
    "quick": (10000, 2000, 3),
    "full": (None, None, 10),
}  # to train, to test; epochs
CONCLUSIONS = {
    "smaller batches learn more in an epoch": lambda r: (
        [*(by := r.values("training loss"))] == sorted(by, key=by.get)
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None, sizes=(1, 8, 32, 128)):
    """Run C3; return its `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    nets = {}
    for batch_size in sizes:
        name, layers = str(batch_size), [Dense(32, "logistic"), Dense(10, "logistic")]
        how = dict(loss="delta_rule", optimizer=SGD(rate), epochs=epochs, n_threads=n_threads)
        nets[name] = trained(images, layers, seed, batch_size=batch_size, **how)
        result.add_models(name, nets[name], CURVES)
    result.compare(nets, "loss", "test_accuracy", title="batch size")
    return result
