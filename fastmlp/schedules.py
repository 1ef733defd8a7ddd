"""Learning-rate schedules: callables from the epoch (0, 1, ...) to a learning rate.

Any function of the epoch will do; an optimizer takes it as its `learning_rate`. Epochs are counted over the
life of the weights: a second `fit` goes on where the first one stopped, and so does every `partial_fit` and
`train_on_batch`, each of which counts as one epoch (see `Network.n_epochs_`).

A schedule that has a true attribute `per_step` is asked for fractions of epochs too, and the rate then
changes with every update: `Cosine`, `OneCycle` and `Warmup` do this. The rates of a fit are computed before
it starts, so that a schedule costs nothing while the kernels run: for every step where an epoch has at most
256 of them; of longer epochs for 256 times an epoch, with straight lines between them, which meet a cosine
that lasts one epoch to within 2e-5 of its height, and longer ones closer still.

`Plateau` reacts to the loss instead.
"""

from dataclasses import dataclass

import numpy as np

from . import _checks
from ._checks import NotNegative, Positive
from .kernels import rates as knots
from .kernels.job import MOST_EPOCHS


@dataclass(frozen=True, repr=False, eq=False)
class Constant(_checks.Fixed):
    """Keep `rate`."""

    rate: Positive

    def __call__(self, epoch):
        return self.rate


@dataclass(frozen=True, repr=False, eq=False)
class StepDecay(_checks.Fixed):
    """Multiply by `factor` every `every` epochs."""

    rate: Positive
    every: _checks.Count
    factor: Positive = 0.1

    def __call__(self, epoch):
        return self.rate * _power(self.factor, epoch // self.every)


@dataclass(frozen=True, repr=False, eq=False)
class Exponential(_checks.Fixed):
    """rate * decay^epoch."""

    rate: Positive
    decay: Positive

    def __call__(self, epoch):
        return self.rate * _power(self.decay, epoch)


@dataclass(frozen=True, repr=False, eq=False)
class InverseScaling(_checks.Fixed):
    """rate / (epoch + 1)^power."""

    rate: Positive
    power: NotNegative = 0.5

    def __call__(self, epoch):
        return self.rate / _power(epoch + 1, self.power)


class PerStep(_checks.Fixed):
    """Base of the schedules that change with every step: `at` computes many rates at once."""

    per_step = True

    def __new__(cls, *args, **kwargs):
        if cls is PerStep:
            _checks.refuse(
                "PerStep is the base of Cosine, OneCycle and Warmup: take one of these; to change the rate "
                "with every step by a function f of your own, set f.per_step = True"
            )
        return super().__new__(cls, *args, **kwargs)

    def __call__(self, epoch):
        if self.spans_fit:
            _checks.check_given("n_epochs", None, "None stands for the epochs of a fit, and this is none")
        return float(self.at(np.float64(epoch), 1.0, None))

    @property
    def spans_fit(self):
        """Whether it lasts as long as the fit that uses it, and counts epochs from that fit's start."""
        return self.n_epochs is None


@dataclass(frozen=True, repr=False, eq=False)
class Cosine(PerStep):
    """From `rate` to `final_rate` along half a cosine (Loshchilov and Hutter, 2017), step by step.

    Parameters
    ----------
    rate : float
    n_epochs : int or None, default=None
        Its length. None: that of the fit, each fit anew.
    final_rate : float, default=0.0
        Also of all epochs that follow.
    """

    rate: Positive
    n_epochs: _checks.OptionalCount = None
    final_rate: NotNegative = 0.0

    def at(self, epochs, step, n_epochs):
        """Return the rates at some times in epochs, where an epoch has 1 / `step` steps."""
        return _half_cosine(self.rate, self.final_rate, np.minimum(epochs / (self.n_epochs or n_epochs), 1.0))


@dataclass(frozen=True, repr=False, eq=False)
class OneCycle(PerStep):
    """Up to `rate` and down again along cosines (Smith and Topin, 2018), step by step.

    Parameters
    ----------
    rate : float
        The highest rate.
    n_epochs : int or None, default=None
        Its length; the last step has the lowest rate. None: that of the fit, each fit anew.
    rise : float, default=0.3
        The share of the epochs in which it rises.
    start_divisor, final_divisor : float, default=25, 1e4
        The first rate is rate / start_divisor, the last one that divided by final_divisor.
    """

    rate: Positive
    n_epochs: _checks.OptionalCount = None
    rise: _checks.Share = 0.3
    start_divisor: Positive = 25.0
    final_divisor: Positive = 1e4

    def at(self, epochs, step, n_epochs):
        """Return the rates at some times in epochs, where an epoch has 1 / `step` steps."""
        first, n_epochs = self.rate / self.start_divisor, self.n_epochs or n_epochs
        peak, last = self.rise * n_epochs - step, n_epochs - step
        up = np.clip(epochs / peak, 0.0, 1.0) if peak > 0 else np.ones_like(epochs)
        down = np.clip((epochs - peak) / (last - peak), 0.0, 1.0) if last > peak else np.ones_like(epochs)
        falling = _half_cosine(self.rate, first / self.final_divisor, down)
        return np.where(epochs <= peak, _half_cosine(first, self.rate, up), falling)


@dataclass(frozen=True, repr=False, eq=False)
class Warmup(PerStep):
    """Rise in a straight line, step by step, to where another schedule begins.

    Parameters
    ----------
    then : float or schedule
        What follows: a constant rate, or a schedule whose epoch 0 is the first one after the rise.
    epochs : float, default=1.0
        How long the rise takes. Of its n steps the first has an n-th of the full rate, the last all of it.

    Examples
    --------
    >>> from fastmlp import SGD, schedules
    >>> optimizer = SGD(schedules.Warmup(schedules.Cosine(0.1), epochs=2))
    """

    then: _checks.Rate
    epochs: Positive = 1.0

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.then, Plateau):
            _checks.refuse("Warmup takes no Plateau, which waits for the loss; use Cosine or a number")

    @property
    def spans_fit(self):
        """Whether what follows lasts as long as the rest of the fit."""
        return bool(getattr(self.then, "spans_fit", False))

    def at(self, epochs, step, n_epochs):
        """Return the rates at some times in epochs, where an epoch has 1 / `step` steps."""
        rest = None if n_epochs is None else max(n_epochs - self.epochs, step)
        full = _evaluate(self.then, np.maximum(epochs - self.epochs, 0.0), step, rest)
        return full * np.minimum((epochs + step) / self.epochs, 1.0)


