"""What `solver` and the parameters beside it stand for: schedules, memory from call to call, messages."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import cross_validate

from fastmlp import (
    SGD,
    Adam,
    Dense,
    DivergenceWarning,
    MLPClassifier,
    MLPRegressor,
    Network,
    activations,
    initializers,
    losses,
    model_selection,
    optimizers,
    schedules,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
SCHEDULES = [
    schedules.Cosine(0.1, 5), schedules.OneCycle(0.1, 6), schedules.Warmup(0.1, 3),
    schedules.StepDecay(0.1, 2),
    schedules.Exponential(0.1, 0.8), schedules.InverseScaling(0.1), lambda epoch: 0.1 / (1 + epoch),
]  # fmt: skip


def regressor(**options):
    return MLPRegressor(**(dict(hidden_layer_sizes=(), max_iter=6, random_state=0, alpha=0.0) | options))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("batch_size", [1, 20, 60])
def test_schedules_are_obeyed_as_a_network_obeys_them(schedule, batch_size):
    start = dict(coefs_init=[np.full((4, 1), 0.1)], intercepts_init=[np.zeros(1)])
    model = regressor(solver=SGD(schedule), batch_size=batch_size, shuffle=False, tol=0.0, **start)
    model.fit(X, X[:, 0])
    network = Network([Dense(1)]).build(4)
    network.set_weights([np.full((4, 1), 0.1), np.zeros(1)])
    loss = losses.HalfSquaredError()
    network.fit(
        X, X[:, 0], epochs=6, batch_size=batch_size, shuffle=False, loss=loss, optimizer=SGD(schedule)
    )
    assert model.history_["learning_rate"] == network.history_["learning_rate"]
    assert len(set(model.history_["learning_rate"])) > 2
    np.testing.assert_array_equal(model.coefs_[0].ravel(), network.coefs_[0].ravel())


@pytest.mark.parametrize("options", [dict(solver=SGD(lambda e: 0.1 / (1 + e))),
                                     dict(solver="sgd", momentum=0, learning_rate=lambda e: 0.1 / (1 + e)),
                                     dict(solver="adam", learning_rate=lambda e: 0.1 / (1 + e))],
                         ids=str)  # fmt: skip
def test_epochs_are_counted_over_the_life_of_the_weights(options):
    expected = [0.1 / (1 + e) for e in range(6)]
    once = regressor(tol=0.0, **options).fit(X, X[:, 0])
    assert once.history_["learning_rate"] == pytest.approx(expected)
    warm = regressor(tol=0.0, warm_start=True, **options).set_params(max_iter=2)
    for _ in range(3):
        warm.fit(X, X[:, 0])
    assert warm.history_["learning_rate"] == pytest.approx(expected)
    piece = regressor(**options)
    for _ in range(6):
        piece.partial_fit(X, X[:, 0])
    assert piece.history_["learning_rate"] == pytest.approx(expected)
    piece.fit(X, X[:, 0])  # new weights
    assert piece.history_["learning_rate"] == pytest.approx(expected)


def test_a_plateau_falls_and_ends_the_fit():
    plateau = schedules.Plateau(0.1, factor=0.5, patience=2, tol=1e9, min_rate=0.02)
    model = regressor(solver=SGD(plateau), max_iter=40, batch_size=60).fit(X, X[:, 0])
    # the first loss is an improvement; then the third without one lowers the rate
    assert model.history_["learning_rate"] == pytest.approx([0.1] * 4 + [0.05] * 3 + [0.025] * 3)
    piece = regressor(solver=SGD(plateau), batch_size=60)
    for _ in range(7):
        piece.partial_fit(X, X[:, 0])
    assert piece.history_["learning_rate"] == pytest.approx([0.1] * 4 + [0.05] * 3)


def test_a_plateau_beside_early_stopping():
    plateau = schedules.Plateau(0.1, factor=0.5, patience=1, tol=1e9, min_rate=1e-9)
    model = regressor(solver=SGD(plateau), max_iter=6, early_stopping=True, n_iter_no_change=100)
    model.fit(X, X[:, 0])
    assert model.history_["learning_rate"] == pytest.approx([0.1] * 3 + [0.05] * 2 + [0.025])


def test_what_is_remembered_of_weights_that_are_gone_is_forgotten():
    model = regressor(solver="adam").partial_fit(X, X[:, 0])
    model.set_params(solver="lbfgs").fit(X, X[:, 0])
    start = dict(coefs_init=[w.copy() for w in model.coefs_], intercepts_init=[model.intercepts_[0].copy()])
    model.set_params(solver="adam", shuffle=False).partial_fit(X, X[:, 1])
    fresh = regressor(solver="adam", shuffle=False, **start).partial_fit(X, X[:, 1])
    np.testing.assert_array_equal(model.coefs_[0], fresh.coefs_[0])


def test_sizes_that_sklearn_was_told_not_to_look_at():
    with sklearn.config_context(skip_parameter_validation=True):
        for bad in (0, -3):
            with pytest.raises(ValueError, match="batch_size must be at least 1"):
                regressor(batch_size=bad).fit(X, X[:, 0])


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_new_learning_rate_init_is_read_when_scikit_learn_reads_it(solver, learning_rate):
    """With the optimizer's making: by `fit` and the first `partial_fit`."""
    found = []
    for kind in (neural_network.MLPRegressor, MLPRegressor):
        model = kind(hidden_layer_sizes=(3,), solver=solver, learning_rate=learning_rate, random_state=0)
        for rate, calls in ((0.01, 3), (0.2, 3)):
            model.set_params(learning_rate_init=rate)
            for _ in range(calls):
                model.partial_fit(X, X[:, 0])
        found.append(model.coefs_[0].copy())
        found.append(model.set_params(max_iter=2).fit(X, X[:, 0]).coefs_[0])
    np.testing.assert_allclose(found[0], found[2], atol=1e-12)
    np.testing.assert_allclose(found[1], found[3], atol=1e-12)


