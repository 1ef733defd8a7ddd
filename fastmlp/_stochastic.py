"""Epoch after epoch by scikit-learn's rules: schedules, early stopping, what is reported."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from . import _checks, schedules
from ._fit import Fit
from ._in_training import trust
from ._monitor import History, Monitor, measure_sets
from ._sklearn_callbacks import SklearnCallbacks
from .kernels.job import Rows
from .kernels.plan import Status
from .metrics import directions, measure, sign


class Held:
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
        self.estimator, self.X, self.target, self.y, self.weights = estimator, X, target, y, weights
        self.sample_weight, self.metrics = sample_weight, metrics
        self.rows = Rows(X)

    def measure(self):
        """Return score, loss and metrics."""
        est = self.estimator
        logits = est._network.outputs(self.rows, logits=True)
        loss = est._network.loss_of(est._loss, logits, self.target, self.weights)
        found = {"score": est._score_logits(logits, self.y, self.weights), "loss": loss}
        return found | measure(self.metrics, est._read(self.X, self.y), self.sample_weight)


def split(estimator, metrics, X, target, y, weights, sample_weight):
    """Return the training part of what is given, and the Held rest, by scikit-learn's draws."""
    binary = estimator._is_classifier and estimator.n_outputs_ == 1
    n, size = X.shape[0], estimator.validation_fraction
    if np.ceil(size * n) < 2 and n >= 4:
        size = 2  # where scikit-learn would give up
    train, rest = train_test_split(
        np.arange(n), random_state=estimator._network.rng, test_size=size,
        stratify=target.astype(bool) if binary else None,
    )  # fmt: skip
    _checks.check_held_out(len(rest))

    def part(rows):
        of_rows = (None if w is None else w[rows] for w in (weights, sample_weight))
        return X[rows], target[rows], y[rows], *of_rows

    return part(train), Held(estimator, *part(rest), metrics)


