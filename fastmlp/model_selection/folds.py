"""One fold: an estimator cloned, seeded, fitted to some rows, and measured on these and on the others."""

import time
import traceback
from dataclasses import dataclass

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, has_fit_parameter

from ..estimators.fitted import FittedNetwork
from ..kernels import interrupts
from .scoring import Answers, measure


@dataclass
class Fold:
    """What tells one fold from the others.

    Attributes
    ----------
    repeat, number : int
        Both from 0.
    train, test : ndarray of int64
        Row numbers.
    seed : int
    """

    repeat: int
    number: int
    train: np.ndarray
    test: np.ndarray
    seed: int


@dataclass
class FoldTask:
    """What all folds share: the data, held once and never written to, and what to do with it."""

    estimator: object
    X: object
    y: object
    sample_weight: object
    metrics: dict
    every: int | None
    n_threads: int | None
    error_score: object
    return_estimators: bool


@dataclass
class Outcome:
    """What came of a fold.

    Attributes
    ----------
    epochs : list of int
        Where the curves were measured.
    curves : ndarray of shape (len(epochs), n_metrics, 2)
        On training and test rows.
    scores : ndarray of shape (n_metrics, 2)
        Of the fitted estimator.
    n_epochs : int
        -1 where the estimator does not tell.
    fit_time, score_time : float
        Seconds; measuring the curves counts as scoring.
    estimator : estimator or None
    error : str or None
        Why it failed.
    """

    epochs: list
    curves: np.ndarray
    scores: np.ndarray
    n_epochs: int = -1
    fit_time: float = np.nan
    score_time: float = np.nan
    estimator: object = None
    error: str | None = None


def parameters_named(estimator, name):
    """Return {name: value} of the parameters so called, those of nested estimators too."""
    found = estimator.get_params().items()
    return {key: value for key, value in found if key == name or key.endswith(f"__{name}")}


def unseeded(estimator):
    """Return the names of the parameters that ask for a seed."""
    return sorted(key for key, value in parameters_named(estimator, "random_state").items() if value is None)


def fit_parameter(estimator, name):
    """Return the name by which `fit` hands an argument on to the model that learns, or None."""
    if isinstance(estimator, (Pipeline, TransformedTargetRegressor)):
        if get_config()["enable_metadata_routing"]:
            return None  # with metadata routing on, the user's requests decide
        inner = fit_parameter(learner(estimator), name)
        return f"{estimator.steps[-1][0]}__{inner}" if inner and isinstance(estimator, Pipeline) else inner
    if name == "callbacks" and not isinstance(estimator, FittedNetwork):
        return None  # in other libraries `callbacks` means something else
    return name if hasattr(estimator, "fit") and has_fit_parameter(estimator, name) else None


def learner(estimator):
    """Return what learns inside a pipeline or a transformation of targets: the fitted one, if any."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, TransformedTargetRegressor):
        return getattr(estimator, "regressor_", estimator.regressor)
    return estimator


class Recorder:
    """A callback that measures at the end of every `every` epochs; None: never."""

    def __init__(self, measure, every):
        self.measure, self.every, self.epochs, self.values, self.seconds = measure, every, [], [], 0.0

    def on_epoch_end(self, state):
        self.record(state.epoch)

    def record(self, epoch):
        """Measure, if it is this epoch's turn."""
        if self.every and epoch % self.every == 0:
            start = time.perf_counter()
            self.epochs.append(epoch)
            self.values.append(self.measure())
            self.seconds += time.perf_counter() - start


def run_fold(task, fold):
    """Return the `Outcome` of one fold of a `FoldTask`.

    Raises
    ------
    Exception
        What the estimator or a metric raised, with a note that names repetition and fold; with a number as
        `error_score` it is told in the outcome instead.
    KeyboardInterrupt
        Where the fold was interrupted: there is no outcome of a part of it.
    """
    try:
        outcome = _run(task, fold)
        interrupts.check_stop()
        return outcome
    except Exception as error:
        if isinstance(task.error_score, str):
            error.add_note(f"in repeat {fold.repeat}, fold {fold.number} of cross_validate (both from 0)")
            raise
        n = len(task.metrics)
        scores = np.full((n, 2), task.error_score, np.float64)
        return Outcome([], np.empty((0, n, 2)), scores, error=traceback.format_exc())


