"""``python -m bench perceptrons``: scikit-learn's single neurons and ours, doing the same work.

Both start from the same `random_state`, so that they learn the same weights: that is checked first. A time
is that of a whole `fit`, checks of its input included.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Perceptron, SGDRegressor

import fastmlp

from ..harness import machine, report
from ..harness.timing import median_seconds

AND = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]), np.array([-1, -1, -1, 1])
SHORTEST = 0.05  # seconds that one repeat should take: shorter fits are repeated and averaged
LINE = "{:58s} {:>14s} {:>12s} {:>8s}"


def table(n, n_features, n_classes=2, dtype=np.float64):
    """Return a random table of classes that a line divides but for some noise."""
    random = np.random.RandomState(0)
    X = random.standard_normal((n, n_features)).astype(dtype)
    scores = X @ random.standard_normal((n_features, n_classes)) + 3 * random.standard_normal((n, n_classes))
    return X, scores.argmax(axis=1)


def sparse_table(n, n_features):
    """Return a CSR matrix, 1 % of which is filled."""
    X = sp.random_array((n, n_features), density=0.01, random_state=0, format="csr")
    scores = X @ np.random.RandomState(0).standard_normal(n_features)
    return X, (scores > 0).astype(int)


def line():
    """Return a table of real targets."""
    X, _ = table(100_000, 100)
    random = np.random.RandomState(1)
    return X, X @ random.standard_normal(100) + random.standard_normal(len(X))


@dataclass
class Case:
    """One comparison: a title, the data, and what both are told."""

    title: str
    data: object
    options: dict
    kind: str = "step"
    goal: float | None = None

    def models(self):
        """Return scikit-learn's estimator and ours."""
        if self.kind == "step":
            return Perceptron(**self.options), fastmlp.Perceptron(**({"epsilon": 0} | self.options))
        theirs = SGDRegressor(penalty=None, learning_rate="constant", **self.options)
        return theirs, fastmlp.LinearPerceptron(**self.options)


def cases():
    """Yield every case."""
    epochs = dict(tol=None, max_iter=10, random_state=0)
    rows = "100000 x 100, 10 epochs"
    yield Case(f"step, {rows}, float64", lambda: table(100_000, 100), epochs, goal=3)
    yield Case(f"step, {rows}, float32", lambda: table(100_000, 100, dtype=np.float32), epochs, goal=3)
    yield Case(
        f"step, {rows}, float64, not shuffled", lambda: table(100_000, 100), epochs | {"shuffle": False}
    )
    yield Case("step, 20000 x 100, 10 classes, 10 epochs, float64", lambda: table(20_000, 100, 10), epochs)
    yield Case("step, 100000 x 1000 CSR, 1 % filled, 10 epochs", lambda: sparse_table(100_000, 1000), epochs)
    yield Case("step, 20000 x 10000 CSR, 1 % filled, 10 epochs", lambda: sparse_table(20_000, 10_000), epochs)
    defaults = dict(tol=1e-3, random_state=0)
    yield Case("step, digits, until tol", lambda: load_digits(return_X_y=True), defaults)
    yield Case("step, breast cancer, until tol", lambda: load_breast_cancer(return_X_y=True), defaults)
    thousand = dict(tol=None, max_iter=1000, random_state=0)
    yield Case("step, AND, 1000 epochs", lambda: AND, thousand)
    yield Case("step, AND, 1 epoch", lambda: AND, thousand | {"max_iter": 1})
    options = epochs | {"eta0": 1e-3}
    yield Case(f"linear, {rows}, float64", line, options, "linear")
    yield Case("linear, AND, 1000 epochs", lambda: AND, thousand | {"eta0": 0.01}, "linear")


def disagreement(a, b):
    """Return in words where two fitted estimators differ; "" where they do not."""
    if a.n_iter_ != b.n_iter_:
        return f"{a.n_iter_} and {b.n_iter_} epochs"
    tolerance = 1e-9 if a.coef_.dtype == np.float64 else 1e-5
    for name in ("coef_", "intercept_"):
        one, other = getattr(a, name), getattr(b, name)
        far = np.abs(one - other).max() / max(np.abs(one).max(), 1e-300)
        if not far <= tolerance:
            return f"{name} differs by {far:.1e}"
    return ""


def tanh_by_numpy(X, y, eta, epochs):
    """Return w and b after the textbook's loop, one sample after another, and the last sum of squares."""
    w = np.zeros(X.shape[1] + 1)
    rows = np.column_stack([X, np.ones(len(X))])
    for _ in range(epochs):
        error = 0.0
        for x, t in zip(rows, y, strict=True):
            a = np.tanh(w @ x)
            error += (t - a) ** 2
            w += eta * (t - a) * (1 - a * a) * x
    return w, error


def tanh_case(repeats):
    """Check and time TanhPerceptron on AND; scikit-learn has no such neuron. Return whether it is wrong."""
    X, y = AND
    neuron = fastmlp.TanhPerceptron(eta0=0.1, shuffle=False, max_iter=1000)
    neuron.fit(X, y)
    w, error = tanh_by_numpy(X, y, 0.1, 1000)
    found = [*neuron.coef_, *neuron.intercept_, neuron.errors_[-1]]
    if not np.allclose(found, [*w, error], rtol=1e-9):
        print(f"tanh: not timed, for it is not the textbook's: {found}", file=sys.stderr)
        return True
    calls = {"own": lambda: neuron.fit(X, y), "loop": lambda: tanh_by_numpy(X, y, 0.1, 1000)}
    own, loop = median_seconds(calls, repeats, SHORTEST).values()
    title = "tanh, AND, 1000 epochs (against a loop in NumPy)"
    cells = report.seconds_text(loop), report.seconds_text(own), report.ratio_text(loop / own)
    print(LINE.format(title, *cells))
    print(f"  goal: 1 ms for the whole fit: {'met' if own <= 1e-3 else 'missed'}")
    return False


def main(arguments=None):
    """Check and time every case; return 1 where the models differ, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench perceptrons", description=__doc__)
    parser.add_argument("--cases", nargs="+", metavar="TEXT", default=[""], help="part of a title")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"--repeats: expected at least 1, got {chosen.repeats}")
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are given
    here = machine.describe()
    print(f"{here['cpu']}, {here['n_cpus']} cores, {here['system']}, Python {here['python']}")
    print(f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}", end=", ")
    print(f"fastmlp {fastmlp.__version__} ({fastmlp.backend()}); load {here['load']}\n")
    print(LINE.format("whole fit, medians", "scikit-learn", "fastmlp", "ratio"))
    n_wrong = 0
    for case in cases():
        if not any(text in case.title for text in chosen.cases):
            continue
        X, y = case.data()
        theirs, ours = case.models()
        wrong = disagreement(theirs.fit(X, y), ours.fit(X, y))
        n_wrong += bool(wrong)
        if wrong:
            print(f"{case.title}: not timed, for the models differ: {wrong}", file=sys.stderr)
            continue
        calls = {"rival": partial(theirs.fit, X, y), "own": partial(ours.fit, X, y)}
        rival, own = median_seconds(calls, chosen.repeats, SHORTEST).values()
        cells = report.seconds_text(rival), report.seconds_text(own), report.ratio_text(rival / own)
        print(LINE.format(case.title, *cells), flush=True)
        if case.goal:
            print(f"  goal: {case.goal:g} times faster: {'met' if rival >= case.goal * own else 'missed'}")
    if any(text in "tanh, AND, 1000 epochs" for text in chosen.cases):
        n_wrong += tanh_case(chosen.repeats)
    return int(n_wrong > 0)
