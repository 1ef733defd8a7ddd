"""Metrics: how good a model's answers are; of each, what it takes and which way is better.

Names: "accuracy", "precision", "recall", "f1" (and "f1_macro", "_micro", "_weighted"), "mse", "sse", "mae",
"r2". A function of your own is called ``f(y_true, y_pred)``, with ``sample_weight=`` where it has such a
parameter; scikit-learn's functions and scorers are recognised, and get the classes, probabilities or values
that they are made for. `Metric` says the same of a function of your own.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from . import _checks
from .class_metrics import AVERAGES, KINDS, ClassMetric, counted_once
from .sklearn_metrics import recognised

TAKES = {kind: kind for kind in ("predictions", "labels", "numbers", "probabilities", "scores", "values")}
# what estimators answer too: a classifier's probabilities against 0 and 1; scikit-learn's scorers; themselves
OF_ESTIMATORS = {kind: kind for kind in ("outputs", "scorer", "estimator")}
SIGNS = {"max": 1, "min": -1}


@dataclass(frozen=True)
class Metric:
    """A function, and what has to be known of it.

    Parameters
    ----------
    function : callable
        ``f(y_true, y_pred)`` or ``f(y_true, y_pred, sample_weight=)``; returns one number. For one output
        both are of shape (n_samples,).
    takes : str, default="predictions"
        "predictions": y as it was given, and what the model's `predict` returns. "labels": the number of
        each sample's class, 0 or 1 behind one output; rows of 0 and 1 where a sample may have several (an
        estimator's: the labels). "numbers": the same of an estimator too. "probabilities": these numbers,
        and the probabilities (of class 1, where there are two classes). "scores": the same; where there are
        no probabilities, what stands for them. "values": targets and outputs in rows.
    direction : {"max", "min"}, default=None
        Which values are better. None: not known, so that `mode` has to be given where it matters.
    weighted : bool, default=None
        None: where samples have weights the function takes them, or is refused. False: it counts all samples
        alike, and that is meant.
    name : str, default=None
        None: the function's own.
    knows_classes : bool, default=False
        Whether it has a parameter `labels` that is told all classes, as some may be missing in the data.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import Dense, Network
    >>> from fastmlp.metrics import Metric
    >>> def worst(y_true, y_pred):
    ...     return np.abs(y_true - y_pred).max()
    >>> model = Network([Dense(1, input_dim=1)], random_state=0)
    >>> x = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> model = model.fit(x, x.ravel(), epochs=3, metrics=[Metric(worst, "values", "min")])
    >>> len(model.history_["worst"])
    3
    """

    function: Callable
    takes: str = "predictions"
    direction: str | None = None
    weighted: bool | None = None
    name: str | None = None
    knows_classes: bool = False

    def __post_init__(self):
        _checks.check_callable("function", self.function)
        _checks.check_choice("takes", self.takes, TAKES | OF_ESTIMATORS)
        if self.direction is not None:
            _checks.check_choice("direction", self.direction, SIGNS)
        if self.weighted is None and has_parameter(self.function, "sample_weight"):
            object.__setattr__(self, "weighted", True)
        if self.name is None:
            object.__setattr__(self, "name", name_of(self.function))

    def __call__(self, *answers, sample_weight=None, labels=None):
        """Return what the function returns for y_true and y_pred, or what else it takes."""
        options = {}
        if sample_weight is not None and self.weighted:
            options["sample_weight"] = sample_weight
        if labels is not None and self.knows_classes:
            options["labels"] = labels
        return self.function(*answers, **options)


def name_of(metric):
    """Return the name under which the history keeps a metric that was given without one."""
    if isinstance(metric, (str, Metric)):
        return getattr(metric, "name", metric)
    inner = metric.func if isinstance(metric, partial) else metric
    return getattr(inner, "__name__", repr(metric))


def has_parameter(function, name):
    """Return whether a function has a parameter of that name."""
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False


def accuracy(y_true, y_pred, sample_weight=None):
    """Return the share of samples whose labels are all right: scikit-learn's `accuracy_score`."""
    equal = np.asarray(y_true) == y_pred
    equal = equal.all(axis=1) if equal.ndim == 2 else equal
    if sample_weight is None:
        return float(equal.mean())
    return float(sample_weight @ equal / sample_weight.sum()) if sample_weight.any() else float("nan")


