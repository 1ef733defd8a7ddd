"""Perceptron, LinearPerceptron and TanhPerceptron: textbook loops, scikit-learn, and what goes wrong."""

import _thread
import copy
import pickle
import platform
import threading
import time
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import linear_model
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmlp import DivergenceWarning, LinearPerceptron, Perceptron, TanhPerceptron
from fastmlp.kernels import dispatch

X = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
AND, XOR = np.array([-1, -1, -1, 1]), np.array([-1, 1, 1, -1])
THEIRS = dict(tol=1e-3, epsilon=0)  # scikit-learn's defaults
NEURONS = (Perceptron, LinearPerceptron, TanhPerceptron)


@pytest.fixture(params=dispatch.available())
def backend(request):
    with dispatch.using(request.param):
        yield


def blobs(seed, n_classes=2, n=150, dtype=np.float64):
    x, y = make_classification(
        n, 23, n_informative=6, n_classes=n_classes, flip_y=0.05, random_state=seed, class_sep=1.5
    )
    x[np.random.RandomState(seed).uniform(size=x.shape) < 0.3] = 0
    return x.astype(dtype), y


def quietly(fit, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*args, **kwargs)


def assert_same(ours, theirs, rtol=1e-9):
    """Equal to rounding: builds that fuse products with sums, as x86-64's do not, round otherwise."""
    assert ours.n_iter_ == theirs.n_iter_ and ours.t_ == theirs.t_
    for name in ("coef_", "intercept_"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


# -- the step rule ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eta0", [1.0, 0.01])
@pytest.mark.parametrize("labels", [(-1, 1), (0, 1), ("no", "yes"), (False, True), (2.5, 7.5)])
def test_and_is_learned(backend, labels, eta0):
    y = np.where(AND > 0, labels[1], labels[0])
    if y.dtype.kind == "f":
        y = y.astype(object).astype(str)  # floats with fractions are no labels to scikit-learn
    for seed in range(5):
        p = Perceptron(eta0=eta0, random_state=seed).fit(X, y)
        assert p.errors_[-1] == 0 and p.n_iter_ == len(p.errors_) < 20 and (p.errors_[:-1] > 0).all()
        assert (p.predict(X) == y).all() and p.score(X, y) == 1


def test_xor_is_never_learned(backend):
    p = Perceptron(max_iter=300).fit(X, XOR)
    assert p.n_iter_ == 300 and p.errors_.min() > 0


def test_updates_are_the_textbooks(backend):
    """Rosenblatt's loop with labels -1 and 1: each change of the weights, in turn."""
    x, y = blobs(0)
    t = 2 * y - 1
    p = Perceptron(eta0=0.01, shuffle=False, max_iter=4, record="update").fit(x, y)
    w, b, path, mistakes = np.zeros(23), 0.0, [np.zeros(24)], []
    for _ in range(4):
        mistakes.append(0)
        for row, target in zip(x, t, strict=True):
            if target * (w @ row + b) <= 0:
                w, b = w + 0.01 * target * row, b + 0.01 * target
                path.append([*w, b])
                mistakes[-1] += 1
    np.testing.assert_allclose(p.coef_history_, np.array(path)[:, :-1], atol=1e-12)
    np.testing.assert_allclose(p.intercept_history_, np.array(path)[:, -1], atol=1e-12)
    assert p.errors_.tolist() == mistakes and sum(mistakes) == len(path) - 1 > 20
    np.testing.assert_array_equal(p.coef_history_[-1], p.coef_[0])


def test_step_of_the_textbooks_difference():
    """w += eta (t - y) x with t, y of -1 and 1 is eta0 = 2 eta."""
    start, eta, path = np.array([0.53, -0.51, 0.27]), 0.1, []  # no sum is ever 0
    w = start
    x = np.column_stack([X, np.ones(4)])
    for _ in range(6):
        for row, target in zip(x, AND, strict=True):
            y = 1 if w @ row > 0 else -1
            if y != target:
                w = w + eta * (target - y) * row
                path.append(w)
    p = Perceptron(eta0=2 * eta, shuffle=False, record="update")
    p.fit(X, AND, coef_init=[start[:2]], intercept_init=start[2:])
    np.testing.assert_allclose(p.coef_history_[1:], np.array(path)[:, :2], atol=1e-14)
    np.testing.assert_allclose(p.intercept_history_[1:], np.array(path)[:, 2], atol=1e-14)


# -- scikit-learn's -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_is_scikit_learns_perceptron(backend, dtype, sparse, n_classes):
    for seed in range(4):
        x, y = blobs(seed, n_classes, dtype=dtype)
        x = sp.csr_matrix(x) if sparse else x
        options = dict(random_state=seed, eta0=(1.0, 0.3)[seed % 2], max_iter=30)
        ours = quietly(Perceptron(**options, **THEIRS).fit, x, y)
        theirs = quietly(linear_model.Perceptron(**options).fit, x, y)
        assert_same(ours, theirs, 1e-9 if dtype == np.float64 else 1e-6)
        if platform.machine().lower() in ("x86_64", "amd64"):
            np.testing.assert_array_equal(ours.coef_, theirs.coef_)
        np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
        np.testing.assert_allclose(ours.decision_function(x), theirs.decision_function(x), rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        dict(shuffle=False),
        dict(fit_intercept=False),
        dict(tol=None, max_iter=7),
        dict(n_iter_no_change=2, tol=0.1),
        dict(class_weight="balanced"),
        dict(class_weight={0: 3.0, 1: 0.5, 2: 1.0}),
        dict(random_state=2**32 - 1),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_parameters_are_scikit_learns(options, n_classes):
    x, y = blobs(5, n_classes)
    if n_classes == 2 and isinstance(options.get("class_weight"), dict):
        options = dict(class_weight={0: 3.0, 1: 0.5})
    weights = np.random.RandomState(0).choice([0.0, 0.5, 1.0, 3.0], size=len(y))
    for weight in (None, weights):
        ours = quietly(Perceptron(**(THEIRS | options)).fit, x, y, sample_weight=weight)
        theirs = quietly(linear_model.Perceptron(**options).fit, x, y, sample_weight=weight)
        assert_same(ours, theirs)


def test_random_states_are_drawn_from_alike():
    for n_classes in (2, 3):
        x, y = blobs(6, n_classes)
        ours, theirs = np.random.RandomState(3), np.random.RandomState(3)
        a = quietly(Perceptron(random_state=ours, **THEIRS).fit, x, y)
        b = quietly(linear_model.Perceptron(random_state=theirs).fit, x, y)
        assert_same(a, b)
        assert ours.randint(2**31) == theirs.randint(2**31)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_early_stopping_is_scikit_learns(n_classes, sparse):
    for seed in (0, np.random.RandomState(1)):
        x, y = blobs(10, n_classes)
        x = sp.csr_array(x) if sparse else x
        weights = np.random.RandomState(2).choice([0.5, 1.0, 2.0], size=len(y))
        options = dict(early_stopping=True, validation_fraction=0.2, n_iter_no_change=3)
        models = Perceptron(**options, **THEIRS), linear_model.Perceptron(**options)
        for weight in (weights, None):
            for model in models:
                model.set_params(random_state=clone_of(seed)).fit(x, y, sample_weight=weight)
            assert_same(*models)
            assert models[0].n_iter_ < 100
    assert not hasattr(models[0], "partial_fit")


def clone_of(seed):
    return pickle.loads(pickle.dumps(seed))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_partial_fit_and_warm_start_are_scikit_learns(n_classes):
    x, y = blobs(7, n_classes)
    ours, theirs = Perceptron(**THEIRS), linear_model.Perceptron()
    for part in (slice(0, 60), slice(60, 90), slice(90, 150)):
        for model in (ours, theirs):
            model.partial_fit(x[part], y[part], classes=np.unique(y))
        assert_same(ours, theirs)
    assert len(ours.errors_) == 3
    ours, theirs = (m.set_params(warm_start=True, max_iter=4) for m in (ours, theirs))
    for _ in range(2):
        for model in (ours, theirs):
            quietly(model.fit, x, y)
        assert_same(ours, theirs)


def test_linear_perceptron_is_sgd_regressor(backend):
    random = np.random.RandomState(0)
    for seed in range(3):
        x = random.normal(size=(80, 19))
        x[random.uniform(size=x.shape) < 0.4] = 0
        y = x @ random.normal(size=19) + 0.1 * random.normal(size=80)
        weights = random.choice([0.5, 1.0, 2.0], size=80)
        for rows, weight in ((x, None), (x, weights), (sp.csr_array(x), None)):
            options = dict(eta0=0.004, tol=1e-4, max_iter=200, random_state=seed)
            ours = quietly(LinearPerceptron(**options).fit, rows, y, sample_weight=weight)
            theirs = linear_model.SGDRegressor(penalty=None, learning_rate="constant", **options)
            assert_same(ours, quietly(theirs.fit, rows, y, sample_weight=weight), 1e-8)
            np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), rtol=1e-6)
    assert 10 < ours.n_iter_ < 200