def test_a_new_rate_of_a_solver_object_is_obeyed_and_memory_kept():
    model = regressor(solver=SGD(0.1)).partial_fit(X, X[:, 0])
    model.set_params(solver=SGD(0.01)).partial_fit(X, X[:, 0])
    assert model.history_["learning_rate"] == [0.1, 0.01]
    memory = regressor(solver=Adam(0.1)).partial_fit(X, X[:, 0])
    memory.set_params(solver=Adam(0.01)).partial_fit(X, X[:, 0])
    assert memory._optimizer.step == 2


@pytest.mark.parametrize("before", ["adam", "sgd", "momentum", "rmsprop", "adagrad", "amsgrad", "nesterov"])
@pytest.mark.parametrize(
    "after", ["adam", "sgd", "nesterov", "rmsprop", "adagrad", "adamw", Adam(beta_1=0.5)]
)
def test_another_kind_of_optimizer_starts_anew(before, after):
    if before == after or (before, after) in (("nesterov", "sgd"), ("sgd", "nesterov")):
        return  # the same kind: scikit-learn's "sgd" has Nesterov's momentum
    model = regressor(solver=before, learning_rate_init=0.01)
    for _ in range(5):
        model.partial_fit(X, X[:, 0])
    start = dict(coefs_init=[w.copy() for w in model.coefs_],
                 intercepts_init=[b.copy() for b in model.intercepts_])  # fmt: skip
    options = dict(solver=after, shuffle=False)
    if not isinstance(after, str):
        options["learning_rate_init"] = 0.001
    model.set_params(**options).partial_fit(X, X[:, 0])
    fresh = regressor(**(dict(learning_rate_init=0.01) | options | start)).partial_fit(X, X[:, 0])
    np.testing.assert_array_equal(model.coefs_[0], fresh.coefs_[0])
    assert np.abs(model.coefs_[0] - start["coefs_init"][0]).max() > 1e-5


