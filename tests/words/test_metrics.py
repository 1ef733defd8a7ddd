"""Metrics: what each takes, its weights, its direction; by hand and against scikit-learn's functions."""

import pickle
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as skm
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from fastmlp import SGD, Dense, MLPClassifier, MLPRegressor, Network, callbacks
from fastmlp import metrics as m
from fastmlp.losses import get as loss_of
from fastmlp.metrics import Metric
from fastmlp.model_selection import cross_validate
from fastmlp.network.reading import Reading

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.RandomState(0)
X = RNG.randn(60, 4)
BINARY = (X[:, 0] + X[:, 1] > 0).astype(int)
WEIGHTS = RNG.uniform(0.1, 3, 60)
IRIS, SPECIES = load_iris(return_X_y=True)


def linear(weights, activation="identity", bias=0.0):
    """A network of one layer with known weights."""
    weights = np.asarray(weights, float)
    layer = Dense(weights.shape[1], activation, input_dim=len(weights))
    return Network([layer]).set_weights([weights, np.full(weights.shape[1], bias)])


def evaluate(outputs, y, metric, activation="identity", loss="mse", weights=None):
    """Measure given outputs: those of a network that hands its inputs through."""
    outputs = np.asarray(outputs, float)
    model = linear(np.eye(outputs.shape[1]), activation)
    return model.evaluate(outputs, y, metrics={"it": metric}, loss=loss, sample_weight=weights)["it"]


ONE = [
    ([0, 1, 1, 0], [0.2, 0.6, 0.4, 0.9], "identity", "mse", 0.5),  # judged at 0.5
    ([-1, 1, 1, -1], [-0.9, 0.1, 0.4, 0.3], "identity", "mse", 0.75),  # at 0
    ([-1, 1, 1, -1], [-2.0, 0.2, 0.1, -0.1], "tanh", "mse", 1.0),
    ([1, 1, 1, 1], [0.2, 0.1, -0.1, 3], "tanh", "mse", 0.75),  # the opposite of 1 behind tanh is -1
    ([1, 1, 1, 1], [0.2, 0.1, -0.1, 3], "identity", "mse", 0.25),
    ([-1, -1, -1, -1], [0.2, 0.1, -0.1, 3], "identity", "mse", 0.25),
    ([0, 1, 1, 0], [-0.1, 0.2, 0.4, -3.0], "identity", "binary_crossentropy", 1.0),  # logits: at 0
    ([0, 1, 1, 0], [-0.1, 0.2, -0.4, -3.0], "logistic", "binary_crossentropy", 0.75),
    ([0.1, 0.9, 0.9, 0.1], [0.2, 0.6, 0.4, 0.9], "identity", "mse", 0.5),
    ([2, 4, 4, 2], [2.9, 3.1, 4, 5], "identity", "mse", 0.75),
]


@pytest.mark.parametrize(("y", "z", "activation", "loss", "expected"), ONE)
def test_accuracy_of_one_output(y, z, activation, loss, expected):
    """The threshold is the middle of the targets' range, of logits 0; columns and vectors are the same."""
    z = np.reshape(z, (-1, 1))
    assert evaluate(z, y, "accuracy", activation, loss) == expected
    assert evaluate(z, np.reshape(y, (-1, 1)), "accuracy", activation, loss) == expected


SEVERAL = [
    # of labels, and of rows with one class each
    ([0, 2, 1], [[2, 1, 0], [0, 1, 2], [2, 1, 0]], "identity", "hinge", 2 / 3),
    (np.eye(3)[[0, 2, 1]], [[2, 1, 0], [0, 1, 2], [2, 1, 0]], "softmax", "categorical_crossentropy", 2 / 3),
    (np.eye(3)[[0, 2, 1]], [[2, 1, 0], [0, 1, 2], [2, 1, 0]], "relu", "softmax_crossentropy", 2 / 3),
    (2 * np.eye(3)[[0, 2, 1]] - 1, [[2, 1, 0], [0, 1, 2], [2, 1, 0]], "tanh", "mse", 2 / 3),
    # of several labels: all of a row have to be right
    ([[1, 1], [0, 0], [0, 1]], [[3, 1], [-1, -2], [1, 2]], "logistic", "binary_crossentropy", 2 / 3),
    ([[1, 1], [0, 0], [0, 1]], [[3, 1], [-1, -2], [1, 2]], "identity", "binary_crossentropy", 2 / 3),
    ([[1, 1], [-1, -1], [-1, 1]], [[3, 0.1], [-1, -2], [1, 2]], "tanh", "mse", 2 / 3),
    ([[1, 0], [0, 0]], [[3, 0.1], [-1, -2]], "logistic", "binary_crossentropy", 0.5),
]


@pytest.mark.parametrize(("y", "z", "activation", "loss", "expected"), SEVERAL)
def test_accuracy_of_several_outputs(y, z, activation, loss, expected):
    assert evaluate(z, np.asarray(y), "accuracy", activation, loss) == pytest.approx(expected)


def test_the_gates_of_the_package_are_judged_at_0():
    from fastmlp.datasets import load_logic_gate

    x, y = load_logic_gate("xor")
    assert set(np.unique(y)) == {-1.0, 1.0}
    model = Network([Dense(4, "tanh"), Dense(1, "tanh")], random_state=1)
    model.fit(x, y, epochs=300, loss="mse", metrics="accuracy", batch_size=None, optimizer="adam")
    assert model.history_["accuracy"][-1] == np.mean(np.sign(model.predict(x).ravel()) == y.ravel())
    wrong = linear([[0.3], [0.3]])  # 0.6, 0 and -0.6: 3 of AND's signs are right, all are below 0.65
    x, y = load_logic_gate("and")
    assert wrong.evaluate(x, y, metrics="accuracy")["accuracy"] == np.mean(
        (0.3 * x.sum(1) > 0) == (y.ravel() > 0)
    )