# -- the delta rule -----------------------------------------------------------------------------------------


def test_linear_perceptron_finds_the_line(backend):
    random = np.random.RandomState(1)
    x = random.normal(size=(40, 3))
    y = x @ [1.0, -2.0, 0.5] + 3.0
    line = LinearPerceptron(eta0=0.05, random_state=0, epsilon=1e-20).fit(x, y)
    np.testing.assert_allclose([*line.coef_, *line.intercept_], [1, -2, 0.5, 3], atol=1e-8)
    assert line.errors_[-1] < 1e-20 <= line.errors_[-2] and line.n_iter_ < 1000
    assert line.errors_[0] > 10 * line.errors_[5]


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("beta", [0.5, 2])
def test_tanh_perceptron_updates(backend, activation, beta):
    """Each sample's step in scaled targets, and errors in the units of y."""
    random = np.random.RandomState(2)
    x, y = random.normal(size=(15, 4)), random.uniform(-30, 50, size=15)
    p = TanhPerceptron(activation=activation, beta=beta, eta0=0.2, shuffle=False, max_iter=3, record="update")
    p.fit(x, y)
    bottom = -1.0 if activation == "tanh" else 0.0
    low, height = y.min(), np.ptp(y) / (1 - bottom)
    w, path, errors = np.zeros(5), [np.zeros(5)], []
    for _ in range(3):
        errors.append(0.0)
        for row, target in zip(np.column_stack([x, np.ones(15)]), y, strict=True):
            z = beta * (w @ row)
            a = np.tanh(z) if activation == "tanh" else 1 / (1 + np.exp(-z))
            slope = beta * (1 - a * a) if activation == "tanh" else beta * a * (1 - a)
            t = (target - low) / height + bottom
            errors[-1] += ((t - a) * height) ** 2
            w = w + 0.2 * (t - a) * slope * row
            path.append(w)
    np.testing.assert_allclose(np.column_stack([p.coef_history_, p.intercept_history_]), path, atol=1e-12)
    np.testing.assert_allclose(p.errors_, errors, rtol=1e-10)
    z = beta * (x @ w[:4] + w[4])
    a = np.tanh(z) if activation == "tanh" else 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(p.predict(x), (a - bottom) * height + low, rtol=1e-10)
    assert p.target_range_ == (y.min(), y.max())


