"""A batch through the network."""

from ..records import INPUT
from .activation import IDENTITY, SOFTMAX
from .build import BATCH, PREDICTION, call, kernel, leaf
from .lanes import whole


@kernel
def _affine_listed(c, n, w, n_out, begin, ld_begin, z):
    """Rows of z = begin + x W for rows x that are listed by their non-zeros."""
    for s in range(n):
        place = s * c.longest
        call(
            c.multiply_list,
            c.value + place,
            c.index + place,
            c.counts[s],
            w,
            begin + s * ld_begin,
            z + s * n_out,
            n_out,
            1 - c.training,
        )


@kernel
def _apply_dropout(c, k, first, n):
    """H = A M"""
    buffer, run, n_out, rate = c.buffers[k], c.run, c.layers[k].n_out, c.layers[k].dropout
    for s in range(n):
        call(c.fill_factors, run.seed, run.epoch, k, first + s, rate, buffer.m + s * n_out, n_out)
    a, h, m = buffer.a, buffer.h, buffer.m
    for i in range(n * n_out):
        h[i] = a[i] * m[i]


@leaf("ciiii->i", of=(BATCH, PREDICTION))
def forward(c, first, n, last, activate_last):
    """n samples, gathered, up to layer `last`, whose activation is applied where `activate_last` is 1."""
    for k in range(last + 1):
        layer, buffer = c.layers[k], c.buffers[k]
        n_out, z = layer.n_out, buffer.z
        begin = c.zeros
        if layer.bias >= 0:
            begin = c.params + layer.bias
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge, ld_begin = c.edges[e], n_out if e > layer.first_edge else 0
            w = c.params + (layer.weights + edge.row * n_out)
            if edge.source == INPUT and c.lists != 0:
                _affine_listed(c, n, w, n_out, begin, ld_begin, z)
            else:
                x, width = c.buffers[edge.source].h, edge.width
                call(c.multiply, x, width, 1, w, n_out, begin, ld_begin, z, n_out, n, n_out, width)
            begin = z
        if k == last and activate_last == 0:
            break
        if layer.activation == SOFTMAX:
            call(c.softmax, z, buffer.a, n, n_out)
        elif layer.activation != IDENTITY or k == c.n_layers - 1:
            call(c.activate, layer.activation, layer.slope, z, buffer.a, whole(n * n_out, z))
        if layer.dropout > 0.0 and c.training != 0:
            _apply_dropout(c, k, first, n)
    return 0
