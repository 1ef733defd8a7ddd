"""Callbacks: ours in networks and estimators, and scikit-learn's in estimators."""

import csv
import io

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, callbacks

X, Y = make_classification(80, 6, random_state=0)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def network():
    return Network([Dense(5, "tanh"), Dense(1, "logistic")], random_state=0)


class Recorder:
    """Notes what it is told; stops after `stop` epochs."""

    def __init__(self, stop=None):
        self.stop, self.told = stop, []

    def on_fit_begin(self, state):
        self.told.append(("begin", state.epoch, state.n_epochs))

    def on_epoch_end(self, state):
        self.told.append(("epoch", state.epoch, dict(state.logs)))
        return state.epoch == self.stop

    def on_fit_end(self, state):
        self.told.append(("end", state.epoch, len(state.history["loss"])))


def test_the_protocol_in_a_network():
    recorder, plain = Recorder(stop=3), network().fit(X, Y, epochs=3)
    model = network().fit(X, Y, epochs=9, callbacks=[recorder, callbacks.WeightRecorder()])
    assert [what for what, *_ in recorder.told] == ["begin", "epoch", "epoch", "epoch", "end"]
    assert recorder.told[0][1:] == (0, 9) and recorder.told[-1][1:] == (3, 3)
    np.testing.assert_array_equal(model.params, plain.params)
    assert [told[2]["loss"] for told in recorder.told[1:-1]] == plain.loss_curve_ == model.loss_curve_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_protocol_in_an_estimator(solver):
    recorder = Recorder(stop=3)
    model = MLPClassifier((5,), solver=solver, max_iter=9, random_state=0)
    model.fit(X, Y, callbacks=[recorder])
    assert model.n_iter_ == 3 == len(model.history_["loss"])
    assert [what for what, *_ in recorder.told] == ["begin", "epoch", "epoch", "epoch", "end"]
    if solver == "adam":
        plain = MLPClassifier((5,), max_iter=3, random_state=0).fit(X, Y)
        np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])
        assert set(recorder.told[1][2]) == {"loss", "learning_rate", "seconds"}


def test_every_epoch_is_told_even_the_last():
    recorder = Recorder()
    network().fit(X, Y, epochs=4, callbacks=[recorder])
    assert [told[1] for told in recorder.told] == [0, 1, 2, 3, 4, 4]
    model = MLPRegressor(hidden_layer_sizes=(3,), tol=10, n_iter_no_change=2, random_state=0)
    recorder = Recorder()
    model.fit(X, Y, callbacks=[recorder])
    assert recorder.told[-1][1] == model.n_iter_ == len(recorder.told) - 2 == 4


def test_early_stopping_restores_the_best_weights():
    weights = callbacks.WeightRecorder()
    stop = callbacks.EarlyStopping("val_loss", patience=3)
    model = network().fit(
        X[:40],
        Y[:40],
        epochs=500,
        optimizer="adam",
        validation_data=(X[40:], Y[40:]),
        callbacks=[weights, stop],
    )
    losses = model.history_["val_loss"]
    assert len(losses) < 500
    best = int(np.argmin(losses))
    assert stop.best_epoch_ == best + 1 == len(losses) - 4
    assert stop.best_ == losses[best] == pytest.approx(model.evaluate(X[40:], Y[40:])["loss"])
    np.testing.assert_array_equal(model.params, weights.params_[best + 1])
    with pytest.raises(ValueError, match=r"monitor must be one of .*loss.*; got 'val_loss'"):
        network().fit(X, Y, callbacks=[stop])


def test_weights_are_recorded():
    recorder = callbacks.WeightRecorder(every=2)
    model = network()
    start = model.build(6).params.copy()
    model.fit(X, Y, epochs=5, callbacks=[recorder])
    assert recorder.epochs_ == [0, 2, 4]
    np.testing.assert_array_equal(recorder.params_[0], start)
    np.testing.assert_array_equal(recorder.params_[1], network().fit(X, Y, epochs=2).params)


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    model = network()
    for append in (False, True):
        model.fit(X, Y, epochs=2, metrics="accuracy", callbacks=[callbacks.CSVLogger(path, append=append)])
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 1, 2]
    assert [float(row["accuracy"]) for row in rows] == model.history_["accuracy"]


