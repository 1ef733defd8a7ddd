"""Every backend's single neuron against the textbook's loop in float64."""

import numpy as np
import pytest
import scipy.sparse as sp

from fastmlp.kernels import neuron as neurons
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import Activation, Status
from fastmlp.kernels.records import Record

# around every vector, unrolled block and the length from which sums by vectors are tried first
EDGES = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 200)
RULES = (Activation.IDENTITY, Activation.TANH, Activation.LOGISTIC)


def xorshift_shuffle(order, seed):
    """scikit-learn's shuffle, in Python."""
    for i in range(len(order) - 1):
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
        j = i + (seed & 0x7FFFFFFF) % (len(order) - i)
        order[i], order[j] = order[j], order[i]


def textbook(x, t, rule, eta, epochs, *, seed=None, weights=None, slope=1.0, bias_step=1.0):
    """w and b after each step, and the error of each epoch: one sample after another, in float64."""
    x, t = np.asarray(x, np.float64), np.asarray(t, np.float64)
    w, b, order = np.zeros(x.shape[1]), 0.0, np.arange(len(x))
    steps, errors = [], []
    for _ in range(epochs):
        if seed is not None:
            xorshift_shuffle(order, seed)
        error = 0.0
        for i in order:
            weight = 1.0 if weights is None else weights[i]
            if rule == Activation.STEP:
                z = sum((w[j] * x[i, j] for j in range(x.shape[1])), 0.0) + b
                if t[i] * z > 0 or weight == 0 or t[i] == 0:
                    continue
                update, error = eta * t[i] * weight, error + 1
            else:
                z = slope * (w @ x[i] + b)
                y, derivative = {
                    Activation.IDENTITY: lambda z: (z / slope, 1.0),
                    Activation.TANH: lambda z: (np.tanh(z), slope * (1 - np.tanh(z) ** 2)),
                    Activation.LOGISTIC: lambda z: (1 / (1 + np.exp(-z)), slope / (2 + 2 * np.cosh(z))),
                }[rule](z)
                update, error = (
                    eta * weight * (t[i] - y) * derivative,
                    error + weight * (t[i] - y) ** 2,
                )
            w, b = w + update * x[i], b + bias_step * update
            steps.append([*w, b])
        errors.append(error)
    return np.array(steps).reshape(-1, x.shape[1] + 1), np.array(errors)


def make(kernels, x, t, rule, eta, sparse=False, **options):
    x = np.ascontiguousarray(x, kernels.dtype)
    weight = options.pop("weights", None)
    weight = None if weight is None else np.asarray(weight, kernels.dtype)
    w = np.zeros(x.shape[1], kernels.dtype)
    rows = Rows(sp.csr_array(x) if sparse else x)
    t = np.asarray(t, kernels.dtype)
    return neurons.Neuron(rows, w, t, rule=rule, eta=eta, sample_weight=weight, **options)


@pytest.mark.parametrize("sparse", [False, True])
def test_step_rule_update_for_update(kernels, sparse):
    """On small integers every sum is exact, so each update must be the textbook's, in both dtypes."""
    random = np.random.RandomState(0)
    for n_features in EDGES:
        x = random.randint(-3, 4, size=(30, n_features))
        t = random.choice([-1, 1], size=30)
        neuron = make(kernels, x, t, Activation.STEP, 0.5, sparse, n_epochs=6, shuffle=1, seed=77, record=2)
        assert neurons.train(neuron) == Status.FINISHED
        steps, errors = textbook(x, t, Activation.STEP, 0.5, 6, seed=77)
        np.testing.assert_array_equal(neuron.recorded, steps, err_msg=str(n_features))
        np.testing.assert_array_equal(neuron.errors, errors)
        assert neuron.run["n_steps"][0] == len(steps) and len(steps) > 5


@pytest.mark.parametrize("sparse", [False, True])
def test_step_rule_with_weights(kernels, sparse):
    random = np.random.RandomState(1)
    x, t = random.randint(-3, 4, size=(40, 21)), random.choice([-1, 1], size=40)
    t[::7] = 0  # passed over
    weights = random.choice([0, 0.5, 1, 2], size=40)
    weights_of_classes = dict(positive_weight=2.0, negative_weight=0.25)
    neuron = make(
        kernels,
        x,
        t,
        Activation.STEP,
        1.0,
        sparse,
        n_epochs=4,
        weights=weights,
        record=2,
        bias_step=0.5,
        **weights_of_classes,
    )
    neurons.train(neuron)
    together = weights * np.where(t > 0, 2.0, 0.25)
    steps, errors = textbook(x, t, Activation.STEP, 1.0, 4, weights=together, bias_step=0.5)
    np.testing.assert_array_equal(neuron.recorded, steps)
    np.testing.assert_array_equal(neuron.errors, errors)


