"""The training loop: epochs, shuffles, batches, stops. And prediction, chunk by chunk."""

import math

from ..plan import Optimizer, Status
from .backward import step_rows
from .build import kernel, leaf
from .context import I64, LAYER_WORDS, N_BUFFERS, B, C, L, R
from .memory import (
    address,
    array,
    array_at,
    at,
    call,
    call_next_uint32,
    call_word,
    cast,
    exchange_float_control,
    number,
    put,
    set_number,
    set_word,
    shift,
    word,
)  # fmt: skip

GRADIENT = int(Optimizer.GRADIENT)
RUNNING, EPOCH_END, FINISHED, STALLED, DIVERGED, _BAD_ROWS = map(int, Status)
FLUSH = 0x8040  # denormal results and operands to zero


@leaf("wiii->d")
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
        kept = at(order, i)
        put(order, i, at(order, j))
        put(order, j, kept)
    return 0.0


@leaf("pi->i")
def numbers_finite(x, n):
    for i in range(n):
        if not math.isfinite(at(x, i)):
            return 0
    return 1


@leaf("ppi->d")
def copy(source, out, n):
    for i in range(n):
        put(out, i, at(source, i))
    return 0.0


@kernel
def _step_stored(c, like, start, count):
    """The optimizer's step on `count` parameters from `start` on, from the stored gradient."""
    n_params, w, g = at(c, C.n_params), array(c, C.params, like), array(c, C.gradient, like)
    s0 = shift(array(c, C.state, like), start)
    s1, s2 = shift(s0, n_params), shift(s0, 2 * n_params)
    constants, code = array(c, C.constants, like), word(c, C.run, R.optimizer)
    call(c, C.update, code, constants, shift(w, start), shift(g, start), s0, s1, s2, count)


@kernel
def _finish_stored(c, like, scale):
    """Penalties, clipping and the step, where the whole gradient comes first; returns the penalty."""
    g, w, n_params = array(c, C.gradient, like), array(c, C.params, like), at(c, C.n_params)
    total = 0.0
    for k in range(at(c, C.n_layers)):
        layer = k * LAYER_WORDS
        start, bias = word(c, C.layers, layer + L.weights), word(c, C.layers, layer + L.bias)
        n_in, n_out = word(c, C.layers, layer + L.n_in), word(c, C.layers, layer + L.n_out)
        l1, l2 = number(c, C.layers, layer + L.l1), number(c, C.layers, layer + L.l2)
        total += step_rows(c, like, shift(g, start), start, n_in * n_out, l1, l2, scale)
        if bias >= 0:
            step_rows(c, like, shift(g, bias), bias, n_out, 0.0, 0.0, 0.0)
    limit = number(c, C.run, R.clip_norm)
    if limit > 0.0:
        length = call(c, C.norm, g, n_params)
        if length > limit:
            for i in range(n_params):
                put(g, i, at(g, i) * (limit / length))
    if word(c, C.run, R.optimizer) == GRADIENT:
        return total
    start = 0  # of the parameters that have not moved yet; frozen layers lie between those that do
    for k in range(at(c, C.n_layers)):
        layer = k * LAYER_WORDS
        if word(c, C.layers, layer + L.frozen) != 0:
            end = word(c, C.layers, layer + L.weights)
            _step_stored(c, like, start, end - start)
            n_in, n_out = word(c, C.layers, layer + L.n_in), word(c, C.layers, layer + L.n_out)
            start = end + n_in * n_out + (n_out if word(c, C.layers, layer + L.bias) >= 0 else 0)
    _step_stored(c, like, start, n_params - start)
    for k in range(at(c, C.n_layers)):
        layer = k * LAYER_WORDS
        max_norm = number(c, C.layers, layer + L.max_norm)
        if max_norm > 0.0:
            n_in, n_out = word(c, C.layers, layer + L.n_in), word(c, C.layers, layer + L.n_out)
            call(c, C.cap_norms, shift(w, word(c, C.layers, layer + L.weights)), n_in, n_out, max_norm)
    return total


@kernel
def _batch_step(c, like, first, n):
    """One optimizer step on n samples from place `first` of the order on; returns the batch's loss."""
    divisor = 1.0
    if word(c, C.run, R.average) != 0:
        mean_weight = number(c, C.run, R.mean_weight)
        divisor = float(n) * (mean_weight if mean_weight > 0.0 else 1.0)
        if at(c, C.weight) != 0 and mean_weight <= 0.0:
            divisor = 0.0
            for s in range(first, first + n):
                divisor += number(c, C.weight, word(c, C.order, s))
    scale = 1.0 / divisor if divisor > 0.0 else 0.0
    factor = number(c, C.run, R.gradient_scale) * scale
    last, lanes = at(c, C.n_layers) - 1, at(c, C.lanes)
    n_out = word(c, C.layers, last * LAYER_WORDS + L.n_out)
    per_sample, per_unit = (1, lanes) if lanes > 0 else (n_out, 1)
    z, a, d = (
        array_at(c, C.buffers, last * N_BUFFERS + B.Z, like),
        array_at(c, C.buffers, last * N_BUFFERS + B.A, like),
        array_at(c, C.buffers, last * N_BUFFERS + B.D, like),
    )
    stored = at(c, C.stored) != 0
    call(c, C.begin_step, c, array(c, C.constants, like))
    if stored:
        g = array(c, C.gradient, like)
        for i in range(at(c, C.n_params)):
            put(g, i, 0.0)
    total = penalty = 0.0
    for done in range(0, n, at(c, C.chunk)):
        m = min(at(c, C.chunk), n - done)
        if at(c, C.gathers) != 0:
            call(c, C.gather, c, first + done, m, array(c, C.x, like))
        call(c, C.forward, c, like, first + done, m, last, 0)
        total += call(c, C.loss_and_delta, c, z, a, d, m, first + done, per_sample, per_unit, factor)
        if not math.isfinite(total):
            return total
        penalty += call(c, C.backward, c, like, first + done, m, scale)
    if stored:
        penalty = _finish_stored(c, like, scale)
    return (number(c, C.run, R.loss_scale) * total + penalty) * scale


