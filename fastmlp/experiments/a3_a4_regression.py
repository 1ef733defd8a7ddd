"""A linear and a non-linear neuron on 28 rows, and how much it depends on which rows train.

Both learn by the delta rule, a step a sample: ``w += rate (t - y) f'(y) x``, with f the identity or tanh.
Targets are scaled to [-1, 1] and the errors back. The curve that the rows lie on bends, so tanh fits it
better. With so few rows one split says little: the second half repeats it.
"""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import ShuffleSplit
from sklearn.preprocessing import MinMaxScaler

from .. import LinearPerceptron, TanhPerceptron
from ..model_selection import cross_validate
from ..plots import BarsDisplay
from . import data
from .result import Result

ID, TITLE = "A3", "A linear against a non-linear neuron, by 5 runs of 5 folds and by 5 single splits"
REPORTED = {
    "linear": {"training SSE": "997.88 ± 616.22", "test SSE": "750.13 ± 573.76"},
    "tanh": {"training SSE": "248.44 ± 714.89", "test SSE": "560.54 ± 497.57"},
}
WHY = {
    "linear": "the reported training error is below the least-squares minimum of its folds: no line has it",
    "tanh": "the reported spread is three times its mean: some of those fits ended far off, none of ours",
}
EPOCHS = {"tiny": 20, "quick": 500, "full": 2000}
CONCLUSIONS = {
    "tanh fits the training rows better than a line": lambda r: (
        r.value("tanh", "training SSE") < r.value("linear", "training SSE")
    ),
    "no linear neuron is below the least-squares minimum": lambda r: (
        r.value("linear", "training SSE") >= r.value("least squares", "training SSE") * (1 - 1e-6)
    ),
}


def run(size="quick", seed=0, n_threads=None, rate=0.01, epochs=None):
    """Run A3 and A4; return their `Result`."""
    X, y, note = data.regression_rows()
    result = Result(ID, TITLE, note, size, seed, reported=REPORTED, why=WHY)
    how = dict(eta0=rate, max_iter=epochs or EPOCHS[size], tol=None, random_state=seed)
    linear = TransformedTargetRegressor(LinearPerceptron(**how), transformer=MinMaxScaler((-1, 1)))
    splits, bars = ShuffleSplit(5, test_size=0.25, random_state=seed), {}
    for name, neuron in {"linear": linear, "tanh": TanhPerceptron(**how)}.items():  # which scales by itself
        how = dict(metrics="sse", every=None, random_state=seed, n_jobs=n_threads)
        folds = cross_validate(neuron, X, y, cv=5, repeats=5, **how)
        single = cross_validate(neuron, X, y, cv=splits, repeats=1, **how)
        result.add(name, errors(folds), seconds=folds.fit_times.sum())
        result.add(f"{name}, single splits", errors(single))
        bars[name] = {f"split {k + 1}": sse for k, sse in enumerate(errors(single)["test SSE"])}
    result.add("least squares", {"training SSE": least_squares(X, y, folds.splits)})
    result.picture("single_splits", BarsDisplay(bars, name="test SSE", group_name="which rows train").plot())
    return result


def errors(found):
    """Return the sums of squared errors that cross-validation found."""
    train, test = (found.scores[of]["sse"].ravel() for of in ("train", "test"))
    return {"training SSE": train, "test SSE": test}


def least_squares(X, y, splits):
    """Return the smallest sum of squared errors that a line can have on the training rows of each split."""
    X = np.column_stack([X, np.ones(len(X))])
    fits = ((X[rows], y[rows]) for repeat in splits for rows, _ in repeat)
    return [((t - A @ np.linalg.lstsq(A, t)[0]) ** 2).sum() for A, t in fits]
