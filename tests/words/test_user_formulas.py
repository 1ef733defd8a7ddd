"""A user's own activation, loss and initializer: what they may return, and what becomes of the rest."""

import numpy as np
import pytest

from fastmlp import (
    Dense,
    FitError,
    MLPClassifier,
    MLPRegressor,
    Network,
    activations,
    check_gradient,
    fit_many,
    losses,
)
from fastmlp.graph import Node, activate
from fastmlp.initializers import Constant

X = np.random.RandomState(0).standard_normal((12, 4))
Y = np.random.RandomState(1).standard_normal((12, 3))
LABELS = np.arange(12) % 3
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Formula:
    """tanh with a derivative, or a value, of another form."""

    name = "mine"

    def __init__(self, of_value=lambda a: a, of_derivative=lambda d: d):
        self.of_value, self.of_derivative = of_value, of_derivative

    def value(self, z):
        return self.of_value(np.tanh(z))

    def derivative(self, z, a):
        return self.of_derivative(1 - a**2)


class Squares:
    name = "squares"

    def __init__(self, of_value=lambda a: a, of_derivative=lambda d: d):
        self.of_value, self.of_derivative = of_value, of_derivative

    def value(self, y, a):
        return self.of_value(((a - y) ** 2).sum(axis=1))

    def derivative(self, y, a):
        return self.of_derivative(2 * (a - y))


def net(activation, random_state=0):
    return Network([Dense(5, activation), Dense(3)], random_state=random_state)


