"""How many layers, and how wide: three runs of each structure, with Adam."""

from .. import Adam, Dense
from . import data
from .result import Result
from .training import CURVES, repeated

ID, TITLE = "C4", "Structures: width and number of layers"
REPORTED = {
    "256": {"test accuracy": "accuracy and time grow with the first layer's width, not in proportion"},
    "32-32-32": {"test accuracy": "the number of layers does not matter"},
}
STRUCTURES = ((16,), (32,), (64,), (256,), (32, 32), (32, 32, 32), (64, 32), (256, 128, 64))
SIZES = {
    "tiny": (200, 50, 1),
    "quick": (10000, 2000, 3),
    "full": (None, None, 3),
}  # to train, to test; epochs
CONCLUSIONS = {
    "a wider first layer tells more digits right": lambda r: (
        r.value("16", "test accuracy") < r.value("64", "test accuracy") < r.value("256", "test accuracy")
    ),
    "a second layer of 32 gains less than a point": lambda r: (
        r.value("32-32", "test accuracy") < r.value("32", "test accuracy") + 0.01
    ),
}


def run(size="quick", seed=0, n_threads=None, epochs=None, runs=3):
    """Run C4; return its `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    for widths in STRUCTURES:
        layers = [*(Dense(width, "logistic") for width in widths), Dense(10, "softmax")]
        how = dict(optimizer=Adam(0.001), epochs=epochs, n_threads=n_threads)
        nets = repeated(runs, images, layers, seed, **how)
        result.add_models("-".join(map(str, widths)), nets, CURVES)
    result.bars("test accuracy", "hidden layers")
    result.bars("seconds", "hidden layers")
    return result