def test_targets_are_scaled_as_asked():
    x = np.linspace(-1, 1, 20).reshape(-1, 1)
    y = 5 + 3 * np.tanh(2 * x.ravel())
    asked = TanhPerceptron(scale_targets=(2, 8), eta0=0.5, max_iter=3000, random_state=0).fit(x, y)
    np.testing.assert_allclose([*asked.coef_, *asked.intercept_], [2, 0], atol=1e-6)
    np.testing.assert_allclose(asked.predict(x), y, atol=1e-5)
    plain = TanhPerceptron(scale_targets=False, eta0=0.5, max_iter=3000, random_state=0)
    np.testing.assert_allclose(plain.fit(x, (y - 5) / 3).coef_, 2, atol=1e-6)
    assert plain.target_range_ is None and np.abs(plain.predict(x)).max() < 1
    constant = TanhPerceptron(random_state=0).fit(x, np.full(20, 7.0))
    np.testing.assert_allclose(constant.predict(x), 7.0)


def test_partial_fit_keeps_the_targets_range():
    random = np.random.RandomState(3)
    x, y = random.normal(size=(30, 2)), random.uniform(size=30)
    whole = TanhPerceptron(max_iter=1, shuffle=False, scale_targets=(0, 1)).fit(x, y)
    parts = TanhPerceptron(shuffle=False, scale_targets=(0, 1), record="update")
    parts.partial_fit(x[:10], y[:10]).partial_fit(x[10:], y[10:])
    np.testing.assert_array_equal(whole.coef_, parts.coef_)
    assert parts.coef_history_.shape == (31, 2) and parts.errors_.shape == (2,) and parts.t_ == 31
    first = TanhPerceptron().partial_fit(x[:10], y[:10])
    kept = first.target_range_
    assert kept == (y[:10].min(), y[:10].max()) and first.partial_fit(x, y).target_range_ == kept


