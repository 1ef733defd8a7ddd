"""Metrics by name, computed from an estimator's answers for some rows.

A metric is resolved to a function ``(answers, rows, y)`` that returns a float. `y` is that of the rows.
"""

import inspect
import warnings

import numpy as np
import sklearn.metrics
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.utils import _safe_indexing

from .. import _checks, _metrics

OF_OUTPUTS = {name: _metrics.METRICS[name] for name in ("sse", "mse", "mae")}
RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")
SCORER = type(make_scorer(sklearn.metrics.r2_score))


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
            return [k[rows] for k in known] if isinstance(known, list) else known[rows]

        of_rows.__name__ = name  # by which scikit-learn knows what it was answered
        return of_rows


def resolve(metrics, estimator, y):
    """Return {name: function} for names, functions, or a dict of either.

    Parameters
    ----------
    metrics : str, callable, sequence, dict or None
        See `cross_validate`.
    estimator
        Unfitted.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        A name is unknown, or is of a response that the estimator does not give.
    """
    if metrics is None:
        metrics = "accuracy" if is_classifier(estimator) else "r2"
    metrics = _metrics.named(metrics)
    _checks.check_not_empty("metrics", metrics, "name at least one, such as 'accuracy'")
    return {name: _resolve(metric, estimator, y) for name, metric in metrics.items()}


def _resolve(metric, estimator, y):
    if isinstance(metric, str):
        if metric in OF_OUTPUTS:
            if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
                _checks.check_numeric_labels(metric, y)
            return _OfOutputs(OF_OUTPUTS[metric])
        # scikit-learn's own take milliseconds an epoch
        if metric == "accuracy" and is_classifier(estimator):
            return _OfPredictions(_metrics.share_equal)
        if metric == "r2":
            return _OfPredictions(_metrics.r2)
        choices = {name: get_scorer for name in get_scorer_names()} | _functions()
        found = _checks.check_choice("metrics", metric, choices | OF_OUTPUTS)
        metric = get_scorer(metric) if found is get_scorer else found
    _checks.check_callable("metrics", metric)
    if isinstance(metric, SCORER):
        response = getattr(metric, "_response_method", "default")
        wanted = (response,) if isinstance(response, str) else response
        if response != "default":
            _checks.check_any_method("metrics", metric, estimator, wanted)
        return _OfAnswers(metric)
    return _OfEstimator(metric) if _takes_estimator(metric) else _OfPredictions(metric)


def _functions():
    """Return scikit-learn's metrics that are functions of (y_true, y_pred), by name."""
    names = (n for n in sklearn.metrics.__all__ if n.endswith(("_score", "_loss", "_error", "_deviance")))
    found = {name: getattr(sklearn.metrics, name) for name in names}
    return {
        name: f for name, f in found.items() if [*inspect.signature(f).parameters][:2] == ["y_true", "y_pred"]
    }


def _takes_estimator(function):
    """Whether a function takes (estimator, X, y), not (y_true, y_pred)."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return sum(p.kind in kinds and p.default is p.empty for p in parameters) >= 3


class _Metric:
    def __init__(self, function):
        self.function = function


class _OfPredictions(_Metric):
    def __call__(self, answers, rows, y):
        return self.function(y, answers.predict(rows))


class _OfAnswers(_Metric):
    def __call__(self, answers, rows, y):
        return self.function(answers, rows, y)


class _OfEstimator(_Metric):
    def __call__(self, answers, rows, y):
        return self.function(answers.estimator, _safe_indexing(answers.X, rows), y)


class _OfOutputs(_Metric):
    """Of probabilities against 0 and 1 for a classifier that gives them, else of predictions."""

    def __call__(self, answers, rows, y):
        if not (is_classifier(answers) and hasattr(answers, "predict_proba")):
            return self.function(np.asarray(y, np.float64), answers.predict(rows))
        output, target, classes = answers.predict_proba(rows), y, answers.classes_
        if isinstance(output, list):  # one array for each label, as scikit-learn's trees give
            output = np.column_stack([p[:, -1] for p in output])
        elif target.ndim == 1:
            target = (target[:, None] == classes).astype(np.float64)
            if len(classes) == 2:  # one output tells two classes apart
                target, output = target[:, 1], output[:, 1]
        return self.function(target, output)


def measure(metrics, answers, y, parts):
    """Return the metrics of each part: an array (n_metrics, n_parts).

    Parameters
    ----------
    metrics : dict of callable
        From `resolve`.
    answers : Answers
    y : ndarray
        Of all rows of X.
    parts : sequence of ndarray
        Row numbers.
    """
    of_parts = [(rows, y[rows]) for rows in parts]
    return np.array(
        [
            [_checks.check_number(name, metric(answers, rows, of)) for rows, of in of_parts]
            for name, metric in metrics.items()
        ]
    )


def try_out(metrics, estimator, y, rows):
    """Compute metrics of a trivial model: what cannot be computed is known before anything is trained."""
    dummy = DummyClassifier() if is_classifier(estimator) else DummyRegressor()
    nothing = np.zeros((len(y), 1))
    answers = Answers(dummy.fit(nothing, y), nothing)
    for name, metric in metrics.items():
        if isinstance(metric, _OfEstimator):
            continue  # of that model's own attributes, perhaps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                _checks.check_number(name, metric(answers, rows, y[rows]))
            except (TypeError, ValueError) as error:
                _checks.fail_metric(name, error)
            except AttributeError:
                pass  # the trivial model lacks a method that the estimator has
