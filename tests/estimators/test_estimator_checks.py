"""scikit-learn's check_estimator, with default and with unusual parameters."""

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastmlp import (
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    TanhPerceptron,
    losses,
    optimizers,
)

pytestmark = pytest.mark.filterwarnings("ignore")

# Where all weights are 1, these two ask that the order of the rows does not matter. To scikit-learn's fits
# with mini-batches or a part held out it does, and ours are the same.
ORDER = "the order of the rows decides which share a batch or are held out"
STOCHASTIC = {
    "check_sample_weight_equivalence_on_dense_data": ORDER,
    "check_sample_weight_equivalence_on_sparse_data": ORDER,
}

FULL_BATCH = [
    MLPClassifier(),
    MLPRegressor(),
    MLPClassifier((), solver="rprop"),
    MLPClassifier(solver="lbfgs", max_iter=30),
    MLPRegressor(solver="lbfgs", max_iter=30),
    MLPClassifier((5, 4), ["tanh", "elu"], loss="hinge", initializer="he_normal"),
    MLPClassifier(
        (8,), loss="squared_error", out_activation="tanh", solver="rmsprop", learning_rate_init=0.01
    ),
    MLPClassifier((8,), out_activation="identity", monitor="loss", class_weight="balanced"),
    MLPClassifier((8,), out_activation="logistic", metrics=("accuracy",), dtype="float64"),
    MLPRegressor(losses.Huber(0.5), (8,), ["leaky_relu"], weight_decay=1e-3, clip_norm=1.0),
    MLPRegressor("quantile", (8,), solver=optimizers.Momentum(0.01), n_threads=1),
    MLPRegressor("poisson", (6, 5), "tanh", solver="amsgrad", learning_rate_init=0.01),
    MLPClassifier((), solver="momentum", learning_rate_init=0.05, loss="hinge", initializer="lecun_normal"),
]
MINI_BATCH = [
    MLPClassifier(early_stopping=True),
    MLPClassifier(early_stopping=True, monitor="val_loss"),
    MLPRegressor(early_stopping=True),
    MLPClassifier((8,), solver="sgd", learning_rate_init=0.05, batch_size=7, learning_rate="adaptive"),
    MLPRegressor("absolute_error", 8, batch_size=7, dropout=0.1, dtype="float32"),
]


@parametrize_with_checks(FULL_BATCH)
def test_full_batch(estimator, check):
    check(estimator)


@parametrize_with_checks(MINI_BATCH, expected_failed_checks=lambda estimator: STOCHASTIC)
def test_mini_batch(estimator, check):
    check(estimator)


def pair(estimator):
    """scikit-learn's estimator and ours, with all parameters that scikit-learn has."""
    theirs, ours = getattr(neural_network, type(estimator).__name__), type(estimator)
    params = {
        name: value
        for name, value in estimator.get_params().items()
        if name in theirs().get_params() and name != "loss"
    }
    return theirs(**params), ours(**params)


@pytest.mark.parametrize("name", STOCHASTIC)
@pytest.mark.parametrize("estimator", MINI_BATCH, ids=str)
def test_expected_failures_fail(estimator, name):
    """Ours do, and scikit-learn's."""
    for model in (estimator, *pair(estimator)):
        with pytest.raises((AssertionError, ZeroDivisionError)):
            getattr(estimator_checks, name)(type(model).__name__, model)


@pytest.mark.parametrize("estimator", MINI_BATCH, ids=str)
def test_order_matters_to_scikit_learn(estimator):
    """Nothing can give scikit-learn's results for every order of the rows, and the same for all orders."""
    rng = np.random.RandomState(0)
    X, y = rng.uniform(size=(40, 5)), np.arange(40) % 2
    weights = []
    for order in (slice(None), slice(None, None, -1)):
        theirs, ours = (
            model.set_params(random_state=0, max_iter=20).fit(X[order], y[order]) for model in pair(estimator)
        )
        np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-6, atol=1e-9)
        weights.append(theirs.coefs_[0])
    assert not np.allclose(*weights, rtol=1e-3, atol=1e-3)


# These reach the one set of weights that fits the check's 15 samples exactly, in whatever order they come.
NEURONS = [
    LinearPerceptron(),
    LinearPerceptron(eta0=0.05, max_iter=20000, epsilon=1e-28, record="epoch"),
    TanhPerceptron(activation="logistic", scale_targets=(-1, 3), eta0=1.0, max_iter=20000, record="epoch"),
]
# These do not, so that what they learn depends on the samples' order, which the check changes. scikit-learn
# expects the same of its own Perceptron, which ours equals update for update.
ORDER = "online learning depends on the order of the samples, which repetition changes"
BY_ORDER = {
    "check_sample_weight_equivalence_on_dense_data": ORDER,
    "check_sample_weight_equivalence_on_sparse_data": ORDER,
}
NEURONS_BY_ORDER = [
    Perceptron(),
    Perceptron(tol=1e-3, epsilon=0, class_weight="balanced", eta0=0.3, shuffle=False, max_iter=50),
    Perceptron(max_iter=20, record="update", intercept_decay=0.5, n_iter_no_change=2),
    TanhPerceptron(),
    TanhPerceptron(activation="logistic", beta=2, max_iter=20, record="update"),
    TanhPerceptron(scale_targets=False, fit_intercept=False, shuffle=False, tol=1e-4),
]


@parametrize_with_checks(NEURONS)
def test_neurons(estimator, check):
    check(estimator)


@parametrize_with_checks(NEURONS_BY_ORDER, expected_failed_checks=lambda estimator: BY_ORDER)
def test_neurons_that_depend_on_order(estimator, check):
    check(estimator)
