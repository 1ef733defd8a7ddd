"""Parameters of estimators, and methods that these rule out."""

import numpy as np

from ..exceptions import NotAvailableError
from .data import as_float, check_finite
from .values import check_real, shown


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


def check_incremental(estimator):
    """Raise where an estimator's parameters rule out training batch by batch."""
    class_weight = getattr(estimator, "class_weight", None)
    if getattr(estimator, "_is_lbfgs", False):
        why = "is only available for stochastic optimizers. lbfgs is not stochastic; use 'adam'"
    elif estimator.early_stopping:
        why = "does not support early_stopping=True; it makes one epoch at a time"
    elif isinstance(class_weight, str):
        why = f"does not support class_weight={class_weight!r}, which needs all data; pass a dict of weights"
    else:
        return
    raise NotAvailableError(f"partial_fit {why}")


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
