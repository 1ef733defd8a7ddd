"""Parameters of estimators, and methods that these rule out."""

from numbers import Integral

import numpy as np

from ..exceptions import NotAvailableError
from .data import as_float, check_finite
from .values import check_real, shown


def check_hidden_layer_sizes(sizes):
    """Return the widths of hidden layers as a list; 0 and () stand for no hidden layer."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else ([sizes] if sizes != 0 else [])
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n <= 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(n) for n in sizes]


def check_same_sizes(sizes, coefs):
    """Raise where the weights that a fit goes on with are those of other hidden layers."""
    learned = [np.shape(w)[-1] for w in coefs[:-1]]
    if sizes != learned:
        raise ValueError(
            f"hidden_layer_sizes is {tuple(sizes)}, but the weights that warm_start and partial_fit go on "
            f"with are those of {tuple(learned)}: set it back, or fit with warm_start=False to begin anew"
        )


def check_per_layer(name, value, n_layers):
    """Return one value for each of `n_layers`: a list is taken as it is, anything else repeated."""
    if not isinstance(value, (list, tuple)):
        return [value] * n_layers
    if len(value) != n_layers:
        raise ValueError(
            f"{name} must be one value, or one for each of {n_layers} hidden layers; got {len(value)}"
        )
    return list(value)


def check_dropout(dropout, n_hidden):
    """Return the dropout rates of the input and of each hidden layer."""
    if isinstance(dropout, (list, tuple)) and len(dropout) == n_hidden + 1:
        rates = list(dropout)
    else:
        rates = [0.0, *check_per_layer("dropout", dropout, n_hidden)]
    return [check_real("dropout", rate, 0, 1, closed="left") for rate in rates]


def check_lbfgs(estimator, validation_sets):
    """Raise where something was asked for that L-BFGS, which wants one smooth function, cannot do."""
    if estimator.monitor is not None or validation_sets:
        raise ValueError("solver='lbfgs' takes neither monitor nor validation_data; use 'adam' or 'sgd'")
    for name in ("dropout", "weight_decay", "clip_norm"):
        value = getattr(estimator, name)
        if value is not None and np.any(value):
            hint = "use alpha instead, or " if name == "weight_decay" else ""
            raise ValueError(f"solver='lbfgs' takes no {name}; got {shown(value)}; {hint}use 'adam' or 'sgd'")


def check_which_decides(sets):
    """Raise where several validation sets were given, and none is the one to stop by."""
    if len(sets) > 1 and "val" not in sets:
        raise ValueError(
            f"early_stopping=True with the validation sets {', '.join(map(repr, sets))}: say which of them "
            f"decides, as by monitor={next(iter(sets)) + '_score'!r}, or name one 'val'"
        )


def check_left_alone(given, changed):
    """Raise where parameters were set that an optimizer object has of its own."""
    if changed:
        kind, names = type(given).__name__, ", ".join(changed)
        beside = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        raise ValueError(
            f"solver={kind}(...) says its own learning rate and options, so that {beside} beside it would be "
            f"ignored: leave {names} at the default, and give {kind} what you want"
        )


def check_learnable(functions):
    """Raise where there is no gradient to learn by."""
    if any(f.name == "step" and f.code is not None for f in functions):
        raise ValueError("a step activation has no gradient to learn by; use 'logistic' or 'tanh'")


def check_output(given, loss, output, n_outputs):
    """Raise where an estimator's `loss` and `out_activation` do not go together.

    Parameters
    ----------
    given : str or object
        The estimator's `loss`, as it was given.
    loss, output : Loss, Activation
        What came of it and of `out_activation`.
    n_outputs : int
    """
    if n_outputs == 1 and (output.name == "softmax" or loss.labels):
        what = f"loss={given!r}" if loss.labels else "out_activation='softmax'"
        raise ValueError(
            f"{what} needs an output for each class, and here is one output; leave out_activation None and "
            "take loss='log_loss' for two classes, 'squared_error' for numbers"
        )
    if loss.outputs and output.code is not None and output.name not in loss.outputs:
        raise ValueError(
            f"loss={given!r} needs an output activation of {' or '.join(loss.outputs)}; here it is "
            f"{output.name}: set out_activation to one that fits, or take loss='squared_error', which goes "
            "with any"
        )


def check_incremental(estimator):
    """Raise where an estimator's parameters rule out training batch by batch."""
    if getattr(estimator, "_is_lbfgs", False):
        raise NotAvailableError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic; use 'adam'"
        )
    if estimator.early_stopping:
        raise NotAvailableError(
            "partial_fit does not support early_stopping=True; it makes one epoch at a time"
        )
    class_weight = getattr(estimator, "class_weight", None)
    if isinstance(class_weight, str):
        raise NotAvailableError(
            f"partial_fit does not support class_weight={class_weight!r}, for it sees a part of the data "
            "only; pass a dict of weights that were computed from all of it"
        )


def check_initial(name, own, given):
    """Copy initial weights, or None, into `own`, a row for each unit."""
    if given is None:
        return
    given = np.asarray(given)
    if given.shape != own.shape and not (len(own) == 1 and given.size == own.size):
        raise ValueError(
            f"{name} must have shape {own.shape}; got {given.shape}: one row for each class (two classes: "
            "one row), one column for each feature"
        )
    own[...] = check_finite(name, as_float(given, name)).reshape(own.shape)


def check_target_span(low, high):
    """Return limits of targets, whose errors must have squares that are numbers."""
    if not 1e-150 < high - low < 1e150:
        raise ValueError(
            f"the targets span {high - low:g}, and squares of such errors are out of range; scale y, or pass "
            "scale_targets=False"
        )
    return low, high


def check_target_limits(limits):
    """Return (low, high) of the targets as floats."""
    if len(limits) != 2:
        raise ValueError(f"scale_targets must be True, False or (low, high); got {shown(limits)}")
    low, high = (check_real("scale_targets", limit, -np.inf, closed="neither") for limit in limits)
    if low >= high:
        raise ValueError(f"scale_targets=(low, high) needs low < high; got {shown(limits)}")
    return low, high