def test_model_checkpoint(tmp_path):
    pytest.importorskip("dill")
    from fastmlp import load

    every = callbacks.ModelCheckpoint(tmp_path / "net-{epoch:02d}.fastmlp", every=2)
    best = callbacks.ModelCheckpoint(tmp_path / "best.fastmlp", monitor="loss")
    model = MLPClassifier((5,), max_iter=5, random_state=0).fit(X, Y, callbacks=[every, best])
    assert [path.name for path in every.saved_] == ["net-02.fastmlp", "net-04.fastmlp"]
    assert best.saved_ == [tmp_path / "best.fastmlp"]
    early = MLPClassifier((5,), max_iter=2, random_state=0).fit(X, Y)
    loaded = load(tmp_path / "net-02.fastmlp", trusted=True)
    np.testing.assert_array_equal(loaded.predict_proba(X), early.predict_proba(X))
    np.testing.assert_array_equal(load(best.saved_[0], trusted=True).predict(X), model.predict(X))


def test_progress_bar(capsys):
    pytest.importorskip("tqdm")
    file = io.StringIO()
    network().fit(X, Y, epochs=3, callbacks=[callbacks.ProgressBar(file=file)])
    last = file.getvalue().replace("\r", "\n").strip().splitlines()[-1]
    assert "3/3" in last and "loss=" in last
    assert len(file.getvalue().replace("\r", "\n").strip().splitlines()) <= 3  # a log file is not flooded
    silent = io.StringIO()
    network().fit(X, Y, epochs=3, callbacks=[callbacks.ProgressBar(file=silent, verbose=0)])
    assert silent.getvalue() == ""
    assert capsys.readouterr() == ("", "")


skl = pytest.importorskip("sklearn.callback", reason="scikit-learn's callbacks came with 1.9")


class Theirs:
    """A callback of scikit-learn's protocol."""

    def __init__(self, stop=None):
        self.stop, self.ended, self.scores, self.hooks = stop, 0, [], []

    def setup(self, estimator, context):
        self.hooks.append("setup")

    def teardown(self, estimator, context):
        self.hooks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.hooks.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.ended += 1
        self.scores.append((fitted_estimator, fitted_estimator.predict_proba(X)))
        return self.ended == self.stop


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_scikit_learns_callbacks_are_told_and_can_stop(solver):
    callback = Theirs(stop=4)
    model = MLPClassifier((5,), solver=solver, learning_rate_init=0.1, max_iter=9, random_state=0)
    model.set_callbacks(callback).fit(X, Y)
    assert callback.ended == 4 == model.n_iter_
    assert callback.hooks == ["setup", "begin fit", *["begin epoch"] * 4, "teardown"]
    for estimator, then in callback.scores:  # a copy stands still while training goes on
        np.testing.assert_array_equal(estimator.predict_proba(X), then)
    assert not np.array_equal(callback.scores[0][1], callback.scores[-1][1])


def test_scikit_learns_scoring_monitor_in_a_grid_search():
    monitor = skl.ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(max_iter=3, random_state=0).set_callbacks(monitor)
    GridSearchCV(model, {"hidden_layer_sizes": [(3,), (4,)]}, cv=2).fit(X, Y)
    logs = monitor.get_logs()
    epochs = [row for log in np.ravel(logs) for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == (2 * 2 + 1) * 3
    assert all(0 <= row["accuracy"] <= 1 for row in epochs)


def test_scikit_learns_progress_bar_in_a_grid_search(capsys):
    pytest.importorskip("rich")
    grid = GridSearchCV(MLPClassifier(max_iter=3, random_state=0), {"alpha": [0.1, 1.0]}, cv=2)
    grid.set_callbacks(skl.ProgressBar()).fit(X, Y)
    assert "MLPClassifier" in capsys.readouterr().out


def test_nothing_is_called_without_callbacks(monkeypatch):
    """No callback set: the kernels are entered without a function to call at an epoch's end."""
    from fastmlp.kernels import training

    asked, run = [], training.run
    monkeypatch.setattr(
        training,
        "run",
        lambda job, on_epoch=None, **more: asked.append(on_epoch) or run(job, on_epoch, **more),
    )
    MLPClassifier((3,), max_iter=20, random_state=0).fit(X, Y)
    network().fit(X, Y, epochs=20)
    assert asked == [None, None]
