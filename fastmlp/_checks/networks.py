"""Networks: their weights, what they cannot do, and where training diverged."""

import numpy as np

from ..exceptions import DivergenceWarning, NotBuiltError
from ..kernels.job import MOST_EPOCHS
from ..kernels.memory import readable
from .data import as_array, as_float
from .values import check_dtype, check_flag, check_int, check_optional_int, check_real, check_sequence, shown
from .warned import warn


def layer_is_fixed(layer, name):
    """Raise where what a layer was made with is changed."""
    kind = type(layer).__name__
    raise AttributeError(
        f"{name} of {layer.name or 'a ' + kind} cannot be set: a layer stays as it was made, because its "
        f"network's weights follow from it; make a new {kind}(...) and a new Network, whose set_weights() "
        "takes the old weights. Only trainable may be changed"
    )


def not_built(what):
    """Raise for a network without weights."""
    raise NotBuiltError(f"{what} needs a network with weights; call fit(x, y) or build(n_features) first")


def check_scale(value):
    """Return what inputs are multiplied by, which must leave something of them."""
    if check_real("input_scale", value, low=-np.inf) == 0:
        raise ValueError("input_scale must not be 0, by which all inputs would be alike; got 0: take 1")
    return float(value)


def check_built(n_features, dtype, wanted, wanted_dtype):
    """Raise where a network that has weights was to be built for other data than it is for."""
    if wanted not in (None, n_features) or check_dtype(wanted_dtype) not in (None, dtype):
        given = ", ".join(str(value) for value in (wanted, wanted_dtype) if value is not None)
        raise ValueError(
            f"the network has weights for {n_features} columns in {dtype}, and build({given}) asks for "
            "others; make a new Network"
        )


def check_epochs(name, n_epochs, low=1):
    """Return a number of epochs."""
    n_epochs = check_int(name, n_epochs, low)
    return n_epochs if n_epochs <= MOST_EPOCHS else check_int(name, n_epochs, low, MOST_EPOCHS)


def check_run(epochs, batch_size, shuffle, n_threads=None):
    """Return what a fit was asked for, by the names that `Fit` has for it.

    What is plainly right is seen here: calls would take a fiftieth of a small fit.
    """
    if type(epochs) is not int or not 0 <= epochs <= MOST_EPOCHS:
        epochs = check_epochs("epochs", epochs, low=0)
    if batch_size is not None and (type(batch_size) is not int or batch_size < 1):
        batch_size = check_int("batch_size", batch_size)
    if shuffle is not True and shuffle is not False:
        shuffle = check_flag("shuffle", shuffle)
    if n_threads is not None and (type(n_threads) is not int or n_threads < 1):
        n_threads = check_optional_int("n_threads", n_threads)
    return dict(n_epochs=epochs, batch_size=batch_size, shuffle=shuffle, n_threads=n_threads)


def check_weight_arrays(arrays, own, name="weights"):
    """Return `arrays` in the dtypes of the arrays `own`, whose shapes they must have."""
    arrays = [as_array(a, name) for a in check_sequence(name, arrays, "arrays")]
    got, shapes = [a.shape for a in arrays], [a.shape for a in own]
    if got != shapes:
        raise ValueError(f"{name} must have the shapes {shapes}; got {got}: build a new model for new shapes")
    return [as_weights(as_float(a, name), like.dtype, name) for a, like in zip(arrays, own, strict=True)]


def as_weights(array, dtype, name):
    """Return weights in the dtype of a network's, in which they must be finite."""
    with np.errstate(over="ignore"):
        return check_finite_weights(array.astype(dtype), name)


def check_finite_weights(array, name):
    """Return weights, which must be finite."""
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite in {array.dtype}; got NaN, infinity or what is too large for it"
        )
    return array


def check_params(params, own):
    """Return flat parameters in place of `own`: themselves where they lie as the kernels take them."""
    params = as_array(params, "params")
    if params.shape != own.shape:
        raise ValueError(
            f"params must have shape {own.shape}, all weights and biases; got {params.shape}: "
            "pass a list of arrays to set_weights()"
        )
    if params.dtype != own.dtype:
        return as_weights(as_float(params, "params"), own.dtype, "params")
    return check_finite_weights(readable("params", params, own.dtype, own.shape), "params")


def check_first_weights(weights):
    """Return the number of inputs that the first of several weight arrays is for."""
    shape = np.shape(weights[0]) if isinstance(weights, (list, tuple)) and len(weights) else ()
    if len(shape) != 2:
        raise ValueError(
            f"weights must be a list that begins with an array (n_features, units); got {shown(weights)}: "
            "build(n_features) first, then see get_weights()"
        )
    return shape[0]


def copy_weights(own, given, name):
    """Copy `given` arrays, or None, into the arrays `own`."""
    if given is not None:
        given = check_weight_arrays(given, own, name)
        for a, new in zip(own, given, strict=True):
            a[...] = new


def check_lbfgs_network(plan):
    """Raise where a network has what L-BFGS, which wants one smooth function, cannot do."""
    for what, there in (
        ("Dropout", plan.input_dropout > 0 or plan.layers["dropout"].any()),
        ("max_norm", plan.layers["max_norm"].any()),
    ):
        if there:
            raise ValueError(f"the optimizer LBFGS takes no {what}; leave it out, or use 'adam' or 'sgd'")


def warn_diverged(epoch, rate, rows, y, of=""):
    """Warn that training diverged in an epoch (counted from 1); `of` names the fit where there are many."""
    what, _, remedy = _diverged(epoch, rate, rows, y)
    warn(
        f"{of and of + ': '}{what}. Training stopped; the weights are those from the start of that epoch, "
        f"and the optimizer starts anew. Try {remedy}.",
        DivergenceWarning,
    )


def fail_diverged(epoch, rate, rows, y):
    """Raise where not one epoch could be trained."""
    what, large, remedy = _diverged(epoch, rate, rows, y)
    raise ValueError(
        f"Solver produced non-finite parameter weights. The {large} may contain large values and need to be "
        f"preprocessed. {what}: try {remedy}"
    )


def _diverged(epoch, rate, rows, y):
    """Return what happened, which data are the larger, and what to try; L-BFGS has no rate, None."""
    what = f"The loss or a squared gradient is not finite in epoch {epoch}"
    smaller, scale = "a smaller learning rate", "a smaller learning rate, or scale"
    if rate is None:
        smaller, scale = "smaller initial weights", "to scale"
    else:
        what += f", at learning rate {rate:g}"
    x_most = _largest(rows.data) * abs(rows.scale)
    y_most = 0.0 if y.dtype.kind in "iu" else _largest(y)
    if y_most > x_most:
        most = f"the largest |y| is {y_most:g} and the largest |x| {x_most:g}"
        return f"{what}; {most}", "targets", f"{scale} the targets y"
    return (
        f"{what}; the largest |x| is {x_most:g}",
        "input data",
        f"{scale} the inputs x" if x_most > 10 else smaller,
    )


def _largest(data):
    return max((float(np.abs(data[i : i + 4096]).max()) for i in range(0, len(data), 4096)), default=0.0)
