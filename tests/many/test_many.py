"""Many fits at once: bit for bit what one after another gives."""

import _thread
import itertools
import threading
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid

import fastmlp
from fastmlp import (
    SGD,
    Adam,
    Dense,
    Dropout,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Network,
    callbacks,
    fit_many,
)
from fastmlp.kernels import ensemble, interrupts
from fastmlp.schedules import Plateau

N = 40


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(0)
    x = random.normal(size=(N, 3))
    return x, np.tanh(x @ [1.0, -2.0, 0.5]) + 0.1 * random.normal(size=N)


def net(seed, units=10, activation="tanh", *, dtype=None, extra=(), **options):
    return Network([Dense(units, activation, **options), *extra, Dense(1)], random_state=seed, dtype=dtype)


def assert_equal(ours, theirs):
    np.testing.assert_array_equal(ours.params, theirs.params)
    assert ours.history_.keys() == theirs.history_.keys()
    for name in ours.history_.keys() - {"seconds"}:
        assert ours.history_[name] == theirs.history_[name], name
    assert len(ours.history_["seconds"]) == len(theirs.history_["seconds"])


def assert_as_one_by_one(make, x, y, *, parameters=None, subsets=None, n_threads=2, **options):
    together, alone = make(), make()
    found = fit_many(together, x, y, parameters=parameters, subsets=subsets, n_threads=n_threads, **options)
    assert all(a is b for a, b in zip(found, together, strict=True))
    for k, one in enumerate(alone):
        own = options | (list(parameters)[k] if parameters else {})
        rows = slice(None) if subsets is None else subsets[k]
        if subsets is not None and "sample_weight" in own:
            own["sample_weight"] = own["sample_weight"][rows]
        one.fit(x[rows], y[rows], **own)
        assert_equal(together[k], one)
    return together


OPTIONS = [
    dict(batch_size=1, optimizer=SGD(0.05)),
    dict(batch_size=1, optimizer=Momentum(0.01), shuffle=False),
    dict(batch_size=1, optimizer=Adam(0.01, weight_decay=0.1), loss="huber"),
    dict(batch_size=1, optimizer="nesterov", loss="sse"),
    dict(batch_size=7, optimizer="adam"),
    dict(batch_size=None, optimizer="rprop"),
    dict(optimizer="lbfgs"),
    dict(batch_size=1, optimizer=SGD(Plateau(0.05, patience=1, tol=0.1)), epochs=20),
    dict(batch_size=5, metrics=["mse"]),
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.get('optimizer')}-{o.get('batch_size')}"[:24])
@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_one_by_one(data, options, n_threads, dtype):
    x, y = data

    def make():
        return [net(k, dtype=dtype) for k in range(7)] + [net(k, 3, "relu", dtype=dtype) for k in range(4)]

    assert_as_one_by_one(make, x, y, n_threads=n_threads, **({"epochs": 3} | options))


@pytest.mark.parametrize("optimizer", ["SGD", "Momentum", "Nesterov", "Adam"])
@pytest.mark.parametrize("decays", [(0, 0.5, 0, 0.1, 0), (0.5, 0, 0, 0, 0.1), (1e-30, 0, 0.2, 0, 0)])
def test_nets_whose_weights_decay_beside_others(data, optimizer, decays):
    each = [{"optimizer": getattr(fastmlp, optimizer)(0.01, weight_decay=decay)} for decay in decays]
    assert_as_one_by_one(lambda: [net(0) for _ in decays], *data, parameters=each, epochs=3, batch_size=1)


def test_more_nets_than_lanes(data):
    x, y = data[0].astype(np.float32), data[1].astype(np.float32)
    made = assert_as_one_by_one(lambda: [net(k) for k in range(37)], x, y, epochs=3, batch_size=1)
    assert made[0].params.dtype == np.float32


