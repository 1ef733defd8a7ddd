"""From the gradient by the output's logits back to all gradients, and the optimizer's step.

A layer's gradient is computed by panels of weight rows that stay in the first-level cache until the optimizer
has used them, unless the step needs the whole gradient first (`stored`).
"""

from ..records import INPUT
from .build import BATCH, call, inline, kernel, leaf
from .lanes import whole
from .memory import address
from .optimizer import GRADIENT, pull_of


@inline
def penalties(layer, scale):
    """A layer's l1 and l2 beside the sum of a batch's losses, which is multiplied by `scale`."""
    whole = 1.0 / scale if scale > 0.0 else 0.0
    return layer.l1 + layer.mean_l1 * whole, layer.l2 + layer.mean_l2 * whole


@kernel
def step_rows(c, g, start, count, l1, l2, scale):
    """The optimizer's step on `count` parameters from `start` on, whose gradient is g.

    Where the gradient is stored, only penalties and clipping by value are done. Returns the penalty.
    """
    total, clip, w = 0.0, c.run.clip_value, c.params + start
    if l1 != 0.0 or l2 != 0.0 or clip > 0.0:
        total = call(c.add_penalty, w, g, count, l1, l2, scale, clip)
    if c.stored == 0:
        s0 = c.state + start
        s1, s2 = s0 + c.n_params, s0 + 2 * c.n_params
        call(c.update, c.run.optimizer, c.constants, w, g, s0, s1, s2, count)
    return total


@kernel
def _add_listed(c, cut, n, d, n_out, factor, w):
    """w[i, :] += factor x[s, i] d[s, :] for the non-zeros x[s, i] of a cut of each sample's list."""
    for s in range(n):
        bounds = c.bounds + (s * (c.n_cuts + 1) + cut)
        place = s * c.longest + bounds[0]
        count = bounds[1] - bounds[0]
        call(c.add_products, c.value + place, c.index + place, count, factor, d + s * n_out, w, n_out)


@kernel
def _bias_step(c, k, n):
    """The gradient of layer k's bias over n samples, and its use."""
    layer, d = c.layers[k], c.buffers[k].d
    n_out = layer.n_out
    g = c.panel
    if c.stored != 0:
        g = c.gradient + layer.bias
    else:
        for o in range(n_out):
            g[o] = 0.0
    for _ in range(n):
        for o in range(n_out):
            g[o] += d[o]
        d = d + n_out
    if c.stored == 0:
        step_rows(c, g, layer.bias, n_out, 0.0, 0.0, 0.0)