@pytest.mark.parametrize("kind", [LinearPerceptron, TanhPerceptron])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_sparse_rows(kind, dtype):
    x, y = blobs(8, dtype=dtype)
    options = dict(random_state=0, max_iter=5, eta0=1e-3, intercept_decay=1.0)
    dense, sparse = (kind(**options).fit(rows, y) for rows in (x, sp.csr_array(x)))
    assert dense.coef_.dtype == dense.intercept_.dtype == sparse.coef_.dtype == dtype
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(dense.coef_, sparse.coef_, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(dense.predict(x), sparse.predict(sp.csr_array(x)), rtol=1e-3, atol=tolerance)


# -- records ------------------------------------------------------------------------------------------------


def test_record_of_epochs_and_classes():
    x, y = load_iris(return_X_y=True)
    p = Perceptron(max_iter=12, record="epoch").fit(x, y)
    assert p.coef_history_.shape == (13, 3, 4) and p.intercept_history_.shape == (13, 3)
    np.testing.assert_array_equal(p.coef_history_[-1], p.coef_)
    np.testing.assert_array_equal(p.intercept_history_[-1], p.intercept_)
    assert not p.coef_history_[0].any()
    # the first class is separable: its unit is done early and repeats its weights
    np.testing.assert_array_equal(p.coef_history_[8, 0], p.coef_history_[12, 0])
    assert (p.coef_history_[8, 1] != p.coef_history_[12, 1]).any()
    each = Perceptron(max_iter=12, record="update").fit(x, y)
    np.testing.assert_array_equal(each.coef_history_[-1], p.coef_)
    assert len(each.coef_history_) - 1 <= p.errors_.sum() <= 3 * (len(each.coef_history_) - 1)
    assert not hasattr(each.set_params(record=None).fit(x, y), "coef_history_")


def test_drawing_of_the_evolution():
    plt = pytest.importorskip("matplotlib.pyplot")
    import matplotlib

    matplotlib.use("Agg")
    from fastmlp.plots import PerceptronEvolutionDisplay

    for neuron in (
        Perceptron(eta0=0.01, record="update"),
        TanhPerceptron(record="epoch", max_iter=20, random_state=0),
    ):
        neuron.fit(X, AND)
        display = PerceptronEvolutionDisplay.from_estimator(neuron, X, AND)
        ends = np.stack(display.lines_[-1].get_data())
        np.testing.assert_allclose(ends.T @ neuron.coef_.ravel() + neuron.intercept_, 0, atol=1e-9)
        plt.close("all")
    iris = load_iris()
    several = Perceptron(record="epoch", max_iter=3).fit(iris.data[:, :2], iris.target)
    with pytest.raises(ValueError, match="each of its 3 classes"):
        PerceptronEvolutionDisplay.from_estimator(several, iris.data[:, :2], iris.target)
    with pytest.raises(ValueError, match="record"):
        PerceptronEvolutionDisplay.from_estimator(Perceptron().fit(X, AND), X, AND)


# -- what goes wrong ----------------------------------------------------------------------------------------

NAN = np.where(np.arange(8).reshape(4, 2) == 3, np.nan, 1.0)
BAD = [
    (dict(eta0=-1), X, AND, "eta0"),
    (dict(record="always"), X, AND, "record"),
    (dict(max_iter=0), X, AND, "max_iter"),
    ({}, NAN, AND, "NaN"),
    ({}, X[:3], AND, "inconsistent numbers"),
    ({}, X[:, 0], AND, "2D"),
    ({}, X, np.column_stack([AND, AND]), "1d"),
    ({}, X, None, "requires y|None"),
]


@pytest.mark.parametrize("kind", NEURONS)
@pytest.mark.parametrize("options, x, y, message", BAD)
def test_bad_input_leaves_the_last_fit_as_it_was(kind, options, x, y, message):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = kind(record="epoch", max_iter=3).fit(frame, AND)
    before = {name: np.copy(value) for name, value in vars(model).items() if name.endswith("_")}
    with pytest.raises((ValueError, TypeError), match=message):
        model.set_params(**options).fit(x, y)
    model.set_params(**dict.fromkeys(options, 1))
    after = {name: value for name, value in vars(model).items() if name.endswith("_")}
    assert set(before) == set(after) and "feature_names_in_" in after
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


@pytest.mark.parametrize(
    "fit, message",
    [
        (lambda: Perceptron().fit(X, [1, 1, 1, 1]), "at least 2 classes; got 1 class"),
        (lambda: Perceptron().fit(X, [0.5, 1.5, 2.5, 0.25]), "Unknown label type"),
        (lambda: Perceptron().fit(X, AND, sample_weight=[1, 1, 1, -1]), "sample_weight must not be negative"),
        (lambda: Perceptron().fit(X, AND, coef_init=np.ones((2, 2))), r"coef_init must have shape \(1, 2\)"),
        (lambda: Perceptron().fit(X, AND, intercept_init=[np.inf]), "intercept_init holds NaN or infinity"),
        (lambda: Perceptron(warm_start=True).fit(X, AND).fit(X, AND + 1), "same classes"),
        (lambda: Perceptron().partial_fit(X, AND), "classes must be passed"),
        (lambda: Perceptron().fit(X, AND).partial_fit(X, AND + 5), "classes not in"),
        (lambda: TanhPerceptron(activation="relu").fit(X, AND), "activation"),
        (lambda: TanhPerceptron(beta=0).fit(X, AND), "beta"),
        (lambda: TanhPerceptron(scale_targets=(1, 1)).fit(X, AND), "low < high"),
        (lambda: TanhPerceptron(scale_targets=(1, 2, 3)).fit(X, AND), r"\(low, high\)"),
        (lambda: LinearPerceptron().fit(X, ["a", "b", "c", "d"]), "y must hold numbers"),
    ],
)
def test_messages(fit, message):
    with pytest.raises(ValueError, match=message):
        fit()


def test_unfitted_and_unavailable():
    for kind in NEURONS:
        with pytest.raises(NotFittedError):
            kind().predict(X)
    assert not hasattr(Perceptron(class_weight="balanced"), "partial_fit")
    with pytest.raises(AttributeError, match="class_weight='balanced'"):
        Perceptron(class_weight="balanced").partial_fit(X, AND, classes=[-1, 1])


def test_divergence_is_warned_of(backend):
    x = np.random.RandomState(4).normal(size=(30, 5)) * 10
    with pytest.warns(DivergenceWarning, match="learning rate 0.5"):
        line = LinearPerceptron(eta0=0.5, random_state=0).fit(x, x[:, 0])
    assert np.isfinite(line.coef_).all() and line.n_iter_ == len(line.errors_) < 1000


def test_convergence_warning_is_scikit_learns():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        Perceptron(tol=1e-3, max_iter=2).fit(X, XOR)
    Perceptron(max_iter=2).fit(X, XOR)  # without tol nothing was promised


@pytest.mark.parametrize("kind", NEURONS)
def test_ctrl_c_keeps_the_weights(backend, kind):
    x, y = blobs(9, n=2000)
    kind(max_iter=1).fit(x, y)  # compiles, where it is Numba
    model = kind(max_iter=10**9, epsilon=0, record="epoch", eta0=1e-4, random_state=0)
    timer = threading.Timer(0.15, _thread.interrupt_main)
    timer.start()
    begin = time.perf_counter()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(x, y)
    assert time.perf_counter() - begin < 60  # not 10**9 epochs
    timer.join()
    assert model.coef_.any() and model.n_iter_ == len(model.errors_) == len(model.coef_history_) - 1 > 0
    assert np.isfinite(model.predict(x).astype(float)).all()


@pytest.mark.parametrize("kind", NEURONS)
def test_copies(kind):
    model = kind(record="update", max_iter=3).fit(X, AND)
    for other in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, AND)):
        assert vars(other).keys() == vars(model).keys()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_predictions_are_those_of_what_was_fitted():
    """Parameters that are set later count from the next fit on."""
    x, y = blobs(3, n=60)
    model = TanhPerceptron(max_iter=5, beta=2.0, random_state=0).fit(x, y)
    expected = model.predict(x)
    model.set_params(beta=0.1, activation="logistic", scale_targets=False)
    np.testing.assert_array_equal(model.predict(x), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), expected)
    new = TanhPerceptron(max_iter=5, beta=0.1, activation="logistic", scale_targets=False, random_state=0)
    np.testing.assert_array_equal(model.fit(x, y).predict(x), new.fit(x, y).predict(x))


