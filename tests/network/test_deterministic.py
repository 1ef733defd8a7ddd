"""What does not train is deterministic and agrees: prediction, evaluation, gradients, graphs, NumPy code."""

import copy

import numpy as np
import pytest
from oracle.own import SoftCube
from scipy.sparse import csr_matrix

from fastmlp import Concatenate, Dense, Dropout, Network, losses
from fastmlp.graph import unroll

STEP = 1e-6
OUTPUTS = [("identity", "mse"), ("identity", "sse"), ("logistic", "binary_crossentropy"),
           ("identity", "huber"), ("softmax", "categorical_crossentropy"), ("tanh", "mae"),
           ("exp", "poisson")]  # fmt: skip
SEEDS = range(7)
WEIGHTED = [False, True]


def drawn(seed, dtype="float64", own=False):
    """A random network with dropout, limits of weights, penalties and connections past layers; and data."""
    rng = np.random.RandomState(seed)
    n, n_features, n_outputs = rng.randint(3, 40), rng.randint(1, 9), rng.randint(2, 5)
    output, loss = OUTPUTS[seed % len(OUTPUTS)]
    network = Network(random_state=seed, dtype=dtype)
    if rng.rand() < 0.7:
        network.add(Dropout(rng.uniform(0.1, 0.7), name="of_input"))
    names = []
    for k in range(rng.randint(1, 4)):
        options = dict(
            l1=rng.choice([0.0, 0.01]), l2=rng.choice([0.0, 0.1]), max_norm=rng.choice([0.0, 0.3, 2.0])
        )
        activation = SoftCube() if own and k == 0 else rng.choice(["tanh", "logistic", "softplus", "gelu"])
        layer = network.add(Dense(rng.randint(1, 20), activation, use_bias=rng.rand() < 0.8, **options))
        names.append(layer.name)
        if rng.rand() < 0.7:
            names[-1] = network.add(Dropout(rng.uniform(0.1, 0.7))).name
        if rng.rand() < 0.6:
            network.add(
                Concatenate([names[-1], "of_input" if network.layers[0].name == "of_input" else "input"])
            )
    network.add(Dense(n_outputs, output, max_norm=rng.choice([0.0, 0.5])))
    x = rng.randn(n, n_features) * (rng.rand(n, n_features) < 0.7)
    y = rng.uniform(0.01, 0.99, (n, n_outputs))
    if loss == "categorical_crossentropy":
        y = rng.randint(0, n_outputs, n)
    network.build(n_features)
    network.params[:] = rng.uniform(-1, 1, len(network.params))  # beyond the limits, too
    return network, x, y, losses.get(loss), rng.uniform(0.1, 3, n)


