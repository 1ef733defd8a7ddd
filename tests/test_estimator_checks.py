"""scikit-learn's check_estimator, with default and with unusual parameters."""

import pytest
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

# Samples of different number or order make other mini-batches, dropout masks and held-out parts: these fits
# cannot be equal to rounding, nor are scikit-learn's.
SPLITS = "weights and repetitions fall into different batches or parts"
STOCHASTIC = {
    "check_sample_weight_equivalence_on_dense_data": SPLITS,
    "check_sample_weight_equivalence_on_sparse_data": SPLITS,
}
# The loss of a batch is divided by its sum of weights, as in scikit-learn and PyTorch, so that a weight
# counts against the others of its batch only: batches of 7 hold too few. Likewise the score of five samples
# held out, of which one outweighs all others.
SMALL_PARTS = STOCHASTIC | {"check_class_weight_classifiers": "a weight counts within its batch or part"}

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


def expected(estimator):
    loss_decides = estimator.monitor == "val_loss" or not isinstance(estimator, MLPClassifier)
    return STOCHASTIC if estimator.batch_size == "auto" and loss_decides else SMALL_PARTS


@parametrize_with_checks(MINI_BATCH, expected_failed_checks=expected)
def test_mini_batch(estimator, check):
    check(estimator)


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
