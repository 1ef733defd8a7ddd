"""Pixels from 0 to 255 against pixels from 0 to 1, with the same small rate.

Large inputs make large sums, at which a sigmoid is flat, and large steps of the first weights: raw pixels act
as a learning rate 255 times as large for the weights into the net. Which of the two learns depends on the
rate.
"""

from ..plots import CompareRunsDisplay, ImagesDisplay
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
CONCLUSIONS = {
    "at a small rate scaled pixels stay near the constant answer": lambda r: (
        r.value("scaled, 0 to 1", "training accuracy") <= r.value("raw, 0 to 255", "training accuracy") + 0.01
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None):
    """Run C11; return its `Result`."""
    n_train, usual = {"tiny": (600, 1), "quick": (12000, 10), "full": (None, 50)}[size]
    images = images_of_one_digit(n_train)
    result = Result(ID, TITLE, images.note, size, seed)
    nets = {}
    for name, scale in (("raw, 0 to 255", images.scale * 255), ("scaled, 0 to 1", images.scale)):
        how = dict(rate=rate, epochs=epochs or usual, batch_size=100, n_threads=n_threads)
        nets[name] = one_digit_net(images._replace(scale=scale), (4, 4), seed, **how)
        result.add_models(name, [nets[name]], CURVES, reported=REPORTED[name], why=WHY[name])
    for key in ("accuracy", "val_accuracy"):
        result.picture(key, CompareRunsDisplay.from_estimators(nets, key=key))
    largest = [f"up to {images.X[i].max() * scale:g}" for scale in (1, images.scale) for i in range(6)]
    rows = images.X[[*range(6), *range(6)]]
    result.picture("pixels", ImagesDisplay(rows, largest, image_shape=images.shape, n_columns=6).plot())
    return result
