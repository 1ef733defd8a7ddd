"""Cross-validation: splits, seeds, curves and scores against the same done by hand; engines; refusals."""

import os
import threading
import tracemalloc

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.own import Cube
from sklearn import metrics as skm
from sklearn import model_selection as skl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.model_selection import cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
XR, YR = (a[:120] for a in load_diabetes(return_X_y=True))
EPOCHS = 6


def classifier(**options):
    defaults = dict(hidden_layer_sizes=(6,), max_iter=EPOCHS, learning_rate_init=0.05, tol=0.0)
    return MLPClassifier(**(defaults | options))


def regressor(**options):
    defaults = dict(hidden_layer_sizes=(4,), activation="tanh", max_iter=EPOCHS, learning_rate_init=0.01)
    return MLPRegressor(**(defaults | options))


def same(a, b):
    """Whether two results hold the same numbers, bit for bit."""
    pairs = [(a.curves, b.curves), (a.scores, b.scores)]
    return all(
        np.array_equal(one[of][m], other[of][m], equal_nan=True)
        for one, other in pairs
        for of in ("train", "test")
        for m in a.metrics
    ) and np.array_equal(a.n_epochs, b.n_epochs)


class Follow:
    """Accuracy on some rows after each epoch, by scikit-learn."""

    def __init__(self, X, y):
        self.X, self.y, self.values = X, y, []

    def on_epoch_end(self, state):
        self.values.append(skm.accuracy_score(self.y, state.model.predict(self.X)))


@pytest.mark.parametrize(
    "data, options",
    [
        (X, {}),
        (np.asfortranarray(X), dict(batch_size=1)),
        (X.astype(np.float32), dict(class_weight="balanced", batch_size=30)),
        (sp.csr_matrix(X), {}),
        (sp.csr_matrix(X), dict(solver="lbfgs")),
        (X, dict(solver="lbfgs")),
        (X, dict(early_stopping=True)),
        (X.astype(np.float32), dict(hidden_layer_sizes=(900,), max_iter=2)),  # beyond the tiny regime
        (X, dict(activation=Cube())),  # no kernel knows it
        (np.round(X * 10).astype(int), {}),  # no kernel reads it
    ],
    ids=lambda part: ("-".join(part) or "plain") if isinstance(part, dict) else type(part).__name__,
)
def test_curves_and_scores_are_those_of_folds_trained_by_hand(data, options):
    result = cross_validate(
        classifier(**options),
        data,
        Y,
        cv=2,
        repeats=2,
        metrics=["accuracy", "f1_macro"],
        random_state=1,
        return_estimators=True,
    )
    for r, k in np.ndindex(2, 2):
        train, test = result.splits[r][k]
        seed = result.estimators[r][k].random_state
        watch = Follow(data[train], Y[train]), Follow(data[test], Y[test])
        model = classifier(**options, random_state=seed).fit(data[train], Y[train], callbacks=watch)
        for of, follow in zip(("train", "test"), watch, strict=True):
            curve = result.curves[of]["accuracy"][r, k]
            assert curve[: len(follow.values)].tolist() == follow.values
            assert np.isnan(curve[len(follow.values) :]).all()
            predicted = model.predict(follow.X)
            assert result.scores[of]["accuracy"][r, k] == skm.accuracy_score(follow.y, predicted)
            assert result.scores[of]["f1_macro"][r, k] == skm.f1_score(follow.y, predicted, average="macro")
        assert all(
            np.array_equal(a, b) for a, b in zip(model.coefs_, result.estimators[r][k].coefs_, strict=True)
        )
        assert result.n_epochs[r, k] == model.n_iter_


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_rows_in_place_train_what_their_copy_does(data):
    rows = np.array(data.draw(st.lists(st.integers(0, 149), min_size=20, max_size=200)))
    options = dict(
        batch_size=data.draw(st.integers(1, 20)), random_state=0, max_iter=3,
        shuffle=data.draw(st.booleans()), solver=data.draw(st.sampled_from(["sgd", "adam", "rprop"])),
    )  # fmt: skip
    weights = data.draw(st.sampled_from([None, np.linspace(0.5, 2, 150)]))
    of_rows = None if weights is None else weights[rows]
    a = classifier(**options).fit(X[rows], Y[rows], of_rows)
    b = classifier(**options)._fit_rows(X, Y, rows, weights)
    assert a.loss_curve_ == b.loss_curve_ and a.t_ == b.t_
    assert all(np.array_equal(p, q) for p, q in zip(a.coefs_, b.coefs_, strict=True))


