"""Which of ten glyphs is it, and what noise does to the answer.

A net 35-20-10 of sigmoid units learns the ten clean glyphs by plain SGD, one glyph a step. Then it is asked
about a hundred noisy copies of each: the more noise, the more mistakes, and glyphs that differ in few pixels
go first.
"""

from copy import deepcopy

import numpy as np

from .. import SGD, Dense, Network, fit_many
from ..metrics import per_class
from ..noise import noisy_copies
from ..plots import ClassF1Display, ImagesDisplay
from . import data
from .result import Result

ID, TITLE = "B3", "Which digit: ten glyphs learned clean and tested with noise"
REPORTED = {"clean": {"accuracy": "falls as the noise grows; 0, 3, 8 are hardest"}}
EPOCHS = {"tiny": 30, "quick": 3000, "full": 5000}
METRICS = per_class("f1", 10) | {"accuracy": "accuracy", "SSE": "sse"}
SIGMAS = (0.3, 0.5, 0.7)
CONCLUSIONS = {
    "the clean glyphs are learned": lambda r: r.value("clean", "accuracy") > 0.99,
    "accuracy falls as the noise grows": lambda r: (
        r.value("noise 0.3", "accuracy") > r.value("noise 0.5", "accuracy") > r.value("noise 0.7", "accuracy")
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.1, epochs=None, runs=5):
    """Run B3; return its `Result`."""
    X, y, note = data.glyphs()
    result = Result(ID, TITLE, note, size, seed, reported=REPORTED)
    epochs = epochs or EPOCHS[size]
    tests = {f"noise {s}": (noisy_copies(X, 100, s, random_state=seed), np.repeat(y, 100)) for s in SIGMAS}
    layers = (Dense(20, "logistic"), Dense(10, "logistic"))
    nets = [Network(deepcopy(layers), random_state=seed + k) for k in range(runs)]
    fit_many(
        nets, X, y, loss="delta_rule", optimizer=SGD(rate), epochs=epochs, batch_size=1, n_threads=n_threads,
        validation_data=tests, metrics=METRICS, measure_every=every_of(epochs),
    )  # fmt: skip
    for name in ("clean", *tests):
        of = "" if name == "clean" else f"{name}_"
        result.add_models(name, nets, {"accuracy": f"{of}accuracy", "SSE": f"{of}SSE"})
    draw(result, nets, X, y, tests, epochs)
    return result


def every_of(epochs):
    """Return after every how many epochs to measure: some fifty times in all."""
    return max(1, epochs // 50)


def draw(result, nets, X, y, tests, epochs):
    """Draw the curves, the scores by digit, what is taken for what, and glyphs."""
    result.curves(nets, "accuracy")
    result.curves(nets, "SSE", log=True)
    f1 = ClassF1Display.from_estimators(nets, on="noise 0.7")
    result.picture("f1_by_digit", f1)
    every = every_of(epochs)
    early = {every, *(min(epoch, epochs) // every * every for epoch in (300, 2100))}  # as the reports have it
    result.picture("f1_bars", f1.bars(sorted(early)))
    for name, (noisy, digits) in tests.items():
        result.confusion(nets[0], noisy, digits, f"confusion, {name}")
    shown = np.concatenate([X, *(tests[f"noise {sigma}"][0][::100] for sigma in (0.3, 0.7))])
    titles = [f"{digit}{tail}" for tail in ("", ", 0.3", ", 0.7") for digit in y]
    result.picture("glyphs", ImagesDisplay(shown, titles, image_shape=(7, 5), n_columns=10).plot())
