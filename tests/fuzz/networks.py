"""Random networks for the fuzzer, made of layers by the public names: what must hold for each of them."""

import copy
import pickle

import numpy as np
from fuzz import cases
from oracle import reference
from oracle.resuming import Checkpoint, assert_same
from scipy.sparse import csr_matrix

from fastmlp import (
    SGD,
    Adagrad,
    Adam,
    AMSGrad,
    Dense,
    Dropout,
    Momentum,
    Network,
    RMSprop,
    Rprop,
    losses,
    schedules,
)
from fastmlp.kernels.job import Job, Rows
from fastmlp.kernels.plan import Activation

LOSSES = {  # name: output activation, kind of targets
    "mse": ("tanh", "values"), "sse": ("identity", "values"), "mae": ("identity", "values"),
    "huber": ("softplus", "values"), "binary_crossentropy": ("logistic", "bits"),
    "categorical_crossentropy": ("softmax", "labels"), "squared_hinge": ("identity", "labels"),
    "softmax_crossentropy": ("relu", "labels"),
    "poisson": ("exp", "counts"),
}  # fmt: skip


class Broken(AssertionError):
    """A promise was not kept."""


def trial(seed, backend, dtype):
    """A network and what must hold for it."""
    draw = cases.Draw(seed)
    loss = draw.one(*LOSSES)
    output, kind = LOSSES[loss]
    n, n_features, k = draw.one(1, 3, 17, 40), draw.one(*cases.WIDTHS), draw.one(2, 3, 7)
    eps = float(np.finfo(dtype).eps)
    x = draw.random.standard_normal((n, n_features)).astype(dtype)
    x[draw.random.uniform(size=x.shape) < draw.one(0, 0.7)] = 0
    y = {
        "values": lambda: draw.random.standard_normal((n, k)),
        "bits": lambda: draw.random.randint(2, size=(n, k)),
        "labels": lambda: draw.random.randint(k, size=n),
        "counts": lambda: draw.random.poisson(2.0, size=(n, k)),
    }[kind]()
    weight = draw.maybe(0.4, draw.random.randint(1, 4, size=n).astype(float), None)
    model = network(draw, k, output, dtype, n_features, seed)
    options = dict(
        loss=loss, batch_size=draw.one(None, 1, 4, 16), sample_weight=weight,
        optimizer=draw.one(SGD(0.01), Momentum(0.01), Adam(0.003, epsilon=1e-4), Rprop(0.001)),
    )  # fmt: skip
    predictions_agree(model, x, eps)
    if kind != "labels" or loss != "squared_hinge":
        gradients_agree(model, x, y, weight, loss, eps)
    refusals_change_nothing(model, x, y, options)
    bits_do_not_depend_on_threads_or_pauses(model, x, y, options)
    a_checkpoint_goes_on(draw, model, x, y, options)
    predictions_agree(model.fit(x, y, **options), x, eps)
    extreme_values_leave_finite_weights(draw, model, x, y, kind, options)
    return None


def network(draw, k, output, dtype, n_features, seed):
    model, made = Network(random_state=seed, dtype=dtype.name), ["input"]
    specs = cases.graph(draw, k, Activation.IDENTITY)
    for spec in specs:
        last = spec is specs[-1]
        name = output if last else Activation(spec["activation"]).name.lower()
        layer = Dense(
            spec["n_out"],
            name,
            use_bias=spec["bias"],
            l1=spec["l1"],
            l2=spec["l2"],
            max_norm=spec["max_norm"],
            trainable=spec["trainable"],
        )
        after = [made[j + 1] for j in dict.fromkeys(spec["sources"])]  # each source once
        model.add(layer, after=after)
        made.append(layer)
        if spec["dropout"] and not last:
            made[-1] = model.add(Dropout(spec["dropout"]), after=layer)
    return model.build(n_features)


def state_of(model):
    """All that training changes, as bytes."""
    return pickle.dumps((model.params.tobytes(), model.history_, model.rng.get_state()))


def close(what, actual, expected, allowed):
    actual = np.asarray(actual, np.float64)
    worst = np.where(actual == expected, 0.0, np.abs(actual - expected)).max(initial=0)  # two infinities
    if not worst <= allowed:
        raise Broken(f"{what} differ by {worst:.3g}, allowed {allowed:.3g}")


def check(what, holds):
    if not holds:
        raise Broken(what)


def predictions_agree(model, x, eps):
    """With the oracle, themselves, any number of threads, copies, CSR input and the exported NumPy code."""
    found = model.predict(x)
    expected = reference.predict(model.plan, model.params.astype(np.float64), x.astype(np.float64))
    allowed = 3000 * eps * max(1.0, np.abs(expected).max())
    close("predictions and the oracle's", found, expected, allowed)
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        check("predictions have other bits", other.predict(x, n_threads=3).tobytes() == found.tobytes())
    close("predictions of CSR input", model.predict(csr_matrix(x)), found, allowed)
    close("predictions in NumPy", model.to_numpy()(x), found, allowed)