def test_data_of_one_class_are_judged_as_those_learned():
    x, y = np.array([[-1.0], [-0.5], [0.3], [0.2]]), np.array([-1.0, -1, 1, 1])
    model = linear([[1.0]])
    assert (
        model.evaluate(x[2:], y[2:], metrics="accuracy")["accuracy"] == 0.0
    )  # 0 and 1, for all one can know
    model.fit(x, y, loss="mse", optimizer="sgd")
    for again in (model, pickle.loads(pickle.dumps(model))):
        assert again.evaluate(x[2:], y[2:], metrics="accuracy")["accuracy"] == 1.0
        assert again.evaluate(x[:2], y[:2], metrics="accuracy")["accuracy"] == 1.0
    model.train_on_batch(x[2:], y[2:])  # a batch of one class changes nothing
    assert model.evaluate(x[2:], y[2:], metrics="accuracy")["accuracy"] == 1.0
    model.fit(x, y > 0, loss="mse")
    assert model.evaluate(x[2:], y[2:], metrics="accuracy")["accuracy"] == 0.0


def test_validation_data_are_judged_as_the_training_data():
    """Those of validation may all be of one class, or of one label each."""
    x = np.array([[-1.0], [-0.5], [0.3], [0.2]])
    model = linear([[1.0]])
    model.fit(
        x,
        [-1, -1, 1, 1],
        epochs=1,
        loss="mse",
        optimizer="sgd",
        metrics="accuracy",
        shuffle=False,
        validation_data=(x[2:], [1, 1]),
    )
    assert model.history_["val_accuracy"] == [1.0]  # at 0.5 neither would be right
    several = linear(np.eye(2), "logistic")
    x = np.array([[2.0, 2], [2, -2], [-2, -2], [2, 1]])
    several.fit(x, [[1, 1], [1, 0], [0, 0], [1, 1]], metrics="accuracy", validation_data=(x[3:], [[1, 0]]))
    assert several.history_["val_accuracy"] == [0.0]  # by the strongest it would be 1


def test_weighted_means_by_hand():
    y, p, w = [0, 1, 1], [[0.0], [1.0], [0.0]], [1.0, 2.0, 7.0]
    assert evaluate(p, y, "accuracy", weights=w) == pytest.approx(0.3)
    assert evaluate(p, y, "mse", weights=w) == pytest.approx(0.7)
    assert evaluate(p, y, "mae", weights=w) == pytest.approx(0.7)
    assert evaluate(p, y, "sse", weights=w) == pytest.approx(7.0)
    assert evaluate(p, y, "sse") == pytest.approx(1.0)
    # the mean target is 0.9: left 7, spread 1 * 0.81 + 9 * 0.01
    assert evaluate(p, y, "r2", weights=w) == pytest.approx(1 - 7 / 0.9)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_ours_are_scikit_learns(weights):
    y, p = RNG.randn(60, 3), RNG.randn(60, 3)
    for ours, theirs in (
        (m.mse, skm.mean_squared_error),
        (m.mae, skm.mean_absolute_error),
        (m.r2, skm.r2_score),
    ):
        for of in (slice(None), 0):
            expected = theirs(y[:, of], p[:, of], sample_weight=weights)
            assert ours(y[:, of], p[:, of], weights) == pytest.approx(expected, rel=1e-12)
    assert m.mse(y[:, :1], p[:, 0]) == m.mse(y[:, 0], p[:, :1]) == m.mse(y[:, 0], p[:, 0])
    labels, said = y > 0, p > 0
    for of in (slice(None), 0):
        expected = skm.accuracy_score(labels[:, of], said[:, of], sample_weight=weights)
        assert m.accuracy(labels[:, of], said[:, of], weights) == pytest.approx(expected)
    constant = np.ones(5)
    assert m.r2(constant, constant) == 1.0 and m.r2(constant, constant + 1) == 0.0
    with pytest.raises(ValueError, match=r"same shape; got \(60, 3\) and \(60,\)"):
        m.mse(y, p[:, 0])


def test_r2_of_one_sample_is_not_defined():
    for function in (m.r2, lambda y, p: evaluate(np.reshape(p, (-1, 1)), y, "r2")):
        with pytest.warns(RuntimeWarning, match="r2 of less than two samples is not defined"):
            assert np.isnan(function([1.0], [0.5]))


# scikit-learn's functions, and what each must be given
BINARY_FUNCTIONS = [
    (skm.accuracy_score, "labels"), (skm.f1_score, "labels"), (skm.balanced_accuracy_score, "labels"),
    (skm.matthews_corrcoef, "labels"), (skm.cohen_kappa_score, "labels"), (skm.zero_one_loss, "labels"),
    (partial(skm.fbeta_score, beta=2), "labels"), (skm.hamming_loss, "labels"),
    (skm.log_loss, "probabilities"), (skm.brier_score_loss, "probabilities"),
    (skm.roc_auc_score, "probabilities"), (skm.average_precision_score, "probabilities"),
    (skm.mean_squared_error, "probabilities"), (skm.r2_score, "probabilities"),
    (skm.mean_absolute_error, "probabilities"),
]  # fmt: skip


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize(("function", "takes"), BINARY_FUNCTIONS)
@pytest.mark.parametrize("output", ["logistic", "logits"])
def test_scikit_learns_functions_of_two_classes(function, takes, weights, output):
    model = Network(
        [Dense(5, "tanh"), Dense(1, "logistic" if output == "logistic" else "identity")], random_state=0
    )
    model.fit(
        X,
        BINARY,
        epochs=3,
        metrics=[function],
        loss="binary_crossentropy",
        sample_weight=weights,
        validation_data=(X[:30], BINARY[:30], None if weights is None else weights[:30]),
    )
    a = model.predict(X).ravel()
    p = a if output == "logistic" else 1 / (1 + np.exp(-a))
    answers = (p > 0.5).astype(int) if takes == "labels" else p
    name = m.name_of(function)
    expected = function(BINARY, answers, sample_weight=weights)
    assert model.history_[name][-1] == pytest.approx(expected, rel=1e-9)
    few = None if weights is None else weights[:30]
    expected = function(BINARY[:30], answers[:30], sample_weight=few)
    assert model.history_[f"val_{name}"][-1] == pytest.approx(expected, rel=1e-9)
    found = model.evaluate(X, BINARY, metrics=function, sample_weight=weights)
    assert found[name] == model.history_[name][-1]


