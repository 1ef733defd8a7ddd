"""Validation data of MLPClassifier and MLPRegressor: one set, several, in pipelines; what is kept."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import SGD, MLPClassifier, MLPRegressor
from fastmlp.metrics import Metric

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.standard_normal((90, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
TRAIN, VAL = slice(0, 60), slice(60, 90)


def quick(**options):
    return MLPClassifier(**(dict(hidden_layer_sizes=(5,), max_iter=12, random_state=0) | options))


def test_arguments_and_tuple_are_the_same():
    w = RNG.uniform(0, 1, 30)
    by_tuple = quick().fit(X[TRAIN], Y[TRAIN], validation_data=(X[VAL], Y[VAL], w))
    by_name = quick().fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL], sample_weight_val=w)
    assert by_name.history_["val_loss"] == by_tuple.history_["val_loss"]
    expected = log_loss(Y[VAL], by_name.predict_proba(X[VAL]), sample_weight=w)
    assert by_name.history_["val_loss"][-1] == pytest.approx(expected)


def test_several_sets_give_curves_each():
    noisy = X[VAL] + RNG.standard_normal((30, 4)) * 0.3
    sets = {"clean": (X[VAL], Y[VAL]), "noise 0.3": (noisy, Y[VAL])}
    model = quick(metrics=["accuracy"]).fit(X[TRAIN], Y[TRAIN], validation_data=sets)
    for name, (x, y) in sets.items():
        alone = quick(metrics=["accuracy"]).fit(X[TRAIN], Y[TRAIN], validation_data=(x, y))
        for what in ("loss", "score", "accuracy"):
            assert model.history_[f"{name}_{what}"] == alone.history_[f"val_{what}"]
        assert model.history_[f"{name}_accuracy"][-1] == model.score(x, y)
    assert not any(name.startswith("val_") for name in model.history_)


def test_which_of_several_sets_decides():
    sets = {"easy": (X[:30], Y[:30]), "hard": (X[VAL], RNG.randint(0, 3, 30))}
    options = dict(early_stopping=True, max_iter=200, n_iter_no_change=3, learning_rate_init=0.05)
    with pytest.raises(ValueError, match=r"early_stopping=True with the validation sets 'easy', 'hard': say"):
        quick(**options).fit(X, Y, validation_data=sets)
    for name in sets:
        for what in ("loss", "score"):
            model = quick(**options, monitor=f"{name}_{what}").fit(X, Y, validation_data=sets)
            alone = quick(**options, monitor=f"val_{what}").fit(X, Y, validation_data=sets[name])
            assert model.validation_scores_ == alone.validation_scores_ == model.history_[f"{name}_score"]
            assert model.best_validation_score_ == alone.best_validation_score_
            np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])
    named_val = quick(**options).fit(X, Y, validation_data={"hard": sets["hard"], "val": sets["easy"]})
    one = quick(**options).fit(X, Y, validation_data={"only": sets["easy"]})
    np.testing.assert_array_equal(named_val.coefs_[0], one.coefs_[0])


def routed():
    return sklearn.config_context(enable_metadata_routing=True)


def test_a_pipeline_transforms_validation_data():
    """As docs/estimators.md shows."""
    far = X * 100 + 500
    with routed():
        model = quick().set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline([("scale", StandardScaler()), ("mlp", model)], transform_input=["X_val"])
        pipe.fit(far[TRAIN], Y[TRAIN], X_val=far[VAL], y_val=Y[VAL])
    scaler = StandardScaler().fit(far[TRAIN])
    scaled = scaler.transform(far[TRAIN]), scaler.transform(far[VAL])
    alone = quick().fit(scaled[0], Y[TRAIN], X_val=scaled[1], y_val=Y[VAL])
    assert pipe[-1].history_["val_loss"] == alone.history_["val_loss"]
    assert pipe[-1].history_["val_loss"][-1] == pytest.approx(log_loss(Y[VAL], pipe.predict_proba(far[VAL])))


def test_transformed_targets_are_held_out_of_the_training_data():
    """As docs/estimators.md shows: what is held out is transformed with the rest."""
    y = 1000 + 500 * (X[:, 0] - X[:, 1])
    options = dict(hidden_layer_sizes=(5,), early_stopping=True, max_iter=40, random_state=0)
    inside = TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler()).fit(X, y)
    scaled = StandardScaler().fit_transform(y[:, None]).ravel()
    alone = MLPRegressor(**options).fit(X, scaled)
    assert inside.regressor_.history_["val_loss"] == pytest.approx(alone.history_["val_loss"], rel=1e-6)


def test_the_recipes_of_the_documentation_run():
    page = Path(__file__).parents[2] / "docs" / "estimators.md"
    if not page.is_file():
        pytest.skip("the documentation is not part of this installation")
    section = page.read_text(encoding="utf-8").split("## Validation data")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names = dict(model=quick(), X=X[TRAIN], y=Y[TRAIN], X_val=X[VAL], y_val=Y[VAL], X_noisy=X[VAL] + 0.3,
                 MLPClassifier=MLPClassifier, MLPRegressor=MLPRegressor, StandardScaler=StandardScaler,
                 TransformedTargetRegressor=TransformedTargetRegressor)  # fmt: skip
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3 and len(names["pipe"][-1].history_["val_loss"]) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(X_val=X), "X_val and y_val go together; y_val is missing"),
        (dict(y_val=Y), "X_val and y_val go together; X_val is missing"),
        (dict(sample_weight_val=np.ones(90)), "X_val is missing"),
        (dict(X_val=X, y_val=Y, validation_data=(X, Y)), "validation data were given twice"),
        (dict(X_val=X[:, :3], y_val=Y), "X_val, y_val: X has 3 features, but MLP.* is expecting 4"),
        (dict(X_val=X, y_val=Y[:5]), "X_val, y_val: Found input variables with inconsistent numbers"),
        (dict(validation_data=(X[:, :3], Y)), "validation_data: X has 3 features, but MLP.* is expecting 4"),
        (dict(validation_data={"a": (X * np.nan, Y)}), r"validation_data\['a'\]: Input X contains NaN"),
        (dict(validation_data=(X, np.c_[Y, Y, Y])), r"validation_data: y (holds|must hold)"),
        (dict(validation_data=(X, np.c_[Y, Y] > 0)), r"validation_data: y holds"),
        (dict(validation_data={"a": X}), "tuple"),
        (dict(validation_data={3: (X, Y)}), "names as keys"),
        (dict(validation_data=(X, Y, np.ones(3))), "validation_data: sample_weight.shape"),
    ],
    ids=str,
)
def test_what_is_refused_is_named_and_changes_nothing(arguments, message):
    for model, y in (
        (quick(), Y),
        (MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0), X[:, 0]),
    ):
        for state in (model, copy.deepcopy(model).fit(X, y)):
            unchanged(state, lambda m, y=y: m.fit(X, y, **arguments), message)


def unchanged(model, call, message, kinds=(ValueError, TypeError)):
    """Assert that a call is refused, and every attribute is the very object that it was, with its values."""
    before, values = dict(vars(model)), copy.deepcopy(vars(model))
    with pytest.raises(kinds, match=message):
        call(model)
    assert vars(model) == before and all(vars(model)[name] is value for name, value in before.items())
    for name in ("history_", "loss_curve_", "best_iter_", "t_", "n_iter_"):
        assert vars(model).get(name) == values.get(name)
    for a, b in zip(vars(model).get("coefs_", []), values.get("coefs_", []), strict=True):
        np.testing.assert_array_equal(a, b)


CLASSIFIED = [
    (dict(), dict(validation_data=(X, Y + 1)), r"validation_data: `y` has classes not in"),
    (dict(), dict(validation_data=(X, np.array(list("abc"))[Y])), "validation_data: `y` has classes not in"),
    (dict(), dict(validation_data=(X, X[:, 0])), "validation_data: Unknown label type"),
    (dict(monitor="val_loss"), {}, "monitor must be one of"),
    (dict(monitor="val_loss"), dict(validation_data={"a": (X, Y)}), "monitor must be one of.*a_loss"),
    (dict(coefs_init=[np.ones((2, 2))]), {}, "coefs_init must have"),
    (dict(solver=SGD(lambda epoch: -1.0)), {}, "learning_rate"),
    (dict(loss="hinge", out_activation="relu"), {}, "loss='hinge' needs an output activation of identity"),
]


@pytest.mark.parametrize(("options", "arguments", "message"), CLASSIFIED, ids=str)
def test_classifiers_check_everything_before_the_first_epoch(options, arguments, message):
    labels = np.array(["x", "y", "z"])[Y] if "metrics" in options else Y
    unchanged(quick(**options), lambda m: m.fit(X, labels, **arguments), message)
    if "coefs_init" in options:  # a warm start does not look at them
        return
    fitted = quick(warm_start=True).fit(X, labels).set_params(**options)
    unchanged(fitted, lambda m: m.fit(X, labels, **arguments), message)


def test_partial_fit_that_is_refused_changes_nothing():
    for classes, x, y, message in (
        ([0, 1, 2], X * np.nan, Y, "contains NaN"),
        ([0, 1], X, Y, "`y` has classes not in"),
        ([0, 1, 2], X, np.c_[Y, Y] > 0, "."),
        ([0, 1, 2], X[:, :0], Y, "0 feature"),
        (None, X, Y, "classes must be passed"),
    ):
        unchanged(quick(), lambda m, c=classes, x=x, y=y: m.partial_fit(x, y, classes=c), message)
    known = quick().partial_fit(X, Y, classes=[0, 1, 2])
    unchanged(known, lambda m: m.partial_fit(X, Y + 1), "`y` has classes not in")
    unchanged(known, lambda m: m.partial_fit(X[:, :3], Y), "3 features")
    unchanged(known, lambda m: m.partial_fit(X, Y, classes=[0, 1]), "classes")
    regressor = MLPRegressor(max_iter=3).partial_fit(X, X[:, 0])
    unchanged(regressor, lambda m: m.partial_fit(X, X), r"y holds 4 value\(s\) for each sample")


def test_a_generator_that_was_drawn_from_is_as_before():
    generator = np.random.RandomState(3)
    before = generator.get_state()[1].copy()
    with pytest.raises(ValueError, match="monitor"):
        quick(random_state=generator, monitor="val_loss").fit(X, Y)
    np.testing.assert_array_equal(generator.get_state()[1], before)


def test_a_first_epoch_that_diverges_changes_nothing():
    model = MLPRegressor(hidden_layer_sizes=(5,), random_state=0)
    unchanged(model, lambda m: m.fit(X * 1e300, X[:, 0]), "non-finite parameter weights")


@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_data_may_lack_a_class(early_stopping):
    some = Y[VAL] < 2
    x, y = X[VAL][some], Y[VAL][some]
    model = quick(warm_start=True, early_stopping=early_stopping)
    for _ in range(2):
        model.fit(X[TRAIN], Y[TRAIN], validation_data=(x, y))
    if not early_stopping:
        expected = log_loss(y, model.predict_proba(x), labels=[0, 1, 2])
        assert model.history_["val_loss"][-1] == pytest.approx(expected)
    assert len(model.history_["val_loss"]) == len(model.loss_curve_)


def test_partial_fit_with_warm_start_may_lack_a_class():
    model = quick(warm_start=True).partial_fit(X, Y, classes=[0, 1, 2])
    model.partial_fit(X[Y < 2], Y[Y < 2])
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        model.fit(X[Y < 2], Y[Y < 2])


def overfitted(**options):
    """A fit whose best epoch by what is monitored is not its last one."""
    noise = Y[TRAIN].copy()
    noise[::3] = RNG.randint(0, 3, 20)
    model = quick(max_iter=60, learning_rate_init=0.1, hidden_layer_sizes=(40,), alpha=0, **options)
    return model.fit(X[TRAIN], noise, validation_data=(X[VAL], Y[VAL]))


@pytest.mark.parametrize(
    ("monitor", "best"),
    [("val_neg_log_loss", max), ("val_loss", min), ("val_score", max), ("val_accuracy", max),
     ("val_mine", min), ("val_log_loss", min)],
)  # fmt: skip
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_best_epoch_is_the_one_that_comes_back(monitor, best, early_stopping):
    def mine(y, p):
        return log_loss(y, p)

    metrics = {
        "neg_log_loss": "neg_log_loss", "accuracy": "accuracy", "log_loss": log_loss,
        "mine": Metric(mine, "probabilities", "min"),
    }  # fmt: skip
    model = overfitted(monitor=monitor, metrics=metrics, early_stopping=early_stopping)
    curve = model.history_[monitor]
    assert 1 <= model.best_iter_ < len(curve)
    assert curve[model.best_iter_ - 1] == best(curve) and curve[-1] != best(curve)
    loss = log_loss(Y[VAL], model.predict_proba(X[VAL]))
    assert loss == pytest.approx(model.history_["val_loss"][model.best_iter_ - 1])
    if early_stopping:
        assert model.best_validation_score_ == model.validation_scores_[model.best_iter_ - 1]


def test_which_way_is_better_is_not_guessed():
    def error(y, p):
        return np.abs(y - p).mean()

    model = quick(metrics=[error], monitor="val_error")
    with pytest.raises(ValueError, match="it is not known which way is better"):
        model.fit(X, Y, validation_data=(X, Y))


@pytest.mark.parametrize(
    "options",
    [
        dict(early_stopping=True),
        dict(early_stopping=True, class_weight={0: 1, 1: 2}),
        dict(early_stopping=True, monitor="val_loss"),
        dict(monitor="val_loss"),
        dict(monitor="val_neg_log_loss", metrics=["neg_log_loss"]),
        dict(monitor="loss"),
    ],
    ids=str,
)
def test_a_warm_start_keeps_the_weights_it_began_with_where_none_are_better(options):
    model = quick(warm_start=True, max_iter=40, learning_rate_init=0.02, **options)
    model.fit(X[TRAIN], Y[TRAIN], validation_data=(X[VAL], Y[VAL]))
    weights, score = [w.copy() for w in model.coefs_], model.best_validation_score_
    best, curve = model.best_iter_, list(model.history_["val_loss"])
    model.set_params(learning_rate_init=0.5, max_iter=4)
    model.fit(X[TRAIN], 2 - Y[TRAIN], validation_data=(X[VAL], Y[VAL]))
    for a, b in zip(model.coefs_, weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.best_validation_score_ == score
    assert model.best_iter_ == best and model.history_["val_loss"][: len(curve)] == curve
    if "early_stopping" in options:
        assert score in model.validation_scores_


def test_a_warm_start_on_other_data_is_judged_by_them():
    """The loss that other validation data had is no measure of these."""
    model = quick(warm_start=True, monitor="val_loss", max_iter=30, learning_rate_init=0.02)
    model.fit(X[TRAIN], Y[TRAIN], validation_data=(X[VAL], Y[VAL]))
    other = 2 - Y
    model.fit(X[TRAIN], other[TRAIN], validation_data=(X[VAL], other[VAL]))
    curve = model.history_["val_loss"][30:]
    assert model.best_iter_ == 30 + int(np.argmin(curve)) + 1 > 31
    assert log_loss(other[VAL], model.predict_proba(X[VAL])) == pytest.approx(min(curve))


def test_the_best_epoch_is_counted_in_the_history():
    """Over all calls; a call without a monitor keeps no best weights."""
    model = quick(warm_start=True, max_iter=5).fit(X[TRAIN], Y[TRAIN])
    assert model.best_iter_ is None
    model.set_params(monitor="val_score", learning_rate_init=0.5)
    model.fit(X[TRAIN], 2 - Y[TRAIN], validation_data=(X[VAL], Y[VAL]))
    assert model.best_iter_ >= 5
    model.set_params(monitor=None).fit(X[TRAIN], Y[TRAIN])
    assert model.best_iter_ is None and len(model.history_["loss"]) == 15
