"""One neuron that learns online; kernels/native/training/neuron.pxi says what is done and why."""

import math

import numpy as np

from ..plan import Activation
from ..records import Record
from .build import entry, fused, inline, kernel, summed
from .epochs import DIVERGED, EPOCH_END, FINISHED, RUNNING, STALLED
from .lanes import real, size_of
from .memory import FLUSH, I32, I64, address, exchange_float_control, pointer

EPOCHS, UPDATES = int(Record.EPOCHS), int(Record.UPDATES)
STEP, LOGISTIC, TANH = int(Activation.STEP), int(Activation.LOGISTIC), int(Activation.TANH)
SHORT_ROW = 16  # values of a row that are summed in order at once
EPS_32, EPS_64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)


@inline
def _place(indices, index_bytes, i):
    """The feature of stored value i."""
    if index_bytes == 0:
        return i
    return np.int64(pointer(indices, I32)[i]) if index_bytes == 4 else pointer(indices, I64)[i]


@inline
def _ordered_dot(w, x, indices, index_bytes, start, stop):
    """sum of w[j] x[j] over stored values start..stop, one after another in double precision."""
    total = 0.0
    for i in range(start, stop):
        total += np.float64(w[_place(indices, index_bytes, i)] * x[i])
    return np.float64(real(total, w))


@summed
def _vector_dot(w, x, n):
    """sum of w[j] x[j] and of |w[j] x[j]|, in an order that suits vectors."""
    total = size = real(0, w)
    for j in range(n):
        product = w[j] * x[j]
        total += product
        size += abs(product)
    return np.float64(total), np.float64(size)


@fused
def _add_row(w, x, n, factor):
    """w += factor x"""
    factor = real(factor, w)
    for j in range(n):
        w[j] += factor * x[j]


@inline
def _add_exactly(w, x, indices, index_bytes, start, stop, factor):
    """The same over stored values start..stop, rounded as scikit-learn does: it adds in double precision."""
    wide = np.float64(real(factor, w))
    for i in range(start, stop):
        j = _place(indices, index_bytes, i)
        w[j] = np.float64(w[j]) + np.float64(x[i]) * wide


@inline
def _shuffle(order, n, seed):
    """scikit-learn's: Fisher-Yates upwards, by a 32-bit xorshift."""
    state = seed & 0xFFFFFFFF
    if state == 0:
        state = 1
    for i in range(n - 1):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        j = i + (state & 0x7FFFFFFF) % (n - i)
        order[i], order[j] = order[j], order[i]


@inline
def _record(u, w, history):
    """Write weights and bias down."""
    n = u.n_features
    out = history + u.n_recorded * (n + 1)
    for j in range(n):
        out[j] = w[j]
    out[n] = u.bias
    u.n_recorded += 1


@kernel
def _learn_step(u, w, x, indices, index_bytes, start, stop, target, weight):
    """One sample by the step rule; whether the weights changed."""
    n = stop - start
    if target == 0.0:
        return False
    decided, z = False, 0.0
    if index_bytes == 0 and n > SHORT_ROW:
        z, size = _vector_dot(w, x, n)
        z = (z + u.bias) * target
        bound = 2 * (n + 8) * (EPS_32 if size_of(w) == 4 else EPS_64) * size
        if z > bound:
            return False
        decided = u.tol == -math.inf and z < -bound
    if not decided:
        z = (_ordered_dot(w, x, indices, index_bytes, start, stop) + u.bias) * target
    if not z <= 0.0:
        return False
    u.loss_sum -= z
    factor = real(u.positive_weight if target > 0.0 else u.negative_weight, w) * weight
    update = u.eta * target * np.float64(factor)
    if update == 0.0:
        return False
    u.mistakes += 1
    _add_exactly(w, x, indices, index_bytes, start, stop, update)
    u.bias += update * u.bias_step
    return True


