"""The best weights of a fit by what is monitored, and how long nothing better has come."""

import numpy as np

from .. import _checks
from ..metrics import sign


def choose_monitor(estimator, sets, log_names):
    """Return what decides which weights are best, and the validation set whose score is reported.

    Parameters
    ----------
    estimator
    sets : dict
        Validation sets by name.
    log_names : sequence of str
        All that a fit logs.
    """
    tracked, main = estimator.monitor, "val" if "val" in sets else next(iter(sets), None)
    if tracked is not None:
        named = [name for name in sets if tracked.startswith(f"{name}_") and tracked in log_names]
        main = max(named, key=len) if named else main
    elif estimator.early_stopping:
        if len(sets) > 1 and "val" not in sets:
            _checks.refuse(
                f"early_stopping=True with the validation sets {', '.join(map(repr, sets))}: say which of "
                f"them decides, as by monitor={main + '_score'!r}, or name one 'val'"
            )
        # with class weights, few held-out samples decide the score, which soon stays at 1
        by_class = getattr(estimator, "class_weight", None) is not None
        tracked = f"{main}_loss" if by_class else f"{main}_score"
    return tracked, main


class BestWeights:
    """The best weights so far.

    Parameters
    ----------
    estimator
        With `best_iter_`, and with early stopping `best_validation_score_` and `_no_improvement_count`.
    tracked : str
        What decides.
    score : str or None
        The validation score that belongs to it, with early stopping.
    directions : dict
        Which way is better; see `metrics.directions`.
    """

    def __init__(self, estimator, tracked, score, directions):
        self.est, self.tracked, self.score = estimator, tracked, score
        self.sign = sign(tracked, directions)
        self.value, self.params = -np.inf, None

    def begin(self, measured, goes_on):
        """Take the weights that the fit starts from.

        Parameters
        ----------
        measured : dict of float
            What was measured of them.
        goes_on : bool
            Whether they come from a fit before this, so that they may be better than all that follow.
        """
        est = self.est
        if self.score is not None:
            self.params = est._network.params.copy()
        # as scikit-learn, which keeps the best score although the samples held out change
        if self.tracked == self.score:
            self.value = est.best_validation_score_
        elif goes_on:
            kept = getattr(est, "_best", None)
            if self.tracked in measured:
                self.value = self.sign * measured[self.tracked]
            elif kept is not None and kept[0] == self.tracked:
                self.value = kept[1]
            if np.isnan(self.value):  # any number is better than NaN
                self.value = -np.inf
            if self.value > -np.inf:
                self.params = est._network.params.copy()
                if self.score is not None:
                    est.best_validation_score_ = measured[self.score]
        if goes_on and self.params is not None and est.best_iter_ is None:
            est.best_iter_ = len(est.history_["loss"])

    def state(self):
        """Return the best weights and their value as plain data."""
        return {"value": float(self.value), "params": self.params}

    def resume(self, state):
        """Go on with what the `state` of another has returned."""
        self.value, self.params = state["value"], state["params"]

    def see(self, logs):
        """Compare with an epoch that has just ended."""
        est, value = self.est, self.sign * logs[self.tracked]
        if self.score is not None:
            worse = value < self.value + est.tol
            est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if value > self.value:
            self.value, self.params = value, est._network.params.copy()
            est.best_iter_, est._best = len(est.history_["loss"]), (self.tracked, value)
            if self.score is not None:
                est.best_validation_score_ = logs[self.score]

    def put_back(self):
        """Let the network have the best weights."""
        if self.params is not None:
            self.est._network.params[:] = self.params
