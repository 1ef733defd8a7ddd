"""A wide net with dropout, 784-512-512-10, on all images and on a quarter of them.

Dropout sets a share of a layer's outputs to 0 while it learns, others in every step: no unit can rely on
another one. It slows learning by heart, which counts where images are few.
"""

import tempfile
from pathlib import Path

from .. import Adam, Dense, Dropout, load
from ..callbacks import ModelCheckpoint
from ..plots import LossCurveDisplay
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C14", "Dropout: 784-512-512-10, ReLU, batch 128, and smaller nets on a quarter of the images"
REPORTED = {"512-512, ReLU, 0.2, a quarter": {"test accuracy": "about 2 points lower than on all"}}
QUARTER = {
    "512-512, ReLU, 0.2, a quarter": (2, "relu", 0.2),
    "512, ReLU, 0.2, a quarter": (1, "relu", 0.2),
    "512, sigmoid, 0.2, a quarter": (1, "logistic", 0.2),
    "512, sigmoid, 0.5, a quarter": (1, "logistic", 0.5),
    "512, sigmoid, 0, a quarter": (1, "logistic", 0.0),
}
ALL = "512-512, ReLU, 0.2, all"
CONCLUSIONS = {
    "a quarter of the images tells less": lambda r: (
        r.value(ALL, "test accuracy") > r.value("512-512, ReLU, 0.2, a quarter", "test accuracy")
    ),
    "dropout lowers the accuracy on training images": lambda r: (
        r.value("512, sigmoid, 0.5, a quarter", "training accuracy")
        <= r.value("512, sigmoid, 0, a quarter", "training accuracy") + 0.002
    ),
}


def run(size="quick", seed=0, n_threads=None, epochs=None):
    """Run C14; return its `Result`."""
    n_train, n_test, usual = {"tiny": (200, 50, 1), "quick": (8000, 2000, 4), "full": (None, None, 20)}[size]
    images = data.digits().some(n_train, n_test)
    quarter = images.some(len(images.X) // 4, None)
    result = Result(ID, TITLE, images.note, size, seed)
    for name, (depth, activation, rate) in {ALL: (2, "relu", 0.2), **QUARTER}.items():
        layers = [layer for _ in range(depth) for layer in (Dense(512, activation), Dropout(rate))]
        how = dict(optimizer=Adam(0.001), epochs=epochs or usual, batch_size=128, n_threads=n_threads)
        with tempfile.TemporaryDirectory() as folder:  # the model is saved at every epoch
            saved = ModelCheckpoint(Path(folder) / "net.safetensors")
            some = images if name == ALL else quarter
            net = trained(some, [*layers, Dense(10, "softmax")], seed, callbacks=[saved], **how)
            again = load(Path(folder) / "net.safetensors").score(some.X_test, some.y_test)
        result.add_models(
            name, [net], CURVES, extra={"of the saved model": again}, reported=REPORTED.get(name)
        )
        picture = name.replace(", ", "_").replace(" ", "_")
        result.picture(picture, LossCurveDisplay.from_estimator(net, key="accuracy"))
    return result
