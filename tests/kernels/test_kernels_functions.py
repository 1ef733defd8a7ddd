"""One kernel at a time against the formulas, at sizes around those of vectors and tiles."""

import numpy as np
import pytest
from oracle import reference

from fastmlp.kernels.plan import N_STATES, RUN, Activation, Optimizer

SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100)
SHAPES = [
    (0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1), (1, 10, 33), (2, 3, 1), (4, 16, 5), (5, 15, 6), (6, 17, 7),
    (7, 31, 12), (12, 32, 13), (13, 33, 31), (31, 63, 32), (32, 64, 33), (33, 65, 63), (64, 5, 65),
    (65, 13, 130), (3, 128, 400), (6, 200, 97),
]  # fmt: skip
ELEMENTWISE = [code for code in Activation if code != Activation.SOFTMAX]


def test_multiply(kernels):
    random = np.random.RandomState(0)
    for M, N, K in SHAPES:
        A, B, C = (random.normal(size=shape).astype(kernels.dtype) for shape in ((M, K), (K, N), (M, N)))
        expected = A.astype(np.float64) @ B.astype(np.float64)
        before = A.copy(), B.copy()
        for accumulate in (False, True):
            result = C.copy()
            kernels.module.multiply(A, B, result, accumulate)
            exact = expected + accumulate * C.astype(np.float64)
            kernels.assert_close(result, exact, 4 + 2 * K**0.5, f"{M} x {N} x {K}")
        result = np.full((M, N), np.nan, kernels.dtype)
        kernels.module.multiply_tn(np.ascontiguousarray(A.T), B, result)
        kernels.assert_close(result, expected, 4 + 2 * K**0.5, f"{M} x {N} x {K}")
        np.testing.assert_array_equal(A, before[0])
        np.testing.assert_array_equal(B, before[1])


def test_multiply_takes_any_row_stride(kernels):
    random = np.random.RandomState(0)
    A = random.normal(size=(9, 40)).astype(kernels.dtype)[:, 3:26]
    B, C = random.normal(size=(23, 20)).astype(kernels.dtype), np.zeros((9, 20), kernels.dtype)
    kernels.module.multiply(A, B, C)
    kernels.assert_close(C, A.astype(np.float64) @ B, 12)


@pytest.mark.parametrize("code", ELEMENTWISE, ids=lambda c: c.name)
def test_activation(kernels, code):
    grid = np.concatenate([np.linspace(-12, 12, 801), np.linspace(-0.01, 0.01, 81), [0.0, 30, -30, 80, -80]])
    for slope in (1.0, 0.3):
        z = grid.astype(kernels.dtype)
        a = np.full_like(z, np.nan)
        kernels.module.activate(code, slope, z, a)
        expected = reference.activate(code, np.float64(kernels.dtype.type(slope)), z)
        np.testing.assert_allclose(a, expected, rtol=40 * kernels.eps, atol=4 * kernels.eps)
        d = np.linspace(-2, 2, len(z)).astype(kernels.dtype)
        expected = reference.activation_backward(code, np.float64(kernels.dtype.type(slope)), z, d)
        kernels.module.activation_gradient(code, slope, z, a, d)
        np.testing.assert_allclose(d, expected, rtol=60 * kernels.eps, atol=12 * kernels.eps)


@pytest.mark.parametrize("code", ELEMENTWISE, ids=lambda c: c.name)
def test_activation_touches_nothing_beyond_its_numbers(kernels, code):
    for n in SIZES:
        memory = np.full(n + 64, 7.0, kernels.dtype)
        z = np.linspace(-2, 2, n).astype(kernels.dtype)
        a = memory[32 : 32 + n]
        kernels.module.activate(code, 1.0, z, a)
        kernels.assert_close(a, reference.activate(code, 1.0, z), 8)
        assert (memory[:32] == 7).all() and (memory[32 + n :] == 7).all()


@pytest.mark.parametrize("code", [Activation.LOGISTIC, Activation.TANH, Activation.ELU, Activation.SILU])
def test_saturation_is_finite(kernels, code):
    z = np.array([-3e4, -700, -100, -50, 50, 100, 700, 3e4], kernels.dtype)
    a = np.empty_like(z)
    kernels.module.activate(code, 1.0, z, a)
    kernels.assert_close(a, reference.activate(code, 1.0, z), 4)
    assert np.isfinite(a).all()


