"""Data held out of training: what is measured on it at each epoch's end."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from .. import _checks
from ..kernels.job import Rows
from ..metrics import measure


class ValidationSet:
    """Data held out of training, and what is measured on it.

    Parameters
    ----------
    estimator
    X, target, y, weights
        `target` as the kernels take it, `y` as a score does.
    sample_weight : ndarray or None
        The weights without those of classes: by which metrics are measured.
    metrics : dict of Metric
    """

    def __init__(self, estimator, X, target, y, weights, sample_weight, metrics):
        self.estimator, self.X, self.targets, self.y, self.weights = estimator, X, target, y, weights
        self.sample_weight, self.metrics = sample_weight, metrics
        self.rows = Rows(X)

    def measure(self):
        """Return score, loss and metrics."""
        est = self.estimator
        logits = est._network.outputs(self.rows, logits=True)
        loss = est._network.loss_of(est._loss, logits, self.targets, self.weights)
        found = {"score": est._score_logits(logits, self.y, self.weights), "loss": loss}
        return found | measure(self.metrics, est._read(self.X, self.y), self.sample_weight)


def given(estimator, sets, metrics):
    """Return the ValidationSet of each validation set that was given, by its name.

    Parameters
    ----------
    estimator
        With its network built.
    sets : dict
        {name: (what errors call it, X, y, sample_weight)}
    metrics : dict of Metric
    """
    return {name: _held(estimator, metrics, *about) for name, about in sets.items()}


def _held(estimator, metrics, what, X, y, sample_weight):
    with _checks.part_of(what):
        X, y = estimator._validate(X, y, reset=False)
        _checks.check_finite_in(X, "X", estimator._network.params.dtype)
        estimator._check_known(y)
        target = estimator._as_target(estimator._encode(y))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
            _checks.check_weight_signs(sample_weight)
    return ValidationSet(estimator, X, target, y, sample_weight, sample_weight, metrics)


def split(estimator, metrics, X, target, y, weights, sample_weight):
    """Return the training part of what is given, and the ValidationSet rest, by scikit-learn's draws."""
    binary = estimator._is_classifier and estimator.n_outputs_ == 1
    n, size = X.shape[0], estimator.validation_fraction
    if np.ceil(size * n) < 2 and n >= 4:
        size = 2  # scikit-learn refuses so few samples
    train, rest = train_test_split(
        np.arange(n),
        random_state=estimator._network.rng,
        test_size=size,
        stratify=target.astype(bool) if binary else None,
    )
    if len(rest) < 2:
        _checks.refuse(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
        )
    if weights is not None:
        _checks.check_held_weights(weights[rest])

    def part(rows):
        of_rows = (None if w is None else w[rows] for w in (weights, sample_weight))
        return X[rows], target[rows], y[rows], *of_rows

    return part(train), ValidationSet(estimator, *part(rest), metrics)
