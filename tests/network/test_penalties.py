"""Penalties on a whole network: λ Σ W² added once to the mean loss, whatever the batch's size."""

import numpy as np
import pytest

from fastmlp import L1, L1L2, L2, LBFGS, SGD, Adam, Concatenate, Dense, Network, fit_many, load, losses, save
from fastmlp.graph import unroll

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.standard_normal((23, 4)), RANDOM.standard_normal((23, 2))
LABELS = np.arange(23) % 2


class Squares:
    """A user's loss: its nets are trained in NumPy."""

    name = "squares"

    def value(self, y, a):
        return ((a - y) ** 2).mean(axis=1)

    def derivative(self, y, a):
        return (a - y) * 2 / a.shape[1]


def network(reg, dtype=None, frozen=False, **of_layers):
    model = Network(random_state=1, reg=reg, dtype=dtype)
    a = model.add(Dense(5, "tanh", trainable=not frozen, **of_layers))
    model.add(Concatenate([a, "input"]))
    model.add(Dense(2, **of_layers))
    return model


def penalty(model, l1=0.0, l2=0.0):
    return sum(l1 * np.abs(W).sum() + l2 * (W**2).sum() for W in model.coefs_)


@pytest.mark.parametrize("reg", [L2(0.1), L1(0.03), L1L2(0.03, 0.1)], ids=str)
@pytest.mark.parametrize(
    "loss", ["mse", "sse", losses.SoftmaxCrossentropy(), Squares()], ids=lambda f: str(f)[:20]
)
def test_gradients_are_those_of_the_penalised_loss(loss, reg):
    """Central differences of `evaluate` and of the penalty, beside penalties of the layers."""
    model, y = network(reg, l2=0.3).build(4), LABELS if "Softmax" in str(loss) else Y
    gradients, weights, step = model.gradients(X, y, loss=loss), model.get_weights(), 1e-6
    divisor = 1.0 if loss == "sse" else len(X)  # of the layers' own

    def value():
        model.set_weights(weights)
        return (
            model.evaluate(X, y, loss=loss)["loss"]
            + penalty(model, reg.l1, reg.l2)
            + penalty(model, l2=0.15) / divisor
        )

    for array, gradient in zip(weights, gradients, strict=True):
        for i in np.ndindex(array.shape):
            kept, values = array[i], []
            for sign in (1, -1):
                array[i] = kept + sign * step
                values.append(value())
            array[i] = kept
            assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[i], abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("loss", ["mse", Squares()], ids=["native", "own"])
@pytest.mark.parametrize("batch_size", [1, 5, 16, 23, None])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_history_reports_it_and_every_batch_has_the_same(loss, batch_size, weighted):
    """At next to no rate: the mean over samples of their losses, and once the penalty."""
    weights = RANDOM.uniform(0.5, 2, 23) if weighted else None
    model = network(L2(0.1)).build(4)
    told = model.evaluate(X, Y, loss=loss, sample_weight=weights)["loss"] + penalty(model, l2=0.1)
    model.fit(X, Y, loss=loss, optimizer=SGD(1e-300), batch_size=batch_size, sample_weight=weights)
    assert model.loss_curve_[0] == pytest.approx(told, rel=1e-12)
    assert model.evaluate(X, Y, loss=loss, sample_weight=weights)["loss"] < told - 0.5


