"""Initial weights: their bounds and spreads, numbers, scales, and those of single neurons."""

import numpy as np
import pytest

from fastmlp import Dense, LinearPerceptron, Network, Perceptron, TanhPerceptron, initializers


def drawn(seed=0, **options):
    return Network([Dense(50, input_dim=400, **options)], random_state=seed).build().get_weights()


def test_a_number_is_every_weight():
    weights, bias = drawn(initializer=0.01, bias_initializer=-2)
    assert (weights == 0.01).all() and (bias == -2).all()
    with pytest.raises((TypeError, ValueError), match="initializer"):
        Dense(3, initializer=True)


def test_torch_draws_weights_and_biases_within_one_over_the_root_of_the_inputs():
    weights, bias = drawn(initializer="torch")
    bound = 1 / np.sqrt(400)
    assert bound * 0.99 < np.abs(weights).max() <= bound and abs(weights.std() - bound / 3**0.5) < bound / 50
    assert bound * 0.8 < np.abs(bias).max() <= bound
    assert not drawn(initializer="torch", bias_initializer="zeros")[1].any()


def test_random_is_standard_normal():
    weights, bias = drawn(initializer="random")
    assert abs(weights.std() - 1) < 0.02 and abs(weights.mean()) < 0.02 and not bias.any()


@pytest.mark.parametrize("name", ["glorot_uniform", "random", "torch", "orthogonal"])
def test_a_scale_multiplies_what_is_drawn(name):
    scaled = drawn(initializer=initializers.Scaled(name, 0.01))
    for mine, whole in zip(scaled, drawn(initializer=name), strict=True):
        np.testing.assert_allclose(mine, 0.01 * whole, rtol=1e-12)


@pytest.mark.parametrize("cls", [Perceptron, LinearPerceptron, TanhPerceptron])
def test_neurons_start_where_they_are_told(cls):
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = np.where(X[:, 0] > 0, 1, -1)

    def start(**options):
        model = cls(max_iter=1, tol=None, record="epoch", random_state=3).fit(X, y, **options)
        return np.ravel(model.coef_history_[0]), np.ravel(model.intercept_history_[0])

    coef, intercept = start(coef_init="random", intercept_init=0.5)
    np.testing.assert_allclose(coef, np.random.RandomState(3).normal(size=3))
    assert intercept == [0.5]
    again = start(coef_init=initializers.Normal(0, 1))[0]
    np.testing.assert_array_equal(again, coef)
    assert not start()[0].any()
    with pytest.raises(ValueError, match="coef_init must be"):
        start(coef_init="randon")