@pytest.mark.parametrize("sparse", [False, True])
def test_step_rule_decides_by_the_sum_in_order(kernels, sparse):
    """Terms that cancel: another order of the sum gives another sign. The bias breaks no tie."""
    random = np.random.RandomState(2)
    big = 2.0 ** (30 if kernels.dtype == np.float32 else 60)
    for n_features in (17, 40, 70):
        x = np.zeros((60, n_features))
        x[0] = 1.0
        for row in x[1:]:
            i, j = random.permutation(n_features)[:2]
            row[i], row[j] = big, -big
            row += random.randint(-2, 3, size=n_features) * (row == 0)
        t = random.choice([-1, 1], size=60)
        t[0] = 1
        neuron = make(kernels, x, t, Activation.STEP, 1.0, sparse, n_epochs=1, bias_step=0.0, record=2)
        neurons.train(neuron)
        steps, errors = one_epoch_as_scikit_learn(x, t, kernels.dtype)
        np.testing.assert_array_equal(neuron.recorded[:, :-1], steps)
        assert neuron.errors[0] == errors


def one_epoch_as_scikit_learn(x, t, dtype):
    """Products and weights in `dtype`, sums in float64, one after another."""
    x, w, steps = x.astype(dtype), np.zeros(x.shape[1], dtype), []
    for row, target in zip(x, t, strict=True):
        total = 0.0
        for product in w * row:
            total += float(product)
        if dtype.type(total) * target <= 0:
            w = (w.astype(np.float64) + target * row.astype(np.float64)).astype(dtype)
            steps.append(w)
    return np.array(steps), len(steps)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sparse", [False, True])
def test_delta_rule(kernels, rule, sparse):
    random = np.random.RandomState(3)
    for n_features in EDGES[:: 1 + sparse]:
        x = random.normal(size=(12, n_features)) * (random.uniform(size=(12, n_features)) < 0.7)
        x = x.astype(kernels.dtype)
        t = random.uniform(-1, 1, size=12).astype(kernels.dtype)
        weights = random.choice([0.0, 0.5, 1.0], size=12)
        eta = 0.3 / max(1.0, (x.astype(np.float64) ** 2).sum(axis=1).max())
        neuron = make(
            kernels,
            x,
            t,
            rule,
            eta,
            sparse,
            n_epochs=4,
            shuffle=1,
            seed=0x90000001,
            slope=1.5,
            record=2,
            weights=weights,
            bias_step=0.7,
            error_scale=4.0,
        )
        assert neurons.train(neuron) == Status.FINISHED
        steps, errors = textbook(
            x, t, rule, eta, 4, seed=0x90000001, weights=weights, slope=1.5, bias_step=0.7
        )
        kernels.assert_close(neuron.recorded, steps, 100, err_msg=str(n_features))
        kernels.assert_close(neuron.errors, 4 * errors, 400)
        assert np.abs(steps[-1]).max() > 1e-3


@pytest.mark.parametrize("rule", [Activation.STEP, Activation.TANH])
@pytest.mark.parametrize("record", Record)
def test_slices_change_nothing(kernels, rule, record, monkeypatch):
    """One sample a call, with room for three recorded rows, and all at once: bit for bit."""
    random = np.random.RandomState(4)
    x, t = random.normal(size=(11, 20)), random.choice([-1, 1], size=11)
    found = []
    for small in (False, True):
        options = dict(n_epochs=7, shuffle=1, seed=5, tol=-1.0, record=record)
        if small:
            monkeypatch.setattr(neurons, "CHUNK_BYTES", 3 * 21 * kernels.dtype.itemsize)
            monkeypatch.setattr(neurons, "CHUNK_EPOCHS", 2)
        neuron = make(kernels, x, t, rule, 0.1, **options)
        if small:
            status = Status.RUNNING
            while status == Status.RUNNING:
                neuron.run["budget"] = 1
                status = Status(kernels.module.learn(neuron))
                neuron._collect()
        else:
            neurons.train(neuron)
        found.append((neuron.w, neuron.run["bias"], neuron.errors, neuron.recorded, neuron.order))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    n_rows = {0: 0, 1: 7, 2: int(neuron.run["n_steps"][0])}[record]
    assert found[0][3].shape == (n_rows, 21)


