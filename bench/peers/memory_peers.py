"""What training adds to a fresh process, by our `Network.fit`, and by both packages' `cross_validate`."""

import json
import subprocess
import sys

import numpy as np

from .base import Peer
from .fastmlp_peer import FastMLP

SIZES, N_ROWS = (784, 256, 128, 64, 10), 60000


def make_rows(dtype):
    """Return images and labels: random pixels."""
    random = np.random.RandomState(0)
    x = random.randint(0, 256, (N_ROWS, SIZES[0])).astype(np.uint8)
    return x if dtype == "uint8" else x.astype(dtype) / np.dtype(dtype).type(255), random.randint(
        0, 10, N_ROWS
    )


def train(x, y, theirs):
    from fastmlp import Adam, Dense, Network

    layers = [Dense(n, "softmax" if n == SIZES[-1] else "logistic") for n in SIZES[1:]]
    model = Network(layers, random_state=0, input_scale=1 / 255 if x.dtype == np.uint8 else 1.0)
    model.fit(x, y, epochs=1, batch_size=128, loss="categorical_crossentropy", optimizer=Adam(0.001))


def folds(x, y, theirs):
    import joblib

    import fastmlp

    model = fastmlp.MLPClassifier((32,), max_iter=1, random_state=0)
    if not theirs:
        from fastmlp.model_selection import cross_validate

        return cross_validate(model, x, y, repeats=1, n_jobs=2)
    from sklearn.model_selection import cross_validate

    with joblib.parallel_config("threading", n_jobs=2):
        return cross_validate(model, x, y, cv=5)


class Measured:
    """A process of its own for each run."""

    theirs = False

    def refuse(self, case):
        return "once is enough" if (self.n_threads or 1) > 1 else None

    def run(self):
        given = json.dumps([self.case.what, self.case.dtype, self.theirs])
        code = f"from bench.peers.memory_peers import measure; print(measure(*{json.loads(given)!r}))"
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.rise = float(done.stdout)

    def result(self):
        return self.rise


class Ours(Measured, FastMLP):
    pass


class Theirs(Measured, Peer):
    """scikit-learn's `cross_validate` over the same estimator of ours."""

    theirs = True

    def versions(self):
        return {}


def measure(what, dtype, theirs):
    """Return the rise in MB, in this process."""
    from ..harness.resident import rise_of

    function, (x, y) = {"train": train, "folds": folds}[what], make_rows(dtype)
    function(x[:2000], y[:2000], theirs)  # brings the imports that come late
    return rise_of(lambda: function(x, y, theirs)) / 1e6
