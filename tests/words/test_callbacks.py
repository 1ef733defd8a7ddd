"""Callbacks: ours in networks and estimators, and scikit-learn's in estimators."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.metrics import brier_score_loss
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

    every = callbacks.ModelCheckpoint(tmp_path / "net-{epoch:02d}.dill", every=2)
    best = callbacks.ModelCheckpoint(tmp_path / "best.dill", monitor="loss")
    model = MLPClassifier((5,), max_iter=5, random_state=0).fit(X, Y, callbacks=[every, best])
    assert [path.name for path in every.saved_] == ["net-02.dill", "net-04.dill"]
    assert best.saved_ == [tmp_path / "best.dill"]
    early = MLPClassifier((5,), max_iter=2, random_state=0).fit(X, Y)
    loaded = load(tmp_path / "net-02.dill", trusted=True)
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


def told(callback, values, name="value"):
    """Tell a callback of epochs with given values; return after how many it stopped."""
    state = SimpleNamespace(names={name: "min"}, params=np.zeros(1), epoch=0, n_epochs=len(values), logs={})
    callback.on_fit_begin(state)
    for state.epoch, value in enumerate(values, 1):
        state.params[:], state.logs = state.epoch, {name: value}
        if callback.on_epoch_end(state):
            break
    callback.on_fit_end(state)
    return state.epoch, state.params[0]


@pytest.mark.parametrize(
    ("values", "patience", "options", "stopped", "best"),
    [
        ([3, 2, 2, 1], 0, {}, 3, 2),  # no better is enough
        ([3, 2, 2, 1], 1, {}, 4, 4),
        ([3, 2, 2, 2, 1], 1, {}, 4, 2),
        ([np.nan, np.nan, np.nan, 1], 1, {}, 2, 2),  # nothing to restore
        ([3, np.nan, np.nan, 2], 2, {}, 4, 4),
        ([3, np.nan, np.nan, 2], 1, {}, 3, 1),
        ([-np.inf, 5], 5, {}, 2, 1),
        ([3, 2.95, 2.9], 1, dict(min_delta=0.1), 3, 1),
        ([3, 2.95, 2.8], 1, dict(min_delta=0.1), 3, 3),
        ([1, 2, 0, 0], 1, dict(mode="max"), 4, 2),
        ([3, 2, 2], 0, dict(restore_best=False), 3, 3),
    ],
)
def test_early_stopping_by_hand(values, patience, options, stopped, best):
    callback = callbacks.EarlyStopping("value", patience=patience, **options)
    assert told(callback, values) == (stopped, best)
    if all(np.isnan(values[:stopped])):
        assert callback.best_epoch_ == 0 and np.isnan(callback.best_)


def test_what_is_monitored_must_be_logged():
    """A name that is missing is refused before anything is trained, and nothing is built or written."""
    for callback in (callbacks.EarlyStopping(), callbacks.ModelCheckpoint("never", monitor="val_loss")):
        model = network()
        with pytest.raises(ValueError, match=r"monitor must be one of .*loss.*; got 'val_loss'"):
            model.fit(X, Y, callbacks=[callback])
        assert model.plan is None and model.history_ == {}
        with pytest.raises(ValueError, match=r"monitor must be one of .*loss.*; got 'val_loss'"):
            MLPClassifier((3,)).fit(X, Y, callbacks=[callback])


def test_training_goes_on_from_the_best_weights():
    """The optimizer's memory stays with the network; the next fit goes down again."""
    stop = callbacks.EarlyStopping("loss", patience=3)
    model = network().fit(X, Y, epochs=400, optimizer="adam", batch_size=1, callbacks=[stop])
    best = model.params.copy()
    assert model.evaluate(X, Y)["loss"] == pytest.approx(stop.best_, rel=0.2)
    model.fit(X, Y, epochs=5, optimizer="adam", batch_size=1)
    assert np.isfinite(model.params).all() and not np.array_equal(model.params, best)
    assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_best_weights_are_there_for_callbacks_that_follow():
    class Look:
        def on_fit_end(self, state):
            self.params = state.params.copy()

    before, after, recorder = Look(), Look(), callbacks.WeightRecorder()
    stop = callbacks.EarlyStopping("accuracy", patience=2)
    network().fit(X, Y, epochs=300, metrics="accuracy", callbacks=[before, recorder, stop, after])
    np.testing.assert_array_equal(after.params, recorder.params_[stop.best_epoch_])
    np.testing.assert_array_equal(before.params, recorder.params_[-1])