def test_tanh_is_odd_and_bounded(kernels):
    z = np.concatenate([np.geomspace(1e-30, 30, 100_001), [np.inf]]).astype(kernels.dtype)
    a, mirrored = np.empty_like(z), np.empty_like(z)
    kernels.module.activate(Activation.TANH, 1.0, z, a)
    kernels.module.activate(Activation.TANH, 1.0, -z, mirrored)
    np.testing.assert_array_equal(mirrored, -a)
    assert (a <= 1).all() and (a[z >= 20] == 1).all()
    np.testing.assert_allclose(a, np.tanh(z.astype(np.float64)), rtol=4 * kernels.eps)


@pytest.mark.parametrize("code", [c for c in ELEMENTWISE if c not in (Activation.RELU, Activation.STEP)])
def test_nan_is_not_hidden(kernels, code):
    z = np.full(5, np.nan, kernels.dtype)
    a = np.zeros_like(z)
    kernels.module.activate(code, 1.0, z, a)
    assert np.isnan(a).all()


def test_softmax(kernels):
    for shape in ((1, 1), (2, 3), (5, 10), (3, 17), (4, 64)):
        z = np.random.RandomState(0).normal(size=shape).astype(kernels.dtype) * 5
        z[0] += 1000  # must not overflow
        a = np.empty_like(z)
        kernels.module.activate(Activation.SOFTMAX, 1.0, z, a)
        expected = reference.activate(Activation.SOFTMAX, 1.0, z)
        np.testing.assert_allclose(a, expected, rtol=30 * kernels.eps, atol=kernels.eps)
        np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=8 * kernels.eps)


def make_run(optimizer, **fields):
    run = np.zeros(1, RUN)
    defaults = dict(learning_rate=0.05, momentum=0.9, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    for name, value in (defaults | dict(optimizer=optimizer) | fields).items():
        run[name] = value
    return run


@pytest.mark.parametrize("optimizer", Optimizer, ids=lambda o: o.name)
@pytest.mark.parametrize("options", [{}, dict(epsilon_corrected=1, weight_decay=0.1)], ids=["plain", "decay"])
def test_optimizer_steps(kernels, optimizer, options):
    random = np.random.RandomState(0)
    for n in SIZES:
        w = random.normal(size=n).astype(kernels.dtype)
        state = np.zeros((N_STATES[optimizer], n), kernels.dtype)
        w64, state64 = w.astype(np.float64), state.astype(np.float64)
        run = make_run(optimizer, **options)
        for _ in range(4):
            g = random.normal(size=n).astype(kernels.dtype)
            g[::4] = 0
            before = g.copy()
            kernels.module.update(run, w, g, state)
            reference.update(run[0], w64, g.astype(np.float64), state64, run["learning_rate"][0])
            run["step"] += 1
            np.testing.assert_array_equal(g, before)
            kernels.assert_close(w, w64, 60, optimizer.name)
        for ours, exact in zip(state, state64, strict=True):
            kernels.assert_close(ours, exact, 30, optimizer.name)


@pytest.mark.parametrize(
    "optimizer", [Optimizer.ADAM, Optimizer.AMSGRAD, Optimizer.RMSPROP, Optimizer.ADAGRAD]
)
def test_adaptive_steps_at_extreme_gradients(kernels, optimizer):
    """A first Adam step is the learning rate times the gradient's sign, whatever the gradient's size."""
    g = np.array([1e-12, -1e-6, 1e-3, 1.0, -1e3, 1e9], kernels.dtype)
    w, state = np.zeros_like(g), np.zeros((N_STATES[optimizer], g.size), kernels.dtype)
    w64, state64 = w.astype(np.float64), state.astype(np.float64)
    run = make_run(optimizer, epsilon=1e-10)
    kernels.module.update(run, w, g, state)
    reference.update(run[0], w64, g.astype(np.float64), state64, 0.05)
    np.testing.assert_allclose(w, w64, rtol=2e-5 if kernels.dtype == np.float32 else 1e-12)
