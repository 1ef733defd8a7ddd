"""What MLPClassifier and MLPRegressor do beyond scikit-learn's, and the edges of what they share."""

import copy
import io
import pickle
import re
import warnings

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_multilabel_classification
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, QuantileRegressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from fastmlp import DivergenceWarning, MLPClassifier, MLPRegressor, losses, optimizers
from fastmlp.activations import LeakyReLU, Tanh
from fastmlp.network import lbfgs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
LINE = np.linspace(-1, 1, 200).reshape(-1, 1)


def quick(**options):
    if isinstance(options.get("solver", ""), str):  # an object has a learning rate of its own
        options = dict(learning_rate_init=0.02) | options
    return MLPClassifier(**(dict(hidden_layer_sizes=(8,), max_iter=30, random_state=0) | options))


@pytest.mark.parametrize(
    "options",
    [
        dict(activation=["tanh", LeakyReLU(0.2)], hidden_layer_sizes=(8, 6)),
        dict(activation=Tanh(0.5)),
        dict(hidden_layer_sizes=()),
        dict(hidden_layer_sizes=0),
        dict(dropout=0.1),
        dict(dropout=[0.05, 0.1]),
        dict(loss="hinge"),
        dict(loss="squared_hinge"),
        dict(loss="squared_error"),
        dict(loss="squared_error", out_activation="identity"),
        dict(out_activation="identity"),
        dict(out_activation="logistic"),
        dict(loss=losses.CategoricalCrossentropy(label_smoothing=0.05)),
        dict(class_weight="balanced"),
        dict(weight_decay=0.01, clip_norm=1.0),
        dict(learning_rate=lambda epoch: 0.05 * 0.99**epoch),
        dict(solver="rmsprop"),
        dict(solver="adamw"),
        dict(solver=optimizers.Nesterov(0.05)),
        dict(solver="rprop"),
        dict(dtype="float32"),
    ],
    ids=str,
)
def test_every_extra_learns_iris(options):
    model = quick(max_iter=150, **options).fit(X, Y)
    assert model.score(X, Y) > 0.93
    scores = model.decision_function(X)
    assert (scores.argmax(axis=1) == model.predict(X)).all()
    probable = options.get("loss") not in ("hinge", "squared_hinge") and options != dict(
        loss="squared_error", out_activation="identity"
    )
    assert hasattr(model, "predict_proba") == probable
    if probable:
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        assert (p.argmax(axis=1) == Y).mean() > 0.93


@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_error"])
def test_two_classes_and_their_decision(loss):
    labels = np.where(Y == 2, "virginica", "other")
    model = quick(loss=loss, max_iter=150).fit(X, labels)
    decision = model.decision_function(X)
    assert decision.shape == (150,)
    assert (model.predict(X) == model.classes_[(decision > 0).astype(int)]).all()
    assert model.score(X, labels) > 0.93
    if loss == "log_loss":
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-decision)), rtol=1e-9)


def test_regression_losses_find_their_minimum():
    """Without a hidden layer, each loss has a known answer."""
    rng = np.random.RandomState(0)
    y = 2 * LINE.ravel() + rng.standard_normal(200) * 0.1
    y[::10] += 5  # outliers
    options = dict(hidden_layer_sizes=(), alpha=0, max_iter=3000, tol=0, n_iter_no_change=np.inf,
    batch_size=200,
                   learning_rate=lambda epoch: 0.05 * 0.997**epoch, random_state=0)  # fmt: skip
    for loss, quantile in (("absolute_error", 0.5), ("quantile", 0.5), (losses.Quantile(0.85), 0.85)):
        expected = QuantileRegressor(quantile=quantile, alpha=0).fit(LINE, y)
        model = MLPRegressor(loss, **options).fit(LINE, y)
        np.testing.assert_allclose(model.predict(LINE), expected.predict(LINE), atol=0.02)
    huber = MLPRegressor("huber", **options).fit(LINE, y)
    square = MLPRegressor("squared_error", **options).fit(LINE, y)
    middle = np.median(y - 2 * LINE.ravel())
    assert abs(huber.intercepts_[0][0] - middle) < 0.3 < abs(square.intercepts_[0][0] - middle)