@pytest.mark.parametrize("model", [classifier(random_state=0), GaussianNB()], ids=["ours", "theirs"])
def test_a_splitter_gives_scikit_learns_scores(model):
    names = ["accuracy", "neg_log_loss", "roc_auc_ovr"]
    cv = skl.RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    ours = cross_validate(model, X, Y, cv=cv, repeats=1, metrics=names, every=None)
    expected = skl.cross_validate(model, X, Y, cv=cv, scoring=names, return_train_score=True)
    for name in names:
        for of in ("train", "test"):
            np.testing.assert_allclose(ours.scores[of][name][0], expected[f"{of}_{name}"], rtol=1e-12)


def test_engines_agree_bit_for_bit():
    """Folds run in threads of this process, unless another backend is asked for."""

    def process(estimator, X, y):
        return float(os.getpid())

    def thread(estimator, X, y):
        return float(threading.get_ident() % 2**32)

    names = ["accuracy", "sse", "neg_log_loss"]
    chosen = {name: name for name in names} | {"process": process, "thread": thread}
    options = dict(cv=3, repeats=2, random_state=3)
    alone = cross_validate(classifier(), X, Y, metrics=names, **options)
    threads = cross_validate(classifier(), X, Y, metrics=chosen, n_jobs=3, **options)
    with joblib.parallel_config("loky", n_jobs=2):
        processes = cross_validate(classifier(), X, Y, metrics=chosen, **options)
    assert same(alone, threads) and same(alone, processes)
    assert (threads.scores["test"]["process"] == os.getpid()).all()
    assert (threads.scores["test"]["thread"] != threading.get_ident() % 2**32).all()
    assert (processes.scores["test"]["process"] != os.getpid()).all()


