"""An optimizer's memory is its own: another kind, or other constants, start anew; a new rate does not."""

from dataclasses import replace

import numpy as np
import pytest

from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, optimizers

X = np.random.RandomState(0).randn(60, 4)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = [name for name in optimizers.OPTIMIZERS if name != "lbfgs"]
RING = list(zip(NAMES, [*NAMES[1:], NAMES[0]], strict=True))
PAIRS = [pair for a, b in RING for pair in ((a, b), (b, a))] + [("adam", "rmsprop"), ("rmsprop", "adam")]


def network(dtype=None):
    return Network([Dense(5, "tanh"), Dense(1, "logistic")], random_state=0, dtype=dtype)


def go_on(model, **options):
    """Two steps from the weights of a model, in its dtype, as if nothing had been before."""
    fresh = network(model.params.dtype).build(4)
    fresh.set_weights(model.get_weights())
    fresh.n_epochs_ = model.n_epochs_
    return fresh.fit(X, Y, epochs=2, shuffle=False, **options).params


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize(("before", "after"), [*RING, ("adam", "rmsprop")])
def test_another_kind_starts_anew(kernels, before, after, batch_size):
    model = network(kernels.dtype).fit(X, Y, epochs=2, batch_size=batch_size, optimizer=before)
    expected = go_on(model, batch_size=batch_size, optimizer=after)
    model.fit(X, Y, epochs=2, shuffle=False, batch_size=batch_size, optimizer=after)
    np.testing.assert_array_equal(model.params, expected)


@pytest.mark.parametrize("other", [
    optimizers.Adam(0.01, 0.8), optimizers.Adam(0.01, epsilon=1e-4), optimizers.Adam(0.01, weight_decay=0.1),
    optimizers.AdamW(0.01, weight_decay=0.0),
])  # fmt: skip
def test_other_constants_start_anew(other):
    model = network().fit(X, Y, epochs=2, optimizer=optimizers.Adam(0.01))
    expected = go_on(model, optimizer=other)
    np.testing.assert_array_equal(model.fit(X, Y, epochs=2, shuffle=False, optimizer=other).params, expected)


@pytest.mark.parametrize("name", NAMES)
def test_another_rate_goes_on(name):
    """In two fits what one fit is; the memory's steps are counted on."""
    kind = optimizers.get(name)
    model = network().fit(X, Y, epochs=2, shuffle=False, optimizer=kind)
    one = network().fit(X, Y, epochs=4, shuffle=False, optimizer=kind)
    memory = model.learning.optimizer_state
    model.fit(X, Y, epochs=2, shuffle=False, optimizer=replace(kind, learning_rate=kind.learning_rate))
    assert model.learning.optimizer_state is memory and memory.step == 8
    np.testing.assert_array_equal(model.params, one.params)


def test_lbfgs_between_starts_anew():
    model = network().fit(X, Y, epochs=2, optimizer="adam").fit(X, Y, epochs=2, optimizer="lbfgs")
    expected = go_on(model, optimizer="adam")
    np.testing.assert_array_equal(model.fit(X, Y, epochs=2, shuffle=False, optimizer="adam").params, expected)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_an_estimator_that_changes_its_solver(kind, before, after):
    """`partial_fit` with another solver is what it is with no solver before; and the weights move."""
    options = dict(hidden_layer_sizes=(5,), shuffle=False, random_state=0)
    model = kind(solver=before, **options)
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    for _ in range(3):
        model.partial_fit(X, Y, **first)
    weights = [w.copy() for w in model.coefs_]
    fresh = kind(solver=after, **options).partial_fit(X, Y, **first)
    for own, given in zip((*fresh.coefs_, *fresh.intercepts_), (*weights, *model.intercepts_), strict=True):
        own[:] = given
    fresh._optimizer = None
    model.set_params(solver=after)
    for one in (model, fresh):
        one.partial_fit(X, Y)
    assert model._optimizer.step == 1
    for own, theirs, old in zip(model.coefs_, fresh.coefs_, weights, strict=True):
        np.testing.assert_array_equal(own, theirs)
        assert np.abs(own - old).max() > 1e-5


def test_memory_is_forgotten_where_training_diverged():
    """Its moments are of steps that led nowhere: the next fit goes on from the last finite weights."""
    model = Network([Dense(3, "tanh"), Dense(1)], random_state=0, dtype="float32")
    model.fit(X, Y, epochs=2, optimizer="momentum", loss="mse")
    with pytest.warns(RuntimeWarning, match="not finite"):
        model.fit(X, Y * 1e30, epochs=2, optimizer="momentum", loss="mse")
    assert np.isfinite(model.params).all() and not model.learning.optimizer_state.arrays.any()
    weights = model.params.copy()
    model.fit(X, Y, epochs=2, optimizer="momentum", loss="mse")
    assert np.isfinite(model.params).all() and not np.array_equal(model.params, weights)