def test_dropout_leaves_the_stream_of_weights_and_shuffles_alone():
    plain, dropped = quick(), quick(dropout=0.3)
    states = []
    for model in (plain, dropped):
        random_state = np.random.RandomState(3)
        model.set_params(random_state=random_state, max_iter=2).fit(X, Y)
        states.append(random_state.random_sample())
    assert states[0] == states[1]
    assert not np.allclose(plain.coefs_[0], dropped.coefs_[0])
    again = quick(dropout=0.3, max_iter=2, random_state=np.random.RandomState(3)).fit(X, Y)
    np.testing.assert_array_equal(again.coefs_[0], dropped.coefs_[0])


def test_class_weight_is_sample_weight():
    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    by_class = quick(class_weight=weights).fit(X, Y)
    by_sample = quick().fit(X, Y, sample_weight=np.array([1.0, 5.0, 0.5])[Y])
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    rare = np.r_[0:50, 50:60]
    chances = [
        quick(class_weight=each).fit(X[rare], Y[rare]).predict_proba(X[60:100])[:, 1].mean()
        for each in (None, "balanced")
    ]
    assert chances[0] < chances[1]


@pytest.mark.parametrize("batch_size", [1, 10, 50])
def test_class_weights_count_across_batches(batch_size):
    """Small steps through one epoch add up to the whole data's gradient, where most batches lack a class too.

    Samples' own weights, as in scikit-learn, count within their batch only.
    """
    weights, rate = {0: 30.0, 1: 0.1, 2: 0.01}, 1e-7
    options = dict(solver="sgd", momentum=0.0, learning_rate_init=rate, max_iter=1, alpha=0)

    def step(n, **weighting):
        sample_weight = weighting.pop("sample_weight", None)
        model = quick(batch_size=n, coefs_init=start, **options, **weighting).fit(X, Y, sample_weight)
        return (model.coefs_[0] - start[0]) * n / rate

    start = [np.full((4, 8), 0.3), np.linspace(-1, 1, 24).reshape(8, 3)]
    by_sample = np.array([30.0, 0.1, 0.01])[Y]
    whole = step(150, sample_weight=by_sample)
    scale = np.abs(whole).max()
    np.testing.assert_allclose(step(batch_size, class_weight=weights) / scale, whole / scale, atol=1e-4)
    assert np.abs(step(batch_size, sample_weight=by_sample) - whole).max() > 0.01 * scale


def test_early_stopping_with_class_weight_goes_by_the_loss():
    weighted = quick(early_stopping=True, class_weight="balanced").fit(X, Y)
    best = int(np.argmin(weighted.history_["val_loss"]))
    assert weighted.best_iter_ == best + 1
    assert weighted.best_validation_score_ == weighted.validation_scores_[best]
    by_score = quick(early_stopping=True, class_weight="balanced", monitor="val_score").fit(X, Y)
    assert by_score.best_validation_score_ == max(by_score.validation_scores_)


def test_initial_weights():
    start = quick(max_iter=1, learning_rate_init=1e-12, initializer="he_normal").fit(X, Y)
    assert start.coefs_[0].std() == pytest.approx((2 / 4) ** 0.5, rel=0.3)
    assert np.abs(start.intercepts_[0]).max() < 1e-9
    for number in (0.25, 1, np.float32(0.5)):  # as layers take them
        start = quick(max_iter=1, learning_rate_init=1e-12, initializer=number).fit(X, Y)
        np.testing.assert_allclose(start.coefs_[0], number, rtol=1e-9)
        assert np.abs(start.intercepts_[0]).max() < 1e-9
    for number in (np.nan, np.inf, True):
        with pytest.raises((TypeError, ValueError), match="initializer"):
            quick(initializer=number).fit(X, Y)
    coefs = [np.full((4, 8), 0.1), np.full((8, 3), 0.2)]
    given_weights = quick(max_iter=1, learning_rate_init=1e-12, coefs_init=coefs).fit(X, Y)
    np.testing.assert_allclose(given_weights.coefs_[0], 0.1, rtol=1e-9)
    with pytest.raises(ValueError, match=r"coefs_init must have the shapes \[\(4, 8\), \(8, 3\)\]"):
        quick(coefs_init=[np.ones((4, 7)), np.ones((7, 3))]).fit(X, Y)