def test_a_full_history_is_collected(kernels, monkeypatch):
    x, t = np.random.RandomState(5).normal(size=(50, 3)), np.ones(50)
    whole = make(kernels, x, t, Activation.IDENTITY, 0.01, n_epochs=3, record=2)
    monkeypatch.setattr(neurons, "CHUNK_BYTES", 7 * 4 * kernels.dtype.itemsize)
    parts = make(kernels, x, t, Activation.IDENTITY, 0.01, n_epochs=3, record=2)
    assert len(parts.history) == 7
    for neuron in (whole, parts):
        assert neurons.train(neuron) == Status.FINISHED
    np.testing.assert_array_equal(whole.recorded, parts.recorded)
    assert len(parts.recorded) == 150


def test_errors_of_many_epochs(kernels):
    """Memory grows with the epochs that were trained, not with those that may be."""
    n_epochs = 2 * neurons.CHUNK_EPOCHS + 3
    neuron = make(kernels, [[1.0]], [2.0], Activation.IDENTITY, 1e-3, n_epochs=n_epochs)
    assert neurons.train(neuron) == Status.FINISHED and neuron.errors.shape == (n_epochs,)
    kernels.assert_close(neuron.errors, 4 * (1 - 2e-3) ** (2 * np.arange(n_epochs)), 1e3)
    stopped = make(kernels, [[1.0]], [1.0], Activation.STEP, 1.0, n_epochs=10**12, epsilon=1.0)
    assert neurons.train(stopped) == Status.FINISHED and stopped.errors.tolist() == [1, 0]


def test_reasons_to_stop(kernels):
    x, t = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]]), np.array([-1, -1, -1, 1])
    learned = make(kernels, x, t, Activation.STEP, 1.0, n_epochs=50, epsilon=1.0)
    assert neurons.train(learned) == Status.FINISHED
    assert learned.errors[learned.n_done - 1] == 0 and learned.n_done < 10
    xor = np.array([-1, 1, 1, -1])
    stalled = make(kernels, x, xor, Activation.STEP, 1.0, n_epochs=50, tol=0.1, n_iter_no_change=5)
    assert neurons.train(stalled) == Status.STALLED and 5 < stalled.n_done < 20
    endless = make(kernels, x, xor, Activation.STEP, 1.0, n_epochs=50, epsilon=1.0)
    assert neurons.train(endless) == Status.FINISHED and endless.n_done == 50
    watched = make(kernels, x, xor, Activation.STEP, 1.0, n_epochs=50)
    assert neurons.train(watched, lambda neuron: neuron.n_done == 3) == Status.EPOCH_END
    assert watched.n_done == 3


@pytest.mark.parametrize("n_features", [2, 40])
def test_divergence_gives_the_epoch_start_back(kernels, n_features):
    x, t = np.random.RandomState(6).normal(size=(20, n_features)) * 3, np.ones(20)
    neuron = make(kernels, x, t, Activation.IDENTITY, 0.9, n_epochs=400, record=1)
    assert neurons.train(neuron) == Status.DIVERGED
    assert np.isfinite(neuron.w).all() and np.isfinite(neuron.bias)
    assert len(neuron.errors) == neuron.n_done and np.isfinite(neuron.errors).all()
    assert len(neuron.recorded) == neuron.n_done
    if neuron.n_done:
        np.testing.assert_array_equal(neuron.recorded[-1, :-1], neuron.w)


def test_wide_indices(kernels):
    x = sp.random_array((30, 25), density=0.3, random_state=7, format="csr", dtype=kernels.dtype)
    t = np.random.RandomState(7).choice([-1, 1], size=30).astype(kernels.dtype)
    found = []
    for width in (np.int32, np.int64):
        x.indices, x.indptr = x.indices.astype(width), x.indptr.astype(width)
        neuron = neurons.Neuron(
            Rows(x), np.zeros(25, kernels.dtype), t, rule=Activation.STEP, eta=1.0, n_epochs=5
        )
        neurons.train(neuron)
        found.append(neuron.w)
    np.testing.assert_array_equal(*found)
    assert found[0].any()
