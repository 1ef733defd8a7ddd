"""A large net, 784-256-128-64-10, what it confuses, and how it stands noise beside a small one.

Handwritten 4 and 9, 5 and 3, 7 and 9 share strokes. Noise on the test images hits the small net first: it has
few features to fall back on.
"""

import numpy as np

from .. import Adam, Dense
from ..noise import add_gaussian_noise
from ..plots import ImagesDisplay, NoiseRobustnessDisplay
from ..schedules import Cosine
from . import data
from .result import Result
from .training import CURVES, trained

ID, TITLE = "C5", "A large net, its mistakes, and noise: 784-256-128-64-10 against 784-10-10"
LARGE, SMALL = "784-256-128-64-10", "784-10-10"
NETS = {LARGE: ((256, 128, 64), 1.0), SMALL: ((10,), 0.3)}  # hidden layers, part of the epochs
REPORTED = {
    LARGE: {"training accuracy": "0.9758", "test accuracy": "0.9623", "seconds": "18983"},
    SMALL: {"seconds": "107.75"},
}
WHY = {SMALL: "under noise of 0.6 and more, where both err often, it stands as well as the large one"}
SIGMAS = (0.0, 0.2, 0.4, 0.6, 0.8)
SIZES = {
    "tiny": (200, 50, 1),
    "quick": (10000, 2000, 10),
    "full": (None, None, 10),
}  # to train, to test; epochs
CONCLUSIONS = {
    "the large net tells more right": lambda r: (
        r.value(LARGE, "test accuracy") > r.value(SMALL, "test accuracy")
    ),
    "the large net stands noise of 0.2 better": lambda r: (
        r.value(LARGE, "accuracy with noise 0.2") > r.value(SMALL, "accuracy with noise 0.2")
    ),
    "the large net stands noise of 0.4 better": lambda r: (
        r.value(LARGE, "accuracy with noise 0.4") > r.value(SMALL, "accuracy with noise 0.4")
    ),
}
ONLY = {
    "the large net stands noise of 0.4 better": (
        "full originals", "from fewer images, or of 8 x 8 pixels, both nets err often under so much noise"
    ),
}  # fmt: skip


def run(size="quick", seed=0, n_threads=None, epochs=None, batch_size=32, rate=0.002):
    """Run C5 and C7; return their `Result`."""
    images, epochs = data.digits().at(*SIZES[size], epochs)
    result, nets = Result(ID, TITLE, images.note, size, seed, reported=REPORTED, why=WHY), {}
    for name, (widths, part) in NETS.items():
        lasts = max(1, round(part * epochs))
        layers = [*(Dense(width, "logistic") for width in widths), Dense(10, "softmax")]
        falling = Adam(Cosine(rate, lasts))  # to a rate of 0: the last epochs settle
        how = dict(epochs=lasts, batch_size=batch_size, n_threads=n_threads)
        nets[name] = trained(images, layers, seed, optimizer=falling, **how)
    how = dict(sigmas=SIGMAS, unit=1 / images.scale, n_repeats=1, random_state=seed)
    noise = NoiseRobustnessDisplay.from_estimator(nets, images.X_test, images.y_test, **how)
    for name, scores in noise.scores.items():
        noisy = {f"accuracy with noise {s}": score for s, score in zip(SIGMAS, scores, strict=True)}
        result.add_models(name, nets[name], CURVES, **noisy)
    draw(result, images, nets[LARGE], noise)
    return result


def draw(result, images, net, noise):
    """Draw the large net's curves and mistakes, both nets under noise, and eight images at each strength."""
    result.curves(net, "accuracy")
    result.confusion(net, images.X_test, images.y_test)
    result.picture("noise", noise)
    pixels = images.X_test[:8] * images.scale
    shown = np.concatenate([add_gaussian_noise(pixels, sigma, random_state=result.seed) for sigma in SIGMAS])
    titles = [f"noise {sigma}" for sigma in SIGMAS for _ in pixels]
    how = dict(image_shape=images.shape, n_columns=8, limits=(0, 1))
    result.picture("noisy_images", ImagesDisplay(shown, titles, **how).plot())