@pytest.mark.parametrize(
    "beside",
    [
        dict(weight_decay=0.1), dict(clip_norm=1.0), dict(learning_rate_init=0.5), dict(momentum=0.5),
        dict(nesterovs_momentum=False), dict(beta_1=0.5), dict(beta_2=0.5), dict(epsilon=1e-3),
        dict(learning_rate="adaptive"), dict(learning_rate=lambda epoch: 0.1), dict(power_t=0.1),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_solver_object_would_ignore_is_refused(beside):
    (name,) = beside
    for solver in (SGD(0.1), Adam(), Adam):
        with pytest.raises(
            ValueError, match=rf"solver=.*{name}=.* would be ignored: leave {name} at the default"
        ):
            MLPClassifier((3,), solver=solver, **beside).fit(X, Y)
    with pytest.raises(ValueError, match="max_fun=5 beside it would be ignored"):
        MLPClassifier((3,), solver=optimizers.LBFGS(), max_fun=5).fit(X, Y)


@pytest.mark.parametrize(
    ("named", "same"),
    [
        (dict(solver="momentum", momentum=0.5), optimizers.Momentum(0.001, 0.5)),
        (dict(solver="nesterov", momentum=0.5), optimizers.Nesterov(0.001, 0.5)),
        (dict(solver="momentum"), optimizers.Momentum(0.001, 0.9)),
        (
            dict(solver="rmsprop", momentum=0.5, epsilon=1e-3),
            optimizers.RMSprop(0.001, momentum=0.5, epsilon=1e-3),
        ),
        (dict(solver="rmsprop"), optimizers.RMSprop(0.001)),
        (dict(solver="adagrad", epsilon=1e-3), optimizers.Adagrad(0.001, 1e-3)),
        (dict(solver="adamw", beta_1=0.5, weight_decay=0.2), optimizers.AdamW(0.001, 0.5, weight_decay=0.2)),
        (dict(solver="adam", clip_norm=0.1), Adam(0.001, epsilon_corrected=False, clip_norm=0.1)),
        (dict(solver="sgd", momentum=0.0), SGD(0.001)),
        (dict(solver="lbfgs"), optimizers.LBFGS()),
        (dict(solver="lbfgs"), optimizers.LBFGS),
    ],
    ids=str,
)
def test_names_with_parameters_are_objects_with_the_same(named, same):
    a, b = (regressor(**options).fit(X, X[:, 0]) for options in (named, dict(solver=same)))
    np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])


def test_classes_stand_for_what_they_make():
    classes = MLPClassifier(
        (3,),
        activations.Tanh,
        solver=SGD,
        max_iter=3,
        random_state=0,
        loss=losses.BinaryCrossentropy,
        out_activation=activations.Logistic,
        initializer=initializers.Glorot,
    ).fit(X, Y)
    objects = MLPClassifier(
        (3,),
        activations.Tanh(),
        solver=SGD(),
        max_iter=3,
        random_state=0,
        loss=losses.BinaryCrossentropy(),
        out_activation=activations.Logistic(),
        initializer=initializers.Glorot(),
    ).fit(X, Y)
    np.testing.assert_array_equal(classes.coefs_[0], objects.coefs_[0])
    with pytest.raises(TypeError, match="learning_rate must be an object; got the class Cosine"):
        MLPClassifier((3,), learning_rate=schedules.Cosine).fit(X, Y)


def test_lbfgs_objects_have_no_partial_fit():
    assert not hasattr(MLPClassifier(solver=optimizers.LBFGS()), "partial_fit")
    with pytest.raises(ValueError, match="takes neither monitor nor validation_data"):
        MLPClassifier(solver=optimizers.LBFGS()).fit(X, Y, X_val=X, y_val=Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            dict(out_activation="relu"),
            "loss='log_loss' needs an output activation of logistic or identity; got 'relu': set out_act",
        ),
        (dict(loss=losses.CategoricalCrossentropy()), "needs one output for each class, at least 2: for two"),
        (
            dict(out_activation="softmax", loss="squared_error"),
            "loss='squared_error' behind 'softmax' needs one output for each",
        ),
        (dict(activation="step"), "a step activation has no gradient to learn by; use 'logistic' or 'tanh'$"),
    ],
    ids=str,
)
def test_messages_speak_of_the_estimators_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier((3,), **options).fit(X, Y)


def here(call, category):
    """Assert that a call warns of its own line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    lines = {(w.filename, w.lineno) for w in caught if issubclass(w.category, category)}
    assert lines == {(__file__, call.__code__.co_firstlineno)}, lines


def test_warnings_name_the_users_line():
    short = dict(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    model = MLPClassifier(**short)
    here(lambda: model.fit(X, Y), ConvergenceWarning)
    here(lambda: MLPClassifier(**short, solver="lbfgs").fit(X, Y), ConvergenceWarning)
    here(lambda: cross_validate(model, X, Y, cv=3), ConvergenceWarning)
    here(lambda: model_selection.cross_validate(model, X, Y, cv=3, repeats=1, n_jobs=1), ConvergenceWarning)
    big = MLPClassifier(**short, batch_size=100)
    here(lambda: big.partial_fit(X, Y, classes=[0, 1]), UserWarning)
    here(lambda: big.fit(X, Y, X_val=X, y_val=Y[:, None]), DataConversionWarning)
    apart = MLPRegressor(
        **(short | dict(max_iter=100)), activation="identity", solver="sgd", learning_rate_init=3
    )
    here(lambda: apart.fit(X, X[:, 0] * 100), DivergenceWarning)
