"""Metrics: their names, what they return, and whether they can be computed."""

import numpy as np

from .values import shown
from .warned import warn
from .words import did_you_mean

OF_CLASSES = ("labels", "numbers", "probabilities", "scores")  # what a metric takes of classes
RESERVED = ("loss", "score", "learning_rate", "seconds", "epoch")


def check_metric_names(names):
    """Raise for names under which the history holds something else."""
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"metrics: the names must be texts; got {name!r} of type {type(name).__name__}")
        if name in RESERVED or name.startswith("val_"):
            raise ValueError(
                f"metrics: the name {name!r} is taken: the history holds {', '.join(RESERVED)} and val_... "
                "of its own; give the metric another name"
            )


def check_logged_once(names):
    """Raise where the history would hold two things under one name."""
    # every history, or each line of a CSV file, has these
    names = [*names, "learning_rate", "seconds", "epoch"]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"metrics and validation data give the history {', '.join(map(repr, twice))} twice; rename one"
        )


def check_direction(name, direction):
    """Return "max" or "min": which values of what is logged are better."""
    if direction is None:
        raise ValueError(
            f"monitor={name!r}: it is not known which way is better; say mode='max' or 'min', or give the "
            "metric as fastmlp.metrics.Metric(function, direction='max')"
        )
    return direction


def check_weighted(name, weighted):
    """Raise where samples have weights and a metric cannot take them."""
    if weighted is None:
        raise ValueError(
            f"metrics: {name!r} has no parameter sample_weight, but samples have weights; give it one, or "
            "say that it counts all alike: fastmlp.metrics.Metric(function, weighted=False)"
        )


def check_same_shape(y_true, y_pred):
    """Return targets, which must have the predictions' shape; (n,) and (n, 1) are the same."""
    if y_true.shape != y_pred.shape and not (
        y_true.size == y_pred.size and y_true.shape[:1] == y_pred.shape[:1]
    ):
        raise ValueError(f"y_true and y_pred must have the same shape; got {y_true.shape} and {y_pred.shape}")
    return y_true.reshape(y_pred.shape)


def check_number(name, value):
    """Return what a metric returned as a float."""
    if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "biuf":
        raise TypeError(
            f"the metric {name!r} must return one number; got {shown(value)}: choose an average, "
            "or pick one class"
        )
    return float(value)


def warn_undefined(what):
    """Warn of a metric that has no value."""
    warn(f"{what} is not defined", RuntimeWarning)


def fail_metric(name, error):
    """Raise for a metric that cannot be computed."""
    hint = "; 'f1_macro' and its like average over classes" if "average" in str(error) else ""
    raise ValueError(f"metrics: {name!r} cannot be computed for this y: {error}{hint}") from error


def check_probabilities(name, have_probabilities):
    """Raise where a metric takes probabilities and outputs are none."""
    if not have_probabilities:
        raise ValueError(
            f"metrics: {name!r} needs probabilities, which the outputs are not; take a logistic or softmax "
            "output, or a cross-entropy"
        )


def check_metrics_of_values(metrics, are_values):
    """Raise for metrics of classes where targets are values."""
    of_classes = [name for name, metric in metrics.items() if metric.takes in OF_CLASSES]
    if of_classes and are_values:
        raise ValueError(
            f"metrics: {of_classes[0]!r} needs classes, but y has more than two values behind one output: "
            "take 'r2', 'mse' or 'mae', or give the last layer an output for each class"
        )


def check_monitor(name, logged):
    """Return the name of what is watched, which must be among what is logged."""
    of_validation = isinstance(name, str) and name.startswith("val_")
    if of_validation and not any(other.startswith("val_") for other in logged):
        raise ValueError(
            f"monitor must be one of {', '.join(sorted(logged))}; got {name!r}, which needs validation data: "
            "fit(..., validation_data=(x, y))"
        )
    if not isinstance(name, str) or name not in logged:
        hint = did_you_mean(name, logged) or "a metric is logged once it is named in metrics"
        raise ValueError(f"monitor must be one of {', '.join(sorted(logged))}; got {shown(name)}: {hint}")
    return name


def check_class_range(known):
    """Return the two targets learned behind one output, which are the names of its classes."""
    low, high = known
    if low == int(low) and high == int(high):
        return known
    raise ValueError(
        f"the targets learned run from {low:g} to {high:g}, and the loss knows no classes: these outputs are "
        "values. Compare predict(x) with a threshold of your own, or train on targets 0 and 1"
    )


def check_class_is_there(of, n_classes):
    """Raise where the place of a class is beyond all that there are."""
    if of >= n_classes:
        raise ValueError(
            f"classes of per_class must be the {n_classes} there are; got more, {of + 1} at least"
        )
