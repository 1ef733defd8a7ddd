"""What an MLPClassifier decides: decision_function, predict and predict_proba say the same."""

import warnings

import numpy as np
import pytest
from oracle.own import SoftCube
from sklearn.metrics import get_scorer
from sklearn.neural_network import MLPClassifier as SklearnMLP

from fastmlp import MLPClassifier, activations, decisions, losses

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.standard_normal((80, 5))
TARGETS = {
    "binary": np.where(X[:, 0] + X[:, 1] > 0, "yes", "no"),
    "multiclass": np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)],
    "multilabel": np.c_[X[:, 0] > 0, X[:, 1] > 0.3, X[:, 2] > -0.3, X[:, 3] > 0].astype(int),
    "two labels": np.c_[X[:, 0] > 0, X[:, 1] > 0.3].astype(int),
    "one class": np.full(80, "only"),
}


class Absolute:
    """A user's loss."""

    name = "absolute"

    def value(self, y, a):
        return np.abs(a - y).mean(axis=1)

    def derivative(self, y, a):
        return np.sign(a - y) / a.shape[1]


OUTPUTS = [
    None, *sorted(set(activations.ACTIVATIONS) - {"step"}), activations.Logistic(3.0), activations.Tanh(0.5),
    activations.Softmax(), activations.Tanh, SoftCube(),
]  # fmt: skip
LOSSES = [
    "log_loss", "squared_error", "hinge", "squared_hinge", losses.MeanSquaredError(), losses.SumOfSquares(),
    losses.AbsoluteError(), losses.Huber, losses.Quantile(0.4), losses.BinaryCrossentropy(0.1),
    losses.CategoricalCrossentropy(), losses.SoftmaxCrossentropy(), losses.Hinge(0.5), losses.Poisson(),
    Absolute(),
]  # fmt: skip


def fitted(**options):
    options = dict(hidden_layer_sizes=(4,), max_iter=4, learning_rate_init=0.01, random_state=0) | options
    return MLPClassifier(**options)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # a logarithm of a user's outputs below 0
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_predict_is_what_decision_function_says(output, loss):
    n_fitted = 0
    for kind, y in TARGETS.items():
        model = fitted(out_activation=output, loss=loss)
        try:
            model.fit(X, y)
        except ValueError as error:  # they do not go together
            assert "needs" in str(error) or "diverged" in str(error) or "non-finite" in str(error)
            continue
        n_fitted += 1
        for scale in (1.0, 100.0):  # logistic outputs saturate
            model.coefs_[-1][...] *= scale
            agree(model, kind)
    assert n_fitted or "log_loss" in str(loss) or not isinstance(loss, Absolute)


def agree(model, kind):
    decision, predicted = model.decision_function(X), model.predict(X)
    if kind in ("multilabel", "two labels"):
        assert decision.shape == predicted.shape
        np.testing.assert_array_equal(decision > 0, predicted == 1)
    elif kind == "multiclass":
        np.testing.assert_array_equal(model.classes_[decision.argmax(axis=1)], predicted)
    elif kind == "binary":
        np.testing.assert_array_equal(model.classes_[(decision > 0).astype(int)], predicted)
    else:
        assert (predicted == "only").all()
    assert model.score(X, TARGETS[kind]) == np.mean(
        (predicted == TARGETS[kind]).reshape(len(X), -1).all(axis=1)
    )
    if hasattr(model, "predict_proba") and kind != "one class":
        p = model.predict_proba(X)
        assert np.isfinite(p).all() and (p >= 0).all() and (p <= 1).all()
        if kind in ("binary", "multiclass"):
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
            chosen = p[np.arange(len(X)), np.searchsorted(model.classes_, predicted)]
            np.testing.assert_array_equal(chosen, p.max(axis=1))
        else:
            assert (p[predicted == 1] >= 0.5).all() and (p[predicted == 0] <= 0.5).all()


@pytest.mark.parametrize("output", [None, "relu", "logistic", activations.Tanh(0.5)])
def test_softmax_of_any_outputs_tells_probabilities(output):
    """Those that "softmax_crossentropy" learned by; by default that is the usual classifier."""
    y = TARGETS["multiclass"]
    model = fitted(loss=losses.SoftmaxCrossentropy(), out_activation=output, max_iter=30).fit(X, y)
    assert model.out_activation_ == ("identity" if output is None else getattr(output, "name", output))
    exponentials = np.exp(model.activations(X, -1))
    np.testing.assert_allclose(
        model.predict_proba(X), exponentials / exponentials.sum(axis=1, keepdims=True), rtol=1e-12
    )
    if output is None:
        usual = fitted(max_iter=30).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(X), usual.predict_proba(X), rtol=1e-9)
    with pytest.raises(ValueError, match="needs an output activation of identity or logistic"):
        fitted(loss=losses.SoftmaxCrossentropy(), out_activation="softmax").fit(X, y)


