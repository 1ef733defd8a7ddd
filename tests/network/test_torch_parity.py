"""Trainings against PyTorch's: the same weights and batches, 20 float64 steps, parameters equal to 1e-9.

Where a formula of ours is not PyTorch's, the test's text says what differs, and either writes ours in
tensors or allows for the difference.
"""

import numpy as np
import pytest
from oracle import reference
from oracle.torch_twin import (
    ACTIVATIONS,
    BATCH,
    EPOCHS,
    N,
    X,
    assert_equal,
    layered,
    ours,
    start_of,
    theirs,
    torch,
)

from fastmlp import (
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Concatenate,
    Dense,
    Dropout,
    Momentum,
    Nesterov,
    Network,
    RMSprop,
    Rprop,
    losses,
)
from fastmlp.activations import ACTIVATIONS as OUR_ACTIVATIONS
from fastmlp.activations import get as activation_of
from fastmlp.kernels import dispatch
from fastmlp.network import fit
from fastmlp.optimizers import OPTIMIZERS as OUR_OPTIMIZERS

F, optim = torch.nn.functional, torch.optim
everywhere = pytest.mark.parametrize(
    "kernels", [(name, np.float64) for name in dispatch.available()], indirect=True, ids=lambda p: p[0]
)
random = np.random.RandomState(7)
REAL, LABELS = random.standard_normal((N, 3)), random.randint(3, size=N)
SHARES, BITS = random.dirichlet(np.ones(3), N), (REAL > 0).astype(float)
COUNTS = random.poisson(2.0, (N, 3)).astype(float)

OPTIMIZERS = {
    "sgd": (SGD(0.1), lambda p: optim.SGD(p, 0.1)),
    # PyTorch multiplies the velocity by the rate outside: the same while the rate stays the same
    "momentum": (Momentum(0.05, 0.8), lambda p: optim.SGD(p, 0.05, momentum=0.8)),
    "nesterov": (Nesterov(0.05, 0.8), lambda p: optim.SGD(p, 0.05, momentum=0.8, nesterov=True)),
    "adagrad": (Adagrad(0.1), lambda p: optim.Adagrad(p, 0.1)),
    "rmsprop": (RMSprop(), optim.RMSprop),
    "rmsprop-momentum": (
        RMSprop(0.01, 0.9, 0.7, 1e-3),
        lambda p: optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.7, eps=1e-3),
    ),
    "adam": (Adam(), optim.Adam),
    "adam-epsilon": (Adam(0.02, 0.8, 0.95, 1e-2), lambda p: optim.Adam(p, 0.02, (0.8, 0.95), 1e-2)),
    "adamw": (AdamW(), optim.AdamW),
    "adamw-decay": (AdamW(0.02, weight_decay=0.3), lambda p: optim.AdamW(p, 0.02, weight_decay=0.3)),
    "amsgrad": (AMSGrad(0.02, 0.9, 0.8), lambda p: optim.Adam(p, 0.02, (0.9, 0.8), amsgrad=True)),
    "rprop": (Rprop(0.01), lambda p: optim.Rprop(p, 0.01)),  # PyTorch's is iRprop- too, with the same bounds
    # on plain gradient descent PyTorch's coupled decay is the decoupled one
    "sgd-decay": (SGD(0.1, weight_decay=0.2), lambda p: optim.SGD(p, 0.1, weight_decay=0.2)),
}


