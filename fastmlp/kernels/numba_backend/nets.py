"""Small nets online: one alone, or several side by side, each with weights and an order of its own.

What is written here for one number is, in vectors, the same for one number of each net. So a net's result
does not depend on whether others learn beside it: sums have the same order, of terms that are rounded alike.
Rows are not listed by their non-zeros, which differ from net to net.

W, s0 and s1 are parameters and the optimizer's state, k its constants, X the sample: numbers, or vectors.
"""

from ..records import INPUT
from .backward import penalties
from .build import call, fused
from .lanes import MASKS, VEC_BYTES, flat, like, load_part, real, size_of, store_part, whole, width_of
from .optimizer import FIRST, KEEP, RATE, SGD, advance

PENALTY, SQUARES = FIRST + 1, FIRST + 2  # behind the constants of a step: of a layer's penalties


@fused
def _row_product(x, w, z, width, n):
    """z (n,) += x (width,) w (width, n), two vectors of sums at a time."""
    lanes = VEC_BYTES // size_of(z)
    for j in range(0, n, 2 * lanes):
        here, there = n - j, n - j - lanes
        a, b, v = load_part(z + j, here), load_part(z + (j + lanes), there), w + j
        for i in range(width):
            y = real(x[i], a)
            a += y * load_part(v, here)
            b += y * load_part(v + lanes, there)
            v = v + n
        store_part(z + j, a, here)
        store_part(z + (j + lanes), b, there)


@fused
def _row_outer(x, d, begin, ld, w, width, n):
    """w (width, n) = begin + x (width, 1) d (1, n); rows of `begin` are ld apart."""
    lanes = VEC_BYTES // size_of(w)
    for j in range(0, n, lanes):
        here, row, old = n - j, w + j, begin + j
        a = load_part(d + j, here)
        for i in range(width):
            store_part(row, load_part(old, here) + real(x[i], a) * a, here)
            row, old = row + n, old + ld


@fused
def _product(c, x, w, z, width, n_out):
    """z (n_out,) += x (width,) w (width, n_out)"""
    if width_of(z) == 1:
        if MASKS:
            _row_product(flat(x), flat(w), flat(z), width, n_out)
        else:
            call(c.multiply, flat(x), 0, 1, flat(w), n_out, flat(z), 0, flat(z), n_out, 1, n_out, width)
        return
    for o in range(n_out):
        t, v = z[o], w + o
        for i in range(width):
            t += x[i] * v[0]
            v = v + n_out
        z[o] = t


@fused
def _outer(c, x, d, begin, ld, w, width, n_out):
    """w (width, n_out) = begin + x (width, 1) d (1, n_out); rows of `begin` are ld apart."""
    if width_of(w) == 1:
        if MASKS:
            _row_outer(flat(x), flat(d), flat(begin), ld, flat(w), width, n_out)
        else:
            call(c.multiply, flat(x), 1, 1, flat(d), n_out, flat(begin), ld, flat(w), n_out, width, n_out, 1)
        return
    for i in range(width):
        a = x[i]
        for o in range(n_out):
            w[o] = begin[o] + a * d[o]
        w, begin = w + n_out, begin + ld


@fused
def forward_nets(c, buffers, W, X):
    """A sample of each net up to the output's logits."""
    for k in range(c.n_layers):
        layer, buffer = c.layers[k], buffers[k]
        n_out, z = layer.n_out, buffer.z
        for o in range(n_out):
            z[o] = W[layer.bias + o] if layer.bias >= 0 else real(0, z)
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge, source = c.edges[e], X
            if edge.source != INPUT:
                source = buffers[edge.source].a
            _product(c, source, W + (layer.weights + edge.row * n_out), z, edge.width, n_out)
        if k == c.n_layers - 1:
            break
        numbers = whole(n_out * width_of(z), flat(z))
        call(c.activate, layer.activation, layer.slope, flat(z), flat(buffer.a), numbers)


@fused
def backward_nets(c, buffers, W, s0, s1, g, k, X):
    """From the output's D back through all layers, each of which then moves; g : scratch memory."""
    for n in range(c.n_layers - 1, -1, -1):
        layer, buffer = c.layers[n], buffers[n]
        n_out, d = layer.n_out, buffer.d
        if n < c.n_layers - 1:
            numbers, z, a = whole(n_out * width_of(d), flat(d)), flat(buffer.z), flat(buffer.a)
            call(c.activation_gradient, layer.activation, layer.slope, z, a, flat(d), numbers)
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = c.edges[e]
            if edge.source != INPUT:
                w, back = W + (layer.weights + edge.row * n_out), buffers[edge.source].d
                for i in range(edge.width):
                    t = real(0, d) if edge.is_first != 0 else back[i]
                    for o in range(n_out):
                        t += w[o] * d[o]
                    back[i] = t
                    w = w + n_out
        if layer.frozen == 0:
            _move(c, n, d, buffers, W, s0, s1, g, k, X)


@fused
def _move(c, n, d, buffers, W, s0, s1, g, k, X):
    """The step of layer n's parameters; d : the gradient by its logits, overwritten."""
    layer, code = c.layers[n], c.run.optimizer
    n_out, start = layer.n_out, layer.weights
    count, direct = layer.n_in * n_out, code == SGD and layer.l2 == layer.mean_l2 == 0.0
    w = W + start
    if direct:
        if c.decays != 0:
            for i in range(count + (n_out if layer.bias >= 0 else 0)):
                w[i] = w[i] * k[KEEP]
        for o in range(n_out):
            d[o] = d[o] * -k[RATE]
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge, source = c.edges[e], X
        if edge.source != INPUT:
            source = buffers[edge.source].a
        at = edge.row * n_out
        if direct:
            _outer(c, source, d, w + at, n_out, w + at, edge.width, n_out)
        else:
            _outer(c, source, d, like(c.zeros, W), 0, g + at, edge.width, n_out)
    if layer.l2 != 0.0 or layer.mean_l2 != 0.0:
        _add_penalty(c, layer, k, w, g)
    if layer.bias >= 0:
        w = W + layer.bias
        for o in range(n_out):
            if direct:
                w[o] += d[o]
            else:
                g[count + o] = d[o]
        count += n_out
    if not direct:
        advance(code, k, W + start, g, s0 + start, s1 + start, count)


@fused
def _add_penalty(c, layer, k, w, g):
    """g += l2 scale w, where each net has a scale of its own; 1/2 l2 w^2 is added to its penalty."""
    n_out, lanes = layer.n_out, width_of(w)
    for lane in range(lanes):
        _, l2 = penalties(layer, c.scales[lane])
        flat(k)[PENALTY * lanes + lane] = l2 * c.scales[lane]
    squares = real(0, w)
    for _ in range(layer.n_in):
        row = real(0, w)
        for o in range(n_out):
            g[o] = g[o] + k[PENALTY] * w[o]
            row += w[o] * w[o]
        squares += row
        w, g = w + n_out, g + n_out
    k[SQUARES] = squares
    for lane in range(lanes):
        _, l2 = penalties(layer, c.scales[lane])
        c.penalties[lane] += 0.5 * l2 * flat(k)[SQUARES * lanes + lane]