class Fails:
    def __init__(self, hook="on_epoch_end", at=2):
        self.at = at
        setattr(self, hook, self.fail)

    def fail(self, state):
        if state.epoch >= self.at:
            raise RuntimeError("enough")


@pytest.mark.parametrize("hook", ["on_fit_begin", "on_epoch_end", "on_epoch_done", "on_fit_end"])
def test_hooks_of_another_signature_are_refused_before_the_first_epoch(hook):
    """Keras's take (epoch, logs), and would be told of only when the first epoch is over."""

    class Theirs:
        pass

    setattr(Theirs, hook, lambda self, epoch, logs: None)
    model = network()
    for made in (Theirs(), Theirs):
        with pytest.raises(
            TypeError, match=rf"Theirs.{hook}\(epoch, logs\) must take .* {hook}\(self, state\)"
        ):
            model.fit(X, Y, callbacks=[made])
        assert model.plan is None
        with pytest.raises(TypeError, match="must take one argument"):
            MLPClassifier((3,), max_iter=2).fit(X, Y, callbacks=[made])
    setattr(Theirs, hook, lambda self, state, more=0, *others, **options: None)
    model.fit(X, Y, callbacks=[Theirs])
    setattr(Theirs, hook, staticmethod(Recorder().on_fit_begin))  # any way that takes one
    model.fit(X, Y, callbacks=[Theirs])


def test_files_and_bars_are_closed_however_a_fit_ends(tmp_path):
    pytest.importorskip("tqdm")
    log, text = callbacks.CSVLogger(tmp_path / "log.csv"), io.StringIO()
    bar = callbacks.ProgressBar(file=text)
    for model in (network(), MLPClassifier((3,), max_iter=9, random_state=0)):
        with pytest.raises(RuntimeError, match="enough"):
            model.fit(
                X,
                Y,
                **({} if isinstance(model, MLPClassifier) else {"epochs": 9}),
                callbacks=[log, bar, Fails()],
            )
        assert log._file is None and bar._bar is None
        with open(log.path, newline="") as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    bar.on_fit_begin(SimpleNamespace(epoch=0, n_epochs=3))
    first = bar._bar
    bar.on_fit_begin(SimpleNamespace(epoch=0, n_epochs=3))  # whoever forgot to tell of the end
    assert first.disable and bar._bar is not first
    bar.on_fit_end(None)
    bar.on_fit_end(None)


def test_a_refused_fit_leaves_the_log_as_it_was(tmp_path):
    path = tmp_path / "log.csv"
    network().fit(X, Y, epochs=2, callbacks=[callbacks.CSVLogger(path)])
    before = path.read_text()
    with pytest.raises(RuntimeError, match="enough"):
        network().fit(X, Y, callbacks=[callbacks.CSVLogger(path), Fails("on_fit_begin", at=0)])
    assert path.read_text() == before
    network().fit(X, Y, epochs=1, callbacks=[callbacks.CSVLogger(path)])
    assert len(path.read_text().splitlines()) == 2


def test_a_log_with_other_columns_is_not_appended_to(tmp_path):
    path = tmp_path / "log.csv"
    network().fit(X, Y, epochs=1, metrics="accuracy", callbacks=[callbacks.CSVLogger(path)])
    before, model = path.read_text(), network()
    with pytest.raises(
        ValueError, match=r"log.csv has the columns epoch, loss, accuracy, .*this fit logs epoch, "
    ):
        model.fit(X, Y, callbacks=[callbacks.CSVLogger(path, append=True)])
    assert path.read_text() == before and model.plan is None
    # the same columns in another order: values go where they belong
    header, line = before.splitlines()
    turned = ",".join(header.split(",")[::-1]), ",".join(line.split(",")[::-1])
    path.write_text("\n".join(turned))  # the last line cut short
    model.fit(X, Y, metrics="accuracy", callbacks=[callbacks.CSVLogger(path, append=True)])
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "1"]
    assert float(rows[1]["accuracy"]) == model.history_["accuracy"][0]
    assert float(rows[1]["loss"]) == model.history_["loss"][0]