@pytest.mark.parametrize("weights", [{-1: np.nan, 1: 1}, {-1: -1, 1: 1}, {-1: 0, 1: 0}, {-1: np.inf, 1: 1}])
def test_class_weights_that_mean_nothing(weights):
    with pytest.raises(ValueError, match="class_weight must hold finite weights, none negative"):
        Perceptron(class_weight=weights).fit(X, AND)


@pytest.mark.parametrize("kind", NEURONS)
@pytest.mark.parametrize(
    "weights", [-np.ones(4), np.zeros(4), np.array([1, 1, -1, 1]), np.array([1, np.nan, 1, 1])]
)
def test_sample_weights_that_mean_nothing(kind, weights):
    """They are refused, and a first partial_fit that fails leaves nothing."""
    model = kind()
    for bad in (weights, np.ones(3)):
        with pytest.raises(ValueError, match=r"sample_weight|[Ss]ample weights"):
            if kind is Perceptron:
                model.partial_fit(X, AND, classes=[-1, 1], sample_weight=bad)
            else:
                model.partial_fit(X, AND, sample_weight=bad)
    assert vars(model).keys() == model.get_params().keys()


@pytest.mark.parametrize("kind", NEURONS)
@pytest.mark.parametrize(("first", "then"), [("float64", "float32"), ("float32", "float64")])
def test_training_goes_on_in_the_precision_of_the_weights(kind, first, then):
    x, y = blobs(3, n=60)
    model = kind(max_iter=2, random_state=0).fit(x.astype(first), y)
    twin = copy.deepcopy(model).partial_fit(x.astype(then).astype(first), y)
    assert model.partial_fit(x.astype(then), y).coef_.dtype == first
    np.testing.assert_array_equal(model.coef_, twin.coef_)
    if first == "float32":
        with pytest.raises(ValueError, match="Input X contains infinity or a value too large"):
            model.partial_fit(x * 1e60, y)