def test_data_are_neither_copied_nor_written_to():
    random = np.random.RandomState(0)
    data, labels = random.randint(0, 256, (10000, 1000)).astype(np.uint8), random.randint(0, 3, 10000)
    data.setflags(write=False)
    model = classifier(max_iter=2, batch_size=100)
    cross_validate(model, data[:200], labels[:200], repeats=1)  # imports
    tracemalloc.start()
    try:
        cross_validate(model, data, labels, cv=4, repeats=2, n_jobs=2, random_state=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * data.nbytes  # two copies of three quarters would be 1.5 times as much


def test_random_state_decides_everything():
    options = dict(cv=2, repeats=3)
    a = cross_validate(classifier(), X, Y, random_state=5, return_estimators=True, **options)
    assert same(a, cross_validate(classifier(), X, Y, random_state=np.random.RandomState(5), **options))
    assert not same(a, cross_validate(classifier(), X, Y, random_state=6, **options))
    tests = [fold[1].tolist() for repeat in a.splits for fold in repeat]
    seeds = [model.random_state for repeat in a.estimators for model in repeat]
    assert len({tuple(t) for t in tests}) == len(set(seeds)) == 6
    nested = make_pipeline(StandardScaler(), classifier())
    assert same(*(cross_validate(nested, X, Y, random_state=5, **options) for _ in range(2)))
    pinned = cross_validate(
        classifier(random_state=7), X, Y, random_state=5, return_estimators=True, **options
    )
    assert {model.random_state for repeat in pinned.estimators for model in repeat} == {7}
    assert all(np.array_equal(a.splits[r][k][1], pinned.splits[r][k][1]) for r, k in np.ndindex(3, 2))


def test_an_int_splits_by_class_or_not():
    counts = [
        np.bincount(Y[test]).tolist() for _, test in cross_validate(classifier(), X, Y, repeats=1).splits[0]
    ]
    assert counts == [[10, 10, 10]] * 5
    tests = [test for _, test in cross_validate(regressor(), XR, YR, repeats=1).splits[0]]
    assert np.array_equal(np.sort(np.concatenate(tests)), np.arange(120))
    assert any((np.diff(test) != 1).any() for test in tests)  # shuffled


def test_splitters_by_repetition():
    def tests_of(cv, **options):
        result = cross_validate(classifier(), X, Y, cv=cv, repeats=2, random_state=0, every=None, **options)
        return [[test.tolist() for _, test in repeat] for repeat in result.splits]

    seeded = skl.StratifiedKFold(3, shuffle=True, random_state=4)
    first, second = tests_of(seeded)
    assert first == [test.tolist() for _, test in seeded.split(X, Y)] and first != second
    assert seeded.random_state == 4
    first, second = tests_of(skl.ShuffleSplit(3, test_size=0.2, train_size=0.3))
    assert first != second
    assert [first, second] == tests_of(skl.ShuffleSplit(3, test_size=0.2, train_size=0.3))
    for fixed in (skl.KFold(3), [(np.arange(100), np.arange(100, 150)), (Y > 0, Y == 0)]):
        first, second = tests_of(fixed)
        assert first == second
    groups = np.arange(150) % 4
    for test in tests_of(skl.LeaveOneGroupOut(), groups=groups)[0]:
        assert len(set(groups[test])) == 1


def test_rows_left_out_and_rows_drawn_twice():
    """Only a fold's own rows count, each as often as it is named."""
    train, test = np.array([0, 60, 120, 120, 1, 61, 121, 3]), np.array([2, 62, 122])
    spoilt = X.copy()
    spoilt[5:50] = np.nan
    result = cross_validate(classifier(random_state=0), X, Y, cv=[(train, test)], repeats=1)
    model = classifier(random_state=0).fit(X[train], Y[train])
    assert result.scores["train"]["accuracy"][0, 0] == model.score(X[train], Y[train])
    assert result.scores["test"]["accuracy"][0, 0] == model.score(X[test], Y[test])
    piped = make_pipeline(StandardScaler(), classifier(random_state=0))
    clean = cross_validate(piped, X, Y, cv=[(train, test)], repeats=1)
    assert same(clean, cross_validate(piped, spoilt, Y, cv=[(train, test)], repeats=1))


def score_of(estimator, X, y):
    return estimator.score(X, y)


def test_metrics_of_classifiers():
    chosen = {
        "sse": "sse", "mse": "mse", "accuracy": "accuracy", "loss": "neg_log_loss", "hamming": "hamming_loss",
        "of class 2": lambda y, p: skm.f1_score(y, p, labels=[2], average="macro"), "own": score_of,
        "fbeta": skm.make_scorer(skm.fbeta_score, beta=2, average="macro"),
    }  # fmt: skip
    result = cross_validate(classifier(), X, Y, cv=2, repeats=1, metrics=chosen, return_estimators=True)
    for k, (train, test) in enumerate(result.splits[0]):
        model = result.estimators[0][k]
        for of, rows in (("train", train), ("test", test)):
            p, predicted, y = model.predict_proba(X[rows]), model.predict(X[rows]), Y[rows]
            expected = {
                "sse": ((p - np.eye(3)[y]) ** 2).sum(),
                "mse": ((p - np.eye(3)[y]) ** 2).mean(),
                "accuracy": (predicted == y).mean(),
                "loss": -skm.log_loss(y, p),
                "hamming": (predicted != y).mean(),
                "of class 2": skm.f1_score(y == 2, predicted == 2),
                "own": (predicted == y).mean(),
                "fbeta": skm.fbeta_score(y, predicted, beta=2, average="macro"),
            }
            for name, value in expected.items():
                assert result.scores[of][name][0, k] == pytest.approx(value, rel=1e-12), name
                # without early stopping the last point of the curve is the fitted estimator
                assert result.curves[of][name][0, k, -1] == result.scores[of][name][0, k]


def test_sse_of_two_classes_is_of_one_output():
    y = np.array(["no", "yes"])[(Y > 0).astype(int)]
    result = cross_validate(classifier(), X, y, cv=2, repeats=1, metrics="sse", return_estimators=True)
    _, test = result.splits[0][0]
    p = result.estimators[0][0].predict_proba(X[test])[:, 1]
    assert result.scores["test"]["sse"][0, 0] == pytest.approx((((y[test] == "yes") - p) ** 2).sum())
    # a classifier that says classes only is measured by their numbers
    result = cross_validate(RidgeClassifier(), X, Y, repeats=1, metrics="sse", return_estimators=True)
    for model, (_, test), found in zip(
        result.estimators[0], result.splits[0], result.scores["test"]["sse"][0], strict=True
    ):
        assert found == ((model.predict(X[test]) - Y[test]) ** 2).sum()


def test_curves_behind_a_transformation_of_targets_and_inputs():
    """The metrics are those of the whole: predictions scaled back, inputs scaled as in training."""
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), regressor()), transformer=MinMaxScaler((-1, 1))
    )
    result = cross_validate(
        model, XR, YR, cv=3, repeats=1, metrics=["sse", "r2"], random_state=0, return_estimators=True
    )
    assert result.curves["test"]["sse"].shape == (1, 3, EPOCHS)
    for k, (train, test) in enumerate(result.splits[0]):
        for of, rows in (("train", train), ("test", test)):
            residual = YR[rows] - result.estimators[0][k].predict(XR[rows])
            assert result.curves[of]["sse"][0, k, -1] == pytest.approx((residual**2).sum())
    scaled = TransformedTargetRegressor(regressor(max_iter=2), transformer=MinMaxScaler((-1, 1)))
    shorter = cross_validate(scaled, XR, YR, cv=3, repeats=1, random_state=0)
    longer = cross_validate(
        clone(scaled).set_params(regressor__max_iter=4), XR, YR, cv=3, repeats=1, random_state=0
    )
    assert np.array_equal(shorter.curves["test"]["r2"], longer.curves["test"]["r2"][..., :2])


