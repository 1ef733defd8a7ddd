"""A process that trains is killed, at any moment; another one goes on from its file, to the same bits."""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from oracle.resuming import Counts, assert_same
from sklearn.datasets import make_classification

from fastmlp import (
    Adam,
    Dense,
    Dropout,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Network,
    callbacks,
    load,
    schedules,
)
from fastmlp.callbacks import ModelCheckpoint

X, Y = make_classification(60, 5, n_informative=5, n_redundant=0, random_state=0)
X_VAL, Y_VAL = X[:10] + 0.2, Y[:10]
WEIGHTS = np.random.RandomState(1).rand(60)
EPOCHS = 12
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]


def network(seed=0, dropout=0.0, dtype=None, units=4):
    layers = [Dense(units, "tanh"), *([Dropout(dropout)] if dropout else []), Dense(1, "logistic")]
    return Network(layers, random_state=seed, dtype=dtype)


class Case:
    """How a model is made, and fitted; `told` makes its callbacks."""

    def __init__(self, make, told=list, **options):
        self.make, self.told, self.options = make, told, options
        if make is network or getattr(make, "func", None) is network:
            self.options = {"epochs": EPOCHS, "batch_size": 8, **options}

    def fit(self, more=(), **where):
        model = self.make()
        options = {
            name: value() if isinstance(value, partial) else value for name, value in self.options.items()
        }
        return model.fit(X, Y, callbacks=[*self.told(), *more], **options, **where)


def classifier(kind=MLPClassifier, **parameters):
    options = {
        "hidden_layer_sizes": (4,),
        "max_iter": EPOCHS,
        "batch_size": 16,
        "random_state": 0,
        **parameters,
    }
    return partial(kind, **options)


def stop():
    return [callbacks.EarlyStopping("val_loss", patience=30), callbacks.WeightRecorder(every=3), Counts(9)]


CASES = {
    "adam": Case(network, optimizer="adam"),
    "one sample a step": Case(network, optimizer="adam", batch_size=1),
    "all samples a step": Case(network, optimizer="rprop", batch_size=None),
    "float32": Case(partial(network, dtype="float32", units=70), optimizer="nesterov"),
    "dropout": Case(partial(network, dropout=0.3), optimizer="rmsprop"),
    "no shuffle": Case(network, shuffle=False, optimizer="sgd"),
    "one cycle": Case(network, optimizer=Momentum(schedules.OneCycle(0.3))),
    "plateau": Case(network, optimizer=Adam(schedules.Plateau(0.1, patience=0, tol=0.05, factor=0.5))),
    "weights": Case(network, optimizer="adagrad", sample_weight=WEIGHTS),
    "callbacks": Case(network, stop, validation_data=(X_VAL, Y_VAL), metrics=["accuracy"], epochs=60),
    "no seed": Case(partial(network, seed=None), optimizer="adam"),
    "classifier": Case(classifier()),
    "early stopping": Case(classifier(early_stopping=True, n_iter_no_change=4, dropout=0.2)),
    "early stopping without a seed": Case(classifier(early_stopping=True, random_state=None)),
    "adaptive": Case(classifier(solver="sgd", learning_rate="adaptive", tol=1.0, n_iter_no_change=2)),
    "inverse scaling": Case(classifier(solver="sgd", learning_rate="invscaling")),
    "class weights": Case(classifier(class_weight={0: 1.0, 1: 4.0}, batch_size=1)),
    "regressor": Case(classifier(MLPRegressor, monitor="val_loss"), X_val=X_VAL, y_val=Y_VAL),
}  # fmt: skip


class Killed:
    """A callback that ends its process at some epoch's end: before the checkpoint is written, or after."""

    def __init__(self, epoch, before):
        self.epoch = epoch
        setattr(self, "on_epoch_end" if before else "on_epoch_done", self.told)

    def told(self, state):
        if state.epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


class Slow:
    """A callback that gives another process time to kill this one."""

    def on_epoch_end(self, state):
        time.sleep(0.001)


