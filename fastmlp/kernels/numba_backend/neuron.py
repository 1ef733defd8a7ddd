"""One neuron that learns online; kernels/native/training/neuron.pxi says what is done and why."""

import math

import numpy as np

from ..plan import Activation, Status
from ..records import NEURON, Record
from .build import inline, kernel, leaf
from .context import F64, I64, _numbered
from .memory import at, cast, convert, exchange_float_control, pointer, put, shift, view
from .train import FLUSH
from .vector_code import VEC_BYTES
from .vectors import fill, lanes_of, vabs, vload, vstore, vsum

N = _numbered(NEURON.names)
EPOCHS, UPDATES = int(Record.EPOCHS), int(Record.UPDATES)
STEP, LOGISTIC, TANH = int(Activation.STEP), int(Activation.LOGISTIC), int(Activation.TANH)
RUNNING, EPOCH_END, FINISHED, STALLED, DIVERGED, _BAD_ROWS = map(int, Status)
SHORT_ROW = 16
EPS_32, EPS_64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)


@inline
def _ordered_dot(w, x, indices, index_kind, start, stop):
    """sum of w[j] x[j] over stored values start..stop, one after another in double precision."""
    total = 0.0
    for p in range(start, stop):
        j = p
        if index_kind != 0:
            j = convert(indices + p * (4 if index_kind == 3 else 8), index_kind, I64)
        total += np.float64(at(w, j) * at(x, p))
    return np.float64(cast(total, w))


@inline
def _vector_dot(w, x, n):
    """sum of w[j] x[j] and of |w[j] x[j]|."""
    s = fill(0.0, w)
    m = fill(0.0, w)
    lanes = lanes_of(w)
    whole = n // lanes * lanes
    for j in range(0, whole, lanes):
        p = vload(w, j) * vload(x, j)
        s = s + p
        m = m + vabs(p)
    total, size = np.float64(vsum(s)), np.float64(vsum(m))
    for j in range(whole, n):
        product = np.float64(at(w, j) * at(x, j))
        total += product
        size += abs(product)
    return total, size


@inline
def _add_row(exact, w, x, indices, index_kind, start, stop, factor):
    """w += factor x over stored values start..stop."""
    lanes = lanes_of(w)
    first = start
    if index_kind == 0 and not exact:
        f = fill(factor, w)
        first = stop // lanes * lanes
        for j in range(0, first, lanes):
            vstore(w, j, vload(w, j) + f * vload(x, j))
    wide = np.float64(cast(factor, w))
    for p in range(first, stop):
        j = p
        if index_kind != 0:
            j = convert(indices + p * (4 if index_kind == 3 else 8), index_kind, I64)
        put(w, j, np.float64(at(w, j)) + np.float64(at(x, p)) * wide)


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
        kept = at(order, i)
        put(order, i, at(order, j))
        put(order, j, kept)


@inline
def _record(u, f, w, history):
    n = at(u, N.n_features)
    out = shift(history, at(u, N.n_recorded) * (n + 1))
    for j in range(n):
        put(out, j, at(w, j))
    put(out, n, at(f, N.bias))
    put(u, N.n_recorded, at(u, N.n_recorded) + 1)


@kernel
def _learn_step(u, f, w, x, indices, index_kind, start, stop, target, weight):
    """One sample by the step rule; whether the weights changed."""
    bias, n = at(f, N.bias), stop - start
    if target == 0.0:
        return False
    decided, z = False, 0.0
    if index_kind == 0 and n > SHORT_ROW:
        z, size = _vector_dot(w, x, n)
        z = (z + bias) * target
        bound = 2 * (n + 8) * (EPS_32 if lanes_of(w) * 4 == VEC_BYTES else EPS_64) * size
        if z > bound:
            return False
        decided = at(f, N.tol) == -math.inf and z < -bound
    if not decided:
        z = (_ordered_dot(w, x, indices, index_kind, start, stop) + bias) * target
    if not z <= 0.0:
        return False
    put(f, N.loss_sum, at(f, N.loss_sum) - z)
    factor = cast(at(f, N.positive_weight) if target > 0.0 else at(f, N.negative_weight), w) * weight
    update = at(f, N.eta) * target * np.float64(factor)
    if update == 0.0:
        return False
    put(u, N.mistakes, at(u, N.mistakes) + 1)
    _add_row(True, w, x, indices, index_kind, start, stop, update)
    put(f, N.bias, bias + update * at(f, N.bias_step))
    return True


