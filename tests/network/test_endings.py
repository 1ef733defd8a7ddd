"""A fit that ends, however it ends, leaves a whole model that can go on; each callback is told of the end."""

import gc
import signal
import tracemalloc
import weakref
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import pytest

from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, Perceptron, fit_many
from fastmlp.exceptions import DivergenceWarning, FitError
from fastmlp.kernels.threads import share_out
from fastmlp.model_selection import cross_validate
from fastmlp.network.preparation import CHECKED_LATE

X = np.random.RandomState(0).randn(60, 4)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
ENDINGS = [ZeroDivisionError, SystemExit, GeneratorExit, MemoryError]
RUNS = [
    dict(optimizer=name, batch_size=size) for name in ("adam", "rmsprop", "momentum") for size in (1, 8, 60)
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Told:
    """A callback that notes what it is told, and fails where it is to."""

    def __init__(self, fails=None, error=ZeroDivisionError, epoch=3):
        self.fails, self.error, self.epoch, self.told = fails, error, epoch, []

    def _tell(self, hook, state):
        self.told.append(hook)
        if hook == self.fails and (hook != "epoch" or state.epoch == self.epoch):
            raise self.error(f"in {hook}")

    def on_fit_begin(self, state):
        self._tell("begin", state)

    def on_epoch_end(self, state):
        self._tell("epoch", state)

    def on_fit_end(self, state):
        self._tell("end", state)


needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX's alarms")


def network(dtype=None, layers=None):
    return Network(layers or [Dense(5, "tanh"), Dense(1, "logistic")], random_state=0, dtype=dtype)


def same(a, b):
    """Whether two networks are equal in all that the next fit depends on."""
    np.testing.assert_array_equal(a.params, b.params)
    assert a.n_epochs_ == b.n_epochs_
    one, other = a.learning.optimizer_state, b.learning.optimizer_state
    assert (one is None) == (other is None)
    if one is not None:
        np.testing.assert_array_equal(one.arrays, other.arrays)
        assert (one.step, one.learning_rate) == (other.step, other.learning_rate)
    for mine, theirs in zip(a.rng.get_state(), b.rng.get_state(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in ("loss", "learning_rate"):
        assert a.history_[name] == b.history_[name]


@pytest.mark.parametrize("options", RUNS, ids=str)
def test_a_network_cut_off_is_one_trained_for_less(kernels, options):
    """After 3 epochs: weights, moments, counts, generator and history are those of a fit of 3."""
    cut, alone = network(kernels.dtype), network(kernels.dtype)
    with pytest.raises(ZeroDivisionError, match="in epoch"):
        cut.fit(X, Y, epochs=9, callbacks=[Told("epoch")], **options)
    alone.fit(X, Y, epochs=3, **options)
    same(cut, alone)
    for model in (cut, alone):
        model.fit(X, Y, epochs=2, **options)
    same(cut, alone)


@pytest.mark.parametrize("error", ENDINGS)
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_whatever_is_raised(error, optimizer):
    cut, alone, told = network(), network(), [Told(), Told("epoch", error), Told()]
    with pytest.raises(error, match="in epoch"):
        cut.fit(X, Y, epochs=9, optimizer=optimizer, callbacks=told)
    alone.fit(X, Y, epochs=3, optimizer=optimizer)
    same(cut, alone)
    assert [one.told.count("end") for one in told] == [1, 1, 1]
    assert [one.told.count("epoch") for one in told] == [3, 3, 2]


def failing(at):
    """A metric that fails when it is called for the `at`th time."""
    calls = []

    def metric(y, predicted, sample_weight=None):
        calls.append(len(y))
        if len(calls) == at:
            raise ZeroDivisionError
        return 0.5

    return metric


@pytest.mark.parametrize("validation", [None, (X, Y), {"a": (X, Y), "b": (X[:9], Y[:9])}])
def test_a_metric_that_fails_later_on(validation):
    """The history has the epoch, of what could not be measured NaN; all its curves are as long."""
    sets = 1 + (0 if validation is None else len(validation) if isinstance(validation, dict) else 1)
    for at in range(sets + 1, 3 * sets + 1):
        cut, alone, told = network(), network(), Told()
        measured = dict(validation_data=validation, metrics={"own": failing(at)})
        with pytest.raises(ZeroDivisionError):
            cut.fit(X, Y, epochs=9, callbacks=[told], **measured)
        n_done = (at - 1) // sets
        alone.fit(X, Y, epochs=n_done)
        same(cut, alone)
        assert {len(curve) for curve in cut.history_.values()} == {n_done}
        assert np.isnan(cut.history_["own"][-1]) and cut.history_["own"][:-1] == [0.5] * (n_done - 1)
        assert told.told.count("end") == 1


@pytest.mark.parametrize("make", [
    network, MLPClassifier, lambda: MLPRegressor(solver="lbfgs"), lambda: MLPClassifier(early_stopping=True),
])  # fmt: skip
def test_what_cannot_be_measured_or_begun_changes_nothing(make):
    """A callback that fails at the begin is a refusal; those told before it are told of the end."""
    model = make()
    told = [Told(), Told("begin"), Told()]
    before = dict(vars(model))
    state = model.rng.get_state() if make is network else None
    with pytest.raises(ZeroDivisionError, match="in begin"):
        model.fit(X, Y, callbacks=told)
    assert [one.told for one in told] == [["begin", "end"], ["begin"], []]
    if make is network:
        assert model.plan is None and model.params is None and model.history_ == {}
        for mine, theirs in zip(state, model.rng.get_state(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    else:
        assert vars(model) == before


def test_all_are_told_of_the_end_even_where_some_fail():
    told = [Told("end", ValueError), Told(), Told("end", TypeError), Told()]
    model = network()
    with pytest.raises(ValueError, match="in end") as caught:
        model.fit(X, Y, epochs=2, callbacks=told)
    assert all(one.told == ["begin", "epoch", "epoch", "end"] for one in told)
    assert "Told.on_fit_end failed too: TypeError" in caught.value.__notes__[0]
    same(model, network().fit(X, Y, epochs=2))
    with pytest.raises(ZeroDivisionError) as caught:  # what ended the fit comes first
        network().fit(X, Y, epochs=9, callbacks=[Told("end", ValueError), Told("epoch")])
    assert "ValueError('in end')" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "options", [dict(), dict(solver="sgd", learning_rate="adaptive"), dict(solver="lbfgs")]
)
def test_an_estimator_cut_off_goes_on(options):
    """Its weights, and with them what it predicts, are those of a fit of as many epochs."""
    cut = MLPClassifier((5,), max_iter=9, random_state=0, **options)
    alone = MLPClassifier((5,), max_iter=3, random_state=0, **options).fit(X, Y)
    told = [Told(), Told("epoch"), Told()]
    with pytest.raises(ZeroDivisionError):
        cut.fit(X, Y, callbacks=told)
    assert [one.told.count("end") for one in told] == [1, 1, 1]
    np.testing.assert_array_equal(cut.predict_proba(X), alone.predict_proba(X))
    assert cut.history_["loss"] == alone.history_["loss"] and cut.n_iter_ == 3
    if not options:
        assert cut.loss_curve_ == alone.loss_curve_ and cut.t_ == alone.t_
        assert cut._optimizer.step == alone._optimizer.step
        for model in (cut, alone):
            model.partial_fit(X, Y)
        np.testing.assert_array_equal(cut.predict_proba(X), alone.predict_proba(X))


def test_an_estimator_cut_off_keeps_its_best_weights():
    model = MLPClassifier((5,), max_iter=9, random_state=0, monitor="val_loss", validation_fraction=0.3)
    model.set_params(early_stopping=True, learning_rate_init=0.05)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, callbacks=[Told("epoch", epoch=6)])
    assert model.n_iter_ == 6 and 1 <= model.best_iter_ <= 6
    best = min(model.history_["val_loss"][:6])
    assert model.history_["val_loss"][model.best_iter_ - 1] == best


class FailsLater:
    """An identity that fails in the middle of an epoch."""

    name, calls = "fails_later", 0

    def value(self, z):
        type(self).calls += 1
        if type(self).calls == 21:
            raise ZeroDivisionError
        return z

    def derivative(self, z, a):
        return np.ones_like(z)


def test_a_formula_that_fails_in_the_middle_of_an_epoch():
    """Steps that were made are counted: moments and counts go together."""
    FailsLater.calls = 0
    model = network(layers=[Dense(5, FailsLater()), Dense(1, "logistic")])
    told = Told()
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, epochs=9, batch_size=10, callbacks=[told])
    n_steps, n_epochs = model.learning.optimizer_state.step, model.n_epochs_
    assert n_steps // 6 == n_epochs == len(model.loss_curve_) and n_steps % 6
    assert told.told[-1] == "end"
    other = network(layers=[Dense(5, "identity"), Dense(1, "logistic")]).fit(X, Y, epochs=9, batch_size=10)
    model.fit(X, Y, epochs=1, batch_size=10)
    assert model.learning.optimizer_state.step == n_steps + 6 and np.isfinite(model.params).all()
    assert np.isfinite(other.params).all()


def _fit_that_fails(x, y):
    with pytest.raises(ZeroDivisionError):
        network().fit(x, y, epochs=2, callbacks=[Told("epoch", epoch=1)])


def _estimator_that_fails(hook="end", **options):
    def fit(x, y):
        with pytest.raises(ZeroDivisionError):
            MLPClassifier(max_iter=2, **options).fit(x, y, callbacks=[Told(hook)])

    return fit


def _network_that_fails_at_the_end(x, y):
    with pytest.raises(ZeroDivisionError):
        network().fit(x, y, epochs=2, callbacks=[Told("end")])


def _refused(x, y):
    with pytest.raises(ValueError, match="monitor"):
        MLPClassifier(max_iter=2, monitor="unknown", metrics=["accuracy"]).fit(x, y)


class Broken(MLPClassifier):
    def fit(self, X, y):
        raise ZeroDivisionError


def _folds_that_fail(x, y):
    with pytest.raises(ZeroDivisionError):
        cross_validate(Broken(), x, y, cv=2, repeats=1)


def _many_that_fail(errors):
    def fit(x, y):
        with pytest.raises(FitError) if errors == "raise" else nullcontext():
            fit_many([network(), network()], x, y, callbacks=[Told("epoch", epoch=1)], errors=errors)

    return fit


@contextmanager
def pressed_soon():
    """An alarm that ends what is done as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupted(begin):
    def fit(x, y):
        with pressed_soon(), suppress(KeyboardInterrupt):
            begin(x, y)

    return fit


def _shared_out(x, y):
    with pytest.raises(ZeroDivisionError):
        share_out(lambda part: 1 / 0, [(x,), (x,)], 2)


def _fit_of_nan(x, y):
    x[-1, -1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        network().fit(x, y)


def _estimator(kind=MLPClassifier, fit=(), **options):
    return lambda x, y: kind(max_iter=2, **options).fit(x, y, **dict(fit))


@pytest.mark.parametrize("n", [60, CHECKED_LATE // (8 * 4)])
@pytest.mark.parametrize(
    "fit",
    [
        lambda x, y: network().fit(x, y),
        lambda x, y: network().fit(x, y, batch_size=len(x), optimizer="lbfgs"),
        lambda x, y: network().fit(x, y, metrics=["accuracy"], validation_data=(x, y), callbacks=[Told()]),
        lambda x, y: network().train_on_batch(x, y),
        lambda x, y: fit_many([network(), network()], x, y, batch_size=1),
        lambda x, y: cross_validate(MLPClassifier(max_iter=1), x, y, cv=2, repeats=1),
        _fit_that_fails,
        _fit_of_nan,
        _estimator(),
        _estimator(early_stopping=True),
        _estimator(solver="sgd", metrics=["accuracy"], monitor="accuracy"),
        _estimator(fit={"callbacks": [Told()]}),
        _estimator(solver="lbfgs"),
        _estimator(solver="lbfgs", metrics=["accuracy"]),
        _estimator(MLPRegressor, early_stopping=True, metrics=["mae"]),
        lambda x, y: Perceptron(max_iter=2).fit(x, y),
        _network_that_fails_at_the_end,
        _estimator_that_fails("begin"),
        _estimator_that_fails("begin", metrics=["accuracy"], early_stopping=True),
        _estimator_that_fails("end"),
        _estimator_that_fails("end", solver="lbfgs", metrics=["accuracy"]),
        _refused,
        _folds_that_fail,
        _shared_out,
        _many_that_fail("raise"),
        _many_that_fail("return"),
        *(
            pytest.param(_interrupted(begin), marks=needs_alarms)
            for begin in (
                lambda x, y: network().fit(x, y, epochs=10**6),
                lambda x, y: fit_many([network(), network()], x, y, epochs=10**6),
                lambda x, y: MLPClassifier(max_iter=10**6, n_iter_no_change=10**6).fit(x, y),
            )
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*interrupted")
def test_fits_that_have_ended_are_freed(fit, n):
    """No circle keeps data and workspaces until the next collection."""
    x, y = np.resize(X, (n, 4)), np.resize(Y, n)
    gone = weakref.ref(x)
    gc.disable()
    try:
        fit(x, y)
        del x
        assert gone() is None
    finally:
        gc.enable()


def test_metrics_keep_nothing():
    """Precision, recall and F1 count the same answers once, and not longer than they are asked."""
    x, y, weights = np.resize(X, (2000, 4)), np.resize(Y, 2000), np.ones(2000)
    gone = weakref.ref(weights)
    model = MLPClassifier(max_iter=1, metrics=["precision", "recall", "f1"]).fit(x, y, sample_weight=weights)
    del weights
    assert gone() is None
    assert len(model.history_["f1"]) == 1


def test_a_history_is_as_long_as_the_fit_was():
    model = network(layers=[Dense(1)]).build(4)
    tracemalloc.start()
    try:
        with pytest.warns(DivergenceWarning):
            model.fit(X * 1e200, Y, epochs=10**6, loss="mse", optimizer="sgd")
        assert tracemalloc.get_traced_memory()[0] < 1e6  # losses of a million epochs take eight
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("names", [("val",), ("noise 0.3", "clean")])
def test_several_validation_sets(names):
    """Each is measured as `evaluate` does it, under its own name; the plain tuple is named val."""
    sets = {name: (X[k::2], Y[k::2], np.arange(1.0, 31.0)) for k, name in enumerate(names)}
    seen, given = [], sets if len(names) > 1 else sets["val"]

    class Asks:
        def on_fit_begin(self, state):
            self.names = list(state.names)

        def on_epoch_end(self, state):
            ask = state.model.evaluate
            seen.append([ask(x, y, sample_weight=w, metrics=["accuracy"]) for x, y, w in sets.values()])

    asks, model = Asks(), network()
    model.fit(X, Y, epochs=3, validation_data=given, metrics=["accuracy"], callbacks=[asks])
    same(model, network().fit(X, Y, epochs=3))
    named = [f"{name}_{what}" for name in names for what in ("loss", "accuracy")]
    assert asks.names == ["loss", "accuracy", *named, "learning_rate", "seconds"] == list(model.history_)
    for k, name in enumerate(names):
        for what in ("loss", "accuracy"):
            assert model.history_[f"{name}_{what}"] == [each[k][what] for each in seen]


@pytest.mark.parametrize(("given", "message"), [
    ((X, np.ones((60, 2))), r"y of validation_data has 2 columns"),
    ({"a": (X, Y), "b": (X[:, :3], Y)}, r"x of validation_data\['b'\] has 3 columns"),
    ({"b": (X, Y, -np.ones(60))}, r"sample_weight of validation_data\['b'\] must not be negative"),
    ({"b": X}, "validation_data"), ({3: (X, Y)}, "got 3"), ({"": (X, Y)}, "got ''"),
    (3, "validation_data must"),
])  # fmt: skip
def test_validation_sets_that_are_refused(given, message):
    model = network().fit(X, Y)
    before = [a.copy() for a in (model.params, model.learning.optimizer_state.arrays)]
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, Y, epochs=3, optimizer="sgd", validation_data=given)
    for mine, theirs in zip((model.params, model.learning.optimizer_state.arrays), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len(model.loss_curve_) == 1 and model.learning.optimizer_state.step == 2


def test_measured_every_few_epochs():
    """What is measured less often is the same where it is measured, and changes no weight."""
    each, some = (Network([Dense(3, "tanh"), Dense(1)], random_state=0) for _ in range(2))
    how = dict(epochs=7, metrics=["mse"], validation_data=(X[:5], Y[:5]))
    each.fit(X, Y, **how)
    some.fit(X, Y, measure_every=3, **how)
    np.testing.assert_array_equal(each.params, some.params)
    assert each.history_["loss"] == some.history_["loss"]
    for name in ("mse", "val_loss", "val_mse"):
        measured = np.isfinite(some.history_[name])
        assert np.flatnonzero(measured).tolist() == [2, 5, 6]
        np.testing.assert_array_equal(
            np.array(each.history_[name])[measured], np.array(some.history_[name])[measured]
        )
    with pytest.raises(ValueError, match="measure_every must be"):
        some.fit(X, Y, measure_every=0)
