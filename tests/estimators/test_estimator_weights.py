"""What samples and classes count in MLPClassifier and MLPRegressor, and what is refused."""

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, r2_score

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
PLAIN = dict(
    hidden_layer_sizes=(), solver="sgd", momentum=0.0, alpha=0.0, learning_rate_init=0.1, random_state=0
)
START = dict(coefs_init=[np.full((4, 1), 0.2)], intercepts_init=[np.zeros(1)])


def step(x, y, sample_weight=None, **options):
    """The change of the weights by one call of partial_fit that makes one update."""
    model = MLPClassifier(**(PLAIN | START | options))
    model.partial_fit(x, y, sample_weight=sample_weight, classes=[0, 1])
    return model.coefs_[0] - 0.2


@pytest.mark.parametrize("n", [1, 2, 7])
def test_class_weights_count_in_partial_fit(n):
    """A sample counts the weight of its class, divided by the mean weight of the classes."""
    for c, share in ((0, 1 / 5), (1, 9 / 5)):
        x, y = X[Y == c][:n], Y[Y == c][:n]
        np.testing.assert_allclose(step(x, y, class_weight={0: 1, 1: 9}), share * step(x, y), rtol=1e-12)
        np.testing.assert_allclose(step(x, y, class_weight={1: 9}), share * step(x, y), rtol=1e-12)
        np.testing.assert_allclose(step(x, y, class_weight={0: 3, 1: 3}), step(x, y), rtol=1e-12)
        own = np.linspace(1, 2, n)
        np.testing.assert_allclose(
            step(x, y, own, class_weight={0: 1, 1: 9}), share * step(x, y, own), rtol=1e-12
        )


def test_class_weights_of_balanced_data_count_alike_in_fit_and_partial_fit():
    rows = np.r_[np.flatnonzero(Y == 0)[:20], np.flatnonzero(Y == 1)[:20]]
    options = PLAIN | START | dict(class_weight={0: 1, 1: 9}, batch_size=8, max_iter=1)
    fit = MLPClassifier(**options).fit(X[rows], Y[rows])
    partial = MLPClassifier(**options).partial_fit(X[rows], Y[rows], classes=[0, 1])
    np.testing.assert_allclose(fit.coefs_[0], partial.coefs_[0], rtol=1e-12)


def test_class_weights_of_labels_count_in_partial_fit():
    labels = np.c_[Y, 1 - Y]
    start = dict(coefs_init=[np.full((4, 2), 0.2)], intercepts_init=[np.zeros(2)])

    def moved(row, class_weight):
        model = MLPClassifier(**(PLAIN | start), class_weight=class_weight)
        model.partial_fit(X[[row]], labels[[row]], classes=[0, 1])
        return model.coefs_[0] - 0.2

    row = int(np.flatnonzero(Y == 1)[0])  # its labels are 1 and 0
    expected = (4 * 1) / ((1 + 4) / 2 * (1 + 3) / 2)
    np.testing.assert_allclose(moved(row, [{1: 4}, {1: 3}]), expected * moved(row, None), rtol=1e-12)


def test_class_weights_that_need_all_data_are_refused_in_partial_fit():
    assert not hasattr(MLPClassifier(class_weight="balanced"), "partial_fit")
    with pytest.raises(ValueError, match="partial_fit does not support class_weight='balanced'"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1])


BAD_WEIGHTS = [
    (-np.ones(60), "sample_weight must not be negative, nor 0 for all samples; the least is -1"),
    (np.where(np.arange(60) == 3, -1e-9, 1.0), "must not be negative"),
    (np.zeros(60), "non-zero"),
    (np.full(60, np.nan), "NaN"),
    (np.full(60, np.inf), "infinity"),
]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(("bad", "message"), BAD_WEIGHTS, ids=["-1", "one", "0", "nan", "inf"])
def test_weights_that_mean_nothing_are_refused(bad, message, solver):
    for model, y in ((MLPClassifier(solver=solver), Y), (MLPRegressor(solver=solver), X[:, 0])):
        calls = [lambda m=model, y=y: m.fit(X, y, sample_weight=bad)]
        if solver != "lbfgs":
            calls.append(lambda m=model, y=y: m.partial_fit(X, y, sample_weight=bad))
            calls.append(lambda m=model, y=y: m.fit(X, y, validation_data=(X, y, bad)))
            calls.append(lambda m=model, y=y: m.fit(X, y, X_val=X, y_val=y, sample_weight_val=bad))
        before = dict(vars(model))
        for call in calls:
            with pytest.raises(ValueError, match=message):
                call()
            assert vars(model) == before


@pytest.mark.parametrize(
    "class_weight", [{0: np.nan, 1: 1}, {0: -1, 1: 1}, {0: 0, 1: 0}, {0: np.inf}, {0: 1, 1: -1}], ids=str
)
def test_class_weights_that_mean_nothing_are_refused(class_weight):
    model = MLPClassifier(class_weight=class_weight)
    for call in (model.fit, partial(model.partial_fit, classes=[0, 1])):
        with pytest.raises(ValueError, match="class_weight must hold finite weights, none negative"):
            call(X, Y)
    with pytest.raises(ValueError, match="class_weight must hold finite weights"):
        MLPClassifier(class_weight=[class_weight, {}]).fit(X, np.c_[Y, 1 - Y])
    assert not hasattr(model, "classes_")