def penalty(network, weights):
    """By the layers' own words."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    matrices = [w for w in weights if w.ndim == 2]
    return sum(
        0.5 * d.l2 * (w**2).sum() + d.l1 * np.abs(w).sum() for d, w in zip(dense, matrices, strict=True)
    )


def objective(network, x, y, loss, weights):
    """The loss that gradients are of: as evaluated, with penalties."""
    divisor = (len(x) if weights is None else weights.sum()) if loss.average else 1.0
    own = network.evaluate(x, y, loss=loss, sample_weight=weights)["loss"]
    return own + penalty(network, network.get_weights()) / divisor


@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "input"])
def test_a_denormal_bias_gives_a_row_what_it_gives_the_same_row_elsewhere(kernels, hidden):
    """Sums flush it to 0; where all inputs are 0, lists of those that are not leave nothing to be summed."""
    layers = [Dense(128, "relu"), Dense(128)] if hidden else [Dense(128)]
    network = Network(layers, random_state=0, dtype=kernels.dtype).build(20)
    weights = network.get_weights()
    if hidden:
        weights[0][:], weights[1][:] = np.eye(20, 1), 0  # units are 1 where the first input is, else 0
    weights[-1][:] = np.finfo(kernels.dtype).tiny / 1000
    network.set_weights(weights)
    x = np.zeros((80, 20), kernels.dtype)
    x[:40] = 1
    told = {float(network.predict(x[80 - n :])[-1, 0]) for n in (1, 2, 8, 40, 80)}
    assert len(told) == 1, told
    assert told == {0.0} or kernels.name == "numpy"


def test_gradients_of_a_loss_that_is_not_finite_are_nan(kernels):
    network = Network([Dense(3, "relu"), Dense(1)], random_state=0, dtype=kernels.dtype).build(2)
    y = np.full(4, 1e200 if kernels.dtype == np.float64 else 1e30)
    flat = np.concatenate([g.ravel() for g in network.gradients(np.ones((4, 2)), y, loss="mse")])
    if kernels.dtype == np.float64 or kernels.name == "numpy":
        assert np.isnan(flat).all()
    else:  # losses are added up in double precision
        np.testing.assert_allclose(flat[-1], -2e30, rtol=1e-6)


@pytest.mark.parametrize("weighted", WEIGHTED)
@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_are_those_of_the_evaluated_loss(kernels, seed, weighted):
    """Against central differences, on every backend; single precision against double."""
    network, x, y, loss, weights = drawn(seed)
    weights = weights if weighted else None
    before = network.params.copy()
    gradients = np.concatenate([g.ravel() for g in network.gradients(x, y, loss=loss, sample_weight=weights)])
    np.testing.assert_array_equal(network.params, before)
    if kernels.dtype == np.float32:
        narrow = drawn(seed, "float32")[0]
        found = narrow.gradients(x, y, loss=loss, sample_weight=weights)
        np.testing.assert_array_equal(narrow.params, before.astype(np.float32))
        size = np.abs(gradients).max()
        np.testing.assert_allclose(np.concatenate([g.ravel() for g in found]), gradients, atol=2e-5 * size)
        return
    for i in np.random.RandomState(seed).permutation(len(before))[:40]:
        values = []
        for sign in (1, -1):
            network.params[:] = before
            network.params[i] += sign * STEP
            values.append(objective(network, x, y, loss, weights))
        network.params[:] = before
        assert (values[0] - values[1]) / (2 * STEP) == pytest.approx(gradients[i], abs=1e-6, rel=1e-5)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_does_not_train_agrees(kernels, seed, own):
    """Outputs and losses, however they are asked for, and a second time: one network, one function."""
    network, x, y, loss, _ = drawn(seed, kernels.dtype, own)
    close = dict(rtol=0, atol=(1e-10 if kernels.dtype == np.float64 else 2e-4))
    before, state = network.params.copy(), network.rng.get_state()
    outputs = network.predict(x)
    last = network.layers[-1]
    np.testing.assert_array_equal(network.predict(x), outputs)
    np.testing.assert_array_equal(network.activations(x, last.name), outputs)
    np.testing.assert_allclose(network.predict(csr_matrix(x)), outputs, **close)
    if not own:
        np.testing.assert_allclose(network.to_numpy()(x), outputs, **close)
    measured = network.evaluate(x, y, loss=loss)["loss"]
    assert network.evaluate(x, y, loss=loss)["loss"] == measured
    each = loss.each(
        last.activation,
        np.asarray(y, np.float64 if np.ndim(y) == 2 else np.int64),
        network.outputs(rows(network, x), logits=True).astype(np.float64),
        outputs.astype(np.float64),
    )
    total = each.mean() if loss.average else each.sum()
    assert measured == pytest.approx(total, rel=1e-4 if kernels.dtype == np.float32 else 1e-9)
    graphs = [unroll(network, x[i], y[i], loss=loss) for i in range(2)]
    for i, graph in enumerate(graphs):
        np.testing.assert_allclose([node.value for node in graph.outputs], outputs[i], **close)
        if type(loss) is not losses.HalfSquaredError:
            theirs = network.gradients(x[i : i + 1], y[i : i + 1], loss=loss)
            size = max(np.abs(g).max() for g in theirs)
            for mine, other in zip(graph.gradients(), theirs, strict=True):
                np.testing.assert_allclose(mine, other, rtol=0, atol=close["atol"] * max(1, size))
    np.testing.assert_array_equal(network.params, before)
    for mine, other in zip(state, network.rng.get_state(), strict=True):
        np.testing.assert_array_equal(mine, other)


def rows(network, x):
    from fastmlp.kernels.job import Rows

    return Rows(x, network.input_scale)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", SEEDS[:4])
def test_validation_is_evaluation(kernels, seed, own):
    """val_loss is what `evaluate` says of the weights at the epoch's end, and takes nothing from training."""
    network, x, y, loss, weights = drawn(seed, kernels.dtype, own)
    alone, seen = copy.deepcopy(network), []

    class Asks:
        def on_epoch_end(self, state):
            seen.append(state.model.evaluate(x, y, loss=loss, sample_weight=weights)["loss"])
            state.model.gradients(x, y)

    options = dict(epochs=3, batch_size=4, loss=loss, optimizer="adam")
    network.fit(x, y, validation_data=(x, y, weights), callbacks=[Asks()], **options)
    alone.fit(x, y, **options)
    assert network.history_["val_loss"] == seen
    np.testing.assert_array_equal(network.params, alone.params)
