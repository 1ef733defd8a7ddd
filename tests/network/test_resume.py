"""A fit that goes on from where another stood ends with the same bits as one that was never ended."""

import csv
from functools import partial

import numpy as np
import pytest
from oracle.resuming import Checkpoint, Counts, as_loaded, assert_same
from scipy.sparse import csr_matrix

from fastmlp import Adam, Dense, Dropout, Momentum, Network, callbacks, optimizers, schedules
from fastmlp.kernels import dispatch

RNG = np.random.RandomState(0)
X = RNG.randn(45, 6)
Y = (X[:, 0] * X[:, 1] > 0) * 1.0
X_VAL, Y_VAL = X[:9] + 0.3, Y[:9]


def network(units=5, dropout=0.0, dtype=None, random_state=3, **last):
    layers = [Dense(units, "tanh"), Dense(1, **({"activation": "logistic"} | last))]
    return Network(
        [*layers[:1], *([Dropout(dropout)] if dropout else []), layers[1]],
        random_state=random_state,
        dtype=dtype,
    )


def check(make, x=X, y=Y, at=4, epochs=9, before=None, **options):
    """Compare a fit with one that goes on from epoch `at`; return both models.

    Options that are callables of nothing are made anew for each fit, as another process would.
    """

    def fit(model, **more):
        given = {name: value() if isinstance(value, partial) else value for name, value in options.items()}
        more["callbacks"] = [*given.pop("callbacks", ()), *more.get("callbacks", ())]
        if before is not None and "resume_from" not in more:
            before(model)
        return model.fit(x, y, **{"epochs": epochs, "batch_size": 8, **given, **more})

    checkpoint = Checkpoint(at)
    whole = fit(make(), callbacks=[checkpoint])
    assert checkpoint.model is not None
    resumed = fit(make(), resume_from=checkpoint.model)
    assert_same(whole, resumed)
    np.testing.assert_array_equal(whole.predict(X), resumed.predict(X))
    return whole, resumed