def test_validation_data_history_and_monitor():
    model = quick(monitor="val_loss", metrics=("accuracy", "f1_macro"), learning_rate_init=0.3, alpha=0.0)
    model.fit(X[::2], Y[::2], validation_data=(X[1::2], Y[1::2]))
    history = model.history_
    assert set(history) == {
        "loss",
        "accuracy",
        "f1_macro",
        "val_score",
        "val_loss",
        "val_accuracy",
        "val_f1_macro",
        "learning_rate",
        "seconds",
    }
    assert {len(values) for values in history.values()} == {30}
    assert history["val_score"] == history["val_accuracy"]
    assert model.best_iter_ == int(np.argmin(history["val_loss"])) + 1
    p = model.predict_proba(X[1::2])
    assert -np.log(p[np.arange(75), Y[1::2]]).mean() == pytest.approx(min(history["val_loss"]))
    assert all(s > 0 for s in history["seconds"])
    plain = quick().fit(X, Y)
    assert set(plain.history_) == {"loss", "learning_rate", "seconds"} and plain.best_iter_ is None
    assert plain.history_["loss"] == plain.loss_curve_
    with pytest.raises(ValueError, match=r"monitor must be one of .*loss.*; got 'val_loss'"):
        quick(monitor="val_loss").fit(X, Y)


def test_early_stopping_on_given_data_and_on_its_loss():
    model = quick(
        early_stopping=True, max_iter=400, n_iter_no_change=5, monitor="val_loss", learning_rate_init=0.1
    )
    model.fit(X[::2], Y[::2], validation_data=(X[1::2], Y[1::2]))
    curve = model.history_["val_loss"]
    assert len(curve) == model.n_iter_ < 400
    assert min(curve) == curve[model.best_iter_ - 1]
    assert model.best_validation_score_ == model.validation_scores_[model.best_iter_ - 1]
    assert len(model.history_["loss"]) == len(model.validation_scores_)


def test_scores_equal_scikit_learns():
    rng = np.random.RandomState(0)
    weights = rng.uniform(0, 2, 150)
    model = quick().fit(X, Y)
    logits = model.decision_function(X)
    assert model._score_logits(logits, Y, weights) == pytest.approx(
        accuracy_score(Y, model.predict(X), sample_weight=weights)
    )
    targets = np.c_[X[:, 0] + X[:, 1], X[:, 2]]
    regressor = MLPRegressor(hidden_layer_sizes=(4,), max_iter=5, random_state=0).fit(X, targets)
    for w in (None, weights):
        assert regressor._score_logits(regressor.predict(X), targets, w) == pytest.approx(
            r2_score(targets, regressor.predict(X), sample_weight=w)
        )


def test_hidden_activations_are_features():
    model = quick(hidden_layer_sizes=(8, 5)).fit(X, Y)
    hidden = model.transform(X)
    np.testing.assert_allclose(
        hidden,
        np.maximum(
            np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0) @ model.coefs_[1]
            + model.intercepts_[1],
            0,
        ),
        rtol=1e-9,
        atol=1e-12,
    )
    np.testing.assert_array_equal(model.activations(X, 1), hidden)
    assert model.activations(X, 0).shape == (150, 8)
    np.testing.assert_allclose(model.activations(X, -1), model.predict_proba(X))
    pipe = make_pipeline(model, LogisticRegression()).fit(X, Y)
    assert pipe.score(X, Y) > 0.9
    assert list(pipe[:-1].get_feature_names_out()) == [f"mlpclassifier{i}" for i in range(5)]


def test_presets_are_views_and_changes_count():
    model = quick().fit(X, Y)
    before = model.predict_proba(X)
    model.coefs_[0][...] *= 2  # in place
    changed = model.predict_proba(X)
    assert not np.allclose(before, changed)
    model.coefs_[0] = model.coefs_[0] / 2  # another array
    np.testing.assert_allclose(model.predict_proba(X), before)
    model.coefs_ = [np.zeros_like(w) for w in model.coefs_]
    model.partial_fit(X, Y)
    assert np.abs(model.coefs_[0]).max() < 0.1
    model.coefs_[0] = np.ones((2, 2))
    with pytest.raises(ValueError, match="coefs_ and intercepts_ must have the shapes"):
        model.predict(X)


@pytest.mark.parametrize("through", [
    lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy,
    lambda m: joblib.load(_dumped(m)),
])  # fmt: skip
def test_copies_predict_and_go_on_alike(through):
    model = quick(warm_start=True).fit(X, Y)
    other = through(model)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    if through is not copy.copy:
        model.partial_fit(X, Y)
        other.partial_fit(X, Y)
        np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])
        other.coefs_[0][0] = 0
        assert not np.array_equal(other.predict_proba(X), model.predict_proba(X))


