"""What cannot be is refused where it is said, with what was expected; and what is refused changes nothing."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from fastmlp import (
    LBFGS,
    SGD,
    Adam,
    Concatenate,
    Dense,
    Dropout,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Network,
    Perceptron,
    RMSprop,
    activations,
    batched_matmul,
    fit_many,
    initializers,
    losses,
)  # fmt: skip
from fastmlp import schedules as s
from fastmlp.kernels import dispatch

X, Y = np.random.RandomState(0).standard_normal((2, 20, 3))
LABELS = np.arange(20) % 3
NAN, INF = np.nan, np.inf


def net(output="identity", hidden="tanh", units=3, **options):
    return Network([Dense(5, hidden, **options), Dense(units, output)], random_state=0)


# what is declared, and what the error says
DECLARED = [
    *((f, (v,), "slope must be a finite number in") for f in (activations.Tanh, activations.Logistic)
      for v in (0.0, -1.0, NAN, INF)),
    *((f, (v,), r"slope must be a finite number in \[0, inf\)")
      for f in (activations.LeakyReLU, activations.ELU) for v in (-0.1, NAN)),
    *((f, (v,), r"label_smoothing must be a finite number in \[0, 1\)")
      for f in (losses.BinaryCrossentropy, losses.CategoricalCrossentropy) for v in (-0.1, 1.0, NAN)),
    *((f, (-1.0,), "margin must be") for f in (losses.Hinge, losses.SquaredHinge)),
    *((losses.Huber, (v,), r"delta must be a finite number in \(0, inf\)") for v in (0.0, -1.0, INF)),
    *((losses.Quantile, (v,), r"quantile must be a finite number in \(0, 1\)") for v in (0, 1.0, NAN)),
    (Momentum, (0.1, 1.5), r"momentum must be a finite number in \[0, 1\]; got 1.5"),
    (RMSprop, (0.1, 1.0), r"decay must be a finite number in \[0, 1\)"),
    (Adam, (0.1, 0.9, 1.0), r"beta_2 must be a finite number in \[0, 1\)"),
    (Adam, (0.1, 0.9, 0.9, 0.0), r"epsilon must be a finite number in \(0, inf\)"),
    (LBFGS, (-1.0,), "tol must be"),
    (LBFGS, (1e-4, 0), "max_fun must be at least 1"),
    (s.Constant, (0.0,), "rate must be"),
    (s.StepDecay, (0.1, 0), "every must be at least 1; got 0"),
    (s.StepDecay, (0.1, 2, -1.0), "factor must be"),
    (s.Exponential, (0.1, NAN), "decay must be"),
    (s.InverseScaling, (0.1, -1.0), "power must be"),
    (s.Cosine, (0.1, 0), "n_epochs must be at least 1"),
    (s.Cosine, (0.1, 5, -1.0), "final_rate must be"),
    (s.OneCycle, (0.1, 5, 1.5), "rise must be"),
    (s.OneCycle, (0.1, 5, 0.3, 0.0), "start_divisor must be"),
    (s.Plateau, (0.1, 1.0), r"factor must be a finite number in \(0, 1\)"),
    (s.Plateau, (0.1, 0.1, -1), "patience must be at least 0"),
    *((lambda dtype: Network([Dense(1)], dtype=dtype), (v,), "dtype must be float32, float64 or None")
      for v in (0, 2.5, "3", "f2", object())),
    (initializers.Glorot, (False, -1.0), "factor must be"),
    (initializers.Constant, (NAN,), "value must be"),
    (initializers.Uniform, (1.0, 0.0), r"high must be a finite number in \[1, inf\); got 0"),
    (initializers.Normal, (0.0, -1.0), "std must be"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "arguments", "message"), DECLARED)
def test_declarations(what, arguments, message):
    with pytest.raises(ValueError, match=message):
        what(*arguments)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: activations.Tanh("1"), "slope must be a number; got '1' of type str"),
        (lambda: losses.Huber(None), "delta must be a number; got None"),
        (lambda: Adam(epsilon_corrected="no"), "epsilon_corrected must be True or False; got 'no'"),
        (lambda: s.Cosine(0.1, 2.5), "n_epochs must be an int; got 2.5"),
        (lambda: Dense(3, use_bias="no"), "use_bias must be True or False; got 'no'"),
        (lambda: Dense(3, name=3), "name must be a text"),
        (lambda: Dropout(0.5, name=""), "name must be a text"),
        (lambda: Concatenate(None), "sources must be a sequence of layers or names; got None"),
        (lambda: Network(Dense(3)), "layers must be a sequence of layers; got Dense"),
    ],
)  # fmt: skip
def test_declarations_of_a_wrong_type(declare, message):
    with pytest.raises(TypeError, match=message):
        declare()


def test_layers_that_do_not_fit():
    with pytest.raises(ValueError, match="bias_initializer cannot be orthogonal"):
        Dense(3, bias_initializer="orthogonal")
    with pytest.raises(
        ValueError, match="no layer 'nothing' has been added before; there are input, dense_1"
    ):
        Network([Dense(3), Concatenate(["nothing", "input"])])
    with pytest.raises(ValueError, match="a layer needs at least one source"):
        Network([Concatenate([])])
    with pytest.raises(ValueError, match="reads a layer twice"):
        Network([Concatenate(["input", "input"]), Dense(1)]).build(2)
    assert Network([Dense(3), Concatenate("input"), Dense(1)]).layers[1].sources == ("input",)


REFUSED = [
    (dict(y=Y + 1j), ValueError, "y must hold real numbers; got dtype complex128"),
    (dict(x=X + 1j), ValueError, "x must hold real numbers; got dtype complex128"),
    (dict(x=X.astype("datetime64[s]")), ValueError, "x must hold numbers; got dtype datetime64"),
    (dict(x=[[1.0], [1.0, 2.0]]), ValueError, "x must be an array; got rows of different lengths"),
    (dict(y=Y[:-1]), ValueError, "y must hold one row for each of the 20 samples"),
    (dict(sample_weight=["a"] * 20), ValueError, "sample_weight must hold numbers"),
    (dict(n_threads=0), ValueError, "n_threads must be at least 1; got 0"),
    (dict(n_threads="x"), TypeError, "n_threads must be an int; got 'x'"),
    (dict(shuffle="x"), TypeError, "shuffle must be True or False; got 'x'"),
    (dict(metrics=3), TypeError, "metrics must be a sequence of names or functions; got 3"),
    (dict(metrics=["mse", "mse"]), ValueError, "metrics holds 'mse' more than once"),
    (dict(metrics={"error": "acc"}), ValueError, "metrics must be one of accuracy"),
    (dict(callbacks=3), TypeError, "callbacks must be objects with on_fit_begin, .*; got 3"),
    (dict(callbacks=[print]), TypeError, "callbacks must be objects with on_fit_begin"),
    (
        dict(validation_data=(X[:, :2], Y)),
        ValueError,
        "x of validation_data has 2 columns but",
    ),
    (dict(validation_data=(X[:0], Y[:0])), ValueError, "x of validation_data must hold at least 1 sample"),
    (dict(validation_data=(X, Y * NAN)), ValueError, "y of validation_data holds NaN"),
    (dict(loss="hinge", y=LABELS + 0.5), ValueError, "y must hold integer class labels"),
    (dict(loss="hinge", y=LABELS - 1), ValueError, "y must hold labels from 0 to 2"),
    (dict(optimizer=SGD(lambda epoch: NAN)), ValueError, r"learning_rate\(epoch\) must be a finite number"),
    (dict(optimizer=SGD(lambda epoch: None)), TypeError, r"learning_rate\(epoch\) must be a number"),
    (dict(optimizer=SGD(lambda epoch: 0.1 / (1 - epoch % 2))), ZeroDivisionError, "division"),
]


@pytest.mark.parametrize(("options", "error", "message"), REFUSED)
def test_a_refused_fit_changes_nothing(options, error, message):
    fitted, fresh = net(), net()
    fitted.fit(X, Y, epochs=2, optimizer=Momentum(0.1))
    for model in (fitted, fresh):
        with pytest.raises(error, match=message):
            model.fit(**(dict(x=X, y=Y, epochs=2) | options))
    assert fresh.plan is None and fresh.history_ == {} and len(fitted.loss_curve_) == 2
    np.testing.assert_array_equal(
        fresh.fit(X, Y, optimizer=SGD(0.1)).params, net().fit(X, Y, optimizer=SGD(0.1)).params
    )
    # loss, optimizer and its memory too
    expected = net().fit(X, Y, epochs=2, optimizer=Momentum(0.1)).fit(X, Y)
    np.testing.assert_array_equal(fitted.fit(X, Y).params, expected.params)


@pytest.mark.parametrize("output", sorted({cls.name for cls in activations.ACTIVATIONS.values()} - {"step"}))
@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_losses_and_outputs_go_together_or_are_refused(name, output):
    """What is not refused stays finite and learns."""
    loss = losses.get(name)
    y = LABELS if loss.labels else np.abs(Y) % 1
    model = net(output)
    if loss.outputs and output not in loss.outputs:
        with pytest.raises(
            ValueError, match=rf"'{loss.name}' needs an output activation of .*; got '{output}'"
        ):
            model.fit(X, y, loss=name)
        return
    model.fit(X, y, loss=name, epochs=20, batch_size=None, optimizer=Adam(0.01))
    assert np.isfinite(model.params).all() and model.loss_curve_[-1] < model.loss_curve_[0]


def test_step_is_for_use_not_for_training():
    model = net("step", "step").build(3)
    assert set(np.unique(model.predict(X))) <= {0.0, 1.0}
    wanted = (Y > 0).astype(float)
    found = model.evaluate(X, wanted, loss="mse")["loss"]
    assert found == pytest.approx(((model.predict(X) - wanted) ** 2).mean())
    for learn in (model.fit, model.train_on_batch, model.gradients):
        with pytest.raises(ValueError, match="a step activation has no gradient to learn by"):
            learn(X, wanted, loss="mse")
    with pytest.raises(ValueError, match="a step activation has no gradient to learn by"):
        MLPClassifier((5,), activation="step").fit(X, LABELS)


def test_lbfgs_says_what_it_cannot_do():
    with pytest.raises(ValueError, match="LBFGS takes no max_norm"):
        net(max_norm=1.0).fit(X, Y, optimizer="lbfgs")
    with pytest.raises(ValueError, match="LBFGS takes no Dropout"):
        Network([Dropout(0.5), Dense(3)]).fit(X, Y, optimizer="lbfgs")
    with pytest.raises(ValueError, match="train_on_batch takes no LBFGS"):
        net().train_on_batch(X, Y, optimizer="lbfgs")


def test_weights_that_do_not_fit():
    for weights in ([], [3.0], None, np.ones(3)):
        model = net()
        with pytest.raises(ValueError, match="weights must be a list that begins with an array"):
            model.set_weights(weights)
        assert model.plan is None
    with pytest.raises(ValueError, match="weights must have the shapes"):
        model.set_weights([np.ones((3, 5))])
    assert model.plan is None
    with pytest.raises(ValueError, match="weights must be finite"):
        model.build(3).set_weights([a * NAN for a in model.get_weights()])
    with pytest.raises(TypeError, match="weights must be a sequence of arrays; got None"):
        model.set_weights(None)


def test_nothing_cannot_be_evaluated():
    with pytest.raises(ValueError, match="x must hold at least 1 sample; got none"):
        net().build(3).evaluate(X[:0], Y[:0])
    with pytest.raises(ValueError, match="n_threads must be at least 1"):
        net().build(3).predict(X, n_threads=0)


@pytest.mark.parametrize("part", ["x", "y"])
def test_masked_values_are_refused(part):
    """NumPy forgets masks where it makes arrays: what is behind one would be learned."""
    given = {"x": X.copy(), "y": Y[:, 0].copy()}
    given[part] = np.ma.masked_array(given[part], np.zeros_like(given[part], bool))
    Network([Dense(1)], random_state=0).fit(**given)  # a mask that hides nothing does no harm
    given[part][3] = np.ma.masked
    with pytest.raises(ValueError, match=rf"{part} must hold a value in every place.*{part}\.filled"):
        Network([Dense(1)], random_state=0).fit(**given)
    with pytest.raises(ValueError, match=r"must hold a value in every place"):
        fit_many([Network([Dense(1)], random_state=0)], **given)
    if part == "x":
        for model in (MLPRegressor(max_iter=1), Perceptron()):
            with pytest.raises(ValueError, match=r"X must hold a value in every place"):
                model.fit(given["x"], np.arange(20) % 2)
        with pytest.raises(ValueError, match=r"A must hold a value in every place"):
            batched_matmul(given["x"], np.eye(3))
    else:
        for model in (MLPRegressor(max_iter=1), LinearPerceptron()):
            with pytest.raises(ValueError, match=r"y must hold a value in every place"):
                model.fit(given["x"], given["y"])


@pytest.mark.parametrize("asked", [(7,), (None, "float32"), (4, "float32")])
def test_build_for_other_data_is_refused(asked):
    net = Network([Dense(3)], random_state=0).build(4)
    weights = net.params.copy()
    with pytest.raises(ValueError, match="the network has weights for 4 columns in float64, and build"):
        net.build(*asked)
    assert net.build(4, "float64").build() is net
    assert np.array_equal(net.params, weights)


def test_input_scale_of_nothing_is_refused():
    with pytest.raises(ValueError, match="input_scale must not be 0"):
        Network([Dense(3)], input_scale=0)
    assert Network([Dense(3)], input_scale=-2).input_scale == -2.0


class Callback:
    """A callback that does one thing at one hook."""

    def __init__(self, hook, act):
        setattr(self, hook, act)


def test_laying_out_anew_in_a_callback_loses_no_weights():
    x, y = np.eye(4), np.ones((4, 1))
    net, alone = (Network([Dense(1)], random_state=0) for _ in range(2))
    with pytest.raises(ValueError, match="the network has weights, which would be lost"):
        net.fit(x, y, epochs=3, callbacks=Callback("on_epoch_end", lambda state: state.model.lay_out(4)))
    assert np.array_equal(net.params, alone.fit(x, y, epochs=1).params)


@pytest.mark.parametrize("hook", ["on_fit_begin", "on_epoch_end", "on_epoch_done", "on_fit_end"])
def test_a_callback_that_writes_nan_is_refused(hook):
    """Its weights are put back to what they were before it."""
    x, y = np.eye(4), np.ones((4, 1))

    def spoil(state):
        state.params[1] = np.nan

    net, alone = (Network([Dense(1)], random_state=0).build(4) for _ in range(2))
    with pytest.raises(ValueError, match=rf"Callback.{hook} left NaN or infinity in params"):
        net.fit(x, y, epochs=3, callbacks=Callback(hook, spoil))
    n_epochs = {"on_fit_begin": 0, "on_fit_end": 3}.get(hook, 1)
    assert np.array_equal(net.params, alone.fit(x, y, epochs=n_epochs).params)


def test_a_function_is_no_callback():
    with pytest.raises(TypeError, match=r"write a class with it as the method on_epoch_end\(self, state\)"):
        Network([Dense(1)]).fit(np.eye(4), np.ones((4, 1)), callbacks=lambda state: None)


BIG = np.where(np.arange(60).reshape(20, 3) == 31, 1e39, 1.0)


def narrow(scale=1.0):
    return Network([Dense(3)], dtype="float32", input_scale=scale, random_state=0)


def alone(call, *arguments):
    try:
        call(*arguments)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


TOO_LARGE = [
    (lambda: narrow().fit(BIG, Y), "x holds a value too large for dtype.'float32'.*end at 3.4e\\+38: divide"),
    (lambda: narrow().build(3).predict(BIG), "x holds a value too large for dtype.'float32'"),
    (lambda: narrow().build(3).predict(BIG.tolist()), "x holds a value too large for dtype.'float32'"),
    (lambda: narrow().build(3).evaluate(BIG, Y), "x holds a value too large for dtype.'float32'"),
    (lambda: narrow().build(3).train_on_batch(BIG, Y), "x holds a value too large for dtype.'float32'"),
    (lambda: narrow().fit(X, Y, optimizer="lbfgs").predict(csr_array(BIG)), "x holds a value too large"),
    (lambda: narrow().fit(X, BIG), "y holds a value too large for dtype.'float32'"),
    (lambda: narrow(1e39).build(3).predict(np.ones((2, 3), "f")), "x holds a value too large"),
    (lambda: narrow(-1e39).build(3).predict(np.ones((2, 3), "f")), "x holds a value too large"),
    (
        lambda: narrow().fit(np.repeat(BIG, 3000, axis=0), np.repeat(Y, 3000, axis=0)),
        "x holds a value too large",
    ),
    (lambda: alone(fit_many, [narrow()], BIG, Y), "x holds a value too large for dtype.'float32'"),
    (
        lambda: MLPClassifier(dtype="float32").fit(BIG, LABELS),
        "X holds a value too large for dtype.'float32'",
    ),
    (
        lambda: MLPClassifier(dtype="float32", max_iter=2, tol=0).fit(X, LABELS).predict(BIG),
        "X holds a value too",
    ),
    (lambda: MLPRegressor(dtype="float32", solver="lbfgs").fit(BIG, Y), "X holds a value too large"),
    (
        lambda: MLPClassifier(dtype="float32").fit(X, LABELS, X_val=BIG, y_val=LABELS),
        "X_val, y_val: X holds a value too large",
    ),
]


@pytest.mark.parametrize("backend", dispatch.available())
@pytest.mark.parametrize("k", range(len(TOO_LARGE)))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_too_large_for_single_precision(backend, k):
    call, message = TOO_LARGE[k]
    with dispatch.using(backend), pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("backend", dispatch.available())
def test_large_numbers_that_their_scale_makes_small(backend):
    with dispatch.using(backend):
        found = narrow(1e-39).build(3).predict(BIG)
        assert np.isfinite(found).all() and np.ptp(found[:, 0]) > 0.01
        largest = np.full((1, 3), np.finfo("f").max)
        assert (
            len(narrow().build(3).predict(largest))
            == len(narrow().build(3).predict(largest.astype("f")))
            == 1
        )
        wide = Network([Dense(3)], random_state=0).build(3)
        assert np.isfinite(wide.predict(BIG)).all()
