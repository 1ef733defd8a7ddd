"""``python -m bench folds``: 5 x 5 folds of the digits, by scikit-learn's cross_validate and by ours.

Each over its own MLPClassifier in float64 with the same `random_state` and the same splits, so that both
learn the same models: that the test scores agree is checked first. scikit-learn's has no curves; ours is
timed without and with them.
"""

import argparse
import functools
import statistics
import sys
import time
import warnings

import joblib
import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.model_selection import cross_validate as theirs
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import fastmlp
from fastmlp.model_selection import cross_validate as ours

from ..harness import machine, report
from ..harness.timing import REST, SLOWER
from .memory import _forget_peak, _status

LINE = "{:>6s} {:>24s} {:>12s} {:>8s} {:>14s} {:>8s}"
SPLITS = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)


def scikit_learn(X, y, epochs, n_jobs=1, backend="loky", blas=1):
    """Return scikit-learn's test scores."""
    model = MLPClassifier(max_iter=epochs, random_state=0)
    with joblib.parallel_config(backend, n_jobs=n_jobs), threadpool_limits(blas, "blas"):
        return theirs(model, X, y, cv=SPLITS, return_train_score=True)["test_score"]


def fast(X, y, epochs, n_jobs=1, every=None):
    """Return our test scores."""
    model = fastmlp.MLPClassifier(max_iter=epochs, random_state=0)
    result = ours(model, X, y, cv=SPLITS, repeats=1, every=every, n_jobs=n_jobs)
    return result.scores["test"]["accuracy"][0]


def variants(n_jobs, n_cpus):
    """Return {label: function} of scikit-learn's ways to run `n_jobs` folds at a time."""
    if n_jobs == 1:
        counts = sorted({1, n_cpus})
        return {f"{n} BLAS thread{'s'[: n > 1]}": functools.partial(scikit_learn, blas=n) for n in counts}
    shared = functools.partial(scikit_learn, n_jobs=n_jobs)
    return {name: functools.partial(shared, backend=name) for name in ("loky", "threading")}


def seconds(function, *arguments):
    time.sleep(REST)
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def time_all(n_jobs, n_cpus, arguments, repeats):
    """Return the medians of scikit-learn's ways and of ours, interleaved: {label: seconds}."""
    rivals = variants(n_jobs, n_cpus)
    own = {"fastmlp": functools.partial(fast, n_jobs=n_jobs)}
    own["curves"] = functools.partial(fast, n_jobs=n_jobs, every=1)
    first = {label: seconds(run, *arguments) for label, run in rivals.items()}  # starts processes, too
    rivals = {label: run for label, run in rivals.items() if first[label] <= SLOWER * min(first.values())}
    found = {label: [] for label in rivals | own}
    for _ in range(repeats):
        for label, run in (rivals | own).items():
            found[label].append(seconds(run, *arguments))
    return {label: statistics.median(spent) for label, spent in found.items()}


def rise_of(run):
    """Return by how many bytes a function raises the resident memory at most."""
    run(slice(0, 2000))  # brings the imports that come late
    _forget_peak()
    before = _status("VmRSS")
    run(slice(None))
    return _status("VmHWM") - before


def measure_memory(n_jobs):
    """Print what folds in threads add to the process, by scikit-learn's cross_validate and by ours."""
    random = np.random.RandomState(0)
    X, y = random.randint(0, 256, (60000, 784)).astype(np.uint8), random.randint(0, 10, 60000)
    model = fastmlp.MLPClassifier((32,), max_iter=1, random_state=0)

    def with_ours(rows):
        ours(model, X[rows], y[rows], repeats=1, n_jobs=n_jobs)

    def with_theirs(rows):
        with joblib.parallel_config("threading", n_jobs=n_jobs):
            theirs(model, X[rows], y[rows], cv=5)

    rises = [rise_of(run) for run in (with_ours, with_theirs)]
    print(
        f"memory: 5 folds of 60000 x 784 uint8 ({X.nbytes / 1e6:.0f} MB), 784-32-10, {n_jobs} at a time "
        f"in threads: ours adds {rises[0] / 1e6:.0f} MB, scikit-learn's cross_validate over the same "
        f"estimator {rises[1] / 1e6:.0f} MB"
    )


def main(arguments=None):
    """Check and time; return 1 where scores differ, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench folds", description=__doc__)
    parser.add_argument("--epochs", type=int, default=20, help="of each fold (default: %(default)s)")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="folds at a time (default: 1 2)")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved repeats (default: %(default)s)")
    parser.add_argument("--memory", action="store_true", help="measure memory only")
    chosen = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs and no more
    if chosen.memory:
        measure_memory(max(chosen.jobs))
        return 0
    here = machine.describe()
    print(f"{here['cpu']}, {here['n_cpus']} cores, {here['system']}, Python {here['python']}")
    print(f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}", end=", ")
    print(f"fastmlp {fastmlp.__version__} ({fastmlp.backend()}); load {here['load']}")
    X, y = load_digits(return_X_y=True)
    arguments = X, y, chosen.epochs
    a, b = scikit_learn(*arguments), fast(*arguments)
    print(f"digits, MLPClassifier(max_iter={chosen.epochs}, random_state=0), 25 folds; ", end="")
    print(f"test accuracy {a.mean():.4f} and {b.mean():.4f}\n")
    if not np.array_equal(a, b):
        print(f"not timed, for {(a != b).sum()} of 25 scores differ: {a} and {b}", file=sys.stderr)
        return 1
    print(LINE.format("n_jobs", "scikit-learn", "fastmlp", "ratio", "with curves", "ratio"))
    for n_jobs in chosen.jobs:
        found = time_all(n_jobs, here["n_cpus"], arguments, chosen.repeats)
        times = found.pop("fastmlp"), found.pop("curves")
        rival = min(found, key=found.get)
        cells = [str(n_jobs), f"{report.seconds_text(found[rival])} ({rival})"]
        for own in times:
            cells += [report.seconds_text(own), report.ratio_text(found[rival] / own)]
        print(LINE.format(*cells), flush=True)
    return 0
