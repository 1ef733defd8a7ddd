"""Network: put together, trained, used, and wrong input refused."""

import copy
import pickle
import re

import numpy as np
import pytest
from scipy.sparse import csr_array

from fastmlp import (
    LBFGS,
    SGD,
    Adam,
    Concatenate,
    Dense,
    DivergenceWarning,
    Dropout,
    Momentum,
    Network,
    NotBuiltError,
    Rprop,
    activations,
    losses,
    schedules,
)  # fmt: skip
from fastmlp.activations import ACTIVATIONS, Tanh
from fastmlp.network.epoch_end import operations
from fastmlp.network.preparation import CHECKED_LATE

XOR = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
XOR_Y = np.array([-1.0, 1.0, 1.0, -1.0])


def data(n=40, n_features=5, n_outputs=2, seed=0):
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((n, n_features))
    return x, np.tanh(x @ rng.standard_normal((n_features, n_outputs)))


def small(**options):
    return Network([Dense(6, "tanh"), Dense(2)], random_state=0, **options)


def test_the_snippet_learns_xor():
    model = Network(random_state=2)
    model.add(Dense(units=2, activation="tanh", input_dim=2))
    model.add(Dense(units=1, activation="tanh"))
    model.fit(XOR, XOR_Y, epochs=3000, loss="mse", optimizer=SGD(0.1), batch_size=4)
    assert (np.sign(model.predict(XOR)).ravel() == XOR_Y).all()
    assert len(model.loss_curve_) == 3000
    assert model.loss_curve_[-1] < 0.05 < model.loss_curve_[0]


def test_a_neuron_that_sees_hidden_and_inputs_learns_xor():
    model = Network(random_state=0)
    hidden = model.add(Dense(units=1, activation="tanh", input_dim=2))
    model.add(Concatenate([hidden, "input"]))
    model.add(Dense(units=1, activation="tanh"))
    model.fit(XOR, XOR_Y, epochs=3000, loss="mse", optimizer=SGD(0.1), batch_size=4)
    assert [w.shape for w in model.get_weights()] == [(2, 1), (1,), (3, 1), (1,)]
    assert (np.sign(model.predict(XOR)).ravel() == XOR_Y).all()


