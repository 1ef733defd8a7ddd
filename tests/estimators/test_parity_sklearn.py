"""The same random_state gives the same model as the installed scikit-learn's, in float64 to rounding."""

import warnings

import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose
from sklearn.base import is_classifier
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

import fastmlp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y3 = make_classification(90, 8, n_informative=5, n_classes=3, random_state=0)
Y2 = np.array(["no", "yes"])[(Y3 > 0).astype(int)]
XM, YM = make_multilabel_classification(90, 8, n_classes=4, random_state=0)
XM /= 10  # scikit-learn takes its log loss from rounded probabilities, which far logits show
XR, YR = make_regression(90, 8, n_targets=2, noise=5.0, random_state=0)
YR /= 100
COUNTS = np.random.RandomState(0).poisson(3, 90)
WEIGHTS = np.random.RandomState(1).randint(1, 4, 90).astype(float)
DATA = {
    "binary": ("MLPClassifier", X, Y2), "multiclass": ("MLPClassifier", X, Y3),
    "multilabel": ("MLPClassifier", XM, YM), "regression": ("MLPRegressor", XR, YR[:, 0]),
    "multioutput": ("MLPRegressor", XR, YR), "counts": ("MLPRegressor", XR, COUNTS),
}  # fmt: skip


def both(kind, **options):
    name = DATA[kind][0]
    options = dict(hidden_layer_sizes=(7,), max_iter=5, random_state=7) | options
    if kind == "counts":
        options["loss"] = "poisson"
    return getattr(theirs, name)(**options), getattr(fastmlp, name)(**options)


def agree(a, b, rtol=1e-8, atol=1e-11):
    """Compare every public fitted attribute."""
    for mine, other in zip(b.coefs_ + b.intercepts_, a.coefs_ + a.intercepts_, strict=True):
        assert mine.dtype == other.dtype
        assert_allclose(mine, other, rtol=rtol, atol=atol)
    for name in vars(a):
        if name.endswith("_") and not name.startswith("_") and name not in ("coefs_", "intercepts_"):
            other, mine = getattr(a, name), getattr(b, name)
            if isinstance(other, str) or other is None or np.asarray(other).dtype.kind in "UO":
                assert np.array_equal(mine, other), name
            else:
                assert_allclose(mine, other, rtol=rtol, atol=atol, err_msg=name)


SOLVERS = [
    dict(solver="adam", learning_rate_init=0.01),
    dict(solver="adam", beta_1=0.5, beta_2=0.9, epsilon=1e-3),
    # rates that do not diverge: where p < eps scikit-learn clips the log loss, and we compute it from logits
    dict(solver="sgd", learning_rate_init=0.003),
    dict(solver="sgd", learning_rate_init=0.003, nesterovs_momentum=False),
    dict(solver="sgd", learning_rate_init=0.01, momentum=0.0),
    dict(solver="sgd", learning_rate_init=0.01, learning_rate="invscaling", power_t=0.3),
]


@pytest.mark.parametrize("options", SOLVERS, ids=lambda o: "-".join(f"{v}" for v in o.values()))
@pytest.mark.parametrize("batch_size", [1, 16, "auto"])
def test_solvers_and_batches(options, batch_size):
    for kind in ("multiclass", "regression"):
        a, b = both(kind, batch_size=batch_size, **options)
        agree(a.fit(*DATA[kind][1:]), b.fit(*DATA[kind][1:]))


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations_and_kinds_of_target(kind, activation):
    a, b = both(kind, activation=activation, hidden_layer_sizes=(6, 5), batch_size=20, alpha=0.01)
    x, y = DATA[kind][1:]
    agree(a.fit(x, y), b.fit(x, y))
    if not is_classifier(a):
        assert_allclose(b.predict(x), a.predict(x), rtol=1e-8, atol=1e-11)
    else:
        np.testing.assert_array_equal(b.predict(x), a.predict(x))
        assert_allclose(b.predict_proba(x), a.predict_proba(x), rtol=1e-8, atol=1e-14)
        assert_allclose(b.predict_log_proba(x), a.predict_log_proba(x), rtol=1e-7)
    assert b.score(x, y) == pytest.approx(a.score(x, y))


@pytest.mark.parametrize("kind", DATA)
def test_early_stopping_splits_scores_and_restores_alike(kind):
    if kind == "binary" and sklearn.__version__.startswith("1.7."):
        pytest.skip("scikit-learn 1.7 cannot score labels that are text while it stops early")
    a, b = both(
        kind,
        early_stopping=True,
        validation_fraction=0.2,
        max_iter=60,
        n_iter_no_change=3,
        learning_rate_init=0.02,
        tol=0.01,
    )
    agree(a.fit(*DATA[kind][1:], sample_weight=WEIGHTS), b.fit(*DATA[kind][1:], sample_weight=WEIGHTS))
    assert b.n_iter_ < 60
    assert b.best_iter_ == int(np.argmax(b.validation_scores_)) + 1


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_sample_weight(solver):
    for kind in ("binary", "multiclass", "multioutput"):
        a, b = both(kind, solver=solver, batch_size=200 if solver == "lbfgs" else 13)
        x, y = DATA[kind][1:]
        tolerance = dict(rtol=1e-6, atol=1e-9) if solver == "lbfgs" else {}
        agree(a.fit(x, y, sample_weight=WEIGHTS), b.fit(x, y, sample_weight=WEIGHTS), **tolerance)