@pytest.mark.parametrize("backend_dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [LinearPerceptron, TanhPerceptron])
def test_huge_inputs_leave_finite_weights(backend, kind, backend_dtype):
    x = np.random.RandomState(0).standard_normal((50, 3)).astype(backend_dtype)
    x *= 1e25 if backend_dtype == "float32" else 1e180
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind(max_iter=20, random_state=0).fit(x, np.arange(50.0))
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()


def test_targets_that_span_too_much_or_nothing():
    assert TanhPerceptron(max_iter=1).fit(X, np.full(4, 1e100)).predict(X) == pytest.approx(1e100, rel=1e-5)
    for y in ([0, 1e200, 0, 1], [-1e308, 1e308, 0, 1]):
        with pytest.raises(ValueError, match=r"the targets span (1e\+200|inf), .* scale y"):
            TanhPerceptron().fit(X, y)
    Perceptron(max_iter=10**20).fit(X, AND)  # more than any run will reach


@pytest.mark.parametrize("kind", NEURONS)
def test_unsorted_and_duplicate_entries(kind):
    """Sums of duplicates, in the order of the columns."""
    data, indices = np.array([1.0, 2.0, 3.0, -1.0, 4.0, 0.5]), np.array([2, 0, 0, 1, 2, 2])
    odd = sp.csr_matrix((data, indices, np.array([0, 2, 3, 4, 6])), shape=(4, 3))
    dense = odd.toarray()
    model = kind(max_iter=3, random_state=0, intercept_decay=1.0)
    found = clone(model).fit(odd, AND).coef_
    np.testing.assert_array_equal(found, clone(model).fit(dense, AND).coef_)
    np.testing.assert_array_equal(odd.indices, indices)  # the user's matrix is as it was


@pytest.mark.parametrize("kind", NEURONS)
def test_one_fit_at_a_time(kind):
    x, y = blobs(9, n=500)
    model = kind(max_iter=10**9, epsilon=0, eta0=1e-4, random_state=0)
    failures = []

    def second():
        time.sleep(0.1)
        try:
            clone_of = copy.deepcopy(model)  # copies may be made, and are not in training
            clone_of.set_params(max_iter=1).fit(x, y)
            model.fit(x, y)
        except RuntimeError as error:
            failures.append(str(error))
        _thread.interrupt_main()

    thread = threading.Thread(target=second)
    thread.start()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(x, y)
    thread.join()
    assert len(failures) == 1 and kind.__name__ in failures[0]
    assert model.interrupted_
