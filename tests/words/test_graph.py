"""Scalar graphs: numbers worked out by hand, and the kernels' gradients."""

import math

import numpy as np
import pytest

from fastmlp import Concatenate, Dense, Network, activations, losses
from fastmlp.graph import (
    Node,
    Operation,
    activate,
    apply,
    elu,
    exp,
    largest,
    leaky_relu,
    log,
    log_softmax,
    mse,
    relu,
    sigmoid,
    softmax,
    sqrt,
    tanh,
    total,
    unroll,
)

X, W, B = (2.8, -1.8), (1.45, -0.35), -4.0

# z = 1.45 * 2.8 + -0.35 * -1.8 - 4 = 4.06 + 0.63 - 4 = 0.69; e^0.69 = 1.9937155332, e^-0.69 = 0.5015760691
# sigmoid: 1 / 1.5015760691 = 0.6659669268, derivative 0.6659669268 * 0.3340330732 = 0.2224549792
# tanh: (e^1.38 - 1) / (e^1.38 + 1), e^1.38 = 3.9749016274: 2.9749016274 / 4.9749016274 = 0.5979820005,
# derivative 1 - 0.5979820005^2 = 0.6424175271
NEURON = [
    (sigmoid, 0.6659669268, 0.2224549792),
    (tanh, 0.5979820005, 0.6424175271),
    (elu, 0.69, 1.0),
    (lambda z: leaky_relu(z, 0.1), 0.69, 1.0),
]


def neuron(function, b=B):
    x, w, b = [Node(v) for v in X], [Node(v) for v in W], Node(b)
    output = function(w[0] * x[0] + w[1] * x[1] + b)
    output.backward()
    return output.value, [node.gradient for node in (*x, *w, b)]


@pytest.mark.parametrize("function, value, slope", NEURON, ids=["sigmoid", "tanh", "elu", "leaky"])
def test_one_neuron(function, value, slope):
    got, gradients = neuron(function)
    assert got == pytest.approx(value, abs=2e-9)
    # d/dx = W f'(z), d/dW = x f'(z), d/db = f'(z)
    expected = [1.45 * slope, -0.35 * slope, 2.8 * slope, -1.8 * slope, slope]
    np.testing.assert_allclose(gradients, expected, rtol=0, atol=1e-8)


def test_one_neuron_below_zero():
    """b = -5.69 brings z to -1: there ELU and leaky ReLU bend."""
    value, gradients = neuron(elu, b=-5.69)
    assert value == pytest.approx(math.exp(-1) - 1)  # e^z - 1, derivative e^z = 0.36787944
    assert gradients[-1] == pytest.approx(0.36787944, abs=1e-8)
    value, gradients = neuron(lambda z: leaky_relu(z, 0.1), b=-5.69)
    assert (value, gradients[-1]) == (pytest.approx(-0.1), pytest.approx(0.1))
    assert gradients[2] == pytest.approx(0.28)


def test_function_of_two_variables():
    """x^2 + 2xy + y^2 = (x + y)^2, whose partial derivatives are both 2 (x + y)."""
    x, y = Node(3.0, "x"), Node(-2.0, "y")
    f = x**2 + 2 * x * y + y**2
    f.backward()
    assert (f.value, x.gradient, y.gradient) == (1.0, 2.0, 2.0)
    x.value, y.value = 1.5, 2.0
    assert f.forward() == 12.25
    f.backward()
    assert (x.gradient, y.gradient) == (7.0, 7.0)


def test_two_layers_with_mse():
    """x = 1, 2; hidden = relu(0.5 x1 - 0.25 x2 + 1), relu(x1 - x2); outputs 2 h1 + 3 h2 - 1, -h1.

    h = (1, 0), outputs (1, -1); from targets 1, 0 they are (0, -1) off: loss (0 + 1) / 2, whose derivative
    by the outputs is (0, -1). Through -h1 the first hidden neuron gets 1, so its weights get x = (1, 2), its
    bias 1, and x gets (0.5, -0.25).
    """
    x = np.array([Node(1.0), Node(2.0)])
    W0 = np.array([[Node(0.5), Node(1.0)], [Node(-0.25), Node(-1.0)]])
    W1 = np.array([[Node(2.0), Node(-1.0)], [Node(3.0), Node(0.0)]])
    b0, b1 = np.array([Node(1.0), Node(0.0)]), np.array([Node(-1.0), Node(0.0)])
    hidden = np.array([relu(z) for z in x @ W0 + b0])
    loss = mse(hidden @ W1 + b1, [1.0, 0.0])
    loss.backward()
    assert loss.value == 0.5
    gradients = [[node.gradient for node in a.flat] for a in (W1, b1, W0, b0, x)]
    assert gradients == [[0, -1, 0, 0], [0, -1], [1, 0, 2, 0], [1, 0], [0.5, -0.25]]