# every way to train, given an activation of the hidden layer and a loss
TRAINED = {
    "fit": lambda f, loss: net(f).fit(X, Y, loss=loss),
    "train_on_batch": lambda f, loss: net(f).train_on_batch(X, Y, loss=loss),
    "lbfgs": lambda f, loss: net(f).fit(X, Y, loss=loss, optimizer="lbfgs"),
    "gradients": lambda f, loss: net(f).gradients(X, Y, loss=loss),
    "fit_many": lambda f, loss: fit_many([net(f, 0), net(f, 1)], X, Y, loss=loss),
    "MLPRegressor": lambda f, loss: MLPRegressor(loss, (5,), f, max_iter=2).fit(X, Y),
    "partial_fit": lambda f, loss: MLPRegressor(loss, (5,), f).partial_fit(X, Y),
}
SHAPES = {
    "one for each unit": lambda a: a[0],
    "one for each sample": lambda a: a[:, :1],
    "a mean": lambda a: a.mean(),
    "nothing": lambda a: None,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("of", ["value(z)", "derivative(z, a)"])
@pytest.mark.parametrize("how", TRAINED)
def test_activations_that_would_broadcast_are_refused(how, of, shape):
    f = Formula(**{"of_" + of.split("(")[0]: SHAPES[shape]})
    with pytest.raises((ValueError, FitError)) as caught:
        TRAINED[how](f, "squared_error" if how in ("MLPRegressor", "partial_fit") else "mse")
    messages = [str(e) for e in getattr(caught.value, "exceptions", [caught.value])]
    assert f"mine.{of} must return shape (12, 5); got " in messages[0]


@pytest.mark.parametrize("of", ["value(y, a)", "derivative(y, a)"])
@pytest.mark.parametrize("how", TRAINED)
def test_losses_that_would_broadcast_are_refused(how, of):
    f = Squares(**{"of_" + of.split("(")[0]: lambda a: a[:1]})
    expected = "(12,); got (1,)" if "value" in of else "(12, 3); got (1, 3)"
    with pytest.raises((ValueError, FitError)) as caught:
        TRAINED[how]("tanh", f)
    messages = [str(e) for e in getattr(caught.value, "exceptions", [caught.value])]
    assert f"squares.{of} must return shape {expected}" in messages[0]


def test_wherever_an_activation_is_used():
    """Not in training only."""
    wrong = Formula(of_value=lambda a: a[0])
    model = net(wrong).build(4)
    for use in (
        lambda: model.predict(X),
        lambda: model.evaluate(X, Y),
        lambda: check_gradient(wrong, np.ones((2, 3))),
        lambda: activate(Node(1.0), wrong),
    ):
        with pytest.raises(ValueError, match=r"mine.value\(z\) must return shape"):
            use()


@pytest.mark.parametrize("of", [complex, object, str])
def test_what_is_no_real_number_is_refused(of):
    with pytest.raises(TypeError, match=r"mine.value\(z\) must return real numbers; got dtype"):
        net(Formula(lambda a: a.astype(of))).fit(X, Y)
    with pytest.raises(TypeError, match=r"squares.derivative\(y, a\) must return real numbers; got dtype"):
        net("tanh").fit(X, Y, loss=Squares(of_derivative=lambda d: d.astype(of)))


def test_a_formula_that_changes_its_arguments_is_told():
    class InPlace:
        name = "in_place"

        def value(self, z):
            z[z < 0] = 0
            return z

        def derivative(self, z, a):
            return np.where(z > 0, 1.0, 0.0)

    with pytest.raises(ValueError, match="read-only") as caught:
        net(InPlace()).fit(X, Y)
    assert caught.value.__notes__ == [
        "in_place.value(z) must leave its arguments as they are: change a copy, or use np.where"
    ]


def test_a_formula_may_return_the_same_memory_each_time():
    class Reused(Formula):
        memory = np.empty((12, 5))

        def value(self, z):
            return np.tanh(z, out=self.memory)

    trained = [
        Network(
            [Dense(u, f) for u, f in zip((5, 5, 3), (g, g, "identity"), strict=True)], random_state=0
        ).fit(X, Y, batch_size=None, epochs=3)
        for g in (Reused(), Formula())
    ]
    np.testing.assert_array_equal(trained[0].params, trained[1].params)


def test_single_precision_stays_single():
    model = net(Formula(lambda a: a.astype(np.float64))).fit(X.astype(np.float32), Y, epochs=2)
    assert model.params.dtype == model.predict(X).dtype == np.float32
    plain = net("tanh").fit(X.astype(np.float32), Y, epochs=2)
    np.testing.assert_allclose(model.params, plain.params, rtol=1e-4, atol=1e-6)


class Doubled(activations.Tanh):
    """A built-in's code says nothing of what is made from it."""

    def value(self, z):
        return 2 * np.tanh(z)

    def derivative(self, z, a):
        return 2 - a * a / 2


class FlatLoss(losses.BinaryCrossentropy):
    def value(self, y, a):
        return np.full(len(a), 3.0)

    def derivative(self, y, a):
        return np.zeros_like(a)


def test_what_is_made_from_a_built_in_formula_is_obeyed():
    model = net(Doubled()).fit(X, Y, epochs=2)
    W, b, W1, b1 = model.get_weights()
    np.testing.assert_allclose(model.predict(X), 2 * np.tanh(X @ W + b) @ W1 + b1, rtol=1e-12)
    model = Network([Dense(1, "logistic")], random_state=0)
    model.fit(X, LABELS > 0, epochs=2, loss=FlatLoss())
    assert model.loss_curve_ == [3.0, 3.0] and model.evaluate(X, LABELS > 0) == {"loss": 3.0}


def test_a_loss_says_of_itself_what_it_is():
    class Summed(Squares):
        average = False

    class Labelled(Squares):
        labels, target_range = "only", (0.0, 2.0)

        def value(self, y, a):
            return a[np.arange(len(y)), y]

        def derivative(self, y, a):
            return np.eye(a.shape[1])[y]

    x, y = X[:4], Y[:4]
    each = ((net("tanh").build(4).predict(x) - y) ** 2).sum(axis=1)
    assert net("tanh").train_on_batch(x, y, loss=Summed()) == pytest.approx(each.sum())
    assert net("tanh").train_on_batch(x, y, loss=Squares()) == pytest.approx(each.mean())
    of_label = net("tanh").build(4).predict(X)[np.arange(12), LABELS].mean()
    assert net("tanh").train_on_batch(X, LABELS, loss=Labelled()) == pytest.approx(of_label)
    for name, value, error in (
        ("average", "yes", "squares.average must be True or False; got 'yes'"),
        ("labels", "both", "squares.labels must be True, False or 'only'; got 'both'"),
        ("outputs", "softmax", "squares.outputs must be a tuple of names of activations; got 'softmax'"),
        ("target_range", 3, "squares.target_range must be the smallest and the largest target; got 3"),
        ("from_logits", ("softmax",), "which lacks logits_value, logits_derivative"),
        ("name", "", "loss .* must have a name, a text that is not empty; got ''"),
    ):
        with pytest.raises((TypeError, ValueError), match=error):
            net("tanh").fit(X, Y, loss=type("Wrong", (Squares,), {name: value})())


def test_labels_and_probabilities_of_estimators():
    flat = FlatLoss()
    model = MLPClassifier((5,), loss=flat, max_iter=1, alpha=0).fit(X, LABELS > 0)
    assert model.loss_curve_ == [3.0]


def test_classes_stand_for_objects_where_they_can():
    for given in (activations.ReLU, "relu"):
        assert Dense(3, given).activation == activations.ReLU()
    assert Dense(3, Doubled).activation.given == Doubled()
    assert Dense(3, initializer=Constant).initializer == Constant()
    assert (
        net("tanh").fit(X, Y, loss=losses.Huber).loss_curve_
        == net("tanh").fit(X, Y, loss="huber").loss_curve_
    )

    class Needs(Formula):
        def __init__(self, slope):
            self.slope = slope

    with pytest.raises(
        TypeError,
        match=r"activation must be an object; got the class Needs, which needs "
        r"arguments \(.*'slope'\): give Needs\(...\)",
    ):
        Dense(3, Needs)


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        (lambda shape, rng: np.ones(shape[::-1]), r"must return weights of the shape \(4, 5\) .*; got \(5"),
        (lambda shape, rng: np.ones(shape[1:]), r"must return weights of the shape \(4, 5\) .*; got \(5,\)"),
        (lambda shape, rng: np.full(shape, np.nan), "returns must be finite in float64; got NaN"),
        (lambda shape, rng: np.full(shape, 1j), "must return real numbers; got dtype complex128"),
        (lambda shape, rng: None, r"must return weights of the shape \(4, 5\)"),
    ],
)  # fmt: skip
def test_what_an_initializer_returns_is_checked(initializer, message):
    model = Network([Dense(5, initializer=initializer), Dense(3)], random_state=0)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, Y)
    assert model.plan is None


@pytest.mark.parametrize("build", [
    lambda: Network([Dense(2, initializer=Constant(1e300))], dtype="float32").build(3),
    lambda: Network([Dense(2, bias_initializer=Constant(-1e39))], dtype="float32").build(3),
    lambda: Network([Dense(2)], dtype="float32").build(3).set_weights([np.full((3, 2), 1e39), np.zeros(2)]),
    lambda: MLPClassifier((), dtype="float32", coefs_init=[np.full((4, 3), 1e39)]).fit(X, LABELS),
])  # fmt: skip
def test_weights_too_large_for_their_dtype_are_refused(build):
    with pytest.raises(ValueError, match="must be finite in float32; got NaN, infinity or what is too large"):
        build()