@pytest.mark.parametrize("optimizer", [name for name in optimizers.OPTIMIZERS if name != "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 8, None])
def test_optimizers_and_regimes(optimizer, dtype, batch_size):
    for units in (5, 80):
        check(
            partial(network, units, dtype=dtype), batch_size=batch_size, optimizer=optimizer, epochs=6, at=3
        )


@pytest.mark.parametrize("backend", dispatch.available())
def test_backends(backend):
    with dispatch.using(backend):
        for batch_size in (1, 8):
            check(partial(network, dropout=0.3), batch_size=batch_size, optimizer="adam", epochs=4, at=2)


class Squash:
    """An activation of a user's own."""

    name = "squash"

    def value(self, z):
        return z / (1 + np.abs(z))

    def derivative(self, z, a):
        return 1 / (1 + np.abs(z)) ** 2


class Fourth:
    """A loss of a user's own."""

    name = "fourth"

    def value(self, y, a):
        return ((a - y) ** 4).sum(axis=1)

    def derivative(self, y, a):
        return 4 * (a - y) ** 3


def slower(epoch):
    return 0.1 / (1 + epoch)


class Falling:
    """A schedule that counts its calls, whatever epoch it is asked for."""

    def __init__(self):
        self.n = 0

    def __call__(self, epoch):
        self.n += 1
        return 0.1 / self.n


@pytest.mark.parametrize(
    "rate",
    [
        schedules.StepDecay(0.1, 3), schedules.InverseScaling(0.1), schedules.Cosine(0.1),
        schedules.Cosine(0.1, 20), schedules.OneCycle(0.3), schedules.Warmup(schedules.Cosine(0.1), 2.5),
        schedules.Plateau(0.1, patience=0, tol=0.05, factor=0.5),
        schedules.Plateau(0.1, patience=1, tol=0.02, min_rate=0.02), slower, Falling(),
    ],
    
)  # fmt: skip
def test_schedules(rate):
    """Also where the weights had learned before, and where training ends by itself at the checkpoint."""
    optimizer = Momentum(rate)
    for at in (1, 4):
        check(partial(network, dropout=0.2), optimizer=optimizer, at=at)
    check(network, optimizer=optimizer, before=lambda model: model.fit(X, Y, epochs=2, optimizer=optimizer))


def test_a_schedules_own_state():
    """The rates of the fit that was ended are those that count, not what a schedule says by now."""
    optimizer, checkpoint = Momentum(Falling()), Checkpoint(4)
    whole = network().fit(X, Y, epochs=9, optimizer=optimizer, callbacks=[checkpoint])
    assert optimizer.learning_rate.n == 9
    resumed = network().fit(X, Y, epochs=9, optimizer=optimizer, resume_from=checkpoint.model)
    assert_same(whole, resumed)


@pytest.mark.parametrize("at", range(1, 7))
def test_a_plateau_is_reached_at_the_checkpoint(at):
    """The rate falls after the epoch's end, and so after the checkpoint; the last one ends the run."""
    optimizer = Momentum(schedules.Plateau(0.1, patience=0, tol=10.0, factor=0.5, min_rate=0.01))
    whole, _ = check(network, optimizer=optimizer, at=min(at, 5))
    assert len(whole.loss_curve_) == 5  # the first of all is no plateau, each later one is


class Epochs:
    """A callback without a state: it counts the epochs that it is told of."""

    def __init__(self):
        self.n = 0

    def on_epoch_end(self, state):
        self.n += 1


@pytest.mark.parametrize("finished", [False, True])
def test_a_fit_that_was_over_stays_so(finished):
    """A callback has ended it, or all epochs are done: nothing is trained, and the best weights come back."""

    def fit(epochs=400, more=(), **options):
        stop = callbacks.EarlyStopping(
            "val_loss", patience=1
        )  # which is told after the checkpoint is asked for
        options |= dict(validation_data=(X_VAL, Y_VAL), optimizer=Adam(0.05), epochs=epochs)
        return network().fit(X, Y, callbacks=[*more, stop], **options)

    n = len(fit().loss_curve_)
    assert 2 < n < 400
    epochs = n - 1 if finished else 400
    checkpoint, seen = Checkpoint(n - finished), Epochs()
    whole = fit(epochs, [checkpoint])
    assert checkpoint.model.unfinished["stopped"] != finished
    resumed = fit(epochs, [seen], resume_from=checkpoint.model)
    assert_same(whole, resumed)
    assert seen.n == 0
    np.testing.assert_array_equal(resumed.params, fit(n - 2).params)


@pytest.mark.parametrize("at", [2, 5, 7])
def test_callbacks_with_a_state(at, tmp_path):
    made = []

    def told():
        made.append(
            [
                callbacks.EarlyStopping("val_loss", patience=30),
                callbacks.WeightRecorder(every=2),
                Counts(12),
                callbacks.CSVLogger(tmp_path / f"{len(made)}.csv"),
            ]
        )
        return made[-1]

    validation = dict(validation_data=(X_VAL, Y_VAL), metrics=["accuracy"])
    check(network, at=at, epochs=60, optimizer=Adam(0.1), callbacks=partial(told), **validation)
    whole, resumed = made
    assert whole[2].seen[-1] == 12
    assert whole[0].best_epoch_ == resumed[0].best_epoch_ and whole[0].best_ == resumed[0].best_
    assert whole[1].epochs_ == resumed[1].epochs_
    np.testing.assert_array_equal(whole[1].params_, resumed[1].params_)
    assert whole[2].seen == resumed[2].seen
    lines, rest = [read_log(told[3].path) for told in made]
    assert rest == lines[at:]


def read_log(path):
    with open(path, newline="") as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


def test_a_log_goes_on_where_the_checkpoint_stood(tmp_path):
    """Lines of epochs after the checkpoint are taken away; those of fits before stay."""
    path, checkpoint = tmp_path / "log.csv", Checkpoint(4)
    path.write_text("epoch,loss,learning_rate,seconds\n7,1.0,0.1,0.5\n")
    for resumes in (False, True):
        log = callbacks.CSVLogger(path, append=True)
        source = checkpoint.model if resumes else None
        model = network().fit(X, Y, epochs=9, callbacks=[log, checkpoint], resume_from=source)
        rows = read_log(path)
        assert [int(row["epoch"]) for row in rows] == [7, *range(1, 10)]
        assert [float(row["loss"]) for row in rows[1:]] == model.loss_curve_


@pytest.mark.parametrize("options", [
    dict(shuffle=False), dict(sample_weight=RNG.rand(45)), dict(x=csr_matrix(X * (X > 0))),
    dict(x=X.astype(np.float32)), dict(metrics=["accuracy"]), dict(loss="mse"), dict(verbose=1),
    dict(validation_data={"a": (X_VAL, Y_VAL), "b": (X, Y)}), dict(n_threads=2), dict(batch_size=None),
    dict(optimizer=Momentum(0.1, clip_norm=0.1, weight_decay=0.01)),
    dict(make=partial(network, random_state=None)),
    dict(make=lambda: network(random_state=np.random.RandomState(5))),
    dict(make=partial(network, dropout=0.4), batch_size=1),
])  # fmt: skip
def test_options(options):
    check(**{"make": network, "optimizer": "adam", **options})


def test_a_users_own_formulas():
    check(partial(network, activation=Squash(), units=4), loss=Fourth(), optimizer="adam")


def test_frozen_layers_and_weights_that_had_learned():
    def make():
        middle = Dense(4, "relu", l1=1e-3)
        return Network([Dense(5, "tanh", trainable=False), middle, Dense(1, "logistic", max_norm=1.0)])

    check(make, before=lambda model: model.fit(X, Y, epochs=3, batch_size=8))


def test_a_fit_goes_on_twice():
    first, second = Checkpoint(3), Checkpoint(6)
    options = dict(epochs=9, optimizer="adam", batch_size=8)
    whole = network(dropout=0.2).fit(X, Y, callbacks=[first], **options)
    network(dropout=0.2).fit(X, Y, callbacks=[second], resume_from=first.model, **options)
    assert_same(whole, network(dropout=0.2).fit(X, Y, resume_from=second.model, **options))


@pytest.mark.parametrize("go_on", [
    lambda m: m.fit(X, Y, epochs=3), lambda m: m.train_on_batch(X[:9], Y[:9]),
    lambda m: m.fit(X, Y, epochs=2, optimizer=Adam(0.1)),
    lambda m: m.fit(X, Y, epochs=2, metrics=["accuracy"]),
])  # fmt: skip
@pytest.mark.parametrize(
    "rate", [0.01, schedules.Plateau(0.1, patience=1, tol=0.01), schedules.Cosine(0.1, 9)]
)
def test_a_loaded_model_goes_on_as_one_that_stayed(go_on, rate):
    model = network(dropout=0.2).fit(X, Y, epochs=4, batch_size=8, optimizer=Adam(rate))
    loaded = as_loaded(model)
    assert_same(model, loaded)
    go_on(model)
    go_on(loaded)
    assert_same(model, loaded)


NEEDED = {
    "order": lambda state: state["run"]["order"].sort(),
    "seed": lambda state: state["run"].update(seed=1),
    "step": lambda state: state["run"].update(step=0),
    "no_improvement": lambda state: state["run"].update(no_improvement=0),
    "best_loss": lambda state: state["run"].update(best_loss=np.inf),
    "rates": lambda state: state["run"].update(rates=state["run"]["rates"][:1] * 2),
    "random_state": lambda state: state["run"]["random_state"]["state"].update(pos=7),
    "the optimizer's arrays": lambda state: state["optimizer_state"]["arrays"].fill(0),
    "n_epochs": lambda state: state["fitted"].update(n_epochs_=0),
    "history": lambda state: state["fitted"]["history_"].update(loss=[0.0] * 4),
    "best weights": lambda state: state["run"]["callbacks"][0]["state"].update(params=None),
    "best epoch": lambda state: state["run"]["callbacks"][0]["state"].update(best_epoch=9),
    "best value": lambda state: state["run"]["callbacks"][0]["state"]["best"].update(best=-np.inf),
    "a callback's own": lambda state: state["run"]["callbacks"][1]["state"].update(seen=[]),
}  # fmt: skip


@pytest.mark.parametrize("what", [None, *NEEDED])
def test_all_that_a_checkpoint_holds_is_needed(what):
    """Where one thing is lost, the fit that goes on ends otherwise."""

    def fit(**more):
        stop = callbacks.EarlyStopping("loss", mode="max", patience=7)  # the first epoch stays the best one
        told = [stop, Counts(8 if what == "a callback's own" else 99), *more.pop("callbacks", ())]
        plateau = schedules.Plateau(0.02, patience=3, tol=10.0, factor=0.5)  # reached with the fifth
        options = dict(epochs=30, batch_size=8, optimizer=Adam(plateau))
        return network(dropout=0.2).fit(X, Y, callbacks=told, **options, **more)

    checkpoint = Checkpoint(4, NEEDED.get(what))
    whole = fit(callbacks=[checkpoint])
    assert len(whole.loss_curve_) == 9 - (what == "a callback's own")
    resumed = fit(resume_from=checkpoint.model)
    if what is None:
        assert_same(whole, resumed)
        return
    with pytest.raises(AssertionError):
        assert_same(whole, resumed)
