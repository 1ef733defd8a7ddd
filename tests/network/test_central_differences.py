"""Gradients of whole networks against central differences: each activation with each loss, every layer."""

import copy

import numpy as np
import pytest

from fastmlp import SGD, Concatenate, Dense, Dropout, Network, activations, losses

RANDOM = np.random.RandomState(5)
X, SHARES = RANDOM.standard_normal((9, 4)), RANDOM.dirichlet(np.ones(3), 9)
LABELS = np.arange(9) % 3
HIDDEN = [
    activations.Identity(), activations.Logistic(0.7), activations.Tanh(1.3), activations.ReLU(),
    activations.LeakyReLU(0.2), activations.ELU(0.6), activations.SELU(), activations.Softplus(),
    activations.GELU(), activations.SiLU(), activations.Exp(),
]  # fmt: skip
LOSSES = [
    losses.MeanSquaredError(), losses.HalfSquaredError(), losses.DeltaRule(), losses.SumOfSquares(),
    losses.BinaryCrossentropy(),
    losses.BinaryCrossentropy(0.2), losses.CategoricalCrossentropy(), losses.CategoricalCrossentropy(0.1),
    losses.SoftmaxCrossentropy(), losses.SoftmaxCrossentropy(0.1),
    losses.Hinge(), losses.SquaredHinge(0.7), losses.AbsoluteError(), losses.Huber(0.3), losses.Quantile(0.2),
    losses.Poisson(),
]  # fmt: skip
STEP = 1e-6


def targets(loss):
    """Labels, where a loss takes nothing else; rows that are one-hot or shares would do for all others."""
    return LABELS if loss.labels == "only" else SHARES


def graph(hidden, output):
    """Dense layers with and without bias; Concatenate; several sources; penalties on one of them."""
    network = Network(random_state=1)
    a = network.add(Dense(3, hidden, initializer="lecun_uniform", bias_initializer="uniform"))
    b = network.add(Dense(2, hidden, use_bias=False, l2=0.1), after=["input", a])
    network.add(Concatenate([b, "input"]))
    network.add(Dense(2, "tanh", l1=0.05))
    network.add(Dense(3, output), after=[network.layers[-1], a])
    return network.build(X.shape[1])


def compare(network, gradients, value):
    """Gradients in the order of `get_weights` against differences of `value` of the weights."""
    weights = network.get_weights()
    for array, gradient in zip(weights, gradients, strict=True):
        for i in np.ndindex(array.shape):
            kept, values = array[i], []
            for sign in (1, -1):
                array[i] = kept + sign * STEP
                values.append(value(weights))
            array[i] = kept
            assert (values[0] - values[1]) / (2 * STEP) == pytest.approx(gradient[i], abs=3e-7, rel=3e-6)


def penalty(network, weights):
    """What the layers ask for: W_0, b_0, W_1, W_2, b_2, W_3, b_3."""
    by_layer = zip(network.topology.dense, (weights[0], weights[2], weights[3], weights[5]), strict=True)
    return sum(0.5 * d.l2 * (w**2).sum() + d.l1 * np.abs(w).sum() for d, w in by_layer) / len(X)


def check(loss, hidden, output):
    network, y = graph(hidden, output), targets(loss)
    scale = 3.0 if loss.name == "half_squared_error" else 1.0  # it reports a mean, and follows the sum
    size = 1.0 if loss.average else len(X)  # of a sum, penalties are not divided by the number of samples
    other = copy.deepcopy(network)

    def value(weights):
        measured = other.set_weights(weights).evaluate(X, y, loss=loss)["loss"]
        return scale * measured + size * penalty(network, weights)

    compare(network, network.gradients(X, y, loss=loss), value)


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda f: f.name)
def test_hidden_activations_with_all_losses(hidden):
    for loss in LOSSES:
        check(loss, hidden, (loss.outputs or ("identity",))[0])


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_with_all_outputs(loss):
    for output in (*HIDDEN, activations.Softmax()):
        if not loss.outputs or output.name in loss.outputs:
            check(loss, "tanh", output)


def test_nothing_was_left_out():
    built_in = set(activations.ACTIVATIONS.values())
    assert {type(f) for f in HIDDEN} == built_in - {activations.Softmax, activations.Step}
    assert {type(loss) for loss in LOSSES} == set(losses.LOSSES.values())


@pytest.mark.parametrize("units", [4, 70])
def test_through_dropout(units):
    """One tiny step of plain gradient descent shows the gradient; the same state drops the same units."""
    layers = [Dropout(0.3), Dense(units, "tanh"), Dropout(0.4), Dense(3, "softmax")]
    network = Network(layers, random_state=3).build(X.shape[1])
    rate = 1e-3
    trained = copy.deepcopy(network)
    trained.train_on_batch(X, LABELS, optimizer=SGD(rate))
    before, after = network.get_weights(), trained.get_weights()
    gradients = [(a - b) / rate for a, b in zip(before, after, strict=True)]
    without = network.gradients(X, LABELS)
    assert any(np.abs(g - other).max() > 0.01 for g, other in zip(gradients, without, strict=True))
    state = network.rng.get_state()

    def value(weights):
        network.rng.set_state(state)
        network.learning = network.learning._replace(optimizer_state=None)  # a first step, with its masks
        return network.set_weights(weights).train_on_batch(X, LABELS, optimizer=SGD(rate))

    compare(network, gradients, value)