@pytest.mark.parametrize("units", [3, 70])
def test_one_step_of_each_batch_size(units):
    """W - rate (gradient of the data + 2 λ W), in all regimes."""
    for n in (1, 2, 23):
        plain, held = (
            Network([Dense(units), Dense(2)], random_state=0, reg=reg).build(4) for reg in (None, L2(0.4))
        )
        start = plain.coefs_[0].copy()
        for model in (plain, held):
            model.fit(X[:n], Y[:n], loss="mse", optimizer=SGD(0.1), batch_size=n)
        np.testing.assert_allclose(held.coefs_[0], plain.coefs_[0] - 0.1 * 0.8 * start, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(held.intercepts_[0], plain.intercepts_[0], rtol=1e-12)


def test_it_is_a_layers_own_where_batches_are_alike():
    """2 λ times the batch's size is the same as `Dense`'s l2, unless the last batch is smaller."""
    for n, alike in ((20, True), (23, False)):
        ours = network(L2(0.01)).fit(X[:n], Y[:n], epochs=5, batch_size=5)
        theirs = network(None, l2=2 * 0.01 * 5).fit(X[:n], Y[:n], epochs=5, batch_size=5)
        np.testing.assert_allclose(ours.loss_curve_[:1], theirs.loss_curve_[:1], rtol=1e-12 if alike else 0.2)
        assert np.allclose(ours.params, theirs.params, rtol=1e-9) == alike


def test_frozen_layers_and_biases_have_none():
    model = network(L2(10.0), frozen=True).build(4)
    before = model.get_weights()
    model.fit(X, Y, loss="mse", optimizer=SGD(0.01), epochs=30, batch_size=None)
    assert (model.get_weights()[0] == before[0]).all() and np.abs(model.coefs_[1]).max() < 0.05
    assert model.loss_curve_[-1] < model.evaluate(X, Y)["loss"] + 0.1
    assert np.abs(model.intercepts_[1]).max() > 0.03


def test_small_nets_side_by_side_are_those_alone():
    def make(lam):
        return Network([Dense(3, "tanh"), Dense(2)], random_state=0, reg=L2(lam))

    weights = RANDOM.uniform(0.5, 2, 23)
    how = dict(epochs=3, batch_size=1, loss="mse", optimizer=SGD(0.05), sample_weight=weights)
    for lams in ([0.1] * 9, [0.1] * 5 + [0.0] * 5):
        alone = [make(lam).fit(X, Y, **how) for lam in lams]
        together = fit_many([make(lam) for lam in lams], X, Y, **how)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one.params, other.params)
            assert one.loss_curve_ == other.loss_curve_


def test_lbfgs_finds_where_the_gradient_vanishes():
    model = Network([Dense(2)], random_state=0, reg=L2(0.5)).fit(
        X, Y, loss="mse", optimizer=LBFGS(), epochs=200
    )
    assert max(np.abs(g).max() for g in model.gradients(X, Y)) < 1e-4
    # ridge regression: mean over samples and outputs of e^2 + λ Σ W²
    centred, target = X - X.mean(axis=0), Y - Y.mean(axis=0)
    expected = np.linalg.solve(centred.T @ centred + 0.5 * 23 * 2 * np.eye(4), centred.T @ target)
    np.testing.assert_allclose(model.coefs_[0], expected, atol=1e-4)


@pytest.mark.parametrize("suffix", ["safetensors", "dill"])
def test_files_keep_it(suffix, tmp_path):
    path = tmp_path / f"model.{suffix}"
    for reg in (L2(0.1), L1L2(0.01, 0.2), None):
        model = network(reg).fit(X, Y, epochs=2, optimizer=Adam())
        save(model, path, training_state=True)
        other = load(path, **({"trusted": True} if suffix == "dill" else {}))
        assert other.reg == reg and repr(other) == repr(model)
        assert (other.fit(X, Y).params == model.fit(X, Y).params).all()


def test_unrolled_and_drawn():
    model = network(L1L2(0.02, 0.1)).build(4)
    graph = unroll(model, X[0], Y[0], loss="mse")
    expected = model.evaluate(X[:1], Y[:1], loss="mse")["loss"] + penalty(model, 0.02, 0.1)
    assert graph.loss.value == pytest.approx(expected, rel=1e-12)
    for ours, kernels in zip(graph.gradients(), model.gradients(X[:1], Y[:1], loss="mse"), strict=True):
        np.testing.assert_allclose(ours, kernels, rtol=1e-9, atol=1e-12)
    texts = [text.get_text() for text in network(L2(0.001)).plot_graph("mse").texts]
    assert {"λ Σ ·² W1", "λ Σ ·² W2", "0.001", "+"} <= set(texts) and not any("|·|" in t for t in texts)


@pytest.mark.parametrize("wrong", [0.1, "l2", L2, (0.1, 0.2)])
def test_what_is_no_penalty(wrong):
    with pytest.raises(
        TypeError, match=r"reg must be L1\(lam\), L2\(lam\), L1L2\(l1, l2\) or None; got .*: L2\(0"
    ):
        Network(reg=wrong)


def test_its_strength_and_name():
    for make in (L1, L2, lambda lam: L1L2(l2=lam)):
        for wrong in (-1.0, np.nan, np.inf):
            with pytest.raises(ValueError, match="must be a finite number"):
                make(wrong)
    with pytest.raises(AttributeError):
        Network(reg=L2(0.1)).reg = None
    with pytest.raises(TypeError, match="did you mean 'reg'"):
        Network(regularizer=L2(0.1))
