"""Cross-validation: splits, metrics, what failed."""

from numbers import Real

import numpy as np

from .values import check_made, check_not_empty, shown
from .warned import warn


def check_splitter(cv):
    """Return `cv`, a splitter or an iterable of (train, test) as a list."""
    cv = check_made("cv", cv)
    if isinstance(cv, str) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        raise TypeError(
            "cv must be an int, a splitter of sklearn.model_selection, or an iterable of (train, test) row "
            f"numbers; got {shown(cv)}"
        )
    if hasattr(cv, "split"):
        return cv
    cv = list(cv)
    for k, split in enumerate(cv):
        if len(split) != 2:
            raise ValueError(f"cv must hold pairs (train, test); fold {k} has {len(split)} parts")
    return cv


def check_repeats(repeats, varies):
    """Raise where all repetitions would be the same."""
    if repeats > 1 and not varies:
        raise ValueError(
            f"repeats={repeats}, but neither the splitter nor the estimator draws anything, so all "
            "repetitions would be the same; set repeats=1, the estimator's random_state=None, or cv's shuffle"
        )


def as_fold_rows(rows, n_samples):
    """Return the rows of a fold, numbers or a mask, as int64 numbers."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n_samples,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(
            f"cv must yield row numbers, or masks of shape ({n_samples},); got {rows.dtype} of shape "
            f"{rows.shape}"
        )
    return rows.astype(np.int64, copy=False)


def check_splits(splits, n_samples, n_expected=None):
    """Raise where folds are missing, empty, or name rows that are not there."""
    check_not_empty("cv", splits, "its splitter yielded no fold")
    if n_expected is not None and len(splits) != n_expected:
        raise ValueError(
            f"cv must yield as many folds in each repetition; got {n_expected}, then {len(splits)}"
        )
    for k, split in enumerate(splits):
        for name, rows in zip(("training", "test"), split, strict=True):
            if not len(rows):
                raise ValueError(f"cv yielded no {name} rows in fold {k}; choose other sizes or fewer folds")
            if rows.min() < 0 or rows.max() >= n_samples:
                raise ValueError(
                    f"cv yielded row {rows.min() if rows.min() < 0 else rows.max()} among the {name} rows of "
                    f"fold {k}; X has rows 0 to {n_samples - 1}"
                )


def check_any_fold(errors):
    """Warn of folds that failed; raise where all did."""
    failed = [error for error in errors if error]
    if not failed:
        return
    from sklearn.exceptions import FitFailedWarning

    message = f"{len(failed)} of {len(errors)} folds failed; the first one with\n{failed[0]}"
    if len(failed) == len(errors):
        raise ValueError(message)
    warn(message, FitFailedWarning)


def check_curves(epochs):
    """Raise where no curve was recorded."""
    if not len(epochs):
        raise ValueError(
            "there are no curves: the estimator records none, or `every` was None or more than the epochs; "
            "use score() and scores for what the fitted estimators reached"
        )


def check_error_score(error_score):
    """Raise where `error_score` says neither to raise nor what to write instead."""
    number = isinstance(error_score, Real) and not isinstance(error_score, bool)
    if not number and (not isinstance(error_score, str) or error_score != "raise"):
        raise ValueError(f"error_score must be 'raise' or a number, such as NaN; got {shown(error_score)}")


def check_any_method(name, value, estimator, methods):
    """Raise where an estimator has none of the methods that a metric asks for."""
    if not any(hasattr(estimator, method) for method in methods):
        raise ValueError(
            f"{name}: {value!r} needs an estimator with {' or '.join(methods)}, which {estimator!r} has not "
            "with these parameters; choose a metric of predictions, such as 'accuracy'"
        )


def check_numeric_labels(metric, y):
    """Raise where labels would have to be subtracted from each other and are no numbers."""
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"metrics: {metric!r} of a classifier without predict_proba needs numbers for labels; got dtype "
            f"{y.dtype}: encode them as numbers, or choose 'accuracy'"
        )


def fail_sample_weight(estimator):
    """Raise for an estimator that knows no weights."""
    raise ValueError(f"sample_weight was given, but fit of {estimator!r} takes none; leave it out")