def _dumped(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return file


def test_it_works_where_scikit_learns_does():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), quick()), {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=3
    )
    assert search.fit(X, Y).score(X, Y) > 0.9
    assert cross_validate(quick(), X, Y, cv=3, n_jobs=2)["test_score"].mean() > 0.9
    stack = StackingClassifier([("a", quick()), ("b", quick(random_state=1))], cv=3)
    assert stack.fit(X, Y).score(X, Y) > 0.9
    fitted = clone(quick(activation=["tanh"], dropout=[0.1], solver=optimizers.Adam(0.01))).fit(X, Y)
    assert "MLPClassifier" in fitted._repr_html_()


def test_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = quick(early_stopping=True, metrics="accuracy").fit(
            frame, pd.Series(Y).map({0: "x", 1: "y", 2: "z"})
        )
        assert (
            model.predict(frame).tolist()
            == quick(early_stopping=True).fit(X, np.array(list("xyz"))[Y]).predict(X).tolist()
        )
        assert list(model.feature_names_in_) == list("abcd")
        assert model.set_output(transform="pandas").transform(frame).shape == (150, 8)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[list("badc")])


def test_metadata_is_routed():
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        model = quick().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(model, X, Y, params={"sample_weight": np.ones(150)}, cv=3)
    assert found["test_score"].mean() > 0.9


def test_diverging_stops_and_keeps_what_was_finite():
    rng = np.random.RandomState(0)
    y = rng.standard_normal(150)
    model = MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="identity",
        solver="sgd",
        learning_rate_init=5,
        max_iter=100,
        batch_size=150,
        random_state=0,
    )
    with pytest.warns(
        DivergenceWarning, match=r"not finite in epoch \d+, at learning rate 5; the largest \|x\| is 3\."
    ):
        model.fit(X, y)
    assert 0 < model.n_iter_ < 100 and np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(
        ValueError, match=r"Solver produced non-finite parameter weights.*epoch 1.*largest \|x\|"
    ):
        MLPRegressor(random_state=0).fit(X * 1e300, y)


def test_interrupted_fit_keeps_its_weights():
    class Interrupt:
        def on_epoch_end(self, state):
            if state.epoch == 4:
                raise KeyboardInterrupt

    model = quick()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y, callbacks=[Interrupt()])
    np.testing.assert_array_equal(model.coefs_[0], quick(max_iter=4).fit(X, Y).coefs_[0])
    assert model.predict(X).shape == (150,)


def test_interrupted_lbfgs_keeps_its_weights():
    class Interrupt:
        def __init__(self, at):
            self.at = at

        def on_epoch_end(self, state):
            if state.epoch == self.at:
                raise KeyboardInterrupt

    model = quick(solver="lbfgs")
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y, callbacks=[Interrupt(4)])
    whole = quick(solver="lbfgs", max_iter=4).fit(X, Y)
    assert model.n_iter_ == 4 and model.loss_ == whole.loss_
    np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])


def test_lbfgs_interrupted_at_once_has_its_first_weights(monkeypatch):
    calls, ours = [], lbfgs.objective

    def objective(*args):
        function = ours(*args)

        def interrupted_first(params):
            calls.append(1)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return function(params)

        return interrupted_first

    monkeypatch.setattr(lbfgs, "objective", objective)
    start = [np.full((4, 8), 0.1), np.full((8, 3), 0.2)]
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = quick(solver="lbfgs", coefs_init=start).fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[1], start[1])
    assert model.n_iter_ == 0 and np.isnan(model.loss_) and model.interrupted_


def test_one_row_is_predicted_as_among_many():
    model = quick().fit(X, Y)
    many = model.predict_proba(X)
    for i in (0, 77):
        np.testing.assert_array_equal(model.predict_proba(X[i : i + 1])[0], many[i])
    for bad, error in (
        (X[0], "Expected 2D array"),
        (X[:1, :3], "X has 3 features, but MLPClassifier is expecting 4"),
        (np.full((1, 4), np.nan), "Input X contains NaN"),
        (np.full((1, 4), np.inf), "Input X contains infinity"),
        (X[:0], "0 sample"),
    ):
        with pytest.raises(ValueError, match=error):
            model.predict(bad)
    with pytest.raises(NotFittedError):
        quick().predict(X)
    assert model.predict(X[:2].tolist()).shape == (2,)


