"""Is a glyph's digit even or odd, and how fast: a net 35-10-5-1 of sigmoid units, one glyph a step.

Accuracy hides what the F1 score of each class shows: while the net says "even" to everything, half of its
answers are right and none about odd digits. The learning rate decides how soon that ends.
"""

import numpy as np

from .. import SGD, Dense, Network, fit_many
from ..metrics import per_class
from ..plots import ClassF1Display, CompareRunsDisplay, ConfusionMatrixDisplay, LossCurveDisplay
from . import data
from .result import Result

ID, TITLE = "B1", "Even or odd, and the learning rate"
REPORTED = {"accuracy": "odd digits are harder at first; only F1 by class shows it"}
CONCLUSIONS = {
    "a larger rate learns sooner": lambda r: (
        r.value("rate 0.5", "epochs to accuracy 1") < r.value("rate 0.1", "epochs to accuracy 1")
    ),
    "accuracy hides a class": lambda r: (
        r.value("rate 0.1", "epochs with accuracy ½ or more and an F1 of 0") > 0
    ),
}


def run(size="quick", seed=0, n_threads=None, rates=(0.02, 0.1, 0.5), epochs=None, runs=None):
    """Run B1 and B2; return their `Result`."""
    epochs = epochs or {"tiny": 30, "quick": 3000, "full": 5000}[size]
    runs = runs or {"tiny": 2, "quick": 10, "full": 100}[size]
    X, digits, note = data.glyphs()
    y = digits % 2
    result = Result(ID, TITLE, f"{note}, even against odd", size, seed)

    def build(random_state):
        layers = [Dense(10, "logistic"), Dense(5, "logistic"), Dense(1, "logistic")]
        return Network(layers, random_state=random_state)

    found = fit_many(
        build, X, y, loss="sse", epochs=epochs, batch_size=1, n_threads=n_threads, group_by="random_state",
        metrics=per_class("f1", ["even", "odd"]) | {"accuracy": "accuracy"},
        measure_every=max(1, epochs // 300),
        parameters={"optimizer": [SGD(rate / 2) for rate in rates], "random_state": range(seed, seed + runs)},
    )  # fmt: skip

    nets = {f"rate {rate}": setting.models for rate, setting in zip(rates, found, strict=True)}
    for name, models in nets.items():
        extra = {
            "epochs to accuracy 1": [epochs_to(model, epochs) for model in models],
            "epochs with accuracy ½ or more and an F1 of 0": [hidden(model) for model in models],
        }
        reported = REPORTED if name == "rate 0.1" else None
        result.add_models(
            name, models, {"accuracy": "accuracy", "SSE": "loss"}, extra=extra, reported=reported
        )
    of = next((name for name in nets if name == "rate 0.1"), next(iter(nets)))
    result.picture("sse_by_rate", CompareRunsDisplay.from_estimators(nets, title="learning rate"))
    result.picture("accuracy", LossCurveDisplay.from_estimator(nets[of], key="accuracy"))
    result.picture("f1_by_class", ClassF1Display.from_estimators(nets[of], on=""))
    result.picture(
        "confusion",
        ConfusionMatrixDisplay.from_estimator(
            nets[of][0], X, y, colorbar=False, display_labels=["even", "odd"]
        ),
    )
    return result


def epochs_to(model, never):
    """Return the first epoch after which all glyphs are told right; `never` where none is."""
    right = np.flatnonzero(np.array(model.history_["accuracy"]) == 1)
    return right[0] + 1 if len(right) else never


def hidden(model):
    """Return at how many of the epochs measured half or more is right, and nothing of one class."""
    accuracy, *f1 = (np.array(model.history_[name]) for name in ("accuracy", "f1 of even", "f1 of odd"))
    return int(((accuracy >= 0.5) & (np.minimum(*f1) == 0)).sum())