@pytest.mark.parametrize("output", ["tanh", "relu", "identity", "softplus"])
def test_labels_are_told_from_the_middle_of_their_targets(output):
    """Outputs that learn 0 and 1 by their squared error say yes from 0.5 on, and learn to."""
    x, y = X, TARGETS["multilabel"]
    model = fitted(
        loss="squared_error", out_activation=output, max_iter=400, hidden_layer_sizes=(20,), tol=0
    ).fit(x, y)
    outputs = model.activations(x, -1)
    np.testing.assert_array_equal(model.predict(x), outputs > 0.5)
    np.testing.assert_allclose(model.decision_function(x), outputs - 0.5, rtol=1e-12, atol=1e-12)
    assert (model.predict(x) == y).mean() > 0.8


def test_logits_count_from_0():
    model = fitted(loss="log_loss", out_activation="identity", max_iter=50).fit(X, TARGETS["multilabel"])
    outputs = model.activations(X, -1)
    np.testing.assert_array_equal(model.decision_function(X), outputs)
    np.testing.assert_array_equal(model.predict(X), outputs > 0)


def test_shares_of_outputs_that_are_all_0():
    """Where each class's logistic output underflows, their ratios are those of exponentials."""
    model = fitted(out_activation="logistic").fit(X, TARGETS["multiclass"])
    model.coefs_[-1][...] = 0
    model.intercepts_[-1][...] = [-1000.0, -1001.0, -1003.0]
    expected = np.exp([0.0, -1.0, -3.0])
    np.testing.assert_allclose(model.predict_proba(X[:2])[0], expected / expected.sum(), rtol=1e-9)
    assert np.isfinite(model.predict_log_proba(X[:2])).all()


@pytest.mark.parametrize(
    ("options", "there"),
    [
        (dict(out_activation=activations.Softmax()), True),
        (dict(out_activation=activations.Logistic), True),
        (dict(out_activation=activations.Tanh(), loss="squared_error"), False),
        (dict(out_activation="sigmoid"), True),
        (dict(out_activation="linear"), True),
        (dict(out_activation="identity", loss="squared_error"), False),
        (dict(loss=losses.Hinge), False),
        (dict(loss=losses.Hinge(2.0)), False),
        (dict(loss=3), False),
    ],
    ids=str,
)
def test_probabilities_are_there_where_outputs_are_some(options, there):
    assert hasattr(fitted(**options), "predict_proba") == there


def test_no_warnings_of_numpy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", category=UserWarning)
        model = fitted(out_activation="logistic").fit(X, TARGETS["multiclass"])
        model.intercepts_[-1][...] = -1000.0
        model.predict_proba(X)


@pytest.mark.parametrize("options", [{}, {"out_activation": "identity", "loss": "log_loss"}], ids=str)
def test_decisions_of_several_classes_can_be_compared_from_sample_to_sample(options):
    """Logits have an offset of each sample's own; their logarithms of probabilities do not.

    scikit-learn's scorers and calibration take decision_function where there is one.
    """
    y = TARGETS["multiclass"]
    model = fitted(max_iter=60, **options).fit(X, y)
    decided, told = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(decided, np.log(told), rtol=1e-9)
    theirs = SklearnMLP(hidden_layer_sizes=(4,), max_iter=60, learning_rate_init=0.01, random_state=0).fit(
        X, y
    )
    expected = get_scorer("average_precision")(theirs, X, y)
    assert get_scorer("average_precision")(model, X, y) == pytest.approx(expected, abs=1e-9)


def test_decisions_that_round_alike_stay_what_predict_says():
    z = np.array([[1e-20, 2e-20, 0.0], [1.0, 1.0, 0.0], [5.0, 1e-20, 2e-20]])
    for dtype in (np.float32, np.float64):
        found = decisions.log_probabilities(z.astype(dtype))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.argmax(axis=1), [1, 0, 0])
        np.testing.assert_allclose(found, np.log(activations.softmax(z)), rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = decisions.log_probabilities(np.array([[0.0, 1e300, -1e308]]))
    np.testing.assert_allclose(found, [[-1e300, 0.0, -1e308]], rtol=1e-7)
