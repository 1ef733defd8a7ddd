"""``python -m bench estimators``: scikit-learn's estimators and ours, fitted with default parameters.

Both start from the same `random_state` and train in float64, so that they learn the same model: that is
checked first.
"""

import argparse
import statistics
import sys
import time
import warnings

import numpy as np
import sklearn
import sklearn.neural_network as theirs
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import fastmlp

from ..harness import machine, report
from ..harness.timing import REST, SLOWER

CASES = {
    "digits": ("MLPClassifier", load_digits),
    "breast-cancer": ("MLPClassifier", load_breast_cancer),
    "diabetes": ("MLPRegressor", load_diabetes),
}
TOLERANCE = 1e-6  # relative; of losses and predictions, after up to 200 epochs of roundings of their own
LINE = "{:14s} {:14s} {:>6s} {:>8s} {:>16s} {:>10s} {:>8s}"


def load(name):
    """Return the class's name, X in float64 and y of a case."""
    kind, loader = CASES[name]
    X, y = loader(return_X_y=True)
    return kind, np.ascontiguousarray(X, np.float64), y


def fit(package, kind, X, y):
    """Return an estimator of `package`, fitted with default parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are the default, enough or not
        return getattr(package, kind)(random_state=0).fit(X, y)


def disagreement(a, b, X, y):
    """Return in words where two fitted estimators differ; "" where they do not."""
    if a.n_iter_ != b.n_iter_:
        return f"{a.n_iter_} and {b.n_iter_} epochs"
    measured = {
        "loss_": (a.loss_, b.loss_),
        "score": (a.score(X, y), b.score(X, y)),
        "predict": (a.predict(X), b.predict(X)),
    }
    if hasattr(a, "predict_proba"):
        measured["predict_proba"] = a.predict_proba(X), b.predict_proba(X)
    for name, (one, other) in measured.items():
        scale = np.abs(one).max()
        far = float(np.abs(np.subtract(one, other)).max() / scale)
        if not far <= TOLERANCE:
            return f"{name} differs by {far:.1e} of {scale:.3g}"
    return ""


def time_fits(kind, X, y, repeats, n_threads):
    """Return the median seconds of a fit of scikit-learn's, its number of threads, and our seconds.

    scikit-learn's BLAS is tried with one thread and with all, and the faster counts; ours chooses its
    threads itself.
    """

    def seconds(package, count):
        time.sleep(REST)
        with threadpool_limits(count, "blas"):
            begin = time.perf_counter()
            fit(package, kind, X, y)
            return time.perf_counter() - begin

    counts = sorted({1, n_threads})
    first = {count: seconds(theirs, count) for count in counts}
    counts = [count for count in counts if first[count] <= SLOWER * min(first.values())]
    spent = {(theirs, count): [] for count in counts} | {(fastmlp, None): []}
    for _ in range(repeats):
        for variant, found in spent.items():
            found.append(seconds(*variant))
    medians = {variant: statistics.median(found) for variant, found in spent.items()}
    best = min(counts, key=lambda count: medians[theirs, count])
    return medians[theirs, best], best, medians[fastmlp, None]


def main(arguments=None):
    """Check and time every case; return 1 where the models differ, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench estimators", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="NAME", default=list(CASES))
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"--repeats: expected at least 1, got {chosen.repeats}")
    here = machine.describe()
    print(f"{here['cpu']}, {here['n_cpus']} cores, {here['system']}, Python {here['python']}")
    print(f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}", end=", ")
    print(f"fastmlp {fastmlp.__version__} ({fastmlp.backend()}); load {here['load']}")
    print("fit with default parameters and random_state=0 in float64; medians; '/2' counts BLAS threads\n")
    print(LINE.format("data", "estimator", "epochs", "score", "scikit-learn", "fastmlp", "ratio"))
    n_wrong = 0
    for name in chosen.cases:
        kind, X, y = load(name)
        with threadpool_limits(1, "blas"):
            a, b = fit(theirs, kind, X, y), fit(fastmlp, kind, X, y)
        wrong = disagreement(a, b, X, y)
        n_wrong += bool(wrong)
        if wrong:
            print(f"{name}: not timed, for the models differ: {wrong}", file=sys.stderr)
            continue
        rival, count, own = time_fits(kind, X, y, chosen.repeats, here["n_cpus"])
        times = [f"{report.seconds_text(rival)} /{count}", report.seconds_text(own)]
        score = f"{b.score(X, y):.4f}"
        row = [name, kind, str(b.n_iter_), score, *times, report.ratio_text(rival / own)]
        print(LINE.format(*row), flush=True)
    return int(n_wrong > 0)