def test_several_outputs_and_labels():
    both = np.column_stack([YR, XR[:, 0] * 100])
    result = cross_validate(
        regressor(), XR, both, cv=2, repeats=1, metrics=["sse", "r2"], return_estimators=True
    )
    _, test = result.splits[0][1]
    predicted = result.estimators[0][1].predict(XR[test])
    assert result.scores["test"]["sse"][0, 1] == pytest.approx(((predicted - both[test]) ** 2).sum())
    assert result.scores["test"]["r2"][0, 1] == pytest.approx(skm.r2_score(both[test], predicted))
    several = np.column_stack([Y == 0, Y > 0])
    result = cross_validate(
        classifier(),
        X,
        several.astype(int),
        cv=2,
        repeats=1,
        metrics=["accuracy", "f1_micro", "sse"],
        return_estimators=True,
    )
    _, test = result.splits[0][0]
    p = result.estimators[0][0].predict_proba(X[test])
    assert result.scores["test"]["sse"][0, 0] == pytest.approx(((p - several[test]) ** 2).sum())
    expected = skm.f1_score(several[test], p > 0.5, average="micro")
    assert result.scores["test"]["f1_micro"][0, 0] == pytest.approx(expected)
    column = cross_validate(classifier(random_state=0), X, Y[:, None], cv=2, repeats=1, random_state=0)
    assert same(column, cross_validate(classifier(random_state=0), X, Y, cv=2, repeats=1, random_state=0))


def test_sample_weight_reaches_the_fit():
    weights = np.linspace(0.1, 3, 150)
    for model in (classifier(random_state=0), make_pipeline(StandardScaler(), classifier(random_state=0))):
        cv = skl.KFold(3, shuffle=True, random_state=0)
        result = cross_validate(model, X, Y, cv=cv, repeats=1, sample_weight=weights)
        for k, (train, test) in enumerate(cv.split(X)):
            name = "sample_weight" if model.__class__ is MLPClassifier else "mlpclassifier__sample_weight"
            fitted = clone(model).fit(X[train], Y[train], **{name: weights[train]})
            assert result.scores["test"]["accuracy"][0, k] == fitted.score(X[test], Y[test])
        assert not same(result, cross_validate(model, X, Y, cv=cv, repeats=1))