def in_a_child(function, kill_after=None, by=signal.SIGKILL):
    """Run a function in a process of its own; return how that ended: a signal, or 0."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # none comes before the child can take it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads, of libraries, are there
        pid = os.fork()
    if pid == 0:
        with suppress(KeyboardInterrupt):
            with suppress(BaseException):
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
                function()
            os._exit(0)
        os._exit(0)  # it came between the two
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, by)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def go_on(case, path, *more):
    """Fit as far as it comes, from the checkpoint that is there."""
    return case.fit([ModelCheckpoint(path), *more], resume_from=path if path.exists() else None)


@pytest.mark.parametrize("name", CASES)
def test_a_process_killed_at_some_epochs(tmp_path, name):
    case, path, chance = CASES[name], tmp_path / "fit.safetensors", random.Random(name)
    expected = None if "seed" in name else case.fit()
    for k in range(3):
        killed = Killed(chance.randint(3 * k + 1, 3 * k + 3), before=bool(chance.getrandbits(1)))
        ended = in_a_child(partial(go_on, case, path, killed))
        assert ended == -signal.SIGKILL or k == 2  # some end by themselves before that
        if expected is None and path.exists():
            expected = case.fit(resume_from=path)  # without a seed, the first checkpoint says how it ends
    assert_same(go_on(case, path), expected or case.fit(resume_from=path))


@pytest.mark.parametrize("name", ["adam", "callbacks", "early stopping"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_process_killed_at_any_moment(tmp_path, name, by):
    """Also while it writes: there is the file of the epoch before then, whole, and soon no other."""
    case, path, chance = CASES[name], tmp_path / "fit.safetensors", random.Random(name)
    for _ in range(8):
        ended = in_a_child(partial(go_on, case, path, Slow()), chance.uniform(0, 0.03), by)
        if by == signal.SIGINT:  # nobody was there who could take a file away
            assert ended == 0 and [file.name for file in tmp_path.iterdir()] in ([], [path.name])
        elif ended == 0:
            break
    assert_same(go_on(case, path), case.fit())
    assert [file.name for file in tmp_path.iterdir()] == ["fit.safetensors"]


SCRIPT = """
import os, sys, numpy as np
from fastmlp import Dense, Network
from fastmlp.callbacks import ModelCheckpoint

class Counted:
    def on_epoch_done(self, state):
        print(state.epoch, flush=True)

path = sys.argv[1]
x = np.random.RandomState(0).randn(500, 8)
model = Network([Dense(20, "tanh"), Dense(1)], random_state=0)
model.fit(x, x[:, 0] * x[:, 1], epochs=25, optimizer="adam", callbacks=[ModelCheckpoint(path), Counted()],
          resume_from=path if os.path.exists(path) else None)
print(np.float64(model.params.sum()).hex(), [loss.hex() for loss in model.loss_curve_])
"""


def test_another_interpreter_goes_on(tmp_path):
    """Nothing is known but what is in the file."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "fit.safetensors")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "7\n":
                process.kill()
                break
    rest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    command[-1] = str(tmp_path / "other.safetensors")
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 26 and len(rest) < 20
    assert rest == lines[-len(rest) :]


class Interrupts:
    def __init__(self, error):
        self.error = error

    def on_epoch_end(self, state):
        if state.epoch == 5:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("enough")])
@pytest.mark.parametrize("name", ["adam", "early stopping"])
def test_what_ends_a_fit_leaves_a_file_to_go_on_from(tmp_path, name, error):
    case, path = CASES[name], tmp_path / "fit.safetensors"
    with pytest.warns(match="interrupted") if error is KeyboardInterrupt else pytest.raises(RuntimeError):
        go_on(case, path, Interrupts(error))
    assert load(path).n_epochs_ == 4 if name == "adam" else load(path).n_iter_ == 4
    assert_same(case.fit(resume_from=path), case.fit())


def test_checkpoints_of_lbfgs_hold_the_weights(tmp_path):
    path = tmp_path / "{epoch}.safetensors"
    recorder = callbacks.WeightRecorder()
    for model, options in (
        (network(), dict(epochs=5, optimizer="lbfgs")),
        (MLPClassifier((4,), solver="lbfgs", max_iter=5, random_state=0), {}),
    ):
        model.fit(X, Y, callbacks=[recorder, ModelCheckpoint(path)], **options)
        for k in (1, 3):
            kept = load(tmp_path / f"{k}.safetensors")
            np.testing.assert_array_equal(getattr(kept, "_network", kept).params, recorder.params_[k])
        with pytest.raises(ValueError, match="a fit by LBFGS cannot go on where it stopped"):
            model.fit(X, Y, resume_from=tmp_path / "3.safetensors", **options)


def test_the_latest_are_kept(tmp_path):
    options = dict(epochs=9, optimizer="adam", batch_size=8)
    kept = ModelCheckpoint(tmp_path / "net-{epoch}.safetensors", keep=2, every=2)
    (tmp_path / "net-mine.txt").touch()
    network().fit(X, Y, callbacks=[kept], **options)
    names = ["net-6.safetensors", "net-8.safetensors"]
    assert [path.name for path in kept.saved_] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "net-6.safetensors",
        "net-8.safetensors",
        "net-mine.txt",
    ]
    options["epochs"] = 9
    kept = ModelCheckpoint(tmp_path / "net-{epoch}.safetensors", keep=1)
    network().fit(X, Y, callbacks=[kept], resume_from=tmp_path / "net-6.safetensors", **options)
    assert [path.name for path in kept.saved_] == ["net-9.safetensors"]
    # those from before the checkpoint went with the others, and what is no checkpoint stayed
    assert not (tmp_path / "net-6.safetensors").exists() and (tmp_path / "net-mine.txt").exists()


