"""One training run: a Job made from a network and its data, driven to its end, and what came of it."""

import time
from typing import NamedTuple

import numpy as np

from .. import _checks, schedules
from ..kernels import dispatch, numpy_backend, training
from ..kernels import rates as knots
from ..kernels.job import AT, Job
from ..kernels.memory import insist
from ..kernels.plan import Status
from . import run_state

EPOCH, STEP = AT["epoch"], AT["step"]
ORDINARY = 32  # sample weights between 2^-32 and 2^32 are not rescaled

# after these the kernels have checked that all weights are finite
AT_AN_EPOCHS_END = (Status.FINISHED, Status.EPOCH_END, Status.DIVERGED)


def is_native(formulas):
    """Return whether the kernels know these activations and losses, so that no Python runs per step."""
    for f in formulas:  # a generator would cost more than all of it
        if f.code is None:
            return False
    return True


def kernels_of(dtype, functions, loss):
    """Return kernels for a user's own formulas; None where those in use know them all."""
    if loss.code is not None and is_native(functions):
        return None
    return numpy_backend.Kernels(dtype, functions, loss, dispatch.kernels(dtype).update)


class Curves(NamedTuple):
    """The history of epochs that no Python saw, until it is read: its lists cost as much as a small fit."""

    losses: np.ndarray  # of each epoch
    rates: np.ndarray  # of each epoch's last step; the last one serves all later epochs
    seconds: float  # of an epoch, on average

    def lists(self):
        """Return the history's entries: a list for each name."""
        n = len(self.losses)
        rates = self.rates[:n].tolist()
        return {
            "loss": self.losses.tolist(),
            "learning_rate": rates + [float(self.rates[-1])] * (n - len(rates)),
            "seconds": [self.seconds] * n,
        }