def test_elementary_operations():
    """Each with a derivative known from school."""
    a = 2.0
    cases = [
        (lambda x: 3 - x, 1.0, -1.0), (lambda x: x - 3, -1.0, 1.0), (lambda x: 1 / x, 0.5, -0.25),
        (lambda x: 6 / x, 3.0, -1.5), (lambda x: x / 4, 0.5, 0.25), (lambda x: x / x, 1.0, 0.0),
        (lambda x: x**3, 8.0, 12.0), (lambda x: x**0, 1.0, 0.0), (lambda x: x**-1, 0.5, -0.25),
        (lambda x: 3**x, 9.0, 9 * math.log(3)), (lambda x: x**x, 4.0, 4 * (math.log(2) + 1)),
        (exp, math.e**2, math.e**2), (log, math.log(2), 0.5), (lambda x: sqrt(2 * x), 2.0, 0.5),
        (lambda x: abs(-x), 2.0, 1.0), (lambda x: x + x + x, 6.0, 3.0), (lambda x: -x, -2.0, -1.0),
        (lambda x: total([x, x, 1.0]), 5.0, 2.0), (lambda x: x * x.exp().log(), 4.0, 4.0),
    ]  # fmt: skip
    for function, value, slope in cases:
        x = Node(a)
        f = function(x)
        f.backward()
        assert (f.value, x.gradient) == (pytest.approx(value), pytest.approx(slope))


def test_softmax():
    """Of log 1, log 2, log 5: shares 1/8, 2/8, 5/8; d p0 / dz = p0 (1 - p0), -p0 p1, -p0 p2."""
    z = [Node(math.log(v)) for v in (1, 2, 5)]
    shares = softmax(z)
    np.testing.assert_allclose([p.value for p in shares], [0.125, 0.25, 0.625])
    shares[0].backward()
    np.testing.assert_allclose([n.gradient for n in z], [7 / 64, -2 / 64, -5 / 64], rtol=1e-12)