def mse(y_true, y_pred, sample_weight=None):
    """Return the mean of (y_pred - y_true)^2."""
    return float(np.average(_of_samples(np.square, y_true, y_pred, np.mean), weights=sample_weight))


def sse(y_true, y_pred, sample_weight=None):
    """Return the sum of (y_pred - y_true)^2, each sample's times its weight."""
    each = _of_samples(np.square, y_true, y_pred, np.sum)
    return float(each.sum() if sample_weight is None else np.dot(each, sample_weight))


def mae(y_true, y_pred, sample_weight=None):
    """Return the mean of ``|y_pred - y_true|``."""
    return float(np.average(_of_samples(np.abs, y_true, y_pred, np.mean), weights=sample_weight))


def r2(y_true, y_pred, sample_weight=None):
    """Return the share of the variance explained, averaged over outputs: scikit-learn's `r2_score`.

    Of less than two samples it is NaN.
    """
    y_true, residual = _residual(y_true, y_pred)
    if len(y_true) < 2:
        _checks.warn_undefined("r2 of less than two samples")
        return float("nan")
    weights = np.ones(len(y_true)) if sample_weight is None else sample_weight
    left = weights @ residual**2
    spread = weights @ (y_true - np.average(y_true, axis=0, weights=sample_weight)) ** 2
    return float(np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1), left == 0).mean())


def _residual(y_true, y_pred):
    """Return targets and y_pred - y_true in double precision; (n,) and (n, 1) are the same."""
    y_pred = np.asarray(y_pred, np.float64)
    y_true = _checks.check_same_shape(np.asarray(y_true, np.float64), y_pred)
    return y_true, y_pred - y_true


def _of_samples(function, y_true, y_pred, reduce):
    """Return a function of each sample's residuals, whose values at several outputs are reduced to one."""
    values = function(_residual(y_true, y_pred)[1])
    return values if values.ndim == 1 else reduce(values, axis=1)


METRICS = {
    "accuracy": Metric(accuracy, "labels", "max"),
    "mse": Metric(mse, "values", "min"),
    "sse": Metric(sse, "values", "min"),
    "mae": Metric(mae, "values", "min"),
    "r2": Metric(r2, "values", "max"),
} | {
    (name := f"{kind}_{average}".rstrip("_")): Metric(
        ClassMetric(kind, average), "numbers", "max", True, name, knows_classes=True
    )
    for kind in KINDS
    for average in AVERAGES
}


OURS = (accuracy, mse, sse, mae, r2)  # our own metrics do not write to their arguments


def per_class(kind, classes):
    """Return metrics that measure each class on its own, for `metrics=`.

    Parameters
    ----------
    kind : {"precision", "recall", "f1"}
    classes : int or sequence
        How many classes there are, or their names in the order of their numbers.

    Returns
    -------
    dict of Metric
        ``"f1 of 3"``, say, for class 3; `ClassF1Display.from_estimators` draws them.

    Examples
    --------
    >>> from fastmlp.metrics import per_class
    >>> list(per_class("recall", ["cat", "dog"]))
    ['recall of cat', 'recall of dog']
    """
    kind = _checks.check_choice("kind", kind, {name: name for name in KINDS})
    names = (
        range(_checks.check_int("classes", classes)) if isinstance(classes, (int, np.integer)) else classes
    )
    return {
        f"{kind} of {name}": Metric(ClassMetric(kind, of=k), "numbers", "max", True, knows_classes=True)
        for k, name in enumerate(names)
    }