class Fit:
    """A run of training epochs over one data set.

    Parameters
    ----------
    network : Network
    rows : Rows
    y : ndarray
        As the kernels take it.
    loss, optimizer : Loss, Optimizer
    optimizer_state : OptimizerState
        The optimizer's; updated.
    n_epochs, batch_size, shuffle, sample_weight
        As in `Network.fit`.
    mean_weight : float, default=None
        What a sample of a batch counts in the divisor of its gradient. None: the mean of all weights, so that
        a sample's weight counts in batches of any size; 0: its own weight, as in scikit-learn.
    rates : ndarray, default=None
        The learning rate of each epoch; None asks the optimizer's schedule, which counts `network.n_epochs_`.
    subset : ndarray of int64, default=None
        The rows to train on; None: all.
    n_threads : int, default=None
    on_stall : callable, default=None
        Called with the fit when the loss has stopped falling (see `tol` of the run record); a false value
        stops. None: what the optimizer's schedule does then.
    put_back : callable, default=None
        Called where input that is checked while training reads it holds NaN: undoes what went before.
    **options
        Further fields of the kernels' run record.

    Attributes
    ----------
    job : Job
    own_kernels : Kernels or None
        What trains a user's own formulas.
    status : Status
        RUNNING until `run` has ended.
    interrupted : bool
        Whether the user interrupted it.
    seconds : list of float
        Duration of each epoch, where Python sees each epoch's end.
    mean_seconds : float
        Duration of an epoch, on average.
    """

    def __init__(
        self,
        network,
        rows,
        y,
        *,
        loss,
        optimizer,
        optimizer_state,
        n_epochs,
        batch_size,
        shuffle=True,
        sample_weight=None,
        mean_weight=None,
        rates=None,
        subset=None,
        n_threads=None,
        on_stall=None,
        put_back=None,
        **options,
    ):
        self.network, self.loss, self.n_threads, self.put_back = network, loss, n_threads, put_back
        self.optimizer_state, self.on_stall = optimizer_state.own(), on_stall or schedules.slow_down
        self.optimizer, self.first_epoch, self.first_step = optimizer, network.n_epochs_, optimizer_state.step
        n = rows.n_rows if subset is None else len(subset)
        if batch_size is None or batch_size > n:
            batch_size = n
        if rates is None:
            n_batches = -(-n // (batch_size or 1))  # the job refuses 0
            options |= schedules.options(optimizer, optimizer_state, n_epochs, n_batches, self.first_epoch)
            rates = options.pop("rates")
        if sample_weight is not None:
            if mean_weight is None:
                sample_weight = _moderate(sample_weight)
                mean_weight = (sample_weight if subset is None else sample_weight[subset]).mean()
            options["mean_weight"] = mean_weight
        plan, params, step = network.plan, network.own_params(), optimizer_state.step
        native = network._native and loss.code is not None
        self.own_kernels = None if native else kernels_of(params.dtype, network.functions, loss)
        asked = {
            "n_epochs": n_epochs, "shuffle": int(shuffle), "batch_size": batch_size, "step": step,
            "seed": _seed(network, step) if plan.drops else 0,
            **loss.options(plan.n_outputs), **optimizer.options(), **options,
        }  # fmt: skip
        self.job = Job(
            plan,
            params,
            rows,
            y,
            sample_weight=sample_weight,
            state=optimizer_state.arrays,
            random_state=network.rng,
            rates=rates,
            subset=subset,
            asked=asked,
        )
        self.status, self.interrupted, self.seconds, self.mean_seconds = Status.RUNNING, False, [], 0.0
        self.stopped, self.resumed_at, self.about = False, 0, None

    @property
    def begun(self):
        """Whether a step was made, or the run has ended otherwise than by an error."""
        return self.status != Status.RUNNING or self.job.counts[STEP] > self.first_step

    @property
    def n_done(self):
        """Epochs completed."""
        return self.job.counts[EPOCH]

    @property
    def losses(self):
        """The loss of each epoch completed here."""
        return self.job.losses[self.resumed_at : self.n_done].tolist()

    @property
    def curves(self):
        """What happened in the epochs completed here, where Python does not see each epoch's end."""
        first, job = self.resumed_at, self.job
        rates = job.rates
        if job.asked["rates_per_epoch"] > 1:
            rates = knots.of_epoch(job, np.arange(len(job.losses)))
        losses = job.losses[first : self.n_done].copy()  # of as many epochs as there were, not may be
        start = min(first, len(rates) - 1)
        return Curves(losses, rates[start : start + max(1, len(losses))].copy(), self.mean_seconds)

    @property
    def latest(self):
        """Loss, learning rate, seconds and samples of the epoch that has just ended, where Python sees it."""
        e, job = self.n_done - 1, self.job
        return {
            "loss": float(job.losses[e]),
            "learning_rate": float(knots.of_epoch(job, e)),
            "seconds": self.seconds[-1],
            "n_samples": job.rows.n_rows if job.subset is None else len(job.subset),
        }

    def run(self, on_epoch=None, warn=True):
        """Train until all epochs are done, a callback stops it, or it fails.

        However it ends, the weights, the optimizer's memory and the count of its steps go together.

        Parameters
        ----------
        on_epoch : callable, default=None
            Called at each epoch's end; a true value stops. None: no Python per epoch.
        warn : bool, default=True
            Warn where training diverged.
        """
        started = time.perf_counter()
        stalled = self.status == Status.STALLED  # a run that was resumed there
        self.network.unfinished = None
        at_epoch_end = None if on_epoch is None else self._at_epoch_end(on_epoch, started)
        try:
            while not self.stopped and (stalled or self.job.counts[EPOCH] < len(self.job.losses)):
                if not stalled:
                    how = dict(n_threads=self.n_threads, backend=self.own_kernels)
                    self.status = training.run(self.job, at_epoch_end, **how)
                if on_epoch is not None and len(self.seconds) < self.n_done - self.resumed_at:
                    # at the end of the last epoch the kernels return without calling back
                    at_epoch_end(self.job)
                stalled = False
                if self.status != Status.STALLED or self.on_stall is None or not self.on_stall(self):
                    break
                self.job.run["no_improvement"] = 0
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            insist(self.finish, time.perf_counter() - started)
        if self.interrupted:
            _checks.warn_interrupted()
        if self.status == Status.BAD_ROWS:
            if self.put_back is not None:
                self.put_back()
            _checks.not_finite(self.job.rows, dtype=self.job.params.dtype)
        if warn and self.status == Status.DIVERGED:
            _checks.warn_diverged(*self.divergence)
        return self

    def _at_epoch_end(self, on_epoch, last):
        """Return what the kernels call at each epoch's end, the first of which began at the time `last`."""

        def call(job):
            nonlocal last
            self.seconds.append(time.perf_counter() - last)
            self._remember()  # so that a copy of the model made by a callback is up to date
            self.stopped = bool(on_epoch(self))
            last = time.perf_counter()
            return self.stopped

        return call

    @property
    def divergence(self):
        """The epoch (from 1) and learning rate at which training diverged, the rows and their targets."""
        return self.n_done + 1, self.optimizer_state.learning_rate, self.job.rows, self.job.y

    def state(self, epoch_end, stopped):
        """Return where it stands at an epoch's end, as plain data; `stopped`: it ends there."""
        self.about = self.about or run_state.about(self, epoch_end)
        return run_state.of_run(self, epoch_end, stopped)

    def resume(self, state, epoch_end):
        """Go on where another run of the same stood, as its `state` has returned."""
        self.about = run_state.about(self, epoch_end)
        _checks.check_same("this fit", state["about"], self.about)
        run_state.put(self, state)

    def finish(self, seconds):
        """Take what training has reached in so many seconds into the optimizer's memory."""
        # it may refer to this object, which would keep the job's memory alive
        job, self.on_stall = self.job, None
        job.workspace = None  # its memory may be what is missing
        if self.status not in AT_AN_EPOCHS_END and not np.isfinite(job.params).all():
            # a run that was stopped may have overflowed in its last step, which no later loss shows
            np.copyto(job.params, job.backup)
            self.status = Status.DIVERGED
        self.network.interrupted_ = self.interrupted
        self.mean_seconds = seconds / (self._remember() - self.resumed_at or 1)
        if self.status == Status.DIVERGED:
            # the moments belong to the steps that diverged, and may not be finite
            self.optimizer_state.forget()

    def _remember(self):
        """Take steps, epochs and rates to where the next run looks for them; return the epochs completed."""
        job, n_done = self.job, self.job.counts[EPOCH]
        self.optimizer_state.step = job.counts[STEP]
        schedules.keep(self.optimizer, self.optimizer_state, job, n_done)
        self.network.n_epochs_ = self.first_epoch + n_done
        return n_done


def _moderate(sample_weight):
    """Return weights, only whose ratios count, in a range in which float32 can multiply by them.

    Divided by a power of 2 where they are far from 1, which rounds nothing.
    """
    exponent = int(np.frexp(sample_weight.max())[1])
    return sample_weight if abs(exponent) <= ORDINARY else np.ldexp(sample_weight, -exponent)


def _seed(network, step):
    """Return a seed for dropout, which leaves the stream of shuffles as it is."""
    copy = np.random.RandomState(0)
    copy.set_state(network.rng.get_state())
    return int(copy.randint(0, 2**62)) ^ step