@kernel
def _learn_graded(u, f, w, x, indices, index_kind, start, stop, target, weight):
    """One sample by the delta rule."""
    rule, slope = at(u, N.rule), at(f, N.slope)
    if index_kind == 0:
        z, _ = _vector_dot(w, x, stop)
    else:
        z = _ordered_dot(w, x, indices, index_kind, start, stop)
    z = np.float64(cast(z + at(f, N.bias), w))
    y, derivative = z, 1.0
    if rule == TANH:
        y = math.tanh(slope * z)
        derivative = slope * (1.0 - y * y)
    elif rule == LOGISTIC:
        y = 1.0 / (1.0 + math.exp(-slope * z))
        derivative = slope * y * (1.0 - y)
    error = target - y
    put(f, N.loss_sum, at(f, N.loss_sum) + 0.5 * error * error)
    put(f, N.error_sum, at(f, N.error_sum) + weight * error * error)
    update = at(f, N.eta) * error * derivative * weight
    if update != 0.0:
        _add_row(False, w, x, indices, index_kind, start, stop, update)
        put(f, N.bias, at(f, N.bias) + update * at(f, N.bias_step))
    return True


@kernel
def _end_epoch(u, f, w, kept, errors, history):
    """Write the epoch's error; return a status."""
    n, epoch = at(u, N.n_features), at(u, N.epoch)
    finite = math.isfinite(at(f, N.bias)) and math.isfinite(at(f, N.error_sum))
    for j in range(n):
        finite = finite and math.isfinite(at(w, j))
    if not finite:
        for j in range(n):
            put(w, j, at(kept, j))
        put(f, N.bias, at(f, N.kept_bias))
        return DIVERGED
    if at(u, N.rule) == STEP:
        error = float(at(u, N.mistakes))
    else:
        error = at(f, N.error_sum) * at(f, N.error_scale)
    put(errors, epoch - at(u, N.first_epoch), error)
    put(u, N.epoch, epoch + 1)
    put(u, N.position, 0)
    if at(u, N.record) == EPOCHS:
        _record(u, f, w, history)
    loss, best, tol = at(f, N.loss_sum) / at(u, N.n_samples), at(f, N.best_loss), at(f, N.tol)
    stalled = at(u, N.no_improvement) + 1 if tol != -math.inf and loss > best - tol else 0
    put(u, N.no_improvement, stalled)
    put(f, N.best_loss, min(loss, best))
    if stalled >= at(u, N.n_iter_no_change):
        return STALLED
    if epoch + 1 >= at(u, N.n_epochs) or error < at(f, N.epsilon):
        return FINISHED
    return EPOCH_END if at(u, N.stop_each_epoch) != 0 else RUNNING


@kernel
def _learn(u, f, w, kept, target, weights, order, errors, history, data, indptr, indices, index_kind):
    n, n_features, record = at(u, N.n_samples), at(u, N.n_features), at(u, N.record)
    x, start, stop = pointer(data, cast(0.0, w)), 0, n_features
    size = n_features * (VEC_BYTES // lanes_of(w))
    weight, one = cast(1.0, w), cast(1.0, w)
    weighted = weights != 0
    for _ in range(at(u, N.budget)):
        if record != 0 and at(u, N.n_recorded) >= at(u, N.capacity):
            return RUNNING
        position = at(u, N.position)
        if position == 0:
            if at(u, N.epoch) - at(u, N.first_epoch) >= at(u, N.n_errors):
                return RUNNING
            if at(u, N.shuffle) != 0:
                _shuffle(order, n, at(u, N.seed))
            for j in range(n_features):
                put(kept, j, at(w, j))
            put(f, N.kept_bias, at(f, N.bias))
            put(f, N.loss_sum, 0.0)
            put(f, N.error_sum, 0.0)
            put(u, N.mistakes, 0)
        row = at(order, position)
        if index_kind == 0:
            x = pointer(data + row * size, one)
        else:
            start, stop = at(indptr, row), at(indptr, row + 1)
        if weighted:
            weight = at(pointer(weights, one), row)
        t = np.float64(at(target, row))
        if at(u, N.rule) == STEP:
            changed = _learn_step(u, f, w, x, indices, index_kind, start, stop, t, weight)
        else:
            changed = _learn_graded(u, f, w, x, indices, index_kind, start, stop, t, np.float64(weight))
        if changed:
            put(u, N.n_steps, at(u, N.n_steps) + 1)
            if record == UPDATES:
                _record(u, f, w, history)
        put(u, N.position, position + 1)
        if position + 1 >= n:
            status = _end_epoch(u, f, w, kept, errors, history)
            if status != RUNNING:
                return status
    return RUNNING


@leaf("wpppiwwpiwii->i")
def learn(u, w, kept, target, weights, order, errors, history, data, indptr, indices, index_kind):
    """Train for up to u.budget samples; return a status. weights, data, indices: addresses (weights: or 0).

    index_kind: 0 for dense rows, else as in `convert`.
    """
    f, graded = view(u, F64), at(u, N.rule) != STEP
    errors = view(errors, F64)
    control = 0
    if graded:
        control = exchange_float_control(-1)
        exchange_float_control(control | FLUSH)
    status = _learn(u, f, w, kept, target, weights, order, errors, history, data, indptr, indices, index_kind)
    if graded:
        exchange_float_control(control)
    return status