LOSSES = [
    ("mse", "identity"), ("half_squared_error", "tanh"), ("sse", "softplus"),
    ("binary_crossentropy", "logistic"),
    ("binary_crossentropy", "identity"), ("categorical_crossentropy", "softmax"),
    ("categorical_crossentropy", "identity"), ("squared_hinge", "identity"), ("huber", "identity"),
    ("softmax_crossentropy", "relu"), (losses.SoftmaxCrossentropy(0.1), "logistic"),
    ("poisson", "exp"), ("mse", "softmax"), ("mse", "logistic"), ("poisson", "softplus"),
    (losses.CategoricalCrossentropy(0.1), "softmax"), (losses.BinaryCrossentropy(0.2), "logistic"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_gradients_are_those_of_the_loss(loss, output):
    """Central differences of `evaluate`, through every kind of output and a concatenation."""
    model = Network(random_state=3)
    a = model.add(Dense(4, Tanh(0.7)))
    b = model.add(Dense(3, "silu"), after="input")
    model.add(Dense(3, output), after=[b, a, "input"])
    x, _ = data(7, 4)
    y = np.eye(3)[np.arange(7) % 3]
    found = model.build(4).gradients(x, y, loss=loss)
    scale = (
        1.0 if getattr(losses.get(loss), "name", "") != "half_squared_error" else 3.0
    )  # of the sum, not the mean
    weights = model.get_weights()
    step = 1e-6
    for array, gradient in zip(weights, found, strict=True):
        for i in np.ndindex(array.shape):
            values = []
            for sign in (1, -1):
                array[i] += sign * step
                values.append(model.set_weights(weights).evaluate(x, y, loss=loss)["loss"])
                array[i] -= sign * step
            assert scale * (values[0] - values[1]) / (2 * step) == pytest.approx(
                gradient[i], abs=2e-7, rel=1e-6
            )


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax", "step"}))
def test_readable_formulas_agree_with_the_kernels(name):
    activation = ACTIVATIONS[name]()
    model = Network([Dense(5, activation, initializer="normal")], random_state=0).build(3)
    x = 30 * data(20, 3)[0]
    z = x @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_allclose(model.predict(x), activation.value(z), rtol=1e-12, atol=1e-14)
    step = 1e-6
    slope = (activation.value(z + step) - activation.value(z - step)) / (2 * step)
    np.testing.assert_allclose(activation.derivative(z, activation.value(z)), slope, rtol=1e-4, atol=1e-5)


def test_labels_one_hot_and_weights_say_the_same():
    x, _ = data(30, 4)
    labels = np.arange(30) % 3
    models = []
    for y, weights in ((labels, None), (np.eye(3)[labels], None), (labels.astype(float), np.ones(30))):
        net = Network([Dense(5, "relu"), Dense(3, "softmax")], random_state=0)
        models.append(net.fit(x, y, epochs=3, batch_size=8, sample_weight=weights))
    for other in models[1:]:
        np.testing.assert_allclose(other.params, models[0].params, rtol=1e-12)
    assert models[0].evaluate(x, labels, metrics="accuracy")["accuracy"] == np.mean(
        models[0].predict(x).argmax(axis=1) == labels
    )


def test_fit_goes_on_where_it_stopped():
    x, y = data()
    whole = small().fit(x, y, epochs=6, batch_size=8, optimizer=Adam(0.01), shuffle=False)
    parts = small()
    for epochs in (1, 2, 3):
        parts.fit(x, y, epochs=epochs, batch_size=8, optimizer=Adam(0.01), shuffle=False)
    np.testing.assert_array_equal(parts.params, whole.params)
    assert parts.loss_curve_ == whole.loss_curve_


def test_another_optimizer_starts_without_memory():
    x, y = data()
    one = small().fit(x, y, epochs=2, optimizer=Momentum(0.01), shuffle=False)
    two = small().set_weights(one.get_weights())
    one.fit(x, y, epochs=1, optimizer=Momentum(0.01, 0.5), shuffle=False)
    two.fit(x, y, epochs=1, optimizer=Momentum(0.01, 0.5), shuffle=False)
    np.testing.assert_array_equal(one.params, two.params)


def test_train_on_batch_is_a_step_of_fit():
    x, y = data(16)
    fitted = small().fit(x, y, epochs=3, batch_size=16, shuffle=False)
    stepped = small()
    reported = [stepped.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_array_equal(stepped.params, fitted.params)
    assert reported == fitted.loss_curve_


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_nothing(n_threads):
    x, y = data(300, 64)
    layers = [Dropout(0.1), Dense(96, "relu"), Dropout(0.3), Dense(2)]
    one, more = (
        Network(copy.deepcopy(layers), random_state=0).fit(x, y, epochs=2, batch_size=64, n_threads=n)
        for n in (1, n_threads)
    )
    np.testing.assert_array_equal(one.params, more.params)
    np.testing.assert_array_equal(one.predict(x, n_threads=1), more.predict(x, n_threads=n_threads))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_dtype_follows_the_input_which_is_left_alone(dtype):
    x = np.random.RandomState(0).randint(0, 255, (20, 5)).astype(dtype)
    before = x.copy()
    x.flags.writeable = False
    model = Network([Dense(3, "tanh"), Dense(1)], random_state=0, input_scale=1 / 255)
    model.fit(x, x[:, 0] / 255, epochs=2)
    assert model.params.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert model.predict(x).dtype == model.params.dtype
    np.testing.assert_array_equal(x, before)
    same = Network([Dense(3, "tanh"), Dense(1)], random_state=0, dtype=model.params.dtype)
    same.fit(x.astype(np.float64) / 255, x[:, 0] / 255, epochs=2)
    np.testing.assert_allclose(model.params, same.params, rtol=1e-5, atol=1e-6)


def test_strides_and_sparse_rows_say_the_same():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    x, y = data(50, 8)
    x[x < 0.5] = 0
    dense = small().fit(x, y, epochs=3)
    for form in (
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        scipy_sparse.csr_matrix(x),
        scipy_sparse.csc_array(x),
    ):
        model = small().fit(form, y, epochs=3)
        np.testing.assert_allclose(model.params, dense.params, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model.predict(form), dense.predict(x), rtol=1e-9, atol=1e-12)


def test_lbfgs_and_rprop_find_the_minimum():
    x, _ = data(60, 4, 1)
    y = x @ np.array([1.0, -2.0, 0.5, 3.0]) + 0.25
    for optimizer, epochs in ((LBFGS(tol=1e-10), 200), (Rprop(0.01), 400)):
        model = Network([Dense(1)], random_state=0)
        model.fit(x, y, epochs=epochs, batch_size=None, loss="mse", optimizer=optimizer)
        np.testing.assert_allclose(model.coefs_[0].ravel(), [1.0, -2.0, 0.5, 3.0], atol=1e-3)
        assert model.evaluate(x, y)["loss"] < 1e-6
        assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_schedules_reach_the_kernels():
    x, y = data()
    model = small().fit(x, y, epochs=4, optimizer=SGD(schedules.Exponential(0.1, 0.5)), shuffle=False)
    assert model.history_["learning_rate"] == [0.1, 0.05, 0.025, 0.0125]
    by_hand = small()
    for rate in (0.1, 0.05, 0.025, 0.0125):
        by_hand.fit(x, y, epochs=1, optimizer=SGD(rate), shuffle=False)
    np.testing.assert_allclose(by_hand.params, model.params, rtol=1e-12)
    cycle = [schedules.OneCycle(1.0, 10)(e) for e in range(10)]
    assert max(cycle) == pytest.approx(1.0) and cycle[0] == pytest.approx(0.04) and cycle[-1] < 1e-5
    assert schedules.Cosine(1.0, 10)(5) == pytest.approx(0.5)
    assert schedules.StepDecay(1.0, 3)(7) == pytest.approx(0.01)
    assert schedules.InverseScaling(1.0)(3) == pytest.approx(0.5)


def test_plateau_slows_down_and_stops():
    x, y = data()
    plateau = schedules.Plateau(0.1, factor=0.1, patience=2, tol=10.0, min_rate=1e-3)
    model = small().fit(x, y, epochs=50, optimizer=SGD(plateau))
    rates = model.history_["learning_rate"]
    assert rates[0] == 0.1 and rates[-1] == pytest.approx(1e-3)
    assert len(rates) < 20


def test_history_is_the_same_whenever_it_is_read():
    x, y = data()
    late, early = small(), small()
    for epochs, optimizer in ((3, SGD(0.1)), (2, SGD(0.05))):
        late.fit(x, y, epochs=epochs, optimizer=optimizer, loss="mse")
        early.fit(x, y, epochs=epochs, optimizer=optimizer, loss="mse")
        assert len(early.loss_curve_) >= 3
    copied = pickle.loads(pickle.dumps(late))
    for model in (late, copied):
        assert model.loss_curve_ == early.loss_curve_ and all(
            type(loss) is float for loss in model.loss_curve_
        )
        assert model.history_["learning_rate"] == [0.1] * 3 + [0.05] * 2
        assert len(model.history_["seconds"]) == 5 and min(model.history_["seconds"]) > 0


def test_curves_of_several_fits_are_by_epoch():
    """What a fit did not measure is NaN there: entry k of each curve is epoch k + 1's."""
    x, y = data(40)
    model = small()
    for asked in ({}, dict(metrics="mse", validation_data=(x, y)), dict(metrics="mae")):
        model.fit(x, y, epochs=2, loss="mse", **asked)
    history = model.history_
    assert {len(curve) for curve in history.values()} == {6}
    measured = {name: np.flatnonzero(np.isfinite(curve)).tolist() for name, curve in history.items()}
    everywhere = [0, 1, 2, 3, 4, 5]
    assert measured == {
        "loss": everywhere,
        "learning_rate": everywhere,
        "seconds": everywhere,
        "mse": [2, 3],
        "val_loss": [2, 3],
        "val_mse": [2, 3],
        "mae": [4, 5],
    }
    assert history["val_loss"][3] == history["val_mse"][3]
    whole = small().fit(x, y, epochs=6, loss="mse", shuffle=False)
    parts = small()
    for asked in ({}, dict(metrics="mse"), {}):
        parts.fit(x, y, epochs=2, loss="mse", shuffle=False, **asked)
    assert parts.loss_curve_ == whole.loss_curve_  # in the order of training, whoever looked in between


def test_history_and_metrics():
    x, y = data(40)
    model = small().fit(
        x[:30], y[:30], epochs=3, metrics=("mse", "r2"), validation_data=(x[30:], y[30:]), loss="mse"
    )
    history = model.history_
    assert set(history) == {
        "loss",
        "mse",
        "r2",
        "val_loss",
        "val_mse",
        "val_r2",
        "learning_rate",
        "seconds",
    }
    assert {len(values) for values in history.values()} == {3}
    residual = model.predict(x[30:]) - y[30:]
    assert (
        history["val_loss"][-1]
        == pytest.approx((residual**2).mean())
        == pytest.approx(history["val_mse"][-1])
    )
    assert history["val_r2"][-1] == pytest.approx(
        (1 - (residual**2).sum(0) / ((y[30:] - y[30:].mean(0)) ** 2).sum(0)).mean()
    )


def test_verbose_prints_a_line_an_epoch(capsys):
    x, y = data()
    small().fit(x, y, epochs=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert "GFLOP/s" not in lines[0]
    small().fit(x, y, epochs=2)
    assert capsys.readouterr().out == ""


def test_verbose_two_tells_the_speed(capsys):
    x, y = data()
    model = Network([Dense(3, "tanh"), Dropout(0.1), Dense(4), Dense(2)], random_state=0)
    model.fit(x, y, epochs=2, verbose=2)
    _, second = capsys.readouterr().out.splitlines()
    seconds = float(re.search(r"seconds (\S+)", second)[1])
    rate, gflops = map(float, re.search(r"  (\S+) samples/s  (\S+) GFLOP/s$", second).groups())
    assert rate == pytest.approx(len(x) / seconds, rel=2e-3)
    # forward and the weights' gradient in every layer; back through all but the first
    assert gflops == pytest.approx(rate * (2 * 2 * x.shape[1] * 3 + 3 * 2 * (3 * 4 + 4 * 2)) / 1e9, rel=2e-3)
    model.layers[-1].trainable = False
    model.obey_layers()
    assert operations(model.plan) == 2 * 2 * x.shape[1] * 3 + 3 * 2 * 3 * 4 + 2 * 2 * 4 * 2
    small().fit(x, y, epochs=1, verbose=2, optimizer="lbfgs")
    assert "GFLOP/s" not in capsys.readouterr().out, "an iteration passes over the data several times"
    with pytest.raises(TypeError, match="verbose must be an int; got 'yes'"):
        model.fit(x, y, verbose="yes")
    with pytest.raises(ValueError, match="verbose must be at least 0"):
        model.fit(x, y, verbose=-1)


def test_hidden_activations():
    x, _ = data()
    model = small().build(5)
    first = np.tanh(x @ model.coefs_[0] + model.intercepts_[0])
    for name in (0, -2, model.layers[0], "dense_1"):
        np.testing.assert_allclose(model.activations(x, name), first, rtol=1e-12)
    np.testing.assert_array_equal(model.activations(x, -1), model.predict(x))
    with pytest.raises(ValueError, match="layer must be between -2 and 1; got 2"):
        model.activations(x, 2)


@pytest.mark.parametrize("output", ["softmax", "logistic", "identity", "elu", "gelu"])
def test_to_numpy_needs_numpy_only(output):
    model = Network(random_state=0, input_scale=0.5)
    a = model.add(Dense(4, "leaky_relu"))
    model.add(Dense(3, "softplus", use_bias=False), after=[a, "input"])
    model.add(Dense(2, output))
    x, _ = data()
    function = model.build(5).to_numpy()
    np.testing.assert_allclose(function(x), model.predict(x), rtol=1e-12)
    alone = {}
    exec(function.source, alone)
    np.testing.assert_array_equal(alone["predict"](x), function(x))
    assert "fastmlp" not in function.source


def test_to_numpy_says_the_formulas_once():
    """Those of the declarations, with slopes of their own."""
    functions = [activations.Tanh(0.5), activations.Logistic(2.0), activations.Tanh(3.0), activations.SELU(),
                 activations.GELU(), activations.LeakyReLU(0.3), activations.SiLU()]  # fmt: skip
    model = Network([*(Dense(3, f) for f in functions), Dense(2, "softmax")], random_state=0).build(4)
    function, x = model.to_numpy(), np.random.RandomState(0).standard_normal((6, 4)) * 3
    np.testing.assert_allclose(function(x), model.predict(x), rtol=1e-12)
    alone = {}
    exec(function.source, alone)
    np.testing.assert_array_equal(alone["predict"](x), function(x))
    assert function.source.count("def apply_tanh(z, slope):\n    return np.tanh(slope * z)\n") == 1
    assert function.source.startswith("from math import erf, sqrt\n\nimport numpy as np\n")


def test_summary():
    model = Network(random_state=0)
    hidden = model.add(Dense(3, "tanh", name="first"))
    model.add(Dropout(0.2))
    model.add(Concatenate([hidden, "input"], name="both"))
    model.add(Dense(2, "softmax"))
    lines = []
    model.summary(lines.append)
    assert "not built" in lines[0]
    with pytest.raises(ValueError, match="dropout_2 feeds no other layer"):
        model.build(4)
    model = Network(
        [Dense(3, "tanh", name="first"), Dropout(0.2), Dense(2, "softmax")], random_state=0
    ).build(4)
    lines = []
    model.summary(lines.append)
    assert "first" in lines[0] and "4 inputs, 23 parameters, float64" in lines[0]
    assert [line.split()[-1] for line in lines[0].splitlines()[2:5]] == ["15", "0.2", "8"]
    assert "(4, 3)" in lines[0] and "(3, 2)" in lines[0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"exp"}))
def test_to_numpy_of_every_activation(name, dtype):
    """Far from 0 too: nothing overflows, and the dtype stays."""
    model = Network(
        [Dense(5, "tanh" if name == "softmax" else name), Dense(3, name)], random_state=0, dtype=dtype
    )
    x = 300 * data(40, 4)[0].astype(dtype)
    found, expected = model.build(4).to_numpy()(x), model.predict(x)
    assert found.dtype == expected.dtype == dtype
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps * max(1.0, scale))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_on_alike(copied):
    x, y = data()
    model = small().fit(x, y, epochs=2)
    other = copied(model)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    model.fit(x, y, epochs=2)
    other.fit(x, y, epochs=2)
    np.testing.assert_array_equal(other.params, model.params)
    assert other.params is not model.params


def test_initializers_have_their_spread():
    rng_bounds = {"he_uniform": (6 / 300) ** 0.5, "lecun_uniform": (3 / 300) ** 0.5}
    for name, bound in (rng_bounds | {"glorot_uniform": (6 / 500) ** 0.5}).items():
        w, b = Network([Dense(200, initializer=name)], random_state=0).build(300).get_weights()
        assert 0.98 * bound < np.abs(w).max() <= bound
        assert not b.any()
    for name, std in (("he_normal", (2 / 300) ** 0.5), ("glorot_normal", (2 / 500) ** 0.5)):
        w = Network([Dense(200, initializer=name)], random_state=0).build(300).get_weights()[0]
        assert w.std() == pytest.approx(std, rel=0.02)
    w = Network([Dense(20, initializer="orthogonal")], random_state=0).build(30).get_weights()[0]
    np.testing.assert_allclose(w.T @ w, np.eye(20), atol=1e-12)
    own = Dense(2, initializer=lambda shape, rng: np.full(shape, 7.0), bias_initializer="constant")
    w, b = Network([own], random_state=0).build(3).get_weights()
    assert (w == 7).all() and (b == 0.01).all()


def test_diverging_keeps_the_last_finite_weights():
    x, y = data()
    model = small()
    with pytest.warns(
        DivergenceWarning, match=r"epoch \d+, at learning rate 1e\+06; the largest \|x\| is 2\.55"
    ):
        model.fit(x, y, epochs=500, optimizer=SGD(1e6), batch_size=None)
    assert np.isfinite(model.params).all()
    assert np.isfinite(model.loss_curve_).all() and len(model.loss_curve_) < 500


def test_keyboard_interrupt_keeps_the_weights():
    x, y = data()

    class Interrupt:
        def on_epoch_end(self, state):
            if state.epoch == 3:
                raise KeyboardInterrupt

    model, expected = small(), small().fit(x, y, epochs=3)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(x, y, epochs=10, callbacks=[Interrupt()])
    np.testing.assert_array_equal(model.params, expected.params)
    assert model.loss_curve_ == expected.loss_curve_


def test_empty_and_single_rows():
    x, y = data()
    model = small().fit(x[:1], y[:1], epochs=2)
    assert model.predict(x[:0]).shape == (0, 2)
    np.testing.assert_array_equal(model.predict(x[3:4])[0], model.predict(x)[3])
    with pytest.raises(ValueError, match=r"x must have at least 1 sample\(s\)"):
        model.fit(x[:0], y[:0])


def test_dropout_is_off_in_prediction_and_scales_in_training():
    x = np.ones((2000, 1))
    model = Network([Dropout(0.25), Dense(1, use_bias=False)], random_state=0).build(1)
    model.set_weights([[[1.0]]])
    assert (model.predict(x) == 1).all()
    # inputs are 0 or 4/3 in training: the mean loss against 0 is (3/4)(16/9)
    model.fit(x, np.zeros(2000), epochs=1, batch_size=None, loss="mse", optimizer=SGD(1e-12))
    assert model.loss_curve_[0] == pytest.approx(4 / 3, rel=0.05)


def with_one(x, value, column=3):
    """x with such a value in row 7, and NaN in the last row."""
    x = np.where(np.abs(x) < 0.3, 0, x)
    x[7, column], x[-1, 0] = value, np.nan
    return x


BAD_DATA = [
    (lambda x, y: (x[:, :3], y), "x has 3 columns but the network expects 5"),
    (lambda x, y: (x[0], y), r"x must have 2 dimensions.*x.reshape\(1, -1\)"),
    (lambda x, y: (with_one(x, np.nan), y), "x holds NaN or infinity, first in row 7, column 3; impute"),
    (lambda x, y: (with_one(x, np.inf), y), "x holds NaN or infinity, first in row 7, column 3; impute"),
    (lambda x, y: (csr_array(with_one(x, np.nan)), y), "x holds NaN .* first in row 7, column 3; impute"),
    (lambda x, y: (x.astype(str), y), "x must hold numbers; got dtype <U"),
    (lambda x, y: (x, y[:-1]), "y must hold one row for each of the 40 samples"),
    (lambda x, y: (x, y[:, :1]), "y has 1 column but the output layer has 2 units"),
    (lambda x, y: (x, with_one(y, -np.inf, column=1)), "y holds NaN or infinity, first in row 7, column 1"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_DATA)
def test_bad_data_is_refused_and_changes_nothing(spoil, message):
    x, y = data()
    model = small().fit(x, y, epochs=1)
    before, history = model.params.copy(), len(model.loss_curve_)
    with pytest.raises(ValueError, match=message):
        model.fit(*spoil(x, y), epochs=1)
    np.testing.assert_array_equal(model.params, before)
    assert len(model.loss_curve_) == history


BAD_FIT = [
    (dict(epochs=-1), ValueError, "epochs must be at least 0; got -1"),
    (dict(epochs=1.5), TypeError, "epochs must be an int; got 1.5"),
    (dict(batch_size=0), ValueError, "batch_size must be at least 1; got 0"),
    (dict(loss="mean"), ValueError, "loss must be one of .*mse.*; got 'mean'"),
    (
        dict(loss="poisson"),
        ValueError,
        "poisson.* needs an output activation of exp or softplus; got 'identity'",
    ),
    (dict(optimizer="adm"), ValueError, "optimizer must be one of"),
    (dict(optimizer=3), TypeError, "optimizer must be one of"),
    (dict(sample_weight=[1.0]), ValueError, r"sample_weight must have shape \(40,\)"),
    (dict(sample_weight=-np.ones(40)), ValueError, "sample_weight must not be negative"),
    (dict(metrics="acc"), ValueError, "metrics must be one of accuracy"),
    (dict(validation_data=3), ValueError, r"validation_data must be a tuple \(x, y\)"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD_FIT)
def test_bad_options_are_refused(options, error, message):
    x, y = data()
    with pytest.raises(error, match=message):
        small().fit(x, y, **options)


BAD_NETWORKS = [
    (lambda: Dense(0), "units must be at least 1; got 0"),
    (lambda: Dense(3, "rellu"), "activation must be one of .*relu.*; got 'rellu'"),
    (lambda: Dense(3, l2=-1), r"l2 must be a finite number in \[0, inf\); got -1"),
    (lambda: Dropout(1.0), r"rate must be a finite number in \[0, 1\); got 1"),
    (lambda: SGD(0), r"learning_rate must be a finite number in \(0, inf\); got 0"),
    (lambda: SGD(np.nan), "learning_rate must be a finite number"),
    (lambda: Network().build(3), "the network has no layers; add some"),
    (lambda: Network([Dense(2)]).build(), "n_features is not known"),
    (lambda: Network([Dense(2), Dropout(0.1)]).build(3), "the last layer must be Dense"),
    (lambda: Network([Dense(2, input_dim=4)]).build(3), "expects input_dim=4, but 3 columns come in"),
    (lambda: Network([Dense(2, "softmax"), Dense(1)]).build(3), "softmax goes with the output layer only"),
    (lambda: Network([Dense(2)]).add(Dense(1), after="nothing"), "no layer 'nothing' has been added before"),
    (lambda: Network([Dense(2)]).build(3).add(Dense(1)), "has weights already"),
    (lambda: Network([Dense(2, name="a")]).add(Dense(1, name="a")), "two layers are named 'a'"),
    (lambda: Network(random_state=-1), "random_state must be between 0"),
    (lambda: Network(dtype="int32"), "dtype must be float32, float64 or None"),
    (lambda: small().build(3).set_weights([np.ones((2, 2))]), "weights must have the shapes"),
    (lambda: Network([Dense(2, "step")]).fit([[1.0]], [[1, 0]]), "step activation has no gradient"),
    (lambda: Network([Dense(1, "softmax")]).fit([[1.0]], [1]), "at least 2"),
    (lambda: Network([Dense(3, "softmax")]).fit([[1.0]], [3]), "labels from 0 to 2"),
    (lambda: Network([Dense(1, "logistic")]).fit([[1.0]], [2]), r"y must lie in \[0, 1\]"),
]


@pytest.mark.parametrize(("build", "message"), BAD_NETWORKS)
def test_bad_networks_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_an_unfinished_network_says_so():
    for use in (lambda m: m.predict([[1.0]]), lambda m: m.get_weights(), lambda m: m.n_params):
        with pytest.raises(NotBuiltError, match=r"call fit\(x, y\) or build"):
            use(small())
    model = Network()
    first = model.add(Dense(2))
    with pytest.raises(ValueError, match="weights are not shared"):
        model.add(first)
    model.add(Dense(3), after="input")
    model.add(Dense(1), after=first)
    with pytest.raises(ValueError, match="dense_2 feeds no other layer"):
        model.build(2)


@pytest.mark.parametrize("batch_size", [1, 32, None])
@pytest.mark.parametrize("density", [0.1, 1.0])
@pytest.mark.parametrize("built", [False, True])
def test_large_input_is_checked_while_it_is_read(batch_size, density, built):
    """NaN in it raises as ever, and leaves the network, its optimizer and its random stream as they were."""
    rng = np.random.RandomState(0)
    x = (rng.rand(400, 784) * (rng.rand(400, 784) < density)).astype(np.float32)
    assert x.nbytes > CHECKED_LATE
    y = rng.randint(0, 3, 400)
    tried, untried = (Network([Dense(7, "relu"), Dense(3, "softmax")], random_state=3) for _ in range(2))
    if built:
        for model in (tried, untried):
            model.fit(x[:20], y[:20])
    for value in (np.nan, -np.inf):
        bad = x.copy()
        bad[377, 5] = value
        with pytest.raises(ValueError, match="x holds NaN or infinity"):
            tried.fit(bad, y, batch_size=batch_size)
        assert (tried.plan is None) == (not built)
    for model in (tried, untried):
        model.fit(x, y, batch_size=batch_size, epochs=2)
    np.testing.assert_array_equal(tried.params, untried.params)
    assert tried.history_["loss"] == untried.history_["loss"]


NAMES_OF_CLASSES = {
    "softmax": (Dense(3, "softmax"), lambda c: c, {}),
    "labels": (Dense(3), lambda c: c, dict(loss="hinge")),
    "rows": (Dense(3), lambda c: np.eye(3)[c], dict(loss="mse")),
    "logistic": (Dense(1, "logistic"), lambda c: (c > 0).astype(int), {}),
    "logits": (Dense(1), lambda c: (c > 0).astype(int), dict(loss="binary_crossentropy")),
    "signs": (Dense(1, "tanh"), lambda c: np.where(c > 0, 1, -1), dict(loss="mse")),
    "0 and 1": (Dense(1), lambda c: (c > 0).astype(int), dict(loss="mse")),
}


@pytest.mark.parametrize("kind", NAMES_OF_CLASSES)
def test_classes_and_score(kind):
    """The score is the share of rows whose class is the one that was given."""
    output, targets, options = NAMES_OF_CLASSES[kind]
    x = np.random.default_rng(0).normal(size=(120, 3))
    y = targets(x.argmax(axis=1))
    model = Network([Dense(6, "tanh"), output], random_state=0).fit(x, y, epochs=150, **options)
    told = model.predict_classes(x)
    expected = y.argmax(axis=1) if y.ndim == 2 else y
    assert told.dtype == np.int64 and set(told) <= set(expected)
    assert model.score(x, y) == pytest.approx(np.mean(told == expected)) and model.score(x, y) > 0.8
    weights = np.arange(120.0)
    assert model.score(x, y, sample_weight=weights) == pytest.approx(
        np.average(told == expected, weights=weights)
    )


def test_values_have_no_classes():
    x = np.random.default_rng(0).normal(size=(50, 3))
    y = x @ [1.0, 2.0, 3.0]
    model = Network([Dense(1)], random_state=0).fit(x, y, epochs=30)
    residual = y - model.predict(x).ravel()
    assert model.score(x, y) == pytest.approx(1 - (residual**2).sum() / ((y - y.mean()) ** 2).sum())
    with pytest.raises(ValueError, match="outputs are values"):
        model.predict_classes(x)
    with pytest.raises(ValueError, match="predict"):
        Network([Dense(1)]).predict_classes(x)


@pytest.mark.parametrize("loss", ["mse", "half_squared_error", "delta_rule", "sse"])
def test_labels_become_rows_where_a_squared_error_is_learned(loss):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    models = []
    for y in (labels, labels.astype(np.uint8), np.eye(3)[labels]):
        models.append(Network([Dense(3)], random_state=0))
        models[-1].fit(x, y, epochs=4, loss=loss, metrics=["accuracy"], validation_data=(x, y))
        np.testing.assert_array_equal(models[-1].params, models[0].params)
        assert models[-1].history_["val_loss"] == models[0].history_["val_loss"]
        assert models[-1].history_["accuracy"] == models[0].history_["accuracy"]
    with pytest.raises(ValueError, match="labels from 0 to 2"):
        Network([Dense(3)]).fit(x, labels + 1, loss=loss)
    with pytest.raises(ValueError, match="one number for each sample"):
        Network([Dense(3)]).fit(x, labels.astype(float), loss=loss)


def test_the_delta_rule_is_the_textbooks():
    """One sample, one step: w += rate (y - a) x, whatever the number of outputs."""
    model = Network([Dense(10, input_dim=2)], random_state=0).build()
    weights, bias = model.get_weights()
    x, y = np.array([[2.0, -3.0]]), np.arange(10.0)[None]
    error = y - (x @ weights + bias)
    assert model.evaluate(x, y, loss="delta_rule")["loss"] == pytest.approx((error**2).sum() / 2)
    model.fit(x, y, loss="delta_rule", optimizer=SGD(0.01))
    np.testing.assert_allclose(model.get_weights()[0], weights + 0.01 * x.T @ error, rtol=1e-12)
    np.testing.assert_allclose(model.get_weights()[1], bias + 0.01 * error[0], rtol=1e-12)