def test_fewer_points_and_none():
    options = dict(cv=2, repeats=1, random_state=0)
    full = cross_validate(classifier(), X, Y, **options)
    third = cross_validate(classifier(), X, Y, every=3, **options)
    assert third.epochs.tolist() == [3, 6]
    assert np.array_equal(third.curves["test"]["accuracy"], full.curves["test"]["accuracy"][..., 2::3])
    none = cross_validate(classifier(), X, Y, every=None, **options)
    assert len(none.epochs) == 0
    assert np.array_equal(none.scores["test"]["accuracy"], full.scores["test"]["accuracy"])
    for result in (none, cross_validate(GaussianNB(), X, Y, repeats=1)):
        with pytest.raises(ValueError, match="no curves"):
            result.curve()


class Recording(RegressorMixin, BaseEstimator):
    """A perceptron that tells its weights epoch by epoch, and takes no callbacks."""

    def __init__(self, record=None, n_epochs=4):
        self.record, self.n_epochs = record, n_epochs

    def fit(self, X, y):
        self.n_iter_ = self.n_epochs
        steps = [np.zeros(X.shape[1])]
        for _ in range(self.n_epochs):
            steps.append(steps[-1] + 0.1 * X.T @ (y - X @ steps[-1]) / len(X))
        self.coef_, self.intercept_ = steps[-1], 0.0
        if self.record == "epoch":
            self.coef_history_, self.intercept_history_ = np.array(steps), np.zeros(len(steps))
        return self

    def predict(self, X):
        return X @ self.coef_ + self.intercept_


@pytest.mark.parametrize(
    "wrap", [lambda m: m, lambda m: make_pipeline(StandardScaler(), m)], ids=["bare", "piped"]
)
def test_recorded_weights_give_curves(wrap):
    result = cross_validate(wrap(Recording()), XR, YR, cv=3, repeats=1, metrics="sse", return_estimators=True)
    assert result.curves["train"]["sse"].shape == (1, 3, 4)
    for n_epochs in (1, 3):
        model = wrap(Recording(n_epochs=n_epochs))
        train, _ = result.splits[0][1]
        expected = ((model.fit(XR[train], YR[train]).predict(XR[train]) - YR[train]) ** 2).sum()
        assert result.curves["train"]["sse"][0, 1, n_epochs - 1] == pytest.approx(expected)
    kept = result.estimators[0][0]
    assert kept.get_params().get("record", kept.get_params().get("recording__record")) is None
    assert result.scores["test"]["sse"].tolist() == result.curves["test"]["sse"][..., -1].tolist()


def test_tables():
    pd = pytest.importorskip("pandas")
    model = classifier(max_iter=40, early_stopping=True, n_iter_no_change=1, learning_rate_init=0.5)
    result = cross_validate(model, X, Y, cv=3, repeats=2, metrics=["accuracy", "sse"], random_state=0)
    assert len(np.unique(result.n_epochs)) > 1  # folds of different lengths
    frame = result.to_frame()
    assert list(frame.columns) == ["repeat", "fold", "epoch", "set", "metric", "value"]
    assert len(frame) == 4 * result.n_epochs.sum() and not frame.value.isna().any()
    for row in frame.sample(20, random_state=0).itertuples():
        assert row.value == result.curves[row.set][row.metric][row.repeat, row.fold, row.epoch - 1]
    counts = frame.groupby(["repeat", "fold"]).epoch.max().to_numpy().reshape(2, 3)
    assert np.array_equal(counts, result.n_epochs)
    scores = result.to_frame("scores")
    assert list(scores.columns) == ["repeat", "fold", "set", "metric", "value"] and len(scores) == 24
    mean = scores[(scores.set == "test") & (scores.metric == "sse")].value
    assert result.summary().loc[("sse", "test")].tolist() == pytest.approx([mean.mean(), mean.std(ddof=0)])
    assert result.score("sse") == pytest.approx((mean.mean(), mean.std(ddof=0)))
    by_epoch = frame[(frame.set == "train") & (frame.metric == "accuracy")].groupby("epoch").value
    assert result.curve("accuracy", "train")[0] == pytest.approx(by_epoch.mean().to_numpy())
    assert f"sse: train {result.score('sse', 'train')[0]:.6g} ±" in repr(result)
    assert isinstance(frame, pd.DataFrame)
    assert (result.fit_times > 0).all() and (result.score_times > 0).all()


