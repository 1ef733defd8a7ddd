"""The training loop: epochs, shuffles, batches, stops. And prediction, chunk by chunk."""

import math

from ..plan import Optimizer, Status
from .backward import cap_all_norms, divisor_of, finish_stored
from .build import BATCH, SAMPLES, call, kernel, leaf
from .context import FIRST, N_SAMPLES
from .memory import FLUSH, call_next_uint32, exchange_float_control
from .sharing import share

GRADIENT = int(Optimizer.GRADIENT)
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
    for i in range(n):
        if not math.isfinite(x[i]):
            return 0
    return 1


@leaf("ppi->i")
def copy(source, out, n):
    for i in range(n):
        out[i] = source[i]
    return 0


@leaf("cii->d", manners=(BATCH,))
def step_batch(c, first, n):
    """One optimizer step on n samples from place `first` of the order on; returns the batch's loss."""
    divisor = divisor_of(c, first, n)
    scale = 1.0 / divisor if divisor > 0.0 else 0.0
    factor = c.run.gradient_scale * scale
    call(c.begin_step, c.run, c.constants)
    if c.stored != 0:
        g = c.gradient
        for i in range(c.n_params):
            g[i] = 0.0
    c.factors[0], c.factors[1] = scale, factor
    total = penalty = 0.0
    for done in range(first, first + n, c.chunk):
        m = min(c.chunk, first + n - done)
        c.control[FIRST], c.control[N_SAMPLES] = done, m
        total += share(c, 0, (m + c.stretch - 1) // c.stretch)
        if not math.isfinite(total):
            return total
        penalty += share(c, 1, c.n_blocks)
    if c.stored != 0:
        penalty = finish_stored(c, scale)
    else:
        cap_all_norms(c)
    return (c.run.loss_scale * total + penalty) * scale


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
    return call(c.numbers_finite, c.params, n) != 0 and call(c.numbers_finite, c.state, n * c.n_states) != 0


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
def _run_batches(c):
    """Up to run.budget batches from where training stands; returns a status."""
    run = c.run
    n, size = run.n_samples, run.batch_size
    n_batches, samples = (n + size - 1) // size, c.manner == SAMPLES
    if run.epoch >= run.n_epochs or n == 0:
        return FINISHED
    for _ in range(run.budget):
        run.learning_rate = rate_of(c, run.epoch, run.batch, n_batches)
        if run.batch == 0:
            begin_epoch(c)
        first = run.batch * size
        m = min(size, n - first)
        loss = call(c.step_samples, c, first, m) if samples else call(c.step_batch, c, first, m)
        if not math.isfinite(loss) or (first + m >= n and not stays_finite(c)):
            call(c.copy, c.backup, c.params, c.n_params)
            return DIVERGED
        run.step += 1
        run.batch += 1
        run.loss_sum += loss * (m if run.average != 0 else 1)
        if first + m >= n:
            status = end_epoch(c)
            if status != RUNNING:
                return status
    return RUNNING


@leaf("ci->i")
def train(c, workspace):
    """Lay the workspace out and train; denormals count as zero meanwhile."""
    call(c.layout, c, workspace)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    status = _run_batches(c)
    exchange_float_control(control)
    c.run.status = status
    return status


@leaf("cipiiii->i")
def predict(c, workspace, out, first, n, layer, logits):
    """Outputs of `layer` for rows first.. of the data, chunk by chunk, into out (n, n_out)."""
    call(c.layout, c, workspace)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    n_out, buffer = c.layers[layer].n_out, c.buffers[layer]
    source = buffer.z if logits != 0 else buffer.a
    for done in range(0, n, c.chunk):
        m = min(c.chunk, n - done)
        call(c.gather, c, first + done, m)
        call(c.forward, c, first + done, m, layer, 1 - logits)
        call(c.copy, source, out + done * n_out, m * n_out)
    exchange_float_control(control)
    return 0
