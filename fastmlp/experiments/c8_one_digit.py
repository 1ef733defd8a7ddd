"""One digit against the rest: what an accuracy of 0.9 may be worth.

Nine of ten images show no 3. Who answers "no 3" to every image is right in nine of ten, and knows nothing;
who answers at random is right in half. Precision (how many of those told to be a 3 are one), recall (how many
of the 3s are found) and their F1 tell both from a net that has learned.
"""

import numpy as np

from .. import SGD, Dense
from ..metrics import METRICS
from .one_digit import DIGIT, images_of_one_digit
from .result import Result
from .training import trained

ID, TITLE = "C8", f"The digit {DIGIT} against the rest: 784-4-4-1"
REPORTED = {
    "always 0": {"accuracy": "0.8977"},
    "random": {"accuracy": "about 0.5"},
    "11 samples by hand": {"accuracy": "0.82"},
}
MEASURED = ("accuracy", "precision", "recall", "f1")
SIZES = {"tiny": (300, 2), "quick": (12000, 40), "full": (None, 100)}  # images, epochs
CONCLUSIONS = {
    "the constant 0 is right in nine of ten": lambda r: 0.85 < r.value("always 0", "accuracy") < 0.95,
    "and its F1 is 0": lambda r: r.value("always 0", "f1") == 0,
    "the net finds most": lambda r: r.value("784-4-4-1", "f1") > 0.5,
}


def run(size="quick", seed=0, n_threads=None, rate=0.5, epochs=None):
    """Run C8; return its `Result`."""
    images, epochs = images_of_one_digit(*SIZES[size], epochs)
    result = Result(ID, TITLE, images.note, size, seed, reported=REPORTED)
    X, y = images.X_test, images.y_test.astype(np.int64)
    layers = [Dense(4, "logistic"), Dense(4, "logistic"), Dense(1, "logistic")]
    how = dict(optimizer=SGD(rate), epochs=epochs, batch_size=10, n_threads=n_threads)
    net = trained(images, layers, seed, test="validation", metrics=MEASURED, **how)
    told = {"always 0": 0 * y, "random": np.random.RandomState(seed).randint(0, 2, len(y))}
    for name, answers in told.items():
        result.add(name, scores(y, answers))
    by_hand = np.repeat([0, 1], [9, 2])  # 9 true negatives and 2 false negatives, where the answer is 0
    result.add("11 samples by hand", scores(by_hand, 0 * by_hand))
    result.add("784-4-4-1", scores(y, net.predict_classes(X)))
    result.curves(net, "loss", *MEASURED)
    result.confusion(net, X, y)
    return result


def scores(y, told):
    """Return what each metric says of answers 0 and 1."""
    return {name: METRICS[name](y, told, labels=np.arange(2)) for name in MEASURED}
