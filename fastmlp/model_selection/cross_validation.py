"""cross_validate: data, splits and seeds are settled before the first fold runs."""

import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.utils import check_array, indexable
from sklearn.utils.validation import _num_samples

from .. import _checks
from ..kernels.threads import usable_cores
from . import engine
from .folds import Fold, FoldTask, fit_parameter, unseeded
from .result import CrossValidation
from .scoring import resolve, try_out

MAX_SEED = 2**31 - 1


def cross_validate(
    estimator,
    X,
    y,
    *,
    cv=5,
    repeats=5,
    metrics=None,
    groups=None,
    sample_weight=None,
    every=1,
    n_jobs=None,
    random_state=None,
    error_score="raise",
    return_estimators=False,
):
    """Train and measure an estimator on the folds of several repetitions, epoch by epoch.

    Parameters
    ----------
    estimator : estimator
        Any of scikit-learn's kind. Those of fastmlp give curves, also as the last step of a `Pipeline` and
        inside a `TransformedTargetRegressor`; others final scores only. Parameters named random_state that
        are None get a seed of their own in every fold; a number stays as it is.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        MLPClassifier and MLPRegressor read the rows of a fold where they lie, unless `early_stopping`,
        `metrics`, `monitor` or ``solver="lbfgs"`` is set; other estimators get a copy of their training rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    cv : int, splitter or iterable of (train, test), default=5
        An int is the number of folds, of a `StratifiedKFold` for classes and a `KFold` otherwise, shuffled
        anew in each repetition. A splitter that draws (it has a `random_state`, and does not say
        ``shuffle=False``) splits by its own `random_state` in the first repetition, if that is not None, and
        by a new one in each other. Others split alike in all repetitions, which then differ by the
        estimator's seeds.
    repeats : int, default=5
    metrics : str, callable, sequence or dict of these, default=None
        Names: "sse", "mse", "mae" (fastmlp's: sums or means over samples and outputs; for classifiers of
        probabilities against 0 and 1, of one output where there are two classes); scikit-learn's scorers,
        such as "accuracy", "f1_macro" or "neg_log_loss"; its functions of (y_true, y_pred), such as
        "hamming_loss". Callables: scorers, or functions of (y_true, y_pred) or of (estimator, X, y).
        None: "accuracy" or "r2".
    groups : array-like of shape (n_samples,), default=None
        For splitters that keep groups together.
    sample_weight : array-like of shape (n_samples,), default=None
        For training; metrics count all samples alike.
    every : int or None, default=1
        Epochs from one point of the curves to the next; None: no curves, and no Python between epochs.
    n_jobs : int, default=None
        Folds at a time: threads on one copy of the data, or workers of the backend that
        ``joblib.parallel_config`` has chosen. None: 1, or what it says there. -1: all cores.
        The result does not depend on it.
    random_state : int, RandomState or None, default=None
        Determines all seeds of splits and estimators, before the first fold runs.
    error_score : "raise" or number, default="raise"
        What becomes of a fold that fails: its error is raised, with a note that names repetition and fold;
        or its scores are this number, and a FitFailedWarning is given.
    return_estimators : bool, default=False
        Keep the fitted estimators.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ValueError, TypeError
        Before anything is trained: data, splits or metrics do not fit together.
    KeyboardInterrupt
        By Ctrl-C, also where an estimator's `fit` ends with a warning then: there is no result of a part.
        Folds in other threads have stopped; a fit of another library, which heeds no one, ends by itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastmlp import MLPClassifier
    >>> from fastmlp.model_selection import cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((8,), max_iter=1000, learning_rate_init=0.05)
    >>> result = cross_validate(model, X, y, repeats=2, metrics=["accuracy", "sse"], random_state=0)
    >>> result.curves["test"]["sse"].shape[:2]  # then epochs
    (2, 5)
    >>> mean, std = result.score("accuracy")
    >>> bool(mean > 0.9)
    True
    """
    _checks.check_model(estimator, "estimator", network=False)
    X, y, sample_weight = _data(estimator, X, y, sample_weight)
    repeats = _checks.check_int("repeats", repeats)
    every = None if every is None else _checks.check_int("every", every)
    if error_score != "raise" and (isinstance(error_score, bool) or not isinstance(error_score, Real)):
        given = _checks.shown(error_score)
        _checks.refuse(f"error_score must be 'raise' or a number, such as NaN; got {given}")
    found = resolve(metrics, estimator, y)
    folds = _folds(estimator, X, y, groups, cv, repeats, _checks.check_random_state(random_state))
    try_out(found, estimator, y, folds[0].test)
    workers = min(engine.n_workers(n_jobs), len(folds))
    threads = None if workers == 1 else max(1, usable_cores() // workers)
    task = FoldTask(estimator, X, y, sample_weight, found, every, threads, error_score, return_estimators)
    outcomes = engine.run(task, folds, n_jobs)
    if failed := [outcome.error for outcome in outcomes if outcome.error]:
        message = f"{len(failed)} of {len(outcomes)} folds failed; the first one with\n{failed[0]}"
        if len(failed) == len(outcomes):
            _checks.refuse(message)
        _checks.warn(message, FitFailedWarning)
    return CrossValidation(tuple(found), folds, outcomes, every)


def _data(estimator, X, y, sample_weight):
    """Return checked data; arrays that our estimators would convert in every fold are converted once."""
    _checks.check_sparse(X)
    if hasattr(estimator, "_fits_rows") and not hasattr(X, "columns"):
        X = check_array(
            X, accept_sparse="csr", dtype=_checks.kept_dtypes(X), estimator=estimator, input_name="X"
        )
    (X,) = indexable(X)
    y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    n = _num_samples(X)
    _checks.check_length("y", y, n)
    if is_classifier(estimator):
        with _checks.labels_in_order(y):
            _checks.check_labels_known_kind(y)
    if sample_weight is not None:
        sample_weight = _checks.check_sample_weight(sample_weight, n)
        if fit_parameter(estimator, "sample_weight") is None:
            _checks.refuse(f"sample_weight was given, but fit of {estimator!r} takes none; leave it out")
    return X, y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y, sample_weight


def _folds(estimator, X, y, groups, cv, repeats, rng):
    """Return the folds of all repetitions."""
    n = _num_samples(X)
    if groups is not None:
        groups = np.asarray(groups)
        _checks.check_length("groups", groups, n)
    splitter = _splitter(cv, estimator, y, n)
    draws = hasattr(splitter, "random_state") and getattr(splitter, "shuffle", True)
    if repeats > 1 and not (draws or unseeded(estimator)):
        _checks.refuse(
            f"repeats={repeats}, but neither the splitter nor the estimator draws anything, so all "
            "repetitions would be the same; set repeats=1, the estimator's random_state=None, or cv's shuffle"
        )
    folds = []
    for repeat, seed in enumerate(rng.randint(MAX_SEED, size=repeats).tolist()):
        if draws and (repeat or splitter.random_state is None):
            splitter = copy.copy(splitter)
            splitter.random_state = seed
        splits = [
            [_checks.as_row_numbers("each part of cv", rows, n) for rows in split]
            for split in splitter.split(X, y, groups)
        ]
        _checks.check_splits(splits, n, None if not repeat else len(folds) // repeat)
        seeds = rng.randint(MAX_SEED, size=len(splits)).tolist()
        parts = zip(splits, seeds, strict=True)
        folds += [Fold(repeat, k, train, test, own) for k, ((train, test), own) in enumerate(parts)]
    return folds


def _splitter(cv, estimator, y, n):
    if not isinstance(cv, Integral) or isinstance(cv, bool):
        return check_cv(_checks.check_splitter(cv))
    splitter = check_cv(_checks.check_int("cv", cv, low=2, high=n), y, classifier=is_classifier(estimator))
    splitter.shuffle = True
    return splitter
