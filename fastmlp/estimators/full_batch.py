"""L-BFGS by scikit-learn's rules: what is reported of a fit to all data at once."""

from sklearn.exceptions import ConvergenceWarning

from .. import _checks
from ..kernels.job import Rows
from ..metrics import directions, measure
from ..network import lbfgs
from ..network.epoch_end import EpochEnd, weakly
from ..network.history import History
from ..network.in_training import trust
from .sklearn_callbacks import SklearnCallbacks


class FullBatch:
    """One call of `fit` with L-BFGS.

    Parameters
    ----------
    estimator
        With its network built.
    optimizer : LBFGS
    data : tuple
        X, target, y, weights and those without the weights of classes; `target` as the kernels take it.
    about : tuple
        X, y and sample_weight as the user gave them.
    callbacks : sequence
    metrics : dict of Metric
    """

    def __init__(self, estimator, optimizer, data, about, *, callbacks, metrics):
        self.est, self.optimizer, self.about, self.metrics = estimator, optimizer, about, metrics
        self.X, self.target, self.y, self.weights, self.sample_weight = data
        est = estimator
        history, measure = History(est.history_), weakly(self._measure) if metrics else None
        about = est, est._network, history, est.max_iter, measure, callbacks
        self.epoch_end = EpochEnd(*about, directions=directions(metrics))
        trust(est, self.X)

    @property
    def begun(self):
        """Whether an iteration was made."""
        return self.est.n_iter_ > 0

    def run(self, transaction):
        """Train, and set the estimator's fitted attributes; what is checked by then is committed."""
        est, rows = self.est, Rows(self.X)
        self.theirs = SklearnCallbacks(est, *self.about, est.max_iter)
        try:
            with self.epoch_end.following():
                transaction.commit(self)
                est.best_iter_ = None
                vars(est).pop("_optimizer", None)  # the state of an earlier stochastic solver
                about = est._network, rows, self.target, self.weights, est._loss, self.optimizer
                found = lbfgs.minimize(*about, est.max_iter, self._end_iteration)
                if lbfgs.diverged(est._network, found):
                    transaction.revoke()
                    _checks.fail_diverged(est.n_iter_ + 1, None, rows, self.target)
                est.n_iter_ = min(found.nit, est.max_iter)  # SciPy's count may exceed its limit
                est.loss_ = float(found.fun)
                if found.status != 0:
                    _checks.warn(
                        f"lbfgs failed to converge after {est.n_iter_} iteration(s) (status={found.status}): "
                        f"{found.message}. Increase max_iter={est.max_iter}, or scale the data",
                        ConvergenceWarning,
                    )
        finally:
            self.theirs.end()

    def _measure(self):
        return measure(self.metrics, self.est._read(self.X, self.y), self.sample_weight)

    def _end_iteration(self, loss):
        """Report an iteration's end; return whether to stop."""
        self.theirs.epoch_begin()
        self.est.n_iter_ = self.epoch_end.state.epoch + 1
        stop = self.epoch_end.record(loss)
        if self.est.verbose:
            print(f"Iteration {self.est.n_iter_}, loss = {loss:.8f}")
        stop = self.theirs.epoch_end() or stop
        self.epoch_end.done(stop)
        return stop
