"""The package imports and learns with nothing compiled and no Numba, and each formula stands in one place."""

import os
import subprocess
import sys

import numpy as np
import pytest
from oracle.jobs import chain, make_job, train

from fastmlp import Dense, Network, activations, losses, optimizers
from fastmlp.kernels import dispatch
from fastmlp.kernels.job import Rows
from fastmlp.kernels.numpy_backend import tables
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Regime, Status

BARE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        last = name.rpartition(".")[2]
        if last == "numba" or name.startswith("fastmlp.kernels.") and last[:4] in ("cpu", "_avx", "_bas"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import importlib.util
find = importlib.util.find_spec
hidden = "numba", "_f32", "_f64"
importlib.util.find_spec = lambda name, package=None: (
    None if any(part in name for part in hidden) else find(name, package)
)
"""  # fmt: skip

LEARNS = """
import numpy as np, fastmlp
from fastmlp import *
assert fastmlp.backend() == "numpy", fastmlp.backend()
x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
y = np.array([-1.0, 1.0, 1.0, -1.0])
model = Network([Dense(4, "tanh"), Dense(1, "tanh")], random_state=1)
model.fit(x, y, epochs=300, loss="mse", optimizer=Adam(0.03), batch_size=4)
assert (np.sign(model.predict(x)).ravel() == y).all() and model.loss_curve_[-1] < 0.05
assert np.isclose(model.evaluate(x, y)["loss"], np.mean((model.predict(x).ravel() - y) ** 2))
fit_many([Network([Dense(3), Dense(1)], random_state=i) for i in range(3)], x, y, epochs=2, batch_size=1)
assert (Perceptron(random_state=0).fit(x, x[:, 0] > 0).predict(x) == (x[:, 0] > 0)).all()
assert batched_matmul(np.ones((3, 2, 4)), np.ones((3, 4, 2))).tolist() == [[[4.0, 4.0], [4.0, 4.0]]] * 3
assert noise.add_gaussian_noise(x, 0.1, random_state=0).shape == x.shape
clf = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(x, y)
assert clf.score(x, y) == 1.0
print("learned")
"""


@pytest.mark.parametrize("bare", [False, True], ids=["asked for", "nothing else there"])
def test_it_learns(bare):
    env = os.environ | {"FASTMLP_BACKEND": "auto" if bare else "numpy"}
    code = (BARE if bare else "") + LEARNS
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=env, capture_output=True, text=True
    )
    assert done.stdout == "learned\n", done.stderr


def test_it_is_the_last_choice():
    assert dispatch.available()[-1] == "numpy"
    assert dispatch.available()[0] != "numpy"  # on any machine that tests


def test_every_code_has_its_formula():
    assert set(tables.ACTIVATIONS) == set(Activation)
    assert set(tables.LOSSES) == set(Loss)
    assert set(tables.OPTIMIZERS) == set(Optimizer) - {Optimizer.GRADIENT}
    for code, cls in ((cls.code, cls) for cls in activations.BUILT_IN):
        assert type(tables.ACTIVATIONS[code](0.5)) is cls


@pytest.mark.parametrize("name", sorted({cls.name for cls in losses.BUILT_IN}))
def test_losses_of_one_code_differ_by_their_scales(name, monkeypatch):
    """The declared loss, and what the backend makes of its code and scales, are one."""
    loss = losses.get(name)
    rng = np.random.RandomState(0)
    a = rng.uniform(0.1, 0.9, (7, 3))
    y = rng.randint(3, size=7) if loss.labels == "only" else rng.uniform(0, 1, (7, 3))
    output = activations.Tanh()
    asked = np.zeros(
        1, [(n, float) for n in ("loss_scale", "gradient_scale", "loss_parameter", "label_smoothing")]
    )
    for field, value in loss.options(3).items():
        if field in asked.dtype.names:
            asked[field] = value
    made = tables.LOSSES[loss.code](asked[0], 3)
    np.testing.assert_allclose(made.each(output, y, a, a), loss.each(output, y, a, a), rtol=1e-14)
    np.testing.assert_allclose(made.backward(output, y, a, a), loss.backward(output, y, a, a), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [3, 10, 64, 100])
def test_a_row_is_predicted_as_among_many(dtype, units):
    """Whatever BLAS does: bit for bit, wherever the row stands."""
    kernels, rng = dispatch.load("numpy", np.dtype(dtype)), np.random.RandomState(0)
    model = Network([Dense(units, "tanh"), Dense(5, "softmax")], random_state=0, dtype=dtype).build(300)
    x = rng.standard_normal((520, 300)).astype(dtype)
    together, alone = (np.empty((520, 5), dtype) for _ in range(2))
    kernels.predict(model.plan, model.params, Rows(x), together)
    for i in range(520):
        kernels.predict(model.plan, model.params, Rows(x[i : i + 1]), alone[i : i + 1])
    np.testing.assert_array_equal(together, alone)


OBJECTS = [
    optimizers.SGD(0.1, weight_decay=0.1), optimizers.Momentum(0.1, 0.7), optimizers.Nesterov(0.1, 0.8),
    optimizers.Adam(0.1, 0.8, 0.95, 1e-3), optimizers.Adam(0.1, epsilon_corrected=False),
    optimizers.AdamW(0.1), optimizers.AMSGrad(0.1, 0.5), optimizers.Adagrad(0.1, 0.1),
    optimizers.RMSprop(0.1, 0.9, 0.5, 1e-3),
    optimizers.Rprop(0.01),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OBJECTS, ids=repr)
def test_readable_steps_are_those_of_the_kernels(optimizer):
    """Ten steps of each declaration, and of the backend in use by the record that it makes."""
    from fastmlp.kernels.plan import N_STATES, RUN

    update = dispatch.kernels(np.dtype(np.float64)).update
    n, rng = 13, np.random.RandomState(0)
    run = np.zeros(1, RUN)
    for field, value in optimizer.options().items():
        run[field] = value
    w = rng.standard_normal(n)
    states = [np.zeros((N_STATES[optimizer.code], n)) for _ in range(2)]
    ours, theirs = w.copy(), w.copy()
    for t in range(1, 11):
        g, rate = rng.standard_normal(n), 0.1 / t
        optimizer.step(ours, g, states[0], rate, t)
        run["learning_rate"], run["step"] = rate, t - 1
        update(run, theirs, g.copy(), states[1])
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    assert not np.allclose(ours, w)


def test_an_activation_that_mixes_units():
    """Its `backward` is what it is trained by."""

    class Centred:
        name = "centred"

        def value(self, z):
            return z - z.mean(axis=1, keepdims=True)

        def derivative(self, z, a):
            return np.full_like(z, 1 - 1 / z.shape[1])

        def backward(self, z, a, d):
            return d - d.mean(axis=1, keepdims=True)

    x, y = np.random.RandomState(0).standard_normal((2, 10, 4))
    network = Network([Dense(4, Centred()), Dense(4)], random_state=0).build(4)
    got, weights = network.gradients(x, y, loss="mse")[0], network.get_weights()
    for i, j in ((0, 0), (2, 3)):
        sides = []
        for h in (1e-6, -1e-6):
            moved = [w.copy() for w in weights]
            moved[0][i, j] += h
            sides.append(network.set_weights(moved).evaluate(x, y, loss="mse")["loss"])
        assert got[i, j] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("regime", [Regime.BATCH, Regime.ONLINE], ids=lambda r: r.name)
@pytest.mark.parametrize("l1", [0.0, 1e-30])
def test_squares_of_large_weights_count_only_where_they_are_penalised(kernels, regime, l1):
    """Their sum overflows; a saturated layer with such weights has a loss, and learns."""
    plan = chain(3, (4, 2), (Activation.TANH, Activation.SOFTMAX), l1=l1)
    job = make_job(kernels.dtype, plan, 6, loss=Loss.CATEGORICAL_CROSS_ENTROPY, labels=True, batch_size=1)
    plan.weights(job.params, 0)[:] = np.sqrt(np.finfo(kernels.dtype).max) * 2
    result, status = train(job, regime=regime)
    assert status == Status.FINISHED
    assert np.isfinite(result.losses).all()
    assert not np.array_equal(plan.weights(result.params, 1), plan.weights(job.params, 1))
