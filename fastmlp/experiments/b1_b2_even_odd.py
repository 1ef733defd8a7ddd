"""Is a glyph's digit even or odd, and how fast: a net 35-10-5-1 of sigmoid units, one glyph a step.

Accuracy hides what the F1 score of each class shows: while the net says "even" to everything, half of its
answers are right and none about odd digits. The learning rate decides how soon that ends.
"""

import numpy as np

from .. import SGD, Dense, Network, fit_many
from ..metrics import per_class
from ..plots import ClassF1Display
from . import data
from .result import Result

ID, TITLE = "B1", "Even or odd, and the learning rate"
REPORTED = {"rate 0.1": {"accuracy": "odd digits are harder at first; only F1 by class shows it"}}
EPOCHS = {"tiny": 30, "quick": 3000, "full": 5000}
RUNS = {"tiny": 2, "quick": 10, "full": 100}
METRICS = per_class("f1", ["even", "odd"]) | {"accuracy": "accuracy", "SSE": "sse"}
CURVES = {"accuracy": "accuracy", "SSE": "SSE"}
HIDES = "epochs with accuracy ½ or more and an F1 of 0"
CONCLUSIONS = {
    "a larger rate learns sooner": lambda r: (
        r.value("rate 0.5", "epochs to accuracy 1") < r.value("rate 0.1", "epochs to accuracy 1")
    ),
    "accuracy hides a class": lambda r: r.value("rate 0.1", HIDES) > 0,
}


def run(size="quick", seed=0, n_threads=None, rates=(0.02, 0.1, 0.5), epochs=None, runs=None):
    """Run B1 and B2; return their `Result`."""
    epochs, runs = epochs or EPOCHS[size], runs or RUNS[size]
    X, digits, note = data.glyphs()
    y = digits % 2
    result = Result(ID, TITLE, f"{note}, even against odd", size, seed, reported=REPORTED)
    nets = {}
    for rate in rates:
        starts = nets[f"rate {rate}"] = [build(seed + k) for k in range(runs)]
        fit_many(
            starts, X, y, loss="delta_rule", optimizer=SGD(rate), epochs=epochs, batch_size=1,
            metrics=METRICS, measure_every=max(1, epochs // 300), n_threads=n_threads,
        )  # fmt: skip
        sooner, hides = zip(*((epochs_to(net, epochs), hidden(net)) for net in starts), strict=True)
        result.add_models(f"rate {rate}", starts, CURVES, epochs_to_accuracy_1=sooner, **{HIDES: hides})
    draw(result, nets, X, y)
    return result


def draw(result, nets, X, y):
    """Draw curves by rate; then, of one rate, what accuracy hides and F1 shows."""
    some = nets.get("rate 0.1", next(iter(nets.values())))
    result.compare(nets, "SSE", title="learning rate")
    result.curves(some, "accuracy")
    result.picture("f1_by_class", ClassF1Display.from_estimators(some, on=""))
    result.confusion(some[0], X, y, display_labels=["even", "odd"])


def build(seed):
    """Return a net 35-10-5-1."""
    return Network([Dense(10, "logistic"), Dense(5, "logistic"), Dense(1, "logistic")], random_state=seed)


def epochs_to(model, never):
    """Return the first epoch after which all glyphs are told right; `never` where none is."""
    right = np.flatnonzero(np.array(model.history_["accuracy"]) == 1)
    return right[0] + 1 if len(right) else never


def hidden(model):
    """Return at how many of the epochs measured half or more is right, and nothing of one class."""
    accuracy, *f1 = (np.array(model.history_[name]) for name in ("accuracy", "f1 of even", "f1 of odd"))
    return int(((accuracy >= 0.5) & (np.minimum(*f1) == 0)).sum())
