"""Epoch after epoch by scikit-learn's rules: schedules, early stopping, what is reported."""

from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .. import _checks
from ..kernels.job import MOST_EPOCHS, Rows
from ..kernels.memory import insist
from ..kernels.plan import Status
from ..metrics import directions, measure
from ..network.epoch_end import EpochEnd, measure_sets, speed, weakly
from ..network.fit import Fit
from ..network.history import History
from ..network.in_training import trust
from ..schedules import Plateau
from .best_weights import BestWeights, choose_monitor
from .sklearn_callbacks import SklearnCallbacks
from .validation import split


class StochasticFit:
    """One call of `fit` or `partial_fit` with a stochastic solver.

    Parameters
    ----------
    estimator
        With its network built.
    optimizer, optimizer_state : Optimizer, OptimizerState
    data : tuple
        X, target, y, weights and those without the weights of classes; `target` as the kernels take it.
    about : tuple
        X, y and sample_weight as the user gave them.
    incremental : bool
        One epoch, as `partial_fit` makes it.
    sets : dict of ValidationSet
        Validation data that the user gave.
    callbacks : sequence
    rows : ndarray of int64, default=None
        The rows of X and target to train on; None stands for all.
    metrics : dict of Metric
    resumed : dict, default=None
        Where another one stood, as `_state` has returned; this one goes on from there.
    """

    def __init__(
        self,
        estimator,
        optimizer,
        optimizer_state,
        data,
        about,
        *,
        incremental,
        sets,
        callbacks,
        rows,
        metrics,
        resumed=None,
    ):
        est, self.est, self.incremental, self.metrics = estimator, estimator, incremental, metrics
        self.early, self.resumed, self.before_split = est.early_stopping, resumed, None
        if resumed and est.random_state is None:
            est._network.rng = np.random.RandomState()  # NumPy's own is not ours to set
        if self.early and not sets:
            if resumed:
                _checks.check_stream(est._network.rng, resumed["estimator"]["before_split"])
            self.before_split = est._network.rng.get_state(legacy=False)
            data, held = split(est, metrics, *data)
            sets = {"val": held}
        self.sets = sets
        self.X, target, self.y, weights, self.sample_weight = data
        trust(est, self.X, *(held.X for held in sets.values()))
        n = self.X.shape[0] if rows is None else len(rows)
        n_epochs = 1 if incremental else _checks.check_epochs("max_iter", est.max_iter)
        better = directions(metrics, ("", *(f"{name}_" for name in sets)), score=True)
        history, measure = History(est.history_), weakly(self._measure) if metrics or sets else None
        told = est, est._network, history, n_epochs, measure, callbacks
        self.epoch_end = EpochEnd(*told, directions=better)
        self.epoch_end.sets = sets
        self.about, self.stopped, self.measured = (*about, n_epochs), False, {}
        tracked, main = choose_monitor(est, sets, better)
        self.score = f"{main}_score" if self.early else None
        self.best = BestWeights(est, tracked, self.score, better) if tracked else None
        self.optimizer, self.plateau = optimizer, isinstance(optimizer.learning_rate, Plateau)
        self.fit = Fit(
            est._network,
            Rows(self.X),
            target,
            loss=est._loss,
            optimizer=optimizer,
            optimizer_state=optimizer_state,
            n_epochs=n_epochs,
            batch_size=self._batch_size(n),
            shuffle=est.shuffle,
            sample_weight=weights,
            rates=self._rates(optimizer_state, n_epochs, n),
            n_threads=est.n_threads,
            subset=rows,
            mean_weight=self._mean_weight(weights, rows),
            **self._stopping(),
        )
        if resumed:
            self.epoch_end.resume(resumed, self.fit)
            self.stopped = resumed["estimator"]["stopped"]
            if self.best:
                self.best.resume(resumed["estimator"]["best"])

    def _mean_weight(self, weights, rows):
        """Return what a sample of a batch counts in the divisor of its gradient; 0: its own weight."""
        if weights is None:
            return 0.0
        of_rows = weights if rows is None else weights[rows]
        return self.est._mean_weight(of_rows, self.sample_weight, self.incremental)

    def _stopping(self):
        """Return by what the kernels tell that the loss has stopped falling."""
        est = self.est
        if self.early or self.plateau:  # early stopping or Plateau decides
            return {}
        options = dict(tol=est.tol, best_loss=est.best_loss_, no_improvement=est._no_improvement_count)
        if est.n_iter_no_change < MOST_EPOCHS:  # infinite or beyond any run: never stop
            options["n_iter_no_change"] = est.n_iter_no_change
        return options

    def run(self, transaction):
        """Train, and set the estimator's fitted attributes; what is checked by then is committed."""
        est, fit = self.est, self.fit
        self.theirs = SklearnCallbacks(est, *self.about)
        watched = bool(self.epoch_end.per_epoch or self.theirs.active or est.verbose or self.best)
        trained_before = est.t_ > 0
        try:
            with self.epoch_end.following(None if watched else fit):
                if self.best and not self.resumed:
                    self.best.begin(self.measured, goes_on=trained_before and not self.incremental)
                elif not self.best:
                    est.best_iter_ = None
                transaction.commit(fit)
                self._train(watched, trained_before, transaction)
        finally:
            self.theirs.end()
        insist(lambda: self.epoch_end.history.lists)  # into `history_`

    def _train(self, watched, trained_before, transaction):
        est, fit = self.est, self.fit
        self.theirs.epoch_begin()
        if not self.plateau:
            fit.on_stall = self._stall  # until the run has ended
        try:
            fit.run(self._end_epoch if watched else None, warn=False)
        finally:
            if not watched:
                self._report(insist(lambda: fit.losses))
            if not self.early:
                est.best_loss_ = float(fit.job.run["best_loss"][0])
                est._no_improvement_count = int(fit.job.run["no_improvement"][0])
            if self.best:
                self.best.put_back()
        if fit.status == Status.DIVERGED:
            if fit.n_done == 0 and not trained_before:
                transaction.revoke()
                _checks.fail_diverged(*fit.divergence)
            if self.early:
                est.validation_scores_.append(float("nan"))
            _checks.warn_diverged(*fit.divergence)
        elif fit.n_done == est.max_iter and not (self.incremental or self.stopped or fit.interrupted):
            _checks.warn(
                f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
            )

    def _batch_size(self, n):
        wanted = self.est.batch_size
        if wanted == "auto":
            return min(200, n)
        if (wanted := _checks.check_int("batch_size", wanted)) > n:
            _checks.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
        return min(wanted, n)

    def _rates(self, optimizer_state, n_epochs, n):
        """Return the rate of each epoch, and the one after the last; None where a schedule says them."""
        est, first = self.est, optimizer_state.learning_rate
        if callable(est.learning_rate) or not isinstance(est.solver, str):
            return None
        if est.solver == "sgd" and est.learning_rate == "invscaling":
            seen = [est.t_ + n * epoch for epoch in range(1, n_epochs + 1)]
            initial = optimizer_state.optimizer.learning_rate  # scikit-learn makes its optimizer once too
            initial = est.learning_rate_init if callable(initial) else initial
            return [first] + [initial / (t + 1) ** est.power_t for t in seen]
        return [first] * (n_epochs + 1)

    def _measure(self):
        found = measure(self.metrics, self.est._read(self.X, self.y), self.sample_weight)
        self.measured = found | measure_sets(self.sets)
        return self.measured

    def _report(self, losses):
        """Take finished epochs into the fitted attributes."""
        est = self.est
        est.loss_curve_ += losses
        est.n_iter_ += len(losses)
        est.t_ += len(losses) * len(self.fit.job.order)
        if losses:
            est.loss_ = losses[-1]

    def _end_epoch(self, fit):
        """Report an epoch's end; return whether to stop."""
        est, loss = self.est, float(fit.job.losses[fit.n_done - 1])
        self._report([loss])
        latest = fit.latest
        if est.verbose:
            shown = f"Iteration {est.n_iter_}, loss = {loss:.8f}"
            if est.verbose > 1:
                shown += "  " + speed(fit.network.plan, latest["n_samples"], latest["seconds"])
            print(shown)
        try:
            stop = self.epoch_end.record(**latest)
        finally:  # the epoch counts even where a callback fails
            self._judge(self.epoch_end.state.logs)
        stop |= self.theirs.epoch_end()
        if self.early and est._no_improvement_count > est.n_iter_no_change:
            stop |= not self._stall(fit)
        self.stopped |= bool(stop)
        self.epoch_end.done(stop, partial(self._state, stop))
        if not stop and fit.n_done < self.epoch_end.state.n_epochs:
            self.theirs.epoch_begin()
        return stop

    def _state(self, stop):
        """Return where training stands at an epoch's end, as plain data; `stop`: it ends there."""
        best = None if self.best is None else self.best.state()
        own = {"stopped": self.stopped, "best": best, "before_split": self.before_split}
        return self.fit.state(self.epoch_end, stop) | {"estimator": own}

    def _judge(self, logs):
        """Take an epoch's score, and keep its weights where they are the best."""
        est = self.est
        if self.early:
            est.validation_scores_.append(logs[self.score])
            if est.verbose:
                print(f"Validation score: {logs[self.score]:f}")
        if self.best:
            self.best.see(logs)

    def _stall(self, fit):
        """Go on at a fifth of the learning rate where it is adaptive; return whether to go on."""
        est, rates, epoch = self.est, fit.job.rates, fit.n_done
        if est.verbose:
            what = "Validation score" if self.early else "Training loss"
            no_change = f"tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs."
            print(f"{what} did not improve more than {no_change}", end=" ")
        adaptive = est.solver == "sgd" and est.learning_rate == "adaptive"
        if not adaptive or rates[epoch] <= 1e-6:
            if est.verbose:
                print("Learning rate too small. Stopping." if adaptive else "Stopping.")
            self.stopped = True
            return False
        rates[epoch:] /= 5.0
        if est.verbose:
            print(f"Setting learning rate to {rates[epoch]:f}")
        est._no_improvement_count = 0
        return True