@pytest.mark.parametrize("kind", DATA)
def test_lbfgs(kind):
    a, b = both(kind, solver="lbfgs", max_iter=12)
    agree(a.fit(*DATA[kind][1:]), b.fit(*DATA[kind][1:]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_tolerance_stops_alike(rate, early_stopping):
    a, b = both(
        "multiclass",
        solver="sgd",
        learning_rate=rate,
        learning_rate_init=0.1,
        tol=0.02,
        max_iter=300,
        n_iter_no_change=2,
        early_stopping=early_stopping,
    )
    x, y = DATA["multiclass"][1:]
    agree(a.fit(x, y), b.fit(x, y))
    assert 3 < b.n_iter_ < 300
    assert b._optimizer.learning_rate == pytest.approx(a._optimizer.learning_rate)
    assert b._no_improvement_count == a._no_improvement_count


@pytest.mark.parametrize(
    "options", [dict(solver="sgd", learning_rate="invscaling"), dict(solver="adam")], ids=str
)
def test_warm_start(options):
    a, b = both("multiclass", warm_start=True, batch_size=20, **options)
    for rounds in range(3):
        x, y = DATA["multiclass"][1:]
        a.set_params(max_iter=2 + rounds).fit(x, y)
        b.set_params(max_iter=2 + rounds).fit(x, y)
        agree(a, b)
    assert len(b.loss_curve_) == 9


def test_warm_start_with_early_stopping_keeps_the_best():
    """scikit-learn's best weights are overwritten in a second fit that finds none better; ours are not."""
    a, b = both("multiclass", warm_start=True, early_stopping=True, max_iter=8, learning_rate_init=0.05)
    agree(a.fit(X, Y3), b.fit(X, Y3))
    best = b.best_validation_score_
    for model in (a, b):
        model.set_params(learning_rate_init=2.0).fit(X, Y3)
    assert b.validation_scores_[:9] == pytest.approx(a.validation_scores_[:9])
    assert max(b.validation_scores_) == b.best_validation_score_ >= best
    assert len(b.validation_scores_) > 8


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit(solver):
    a, b = both("multiclass", solver=solver, batch_size=10)
    x, y = DATA["multiclass"][1:]
    for part in (slice(0, 30), slice(30, 45), slice(45, 90)):
        for model in (a, b):
            model.partial_fit(x[part], y[part], classes=[0, 1, 2])
    agree(a, b)
    assert b.t_ == 90
    a, b = both("multioutput", solver=solver)
    for _ in range(4):
        a.partial_fit(XR, YR, sample_weight=WEIGHTS)
        b.partial_fit(XR, YR, sample_weight=WEIGHTS)
    agree(a, b)


def test_no_shuffle_no_hidden_layer_and_a_stream_shared_with_others():
    x, y = DATA["multiclass"][1:]
    a, b = both("multiclass", shuffle=False, batch_size=8)
    agree(a.fit(x, y), b.fit(x, y))
    a, b = both("multiclass", hidden_layer_sizes=(), batch_size=8)
    agree(a.fit(x, y), b.fit(x, y))
    mine, other = np.random.RandomState(5), np.random.RandomState(5)
    a, b = both("multiclass", batch_size=8)
    agree(a.set_params(random_state=other).fit(x, y), b.set_params(random_state=mine).fit(x, y))
    assert mine.random_sample() == other.random_sample()


def test_float32_stays_near():
    x, y = DATA["multiclass"][1:]
    a, b = both("multiclass", batch_size=20)
    agree(a.fit(x.astype(np.float32), y), b.fit(x.astype(np.float32), y), rtol=1e-3, atol=1e-4)


def test_sparse_input():
    sparse = pytest.importorskip("scipy.sparse")
    x = np.where(np.abs(X) < 1, 0, X)
    for form in (sparse.csr_matrix, sparse.csc_array):
        a, b = both("multiclass", batch_size=16, early_stopping=True)
        agree(a.fit(form(x), Y3), b.fit(form(x), Y3))
        assert_allclose(b.predict_proba(form(x)), a.predict_proba(x), rtol=1e-8)


@pytest.mark.parametrize("max_iter", [4, 40])
def test_what_is_printed_and_warned(capsys, max_iter):
    printed, warned = [], []
    for model in both(
        "multiclass",
        solver="sgd",
        learning_rate="adaptive",
        tol=0.5,
        n_iter_no_change=1,
        early_stopping=True,
        verbose=True,
        max_iter=max_iter,
        batch_size=500,
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, Y3)
        printed.append(capsys.readouterr().out)
        warned.append([(w.category, str(w.message)) for w in caught])
    assert printed[0] == printed[1]
    assert warned[0] == warned[1]
    assert (warned[1][-1][0] is ConvergenceWarning) == (max_iter == 4)
    assert ("Learning rate too small. Stopping." in printed[1]) == (max_iter == 40)