def test_plot_shows_means_and_bands():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    result = cross_validate(classifier(), X, Y, cv=3, repeats=2, metrics=["accuracy", "sse"], every=2)
    display = result.plot("sse")
    assert display.test_line_.get_xdata().tolist() == [2, 4, 6]
    assert np.allclose(display.test_line_.get_ydata(), result.curve("sse")[0])
    mean, std = result.curve("sse", "train")
    low, high = display.train_band_.get_datalim(display.ax_.transData).intervaly
    assert (low, high) == pytest.approx(((mean - std).min(), (mean + std).max()))
    assert display.ax_.get_ylabel() == "sse"
    figure, ax = plt.subplots()
    assert result.plot(ax=ax).figure_ is figure
    with pytest.raises(ValueError, match=r"metric must be one of accuracy, sse; got 'r2'"):
        result.plot("r2")
    plt.close("all")


class Picky(ClassifierMixin, BaseEstimator):
    """Fails where row 0 is not among the training rows."""

    def fit(self, X, y):
        if not (X == X_ROW).all(axis=1).any():
            raise ZeroDivisionError("no first row")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


X_ROW = X[0]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fold_that_fails_is_named(n_jobs):
    options = dict(cv=skl.KFold(5), repeats=1, n_jobs=n_jobs)
    with pytest.raises(ZeroDivisionError) as caught:
        cross_validate(Picky(), X, Y, **options)
    assert "in repeat 0, fold 0 of cross_validate" in "".join(caught.value.__notes__)
    with pytest.warns(FitFailedWarning, match="(?s)1 of 5 folds failed.*no first row"):
        result = cross_validate(Picky(), X, Y, error_score=np.nan, **options)
    assert np.isnan(result.scores["test"]["accuracy"]).tolist() == [[True] + 4 * [False]]
    assert "no first row" in result.errors[0, 0] and len(result.errors) == 1
    assert np.isfinite(result.score()).all()
    with pytest.raises(ValueError, match=r"(?s)1 of 1 folds failed.*no first row"):
        cross_validate(Picky(), X, Y, cv=[(np.arange(1, 99), [0])], repeats=1, error_score=0.0)


