"""Metrics by name: functions (y_true, y_pred) -> float, for what is reported beside the loss.

`y_true` is as the user gave it, `y_pred` the network's output. scikit-learn's functions do as well.
"""

import inspect

import numpy as np

from . import _checks


def accuracy(y_true, y_pred):
    """Return the share of samples whose class is right.

    The class is the strongest of several outputs, or whether the only output exceeds 0.5.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    n = len(y_pred)
    if y_pred.ndim == 1 or y_pred.shape[1] == 1:
        return float(((y_pred.reshape(n) > 0.5) == (y_true.reshape(n) > 0.5)).mean())
    if y_true.size == y_pred.size:
        y_true = y_true.argmax(axis=1)
    return float((y_pred.argmax(axis=1) == y_true.reshape(n)).mean())


def mse(y_true, y_pred):
    """Return the mean of (y_pred - y_true)^2."""
    return float((_residual(y_true, y_pred) ** 2).mean())


def sse(y_true, y_pred):
    """Return the sum of (y_pred - y_true)^2."""
    return float((_residual(y_true, y_pred) ** 2).sum())


def mae(y_true, y_pred):
    """Return the mean of |y_pred - y_true|."""
    return float(np.abs(_residual(y_true, y_pred)).mean())


def r2(y_true, y_pred, sample_weight=None):
    """Return the share of the variance explained, averaged over outputs: scikit-learn's `r2_score`."""
    residual = _residual(y_true, y_pred)
    y_true = np.reshape(y_true, residual.shape).astype(np.float64)
    weights = np.ones(len(y_true)) if sample_weight is None else sample_weight
    left = weights @ residual.astype(np.float64) ** 2
    spread = weights @ (y_true - np.average(y_true, axis=0, weights=sample_weight)) ** 2
    return float(np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1), left == 0).mean())


def share_equal(y_true, y_pred, sample_weight=None):
    """Return the share of samples whose labels are all right: scikit-learn's `accuracy_score`."""
    equal = np.asarray(y_true) == y_pred
    equal = equal.all(axis=1) if equal.ndim == 2 else equal
    if sample_weight is None:
        return float(equal.mean())
    return float(sample_weight @ equal / sample_weight.sum()) if sample_weight.any() else float("nan")


def _residual(y_true, y_pred):
    y_pred = np.asarray(y_pred)
    if np.ndim(y_true) < y_pred.ndim and y_pred.shape[1] > 1:  # labels against one output a class
        y_true = np.eye(y_pred.shape[1])[np.asarray(y_true, np.int64)]
    return y_pred - np.reshape(y_true, y_pred.shape)


METRICS = {f.__name__: f for f in (accuracy, mse, sse, mae, r2)}


def named(metrics):
    """Return {name: metric} for a name, a function, a sequence or a dict of these."""
    if isinstance(metrics, dict):
        return metrics
    if isinstance(metrics, str) or callable(metrics):
        metrics = (metrics,)
    metrics = _checks.check_sequence("metrics", metrics, "names or functions")
    names = [m if isinstance(m, str) else getattr(m, "__name__", repr(m)) for m in metrics]
    _checks.check_distinct("metrics", names)
    return dict(zip(names, metrics, strict=True))


def get(metrics):
    """Return {name: function}: `named`, and functions found by their names."""
    return {
        name: metric if callable(metric) else _checks.check_choice("metrics", metric, METRICS)
        for name, metric in named(metrics).items()
    }


def measure(metrics, y_true, y_pred, sample_weight=None):
    """Return what each of several metrics says, by name; those that take weights are given them."""
    found = {}
    for name, metric in metrics.items():
        weights = {}
        if sample_weight is not None and "sample_weight" in inspect.signature(metric).parameters:
            weights = {"sample_weight": sample_weight}
        found[name] = float(metric(y_true, y_pred, **weights))
    return found
