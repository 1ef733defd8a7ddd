"""Which of ten glyphs is it, and what noise does to the answer.

A net 35-20-10 of sigmoid units learns the ten clean glyphs by plain SGD, one glyph a step. Then it is asked
about a hundred noisy copies of each: the more noise, the more mistakes, and glyphs that differ in few pixels
go first.
"""

import numpy as np

from .. import SGD, Dense, Network, fit_many
from ..metrics import per_class
from ..noise import noisy_copies
from ..plots import ClassF1Display, ConfusionMatrixDisplay, ImagesDisplay, LossCurveDisplay
from . import data
from .result import Result

ID, TITLE = "B3", "Which digit: ten glyphs learned clean and tested with noise"
REPORTED = {"accuracy": "falls as the noise grows; 0, 3, 8 are hardest"}
SIGMAS = (0.3, 0.5, 0.7)
CONCLUSIONS = {
    "the clean glyphs are learned": lambda r: r.value("clean", "accuracy") > 0.99,
    "accuracy falls as the noise grows": lambda r: (
        r.value("noise 0.3", "accuracy") > r.value("noise 0.5", "accuracy") > r.value("noise 0.7", "accuracy")
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.1, epochs=None, runs=5):
    """Run B3; return its `Result`."""
    epochs = epochs or {"tiny": 30, "quick": 3000, "full": 5000}[size]
    every = max(1, epochs // 50)
    X, y, note = data.glyphs()
    tests = {f"noise {sigma}": noisy(X, y, sigma, seed) for sigma in SIGMAS}
    result = Result(ID, TITLE, note, size, seed)

    nets = [
        Network([Dense(20, "logistic"), Dense(10, "logistic")], random_state=seed + k) for k in range(runs)
    ]
    metrics = per_class("f1", 10) | {"accuracy": "accuracy", "SSE": "sse"}
    fit_many(
        nets, X, y, loss="delta_rule", optimizer=SGD(rate), epochs=epochs, batch_size=1, n_threads=n_threads,
        validation_data=tests, metrics=metrics, measure_every=every,
    )  # fmt: skip

    result.add_models("clean", nets, {"accuracy": "accuracy", "SSE": "SSE"}, reported=REPORTED)
    for name in tests:
        result.add_models(name, nets, {"accuracy": f"{name}_accuracy", "SSE": f"{name}_SSE"})
    result.picture("accuracy", LossCurveDisplay.from_estimator(nets, key="accuracy"))
    result.picture("sse", LossCurveDisplay.from_estimator(nets, key="SSE", log=True))
    f1 = ClassF1Display.from_estimators(nets, on="noise 0.7")
    result.picture("f1_by_digit", f1)
    result.picture("f1_bars", f1.bars(sorted({every, max(every, epochs // 5 // every * every), epochs})))
    for sigma in SIGMAS:
        display = ConfusionMatrixDisplay.from_estimator(nets[0], *tests[f"noise {sigma}"], colorbar=False)
        result.picture(f"confusion_{sigma}", display)
    shown = np.concatenate([X, *(tests[f"noise {sigma}"][0][::100] for sigma in (0.3, 0.7))])
    titles = [f"{digit}{tail}" for tail in ("", ", 0.3", ", 0.7") for digit in y]
    result.picture("glyphs", ImagesDisplay(shown, titles, image_shape=(7, 5), n_columns=10).plot())
    return result


def noisy(X, y, sigma, seed):
    """Return a hundred noisy copies of each glyph, and their digits."""
    return noisy_copies(X, 100, sigma, random_state=seed), np.repeat(y, 100)