@kernel
def block_step(c, k, e, i, rows, n, scale):
    """Gradient of a block of weights over n samples: rows i.. of an edge, or the bias, behind all edges.

    And its use: the optimizer's step; or it is added to the stored gradient. Returns the penalty.
    """
    layer, d = c.layers[k], c.buffers[k].d
    if e == layer.first_edge + layer.n_edges:
        _bias_step(c, k, n)
        return 0.0
    edge, n_out = c.edges[e], layer.n_out
    start = layer.weights + (edge.row + i) * n_out
    listed, x = edge.source == INPUT and c.lists != 0, c.buffers[edge.source].h
    if listed and (c.stored != 0 or c.direct != 0):
        factor, w = 1.0, c.gradient
        if c.stored == 0:
            factor, w = -c.run.learning_rate, c.params
        _add_listed(c, i // c.cut, n, d, n_out, factor, w + (start - i * n_out))
        return 0.0
    if listed and c.coasts != 0:
        velocity, weight = pull_of(c.run)
        call(c.coast, c.run.optimizer, c.constants, c.params + start, c.state + start, rows * n_out)
        _add_listed(c, i // c.cut, n, d, n_out, velocity, c.state + (start - i * n_out))
        _add_listed(c, i // c.cut, n, d, n_out, weight, c.params + (start - i * n_out))
        return 0.0
    if c.stored != 0:
        g = c.gradient + start
        call(c.multiply, x + i, 1, edge.width, d, n_out, g, n_out, g, n_out, rows, n_out, n)
        return 0.0
    if listed:
        g = c.panel
        for j in range(rows * n_out):
            g[j] = 0.0
        _add_listed(c, i // c.cut, n, d, n_out, 1.0, c.panel + -i * n_out)
    else:
        call(c.multiply, x + i, 1, edge.width, d, n_out, c.zeros, 0, c.panel, n_out, rows, n_out, n)
    l1, l2 = penalties(layer, scale)
    return step_rows(c, c.panel, start, rows * n_out, l1, l2, scale)


@kernel
def _through_activation(c, k, n):
    """From the gradient by layer k's outputs to that by its logits, in place."""
    layer, buffer = c.layers[k], c.buffers[k]
    d, m, numbers = buffer.d, buffer.m, n * layer.n_out
    if layer.dropout > 0.0:
        for i in range(numbers):
            d[i] *= m[i]
    call(c.activation_gradient, layer.activation, layer.slope, buffer.z, buffer.a, d, whole(numbers, d))


@leaf("ci->i", of=(BATCH,))
def backward(c, n):
    """From the output layer's D back to that of all layers."""
    for k in range(c.n_layers - 1, -1, -1):
        layer, d = c.layers[k], c.buffers[k].d
        n_out, first_edge, stop = layer.n_out, layer.first_edge, layer.first_edge + layer.n_edges
        if k < c.n_layers - 1:
            _through_activation(c, k, n)
        for e in range(stop - 1, first_edge - 1, -1):
            edge = c.edges[e]
            if edge.source != INPUT:
                w = c.params + (layer.weights + edge.row * n_out)
                back = c.buffers[edge.source].d
                call(c.multiply_transposed, c, d, w, back, n, edge.width, n_out, 1 - edge.is_first)
    return 0


@kernel
def cap_all_norms(c):
    """Cut the weights that have moved down to their layers' limits."""
    for k in range(c.n_layers):
        layer = c.layers[k]
        if layer.max_norm > 0.0:
            call(c.cap_norms, c.params + layer.weights, layer.n_in, layer.n_out, layer.max_norm)


@kernel
def _step_stored(c, start, count):
    """The optimizer's step on `count` parameters from `start` on, from the stored gradient."""
    s0 = c.state + start
    s1, s2 = s0 + c.n_params, s0 + 2 * c.n_params
    call(c.update, c.run.optimizer, c.constants, c.params + start, c.gradient + start, s0, s1, s2, count)


@kernel
def finish_stored(c, scale):
    """Penalties, clipping and the step, where the whole gradient comes first; returns the penalty."""
    g, run, total = c.gradient, c.run, 0.0
    for k in range(c.n_layers):
        layer = c.layers[k]
        start, count = layer.weights, layer.n_in * layer.n_out
        l1, l2 = penalties(layer, scale)
        total += step_rows(c, g + start, start, count, l1, l2, scale)
        if layer.bias >= 0:
            step_rows(c, g + layer.bias, layer.bias, layer.n_out, 0.0, 0.0, 0.0)
    if run.clip_norm > 0.0:
        length = call(c.norm, g, c.n_params)
        if length > run.clip_norm:
            for i in range(c.n_params):
                g[i] *= run.clip_norm / length
    if run.optimizer == GRADIENT:
        return total
    start = c.layers[0].weights  # of what has not moved yet; frozen layers lie between those that do
    for k in range(c.n_layers):
        layer = c.layers[k]
        if layer.frozen != 0:
            _step_stored(c, start, layer.weights - start)
            start = layer.weights + layer.n_in * layer.n_out + (layer.n_out if layer.bias >= 0 else 0)
    _step_stored(c, start, c.n_params - start)
    cap_all_norms(c)
    return total


@kernel
def divisor_of(c, first, n):
    """What the losses of a batch are divided by."""
    run = c.run
    if run.average == 0:
        return 1.0
    if run.mean_weight > 0.0:
        return n * run.mean_weight
    if address(c.weight) == 0:
        return float(n)
    total = 0.0
    for s in range(first, first + n):
        total += c.weight[c.order[s]]
    return total
