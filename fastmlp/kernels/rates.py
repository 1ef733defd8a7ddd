"""Learning rates as the kernels read them: one an epoch, or knots that say the rate of every step.

A run holds ``rates``, and ``rates_per_epoch`` says how many of them make an epoch. With 1, each serves a
whole epoch. With as many as the epoch has batches, each serves one batch. With fewer they are knots: the rate
of a batch lies on the straight line between the two that enclose it. `rate_of` in ``epoch.pxi`` and in
``numba_backend/train.py`` read them as `of_batch` does.
"""

import numpy as np

MOST_KNOTS = 256  # an epoch: between knots, a cosine of one epoch is met to within 2e-5 of its height


def per_epoch(n_batches):
    """Rates an epoch of a schedule that changes with every step."""
    return max(1, min(int(n_batches), MOST_KNOTS))


def times(first_epoch, n_epochs, n_knots):
    """The times, in epochs, of `n_knots` knots an epoch from an epoch on; the run's end is the last."""
    n = n_epochs if n_knots == 1 else n_epochs * n_knots + 1
    return (first_epoch * n_knots + np.arange(n)) / n_knots


def of_batch(rates, n_knots, epoch, batch, n_batches):
    """The learning rate of a batch; `epoch` and `batch` may be arrays. The last rate serves later epochs."""
    last = len(rates) - 1
    if n_knots <= 1:
        return rates[min(epoch, last) if isinstance(epoch, int) else np.minimum(epoch, last)]
    whole, rest = np.divmod(np.multiply(batch, n_knots), n_batches)
    first = epoch * n_knots + whole
    low, high = rates[np.minimum(first, last)], rates[np.minimum(first + 1, last)]
    return low + (high - low) * (rest / n_batches)


def of_epoch(job, epoch, last=True):
    """The learning rate of an epoch's last step, or of its first one; `epoch` may be an array."""
    asked, rates = job.asked, job.rates
    n_knots = asked["rates_per_epoch"]
    if n_knots == 1 == len(rates) and isinstance(epoch, int):
        return rates[0]
    n_batches = -(-asked["n_samples"] // asked["batch_size"])
    return of_batch(rates, n_knots, epoch, n_batches - 1 if last else 0, n_batches)
