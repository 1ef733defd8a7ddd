"""The course of training: rates, epochs, shuffles, stops."""

import math
import sys

import numpy as np

from ..plan import Optimizer, Status
from .build import call, kernel, leaf
from .lanes import real, size_of
from .memory import call_next_uint32

GRADIENT = int(Optimizer.GRADIENT)
LARGEST_32, LARGEST_64 = float(np.finfo(np.float32).max), sys.float_info.max
RUNNING, EPOCH_END, FINISHED, STALLED, DIVERGED, _BAD_ROWS = map(int, Status)


@leaf("wiii->i")
def shuffle(order, n, next_uint32, state):
    """RandomState.shuffle of n int64 numbers, below 2^32 of them."""
    mask = 1
    while mask < n - 1:
        mask = 2 * mask + 1
    for i in range(n - 1, 0, -1):
        while mask >> 1 >= i:
            mask >>= 1
        j = call_next_uint32(next_uint32, state) & mask
        while j > i:
            j = call_next_uint32(next_uint32, state) & mask
        order[i], order[j] = order[j], order[i]
    return 0


@leaf("pi->i")
def numbers_finite(x, n):
    bad, largest = 0, real(LARGEST_32 if size_of(x) == 4 else LARGEST_64, x)
    for i in range(n):
        bad += not abs(x[i]) <= largest  # NaN is nothing's equal
    return bad == 0


@leaf("ppi->i")
def copy(source, out, n):
    for i in range(n):
        out[i] = source[i]
    return 0


@kernel
def rate_of(c, epoch, batch, n_batches):
    """The learning rate of a batch; see rates.py. The last rate serves all later epochs."""
    knots, last, rates = c.run.rates_per_epoch, c.n_rates - 1, c.rates
    if knots <= 1:
        return rates[min(epoch, last)]
    place = batch * knots
    whole = place // n_batches
    first = epoch * knots + whole
    low, high = rates[min(first, last)], rates[min(first + 1, last)]
    return low + (high - low) * (float(place - whole * n_batches) / n_batches)


@kernel
def stays_finite(c):
    """Whether parameters and state are finite. A step that ruins them may show in no later loss."""
    if c.run.optimizer == GRADIENT:
        return True
    n = c.n_params
    finite = call(c.numbers_finite, c.params, n) != 0
    return finite and (c.n_states == 0 or call(c.numbers_finite, c.state, n * c.n_states) != 0)


@kernel
def begin_epoch(c):
    if c.run.shuffle != 0 and c.next_uint32 != 0:
        call(c.shuffle, c.order, c.run.n_samples, c.next_uint32, c.bit_state)
    call(c.copy, c.params, c.backup, c.n_params)
    c.run.loss_sum = 0.0


@kernel
def end_epoch(c):
    """Write the history; return a status."""
    run = c.run
    loss, epoch = run.loss_sum, run.epoch
    if run.average != 0:
        loss /= run.n_samples
    c.losses[epoch] = loss
    run.epoch, run.batch = epoch + 1, 0
    run.no_improvement = run.no_improvement + 1 if loss > run.best_loss - run.tol else 0
    if loss < run.best_loss:
        run.best_loss = loss
    if run.no_improvement > run.n_iter_no_change:
        return STALLED
    if epoch + 1 >= run.n_epochs:
        return FINISHED
    return EPOCH_END if run.stop_each_epoch != 0 else RUNNING


@kernel
def begin_batch(c):
    """Make ready for the batch that comes next; returns its number of samples."""
    run = c.run
    n, size = run.n_samples, run.batch_size
    run.learning_rate = rate_of(c, run.epoch, run.batch, (n + size - 1) // size)
    if run.batch == 0:
        begin_epoch(c)
    return min(size, n - run.batch * size)


@kernel
def end_batch(c, n, loss):
    """Count a batch of n samples, and an epoch where it is its last one; returns a status."""
    run = c.run
    ends = run.batch * run.batch_size + n >= run.n_samples
    if not math.isfinite(loss) or (ends and not stays_finite(c)):
        call(c.copy, c.backup, c.params, c.n_params)
        return DIVERGED
    run.step += 1
    run.batch += 1
    run.loss_sum += loss * (n if run.average != 0 else 1)
    return end_epoch(c) if ends else RUNNING
