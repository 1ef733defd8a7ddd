"""From the gradient by the output's logits back to all gradients, and the optimizer's step.

In rows, a layer's gradient is computed by panels of weight rows that stay in the first-level cache
until the optimizer has used them, unless the step needs the whole gradient first (`stored`).
"""

import numpy as np

from ..plan import Optimizer
from .activation import SOFTMAX
from .build import kernel, leaf
from .context import EDGE_WORDS, I32, INPUT, LAYER_WORDS, N_BUFFERS, PANEL, B, C, E, L, R
from .memory import array, array_at, at, call, call_word, number, put, shift, word
from .vectors import fill, lanes_of, vload, vload_first, vstore, vstore_first, vsum

SGD, GRADIENT = int(Optimizer.SGD), int(Optimizer.GRADIENT)


@leaf("pipipii->d")
def back_lanes(d, n_out, w, width, d_source, keep, lanes):
    """d_source[i] = keep d_source[i] + sum_o w[i, o] d[o]."""
    for i in range(width):
        total = vload(d_source, i * lanes) if keep != 0 else fill(0.0, d)
        for o in range(n_out):
            total = total + fill(at(w, i * n_out + o), d) * vload(d, o * lanes)
        vstore(d_source, i * lanes, total)
    return 0.0


@leaf("pipipi->d")
def gradient_lanes(x, width, d, n_out, g, lanes):
    """g[i, o] += x[i] d[o], summed over the lanes."""
    for i in range(width):
        v = vload(x, i * lanes)
        for o in range(n_out):
            put(g, i * n_out + o, at(g, i * n_out + o) + vsum(v * vload(d, o * lanes)))
    return 0.0


@leaf("pdpi->d")
def add_row(x, factor, y, n):
    """y += factor x"""
    f = fill(factor, x)
    for i in range(0, n, lanes_of(x)):
        vstore_first(y, i, vload_first(y, i, n - i) + f * vload_first(x, i, n - i), n - i)
    return 0.0


@kernel
def _add_listed(c, first, n, d, n_out, factor, w, value, index):
    """w[i, :] += factor x[s, i] d[s, :] for the non-zeros x[s, i] of each sample."""
    kept, longest = at(c, C.kept) != 0, at(c, C.longest)
    for s in range(n):
        if kept:
            count = word(c, C.counts, s)
        else:
            count = call_word(c, C.list_row, c, s, word(c, C.order, first + s), first + s, value, index)
        call(c, C.add_products, value, index, count, factor, shift(d, s * n_out), w, n_out)
        if kept:
            value, index = shift(value, longest), shift(index, longest)


@leaf("pxidppi->d")
def add_products(value, index, count, factor, d, w, n):
    """w[index[k], :] += factor value[k] d for all k; rows of w are n apart."""
    lanes, j = lanes_of(d), 0
    while n - j >= 2 * lanes:
        v, u = fill(factor, d) * vload(d, j), fill(factor, d) * vload(d, j + lanes)
        for k in range(count):
            place, x = at(index, k) * n + j, fill(at(value, k), d)
            vstore(w, place, vload(w, place) + x * v)
            vstore(w, place + lanes, vload(w, place + lanes) + x * u)
        j += 2 * lanes
    for i in range(j, n, lanes):
        m = n - i
        v = fill(factor, d) * vload_first(d, i, m)
        for k in range(count):
            place = at(index, k) * n + i
            vstore_first(w, place, vload_first(w, place, m) + fill(at(value, k), d) * v, m)
    return 0.0


@kernel
def step_rows(c, like, g, start, count, l1, l2, scale):
    """The optimizer's step on `count` parameters from `start` on, whose gradient is g.

    Where the gradient is stored, only penalties and clipping by value are done. Returns the penalty.
    """
    w = shift(array(c, C.params, like), start)
    total, clip = 0.0, number(c, C.run, R.clip_value)
    if l1 != 0.0 or l2 != 0.0 or clip > 0.0:
        total = call(c, C.add_penalty, w, g, count, l1, l2, scale, clip)
    if at(c, C.stored) == 0:
        n_params, s0 = at(c, C.n_params), shift(array(c, C.state, like), start)
        code, s1, s2 = word(c, C.run, R.optimizer), shift(s0, n_params), shift(s0, 2 * n_params)
        call(c, C.update, code, array(c, C.constants, like), w, g, s0, s1, s2, count)
    return total


@kernel
def _may_skip(c, k):
    """Whether a step on weights whose gradient is 0 changes nothing: plain SGD."""
    return (
        word(c, C.run, R.optimizer) == SGD
        and number(c, C.layers, k * LAYER_WORDS + L.l1) == 0.0
        and number(c, C.layers, k * LAYER_WORDS + L.l2) == 0.0
        and number(c, C.run, R.weight_decay) == 0.0
        and number(c, C.run, R.clip_value) <= 0.0
    )


