"""What comes of a cross-validation: curves, scores, and their mean and spread."""

import warnings

import numpy as np

from .. import _checks

SETS = ("train", "test")


class CrossValidation:
    """Curves and scores of every repetition and fold; `cross_validate` returns it.

    Attributes
    ----------
    metrics : tuple of str
    epochs : ndarray of shape (n_points,)
        The epochs at whose ends the curves were measured; empty without curves.
    curves : dict of dict of ndarray of shape (repeats, n_folds, n_points)
        ``curves["test"]["accuracy"]``; NaN where a fold stopped sooner.
    scores : dict of dict of ndarray of shape (repeats, n_folds)
        Of the fitted estimators, by set and metric as `curves`.
    n_epochs : ndarray of shape (repeats, n_folds)
        Epochs trained; -1 where the estimator does not tell.
    fit_times, score_times : ndarray of shape (repeats, n_folds)
        Seconds; measuring the curves counts as scoring.
    splits : list of list of (train, test)
        Row numbers: ``splits[repeat][fold]``.
    estimators : list of list of estimators, or None
    errors : dict
        By (repeat, fold): why it failed.
    """

    def __init__(self, metrics, folds, outcomes, every):
        self.metrics = metrics
        n_repeats = folds[-1].repeat + 1
        shape = n_repeats, len(folds) // n_repeats

        def of_folds(name):
            return np.reshape([getattr(outcome, name) for outcome in outcomes], shape)

        def by_name(values):
            return {s: {m: values[:, :, i, j] for i, m in enumerate(metrics)} for j, s in enumerate(SETS)}

        self._n_points = np.reshape([len(outcome.epochs) for outcome in outcomes], shape)
        n_points = int(self._n_points.max())
        self.epochs = np.arange(1, n_points + 1) * (every or 1)
        curves = np.full((len(folds), n_points, len(metrics), 2), np.nan)
        for curve, outcome in zip(curves, outcomes, strict=True):
            curve[: len(outcome.epochs)] = outcome.curves
        curves = np.moveaxis(curves, 1, -1).reshape(*shape, len(metrics), 2, n_points)
        scores = np.stack([outcome.scores for outcome in outcomes]).reshape(*shape, len(metrics), 2)
        self.curves, self.scores = by_name(curves), by_name(scores)
        self.n_epochs, self.fit_times = of_folds("n_epochs"), of_folds("fit_time")
        self.score_times = of_folds("score_time")
        self.splits = _by_repeat([(fold.train, fold.test) for fold in folds], shape)
        estimators = [outcome.estimator for outcome in outcomes]
        self.estimators = None if all(e is None for e in estimators) else _by_repeat(estimators, shape)
        pairs = zip(folds, outcomes, strict=True)
        self.errors = {(fold.repeat, fold.number): outcome.error for fold, outcome in pairs if outcome.error}

    def curve(self, metric=None, of="test"):
        """Return mean and standard deviation over repetitions and folds, each of shape (n_points,).

        Parameters
        ----------
        metric : str, default=None
            None: the first.
        of : {"test", "train"}, default="test"
        """
        if not len(self.epochs):
            _checks.refuse("there are no curves: the estimator records none, or `every` exceeds the epochs")
        values = self._choose(self.curves, metric, of)
        return _mean_and_std(values, axis=(0, 1))

    def score(self, metric=None, of="test"):
        """Return mean and standard deviation of the fitted estimators' scores, failed folds left out.

        Parameters
        ----------
        metric, of
            As in `curve`.
        """
        values = self._choose(self.scores, metric, of)
        mean, std = _mean_and_std(values)
        return float(mean), float(std)

    def to_frame(self, what="curves"):
        """Return a tidy pandas DataFrame: repeat, fold, epoch, set, metric, value.

        Parameters
        ----------
        what : {"curves", "scores"}, default="curves"
            Scores are those of the fitted estimators, and have no epoch.
        """
        pd = _pandas()
        values = _checks.check_choice("what", what, {"curves": self.curves, "scores": self.scores})
        measured = np.ones(self.n_epochs.shape, bool)
        if what == "curves":
            measured = np.arange(len(self.epochs)) < self._n_points[..., None]
        axes = dict(zip(("repeat", "fold", "epoch"), np.nonzero(measured), strict=False))  # scores: two
        if what == "curves":
            axes["epoch"] = self.epochs[axes["epoch"]]
        frames = [
            pd.DataFrame(axes | {"set": of, "metric": metric, "value": values[of][metric][measured]})
            for of in SETS
            for metric in self.metrics
        ]
        return pd.concat(frames, ignore_index=True)

    def summary(self):
        """Return a pandas DataFrame of the final scores: mean and std of each metric and set."""
        pd = _pandas()
        rows = [(metric, of, *self.score(metric, of)) for metric in self.metrics for of in SETS]
        return pd.DataFrame(rows, columns=["metric", "set", "mean", "std"]).set_index(["metric", "set"])

    def plot(self, metric=None, *, ax=None, log=False):
        """Draw the mean of a metric's curves, with a band of one standard deviation, on both sets.

        Parameters
        ----------
        metric : str, default=None
            None: the first.
        ax : Axes, default=None
        log : bool, default=False
            A logarithmic axis.

        Returns
        -------
        CrossValidationDisplay
        """
        from ..plots import CrossValidationDisplay

        return CrossValidationDisplay.from_cv_results(self, metric, ax=ax, log=log)

    def _choose(self, values, metric, of):
        of_set = _checks.check_choice("of", of, values)
        return _checks.check_choice("metric", self.metrics[0] if metric is None else metric, of_set)

    def __repr__(self):
        n_repeats, n_folds = self.n_epochs.shape
        lines = [f"CrossValidation: {n_repeats} x {n_folds} folds, mean ± standard deviation"]
        for metric in self.metrics:
            parts = [f"{of} {mean:.6g} ± {std:.3g}" for of in SETS for mean, std in [self.score(metric, of)]]
            lines.append(f"  {metric}: {', '.join(parts)}")
        return "\n".join(lines)


def _mean_and_std(values, axis=None):
    with warnings.catch_warnings():
        # a metric may be undefined in every fold
        warnings.filterwarnings("ignore", "Mean of empty slice|Degrees of freedom", RuntimeWarning)
        return np.nanmean(values, axis=axis), np.nanstd(values, axis=axis)


def _pandas():
    """Import pandas when a table is asked for, not before."""
    try:
        import pandas
    except ImportError:
        raise ImportError("tables need pandas: pip install pandas") from None
    return pandas


def _by_repeat(values, shape):
    return [values[r * shape[1] : (r + 1) * shape[1]] for r in range(shape[0])]