def named(metrics):
    """Return {name: metric} for a name, a function, a dict of these, or a sequence of all that."""
    if isinstance(metrics, dict):
        return metrics
    if isinstance(metrics, str) or callable(metrics):
        metrics = (metrics,)
    metrics = _checks.check_sequence("metrics", metrics, "names or functions")
    if any(isinstance(metric, dict) for metric in metrics):  # as `per_class` returns
        pairs = [pair for m in metrics for pair in named(m).items()]
        _checks.check_distinct("metrics", [name for name, _ in pairs])
        return dict(pairs)
    names = [name_of(metric) for metric in metrics]
    _checks.check_distinct("metrics", names)
    return dict(zip(names, metrics, strict=True))


def as_metric(name, metric):
    """Return the Metric that a function, a scorer of scikit-learn, or a Metric is, under a name."""
    _checks.check_callable("metrics", metric)
    if isinstance(metric, Metric):
        return replace(metric, name=name)
    return Metric(name=name, **recognised(metric))


def get(metrics):
    """Return {name: Metric} for what a network is asked to measure."""
    found = named(metrics)
    _checks.check_metric_names(found)
    return {
        name: as_metric(name, _checks.check_choice("metrics", m, METRICS) if isinstance(m, str) else m)
        for name, m in found.items()
    }


def directions(metrics, prefixes=("",), score=False):
    """Return which way is better for all that a fit will log: {name: "max", "min" or None}.

    Parameters
    ----------
    metrics : dict of Metric
        From `get`.
    prefixes : sequence of str, default=("",)
        Of the names: ``""`` for the training data, ``"val_"`` for validation data.
    score : bool, default=False
        Whether data with a prefix have a score too, as an estimator's `score`.
    """
    each = [(name, metric.direction) for name, metric in metrics.items()]
    found = []
    for prefix in prefixes:
        of_model = [("loss", "min"), *([("score", "max")] if score and prefix else [])]
        found += [(prefix + name, direction) for name, direction in of_model + each]
    _checks.check_logged_once([name for name, _ in found])
    return dict(found)


def sign(name, directions, mode="auto"):
    """Return 1 where more of a logged value is better, -1 where less is.

    Parameters
    ----------
    name : str
        Of `directions`.
    directions : dict
        See `directions`.
    mode : {"auto", "max", "min"}, default="auto"
        "auto": as `directions` says; where that is None, refuse to guess.
    """
    direction = directions[_checks.check_monitor(name, directions)]
    return SIGNS[_checks.check_direction(name, direction) if mode == "auto" else mode]


def _lent(metric, answers):
    """Return what a metric is given: copies, where a function of somebody else's may write into them."""
    if getattr(metric.function, "reads_only", False) or metric.function in OURS:
        return answers
    if metric.takes in TAKES:
        return tuple(np.array(each) for each in answers)
    return *answers[:-1], np.array(answers[-1])


def measure(metrics, reading, sample_weight=None):
    """Return {name: float}: each metric of what a `Reading`, or one like it, makes of outputs; NaN of NaN.

    Parameters
    ----------
    metrics : dict of Metric
    reading
        Has a pair for each kind that the metrics take, `classes` and `finite`.
    sample_weight : ndarray of shape (n,), default=None
    """
    found = {}
    with counted_once():
        for name, metric in metrics.items():
            if sample_weight is not None:
                _checks.check_weighted(name, metric.weighted)
            if metric.takes == "probabilities":
                _checks.check_probabilities(name, reading.have_probabilities)
            try:
                labels = reading.classes if metric.knows_classes else None
                answers = _lent(metric, getattr(reading, metric.takes))
                weighed = dict(sample_weight=sample_weight, labels=labels)
                value = metric(*answers, **weighed) if reading.finite else np.nan
            except Exception as error:
                error.add_note(f"in the metric {name!r}")
                raise
            found[name] = _checks.check_number(name, value)
    return found
