"""Learning-rate schedules: callables from the epoch (0, 1, ...) to a learning rate.

Any function of the epoch will do; an optimizer takes it as its `learning_rate`. The rates of a fit are
computed before it starts, so that a schedule costs nothing while the kernels run. `Plateau` reacts to the
loss instead.
"""

from dataclasses import dataclass
from math import cos, pi

import numpy as np

from . import _checks


@dataclass(frozen=True)
class Constant:
    """Keep `rate`."""

    rate: float

    def __post_init__(self):
        _positive(self, "rate")

    def __call__(self, epoch):
        return self.rate


@dataclass(frozen=True)
class StepDecay:
    """Multiply by `factor` every `every` epochs."""

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self):
        _positive(self, "rate", "factor")
        _checks.check_int("every", self.every)

    def __call__(self, epoch):
        return self.rate * self.factor ** (epoch // self.every)


@dataclass(frozen=True)
class Exponential:
    """rate * decay^epoch."""

    rate: float
    decay: float

    def __post_init__(self):
        _positive(self, "rate", "decay")

    def __call__(self, epoch):
        return self.rate * self.decay**epoch


@dataclass(frozen=True)
class InverseScaling:
    """rate / (epoch + 1)^power."""

    rate: float
    power: float = 0.5

    def __post_init__(self):
        _positive(self, "rate")
        _checks.check_real("power", self.power)

    def __call__(self, epoch):
        return self.rate / (epoch + 1) ** self.power


@dataclass(frozen=True)
class Cosine:
    """From `rate` to `final_rate` along half a cosine of `n_epochs` epochs (Loshchilov and Hutter, 2017)."""

    rate: float
    n_epochs: int
    final_rate: float = 0.0

    def __post_init__(self):
        _positive(self, "rate")
        _checks.check_int("n_epochs", self.n_epochs)
        _checks.check_real("final_rate", self.final_rate)

    def __call__(self, epoch):
        done = min(epoch / self.n_epochs, 1.0)
        return self.final_rate + 0.5 * (self.rate - self.final_rate) * (1 + cos(pi * done))


@dataclass(frozen=True)
class OneCycle:
    """Up to `rate` and down again along cosines (Smith and Topin, 2018).

    Parameters
    ----------
    rate : float
        The highest rate.
    n_epochs : int
    rise : float, default=0.3
        The share of the epochs in which it rises.
    start_divisor, final_divisor : float, default=25, 1e4
        The first rate is rate / start_divisor, the last one that divided by final_divisor.
    """

    rate: float
    n_epochs: int
    rise: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4

    def __post_init__(self):
        _positive(self, "rate", "start_divisor", "final_divisor")
        _checks.check_int("n_epochs", self.n_epochs)
        _checks.check_real("rise", self.rise, 0, 1)

    def __call__(self, epoch):
        first = self.rate / self.start_divisor
        peak, last = self.rise * self.n_epochs - 1, self.n_epochs - 1
        if epoch <= peak:
            return _half_cosine(first, self.rate, epoch / peak if peak > 0 else 1.0)
        done = min((epoch - peak) / (last - peak), 1.0) if last > peak else 1.0
        return _half_cosine(self.rate, first / self.final_divisor, done)


@dataclass(frozen=True)
class Plateau:
    """Multiply the rate by `factor` when the loss has not fallen by `tol` for more than `patience` epochs.

    Training stops where the rate would fall below `min_rate`.
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    tol: float = 1e-4
    min_rate: float = 1e-6

    def __post_init__(self):
        _positive(self, "rate")
        _checks.check_real("factor", self.factor, 0, 1, closed="neither")
        _checks.check_int("patience", self.patience, low=0)
        _checks.check_real("tol", self.tol)
        _checks.check_real("min_rate", self.min_rate)

    def __call__(self, epoch):
        return self.rate


def _positive(schedule, *names):
    for name in names:
        _checks.check_real(name, getattr(schedule, name), closed="neither")


def _half_cosine(start, end, done):
    return end + 0.5 * (start - end) * (1 + cos(pi * done))


def watch(optimizer):
    """Return the fields of the kernels' run record that make them report a plateau."""
    plateau = optimizer.learning_rate
    if not isinstance(plateau, Plateau):
        return {}
    return dict(tol=plateau.tol, n_iter_no_change=plateau.patience)


def slow_down(optimizer, fit):
    """Lower the rate of a fit that has reached a plateau; return whether to go on."""
    plateau, rates = optimizer.learning_rate, fit.job.rates
    slower = rates[fit.n_done] * plateau.factor if fit.n_done < len(rates) else 0.0
    rates[fit.n_done :] = slower
    return slower >= plateau.min_rate


def rates(learning_rate, n_epochs, first_epoch=0):
    """Return the learning rate of each of `n_epochs` epochs, or one where it never changes."""
    if not callable(learning_rate):
        return np.array([_checks.check_real("learning_rate", learning_rate, closed="neither")])
    found = [learning_rate(epoch) for epoch in range(first_epoch, first_epoch + n_epochs)]
    return np.array([_checks.check_real("learning_rate(epoch)", rate, closed="left") for rate in found])
