"""Metrics of the parts of a fold, and of a trivial model before anything is trained."""

import warnings

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from .. import _checks
from ..estimators import scoring
from ..estimators.scoring import Answers, EstimatorReading
from ..metrics import measure as measure_reading


def resolve(metrics, estimator, y):
    """Return {name: Metric}; None stands for "accuracy" or "r2"."""
    if metrics is None:
        metrics = "accuracy" if is_classifier(estimator) else "r2"
    found = scoring.resolve(metrics, estimator, y)
    _checks.check_not_empty("metrics", found, "name at least one, such as 'accuracy'")
    return found


def measure(metrics, answers, y, parts):
    """Return the metrics of each part: an array (n_metrics, n_parts).

    Parameters
    ----------
    metrics : dict of Metric
        From `resolve`.
    answers : Answers
    y : ndarray
        Of all rows of X: its classes are those of every part, so that all folds are measured alike.
    parts : sequence of ndarray
        Row numbers.
    """
    classes = scoring.classes_of(answers, y)
    readings = [EstimatorReading(answers, rows, y[rows], classes) for rows in parts]
    return np.array([[*measure_reading(metrics, reading).values()] for reading in readings]).T


def try_out(metrics, estimator, y, rows):
    """Compute metrics of a trivial model: what cannot be computed is known before anything is trained."""
    dummy = DummyClassifier() if is_classifier(estimator) else DummyRegressor()
    nothing = np.zeros((len(y), 1))
    answers = Answers(dummy.fit(nothing, y), nothing)
    for name, metric in metrics.items():
        if metric.takes == "estimator":
            continue  # it may need attributes that only the real model has
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                measure({name: metric}, answers, y, (rows,))
            except (TypeError, ValueError) as error:
                _checks.fail_metric(name, error)
            except AttributeError:
                pass  # the trivial model lacks a method that the estimator has
