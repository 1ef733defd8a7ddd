"""``fastmlp bench``: how long the same training takes in scikit-learn and here."""

import os
import time
import warnings

import numpy as np
import sklearn.neural_network as theirs
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from .. import MLPClassifier, MLPRegressor, backend
from ..kernels.threads import usable_cores
from .progress import progress

EPOCHS = 30


def run(options):
    """Print a table; return 1 where something else was learned than by scikit-learn."""
    cases = list(_cases())
    lines, same = [("data", "network", "rows", "scikit-learn", "fastmlp", "ratio", "same predictions")], True
    with progress(len(cases) * options.repeats, " fits", "bench") as bar:
        for name, X, y, ours, other, hidden in cases:
            how = dict(
                hidden_layer_sizes=hidden, max_iter=EPOCHS, random_state=0, tol=0, n_iter_no_change=EPOCHS
            )
            seconds = {True: [], False: []}
            for _ in range(options.repeats):
                a = _fit(ours(**how, n_threads=options.threads), X, y, seconds[True])
                b = _fit(other(**how), X, y, seconds[False])
                bar.update()
            equal = np.allclose(a.predict(X), b.predict(X), rtol=1e-6) and a.n_iter_ == b.n_iter_
            same &= equal
            fast, slow = min(seconds[True]), min(seconds[False])
            net = "-".join(map(str, (X.shape[1], *hidden, a.n_outputs_)))
            row = (
                name,
                net,
                len(X),
                f"{slow:.3f} s",
                f"{fast:.3f} s",
                f"{slow / fast:.1f}",
                "yes" if equal else "NO",
            )
            lines.append(tuple(map(str, row)))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip())
    print(f"\n{EPOCHS} epochs of fit with scikit-learn's defaults (Adam, batch 200), float64; the best of")
    print(f"{options.repeats}; backend {backend()}, {usable_cores()} of {os.cpu_count()} cores")
    return 0 if same else 1


def _cases():
    """Yield name, data, the two estimators and hidden layers."""
    classes, values = (MLPClassifier, theirs.MLPClassifier), (MLPRegressor, theirs.MLPRegressor)
    for name, load, estimators, hidden in (
        ("iris", datasets.load_iris, classes, (16,)),
        ("breast cancer", datasets.load_breast_cancer, classes, (100,)),
        ("diabetes", datasets.load_diabetes, values, (100,)),
        ("digits", datasets.load_digits, classes, (100,)),
        ("digits", datasets.load_digits, classes, (256, 128)),
    ):
        X, y = load(return_X_y=True)
        yield name, StandardScaler().fit_transform(X), y, *estimators, hidden


def _fit(model, X, y, seconds):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = time.perf_counter()
        model.fit(X, y)
    seconds.append(time.perf_counter() - started)
    return model
