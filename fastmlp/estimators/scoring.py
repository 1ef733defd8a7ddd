"""Metrics of estimators: resolved by name, and given an estimator's answers for some rows."""

import inspect
from dataclasses import replace
from functools import cache

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import _safe_indexing

from .. import _checks
from .. import metrics as words
from ..class_metrics import AVERAGES, KINDS
from ..kernels.cached import cached_property
from ..sklearn_metrics import is_scorer, recognised, told_classes

RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")
OF_OUTPUTS = ("sse", "mse", "mae")  # for classifiers, of probabilities against 0 and 1
OF_CLASSES = {"accuracy", *(f"{kind}_{average}" for kind in KINDS for average in AVERAGES if average)}


class Answers:
    """A fitted estimator whose answers for all rows of X are computed once, and asked for by row numbers.

    scikit-learn's scorers take it as an estimator, and row numbers as X.

    Parameters
    ----------
    estimator
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
    """

    def __init__(self, estimator, X):
        self.estimator, self.X, self._known = estimator, X, {}

    def __getattr__(self, name):
        answer = getattr(self.estimator, name)
        if name not in RESPONSES:
            return answer

        def of_rows(rows):
            if name not in self._known:
                self._known[name] = answer(self.X)
            known = self._known[name]
            # copies, because a metric may write into what it is given
            return [k[rows].copy() for k in known] if isinstance(known, list) else known[rows].copy()

        of_rows.__name__ = name  # scikit-learn reads the method's name
        return of_rows


class EstimatorReading:
    """An estimator's answers for some rows, as each kind of metric takes them: pairs (y_true, y_pred).

    Parameters
    ----------
    answers : Answers
    rows : ndarray or slice
    y : ndarray
        Of these rows.
    all_classes : ndarray or None
        The classes of all data, in order; of one that the estimator has not seen the probability is 0. None:
        it is no classifier, or samples may have several labels.
    """

    finite = True

    def __init__(self, answers, rows, y, all_classes=None):
        self.answers, self.rows, self.y, self.all_classes = answers, rows, y, all_classes

    @property
    def classes(self):
        return None if self.all_classes is None else np.arange(len(self.all_classes))

    @property
    def have_probabilities(self):
        return hasattr(self.answers, "predict_proba")

    @property
    def predictions(self):
        return self.y, self.answers.predict(self.rows)

    labels = values = predictions

    @cached_property
    def numbers(self):
        """Which of all classes each sample is of; rows of 0 and 1 where it may have several labels."""
        y, told = self.predictions
        if self.all_classes is None:
            return np.asarray(y), np.asarray(told)
        return tuple(np.searchsorted(self.all_classes, each) for each in (y, told))

    @property
    def probabilities(self):
        return self._numbers(), self._of_upper(self._proba())

    @property
    def scores(self):
        several = self.all_classes is not None and len(self.all_classes) > 2
        if hasattr(self.answers, "decision_function") and not (several and self.have_probabilities):
            return self._numbers(), self.answers.decision_function(self.rows)
        return self.probabilities

    @property
    def outputs(self):
        """Probabilities against rows of 0 and 1; one output tells two classes apart."""
        if self.all_classes is None:
            return self.y.astype(np.float64), self._proba()
        target = (self.y[:, None] == self.all_classes).astype(np.float64)
        return self._of_upper(target), self._of_upper(self._proba())

    @property
    def scorer(self):
        return self.answers, self.rows, self.y

    @property
    def estimator(self):
        return self.answers.estimator, _safe_indexing(self.answers.X, self.rows), self.y

    def _numbers(self):
        return self.y if self.all_classes is None else np.searchsorted(self.all_classes, self.y)

    def _of_upper(self, columns):
        two = self.all_classes is not None and len(self.all_classes) == 2
        return columns[:, 1] if two else columns

    def _proba(self):
        """Return the probability of each class or label, of those that were never seen too."""
        found = self.answers.predict_proba(self.rows)
        if isinstance(found, list):  # scikit-learn's trees give one array for each label
            known = self.answers.classes_
            return np.column_stack([p @ (c == 1) for p, c in zip(found, known, strict=True)])
        if self.all_classes is None:
            return found
        seen = np.isin(self.all_classes, self.answers.classes_)
        if seen.all():
            return found
        whole = np.zeros((len(found), len(self.all_classes)))
        whole[:, seen] = found
        return whole