class Untouched(ClassifierMixin, BaseEstimator):
    """Must not be trained."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        raise AssertionError("trained before all was checked")

    def predict(self, X):
        raise AssertionError


class Empty(skl.BaseCrossValidator):
    def split(self, X, y=None, groups=None):
        yield np.arange(10), np.arange(0)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(cv=151), "cv must be between 2 and 150; got 151"),
        (dict(cv=1), "cv must be between 2"),
        (dict(cv="loo"), "cv must be an int, a splitter"),
        (dict(cv=3.0), "cv must be an int, a splitter"),
        (dict(cv=51), "members in each class"),
        (dict(cv=Empty()), "cv yielded no test rows in fold 0"),
        (dict(cv=[]), "cv is empty"),
        (dict(cv=[([0, 1], [150])]), "cv yielded row 150 among the test rows of fold 0; X has rows 0"),
        (dict(cv=[([0, 1], [2], [3])]), r"fold 0 is \(\[0, 1\], \[2\], \[3\]\)"),
        (dict(cv=[([0, 1], [])]), "cv yielded no test rows in fold 0"),
        (dict(cv=[([True] * 30, [False] * 30)]), r"or a mask of shape \(150,\); got bool of shape \(30,\)"),
        (dict(cv=[([0.0, 1.0], [2.0])]), r"part of cv must be row numbers.* got float64 of shape \(2,\)"),
        (dict(y=Y[:-1]), r"y must have one entry for each of the 150 rows of X; got shape \(149,\)"),
        (dict(groups=Y[:3]), "groups must have one entry"),
        (dict(sample_weight=np.ones(150)), "fit of Untouched.* takes none"),
        (dict(metrics="acuracy"), "metrics must be one of .*accuracy.*; got 'acuracy'"),
        (dict(metrics=["accuracy", 3]), "metrics must hold names or callables; got 3"),
        (dict(metrics=[]), "metrics is empty"),
        (dict(metrics=[lambda t, p: 0.0, lambda t, p: 1.0]), "'<lambda>' more than once; name them"),
        (dict(metrics="jaccard"), "'jaccard' cannot be computed for this y.*average.*f1_macro"),
        (dict(metrics="neg_log_loss"), "needs an estimator with predict_proba"),
        (dict(metrics="sse", y=Y.astype(str)), "needs numbers for labels"),
        (dict(metrics=lambda t, p: p), "must return one number"),
        (dict(metrics={"each": lambda t, p: skm.f1_score(t, p, average=None)}), "'each'.* one number"),
        (dict(repeats=0), "repeats must be at least 1"),
        (dict(repeats=2.5), "repeats must be an int"),
        (dict(every=0), "every must be at least 1"),
        (dict(random_state="x"), "random_state must be"),
        (dict(error_score="ignore"), "error_score must be 'raise' or a number"),
        (dict(cv=skl.KFold(3), estimator=Untouched(0)), "all repetitions would be the same; set repeats=1"),
        (dict(estimator=GaussianNB), "the class GaussianNB: pass an instance"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_refusals_come_before_training(options, words):
    arguments = dict(estimator=Untouched(), X=X, y=Y) | options
    with pytest.raises((ValueError, TypeError), match=f"(?s){words}"):
        cross_validate(**arguments)


def test_threads_inside_a_fold_leave_room_for_other_folds():
    seen = []

    def look(estimator, X, y):
        seen.append(estimator.n_threads)
        return 0.0

    options = dict(cv=2, repeats=1, metrics=look, every=None, return_estimators=True)
    result = cross_validate(classifier(), X, Y, n_jobs=64, **options)
    assert set(seen) == {max(1, joblib.cpu_count() // 2)}
    assert result.estimators[0][0].n_threads is None
    seen.clear()
    cross_validate(classifier(), X, Y, n_jobs=1, **options)
    cross_validate(classifier(n_threads=3), X, Y, n_jobs=2, **options)
    assert set(seen) == {None, 3}


def test_a_metric_that_is_undefined_everywhere():
    result = cross_validate(
        classifier(), X, Y, repeats=1, metrics={"nan": lambda t, p: np.nan, "accuracy": "accuracy"}
    )
    assert np.isnan(result.score("nan")).all() and np.isnan(result.curve("nan")[0]).all()
    assert "nan: train nan ± nan" in repr(result)
    assert len(result.to_frame()) == 2 * 2 * 5 * EPOCHS  # measured, if not defined


def test_regressors_of_scikit_learn():
    result = cross_validate(
        LinearRegression(), XR, YR, cv=4, repeats=2, metrics=["r2", "mae", "mean_absolute_error"]
    )
    assert result.scores["test"]["r2"].shape == (2, 4) and result.n_epochs.tolist() == [[-1] * 4] * 2
    assert np.allclose(result.scores["test"]["mae"], result.scores["test"]["mean_absolute_error"])


def test_a_fit_of_ones_own_is_called():
    called = []

    class Noted(MLPRegressor):
        def fit(self, X, y, **options):
            called.append(len(X))
            return super().fit(X, y, **options)

    x, y = np.zeros((40, 3)), np.zeros(40)
    cross_validate(Noted(hidden_layer_sizes=(2,), max_iter=1), x, y, cv=2, repeats=1)
    assert called == [20, 20]