@everywhere
@pytest.mark.parametrize(
    "units, batch_size", [(4, BATCH), (70, BATCH), (6, 1)], ids=["tiny", "batch", "online"]
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(kernels, name, units, batch_size):
    our_optimizer, their_optimizer = OPTIMIZERS[name]
    layers = [Dense(units, "tanh"), Dense(3)]
    how = dict(n=20 if batch_size == 1 else N, epochs=1 if batch_size == 1 else EPOCHS, batch_size=batch_size)
    network = ours(layers, REAL, loss="mse", optimizer=our_optimizer, **how)
    forward = layered(torch.tanh, lambda z: z)
    assert_equal(network, theirs(start_of(layers), forward, F.mse_loss, their_optimizer, REAL, **how))


def test_each_optimizer_was_compared():
    assert {type(own) for own, _ in OPTIMIZERS.values()} | {LBFGS} == set(OUR_OPTIMIZERS.values())


@everywhere
def test_lbfgs_reaches_the_same_minimum(kernels):
    """SciPy's line search is not PyTorch's, so steps differ; a convex loss has one minimum for both."""
    layers = [Dense(3, "softmax", l2=1.0)]
    network = ours(layers, LABELS, epochs=500, optimizer=LBFGS(tol=1e-10, ftol=0.0))

    def lbfgs(p):
        return optim.LBFGS(p, 1.0, 500, 5000, 1e-10, 0.0, line_search_fn="strong_wolfe")

    theirs_found = theirs(
        start_of(layers),
        layered(lambda z: z),
        F.cross_entropy,
        lbfgs,
        LABELS,
        epochs=1,
        batch_size=N,
        penalty=lambda p: 0.5 * (p[0] ** 2).sum() / N,
    )
    # weights are determined; of the biases, which have no penalty, only their differences
    ours_found = network.get_weights()
    np.testing.assert_allclose(ours_found[0], theirs_found[0], atol=1e-6)
    np.testing.assert_allclose(np.diff(ours_found[1]), np.diff(theirs_found[1]), atol=1e-6)


@everywhere
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax", "step"}))
def test_activations(kernels, name):
    """Of two hidden layers and of the output."""
    formula = ACTIVATIONS[name]
    activation = activation_of(name) if not formula.slope else type(activation_of(name))(formula.slope)
    narrow = "normal" if name == "exp" else None  # exp of exp of exp
    layers = [Dense(units, activation, initializer=narrow) for units in (9, 6, 3)]
    rate = 0.05 if name != "exp" else 0.005
    network = ours(layers, REAL, loss="mse", optimizer=SGD(rate))
    forward = layered(formula, formula, formula)
    assert_equal(network, theirs(start_of(layers), forward, F.mse_loss, lambda p: optim.SGD(p, rate), REAL))


def test_each_activation_was_compared():
    assert set(ACTIVATIONS) == {cls.name for cls in OUR_ACTIVATIONS.values()}


@everywhere
def test_step_and_softmax_forwards(kernels):
    for name in ("step", "softmax"):
        layers = [Dense(5, "step"), Dense(3, name)]
        network = Network(layers, random_state=0).build(X.shape[1])
        tensors = [torch.tensor(a) for a in network.get_weights()]
        expected = layered(ACTIVATIONS["step"], ACTIVATIONS[name])(tensors, torch.tensor(X))
        np.testing.assert_allclose(network.predict(X), expected.numpy(), rtol=1e-12)


def of_samples(function, **options):
    """A PyTorch loss, summed over outputs and averaged over samples, where PyTorch averages over both."""
    return lambda a, y: function(a, y, reduction="sum", **options) / len(y)


def smoothed(z, y):
    return F.cross_entropy(z, y, label_smoothing=0.1)


def hinge(a, y, **options):  # PyTorch divides by the number of classes, CS231n does not
    return 3 * F.multi_margin_loss(a, y, **options)


def quantile(a, y):  # PyTorch has none
    return torch.maximum(0.2 * (y - a), 0.8 * (a - y)).mean()


def squared_from_softmax(z, y):
    return F.mse_loss(torch.softmax(z, dim=1), y)


LOGISTIC = OUR_ACTIVATIONS["logistic"]
SMOOTHED = losses.CategoricalCrossentropy(0.1)
binary_logits = of_samples(F.binary_cross_entropy_with_logits)
# our loss, our output activation, what PyTorch makes of the logits, targets
LOSSES = {
    "mse": ("mse", "identity", F.mse_loss, REAL),
    # scikit-learn's: it follows half the sum over outputs
    "half": ("half_squared_error", "identity", lambda a, y: 0.5 * of_samples(F.mse_loss)(a, y), REAL),
    "sse": ("sse", "identity", lambda a, y: F.mse_loss(a, y, reduction="sum"), REAL),
    "delta": ("delta_rule", "identity", lambda a, y: 0.5 * of_samples(F.mse_loss)(a, y), REAL),
    "mse-labels": ("mse", "identity", lambda a, y: F.mse_loss(a, F.one_hot(y, 3).double()), LABELS),
    "mse-logistic": ("mse", "logistic", lambda z, y: F.mse_loss(torch.sigmoid(z), y), BITS),
    "mse-softmax": ("mse", "softmax", squared_from_softmax, SHARES),
    "binary": ("binary_crossentropy", "logistic", binary_logits, BITS),
    "binary-probabilities": ("binary_crossentropy", "logistic",
                             lambda z, y: of_samples(F.binary_cross_entropy)(torch.sigmoid(z), y), BITS),
    "binary-shares": ("binary_crossentropy", "logistic", binary_logits, SHARES),
    "binary-logits": ("binary_crossentropy", "identity", binary_logits, BITS),
    "binary-slope": ("binary_crossentropy", LOGISTIC(0.6),
                     lambda z, y: binary_logits(0.6 * z, y), BITS),
    "binary-smoothed": (losses.BinaryCrossentropy(0.2), "logistic",
                        lambda z, y: binary_logits(z, 0.8 * y + 0.1), BITS),
    "categorical": ("categorical_crossentropy", "softmax", F.cross_entropy, LABELS),
    "categorical-one-hot": ("categorical_crossentropy", "softmax", F.cross_entropy, np.eye(3)[LABELS]),
    "categorical-shares": ("categorical_crossentropy", "softmax", F.cross_entropy, SHARES),
    "categorical-logits": ("categorical_crossentropy", "identity", F.cross_entropy, LABELS),
    "categorical-smoothed": (SMOOTHED, "softmax", smoothed, LABELS),
    "categorical-smoothed-shares": (SMOOTHED, "softmax", smoothed, SHARES),
    "softmax-identity": ("softmax_crossentropy", "identity", F.cross_entropy, LABELS),
    "softmax-logistic": ("softmax_crossentropy", "logistic",
                         lambda z, y: F.cross_entropy(torch.sigmoid(z), y), LABELS),
    "softmax-relu": ("softmax_crossentropy", "relu", lambda z, y: F.cross_entropy(F.relu(z), y), LABELS),
    "softmax-shares": ("softmax_crossentropy", "tanh",
                       lambda z, y: F.cross_entropy(torch.tanh(z), y), SHARES),
    "softmax-smoothed": (losses.SoftmaxCrossentropy(0.1), "relu",
                         lambda z, y: smoothed(F.relu(z), y), LABELS),
    "hinge": ("hinge", "identity", hinge, LABELS),
    "hinge-margin": (losses.Hinge(0.3), "identity", lambda a, y: hinge(a, y, margin=0.3), LABELS),
    "squared-hinge": ("squared_hinge", "identity", lambda a, y: hinge(a, y, p=2), LABELS),
    "mae": ("mae", "identity", F.l1_loss, REAL),
    "huber": (losses.Huber(0.4), "identity", lambda a, y: F.huber_loss(a, y, delta=0.4), REAL),
    "quantile": (losses.Quantile(0.2), "identity", quantile, REAL),
    # ours adds y log y - y, so that a perfect fit has loss 0
    "poisson": ("poisson", "exp", lambda z, y: of_samples(F.poisson_nll_loss, log_input=True)(z, y)
                + (torch.xlogy(y, y) - y).sum() / len(y), COUNTS),
    "poisson-softplus": ("poisson", "softplus", lambda z, y:
                         of_samples(F.poisson_nll_loss, log_input=False, eps=0.0)(F.softplus(z), y)
                         + (torch.xlogy(y, y) - y).sum() / len(y), COUNTS),
}  # fmt: skip


@everywhere
@pytest.mark.parametrize("hidden, units", [("tanh", 6), ("relu", 70)])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(kernels, name, hidden, units):
    loss, output, their_loss, y = LOSSES[name]
    layers = [Dense(units, hidden), Dense(3, output)]
    rate = 0.002 if name == "sse" else 0.05
    network = ours(layers, y, loss=loss, optimizer=SGD(rate))
    forward = layered(torch.tanh if hidden == "tanh" else F.relu, lambda z: z)
    found = theirs(start_of(layers), forward, their_loss, lambda p: optim.SGD(p, rate), y)
    assert_equal(network, found)
    # the value too: scikit-learn's half squared error reports a mean over outputs, and follows their sum
    with torch.no_grad():
        value = float(their_loss(forward([torch.tensor(a) for a in found], torch.tensor(X)), torch.tensor(y)))
    assert network.evaluate(X, y)["loss"] == pytest.approx(value / 3 if name == "half" else value, rel=1e-9)


def test_each_loss_was_compared():
    assert {type(losses.get(ours)) for ours, _, _, _ in LOSSES.values()} == set(losses.LOSSES.values())


def graph():
    """Layers that read several others and the input, some of them twice over, without and with bias."""
    network = Network(random_state=0)
    a = network.add(Dense(5, "tanh", name="a"))
    b = network.add(Dense(4, "logistic"), after=["input", a])
    network.add(Concatenate([b, "input", a]))
    c = network.add(Dense(3, "softplus", use_bias=False))
    network.add(Dense(3), after=[c, a, "input"])
    return network


def graph_forward(p, x):
    a = torch.tanh(x @ p[0] + p[1])
    b = torch.sigmoid(torch.cat([x, a], dim=1) @ p[2] + p[3])
    c = F.softplus(torch.cat([b, x, a], dim=1) @ p[4])
    return torch.cat([c, a, x], dim=1) @ p[5] + p[6]


@everywhere
@pytest.mark.parametrize("batch_size", [1, BATCH])
def test_concatenation(kernels, batch_size):
    how = dict(n=20, epochs=1, batch_size=1) if batch_size == 1 else dict(batch_size=batch_size)
    network = ours(graph(), REAL, loss="mse", optimizer=Momentum(0.05, 0.8), **how)
    their_optimizer = OPTIMIZERS["momentum"][1]
    assert_equal(network, theirs(start_of(graph()), graph_forward, F.mse_loss, their_optimizer, REAL, **how))


@everywhere
@pytest.mark.parametrize("units", [6, 70])
def test_dropout(kernels, units):
    """Of the input and of a hidden layer; PyTorch is given the masks of the network's generator."""
    layers = [Dropout(0.2), Dense(units, "tanh"), Dropout(0.4), Dense(3)]
    start, seed = start_of(layers), fit._seed(Network(layers, random_state=0).build(X.shape[1]), 0)

    def forward(p, x, epoch, positions):
        masks = [
            torch.tensor(reference.dropout_mask(rate, seed, positions, width, layer, epoch))
            for rate, width, layer in ((0.2, X.shape[1], -1), (0.4, units, 0))
        ]
        return (torch.tanh((x * masks[0]) @ p[0] + p[1]) * masks[1]) @ p[2] + p[3]

    network = ours(layers, REAL, loss="mse", optimizer=Adam(0.02))
    found = theirs(start, forward, F.mse_loss, lambda p: optim.Adam(p, 0.02), REAL, with_positions=True)
    assert_equal(network, found)