def test_configurations_of_all_kinds(data):
    """Shapes, losses, optimizers, rates, epochs, batches, own penalties and noise, side by side."""
    x, y = data

    def make():
        plain = [net(k, units) for k, units in enumerate((4, 4, 4, 9, 9))]
        odd = [net(7, l2=0.1), net(8, extra=[Dropout(0.3)]), Network([Dense(1, input_dim=3)], random_state=3)]
        return [*plain, *odd]

    each = [
        dict(optimizer=SGD(0.1)), dict(optimizer=SGD(0.01), epochs=9), dict(optimizer="adam"),
        dict(loss="huber"), dict(batch_size=8), {}, {}, dict(epochs=0),
    ]  # fmt: skip
    together, alone = make(), make()
    fit_many(together, x, y, parameters=each, epochs=4, batch_size=1)
    for a, b, own in zip(together, alone, each, strict=True):
        b.fit(x, y, **({"epochs": 4, "batch_size": 1} | own))
        np.testing.assert_array_equal(a.params, b.params)
        assert a.loss_curve_ == b.loss_curve_


def test_lanes_are_used(data, monkeypatch):
    """The quick way is taken where the tests above could not tell."""
    if ensemble.width(np.dtype(np.float64)) == 1:
        pytest.skip("this backend trains nets one by one")
    sizes = []
    real = ensemble.train
    monkeypatch.setattr(ensemble, "train", lambda jobs, on_end: (sizes.append(len(jobs)), real(jobs, on_end)))
    fit_many([net(k) for k in range(6)], *data, batch_size=1, n_threads=2)
    assert sizes == ([3, 3] if ensemble.width(np.dtype(np.float64)) > 2 else [2, 2, 2])
    rates = [{"optimizer": SGD(0.1 / (1 + k)), "epochs": k + 1} for k in range(6)]
    fit_many([net(k) for k in range(6)], *data, parameters=rates, batch_size=1, n_threads=1)
    assert sum(sizes) == 12


@pytest.mark.parametrize("n_threads, alone", [(1, True), (2, False), (3, True), (4, False)])
def test_few_nets_beyond_full_lanes(data, monkeypatch, n_threads, alone):
    """One net too many is trained alone, unless threads wait for a part of its own."""
    width = ensemble.width(np.dtype(np.float32))
    if width == 1:
        pytest.skip("this backend trains nets one by one")
    n, met, real = 3 * width + 1, [], ensemble.train
    monkeypatch.setattr(ensemble, "train", lambda jobs, on_end: (met.append(len(jobs)), real(jobs, on_end)))
    x, y = (a.astype(np.float32) for a in data)
    assert_as_one_by_one(
        lambda: [net(k) for k in range(n)], x, y, epochs=2, batch_size=1, n_threads=n_threads
    )
    parts = [range(width)] * 3 if alone else np.array_split(range(n), 4)
    assert sorted(met) == sorted(map(len, parts))


@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_subsets(data, batch_size, weighted):
    x, y = data
    random = np.random.RandomState(1)
    subsets = [random.permutation(N)[: N - 8] for _ in range(3)] + [
        np.arange(N) % 3 == 0,
        np.array([-1, 2, 2]),
    ]
    options = {"sample_weight": random.uniform(size=N)} if weighted else {}
    assert_as_one_by_one(
        lambda: [net(k) for k in range(5)], x, y, subsets=subsets, epochs=3, batch_size=batch_size, **options
    )


def test_subsets_of_sparse_large_and_watched_networks(data):
    """Density is that of the subset; what needs Python at each epoch's end gets copies."""
    random = np.random.RandomState(1)
    x = random.normal(size=(60, 100)) * (np.arange(60) < 20)[:, None]
    y = random.normal(size=60)
    subsets = [np.arange(20), np.arange(15, 60), np.arange(60)]
    assert_as_one_by_one(lambda: [net(k, 50) for k in range(3)], x, y, subsets=subsets, epochs=2)
    more = dict(optimizer="lbfgs"), dict(metrics=["r2"]), dict(validation_data=(x[:9], y[:9]))
    for options in more:
        assert_as_one_by_one(lambda: [net(k) for k in range(3)], x, y, subsets=subsets, epochs=2, **options)


