"""A user's own activation and loss: what the NumPy engine gives, the kernels give for the same formula."""

import numpy as np
import pytest

from fastmlp import (
    Adam,
    Concatenate,
    Dense,
    Dropout,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Network,
    activations,
    losses,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class OwnTanh:
    name = "own_tanh"

    def value(self, z):
        return np.tanh(z)

    def derivative(self, z, a):
        return 1 - a**2


class OwnHalfSquares:
    name = "own_half_squares"

    def value(self, y, a):
        return 0.5 * ((a - y) ** 2).mean(axis=1)

    def derivative(self, y, a):
        return a - y


def data(n=50):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((n, 6))
    return x, np.tanh(x @ rng.standard_normal((6, 2)))


def net(activation, **of_hidden):
    model = Network(random_state=0)
    if of_hidden.pop("dropped", False):
        model.add(Dropout(0.2))
    first = model.add(Dense(7, activation, l2=0.01, **of_hidden))
    if of_hidden.get("l1"):
        model.add(Dropout(0.3))
        model.add(Dense(2, "identity"))
        return model
    model.add(Concatenate([first, "input"]))
    model.add(Dense(2, "identity"))
    return model


CASES = [
    dict(),
    dict(optimizer=Momentum(0.05, 0.8, clip_norm=0.05)),
    dict(optimizer=Adam(0.01, weight_decay=0.1, clip_value=0.01)),
    dict(loss="sse", optimizer=Momentum(0.001)),
]


@pytest.mark.parametrize("options", CASES, ids=str)
@pytest.mark.parametrize("of_hidden", [dict(), dict(max_norm=0.7), dict(l1=0.01, dropped=True)], ids=str)
def test_same_formula_same_network(options, of_hidden):
    x, y = data()
    weights = np.random.RandomState(1).uniform(0.5, 2, 50)
    trained = [
        net(f, **of_hidden).fit(x, y, epochs=4, batch_size=16, sample_weight=weights, **options)
        for f in ("tanh", OwnTanh())
    ]
    np.testing.assert_allclose(trained[1].params, trained[0].params, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(trained[1].loss_curve_, trained[0].loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(trained[1].predict(x), trained[0].predict(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_readable_losses_agree_with_the_kernels(name):
    loss = losses.get(name)
    output = (loss.outputs or ("identity",))[0]
    x, y = data()
    y = y.argmax(axis=1) if loss.labels == "only" else np.abs(y) / 3
    if name == "categorical_crossentropy":
        y = y / y.sum(axis=1, keepdims=True)
    native, python = (
        Network([Dense(5, f), Dense(2, output)], random_state=0).fit(x, y, epochs=3, batch_size=20, loss=loss)
        for f in ("tanh", OwnTanh())
    )
    np.testing.assert_allclose(python.params, native.params, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(python.loss_curve_, native.loss_curve_, rtol=1e-9)


def test_own_loss_in_estimators():
    x, y = data()
    options = dict(hidden_layer_sizes=(5,), batch_size=16, max_iter=5, random_state=0)
    native = MLPRegressor(**options).fit(x, y)
    own = MLPRegressor(OwnHalfSquares(), **options).fit(x, y)
    np.testing.assert_allclose(own.coefs_[0], native.coefs_[0], rtol=1e-9)
    np.testing.assert_allclose(own.loss_curve_, native.loss_curve_, rtol=1e-9)
    native, own = (
        MLPRegressor(loss, solver="lbfgs", hidden_layer_sizes=(3,), max_iter=8, random_state=0).fit(x, y)
        for loss in ("squared_error", OwnHalfSquares())
    )
    np.testing.assert_allclose(own.coefs_[0], native.coefs_[0], rtol=1e-5)
    labels = np.array(["a", "b", "c"])[np.arange(50) % 3]
    native, own = (
        MLPClassifier(activation=f, **options).fit(x, labels) for f in (activations.Tanh(), OwnTanh())
    )
    np.testing.assert_allclose(own.predict_proba(x), native.predict_proba(x), rtol=1e-9)


def test_sparse_rows_stops_and_divergence():
    sparse = pytest.importorskip("scipy.sparse")
    x, y = data()
    x[x < 0.3] = 0
    dense = net(OwnTanh()).fit(x, y, epochs=3)
    np.testing.assert_array_equal(net(OwnTanh()).fit(sparse.csr_matrix(x), y, epochs=3).params, dense.params)
    model = MLPRegressor(activation=OwnTanh(), tol=10, n_iter_no_change=2, random_state=0).fit(x, y)
    assert model.n_iter_ == 4
    model = Network([Dense(3, OwnTanh()), Dense(2)], random_state=0)
    with pytest.warns(RuntimeWarning, match="not finite in epoch"), np.errstate(all="ignore"):
        model.fit(x, y, epochs=500, optimizer=Momentum(1e9), batch_size=None)
    assert np.isfinite(model.params).all()


def test_what_lacks_the_protocol_is_refused():
    class NoDerivative:
        name = "half"

        def value(self, z):
            return z

    with pytest.raises(
        TypeError, match=r"an object with name, value, derivative; got .* which lacks derivative"
    ):
        Dense(3, NoDerivative())
    with pytest.raises(TypeError, match="which lacks derivative"):
        Network([Dense(1)]).fit([[1.0]], [1.0], loss=NoDerivative())


@pytest.mark.parametrize("class_weight", [None, {0: 3.0, 1: 0.5}])
def test_weights_are_divided_by_as_in_the_kernels(class_weight):
    """By a batch's sum, or with class weights by their mean; also where a batch's weights are all 0."""
    x, targets = data()
    y = (targets[:, 0] > 0).astype(int)
    weights = np.repeat([1.0, 0.0, 2.0, 0.0, 0.0], 10)
    options = dict(hidden_layer_sizes=(5,), solver="sgd", learning_rate_init=0.1, batch_size=7, shuffle=False,
                   alpha=0.1, max_iter=4, random_state=0, class_weight=class_weight)  # fmt: skip
    fits = [MLPClassifier(activation=f, **options).fit(x, y, weights) for f in ("tanh", OwnTanh())]
    np.testing.assert_allclose(fits[1].coefs_[0], fits[0].coefs_[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fits[1].loss_curve_, fits[0].loss_curve_, rtol=1e-9)


def test_losses_of_wrong_shape_are_refused():
    class Mean(OwnHalfSquares):
        def value(self, y, a):
            return 0.5 * ((a - y) ** 2).mean()

    class Flat(OwnHalfSquares):
        def derivative(self, y, a):
            return (a - y).ravel()

    x, y = data()
    with pytest.raises(
        ValueError, match=r"own_half_squares.value\(y, a\) must return shape \(50,\); got \(\)"
    ):
        MLPRegressor(Mean()).fit(x, y)
    with pytest.raises(ValueError, match=r"derivative\(y, a\) must return shape \(50, 1\); got \(50,\)"):
        MLPRegressor(Flat()).fit(x, y[:, 0])
