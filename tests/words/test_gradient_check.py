"""Right derivatives pass, wrong ones are found and named."""

import numpy as np
import pytest

from fastmlp import activations, losses
from fastmlp.gradient_check import GradientError, check_gradient

A = np.random.RandomState(0).normal(size=(7, 3))
SHARES = np.exp(A) / np.exp(A).sum(axis=1, keepdims=True)
TARGETS = {
    "binary_crossentropy": (SHARES, np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]),
    "categorical_crossentropy": (SHARES, np.arange(7) % 3),
    "hinge": (A, np.arange(7) % 3),
    "squared_hinge": (A, np.arange(7) % 3),
    "poisson": (np.exp(A), np.arange(21.0).reshape(7, 3)),
    "softmax_crossentropy": (A, np.arange(7) % 3),
    "half_squared_error": (A[:, :1], A[:, 1:2]),
}


@pytest.mark.parametrize("name", sorted(activations.ACTIVATIONS))
def test_built_in_activations(name):
    assert check_gradient(name, tolerance=1e-5) < 1e-5
    assert check_gradient(name, A, tolerance=1e-5) < 1e-5


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_built_in_losses(name):
    a, y = TARGETS.get(name, (A, A[::-1]))
    assert check_gradient(name, a, y, tolerance=1e-5) < 1e-5


class Cubic:
    name = "cubic"

    def __init__(self, factor=3.0):
        self.factor = factor

    def value(self, z):
        return z**3

    def derivative(self, z, a):
        return self.factor * z**2


class Cosh:
    """log cosh(a - y), summed over outputs."""

    name = "log_cosh"

    def value(self, y, a):
        return np.log(np.cosh(a - y)).sum(axis=1)

    def derivative(self, y, a):
        return np.tanh(a - y)


def test_own_functions():
    assert check_gradient(Cubic(), tolerance=1e-5) < 1e-5
    assert check_gradient(Cosh(), A, A[::-1], tolerance=1e-5) < 1e-5


def test_the_error_is_relative():
    assert check_gradient(Cubic(3.003), [1.0, 2.0]) == pytest.approx(1e-3, rel=2e-3)
    assert check_gradient(Cubic(3.003), [1e4, 2e4]) == pytest.approx(1e-3, rel=2e-3)


def test_a_wrong_derivative_is_named():
    with pytest.raises(GradientError, match=r"cubic: .* a\[0\] = 1: it says 4, .* 3; 2 of 2 places"):
        check_gradient(Cubic(4.0), [1.0, 2.0], tolerance=1e-5)

    class Wrong(Cosh):
        def derivative(self, y, a):
            d = super().derivative(y, a)
            d[2, 1] *= -1
            return d

    with pytest.raises(GradientError, match=r"log_cosh: .* a\[2, 1\]"):
        check_gradient(Wrong(), A, A[::-1], tolerance=1e-5)


def test_kinks_take_any_slope_between():
    class Relu(Cubic):
        def value(self, z):
            return np.maximum(z, 0)

        def derivative(self, z, a):
            return np.where(z == 0, self.factor, z > 0)

    for slope in (0.0, 0.5, 1.0):
        assert check_gradient(Relu(slope), [-1.0, 0.0, 1.0]) < 1e-9
    assert check_gradient(Relu(1.5), [-1.0, 0.0, 1.0]) > 0.3


def test_an_activation_must_not_mix_units():
    class RowMean(Cubic):
        def value(self, z):
            return z - z.mean(axis=1, keepdims=True)

        def derivative(self, z, a):
            return np.full_like(z, 1 - 1 / z.shape[1])

    assert check_gradient(RowMean(), A) > 0.1


def test_nan_is_an_error():
    class Hole(Cubic):
        def derivative(self, z, a):
            return np.where(z > 1.5, np.nan, 3 * z**2)

    with pytest.raises(GradientError, match=r"a\[1\]"):
        check_gradient(Hole(), [1.0, 2.0], tolerance=1e-5)


def test_wrong_shapes_and_names():
    class Mean(Cosh):
        def value(self, y, a):
            return np.mean((a - y) ** 2)

    with pytest.raises(ValueError, match=r"log_cosh.value\(y, a\) must return shape \(7,\)"):
        check_gradient(Mean(), A, A)
    with pytest.raises(ValueError, match="one of"):
        check_gradient("tanhh")
    with pytest.raises(TypeError, match="derivative"):
        check_gradient(np.tanh)
    with pytest.raises(ValueError, match="NaN"):
        check_gradient(Cubic(), [np.nan])


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("mse", np.zeros((3, 2)), "targets for a of shape .3, 4.: y has 2 columns"),
        ("mse", np.zeros((2, 4)), "one row for each of the 3 samples"),
        ("categorical_crossentropy", np.array([0, 1, 9]), "labels from 0 to 3"),
    ],
)
def test_targets_that_do_not_fit_are_told(loss, y, message):
    with pytest.raises(ValueError, match=message):
        check_gradient(loss, np.full((3, 4), 0.25), y)