def test_paths_of_checkpoints(tmp_path):
    pytest.importorskip("dill")
    folder = tmp_path / "{run} {} {epoch.real"
    folder.mkdir()
    save = callbacks.ModelCheckpoint(folder / "net-{epoch:03d}-{loss:.2f}-{{a}}-{a set_loss:.1f}.dill")
    model = network().fit(X, Y, epochs=2, validation_data={"a set": (X, Y)}, callbacks=[save])
    expected = [
        f"net-{k + 1:03d}-{model.history_['loss'][k]:.2f}-{{a}}-{model.history_['a set_loss'][k]:.1f}.dill"
        for k in range(2)
    ]
    assert [path.name for path in save.saved_] == expected == sorted(path.name for path in folder.iterdir())
    assert all(path.parent == folder for path in save.saved_)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{epoch.__class__}.x", "fields of .* must be one of .*epoch.*; got 'epoch.__class__'"),
        ("{loss[0]}.x", r"got 'loss\[0\]'"),
        ("{val_loss}.x", "must be one of epoch, learning_rate, loss, seconds; got 'val_loss'"),
        ("{}.x", "got ''"), ("{0}.x", "got '0'"), ("{epoch:{loss}}.x", "cannot be written"),
        ("{epoch:0100d}.x", "cannot be written: widths"), ("{loss:.\u0661\u0660\u0660f}.x", "widths"),
        ("{epoch!r}.x", "cannot be written: conversions"), ("{epoch:q}.x", "cannot be written"),
        ("{epoch.x", "cannot be read.*write a brace as {{ or }}"), ("a}b", "cannot be read"),
    ],
)  # fmt: skip
def test_fields_that_are_not_logged_are_refused(tmp_path, name, words):
    model = network()
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path / name)])
    assert model.plan is None and not list(tmp_path.iterdir())


def test_checkpoints_of_the_best(tmp_path):
    """By the metric's own direction: the last file holds the best weights."""
    pytest.importorskip("dill")
    from fastmlp import load

    recorder = callbacks.WeightRecorder()
    best = callbacks.ModelCheckpoint(tmp_path / "best.dill", monitor="val_brier_score_loss")
    model = network()
    model.fit(
        X[:40],
        Y[:40],
        epochs=60,
        optimizer="adam",
        metrics=brier_score_loss,
        validation_data=(X[40:], Y[40:]),
        callbacks=[recorder, best],
    )
    k = int(np.argmin(model.history_["val_brier_score_loss"]))
    loaded = load(tmp_path / "best.dill", trusted=True)
    np.testing.assert_array_equal(loaded.params, recorder.params_[k + 1])


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


@pytest.mark.parametrize("estimator", [False, True])
def test_weights_of_an_epoch(estimator):
    """A model with the weights of an epoch is the one that was trained for so long."""
    recorder = callbacks.WeightRecorder(every=2)

    def fit(epochs, told=()):
        if estimator:
            model = MLPClassifier((4,), max_iter=epochs, tol=0.0, random_state=0)
            return model.fit(X, Y, callbacks=told)
        return network().fit(X, Y, epochs=epochs, callbacks=told)

    model = fit(6, [recorder])
    whole = model.predict(X)
    for epoch in (2, 4):
        earlier = recorder.at(model, epoch)
        np.testing.assert_array_equal(earlier.predict(X), fit(epoch).predict(X))
    np.testing.assert_array_equal(recorder.at(model, -1).predict(X), whole)
    np.testing.assert_array_equal(model.predict(X), whole)
    with pytest.raises(ValueError, match="0, 2, 4, 6; got 3"):
        recorder.at(model, 3)


def test_names_of_checkpoints_that_become_too_long_are_refused_before_the_first_epoch(tmp_path):
    """At epoch 1 the name would fit; later epochs, and losses with all their digits, make it longer."""
    for template, ends in [("{epoch}", ".safetensors"), ("{loss}", ".safetensors")]:
        name = "a" * (255 - len(ends) - 3) + template + ends
        model = network()
        with pytest.raises(OSError, match=r"(?i)name too long"):
            model.fit(X, Y, epochs=1000, callbacks=[callbacks.ModelCheckpoint(tmp_path / name)])
        assert model.plan is None and list(tmp_path.iterdir()) == []
    name = "a" * (255 - len(ends) - 3) + "{epoch}" + ends
    model.fit(X, Y, epochs=2, callbacks=[callbacks.ModelCheckpoint(tmp_path / name)])
    assert len(list(tmp_path.iterdir())) == 2