def _run(task, fold):
    X, y, weights, train, test = _used(task, fold)
    estimator = clone(task.estimator)
    seeds = np.random.RandomState(fold.seed)
    estimator.set_params(**{name: int(seeds.randint(2**31 - 1)) for name in unseeded(estimator)})
    meanwhile = _meanwhile(task, estimator)
    own = {name: estimator.get_params()[name] for name in meanwhile}
    estimator.set_params(**meanwhile)

    def measure_now():
        return measure(task.metrics, Answers(estimator, X), y, (train, test))

    recorder = Recorder(measure_now, task.every)
    start = time.perf_counter()
    _fit(estimator, X, y, train, weights, recorder)
    interrupts.check_stop()  # an interrupted fit may have returned normally
    middle = time.perf_counter()
    measuring = recorder.seconds
    _replay(estimator, recorder)
    scores = measure_now()
    end = time.perf_counter()
    estimator.set_params(**own)
    n_epochs = getattr(learner(estimator), "n_iter_", ())  # of some estimators an array, or None
    return Outcome(
        recorder.epochs,
        np.reshape(recorder.values, (-1, len(task.metrics), 2)),
        scores,
        n_epochs=-1 if n_epochs is None or np.ndim(n_epochs) else int(n_epochs),
        fit_time=middle - start - measuring,
        score_time=end - middle + measuring,
        estimator=estimator if task.return_estimators else None,
    )


def _used(task, fold):
    """Return a fold's data and rows: the shared data, or a copy without rows that are in neither part."""
    used = np.zeros(_num_samples(task.X), bool)
    used[fold.train] = used[fold.test] = True
    if used.all():
        return task.X, task.y, task.sample_weight, fold.train, fold.test
    rows = np.flatnonzero(used)
    weights = None if task.sample_weight is None else task.sample_weight[rows]
    parts = np.searchsorted(rows, fold.train), np.searchsorted(rows, fold.test)
    return _safe_indexing(task.X, rows), task.y[rows], weights, *parts


def _meanwhile(task, estimator):
    """Return the parameters that are other ones while a fold runs."""
    threads = parameters_named(estimator, "n_threads") if task.n_threads else {}
    found = {name: task.n_threads for name, value in threads.items() if value is None}
    if task.every:
        found |= {name: "epoch" for name, value in parameters_named(estimator, "record").items() if not value}
    return found


def _fit(estimator, X, y, train, weights, recorder):
    if getattr(estimator, "_fits_rows", False):
        estimator._fit_rows(X, y, train, weights, (recorder,) if recorder.every else ())
        return
    arguments = {}
    if recorder.every and fit_parameter(estimator, "callbacks"):
        arguments[fit_parameter(estimator, "callbacks")] = (recorder,)
    if weights is not None:
        arguments[fit_parameter(estimator, "sample_weight")] = weights[train]
    estimator.fit(_safe_indexing(X, train), y[train], **arguments)


def _replay(estimator, recorder):
    """Measure at the weights that a perceptron recorded epoch by epoch, its start's first."""
    model = learner(estimator)
    coefs, intercepts = (getattr(model, name, None) for name in ("coef_history_", "intercept_history_"))
    if not recorder.every or recorder.epochs or coefs is None or len(coefs) != model.n_iter_ + 1:
        return
    kept = model.coef_, model.intercept_
    shapes = [np.shape(weights) for weights in kept]  # with one unit the history has one dimension less
    try:
        for epoch in range(1, len(coefs)):
            model.coef_ = np.reshape(coefs[epoch], shapes[0])
            model.intercept_ = np.reshape(intercepts[epoch], shapes[1])
            recorder.record(epoch)
    finally:
        model.coef_, model.intercept_ = kept