def classes_of(estimator, y):
    """Return what `EstimatorReading` takes for `all_classes`, given all y."""
    return np.unique(y) if is_classifier(estimator) and y.ndim == 1 else None


def resolve(metrics, estimator, y):
    """Return {name: Metric} for names, functions, or a dict of either.

    Parameters
    ----------
    metrics : str, callable, sequence or dict
        Names: ours, scikit-learn's scorers, its functions of (y_true, y_pred).
    estimator
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        A name is unknown, or is of a response that the estimator does not give.
    """
    return {name: _resolve(name, metric, estimator, y) for name, metric in words.named(metrics).items()}


def _resolve(name, metric, estimator, y):
    if isinstance(metric, str):
        metric = _named(metric, estimator, y)
    if is_scorer(metric):
        return _of_scorer(name, metric, estimator, y)
    found = words.as_metric(name, metric)
    if found.function is metric and not isinstance(metric, words.Metric) and _takes_estimator(metric):
        return replace(found, takes="estimator")
    needed = {"probabilities": ("predict_proba",), "scores": ("decision_function", "predict_proba")}
    if found.takes in needed:
        _checks.check_any_method("metrics", name, estimator, needed[found.takes])
    return found


def _named(name, estimator, y):
    """Return the metric that a name stands for."""
    if name in OF_OUTPUTS:
        found = words.METRICS[name]
        if is_classifier(estimator):
            if hasattr(estimator, "predict_proba"):
                return replace(found, takes="outputs")
            if y.dtype.kind not in "biuf":
                _checks.refuse(
                    f"metrics: {name!r} of a classifier without predict_proba needs numbers for labels; got "
                    f"dtype {y.dtype}: encode them as numbers, or choose 'accuracy'"
                )
        return found
    # ours, because scikit-learn's take milliseconds
    if name == "r2" or (is_classifier(estimator) and (name in OF_CLASSES or _is_of_upper(name, y))):
        return words.METRICS[name]
    return _checks.check_choice("metrics", name, _choices())


def _is_of_upper(name, y):
    """Whether "f1" and the like are not of the lower of two classes, called 1: scikit-learn's are of 1."""
    if name not in KINDS:
        return False
    classes = np.unique(y) if y.ndim == 1 else ()
    return len(classes) != 2 or classes[0] != 1


def _of_scorer(name, scorer, estimator, y):
    method = scorer._response_method
    wanted = (method,) if isinstance(method, str) else method
    if method != "default":
        _checks.check_any_method("metrics", name, estimator, wanted)
    if method == "predict_proba" and y.ndim == 1 and is_classifier(estimator):
        if told_classes(scorer._score_func, scorer._kwargs):  # it is, since a fold may lack one
            return words.as_metric(name, scorer)
    weighted = words.has_parameter(scorer._score_func, "sample_weight") or None
    return words.Metric(scorer, "scorer", "max", weighted, name)


@cache
def _choices():
    """Return scikit-learn's scorers, and its metrics that are functions of (y_true, y_pred), by name."""
    import sklearn.metrics

    names = (n for n in sklearn.metrics.__all__ if n.endswith(("_score", "_loss", "_error", "_deviance")))
    functions = {name: getattr(sklearn.metrics, name) for name in names}
    found = {
        n: f for n, f in functions.items() if [*inspect.signature(f).parameters][:2] == ["y_true", "y_pred"]
    }
    scorers = {name: sklearn.metrics.get_scorer(name) for name in sklearn.metrics.get_scorer_names()}
    return dict.fromkeys(words.METRICS) | found | scorers


def _takes_estimator(function):
    """Whether a function takes (estimator, X, y), not (y_true, y_pred)."""
    if set(recognised(function)) != {"function"}:
        return False  # scikit-learn's own
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return sum(p.kind in kinds and p.default is p.empty for p in parameters) >= 3