@kernel
def _learn_graded(u, w, x, indices, index_bytes, start, stop, target, weight):
    """One sample by the delta rule."""
    slope, by_vectors = u.slope, index_bytes == 0 and stop > SHORT_ROW
    if by_vectors:
        z, _ = _vector_dot(w, x, stop)
    else:
        z = _ordered_dot(w, x, indices, index_bytes, start, stop)
    z = np.float64(real(z + u.bias, w))
    y, derivative = z, 1.0
    if u.rule == TANH:
        y = math.tanh(slope * z)
        derivative = slope * (1.0 - y * y)
    elif u.rule == LOGISTIC:
        y = 1.0 / (1.0 + math.exp(-slope * z))
        derivative = slope * y * (1.0 - y)
    error = target - y
    u.loss_sum += 0.5 * error * error
    u.error_sum += weight * error * error
    update = u.eta * error * derivative * weight
    if update != 0.0:
        if by_vectors:
            _add_row(w, x, stop, update)
        else:
            _add_exactly(w, x, indices, index_bytes, start, stop, update)
        u.bias += update * u.bias_step
    return True


@kernel
def _begin_epoch(u, w, kept, order):
    """Shuffle, keep the weights, for a run that diverges, and begin to sum up."""
    if u.shuffle != 0:
        _shuffle(order, u.n_samples, u.seed)
    for j in range(u.n_features):
        kept[j] = w[j]
    u.kept_bias = u.bias
    u.loss_sum = u.error_sum = 0.0
    u.mistakes = 0


@kernel
def _end_epoch(u, w, kept, errors, history):
    """Write the epoch's error; return a status."""
    n = u.n_features
    finite = math.isfinite(u.bias) and math.isfinite(u.error_sum)
    for j in range(n):
        finite = finite and math.isfinite(w[j])
    if not finite:
        for j in range(n):
            w[j] = kept[j]
        u.bias = u.kept_bias
        return DIVERGED
    error = float(u.mistakes) if u.rule == STEP else u.error_sum * u.error_scale
    errors[u.epoch - u.first_epoch] = error
    u.epoch += 1
    u.position = 0
    if u.record == EPOCHS:
        _record(u, w, history)
    loss = u.loss_sum / u.n_samples
    u.no_improvement = u.no_improvement + 1 if u.tol != -math.inf and loss > u.best_loss - u.tol else 0
    u.best_loss = min(loss, u.best_loss)
    if u.no_improvement >= u.n_iter_no_change:
        return STALLED
    if u.epoch >= u.n_epochs or error < u.epsilon:
        return FINISHED
    return EPOCH_END if u.stop_each_epoch != 0 else RUNNING


@kernel
def _learn(u, w, kept, target, weights, order, errors, history, x, indptr, indices, index_bytes):
    """Samples and epochs; see `learn`."""
    weighted, dense = address(weights) != 0, index_bytes == 0
    start, stop, values, weight = 0, u.n_features, x, real(1, w)
    for _ in range(u.budget):
        if u.record != 0 and u.n_recorded >= u.capacity:
            return RUNNING
        if u.position == 0:
            if u.epoch - u.first_epoch >= u.n_errors:
                return RUNNING
            _begin_epoch(u, w, kept, order)
        row = order[u.position]
        if dense:
            values = x + row * u.n_features
        else:
            start, stop = indptr[row], indptr[row + 1]
        if weighted:
            weight = weights[row]
        t = np.float64(target[row])
        if u.rule == STEP:
            changed = _learn_step(u, w, values, indices, index_bytes, start, stop, t, weight)
        else:
            changed = _learn_graded(u, w, values, indices, index_bytes, start, stop, t, np.float64(weight))
        if changed:
            u.n_steps += 1
            if u.record == UPDATES:
                _record(u, w, history)
        u.position += 1
        if u.position >= u.n_samples:
            status = _end_epoch(u, w, kept, errors, history)
            if status != RUNNING:
                return status
    return RUNNING


@entry("uppppwfppwii->i")
def learn(u, w, kept, target, weights, order, errors, history, x, indptr, indices, index_bytes):
    """Train for up to u.budget samples; return a status.

    weights : or 0    indices, index_bytes : where CSR's indices lie and how wide they are; 0 for dense rows
    """
    graded, control = u.rule != STEP, 0
    if graded:
        control = exchange_float_control(-1)
        exchange_float_control(control | FLUSH)
    status = _learn(u, w, kept, target, weights, order, errors, history, x, indptr, indices, index_bytes)
    if graded:
        exchange_float_control(control)
    return status