def test_rows_of_any_kind(data):
    import pandas as pd
    import scipy.sparse as sp

    x, y = data
    table = pd.DataFrame(x.astype(np.float32))
    for given in (
        x.tolist(),
        table,
        sp.csr_matrix(x),
        sp.coo_array(x),
        (x * 9).astype(int),
        x.astype(np.float16),
    ):
        together, alone = ([net(k) for k in range(3)] for _ in range(2))
        fit_many(together, given, y, epochs=2, batch_size=1)
        for a, b in zip(together, alone, strict=True):
            assert_equal(a, b.fit(given, y, epochs=2, batch_size=1))


def test_data_is_shared(data):
    """Neither x nor y is copied where they have the right type."""
    from fastmlp.many.task import Data, Task

    x, y = data[0].astype(np.float32), data[1].astype(np.float32)
    shared, tasks = Data(x, y), [Task(k, 2, {}, {"batch_size": 1}, np.arange(5)) for k in range(2)]
    shared.convert()
    for task in tasks:
        task.model = net(0)
        task.start(shared)
        assert task.fit.job.rows.data is x
        assert np.shares_memory(task.fit.job.y, y)


def test_grid_and_builder(data):
    x, y = data
    grid = {"units": [3, 5], "random_state": range(2), "optimizer": [SGD(0.1), Adam()], "batch_size": [1, 4]}

    def build(units, random_state):
        return net(random_state, units)

    found = fit_many(build, x, y, parameters=grid, epochs=2)
    assert [entry for entry, _ in found] == list(ParameterGrid(grid))
    for entry, network in found:
        alone = build(entry["units"], entry["random_state"])
        alone.fit(x, y, epochs=2, optimizer=entry["optimizer"], batch_size=entry["batch_size"])
        assert_equal(network, alone)
    again = fit_many(build, x, y, parameters=ParameterGrid(grid), epochs=2)
    assert all(np.array_equal(a[1].params, b[1].params) for a, b in zip(found, again, strict=True))


def test_fits_go_on_from_where_they_are(data):
    """Trained networks too, with their optimizers' memory."""
    x, y = data
    together, alone = ([net(k) for k in range(4)] for _ in range(2))
    for _ in range(2):
        fit_many(together, x, y, batch_size=1, optimizer="adam", epochs=2)
        for one in alone:
            one.fit(x, y, batch_size=1, optimizer="adam", epochs=2)
    fit_many([*together[:2], net(9)], x, y, batch_size=1, optimizer="adam", epochs=2)
    for one in alone[:2]:
        one.fit(x, y, batch_size=1, optimizer="adam", epochs=2)
    for a, b in zip(together, alone, strict=True):
        assert_equal(a, b)


def test_what_is_shared_is_used_in_turn(data):
    """A RandomState, a callback or a network that appears twice."""
    x, y = data

    def make():
        random = np.random.RandomState(3)
        twice = net(5)
        return [net(random), net(1), net(random), twice, net(random), twice]

    together, alone = make(), make()
    fit_many(together, x, y, batch_size=1, epochs=3)
    for one in alone:
        one.fit(x, y, batch_size=1, epochs=3)
    for a, b in zip(together, alone, strict=True):
        assert_equal(a, b)
    stopping = [callbacks.EarlyStopping("loss", patience=1, min_delta=0.01) for _ in range(2)]
    each = [{"callbacks": [stopping[0]]}] * 2 + [{"callbacks": [stopping[1]]}] * 2
    together, alone = ([net(k) for k in range(4)] for _ in range(2))
    fit_many(together, x, y, parameters=each, batch_size=1, epochs=30)
    for a, b, own in zip(together, alone, each, strict=True):
        b.fit(x, y, batch_size=1, epochs=30, **own)
        assert_equal(a, b)