@kernel
def _weights_step(c, like, k, e, first, n, scale):
    """Gradient of an edge's weights, and its use: panel by panel, or added to the stored gradient."""
    layer = k * LAYER_WORDS
    n_out, width = word(c, C.layers, layer + L.n_out), word(c, C.edges, e + E.width)
    source = word(c, C.edges, e + E.source)
    start = word(c, C.layers, layer + L.weights) + word(c, C.edges, e + E.row) * n_out
    x, d = (
        array_at(c, C.buffers, source * N_BUFFERS + B.H, like),
        array_at(c, C.buffers, k * N_BUFFERS + B.D, like),
    )
    listed = source == INPUT and at(c, C.lists) != 0
    value, index = array(c, C.value, like), array(c, C.index, I32)
    if at(c, C.stored) != 0:
        g = shift(array(c, C.gradient, like), start)
        if at(c, C.lanes) > 0:
            call(c, C.gradient_lanes, x, width, d, n_out, g, at(c, C.lanes))
        elif listed:
            _add_listed(c, first, n, d, n_out, np.float64(1.0), g, value, index)
        else:
            call(c, C.multiply, x, 1, width, d, n_out, g, n_out, g, n_out, width, n_out, n)
        return 0.0
    if listed and _may_skip(c, k):
        rate = number(c, C.run, R.learning_rate)
        _add_listed(c, first, n, d, n_out, -rate, shift(array(c, C.params, like), start), value, index)
        return 0.0
    zeros, panel = array(c, C.zeros, like), array(c, C.panel, like)
    l1, l2 = number(c, C.layers, layer + L.l1), number(c, C.layers, layer + L.l2)
    step = max(4, PANEL // n_out & ~3)
    total = 0.0
    for i in range(0, width, step):
        rows = min(step, width - i)
        call(c, C.multiply, shift(x, i), 1, width, d, n_out, zeros, 0, panel, n_out, rows, n_out, n)
        total += step_rows(c, like, panel, start + i * n_out, rows * n_out, l1, l2, scale)
    return total


@kernel
def _bias_step(c, like, k, n):
    layer = k * LAYER_WORDS
    n_out, bias = word(c, C.layers, layer + L.n_out), word(c, C.layers, layer + L.bias)
    d = array_at(c, C.buffers, k * N_BUFFERS + B.D, like)
    lanes, stored = at(c, C.lanes), at(c, C.stored) != 0
    g = array(c, C.panel, like)
    if stored:
        g = shift(array(c, C.gradient, like), bias)
    else:
        for o in range(n_out):
            put(g, o, 0.0)
    if lanes > 0:
        for o in range(n_out):
            put(g, o, at(g, o) + vsum(vload(d, o * lanes)))
    else:
        for s in range(n):
            call(c, C.add_row, shift(d, s * n_out), 1.0, g, n_out)
    if not stored:
        step_rows(c, like, g, bias, n_out, 0.0, 0.0, 0.0)


@kernel
def _through_activation(c, like, k, n):
    """From the gradient by layer k's outputs to that by its logits, in place."""
    layer, lanes = k * LAYER_WORDS, at(c, C.lanes)
    n_out, activation = word(c, C.layers, layer + L.n_out), word(c, C.layers, layer + L.activation)
    z, a, d = (
        array_at(c, C.buffers, k * N_BUFFERS + B.Z, like),
        array_at(c, C.buffers, k * N_BUFFERS + B.A, like),
        array_at(c, C.buffers, k * N_BUFFERS + B.D, like),
    )
    numbers = n_out * (lanes if lanes > 0 else n)
    if number(c, C.layers, layer + L.dropout) > 0.0:
        m = array_at(c, C.buffers, k * N_BUFFERS + B.M, like)
        for i in range(numbers):
            put(d, i, at(d, i) * at(m, i))
    if activation == SOFTMAX:
        call(c, C.softmax_gradient, a, d, n, n_out, n_out if lanes == 0 else 1, 1 if lanes == 0 else lanes)
    else:
        call(c, C.activation_gradient, activation, number(c, C.layers, layer + L.slope), z, a, d, numbers)


@leaf("wriid->d")
def backward(c, like, first, n, scale):
    """From the output layer's D back to all gradients; returns the penalty of layers that have stepped."""
    lanes, n_layers = at(c, C.lanes), at(c, C.n_layers)
    total = 0.0
    for k in range(n_layers - 1, -1, -1):
        layer = k * LAYER_WORDS
        n_out = word(c, C.layers, layer + L.n_out)
        d, w = (
            array_at(c, C.buffers, k * N_BUFFERS + B.D, like),
            shift(array(c, C.params, like), word(c, C.layers, layer + L.weights)),
        )
        if k < n_layers - 1:
            _through_activation(c, like, k, n)
        first_edge, n_edges = word(c, C.layers, layer + L.first_edge), word(c, C.layers, layer + L.n_edges)
        for j in range(first_edge + n_edges - 1, first_edge - 1, -1):
            e = j * EDGE_WORDS
            source, width = word(c, C.edges, e + E.source), word(c, C.edges, e + E.width)
            if source == INPUT:
                continue
            d_source, rows = (
                array_at(c, C.buffers, source * N_BUFFERS + B.D, like),
                shift(w, word(c, C.edges, e + E.row) * n_out),
            )
            keep = 1 - word(c, C.edges, e + E.is_first)
            if lanes > 0:
                call(c, C.back_lanes, d, n_out, rows, width, d_source, keep, lanes)
            else:
                call(c, C.multiply_nt, d, n_out, rows, n_out, d_source, width, n, width, n_out, keep)
        if word(c, C.layers, layer + L.frozen) != 0 and word(c, C.run, R.optimizer) != GRADIENT:
            continue  # its gradient is needed by nobody
        for j in range(first_edge, first_edge + n_edges):
            total += _weights_step(c, like, k, j * EDGE_WORDS, first, n, scale)
        if word(c, C.layers, layer + L.bias) >= 0:
            _bias_step(c, like, k, n)
        max_norm = number(c, C.layers, layer + L.max_norm)
        if max_norm > 0.0 and at(c, C.stored) == 0:
            call(c, C.cap_norms, w, word(c, C.layers, layer + L.n_in), n_out, max_norm)
    return total