def test_what_a_file_says_of_others_is_not_believed(tmp_path):
    """A checkpoint that names files which it never wrote cannot have them removed."""
    (tmp_path / "below").mkdir()
    kept = ModelCheckpoint(tmp_path / "below" / "net-{epoch}.safetensors", keep=1)
    for name in ("../mine", "mine", "net-1.txt"):
        kept.set_state({"best": None, "saved": [name]}) if hasattr(kept, "_best") else None
    kept.on_fit_begin(type("State", (), {"names": {}, "model": network(), "epoch": 0, "n_epochs": 1}))
    kept.set_state(
        {"best": None, "saved": ["../mine", "mine", "net-1.txt", "net-../x.safetensors", "net-7.safetensors"]}
    )
    assert kept.saved_ == [tmp_path / "below" / "net-7.safetensors"]


def test_not_more_often_than_every_so_many_seconds(tmp_path, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("fastmlp.callbacks.checkpoint.time.monotonic", lambda: next(clock))
    kept = ModelCheckpoint(tmp_path / "{epoch}", seconds=3)
    network().fit(X, Y, epochs=8, callbacks=[kept])
    assert [path.name for path in kept.saved_] == ["3", "6", "8"]


def test_a_fit_that_stops_is_saved_at_once(tmp_path):
    kept = ModelCheckpoint(tmp_path / "{epoch}", seconds=1000)
    network().fit(X, Y, epochs=8, callbacks=[Counts(3), kept])
    assert [path.name for path in kept.saved_] == ["3"]


def test_a_file_that_cannot_be_written_is_not_among_those_saved(tmp_path):
    class Removed:
        def on_epoch_end(self, state):
            if state.epoch == 2:
                (tmp_path / "folder").rename(tmp_path / "gone")

    (tmp_path / "folder").mkdir()
    kept = ModelCheckpoint(tmp_path / "folder" / "{epoch}")
    with pytest.raises(OSError):
        network().fit(X, Y, epochs=8, callbacks=[Removed(), kept])
    assert [path.name for path in kept.saved_] == ["1"]


def test_what_cannot_be_written_is_refused_before_the_first_epoch(tmp_path):
    for path, error, words in (
        (
            "gone/net.safetensors",
            FileNotFoundError,
            "path must lie in a folder that is there; .*gone is none",
        ),
        ("net.pickle", ValueError, "path must end in one of"),
        (".", OSError, "is a folder"),
    ):
        model = network()
        with pytest.raises(error, match=words):
            model.fit(X, Y, callbacks=[ModelCheckpoint(tmp_path / path)])
        assert model.plan is None and not list(tmp_path.iterdir())
    model = network().build(5)
    options = dict(optimizer=Adam(lambda epoch: 0.1), epochs=4)
    with pytest.raises(TypeError, match=r"optimizer.learning_rate is .* only a .dill file holds"):
        model.fit(X, Y, callbacks=[ModelCheckpoint(tmp_path / "net.safetensors")], **options)
    assert model.history_ == {}


def test_a_dill_file_has_to_be_trusted(tmp_path):
    """It holds a schedule of a user's own; a fit goes on from what was loaded of it."""
    path = tmp_path / "net-{epoch}.dill"
    options = dict(optimizer=Adam(slower), epochs=8, batch_size=8)
    model = network().fit(X, Y, callbacks=[ModelCheckpoint(path)], **options)
    path = tmp_path / "net-3.dill"
    with pytest.raises(ValueError, match="trusted"):
        network().fit(X, Y, resume_from=path, **options)
    assert_same(network().fit(X, Y, resume_from=load(path, trusted=True), **options), model)


def slower(epoch):
    return 0.1 / (epoch + 1)


def test_models_alone_are_smaller(tmp_path):
    for name, given in (("whole", {}), ("model", dict(training_state=False))):
        network(units=50).fit(X, Y, callbacks=[ModelCheckpoint(tmp_path / name, **given)], optimizer="adam")
    sizes = [(tmp_path / name).stat().st_size for name in ("whole", "model")]
    assert sizes[0] > sizes[1] + 2 * 8 * network(units=50).build(5).n_params
    np.testing.assert_array_equal(*(load(tmp_path / name).params for name in ("whole", "model")))
    with pytest.raises(ValueError, match="holds no fit that has not ended"):
        network(units=50).fit(X, Y, resume_from=tmp_path / "model")