BAD = [
    (dict(hidden_layer_sizes=(3, 0)), "hidden_layer_sizes must be > 0"),
    (dict(hidden_layer_sizes=-1), "hidden_layer_sizes"),
    (dict(activation="rellu"), "activation"),
    (
        dict(activation=["tanh", "tanh"]),
        "activation must be one value, or one for each of 1 hidden layers; got 2",
    ),
    (dict(out_activation="tanh"), "needs an output activation of"),
    (dict(dropout=1.0), "dropout"),
    (dict(dropout=[0.1, 0.2, 0.3]), "dropout must be one value"),
    (dict(loss="poisson"), "loss"),
    (dict(weight_decay=-1), "weight_decay"),
    (dict(clip_norm=0), "clip_norm"),
    (dict(n_threads=0), "n_threads"),
    (dict(dtype="float16"), "dtype"),
    (dict(solver="newton"), "solver"),
    (dict(solver="lbfgs", monitor="val_loss"), "lbfgs.* takes neither monitor nor validation_data"),
    (dict(solver="lbfgs", dropout=0.5), "lbfgs.* takes no dropout; got 0.5"),
    (dict(solver="lbfgs", weight_decay=0.1), "lbfgs.* takes no weight_decay; got 0.1; use alpha"),
    (dict(solver="lbfgs", clip_norm=1.0), "lbfgs.* takes no clip_norm; got 1.0"),
    (dict(learning_rate=lambda epoch: -1.0), r"learning_rate\(epoch\) must be a finite number"),
    (dict(activation="step"), "a step activation has no gradient"),
    (
        dict(initializer=lambda shape, random_state: np.ones(3)),
        "the initializer .* must return weights of the shape",
    ),
    (dict(monitor="val_loss"), "monitor must be one of loss; got 'val_loss'"),
    (dict(metrics="nothing"), "metrics must be one of accuracy, .*; got 'nothing'"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=str)
def test_bad_parameters_are_refused(options, message):
    """And leave a fitted model as it was."""
    model = quick().fit(X, Y)
    state, coefs = dict(vars(model)), [w.copy() for w in model.coefs_]
    with pytest.raises(ValueError, match=message):
        model.set_params(**options).fit(X * 2, Y)
    fitted = [name for name in state if name not in model.get_params()]
    assert [vars(model)[name] is state[name] for name in fitted] == [True] * len(fitted)
    for w, before in zip(model.coefs_, coefs, strict=True):
        np.testing.assert_array_equal(w, before)
    with pytest.raises(ValueError, match=message):
        fresh = quick(**options)
        fresh.fit(X, Y)
    assert set(vars(fresh)) == set(fresh.get_params())


@pytest.mark.parametrize(
    ("fit_params", "message"),
    [
        (dict(validation_data=(X, Y, np.ones(3))), r"sample_weight.shape == \(3,\), expected \(150,\)"),
        (dict(validation_data=(X, Y, np.zeros(150))), "at least one non-zero|nor 0 for all samples"),
        (dict(validation_data=X), r"validation_data must be a tuple \(x, y\)"),
        (
            dict(callbacks=[3]),
            "callbacks must be objects with on_fit_begin, on_epoch_end, on_epoch_done or on_fit_end; got 3",
        ),
        (dict(callbacks=[dict]), "callbacks must be objects"),
    ],
    ids=str,
)
def test_bad_fit_parameters_are_refused(fit_params, message):
    model = quick().fit(X, Y)
    before = model.coefs_
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, Y, **fit_params)
    assert model.coefs_ is before