INF, NAN = math.inf, math.nan
EDGES = [
    (lambda x: 1 / x, 0.0, INF, -INF), (lambda x: 1 / x, -0.0, -INF, -INF), (lambda x: x / 0, 2.0, INF, INF),
    (lambda x: x / 0, -2.0, -INF, INF), (lambda x: 0 / x, 0.0, NAN, NAN), (lambda x: x / x, 0.0, NAN, NAN),
    (log, 0.0, -INF, INF), (log, -1.0, NAN, NAN), (sqrt, 0.0, 0.0, INF), (sqrt, -4.0, NAN, NAN),
    (exp, 1000.0, INF, INF), (exp, 709.5, math.exp(709.5), math.exp(709.5)), (exp, -1000.0, 0.0, 0.0),
    (lambda x: x**-1, 0.0, INF, -INF), (lambda x: x**0.5, -2.0, NAN, NAN), (lambda x: x**0.5, 0.0, 0.0, INF),
    (lambda x: x**2, 1e200, INF, 2e200), (lambda x: 0.0**x, 2.0, 0.0, 0.0), (lambda x: 2**x, 2e3, INF, INF),
    (lambda x: x ** Node(2.0), -3.0, 9.0, -6.0), (lambda x: x ** Node(0.5), -1.0, NAN, NAN),
    (lambda x: total([x, 1.0, -x]), 1e308, 1.0, 0.0), (lambda x: total([x, x]), 1e308, INF, 2.0),
    (lambda x: total([exp(x), -exp(x)]), 1000.0, NAN, NAN), (lambda x: activate(x, "exp"), 1000.0, INF, INF),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", range(len(EDGES)))
def test_where_a_function_has_no_number(case):
    """What IEEE arithmetic says, in value and derivative; no error, no warning."""
    function, at, value, slope = EDGES[case]
    x = Node(at)
    f = function(x)
    f.backward()
    np.testing.assert_allclose([f.value, x.gradient], [value, slope], rtol=1e-12)


def test_softmax_of_large_numbers():
    """[1000, 0]: 1 and e^-1000, which is 0; their logarithms are 0 and -1000."""
    for numbers in ([1000.0, 0.0], [0.0, -1000.0], [3000.0, 2000.0]):
        z = [Node(v) for v in numbers]
        shares, logs = softmax(z), log_softmax(z)
        assert [p.value for p in shares] == [1.0, 0.0] and [p.value for p in logs] == [0.0, -1000.0]
        shares[0].backward()
        assert [n.gradient for n in z] == [0.0, 0.0]
        logs[1].backward()
        assert [n.gradient for n in z] == [-1.0, 1.0]
    z = [Node(v) for v in (1.0, 5.0, 5.0)]
    top = largest(z)
    top.backward()
    assert top.value == 5.0 and [n.gradient for n in z] == [0.0, 1.0, 0.0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1.0, 40.0, 1e3, 1e5])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_unrolled_cross_entropies_of_large_logits(scale, smoothing, slope):
    """What `evaluate` and `gradients` say, on whichever side the target is."""
    x = np.array([1.0, -0.5])
    binary = losses.BinaryCrossentropy(label_smoothing=smoothing)
    several = losses.CategoricalCrossentropy(label_smoothing=smoothing)
    cases = [
        *((activations.Logistic(slope), binary, [[t, 1 - t, 0.3]]) for t in (0.0, 1.0)),
        *(("identity", binary, [[t, 1 - t, 0.3]]) for t in (0.0, 1.0)),
        *((f, several, [t]) for f in ("softmax", "identity") for t in (0, 1, 2)),
        ("softmax", several, [[0.2, 0.5, 0.3]]),
    ]
    for output, loss, y in cases:
        network = Network([Dense(3, output)], random_state=0).build(2)
        W = np.array([[1.0, -1.0, 0.2], [0.3, 0.1, -0.7]]) * scale
        network.set_weights([W, np.zeros(3)])
        graph = unroll(network, x, y[0], loss=loss)
        expected = network.evaluate(x[None], np.array(y), loss=loss)["loss"]
        assert np.isfinite(expected)
        assert graph.loss.value == pytest.approx(expected, rel=1e-9, abs=1e-15 * scale)
        gradients = network.gradients(x[None], np.array(y), loss=loss)
        for ours, kernels in zip(graph.gradients(), gradients, strict=True):
            np.testing.assert_allclose(ours, kernels, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose([n.value for n in graph.outputs], network.predict(x[None])[0], atol=1e-15)


@pytest.mark.parametrize("name", sorted(set(activations.ACTIVATIONS) - {"softmax", "step"}))
def test_activation_slopes(name):
    for z in (-1.3, 0.4):
        x = Node(z)
        activate(x, name).backward()
        h = 1e-6
        difference = (activate(z + h, name).value - activate(z - h, name).value) / (2 * h)
        assert x.gradient == pytest.approx(difference, abs=1e-8)


def test_own_operation():
    cube = Operation("cube", lambda a: a**3, lambda f, a: (3 * a * a,))
    x = Node(2.0)
    f = apply(cube, x) + x
    f.backward()
    assert (f.value, x.gradient) == (10.0, 13.0)


def test_backward_starts_anew():
    x = Node(2.0)
    f, g = x * x, 5 * x
    f.backward()
    f.backward()
    assert x.gradient == 4.0
    g.backward()
    assert x.gradient == 5.0


def test_a_long_chain_needs_no_recursion():
    x = f = Node(1.0)
    for _ in range(5000):
        f = f + 1.0
    f.backward()
    assert (f.value, x.gradient) == (5001.0, 1.0)


@pytest.mark.parametrize("wrong", ["2", None, [1.0]])
def test_wrong_operands(wrong):
    with pytest.raises(TypeError):
        Node(wrong)
    with pytest.raises(TypeError):
        Node(1.0) - wrong
    with pytest.raises(TypeError):
        Node(1.0) * wrong if wrong != [1.0] else Node(1.0) / wrong


NETWORKS = {
    "2-2-1": ([2, 1], "tanh", "tanh", "mse", [0.5]),
    "binary": ([3, 1], "logistic", "logistic", "binary_crossentropy", [1.0]),
    "binary 0.3": ([3, 2], "gelu", "logistic", "binary_crossentropy", [0.3, 0.0]),
    "softmax": ([4, 3], "elu", "softmax", "categorical_crossentropy", 2),
    "logits": ([4, 3], "relu", "identity", "categorical_crossentropy", 1),
    "shares": ([3], "elu", "softmax", "categorical_crossentropy", [0.2, 0.3, 0.5]),
    "softmax of outputs": ([4, 3], "elu", "logistic", "softmax_crossentropy", 1),
    "hinge": ([4, 3], "softplus", "identity", "hinge", 0),
    "sse": ([3, 3, 2], "silu", "identity", "sse", [1.0, -1.0]),
    "half": ([3, 2], activations.LeakyReLU(0.1), "identity", "half_squared_error", [1.0, -1.0]),
    "poisson": ([3, 1], "tanh", "exp", "poisson", [3.0]),
    "huber": ([3, 2], "selu", "identity", "huber", [1.0, 0.1]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_unrolled_network_agrees_with_the_kernels(name):
    units, hidden, output, loss, y = NETWORKS[name]
    layers = [Dense(n, hidden, l2=0.02, l1=0.03) for n in units[:-1]] + [Dense(units[-1], output)]
    network = Network(layers, random_state=3, input_scale=0.5).build(3)
    x = np.array([0.7, -1.2, 0.4])
    graph = unroll(network, x, y, loss=loss)
    np.testing.assert_allclose([n.value for n in graph.outputs], network.predict(x[None])[0], rtol=1e-12)
    targets = np.reshape(y, (1, -1) if np.ndim(y) else (1,))
    expected = network.gradients(x[None], targets, loss=loss)
    assert max(np.abs(e).max() for e in expected) > 1e-3
    for ours, kernels in zip(graph.gradients(), expected, strict=True):
        np.testing.assert_allclose(ours, kernels, rtol=1e-9, atol=1e-12)


def test_own_loss_and_activation_unrolled():
    """A user's own, though it bears a built-in one's name."""

    class Cubed:
        name = "mse"

        def value(self, y, a):
            return np.abs(a - y).sum(axis=1) ** 3

        def derivative(self, y, a):
            return 3 * np.abs(a - y).sum(axis=1, keepdims=True) ** 2 * np.sign(a - y)

    class Square:
        name = "tanh"

        def value(self, z):
            return z * z

        def derivative(self, z, a):
            return 2 * z

    network = Network([Dense(3, Square()), Dense(2)], random_state=0).build(2)
    expected = network.gradients([[1.0, 2.0]], [[0.1, 0.2]], loss=Cubed())
    for ours, known in zip(
        unroll(network, [1, 2], [0.1, 0.2], loss=Cubed()).gradients(), expected, strict=True
    ):
        np.testing.assert_allclose(ours, known, rtol=1e-10)


def test_unrolled_concatenation():
    """2-1-1 whose output sees the hidden neuron and the inputs."""
    network = Network(random_state=0)
    hidden = network.add(Dense(1, "tanh", input_dim=2, use_bias=False))
    network.add(Concatenate([hidden, "input"]))
    network.add(Dense(1, "tanh"))
    network.build()
    graph = unroll(network, [1.0, -1.0], -1.0)
    expected = network.gradients([[1.0, -1.0]], [-1.0], loss="mse")
    assert [a.shape for a in graph.gradients()] == [(2, 1), (3, 1), (1,)]
    for ours, kernels in zip(graph.gradients(), expected, strict=True):
        np.testing.assert_allclose(ours, kernels, rtol=1e-10)


def test_unroll_says_what_it_needs():
    network = Network([Dense(1)])
    with pytest.raises(ValueError, match="build"):
        unroll(network, [1.0])
    network.build(2)
    with pytest.raises(ValueError, match="3 columns"):
        unroll(network, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="pass the target"):
        unroll(network, [1.0, 2.0]).gradients()


def test_unroll_takes_the_loss_of_the_last_fit():
    network = Network([Dense(2)], random_state=0).fit([[1.0, 2.0]], [[0.0, 1.0]], loss="mae")
    x, y = [0.5, 1.0], [1.0, -1.0]
    graph = unroll(network, x, y)
    assert graph.loss.value == pytest.approx(network.evaluate([x], [y])["loss"])
    assert graph.loss.value == pytest.approx(network.evaluate([x], [y], loss="mae")["loss"])
    for ours, kernels in zip(graph.gradients(), network.gradients([x], [y]), strict=True):
        np.testing.assert_allclose(ours, kernels, rtol=1e-12)


def test_the_logarithm_of_a_negative_number_has_no_derivative():
    x = Node(-2.0)
    log(x).backward()
    assert np.isnan(x.gradient)
    x = Node(0.0)
    log(x).backward()
    assert x.gradient == np.inf
