"""Pixels from 0 to 255 against pixels from 0 to 1, with the same small rate.

Large inputs make large sums, at which a sigmoid is flat, and large steps of the first weights: by raw pixels
these are 255 times as long. Which of the two learns sooner depends on the rate.
"""

import numpy as np

from ..plots import ImagesDisplay
from .one_digit import CURVES, images_of_one_digit, one_digit_net
from .result import Result

ID, TITLE = "C11", "Raw pixels against scaled ones"
REPORTED = {
    "raw, 0 to 255": {"training accuracy": "0.99", "validation accuracy": "0.70"},
    "scaled, 0 to 1": {"training accuracy": "0.89", "validation accuracy": "0.89"},
}
WHY = {
    "raw, 0 to 255": "the drop of the validation accuracy does not reproduce",
    "scaled, 0 to 1": "rate and epochs are not stated: ours is at the constant answer for 20 epochs and more",
}
WAITS = "epochs at the constant answer"
SIZES = {"tiny": (600, 1), "quick": (12000, 200), "full": (None, 50)}  # images, epochs
CONCLUSIONS = {
    "at so small a rate raw pixels leave the constant answer sooner": lambda r: (
        r.value("raw, 0 to 255", WAITS) < r.value("scaled, 0 to 1", WAITS)
    ),
    "scaled ones are left there for ten epochs and more": lambda r: r.value("scaled, 0 to 1", WAITS) >= 10,
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None):
    """Run C11; return its `Result`."""
    images, epochs = images_of_one_digit(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED, why=WHY)
    constant = 1 - images.y.mean()  # the accuracy of the answer 0 to every image
    nets, raw = {}, images._replace(scale=255 * images.scale)
    for name, some in {"raw, 0 to 255": raw, "scaled, 0 to 1": images}.items():
        how = dict(rate=rate, epochs=epochs, batch_size=100, n_threads=n_threads)
        nets[name] = one_digit_net(some, (4, 4), seed, **how)
        waits = sum(np.array(nets[name].history_.get("accuracy", [])) < constant + 0.005)
        result.add_models(name, nets[name], CURVES, epochs_at_the_constant_answer=waits)
    result.compare(nets, "accuracy", "val_accuracy")
    largest = [f"up to {image.max() * scale:g}" for scale in (1, images.scale) for image in images.X[:6]]
    shown = np.concatenate([images.X[:6]] * 2)
    result.picture("pixels", ImagesDisplay(shown, largest, image_shape=images.shape, n_columns=6).plot())
    return result