def test_blas_has_the_threads_that_it_had(data):
    """L-BFGS limits them while it searches; several at once must not leave the limit behind."""
    from threadpoolctl import threadpool_info, threadpool_limits

    def n_threads():
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    with threadpool_limits(2, "blas"):
        before = n_threads()
        for _ in range(3):
            fit_many([net(k) for k in range(6)], *data, optimizer="lbfgs", epochs=5, n_threads=3)
        assert n_threads() == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators():
    X, y = make_classification(60, random_state=0)
    subsets = [np.arange(50), np.arange(10, 60), np.arange(60) % 2 == 0]
    weights = np.random.RandomState(0).uniform(size=60)

    def make():
        return [
            MLPClassifier((8,), max_iter=5, random_state=0),
            MLPClassifier(5, solver="lbfgs", random_state=1),
            MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=2),
        ]

    together = fit_many(make(), X, y, subsets=subsets, sample_weight=weights)
    for ours, theirs, rows in zip(together, make(), subsets, strict=True):
        theirs.fit(X[rows], y[rows], sample_weight=weights[rows])
        assert all(np.array_equal(a, b) for a, b in zip(ours.coefs_, theirs.coefs_, strict=True))
    mixed = fit_many([MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=2), net(0)], X, y)
    assert mixed[0].n_iter_ == 3 and len(mixed[1].loss_curve_) == 1


def test_estimators_warn():
    X, y = make_classification(30, random_state=0)
    with pytest.warns(ConvergenceWarning):
        fit_many([MLPClassifier(4, max_iter=2)], X, y)


def test_errors_name_the_fit_and_spare_the_others(data):
    x, y = data

    def fail(epoch):
        raise RuntimeError("no rate today")

    each = [{}, {"optimizer": SGD(fail)}, {"epochs": -1}, {"loss": "no such loss"}, {"batch_size": 4}]
    nets = [net(k) for k in range(5)]
    with pytest.raises(fastmlp.FitError, match="3 of 5 fits failed") as caught:
        fit_many(nets, x, y, parameters=each, batch_size=1)
    notes = [error.__notes__[-1] for error in caught.value.exceptions]
    assert [note.split(",")[0] for note in notes] == [f"in fit {k} of 5" for k in (1, 2, 3)]
    assert [type(error) for error in caught.value.exceptions] == [RuntimeError, ValueError, ValueError]
    assert caught.value.models[0] is nets[0] and caught.value.models[4] is nets[4]
    assert isinstance(caught.value.models[1], RuntimeError)
    assert_equal(nets[0], net(0).fit(x, y, batch_size=1))
    assert_equal(nets[4], net(4).fit(x, y, batch_size=4))
    assert isinstance(caught.value.subgroup(RuntimeError), fastmlp.FitError)
    found = fit_many([net(0), net(1)], x, y, parameters=[{"epochs": "two"}, {}], errors="return")
    assert isinstance(found[0], TypeError) and found[1].loss_curve_
    wide = Network([Dense(1, input_dim=5)])
    with pytest.raises(fastmlp.FitError) as caught:
        fit_many([wide, net(0)], x, y)
    assert "3 columns" in str(caught.value.exceptions[0])


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize(
    "bad", [{"loss": "binary_crossentropy"}, {"sample_weight": [1.0]}, {"shuffle": "no"}]
)
def test_a_refused_fit_leaves_its_network_as_it_was(data, batch_size, bad):
    x, y = data
    for make in (lambda: net(0), lambda: net(0).fit(x, y)):
        one = make()
        (error,) = fit_many([one], x, y, batch_size=batch_size, optimizer="sgd", errors="return", **bad)
        with pytest.raises(type(error)):
            make().fit(x, y, batch_size=batch_size, **bad)
        assert (one.plan is None) == (make().plan is None)
        assert_equal(one.fit(x, y), make().fit(x, y))  # draws of weights and shuffles, loss, optimizer