def test_bad_targets_are_refused():
    x, several = make_multilabel_classification(30, 4, random_state=0)
    with pytest.raises(ValueError, match="needs one class for each sample"):
        quick(loss="hinge").fit(x, several)
    with pytest.raises(ValueError, match=r"y must lie in \[0, inf\] for the loss 'poisson'"):
        MLPRegressor("poisson").fit(LINE, LINE.ravel())
    with pytest.raises(ValueError, match="y must hold numbers; got dtype <U1"):
        MLPRegressor().fit(X, Y.astype("U1"))
    model = quick().fit(X, Y)
    with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`"):
        model.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        quick(early_stopping=True).partial_fit(X, Y)
    assert not hasattr(quick(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="only available for stochastic optimizers"):
        quick(solver="lbfgs").partial_fit(X, Y)


def test_uint8_is_read_in_place_and_trains_in_float32():
    pixels = np.random.RandomState(0).randint(0, 255, (60, 9)).astype(np.uint8)
    labels = (pixels[:, 0] > 127).astype(int)
    model = quick(learning_rate_init=1e-4).fit(pixels, labels)
    assert model.coefs_[0].dtype == np.float32
    same = quick(learning_rate_init=1e-4).fit(pixels.astype(np.float32), labels)
    np.testing.assert_array_equal(model.coefs_[0], same.coefs_[0])
    np.testing.assert_array_equal(model.predict(pixels), same.predict(pixels.astype(np.float32)))


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 30),
    n_features=st.integers(1, 9),
    hidden=st.lists(st.integers(1, 9), max_size=3),
    n_classes=st.integers(2, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    order=st.sampled_from("CF"),
    step=st.sampled_from([1, 2, -1]),
    batch_size=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_any_shape_order_and_stride(n, n_features, hidden, n_classes, dtype, order, step, batch_size, seed):
    """Strided, reversed, Fortran-ordered, read-only input gives what a copy gives, and stays as it is."""
    rng = np.random.RandomState(seed)
    whole = np.asarray(rng.standard_normal((n * 2, n_features)), dtype, order=order)
    whole.flags.writeable = False
    x = whole[::step][:n]
    y = np.r_[np.arange(n_classes), rng.randint(0, n_classes, n)][:n] if n >= n_classes else np.arange(n) % 2
    before = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = dict(hidden_layer_sizes=hidden, batch_size=batch_size, max_iter=3, random_state=seed)
        model = MLPClassifier(**options).fit(x, y)
        same = MLPClassifier(**options).fit(np.ascontiguousarray(x), y)
        np.testing.assert_array_equal(model.coefs_[0], same.coefs_[0])
    np.testing.assert_array_equal(x, before)
    p = model.predict_proba(x)
    assert p.dtype == dtype and p.shape == (n, len(np.unique(y)))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert set(model.predict(x)) <= set(y)


def test_one_class_is_all_that_is_predicted():
    for loss in ("hinge", "squared_hinge", "log_loss", "squared_error"):
        model = quick(loss=loss).fit(X, np.full(150, "only"))
        model.intercepts_[-1][-1] = 1000.0
        assert (model.predict(X) == "only").all()


def test_warm_start_goes_on_in_its_dtype():
    model = quick(warm_start=True).fit(X, Y)
    assert model.fit(X.astype(np.float32), Y).transform(X.astype(np.float32)).dtype == np.float64
    assert get_tags(model).transformer_tags.preserves_dtype == []


def test_multilabel_and_sparse_targets():
    sparse = pytest.importorskip("scipy.sparse")
    x, y = make_multilabel_classification(60, 8, n_classes=4, random_state=0)
    dense, from_sparse = quick().fit(x, y), quick().fit(x, sparse.csr_matrix(y))
    np.testing.assert_array_equal(dense.predict(x), from_sparse.predict(x))
    assert dense.predict_proba(x).shape == dense.decision_function(x).shape == (60, 4)
    assert ((dense.decision_function(x) > 0) == dense.predict(x)).all()
    assert dense.n_outputs_ == 4 and dense.out_activation_ == "logistic"


def test_threads_change_nothing():
    x, y = make_classification(600, 40, random_state=0)
    models = [quick(hidden_layer_sizes=(64, 32), n_threads=n, max_iter=3).fit(x, y) for n in (1, 2, 4)]
    for other in models[1:]:
        np.testing.assert_array_equal(other.coefs_[0], models[0].coefs_[0])
        np.testing.assert_array_equal(other.predict_proba(x), models[0].predict_proba(x))


def test_adamw_decays_by_default():
    fits = [
        MLPClassifier((4,), solver="adamw", max_iter=5, random_state=0, weight_decay=w) for w in (0.0, 0.01)
    ]
    with pytest.warns(ConvergenceWarning):
        first, second = (fit.fit(X, Y) for fit in fits)
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])


@pytest.mark.parametrize("verbose, speeds", [(False, 0), (True, 0), (1, 0), (2, 3), (10, 3)])
def test_speeds_are_printed_beside_the_losses(verbose, speeds, capsys):
    """With 2; True prints what scikit-learn prints, and nothing else."""
    random = np.random.RandomState(0)
    X, y = random.normal(size=(50, 4)), random.randint(0, 3, 50)
    model = MLPClassifier((5,), max_iter=3, verbose=verbose)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (3 if verbose else 0)
    found = [re.search(r"Iteration \d, loss = \S+  (\S+) samples/s  (\S+) GFLOP/s$", line) for line in lines]
    assert sum(match is not None for match in found) == speeds
    for match in filter(None, found):
        rate, gflops = map(float, match.groups())
        assert gflops == pytest.approx(rate * (2 * 2 * 4 * 5 + 3 * 2 * 5 * 3) / 1e9, rel=0.01) and rate > 0