@dataclass(frozen=True, repr=False, eq=False)
class Plateau(_checks.Fixed):
    """Multiply the rate by `factor` when the loss has not fallen by `tol` for more than `patience` epochs.

    Training stops where the rate would fall below `min_rate`.
    """

    rate: Positive
    factor: _checks.OpenShare = 0.1
    patience: _checks.CountOrZero = 10
    tol: NotNegative = 1e-4
    min_rate: NotNegative = 1e-6

    def __call__(self, epoch):
        return self.rate


def _power(base, exponent):
    """Return base^exponent as a float; infinite, where it is beyond all of them."""
    with np.errstate(over="ignore"):
        return float(np.float64(base) ** float(exponent))


def _half_cosine(start, end, done):
    return end + 0.5 * (start - end) * (1 + np.cos(np.pi * done))


def _evaluate(schedule, epochs, step, n_epochs):
    """Return the rates of any schedule, or of a constant rate, at an array of times in epochs."""
    if isinstance(schedule, PerStep):
        return schedule.at(epochs, step, n_epochs)
    if not callable(schedule):
        return np.full_like(epochs, schedule)
    by_step = getattr(schedule, "per_step", False)
    times = np.atleast_1d(epochs) if by_step else np.floor(np.atleast_1d(epochs)).astype(int)
    found = [_checks.call_schedule(schedule, time) for time in times.tolist()]
    return np.reshape(found, np.shape(epochs))


def rates(learning_rate, n_epochs, first_epoch=0, n_batches=1):
    """Return the learning rates of `n_epochs` epochs, and how many of them make an epoch.

    One rate where it never changes; see `fastmlp.kernels.rates` for the others.

    Parameters
    ----------
    learning_rate : float or callable of the epoch
    n_epochs : int
    first_epoch : int, default=0
        Epochs that the weights have learned before.
    n_batches : int, default=1
        Steps of an epoch.
    """
    if not callable(learning_rate):
        return np.array([_checks.check_real("learning_rate", learning_rate, closed="neither")]), 1
    n_knots = knots.per_epoch(n_batches) if getattr(learning_rate, "per_step", False) else 1
    first_epoch = 0 if getattr(learning_rate, "spans_fit", False) else first_epoch
    times = knots.times(first_epoch, n_epochs, n_knots)
    return _evaluate(learning_rate, times, 1.0 / max(1, n_batches), n_epochs), n_knots


def options(optimizer, optimizer_state, n_epochs, n_batches=1, first_epoch=0):
    """Return the fields of a job that say its learning rates.

    Parameters
    ----------
    optimizer : Optimizer
    optimizer_state : OptimizerState
        The optimizer's: a `Plateau` goes on where the run before has left it.
    n_epochs : int
    n_batches : int, default=1
        Steps of an epoch.
    first_epoch : int, default=0
        Epochs that the weights have learned before.
    """
    schedule = optimizer.learning_rate
    if type(schedule) is float and 0 < schedule < np.inf:  # 2 % of a small fit less
        return dict(rates=np.array([schedule]), rates_per_epoch=1)
    if not isinstance(schedule, Plateau):
        found, n_knots = rates(schedule, n_epochs, first_epoch, n_batches)
        return dict(rates=found, rates_per_epoch=n_knots)
    rate, best_loss, no_improvement = schedule.rate, np.inf, 0
    if optimizer_state.plateau is not None and optimizer_state.plateau[0] == schedule:
        rate, best_loss, no_improvement = optimizer_state.plateau[1:]
    return dict(
        rates=np.full(n_epochs + 1, rate),
        tol=schedule.tol,
        n_iter_no_change=min(schedule.patience, MOST_EPOCHS),
        best_loss=best_loss,
        no_improvement=no_improvement,
    )


def keep(optimizer, optimizer_state, job, epoch):
    """Take into an optimizer's memory what the next run needs to know of the rates of one that ended here."""
    schedule, rates = optimizer.learning_rate, job.rates
    if type(schedule) is float and len(rates) == 1:
        optimizer_state.learning_rate = rates.item()
        return
    optimizer_state.learning_rate = float(knots.of_epoch(job, epoch, last=False))
    if isinstance(schedule, Plateau):
        progress = job.option("best_loss"), job.option("no_improvement")
        optimizer_state.plateau = optimizer.learning_rate, optimizer_state.learning_rate, *progress


def slow_down(fit):
    """Lower the rate of a fit that has reached a plateau; return whether to go on."""
    plateau, left = fit.optimizer.learning_rate, fit.job.rates[fit.n_done :]
    slower = left[0] * plateau.factor
    if slower < plateau.min_rate:
        return False
    left[:] = slower
    return True