def test_errors_of_a_builder(data):
    def build(units):
        return net(0, units) if units > 1 else "nothing"

    with pytest.raises(fastmlp.FitError) as caught:
        fit_many(build, *data, parameters={"units": [1, 2, -3]})
    assert len(caught.value.exceptions) == 2
    (first, one), (_, two), _ = caught.value.models
    assert first == {"units": 1} and isinstance(one, TypeError) and two.loss_curve_


def test_one_diverges(data):
    x, y = data
    each = [{"optimizer": SGD(1e9 if k == 2 else 0.01)} for k in range(4)]
    for batch_size in (1, 8):
        nets = [net(k, activation="relu") for k in range(4)]
        with pytest.warns(fastmlp.DivergenceWarning, match="fit 2 of 4.*not finite in epoch 1"):
            fit_many(nets, x, y, parameters=each, batch_size=batch_size, epochs=3)
        assert [len(one.loss_curve_) for one in nets] == [3, 3, 0, 3]
        assert all(np.isfinite(one.params).all() for one in nets)


class Quartic:
    """A loss that only Python knows."""

    name = "quartic"

    def value(self, y, a):
        return ((a - y) ** 4).sum(axis=1)

    def derivative(self, y, a):
        return 4 * (a - y) ** 3


def test_formulas_of_ones_own(data):
    assert_as_one_by_one(lambda: [net(k) for k in range(3)], *data, loss=Quartic(), epochs=2, batch_size=1)


@pytest.mark.parametrize(("batch_size", "loss"), [(1, "mse"), (8, "mse"), (8, Quartic())], ids=str)
def test_interrupt_stops_all_and_keeps_the_weights(data, batch_size, loss, monkeypatch):
    x, y = data
    nets, before = [net(k) for k in range(12)], threading.active_count()
    started = [one.build(3).params.copy() for one in nets]
    calls, real = itertools.count(), interrupts.check_stop

    def check_stop():
        if next(calls) == 15:  # 12 before training
            _thread.interrupt_main()
        real()

    monkeypatch.setattr(interrupts, "check_stop", check_stop)
    with warnings.catch_warnings(), pytest.raises(KeyboardInterrupt):
        warnings.simplefilter("error")
        fit_many(nets, x, y, batch_size=batch_size, loss=loss, epochs=200_000, optimizer=SGD(1e-4))
    assert threading.active_count() == before
    assert all(np.isfinite(one.params).all() and len(one.loss_curve_) < 200_000 for one in nets)
    assert any(not np.array_equal(a, one.params) for a, one in zip(started, nets, strict=True))
    assert any(one.interrupted_ for one in nets)
    assert interrupts.here.stop is None and interrupts.here.held is None
    for one in nets[:3]:  # nobody trains them any more
        one.fit(x, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(models=[3]), r"models\[0\] must be one Network or estimator"),
        (dict(models=net), "parameters must be given"),
        (dict(parameters=[{}]), "one entry for each of the 2 fits; got 1"),
        (dict(parameters={"epochs": [1, 2]}), "one dict of options for each model"),
        (dict(parameters=[3, 4]), "parameters must be a dict of sequences"),
        (dict(models=net, parameters={"seed": []}), "at least one value"),
        (dict(models=net, parameters={"seed": 3}), "for one value pass"),
        (dict(subsets=[[0]]), "one entry for each of the 2 fits; got 1"),
        (
            dict(subsets=[[0], [40]]),
            r"subsets\[1\] must hold row numbers from -40 to 39, at least one; got 40",
        ),
        (
            dict(subsets=[[], [1]]),
            r"subsets\[0\] must hold row numbers from -40 to 39, at least one; got none",
        ),
        (
            dict(subsets=[np.ones(3, bool), [1]]),
            r"subsets\[0\] must be row numbers, or a mask of shape \(40,\)",
        ),
        (dict(n_threads=0), "n_threads must be at least 1"),
        (dict(errors="ignore"), "errors must be one of raise, return"),
        (dict(x=np.full((N, 3), np.nan)), "x holds NaN"),
    ],
)
def test_bad_arguments(data, change, message):
    given = dict(models=[net(0), net(1)], x=data[0], y=data[1]) | change
    with pytest.raises((ValueError, TypeError), match=message):
        fit_many(given.pop("models"), given.pop("x"), given.pop("y"), **given)


