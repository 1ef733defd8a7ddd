"""A wide net with dropout, 784-512-512-10, on all images and on a quarter of them.

Dropout sets a share of a layer's outputs to 0 while it learns, others in every step: no unit can rely on
another one. It slows learning by heart, which counts where images are few.
"""

import tempfile
from pathlib import Path

from .. import Adam, Dense, Dropout, load
from ..callbacks import ModelCheckpoint
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C14", "Dropout: 784-512-512-10, ReLU, batch 128, and smaller nets on a quarter of the images"
REPORTED = {"512-512, ReLU, 0.2, a quarter": {"test accuracy": "about 2 points lower than on all"}}
ALL = "512-512, ReLU, 0.2, all"
SETTINGS = {  # one of how many parts of the images, hidden layers, activation, dropout
    ALL: (1, (512, 512), "relu", 0.2),
    "512-512, ReLU, 0.2, a quarter": (4, (512, 512), "relu", 0.2),
    "512, ReLU, 0.2, a quarter": (4, (512,), "relu", 0.2),
    "512, sigmoid, 0.2, a quarter": (4, (512,), "sigmoid", 0.2),
    "512, sigmoid, 0.5, a quarter": (4, (512,), "sigmoid", 0.5),
    "512, sigmoid, 0, a quarter": (4, (512,), "sigmoid", 0.0),
}
SIZES = {
    "tiny": (200, 50, 1),
    "quick": (8000, 2000, 4),
    "full": (None, None, 20),
}  # to train, to test; epochs
CONCLUSIONS = {
    "a quarter of the images tells less": lambda r: (
        r.value(ALL, "test accuracy") > r.value("512-512, ReLU, 0.2, a quarter", "test accuracy")
    ),
    "dropout lowers the accuracy on training images": lambda r: (
        r.value("512, sigmoid, 0.5, a quarter", "training accuracy")
        < r.value("512, sigmoid, 0, a quarter", "training accuracy")
    ),
}


def run(size="quick", seed=0, n_threads=None, epochs=None):
    """Run C14; return its `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    for name, (n_parts, widths, activation, rate) in SETTINGS.items():
        some = images.some(len(images.X) // n_parts, None)
        layers = [layer for width in widths for layer in (Dense(width, activation), Dropout(rate))]
        how = dict(optimizer=Adam(0.001), epochs=epochs, batch_size=128, n_threads=n_threads)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "net.safetensors"
            saved = ModelCheckpoint(file)  # at every epoch
            net = trained(some, [*layers, Dense(10, "softmax")], seed, callbacks=[saved], **how)
            result.add_models(
                name, net, CURVES, of_the_saved_model=load(file).score(some.X_test, some.y_test)
            )
        result.curves(net, "accuracy", name=name)
    return result
