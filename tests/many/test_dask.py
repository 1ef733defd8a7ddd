"""Folds and grid searches on a Dask cluster of two worker processes, one of which dies on the way."""

import os
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from fastmlp import MLPClassifier
from fastmlp.model_selection import cross_validate, engine

distributed = pytest.importorskip("dask.distributed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
MODEL = MLPClassifier((6,), max_iter=5, learning_rate_init=0.05)


class DieOnce:
    """A metric; the first process but `parent` that asks for it in the middle of a fit ends at once."""

    def __init__(self, folder):
        self.marker, self.parent, self.n_sent = Path(folder) / "died", os.getpid(), 0

    def __getstate__(self):
        self.n_sent += 1
        return self.__dict__

    def __call__(self, estimator, X, y):
        if os.getpid() != self.parent and estimator.n_iter_ == 3 and self._is_first():
            os._exit(1)
        return 0.0

    def _is_first(self):
        try:
            with open(self.marker, "x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return False
        return True


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_folds_survive_a_worker(client, tmp_path):
    options = dict(cv=3, repeats=2, random_state=0)
    metrics = {"accuracy": "accuracy", "sse": "sse", "die": DieOnce(tmp_path)}
    here = cross_validate(MODEL, X, Y, metrics=metrics, n_jobs=2, **options)
    assert not metrics["die"].marker.exists()
    workers = set(client.run(os.getpid).values())
    with joblib.parallel_config("dask"):
        there = cross_validate(MODEL, X, Y, metrics=metrics, **options)
    assert int(metrics["die"].marker.read_text()) in workers
    assert metrics["die"].n_sent < 6  # as are the data: not with every fold
    for of in ("train", "test"):
        for name in metrics:
            np.testing.assert_array_equal(here.curves[of][name], there.curves[of][name])
            np.testing.assert_array_equal(here.scores[of][name], there.scores[of][name])


@pytest.mark.parametrize("n_known", [1, 2])
def test_a_cluster_of_one(n_known, monkeypatch):
    """joblib runs what is for one worker in its own process, also where there were two a moment ago."""
    options = dict(cv=2, repeats=1, random_state=0)
    here = cross_validate(MODEL, X, Y, **options)
    with (
        distributed.LocalCluster(1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        monkeypatch.setattr(engine, "effective_n_jobs", lambda n_jobs: n_known)
        there = cross_validate(MODEL, X, Y, **options)
    np.testing.assert_array_equal(here.curves["test"]["accuracy"], there.curves["test"]["accuracy"])


@pytest.mark.parametrize("backend", ["threading", "loky", "dask"])
def test_grid_search(client, backend):
    grid = {"hidden_layer_sizes": [(4,), (8,)], "solver": ["adam", "sgd"]}
    cv = StratifiedKFold(2)
    model = MODEL.__class__(**MODEL.get_params() | {"random_state": 0})
    expected = GridSearchCV(model, grid, cv=cv).fit(X, Y)
    with joblib.parallel_config(backend, n_jobs=2):
        found = GridSearchCV(model, grid, cv=cv).fit(X, Y)
    for key in ("mean_test_score", "split0_test_score", "rank_test_score"):
        np.testing.assert_array_equal(found.cv_results_[key], expected.cv_results_[key])
    assert found.best_params_ == expected.best_params_
    for a, b in zip(found.best_estimator_.coefs_, expected.best_estimator_.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
