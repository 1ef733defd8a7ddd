"""Targets and labels, and what must go together with them: losses, outputs, classes."""

import numpy as np

from .data import as_array, as_float, check_finite
from .values import shown


def check_targets(y, n_samples, n_outputs, dtype, loss, name="y"):
    """Return targets as the kernels take them: (n, n_outputs) of `dtype`, or int64 labels (n,).

    A one-dimensional `y` holds labels where the loss knows classes and there is more than one output, else
    the only output's targets. Integers become rows of 0 and 1 where the loss says so.
    """
    y = as_array(y, name)
    knows_labels = loss.labels and n_outputs > 1
    if y.ndim == 0 or y.ndim > 2 or y.shape[0] != n_samples:
        given = y.item() if y.ndim == 0 else y
        got = f"shape {y.shape}" if y.ndim else shown(given)
        hint = f": pass {name}.toarray()" if hasattr(given, "toarray") else ""
        raise ValueError(f"{name} must hold one row for each of the {n_samples} samples; got {got}{hint}")
    if knows_labels and (y.ndim == 1 or y.shape[1] == 1):
        return check_labels(y.ravel(), n_outputs, name)
    if loss.one_hot and n_outputs > 1 and y.ndim == 1 and y.dtype.kind in "biuUSO":
        return np.eye(n_outputs, dtype=dtype)[check_labels(y, n_outputs, name)]
    if y.dtype.kind not in "biuf":
        y = as_float(y, name)
    if y.ndim == 1 or not n_samples:
        y = y.reshape(n_samples, -1) if n_samples else y.reshape(0, n_outputs)
    if y.shape[1] != n_outputs:
        check_labels_of_classes(y, n_outputs, loss, name)
        raise ValueError(
            f"{name} has {several(y.shape[1], 'column')} but the output layer has "
            f"{several(n_outputs, 'unit')}; give the last layer {several(y.shape[1], 'unit')}"
        )
    y = check_finite(name, y, dtype)
    if loss.target_range != (-np.inf, np.inf):
        check_target_range(y, loss, name)
    if loss.labels == "only":
        if n_outputs == 1 or not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
            raise ValueError(f"{name} must hold class labels or one-hot rows for the loss {loss.name!r}")
        return y.argmax(axis=1).astype(np.int64)
    return y


def check_labels_of_classes(y, n_outputs, loss, name):
    """Raise where `y` seems to hold labels, one for each output, but the loss takes a target for each."""
    if y.shape[1] != 1 or n_outputs == 1 or not y.size:
        return
    if y.dtype.kind in "iu" or (y.min() >= 0 and y.max() < n_outputs and (y == np.floor(y)).all()):
        raise ValueError(
            f"{name} holds one number for each sample, but the output layer has {n_outputs} units and the "
            f"loss {loss.name!r} takes a target for each. Where these are labels of classes, take "
            "loss='categorical_crossentropy' behind activation='softmax', which knows labels, or give "
            f"one-hot rows: np.eye({n_outputs})[{name.split()[0]}]; where they are numbers to learn, give "
            "the last layer 1 unit"
        )


def several(n, thing):
    """Return "1 unit", "2 units"."""
    return f"{n} {thing}" + "s" * (n != 1)


def check_target_range(y, loss, name="y"):
    """Raise where targets lie outside what a loss is defined for."""
    low, high = loss.target_range
    if y.size and (y.min() < low or y.max() > high):
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}] for the loss {loss.name!r}; got values from {y.min():g} "
            f"to {y.max():g}; scale the targets or choose another loss"
        )


def check_labels(y, n_classes, name="y"):
    """Return integer class labels 0 ... n_classes - 1 as int64."""
    if y.dtype.kind in "USO":
        what = name.split()[0]
        raise ValueError(
            f"{name} must hold the numbers of classes, 0 to {n_classes - 1}; got dtype {y.dtype}: number "
            f"them by classes, {what} = np.unique({what}, return_inverse=True), or use MLPClassifier, "
            "which takes any labels"
        )
    if y.dtype.kind not in "biu":
        as_int = as_float(y, name)
        if not (as_int == np.floor(as_int)).all():
            raise ValueError(
                f"{name} must hold integer class labels; got dtype {y.dtype} with fractions or NaN"
            )
        y = as_int
    y = y.astype(np.int64)
    if y.size and int(y.view(np.uint64).max()) >= n_classes:  # negative ones are large there
        raise ValueError(
            f"{name} must hold labels from 0 to {n_classes - 1}, one for each output unit; "
            f"got {y.min()} to {y.max()}; number the classes from 0, or add output units"
        )
    return y


def check_class_weight(weights, class_weight):
    """Return the weights of classes: finite, none negative, not all 0."""
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            f"class_weight must hold finite weights, none negative and not all 0; got {class_weight!r}"
        )
    return weights


def check_learnable(functions):
    """Raise where there is no gradient to learn by."""
    for f in functions:
        if f.name == "step" and f.code is not None:
            raise ValueError("a step activation has no gradient to learn by; use 'logistic' or 'tanh'")


def check_measurable(output, loss, n_outputs, said="", where="the last layer's activation"):
    """Raise where an output activation and a loss do not go together.

    `said` is what messages call the loss, `where` what sets the activation.
    """
    said = said or f"the loss {loss.name!r}"
    if n_outputs == 1 and (output.name == "softmax" or loss.labels):
        raise ValueError(
            f"{said} behind {output.name!r} needs one output for each class, at least 2: for two classes "
            "take the binary cross-entropy behind 'logistic', for numbers the squared error"
        )
    if loss.outputs and output.code is not None and output.name not in loss.outputs:
        raise ValueError(
            f"{said} needs an output activation of {' or '.join(loss.outputs)}; got {output.name!r}: set "
            f"{where} to one that fits, or take a loss that goes with any, such as the squared error"
        )
