"""Whole fits of single neurons, scikit-learn's and ours, and the textbook's loop in NumPy."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from .estimators import Bundled, Fit

EPOCHS = {"tol": None, "max_iter": 10, "random_state": 0}
THOUSAND = EPOCHS | {"max_iter": 1000}
ROWS = "100000 x 100, 10 epochs"


def logic():
    return np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]), np.array([-1, -1, -1, 1])


def table(n, n_features, n_classes=2, dtype=np.float64):
    """Return a random table of classes that a line divides but for some noise."""
    random = np.random.RandomState(0)
    X = random.standard_normal((n, n_features)).astype(dtype)
    scores = X @ random.standard_normal((n_features, n_classes)) + 3 * random.standard_normal((n, n_classes))
    return X, scores.argmax(axis=1)


def sparse_table(n, n_features):
    """Return a CSR matrix, 1 % of which is filled."""
    import scipy.sparse as sp

    X = sp.random_array((n, n_features), density=0.01, random_state=0, format="csr")
    scores = X @ np.random.RandomState(0).standard_normal(n_features)
    return X, (scores > 0).astype(int)


def line():
    """Return a table of real targets."""
    X, _ = table(100_000, 100)
    random = np.random.RandomState(1)
    return X, X @ random.standard_normal(100) + random.standard_normal(len(X))


def step(name, title, data, options=EPOCHS, tolerance=1e-9, **more):
    return Fit(name=f"step-neuron-{name}", title=f"step, {title}", kind="Perceptron", data=data,
               options=options,
               theirs="sklearn.linear_model:Perceptron", own={"epsilon": 0}, tolerance=tolerance,
               **more)  # fmt: skip


def linear(name, title, data, options):
    others = {"penalty": None, "learning_rate": "constant"}
    return Fit(name=f"linear-neuron-{name}", title=f"linear, {title}", kind="LinearPerceptron", data=data,
               others=others,
               theirs="sklearn.linear_model:SGDRegressor", options=options, tolerance=1e-9)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tanh(Fit):
    """scikit-learn has no such neuron."""

    PEERS: ClassVar = {"numpy": "fit_peers:TanhByNumPy", "fastmlp": "fit_peers:Ours"}
    reference = "numpy"


CASES = (
    step("float64", f"{ROWS}, float64", partial(table, 100_000, 100), goal=3),
    step("float32", f"{ROWS}, float32", partial(table, 100_000, 100, dtype=np.float32), goal=3,
         tolerance=1e-5),
    step("in-order", f"{ROWS}, not shuffled", partial(table, 100_000, 100), EPOCHS | {"shuffle": False}),
    step("classes", "20000 x 100, 10 classes, 10 epochs", partial(table, 20_000, 100, 10)),
    step("csr", "100000 x 1000 CSR, 1 % filled, 10 epochs", partial(sparse_table, 100_000, 1000)),
    step("csr-wide", "20000 x 10000 CSR, 1 % filled, 10 epochs", partial(sparse_table, 20_000, 10_000)),
    step("digits", "digits, until tol", Bundled("digits"), {"tol": 1e-3, "random_state": 0}),
    step("cancer", "breast cancer, until tol", Bundled("breast_cancer"), {"tol": 1e-3, "random_state": 0}),
    step("and", "AND, 1000 epochs", logic, THOUSAND),
    step("and-once", "AND, 1 epoch", logic, THOUSAND | {"max_iter": 1}),
    linear("rows", f"{ROWS}, float64", line, EPOCHS | {"eta0": 1e-3}),
    linear("and", "AND, 1000 epochs", logic, THOUSAND | {"eta0": 0.01}),
    Tanh(name="tanh-neuron", title="tanh, AND, 1000 epochs (against a loop in NumPy)",
         kind="TanhPerceptron", theirs="",
         data=logic, options={"eta0": 0.1, "shuffle": False, "max_iter": 1000}, tolerance=1e-9, goal=0.001,
         measure="seconds"),
)  # fmt: skip