@pytest.mark.parametrize("output", ["softmax", "logits"])
def test_scikit_learns_functions_of_three_classes(output):
    chosen = {
        "f1": partial(skm.f1_score, average="macro"), "loss of p": skm.log_loss, "hits": skm.accuracy_score,
        "auc": partial(skm.roc_auc_score, multi_class="ovr"), "top": partial(skm.top_k_accuracy_score, k=2),
        "squared": skm.mean_squared_error, "scorer": skm.get_scorer("f1_macro"),
        "negative": skm.get_scorer("neg_log_loss"), "neg": skm.get_scorer("neg_mean_squared_error"),
    }  # fmt: skip
    model = Network(
        [Dense(6, "relu"), Dense(3, "softmax" if output == "softmax" else "identity")], random_state=0
    )
    few = IRIS[:60], SPECIES[:60]  # which lack a class
    chosen_here = {k: f for k, f in chosen.items() if k != "auc"}
    model.fit(IRIS, SPECIES, epochs=5, loss="categorical_crossentropy", metrics=chosen)
    a = model.predict(IRIS)
    p = a if output == "softmax" else np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    labels, rows = p.argmax(axis=1), np.eye(3)[SPECIES]
    expected = {
        "f1": skm.f1_score(SPECIES, labels, average="macro"), "loss of p": skm.log_loss(SPECIES, p),
        "hits": (labels == SPECIES).mean(), "auc": skm.roc_auc_score(SPECIES, p, multi_class="ovr"),
        "top": skm.top_k_accuracy_score(SPECIES, p, k=2), "squared": ((p - rows) ** 2).mean(),
        "scorer": skm.f1_score(SPECIES, labels, average="macro"), "negative": -skm.log_loss(SPECIES, p),
        "neg": -((p - rows) ** 2).mean(),
    }  # fmt: skip
    for name, value in expected.items():
        assert model.history_[name][-1] == pytest.approx(value, rel=1e-9), name
    found = model.evaluate(*few, metrics=chosen_here)
    assert found["loss of p"] == pytest.approx(skm.log_loss(few[1], p[:60], labels=[0, 1, 2]))
    assert found["negative"] == -found["loss of p"]
    one_hot = model.evaluate(IRIS, rows, metrics=chosen)  # rows say the same as labels
    assert one_hot == pytest.approx({k: v for k, v in model.evaluate(IRIS, SPECIES, metrics=chosen).items()})


@pytest.mark.parametrize("output", ["softmax", "hinge"])
def test_two_outputs_tell_two_classes_apart(output):
    """Functions of probabilities or scores get those of class 1."""
    model = Network([Dense(2, "softmax" if output == "softmax" else "identity")], random_state=0)
    chosen = [skm.roc_auc_score, skm.average_precision_score, skm.f1_score]
    if output == "softmax":
        chosen += [skm.log_loss, skm.brier_score_loss]
    model.fit(X, BINARY, epochs=2, metrics=chosen, loss="hinge" if output == "hinge" else None)
    a = model.predict(X)
    score = a[:, 1] if output == "softmax" else a[:, 1] - a[:, 0]
    for f in chosen:
        expected = f(BINARY, a.argmax(axis=1) if f is skm.f1_score else score)
        assert model.history_[f.__name__][-1] == pytest.approx(expected)


def test_scikit_learns_functions_of_several_labels():
    y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5, X[:, 2] > -1]).astype(int)
    model = Network([Dense(3, "logistic")], random_state=0)
    chosen = {
        "f1": partial(skm.f1_score, average="micro"),
        "exact": skm.accuracy_score,
        "auc": skm.roc_auc_score,
    }
    model.fit(X, y, epochs=4, metrics=chosen)
    p = model.predict(X)
    assert model.history_["f1"][-1] == pytest.approx(skm.f1_score(y, p > 0.5, average="micro"))
    assert model.history_["exact"][-1] == pytest.approx(((p > 0.5) == y).all(axis=1).mean())
    assert model.history_["auc"][-1] == pytest.approx(skm.roc_auc_score(y, p))


def test_scikit_learns_functions_of_values():
    y = X @ [1.0, -2, 0.5, 0] + 1
    model = Network([Dense(1)], random_state=0)
    functions = [skm.mean_squared_error, skm.r2_score, skm.max_error, skm.median_absolute_error]
    model.fit(X, y, epochs=3, metrics=functions)
    p = model.predict(X).ravel()
    for f in functions:
        assert model.history_[f.__name__][-1] == pytest.approx(f(y, p))