def test_class_weights_of_names_that_are_no_classes_are_refused():
    with pytest.raises(ValueError, match=r"weights for \['0'\], which are no classes, and none for \[0\]"):
        MLPClassifier(class_weight={"0": 2, 1: 1}).fit(X, Y)
    with pytest.raises(ValueError, match="must be a dict or 'balanced' where samples have one class each"):
        MLPClassifier(class_weight=[{0: 1}, {1: 2}]).fit(X, Y)
    one = MLPClassifier((3,), class_weight=[{0: 3}], max_iter=2, random_state=0).fit(X, Y)
    more = MLPClassifier((3,), class_weight={0: 3, 1: 1, 2: 5}, max_iter=2, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(one.coefs_[0], more.coefs_[0])


def test_calls_in_which_nothing_counts_are_refused():
    model = MLPClassifier(class_weight={0: 0}).partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"no sample counts anything: with class_weight=\{0: 0\}"):
        model.partial_fit(X[Y == 0], Y[Y == 0])
    with pytest.raises(ValueError, match="no sample counts anything"):
        model.fit(X, Y, sample_weight=(Y == 0).astype(float))


def test_a_batch_that_weighs_nothing_makes_no_step():
    """In `fit`, a batch is divided by its size times the mean weight of all data."""
    rows = np.r_[np.flatnonzero(Y == 0)[:20], np.flatnonzero(Y == 1)[:20]]
    options = PLAIN | START | dict(shuffle=False, max_iter=1, batch_size=20)
    model = MLPClassifier(**options, class_weight={0: 0, 1: 5}).fit(X[rows], Y[rows])
    of_one = MLPClassifier(**options).partial_fit(X[rows[20:]], Y[rows[20:]], classes=[0, 1])
    np.testing.assert_allclose(model.coefs_[0] - 0.2, 2 * (of_one.coefs_[0] - 0.2), rtol=1e-12)


def test_scores_and_metrics_count_by_sample_weight():
    """Of data whose wrong samples weigh nothing, the accuracy is 1: in training, validation and `score`."""
    model = MLPClassifier((3,), max_iter=20, random_state=0, metrics=["accuracy", "neg_log_loss"]).fit(X, Y)
    right = (model.predict(X) == Y).astype(float)
    assert 0.2 < right.mean() < 1
    options = dict(coefs_init=model.coefs_, intercepts_init=model.intercepts_, learning_rate_init=1e-15)
    again = MLPClassifier((3,), max_iter=1, metrics=["accuracy", "neg_log_loss"], **options)
    again.fit(X, Y, sample_weight=right, validation_data=(X, Y, right))
    for name in ("accuracy", "val_accuracy", "val_score"):
        assert again.history_[name] == [1.0], name
    p = model.predict_proba(X)
    for name in ("neg_log_loss", "val_neg_log_loss"):
        assert again.history_[name][0] == pytest.approx(-log_loss(Y, p, sample_weight=right))
    assert again.history_["val_loss"][0] == pytest.approx(log_loss(Y, p, sample_weight=right))
    assert again.score(X, Y, sample_weight=right) == 1.0
    assert accuracy_score(Y, model.predict(X)) < 1


def test_class_weights_do_not_count_in_scores_and_metrics():
    options = dict(max_iter=10, random_state=0, early_stopping=True, metrics=["accuracy"])
    model = MLPClassifier((3,), class_weight={0: 1, 1: 20}, **options).fit(X, Y)
    assert len(model.history_["val_accuracy"]) == model.n_iter_
    assert {round(v * 6, 9) for v in model.history_["val_accuracy"]} <= set(range(7))  # six samples alike


def test_regressors_count_by_sample_weight():
    w = RNG.uniform(0, 2, 60)
    model = MLPRegressor(
        hidden_layer_sizes=(3,), max_iter=3, random_state=0, metrics=["r2", "neg_mean_squared_error"]
    )
    model.fit(X, X[:, 0], validation_data=(X, X[:, 1], w))
    predicted = model.predict(X)
    assert model.history_["val_r2"][-1] == pytest.approx(r2_score(X[:, 1], predicted, sample_weight=w))
    expected = -np.average((X[:, 1] - predicted) ** 2, weights=w)
    assert model.history_["val_neg_mean_squared_error"][-1] == pytest.approx(expected)
    assert model.history_["val_loss"][-1] == pytest.approx(-expected / 2)


def test_held_out_samples_that_weigh_nothing_are_refused():
    weights = np.zeros(60)
    model = MLPClassifier((3,), early_stopping=True, random_state=0)
    weights[0] = 1.0
    with pytest.raises(ValueError, match="held out for early stopping all have sample_weight 0"):
        model.fit(X, Y, sample_weight=weights)
    assert not hasattr(model, "coefs_")