def gradients_agree(model, x, y, weight, loss, eps):
    """`gradients` and `evaluate` are the oracle's: nothing is dropped out, and no weight moves."""
    of_loss, before = losses.get(loss), model.params.tobytes()
    targets = y if y.ndim == 1 else y.astype(model.params.dtype)
    targets = targets.astype(np.int64) if y.ndim == 1 else targets
    mean = 0.0 if weight is None else float(weight.mean())
    options = of_loss.options(model.plan.n_outputs)
    job = Job(model.plan, model.params, Rows(x), targets, mean_weight=mean, **options)
    w = np.ones(len(x)) if weight is None else weight
    inputs, params = reference.dense(job.rows), model.params.astype(np.float64)
    value, gradient = reference.loss_and_gradient(job, params, inputs, reference.targets(job), w)
    divisor = w.sum() if job.run["average"][0] else 1.0
    found = model.gradients(x, y, loss=loss, sample_weight=weight)
    flat = np.concatenate([part.ravel() for part in found])
    moving = np.ones(model.n_params, bool)
    for span in reference.frozen(model.plan):
        moving[span] = False
    allowed = 3000 * eps * max(1.0, np.abs(gradient).max())
    close("gradients and the oracle's", flat[moving], gradient[moving], allowed)
    told = model.evaluate(x, y, loss=loss, sample_weight=weight)["loss"]
    expected = value - reference.penalty(model.plan, params) / divisor
    close("evaluate and the oracle", told, expected, 3000 * eps * max(1.0, abs(expected)))
    check("gradients or evaluate moved the weights", model.params.tobytes() == before)


def refusals_change_nothing(model, x, y, options):
    before = state_of(model)
    bad = x.copy()
    bad[-1, -1] = np.nan
    many = np.full((len(y), model.plan.n_outputs + 1), 0.5)
    calls = ((bad, y, {}), (x, many, {}), (x[:, 1:], y, {}), (x, y, {"sample_weight": -np.ones(len(x))}),
             (x, y, {"batch_size": 0}), (x, y, {"validation_data": (x, many)}))  # fmt: skip
    for inputs, targets, extra in calls:
        try:
            model.fit(inputs, targets, **(options | extra))
        except (ValueError, TypeError):
            pass
        else:
            raise Broken(f"a fit was not refused: {inputs.shape}, {np.shape(targets)}, {extra.keys()}")
        check("a refused fit changed the model", state_of(model) == before)


def bits_do_not_depend_on_threads_or_pauses(model, x, y, options):
    def trained(*epochs, n_threads=1, **extra):
        one = copy.deepcopy(model)
        for n in epochs:
            one.fit(x, y, epochs=n, n_threads=n_threads, **(options | extra))
        return one.params.tobytes(), one.loss_curve_

    once = trained(3)
    check("other bits on three threads", trained(3, n_threads=3) == once)
    check("other bits with a callback", trained(3, callbacks=[Nothing()]) == once)
    if not any(model.plan.layers["dropout"]):
        in_order = trained(3, shuffle=False)  # a fit's first epoch shuffles what is in the data's order
        check("other bits in two fits", trained(1, 2, shuffle=False) == in_order)


def a_checkpoint_goes_on(draw, model, x, y, options):
    """A fit that goes on from a checkpoint ends as one that was never ended, in all that a file holds."""
    options = options | dict(epochs=5, shuffle=draw.maybe(0.8, True, False))
    options["optimizer"] = draw.one(
        options["optimizer"], Momentum(schedules.OneCycle(0.01)), Adagrad(0.01), RMSprop(0.001, momentum=0.5),
        AMSGrad(schedules.Plateau(0.01, patience=0, tol=0.1)), SGD(schedules.Exponential(0.01, 0.5)),
    )  # fmt: skip
    kept = Checkpoint(draw.one(1, 2, 3, 4, 5))
    whole = copy.deepcopy(model).fit(x, y, callbacks=[kept], **options)
    if kept.model is not None:  # it did not diverge before
        assert_same(copy.deepcopy(model).fit(x, y, resume_from=kept.model, **options), whole)


class Nothing:
    def on_epoch_end(self, state):
        pass


def extreme_values_leave_finite_weights(draw, model, x, y, kind, options):
    """However large or small the numbers, the weights that a fit leaves are finite, and so is its history."""
    x = x.astype(np.float64) * 10.0 ** draw.between(-40, 40)
    x = np.clip(x, -np.finfo(model.params.dtype).max, np.finfo(model.params.dtype).max)
    if kind == "values":
        y = np.clip(y * 10.0 ** draw.between(-30, 30), -1e38, 1e38)
    model.fit(x.astype(model.params.dtype), y, epochs=3, **options)
    check("weights are not finite", np.isfinite(model.params).all())
    check("the history is not finite", np.isfinite(model.loss_curve_).all())
    model.fit(x[:, :] * 0, y, epochs=1, **options)
    check("weights are not finite afterwards", np.isfinite(model.params).all())