@kernel
def _rate_of(c, epoch, batch, n_batches):
    """The learning rate of a batch; see rates.py. The last rate serves all later epochs."""
    knots, last = word(c, C.run, R.rates_per_epoch), at(c, C.n_rates) - 1
    if knots <= 1:
        return number(c, C.rates, min(epoch, last))
    place = batch * knots
    whole = place // n_batches
    first = epoch * knots + whole
    low, high = number(c, C.rates, min(first, last)), number(c, C.rates, min(first + 1, last))
    return low + (high - low) * (float(place - whole * n_batches) / n_batches)


@kernel
def _stays_finite(c, like):
    """Whether parameters and state are finite. A step that ruins them may show in no later loss."""
    if word(c, C.run, R.optimizer) == GRADIENT:
        return True
    n = at(c, C.n_params)
    return call_word(c, C.numbers_finite, array(c, C.params, like), n) != 0 and (
        call_word(c, C.numbers_finite, array(c, C.state, like), n * at(c, C.n_states)) != 0
    )


@kernel
def _begin_epoch(c, like):
    if word(c, C.run, R.shuffle) != 0 and at(c, C.next_uint32) != 0:
        n, next_uint32, state = word(c, C.run, R.n_samples), at(c, C.next_uint32), at(c, C.bit_state)
        call(c, C.shuffle, array(c, C.order, I64), n, next_uint32, state)
    call(c, C.copy, array(c, C.params, like), array(c, C.backup, like), at(c, C.n_params))
    set_number(c, C.run, R.loss_sum, 0.0)


@kernel
def _end_epoch(c, n):
    """Write the history; return a status."""
    loss, epoch = number(c, C.run, R.loss_sum), word(c, C.run, R.epoch)
    if word(c, C.run, R.average) != 0:
        loss /= n
    set_number(c, C.losses, epoch, loss)
    set_word(c, C.run, R.epoch, epoch + 1)
    set_word(c, C.run, R.batch, 0)
    best = number(c, C.run, R.best_loss)
    stalled = word(c, C.run, R.no_improvement) + 1 if loss > best - number(c, C.run, R.tol) else 0
    set_word(c, C.run, R.no_improvement, stalled)
    if loss < best:
        set_number(c, C.run, R.best_loss, loss)
    if stalled > word(c, C.run, R.n_iter_no_change):
        return STALLED
    if epoch + 1 >= word(c, C.run, R.n_epochs):
        return FINISHED
    return EPOCH_END if word(c, C.run, R.stop_each_epoch) != 0 else RUNNING


@kernel
def _run_batches(c, like):
    """Up to run["budget"] batches from where training stands; returns a status."""
    n, size = word(c, C.run, R.n_samples), word(c, C.run, R.batch_size)
    averaged, n_batches = word(c, C.run, R.average) != 0, (n + size - 1) // size
    if word(c, C.run, R.epoch) >= word(c, C.run, R.n_epochs) or n == 0:
        return FINISHED
    for _ in range(word(c, C.run, R.budget)):
        batch, epoch = word(c, C.run, R.batch), word(c, C.run, R.epoch)
        set_number(c, C.run, R.learning_rate, _rate_of(c, epoch, batch, n_batches))
        if batch == 0:
            _begin_epoch(c, like)
        first = batch * size
        m = min(size, n - first)
        loss = _batch_step(c, like, first, m)
        if not math.isfinite(loss) or (first + m >= n and not _stays_finite(c, like)):
            call(c, C.copy, array(c, C.backup, like), array(c, C.params, like), at(c, C.n_params))
            return DIVERGED
        set_word(c, C.run, R.step, word(c, C.run, R.step) + 1)
        set_word(c, C.run, R.batch, batch + 1)
        set_number(c, C.run, R.loss_sum, number(c, C.run, R.loss_sum) + loss * (m if averaged else 1))
        if first + m >= n:
            status = _end_epoch(c, n)
            if status != RUNNING:
                return status
    return RUNNING


@leaf("wp->i")
def train(c, workspace):
    """Lay the workspace out and train; denormals count as zero meanwhile."""
    like = cast(0.0, workspace)
    call_word(c, C.layout, c, address(workspace), like)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    status = _run_batches(c, like)
    exchange_float_control(control)
    set_word(c, C.run, R.status, status)
    return status


@leaf("wppiiii->d")
def predict(c, workspace, out, first, n, layer, logits):
    """Outputs of `layer` for rows first.. of the data, chunk by chunk, into out (n, n_out)."""
    like = cast(0.0, workspace)
    call_word(c, C.layout, c, address(workspace), like)
    control = exchange_float_control(-1)
    exchange_float_control(control | FLUSH)
    n_out = word(c, C.layers, layer * LAYER_WORDS + L.n_out)
    source = array_at(c, C.buffers, layer * N_BUFFERS + (B.Z if logits != 0 else B.A), like)
    for done in range(0, n, at(c, C.chunk)):
        m = min(at(c, C.chunk), n - done)
        if at(c, C.gathers) != 0:
            call(c, C.gather, c, first + done, m, array(c, C.x, like))
        call(c, C.forward, c, like, first + done, m, layer, 1 - logits)
        call(c, C.copy, source, shift(out, done * n_out), m * n_out)
    exchange_float_control(control)
    return 0.0
