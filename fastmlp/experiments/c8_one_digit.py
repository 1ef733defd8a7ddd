"""One digit against the rest: what an accuracy of 0.9 may be worth.

Nine of ten images show no 3. Who answers "no 3" to every image is right in nine of ten, and knows nothing;
who answers at random is right in half. Precision (how many of those told to be a 3 are one), recall (how many
of the 3s are found) and their F1 tell both from a net that has learned.
"""

import numpy as np

from .. import SGD, Dense
from ..metrics import METRICS
from ..plots import ConfusionMatrixDisplay, LossCurveDisplay
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
CONCLUSIONS = {
    "the constant 0 is right in nine of ten": lambda r: 0.85 < r.value("always 0", "accuracy") < 0.95,
    "and its F1 is 0": lambda r: r.value("always 0", "f1") == 0,
    "the net finds most": lambda r: r.value("784-4-4-1", "f1") > 0.5,
}


def run(size="quick", seed=0, n_threads=None, rate=0.5, epochs=None):
    """Run C8; return its `Result`."""
    n_train, usual = {"tiny": (300, 2), "quick": (12000, 40), "full": (None, 100)}[size]
    images = images_of_one_digit(n_train)
    result = Result(ID, TITLE, images.note, size, seed)
    random = np.random.RandomState(seed)
    y = images.y_test.astype(np.int64)
    baselines = {"always 0": np.zeros_like(y), "random": random.randint(0, 2, len(y))}
    for name, told in baselines.items():
        result.add(name, scores(y, told), reported=REPORTED[name])
    by_hand = np.repeat([0, 1], [9, 2]), np.zeros(11, np.int64)  # 9 true negatives, 2 false negatives
    result.add("11 samples by hand", scores(*by_hand), reported=REPORTED["11 samples by hand"])

    layers = [Dense(4, "logistic"), Dense(4, "logistic"), Dense(1, "logistic")]
    how = dict(optimizer=SGD(rate), epochs=epochs or usual, batch_size=10, n_threads=n_threads)
    net = trained(images, layers, seed, test="validation", metrics=MEASURED, **how)
    result.add("784-4-4-1", scores(y, net.predict_classes(images.X_test)))
    for key in ("loss", *MEASURED):
        result.picture(key, LossCurveDisplay.from_estimator(net, key=key))
    display = ConfusionMatrixDisplay.from_estimator(net, images.X_test, y, colorbar=False)
    result.picture("confusion", display)
    return result


def scores(y, told):
    """Return what each metric says of answers 0 and 1."""
    return {name: METRICS[name](y, told, labels=np.arange(2)) for name in MEASURED}