def test_a_users_function_gets_vectors_of_one_output():
    seen = []

    def look(y_true, y_pred):
        seen.append((np.shape(y_true), y_pred.shape))
        return np.mean(y_true - y_pred)  # (n, 1) against (n,) would be n x n

    y = X[:, 0]
    for target in (y, y[:, None], list(y)):
        model = Network([Dense(1)], random_state=0).fit(
            X, target, metrics=look, validation_data=(X[:9], target[:9])
        )
        assert model.history_["look"][-1] == pytest.approx(np.mean(y - model.predict(X).ravel()))
    assert set(seen) == {((60,), (60,)), ((9,), (9,))}
    seen.clear()
    model = Network([Dense(3, "softmax")], random_state=0).fit(IRIS, SPECIES)
    model.evaluate(IRIS, SPECIES, metrics=lambda t, p: seen.append((t.shape, p.shape)) or 0.0)
    assert seen == [((150,), (150, 3))]  # as they were given, and what predict returns


def test_weights_reach_a_users_function_or_are_refused():
    def unweighted(y_true, y_pred):
        return 0.25

    def share(y_true, y_pred, sample_weight=None):
        return np.average(y_true, weights=sample_weight)

    model = Network([Dense(1)], random_state=0)
    given = dict(sample_weight=WEIGHTS, loss="mse")
    assert model.fit(X, BINARY, metrics=share, **given).history_["share"] == [
        np.average(BINARY, weights=WEIGHTS)
    ]
    before = model.params.copy()
    with pytest.raises(ValueError, match=r"'unweighted' has no parameter sample_weight.*weighted=False"):
        model.fit(X, BINARY, metrics=unweighted, **given)
    with pytest.raises(ValueError, match="'unweighted' has no parameter sample_weight"):
        model.evaluate(X, BINARY, metrics=unweighted, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(model.params, before)
    model.fit(X, BINARY, metrics=Metric(unweighted, weighted=False), **given)
    assert model.history_["unweighted"][1:] == [0.25]
    with pytest.raises(ValueError, match="'unweighted' has no parameter sample_weight"):
        MLPClassifier((3,), max_iter=2, metrics=unweighted).fit(X, BINARY, WEIGHTS)


def test_metrics_of_probabilities_need_some():
    model = Network([Dense(1, "tanh")], random_state=0).build(4)
    before = model.params.copy()
    with pytest.raises(ValueError, match="'log_loss' needs probabilities"):
        model.fit(X, 2 * BINARY - 1, metrics=skm.log_loss)
    np.testing.assert_array_equal(model.params, before)
    area = model.evaluate(X, 2 * BINARY - 1, metrics=skm.roc_auc_score)["roc_auc_score"]
    assert area == pytest.approx(skm.roc_auc_score(BINARY, model.predict(X).ravel()))


@pytest.mark.parametrize("name", ["loss", "learning_rate", "score", "seconds", "epoch", "val_accuracy"])
def test_names_of_the_history_are_refused(name):
    with pytest.raises(ValueError, match=f"metrics: the name '{name}' is taken"):
        Network([Dense(1)]).fit(X, BINARY, metrics={name: "accuracy"})
    with pytest.raises(ValueError, match=f"metrics: the name '{name}' is taken"):
        MLPClassifier((3,), metrics={name: "accuracy"}).fit(X, BINARY)


def test_rows_of_one_class_each_are_judged_by_the_strongest_output():
    """Behind logistic outputs too: no output of a row need exceed 0.5."""
    model = Network([Dense(3, "logistic")], random_state=0)
    model.fit(
        IRIS,
        np.eye(3)[SPECIES],
        epochs=3,
        metrics="accuracy",
        validation_data=(IRIS[::5], np.eye(3)[SPECIES[::5]]),
    )
    p = model.predict(IRIS)
    hits = p.argmax(axis=1) == SPECIES
    assert (
        model.history_["accuracy"][-1] == hits.mean() != ((p > 0.5) == np.eye(3)[SPECIES]).all(axis=1).mean()
    )
    assert model.history_["val_accuracy"][-1] == hits[::5].mean()


def test_what_is_no_metric_is_refused():
    for metrics, words in (
        ([3], "metrics must hold names or callables; got 3"),
        ({3: "mse"}, "names must be texts; got 3"),
        ("acc", "metrics must be one of accuracy, .*; got 'acc'"),
        (["mse", "mse"], "'mse' more than once"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            Network([Dense(1)]).fit(X, BINARY, metrics=metrics)
        with pytest.raises((TypeError, ValueError), match=words):
            MLPClassifier((3,), metrics=metrics).fit(X, BINARY)
    for wrong, words in (
        (dict(takes="label"), "takes must be one of"),
        (dict(direction="up"), "direction must"),
    ):
        with pytest.raises(ValueError, match=words):
            Metric(m.mse, **wrong)


def test_a_set_and_a_metric_of_one_name_are_refused():
    with pytest.raises(ValueError, match="give the history 'a_mse' twice"):
        Network([Dense(1)]).fit(
            X, BINARY, metrics={"mse": "mse", "a_mse": "mae"}, validation_data={"a": (X, BINARY)}
        )
    with pytest.raises(ValueError, match="give the history 'learning_rate' twice"):
        Network([Dense(1)]).fit(X, BINARY, metrics={"rate": "mse"}, validation_data={"learning": (X, BINARY)})


def scribble(y_true, y_pred):
    """A user's metric that rounds its arguments where they lie."""
    y_pred[y_pred > 0.5] = 1
    y_pred[y_pred <= 0.5] = 0
    y_true[...] = 0
    return float(y_pred.mean())


def test_a_metric_that_writes_into_its_arguments_changes_nothing_else():
    y = BINARY.astype(float)
    asked = {"first": scribble, "values": Metric(scribble, "values"), "mse": "mse", "accuracy": "accuracy"}
    plain = {"mse": "mse", "accuracy": "accuracy"}
    models = [Network([Dense(3, "tanh"), Dense(1, "logistic")], random_state=0) for _ in range(2)]
    for model, metrics in zip(models, (asked, plain), strict=True):
        model.fit(X, y, epochs=3, loss="mse", metrics=metrics, validation_data=(X, y))
    assert np.array_equal(y, BINARY)
    assert np.array_equal(models[0].params, models[1].params)
    for name in ("loss", "mse", "accuracy", "val_loss", "val_mse", "val_accuracy"):
        assert models[0].history_[name] == models[1].history_[name]
    told = [
        model.evaluate(X, y, metrics=metrics) for model, metrics in zip(models, (asked, plain), strict=True)
    ]
    assert {name: told[0][name] for name in told[1]} == told[1]


@pytest.mark.parametrize("scorer", [scribble, skm.make_scorer(scribble)], ids=["function", "scorer"])
def test_a_metric_that_writes_changes_nothing_else_in_an_estimator(scorer):
    y, asked = BINARY.copy(), ({"a": scorer, "accuracy": "accuracy"}, {"accuracy": "accuracy"})
    model = MLPClassifier((3,), max_iter=3, random_state=0)
    fits = [clone(model).set_params(metrics=metrics).fit(X, y) for metrics in asked]
    assert np.array_equal(y, BINARY)
    assert fits[0].history_["accuracy"] == fits[1].history_["accuracy"]
    found = [cross_validate(model, X, y, metrics=metrics, random_state=0) for metrics in asked]
    assert np.array_equal(y, BINARY)
    assert np.array_equal(*(each.curves["test"]["accuracy"] for each in found))


# ---- estimators


@pytest.mark.parametrize("y", [BINARY, np.array(["no", "yes"])[BINARY]], ids=["numbers", "text"])
def test_functions_of_scikit_learn_in_a_classifier(y):
    functions = [skm.accuracy_score, skm.log_loss, skm.roc_auc_score, skm.balanced_accuracy_score, "mse"]
    model = MLPClassifier((4,), max_iter=4, random_state=0, metrics=functions)
    model.fit(X, y, WEIGHTS, validation_data=(X[:30], y[:30], WEIGHTS[:30]))
    for prefix, rows in (("", slice(None)), ("val_", slice(30))):
        p, w, said = model.predict_proba(X[rows])[:, 1], WEIGHTS[rows], model.predict(X[rows])
        expected = {
            "accuracy_score": skm.accuracy_score(y[rows], said, sample_weight=w),
            "log_loss": skm.log_loss(y[rows], p, sample_weight=w),
            "roc_auc_score": skm.roc_auc_score(y[rows], p, sample_weight=w),
            "balanced_accuracy_score": skm.balanced_accuracy_score(y[rows], said, sample_weight=w),
            "mse": np.average((p - BINARY[rows]) ** 2, weights=w),
        }  # fmt: skip
        for name, value in expected.items():
            assert model.history_[prefix + name][-1] == pytest.approx(value, rel=1e-9), name


def test_metrics_are_not_weighted_by_classes():
    model = MLPClassifier((4,), max_iter=3, random_state=0, metrics="accuracy", class_weight={0: 1, 1: 9})
    model.fit(X, BINARY, WEIGHTS)
    expected = skm.accuracy_score(BINARY, model.predict(X), sample_weight=WEIGHTS)
    assert model.history_["accuracy"][-1] == pytest.approx(expected)


def test_functions_of_scikit_learn_in_a_regressor():
    y = X[:, 0] * 3
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=4, random_state=0, solver="lbfgs")
    model.set_params(metrics=[skm.mean_squared_error, "neg_mean_absolute_error", "sse", "r2"])
    model.fit(X, y, WEIGHTS)
    p = model.predict(X)
    assert model.history_["mean_squared_error"][-1] == pytest.approx(
        np.average((y - p) ** 2, weights=WEIGHTS)
    )
    mean = np.average(np.abs(y - p), weights=WEIGHTS)
    assert model.history_["neg_mean_absolute_error"][-1] == pytest.approx(-mean)
    assert model.history_["sse"][-1] == pytest.approx(WEIGHTS @ (y - p) ** 2)
    assert model.history_["r2"][-1] == pytest.approx(model.score(X, y, WEIGHTS))


def test_what_cannot_be_measured_is_refused_before_the_first_epoch():
    model = MLPClassifier((4,), max_iter=3, random_state=0, warm_start=True).fit(IRIS, SPECIES)
    before = [w.copy() for w in model.coefs_]
    for metrics, words in (("jaccard", "average"), (skm.f1_score, "average"), (lambda t, p: p, "one number")):
        with pytest.raises((ValueError, TypeError), match=words):
            model.set_params(metrics=metrics).fit(IRIS, SPECIES)
        assert all(np.array_equal(a, b) for a, b in zip(model.coefs_, before, strict=True))
        net = Network([Dense(3, "softmax")], random_state=0)
        given = skm.jaccard_score if metrics == "jaccard" else metrics
        with pytest.raises((ValueError, TypeError), match=words):
            net.fit(IRIS, SPECIES, metrics=given)
        assert net.plan is None
    text = np.array(["a", "b"])[BINARY]
    with pytest.raises(ValueError, match="pos_label"):
        MLPClassifier((4,), max_iter=3, metrics="jaccard").fit(X, text)


# ---- which way is better


def test_directions():
    def own(y_true, y_pred):
        return 0.0

    chosen = m.get(
        [
            "accuracy",
            "r2",
            "mse",
            "sse",
            "mae",
            skm.mean_squared_error,
            skm.log_loss,
            skm.f1_score,
            skm.mean_absolute_percentage_error,
            skm.hinge_loss,
            skm.max_error,
            skm.matthews_corrcoef,
            skm.mean_poisson_deviance,
            partial(skm.fbeta_score, beta=2),
            skm.hamming_loss,
            own,
        ]
    )
    found = m.directions(chosen, ("", "val_"), score=True)
    larger = {"accuracy", "r2", "f1_score", "matthews_corrcoef", "fbeta_score"}
    for name, metric in chosen.items():
        expected = None if name == "own" else ("max" if name in larger else "min")
        assert metric.direction == expected == found[name] == found[f"val_{name}"], name
    assert found["loss"] == found["val_loss"] == "min" and found["val_score"] == "max"
    assert m.sign("val_loss", found) == -1 and m.sign("val_accuracy", found) == 1
    assert m.sign("own", found, "max") == 1 and m.sign("accuracy", found, "min") == -1
    with pytest.raises(ValueError, match=r"monitor='own': it is not known which way is better; say mode="):
        m.sign("own", found)
    with pytest.raises(ValueError, match=r"monitor must be one of .*; got 'val_acuracy'"):
        m.sign("val_acuracy", found)


class Weights:
    def __init__(self):
        self.kept = []

    def on_epoch_end(self, state):
        self.kept.append(state.params.copy())


@pytest.mark.parametrize(
    ("metric", "best"),
    [(skm.mean_squared_error, np.argmin), (skm.mean_absolute_percentage_error, np.argmin), ("mae", np.argmin),
     ("r2", np.argmax), (Metric(m.mse, "values", "max", name="odd"), np.argmax)],
)  # fmt: skip
def test_early_stopping_asks_the_metric(metric, best):
    name, weights = m.name_of(metric), Weights()
    stop = callbacks.EarlyStopping(f"val_{name}", patience=99)
    y = X[:, 0] + 2
    model = Network([Dense(8, "tanh"), Dense(1)], random_state=0)
    model.fit(
        X[:30],
        y[:30],
        epochs=20,
        optimizer="adam",
        metrics=[metric],
        validation_data=(X[30:], y[30:]),
        callbacks=[weights, stop],
    )
    curve = model.history_[f"val_{name}"]
    k = int(best(curve))
    assert stop.best_epoch_ == k + 1 and stop.best_ == curve[k]
    np.testing.assert_array_equal(model.params, weights.kept[k])


@pytest.mark.parametrize(
    "monitor", ["val_neg_log_loss", "val_log_loss", "val_accuracy", "val_loss", "val_score"]
)
def test_the_monitor_of_an_estimator_asks_the_metric(monitor):
    weights = Weights()
    model = MLPClassifier(
        (8,),
        max_iter=30,
        random_state=0,
        learning_rate_init=0.1,
        monitor=monitor,
        metrics={"neg_log_loss": "neg_log_loss", "log_loss": skm.log_loss, "accuracy": "accuracy"},
    )
    model.fit(X[:30], BINARY[:30], validation_data=(X[30:], BINARY[30:]), callbacks=[weights])
    best = np.argmin if monitor in ("val_loss", "val_log_loss") else np.argmax
    k = int(best(model.history_[monitor]))
    assert model.best_iter_ == k + 1
    np.testing.assert_array_equal(model._network.params, weights.kept[k])


def test_a_monitor_whose_direction_nobody_knows_is_refused():
    def error(y_true, y_pred):
        return np.mean(y_true != y_pred)

    with pytest.raises(ValueError, match="not known which way is better"):
        MLPClassifier((3,), metrics=error, monitor="error").fit(X, BINARY)
    model = MLPClassifier((3,), max_iter=3, metrics=Metric(error, "labels", "min"), monitor="error").fit(
        X, BINARY
    )
    assert model.history_["error"][model.best_iter_ - 1] == min(model.history_["error"])
    for callback in (callbacks.EarlyStopping("error"), callbacks.ModelCheckpoint("x", monitor="error")):
        net = Network([Dense(1)], random_state=0)
        with pytest.raises(ValueError, match="not known which way is better; say mode="):
            net.fit(X, BINARY, metrics=error, callbacks=[callback])
        assert net.plan is None


# ---- folds


def folds_without_a_class():
    """Two folds of iris: the first is trained without class 2."""
    rest = np.flatnonzero(SPECIES < 2)
    return [(rest[::2], np.r_[rest[1::2], 100:110]), (np.arange(0, 150, 2), np.arange(1, 150, 2))]


@pytest.mark.parametrize(
    "model", [GaussianNB(), MLPClassifier((4,), max_iter=3, random_state=0)], ids=["nb", "mlp"]
)
def test_folds_that_lack_a_class_are_measured_as_the_others(model):
    names = ["sse", "mse", "mae", "accuracy", "neg_log_loss"]
    result = cross_validate(
        model, IRIS, SPECIES, cv=folds_without_a_class(), repeats=1, metrics=names, return_estimators=True
    )
    for k, (_, test) in enumerate(folds_without_a_class()):
        fitted, y = result.estimators[0][k], SPECIES[test]
        p = np.zeros((len(test), 3))
        p[:, fitted.classes_] = fitted.predict_proba(IRIS[test])
        error = p - np.eye(3)[y]
        expected = {
            "sse": (error**2).sum(), "mse": (error**2).mean(), "mae": np.abs(error).mean(),
            "accuracy": (fitted.predict(IRIS[test]) == y).mean(),
            "neg_log_loss": -skm.log_loss(y, p, labels=[0, 1, 2]),
        }  # fmt: skip
        for name, value in expected.items():
            assert result.scores["test"][name][0, k] == pytest.approx(value, rel=1e-9), (k, name)


def test_an_unseen_class_of_two_counts_as_itself():
    """A fold trained on one class gives the other the probability 0, whichever it is."""
    X2, y = np.arange(8.0).reshape(-1, 1), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    for seen in (0, 1):
        train, test = np.flatnonzero(y == seen), np.flatnonzero(y != seen)
        result = cross_validate(
            DecisionTreeClassifier(random_state=0),
            X2,
            y,
            cv=[(train, test)],
            repeats=1,
            metrics=["sse", "mae"],
        )
        assert result.scores["test"]["sse"].item() == 4.0 and result.scores["test"]["mae"].item() == 1.0
        assert result.scores["train"]["sse"].item() == 0.0


def test_a_label_that_is_never_set_has_probability_0():
    y = np.column_stack([np.arange(8) % 2, np.zeros(8, int)])
    train, test = np.arange(6), np.array([6, 7])
    y[7, 1] = 1
    result = cross_validate(
        DecisionTreeClassifier(random_state=0),
        np.arange(8.0).reshape(-1, 1) % 2,
        y,
        cv=[(train, test)],
        repeats=1,
        metrics="sse",
    )
    assert result.scores["train"]["sse"].item() == 0.0 and result.scores["test"]["sse"].item() == 1.0


# ---- what it must not cost


def test_networks_measure_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import numpy as np; from fastmlp import Dense, Network\n"
        "x = np.eye(4); m = Network([Dense(2, 'softmax')], random_state=0)\n"
        "m.fit(x, [0, 1, 1, 0], epochs=2, metrics={'accuracy': 'accuracy', 'own': lambda t, p: p.sum()},\n"
        "      validation_data=(x, [0, 1, 1, 0]))\n"
        "assert abs(m.history_['own'][-1] - 4) < 1e-6 and 0 <= m.history_['val_accuracy'][-1] <= 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_outputs_that_are_not_finite_have_no_metrics():
    reading = Reading([0, 1], np.array([[np.nan], [1.0]]), Dense(1).activation, loss_of("mse"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = m.measure(m.get(["accuracy", "mse", skm.f1_score]), reading)
    assert all(np.isnan(value) for value in found.values())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("kind", ["precision", "recall", "f1"])
def test_class_metrics_are_scikit_learns(kind, n_classes, weighted):
    rng = np.random.default_rng(n_classes)
    y, told = rng.integers(0, n_classes, (2, 200))
    told[told == 1] = 0  # a class that is never told: 0, without a warning
    weights = rng.random(200) if weighted else None
    reference = getattr(skm, f"{kind}_score")
    given = dict(sample_weight=weights, zero_division=0.0)
    for names in (np.arange(n_classes), np.array(list("xabcdef"))[:n_classes]):
        options = dict(sample_weight=weights, labels=names)
        for average in ("macro", "micro", "weighted"):
            ours = m.METRICS[f"{kind}_{average}"](names[y], names[told], **options)
            assert ours == pytest.approx(reference(y, told, average=average, **given), abs=1e-12)
        usual = m.METRICS[kind](names[y], names[told], **options)
        average = "binary" if n_classes == 2 else "macro"
        assert usual == pytest.approx(reference(y, told, average=average, **given), abs=1e-12)
        each = reference(y, told, average=None, **given)
        for k, metric in enumerate(m.per_class(kind, n_classes).values()):
            assert metric(names[y], names[told], **options) == pytest.approx(each[k], abs=1e-12)


@pytest.mark.parametrize("kind", ["precision", "recall", "f1"])
def test_classes_that_are_neither_there_nor_told_have_no_part_in_the_mean(kind):
    """A model that is right about all of a test set has 1, whatever classes the test set lacks."""
    y, told = np.array([0, 2, 2, 5]), np.array([0, 2, 5, 5])
    options = dict(labels=np.arange(7))
    for name in (kind, f"{kind}_macro"):
        assert m.METRICS[name](y, y, **options) == 1
        expected = getattr(skm, f"{kind}_score")(y, told, average="macro")
        assert m.METRICS[name](y, told, **options) == pytest.approx(expected)
    x = np.eye(4)[np.arange(40) % 4]
    model = Network([Dense(4, "softmax")], random_state=0)
    few = {"few": (x[:2], [0, 1])}
    model.fit(x, np.arange(40) % 4, epochs=60, optimizer=SGD(1.0), metrics=[kind], validation_data=few)
    assert model.history_[kind][-1] == model.history_[f"few_{kind}"][-1] == 1
    rows = np.array([[1, 0, 0], [0, 1, 0]])  # of several labels each has its part, as with scikit-learn
    expected = getattr(skm, f"{kind}_score")(rows, rows, average="macro", zero_division=0.0)
    assert m.METRICS[f"{kind}_macro"](rows, rows) == pytest.approx(expected) == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", ["precision", "recall", "f1"])
def test_class_metrics_of_several_labels(kind):
    y, told = np.random.default_rng(0).integers(0, 2, (2, 50, 4))
    for average in ("macro", "micro", "weighted"):
        expected = getattr(skm, f"{kind}_score")(y, told, average=average)
        assert m.METRICS[f"{kind}_{average}"](y, told) == pytest.approx(expected, abs=1e-12)


def test_class_metrics_are_of_the_answers_given():
    """Counts are kept between metrics of the same answers, never for others."""
    y, told = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    f1 = m.METRICS["f1"]
    assert f1(y, told) == pytest.approx(2 / 3) and f1(y, y) == 1
    assert f1(y, told, sample_weight=np.array([1.0, 3, 0, 1])) == 1


def test_class_metrics_of_models():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y, names = x.argmax(axis=1), np.array(["u", "v", "w"])
    model = Network([Dense(3, "softmax")], random_state=0)
    model.fit(x, y, epochs=20, metrics=["f1", "recall_micro", "accuracy"], validation_data=(x[:50], y[:50]))
    told = model.predict_classes(x)
    assert model.history_["f1"][-1] == pytest.approx(skm.f1_score(y, told, average="macro"))
    assert model.history_["recall_micro"][-1] == pytest.approx(model.history_["accuracy"][-1])
    assert model.history_["val_f1"][-1] == pytest.approx(skm.f1_score(y[:50], told[:50], average="macro"))
    asked = ["f1_macro", "precision_weighted"]
    estimator = MLPClassifier((4,), max_iter=5, tol=0, metrics=asked, random_state=0).fit(x, names[y])
    told = estimator.predict(x)
    for name in asked:
        kind, average = name.split("_")
        expected = getattr(skm, f"{kind}_score")(names[y], told, average=average, zero_division=0.0)
        assert estimator.history_[name][-1] == pytest.approx(expected)
    first = MLPClassifier((4,), max_iter=5, tol=0, metrics=["f1"], random_state=0).fit(x, 1 + (y > 0))
    assert first.history_["f1"][-1] == pytest.approx(
        skm.f1_score(1 + (y > 0), first.predict(x))
    )  # of class 1


def test_f1_of_estimators_is_of_classes_of_any_name():
    """scikit-learn's own of a class called 1; of the upper of two classes, and the mean of several, else."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3))
    several = x.argmax(axis=1)
    options = dict(hidden_layer_sizes=(4,), max_iter=5, tol=0, metrics=["f1", "recall"], random_state=0)
    for y, average in (
        (np.array(["no", "yes"])[several // 2], dict(pos_label="yes")),
        (np.array([-1, 1])[several // 2], {}),
        (1 + several // 2, dict(pos_label=1)),
        (several, dict(average="macro")),
        (np.array(list("uvw"))[several], dict(average="macro")),
        (np.c_[several > 0, several > 1].astype(int), dict(average="macro")),
    ):
        model = MLPClassifier(**options).fit(x, y, X_val=x[:30], y_val=y[:30])
        told, rows = model.predict(x), slice(None)
        for prefix, rows in (("", slice(None)), ("val_", slice(30))):
            for kind in ("f1", "recall"):
                expected = getattr(skm, f"{kind}_score")(y[rows], told[rows], zero_division=0.0, **average)
                assert model.history_[f"{prefix}{kind}"][-1] == pytest.approx(expected), (y[:5], kind)
    asked = dict(cv=3, repeats=1, metrics=["f1", "f1_macro"], random_state=0)
    found = cross_validate(MLPClassifier((4,), max_iter=5), x, several, **asked)
    np.testing.assert_allclose(found.scores["test"]["f1"], found.scores["test"]["f1_macro"])


@pytest.mark.parametrize(
    "metric", ["accuracy", "f1", skm.roc_auc_score, {"own": Metric(skm.f1_score, "labels")}]
)
@pytest.mark.parametrize("activation", ["identity", "tanh", "logistic"])
def test_values_have_no_classes(activation, metric):
    """More than two values behind one output are no classes, and no threshold makes some of them."""
    x = np.random.default_rng(0).normal(size=(30, 2))
    for y in (np.tanh(x[:, 0]) / 2 + 0.5, np.arange(30) % 3 / 2, np.arange(30)[:, None] % 3):
        net = Network([Dense(1, activation)], random_state=0)
        with pytest.raises(
            ValueError, match=r"metrics: .* needs classes, but y has more than two values.*r2"
        ):
            net.fit(x, y, loss="mse", metrics=metric)
        assert net.plan is None
        net.fit(x, y, loss="mse", metrics=["r2"])
        with pytest.raises(ValueError, match="needs classes, but y has more than two values"):
            net.evaluate(x, y, metrics=metric)
        assert net.score(x, y) == pytest.approx(skm.r2_score(y, net.predict(x)))
    two = np.where(x[:, 0] > 0, 0.9, 0.1)  # of two values they may be classes, whatever these are
    net = Network([Dense(1, activation)], random_state=0).fit(x, two, loss="mse", metrics=metric, epochs=30)
    assert net.score(x, two) == pytest.approx(((net.predict(x).ravel() > 0.5) == (two > 0.5)).mean())
    if activation == "logistic":  # probabilities, which the cross-entropy takes as such
        net.fit(x, x[:, 0] > 0, metrics="accuracy", loss="binary_crossentropy")
        net.fit(x, np.tanh(x[:, 0]) / 2 + 0.5, metrics="accuracy", loss="binary_crossentropy")
        assert 0 <= net.score(x, np.tanh(x[:, 0]) / 2 + 0.5) <= 1


def test_metrics_by_class_stand_among_others():
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3
    network = Network([Dense(3, "softmax")], random_state=0)
    network.fit(x, y, metrics=["accuracy", m.per_class("f1", 3)])
    assert {"accuracy", "f1 of 0", "f1 of 1", "f1 of 2"} <= set(network.history_)
    with pytest.raises(ValueError, match="metrics holds 'accuracy' more than once"):
        network.fit(x, y, metrics=["accuracy", {"accuracy": "f1"}])


def test_a_class_that_is_not_there_is_refused():
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3
    with pytest.raises(
        ValueError, match="classes of per_class must be the 3 there are; got more, 4 at least"
    ):
        Network([Dense(3, "softmax")], random_state=0).fit(x, y, metrics=m.per_class("f1", 5))