def test_nothing_to_do(data):
    assert fit_many([], *data) == []


def test_what_is_no_array_is_told():
    with pytest.raises(ValueError, match="x must hold numbers"):
        fit_many([Network([Dense(1)])], np, np.ones((4, 1)))


def test_repetitions_come_back_together(data):
    x, y = data
    grid = {"units": [2, 3], "random_state": [0, 1, 2], "optimizer": [SGD(0.1), "adam"]}
    options = dict(parameters=grid, epochs=3, batch_size=1)

    def build(units, random_state):
        return net(random_state, units)

    alone = fit_many(build, x, y, **options)
    settings = fit_many(build, x, y, group_by="random_state", **options)
    assert [s.parameters for s in settings] == [
        {"units": u, "optimizer": o} for o in grid["optimizer"] for u in grid["units"]
    ]
    for setting in settings:
        same = [m for p, m in alone if {k: p[k] for k in setting.parameters} == setting.parameters]
        assert len(same) == 3
        for mine, other in zip(setting.models, same, strict=True):
            np.testing.assert_array_equal(mine.params, other.params)
        losses = [model.history_["loss"] for model in same]
        assert setting.mean() == pytest.approx(np.mean([curve[-1] for curve in losses]))
        assert setting.std("loss", 0) == pytest.approx(np.std([curve[0] for curve in losses]))
    with pytest.raises(ValueError, match=r"group_by must name one of .*random_state.*; got 'seed'"):
        fit_many(build, x, y, group_by="seed", **options)
    with pytest.raises(ValueError, match="needs a callable"):
        fit_many([build(2, 0)], x, y, group_by="units")


def test_a_setting_none_of_which_was_fitted_has_no_mean():
    def build(units, random_state):
        return Network([Dense(units)], random_state=random_state)

    x, y = np.zeros((4, 2)), np.zeros(4)
    grid = {"units": [-1], "random_state": [0, 1]}
    how = dict(parameters=grid, group_by="random_state", errors="return", loss="mse")
    (setting,) = fit_many(build, x, y, **how)
    assert np.isnan(setting.mean("loss")) and np.isnan(setting.std("loss"))


def test_repetitions_that_learned_nothing_have_no_mean():
    """None after 0 epochs; nor at an epoch that none reached; a name that none has is refused."""

    def build(units, random_state):
        return Network([Dense(units), Dense(1)], random_state=random_state)

    x, y = np.ones((4, 2)), np.ones(4)
    grid = dict(parameters={"units": [2], "random_state": [0, 1]}, group_by="random_state", loss="mse")
    (setting,) = fit_many(build, x, y, epochs=0, **grid)
    assert np.isnan(setting.mean()) and np.isnan(setting.std())
    (setting,) = fit_many(build, x, y, epochs=2, **grid)
    assert np.isnan(setting.mean("loss", 2)) and np.isfinite(setting.mean("loss", -2))
    with pytest.raises(ValueError, match="name must be one of"):
        setting.mean("accuracy")


@pytest.mark.parametrize("batch_size", [1, 32])
def test_a_fit_of_ones_own_is_called(batch_size):
    class Noted(Network):
        noted = 0

        def fit(self, *args, **options):
            self.noted += 1
            return super().fit(*args, **options)

    x, y = np.zeros((40, 3)), np.zeros(40)
    found = fit_many([Noted([Dense(2), Dense(1)]) for _ in range(2)], x, y, epochs=1, batch_size=batch_size)
    assert [model.noted for model in found] == [1, 1]