class Training:
    """One call of `fit` or `partial_fit` with a stochastic solver.

    Parameters
    ----------
    estimator
        With its network built.
    optimizer, memory : Optimizer, Memory
    data : tuple
        X, target, y, weights and those without the weights of classes; `target` as the kernels take it.
    about : tuple
        X, y and sample_weight as the user gave them.
    incremental : bool
        One epoch, as `partial_fit` makes it.
    held : Held, default=None
        Validation data that the user gave.
    callbacks : sequence
    rows : ndarray of int64, default=None
        The rows of X and target to train on; None stands for all.
    metrics : dict of Metric
    """

    def __init__(
        self, estimator, optimizer, memory, data, about, *, incremental, held, callbacks, rows, metrics
    ):
        self.est, self.incremental, self.held = estimator, incremental, held
        self.early = estimator.early_stopping
        if self.early and held is None:
            data, self.held = split(estimator, metrics, *data)
        self.X, target, self.y, weights, self.sample_weight = data
        trust(estimator, self.X, *([self.held.X] if self.held else []))
        n = self.X.shape[0] if rows is None else len(rows)
        est, n_epochs = estimator, 1 if incremental else estimator.max_iter
        self.metrics = metrics
        better = directions(metrics, ("", "val_") if self.held else ("",), score=True)
        self.monitor = Monitor(
            est, est._network, History(est.history_), n_epochs,
            self._measure if metrics or self.held else None, callbacks, directions=better,
        )  # fmt: skip
        self.about = (*about, n_epochs)
        self.tracked = est.monitor
        if self.early and self.tracked is None:
            # of few samples held out, those of a heavy class make the score: it soon is 1 and stays there
            by_class = getattr(est, "class_weight", None) is not None
            self.tracked = "val_loss" if by_class else "val_score"
        if self.tracked:
            self.sign = sign(self.tracked, better)
        self.best, self.best_params, self.stopped = -np.inf, None, False
        if self.early:
            self.best_params = est._network.params.copy()
            if self.tracked == "val_score":
                self.best = est.best_validation_score_
        options = {"subset": rows, "mean_weight": 0.0}  # scikit-learn's rule
        if weights is not None and getattr(est, "class_weight", None) is not None:
            # by its own weights, a batch without the heavy class would count as much as one with it
            options["mean_weight"] = (weights if rows is None else weights[rows]).mean()
        if not self.early:
            options |= dict(tol=est.tol, best_loss=est.best_loss_, no_improvement=est._no_improvement_count)
            if np.isfinite(est.n_iter_no_change):
                options["n_iter_no_change"] = est.n_iter_no_change
        self.fit = Fit(
            est._network, Rows(self.X), target, loss=est._loss, optimizer=optimizer, memory=memory,
            n_epochs=n_epochs, batch_size=self._batch_size(n), shuffle=est.shuffle,
            sample_weight=weights, rates=self._rates(memory, n_epochs, n), n_threads=est.n_threads,
            on_stall=self._stall, **options,
        )  # fmt: skip

    def run(self, commit):
        """Train, and set the estimator's fitted attributes; `commit` is called once all is checked."""
        est, fit = self.est, self.fit
        self.theirs = SklearnCallbacks(est, *self.about)
        watched = bool(self.monitor.per_epoch or self.theirs.active or est.verbose or self.tracked)
        try:
            with self.monitor.following(None if watched else fit):
                commit()
                self._train(watched, est.t_ > 0)
        finally:
            self.theirs.end()
        self.monitor.history.lists  # noqa: B018  # into `history_`

    def _train(self, watched, trained_before):
        est, fit = self.est, self.fit
        self.theirs.epoch_begin()
        try:
            fit.run(self._end_epoch if watched else None, warn=False)
        finally:
            if not watched:
                self._report(fit.losses)
            if not self.early:
                est.best_loss_ = float(fit.job.run["best_loss"][0])
                est._no_improvement_count = int(fit.job.run["no_improvement"][0])
            if self.best_params is not None:
                est._network.params[:] = self.best_params
        if fit.status == Status.DIVERGED:
            if self.early:
                est.validation_scores_.append(float("nan"))
            if fit.n_done == 0 and not trained_before:
                _checks.fail_diverged(*fit.divergence)
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
        if wanted > n:
            _checks.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            )
        return min(wanted, n)

    def _rates(self, memory, n_epochs, n):
        """Return the rate of each epoch, and the one after the last."""
        est, first = self.est, memory.learning_rate
        if callable(est.learning_rate):
            return schedules.rates(est.learning_rate, n_epochs + 1)[0]
        if est.solver == "sgd" and est.learning_rate == "invscaling":
            seen = [est.t_ + n * epoch for epoch in range(1, n_epochs + 1)]
            return [first] + [est.learning_rate_init / (t + 1) ** est.power_t for t in seen]
        return [first] * (n_epochs + 1)

    def _measure(self):
        found = measure(self.metrics, self.est._read(self.X, self.y), self.sample_weight)
        return found | measure_sets({"val": self.held} if self.held else {})

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
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {loss:.8f}")
        stop = self.monitor(fit)
        logs = self.monitor.state.logs
        if self.early:
            est.validation_scores_.append(logs["val_score"])
            if est.verbose:
                print(f"Validation score: {logs['val_score']:f}")
        if self.tracked:
            self._track(logs[self.tracked])
        stop |= self.theirs.epoch_end()
        if self.early and est._no_improvement_count > est.n_iter_no_change:
            stop |= not self._stall(fit)
        self.stopped |= bool(stop)
        if not stop and fit.n_done < self.monitor.state.n_epochs:
            self.theirs.epoch_begin()
        return stop

    def _track(self, value):
        """Keep the best weights, and with early stopping count epochs that were no better."""
        est = self.est
        score = self.sign * value
        if self.early:
            est._no_improvement_count = est._no_improvement_count + 1 if score < self.best + est.tol else 0
        if score > self.best:
            self.best, self.best_params = score, est._network.params.copy()
            est.best_iter_ = est.n_iter_
            if self.early:
                est.best_validation_score_ = value

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
