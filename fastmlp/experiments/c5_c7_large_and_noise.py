"""A large net, 784-256-128-64-10, what it confuses, and how it stands noise beside a small one.

Handwritten 4 and 9, 5 and 3, 7 and 9 share strokes. Noise on the test images hits the small net first: it has
few features to fall back on.
"""

import numpy as np

from .. import Adam, Dense
from ..noise import add_gaussian_noise
from ..plots import ConfusionMatrixDisplay, ImagesDisplay, LossCurveDisplay, NoiseRobustnessDisplay
from ..schedules import Cosine
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C5", "A large net, its mistakes, and noise: 784-256-128-64-10 against 784-10-10"
REPORTED = {
    "784-256-128-64-10": {"training accuracy": "0.9758", "test accuracy": "0.9623", "seconds": "18983"},
    "784-10-10": {"seconds": "107.75"},
}
WHY = {"784-10-10": "under noise of 0.6 and more, where both err often, it stands as well as the large one"}
SIGMAS = (0.2, 0.4, 0.6, 0.8)
CONCLUSIONS = {
    "the large net tells more right": lambda r: (
        r.value("784-256-128-64-10", "test accuracy") > r.value("784-10-10", "test accuracy")
    ),
    "the large net stands noise better": lambda r: (
        r.value("784-256-128-64-10", "accuracy with noise 0.4")
        > r.value("784-10-10", "accuracy with noise 0.4")
    ),
}


def run(size="quick", seed=0, n_threads=None, epochs=None, batch_size=32, rate=0.002):
    """Run C5 and C7; return their `Result`."""
    n_train, n_test, usual = {"tiny": (200, 50, 1), "quick": (10000, 2000, 4), "full": (None, None, 10)}[size]
    images = data.digits().some(n_train, n_test)
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {}
    for name, lasts in (("784-256-128-64-10", epochs or usual), ("784-10-10", min(3, epochs or usual))):
        widths = [int(width) for width in name.split("-")[1:-1]]
        layers = [*(Dense(width, "logistic") for width in widths), Dense(10, "softmax")]
        optimizer = Adam(Cosine(rate, lasts))  # which falls to 0: the last epochs settle
        how = dict(optimizer=optimizer, epochs=lasts, batch_size=batch_size, n_threads=n_threads)
        nets[name] = trained(images, layers, seed, **how)
        pixels = images.X_test * images.scale
        noisy = {
            f"accuracy with noise {sigma}": nets[name].score(
                add_gaussian_noise(pixels, sigma, random_state=seed) / images.scale, images.y_test
            )
            for sigma in SIGMAS
        }
        result.add_models(
            name, [nets[name]], CURVES, extra=noisy, reported=REPORTED[name], why=WHY.get(name, "")
        )
    large = nets["784-256-128-64-10"]
    result.picture("curves", LossCurveDisplay.from_estimator(large, key="accuracy"))
    result.picture(
        "confusion",
        ConfusionMatrixDisplay.from_estimator(large, images.X_test, images.y_test, colorbar=False),
    )
    how = dict(sigmas=(0.0, *SIGMAS), unit=1 / images.scale, n_repeats=1, random_state=seed)
    result.picture("noise", NoiseRobustnessDisplay.from_estimator(nets, images.X_test, images.y_test, **how))
    shown = [
        add_gaussian_noise(images.X_test[:8] * images.scale, sigma, random_state=seed) for sigma in SIGMAS
    ]
    titles = [f"noise {sigma}" for sigma in SIGMAS for _ in range(8)]
    grid = ImagesDisplay(np.concatenate(shown), titles, image_shape=images.shape, n_columns=8, limits=(0, 1))
    result.picture("noisy_images", grid.plot())
    return result
