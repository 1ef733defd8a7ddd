"""What estimators take as `y`, and what they say of what they cannot take."""

import numpy as np
import pytest
import sklearn
from scipy import sparse

from fastmlp import LinearPerceptron, MLPClassifier, MLPRegressor, Perceptron, TanhPerceptron
from fastmlp.model_selection import cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).standard_normal((20, 3))
LABELS = np.arange(20) % 2
TEXT = np.array(["no", "yes"], object)[LABELS]

REGRESSORS = [
    MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0),
    LinearPerceptron(max_iter=2),
    TanhPerceptron(max_iter=2),
]
CLASSIFIERS = [MLPClassifier((3,), max_iter=2, random_state=0), Perceptron(max_iter=2)]


def with_first(value):
    return np.array([value, *TEXT[1:]], object)


def calls(model, y, **options):
    yield lambda: sklearn.clone(model).fit(X, y)
    yield lambda: sklearn.clone(model).partial_fit(X, y, **options)


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("y", "says"),
    [
        (TEXT.astype(str), "y must hold numbers; got dtype <U3: encode text as numbers"),
        (LABELS.astype(str), "y must hold numbers; got dtype <U21"),
        (LABELS.astype("M8[D]"), r"y must hold numbers; got dtype datetime64\[D\]"),
        (sparse.csr_matrix(LABELS[:, None] * 1.0), "dense"),
    ],
    ids=["text", "digits", "dates", "sparse"],
)
def test_values_are_dense_numbers(model, y, says):
    for call in calls(model, y):
        with pytest.raises((TypeError, ValueError), match=says):
            call()


def test_sparse_values_of_validation_are_named():
    y = sparse.csr_matrix(LABELS[:, None] * 1.0)
    with pytest.raises(TypeError, match=r"^validation_data: y must be a dense array; .*pass y\.toarray\(\)"):
        REGRESSORS[0].fit(X, LABELS, validation_data=(X, y))
    with pytest.raises(TypeError, match="y must be a dense array"):  # several columns too
        REGRESSORS[0].fit(X, sparse.csr_matrix(np.c_[LABELS, LABELS] * 1.0))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("y", "kinds"),
    [
        (with_first(None), "NoneType, str"), (np.array([None] * 20), "NoneType"), (with_first(1), "int, str"),
    ],
    ids=["missing", "all missing", "mixed"],
)  # fmt: skip
def test_labels_are_of_one_kind_and_none_is_missing(model, y, kinds):
    for call in calls(model, y, classes=["no", "yes"]):
        with pytest.raises(TypeError, match=f"^y must hold labels of one kind, .* got {kinds}: drop"):
            call()


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_pandas_labels_that_are_missing(model):
    pandas = pytest.importorskip("pandas")
    y = pandas.Series([pandas.NA, *TEXT[1:]], dtype="string")
    for call in calls(model, y, classes=["no", "yes"]):
        with pytest.raises(TypeError, match=r"^y must hold labels of one kind, .* got NAType, str: drop"):
            call()


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_fractions_are_no_classes(model):
    for call in calls(model, LABELS + 0.5, classes=[0, 1]):
        with pytest.raises(ValueError, match=r"Unknown label type: continuous\. Maybe you are trying"):
            call()


def test_weights_of_other_hidden_layers_are_not_gone_on_with():
    says = r"hidden_layer_sizes is \(5, 2\), but the weights .* are those of \(3,\): set it back"
    model = MLPClassifier((3,), max_iter=2, random_state=0, warm_start=True).fit(X, LABELS)
    before = [w.copy() for w in model.coefs_]
    model.set_params(hidden_layer_sizes=(5, 2))
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=says):
            call(X, LABELS)
    for w, old in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(w, old)
    model.set_params(warm_start=False).fit(X, LABELS)
    assert [w.shape for w in model.coefs_] == [(3, 5), (5, 2), (2, 1)]


def test_names_are_checked_without_scikit_learn_too():
    with sklearn.config_context(skip_parameter_validation=True):
        for model, name in (
            (MLPClassifier((3,), max_iter=2, loss="foo"), "loss"),
            (MLPClassifier((3,), max_iter=2, solver="foo"), "solver"),
            (Perceptron(record="foo"), "record"),
        ):
            with pytest.raises(ValueError, match=f"^{name} must be one of .* got 'foo'"):
                model.fit(X, LABELS)


def test_cross_validation_names_x():
    bad = np.where(X > 1, np.nan, X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        cross_validate(CLASSIFIERS[0], bad, LABELS, cv=2, repeats=1)


@pytest.mark.parametrize("y", [with_first(None), with_first(1)], ids=["missing", "mixed"])
def test_cross_validation_names_labels(y):
    with pytest.raises(TypeError, match=r"^y must hold labels of one kind, none of them missing; got "):
        cross_validate(CLASSIFIERS[0], X, y, cv=2, repeats=1)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor, Perceptron, LinearPerceptron])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_unknown_arguments_are_answered(estimator, method):
    told = f"^{estimator.__name__}.{method} takes no argument 'weights': did you mean 'sample_weight'"
    with pytest.raises(TypeError, match=told):
        getattr(estimator(), method)(np.eye(4), [0, 1, 0, 1], weights=[1, 2, 3, 4])


def test_a_class_of_one_sample_is_refused_in_scikit_learns_words():
    x, y = np.arange(20.0).reshape(-1, 1), np.array(["often"] * 19 + ["once"])
    with pytest.raises(ValueError, match=r"only 1 member.*\['(True|False)'\]"):
        MLPClassifier(early_stopping=True).fit(x, y)
