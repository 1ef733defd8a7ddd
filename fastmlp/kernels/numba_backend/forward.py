"""A batch through the network, with samples in rows or, for tiny networks, in lanes."""

from .activation import IDENTITY, SOFTMAX
from .build import kernel, leaf
from .context import EDGE_WORDS, I32, INPUT, LAYER_WORDS, N_BUFFERS, B, C, E, L, R
from .memory import array, array_at, at, call, call_word, number, put, set_word, shift, word
from .vectors import fill, vload, vstore


@leaf("pipipi->d")
def affine_lanes(x, width, w, n_out, z, lanes):
    """z[o] += sum_i w[i, o] x[i], one vector of samples at a time."""
    for o in range(n_out):
        total = vload(z, o * lanes)
        for i in range(width):
            total = total + fill(at(w, i * n_out + o), z) * vload(x, i * lanes)
        vstore(z, o * lanes, total)
    return 0.0


@kernel
def _affine_listed(c, first, n, w, n_out, init, ld_init, z, value, index):
    """Rows of z = init + x W for rows x that are listed by their non-zeros."""
    step = at(c, C.longest) if at(c, C.kept) != 0 else 0
    for s in range(n):
        row = word(c, C.order, first + s) if at(c, C.training) != 0 else first + s
        count = call_word(c, C.list_row, c, s, row, first + s, value, index)
        if step > 0:
            set_word(c, C.counts, s, count)
        call(
            c,
            C.multiply_list,
            value,
            index,
            count,
            w,
            n_out,
            shift(init, s * ld_init),
            shift(z, s * n_out),
            n_out,
        )
        value, index = shift(value, step), shift(index, step)


@kernel
def _apply_dropout(c, like, k, first, n, n_out, rate):
    """H = A M"""
    lanes = at(c, C.lanes)
    seed, epoch = word(c, C.run, R.seed), word(c, C.run, R.epoch)
    a, h, m = (
        array_at(c, C.buffers, k * N_BUFFERS + B.A, like),
        array_at(c, C.buffers, k * N_BUFFERS + B.H, like),
        array_at(c, C.buffers, k * N_BUFFERS + B.M, like),
    )
    for s in range(n):
        if lanes > 0:
            call(c, C.fill_factors, seed, epoch, k, first + s, rate, shift(m, s), lanes, n_out)
        else:
            call(c, C.fill_factors, seed, epoch, k, first + s, rate, shift(m, s * n_out), 1, n_out)
    if lanes > 0:
        for o in range(n_out):
            for s in range(lanes):
                put(h, o * lanes + s, at(a, o * lanes + s) * at(m, o * lanes + s) if s < n else 0.0)
    else:
        for i in range(n * n_out):
            put(h, i, at(a, i) * at(m, i))


@leaf("wriiii->d")
def forward(c, like, first, n, last, activate_last):
    """n samples, gathered, up to layer `last`, whose activation is applied where `activate_last` is 1."""
    lanes = at(c, C.lanes)
    lists, training = at(c, C.lists) != 0, at(c, C.training) != 0
    value, index = array(c, C.value, like), array(c, C.index, I32)
    for k in range(last + 1):
        layer = k * LAYER_WORDS
        n_out, bias = word(c, C.layers, layer + L.n_out), word(c, C.layers, layer + L.bias)
        z, a = (
            array_at(c, C.buffers, k * N_BUFFERS + B.Z, like),
            array_at(c, C.buffers, k * N_BUFFERS + B.A, like),
        )
        w = shift(array(c, C.params, like), word(c, C.layers, layer + L.weights))
        init = array(c, C.zeros, like)
        ld_init = 0
        if bias >= 0:
            init = shift(array(c, C.params, like), bias)
        if lanes > 0:
            for o in range(n_out):
                vstore(z, o * lanes, fill(at(init, o), z))
        e = word(c, C.layers, layer + L.first_edge) * EDGE_WORDS
        for _ in range(word(c, C.layers, layer + L.n_edges)):
            source, width = word(c, C.edges, e + E.source), word(c, C.edges, e + E.width)
            x, rows = (
                array_at(c, C.buffers, source * N_BUFFERS + B.H, like),
                shift(w, word(c, C.edges, e + E.row) * n_out),
            )
            if lanes > 0:
                call(c, C.affine_lanes, x, width, rows, n_out, z, lanes)
            elif source == INPUT and lists:
                _affine_listed(c, first, n, rows, n_out, init, ld_init, z, value, index)
            else:
                call(c, C.multiply, x, width, 1, rows, n_out, init, ld_init, z, n_out, n, n_out, width)
            init = z
            ld_init = n_out
            e += EDGE_WORDS
        if k == last and activate_last == 0:
            break
        activation = word(c, C.layers, layer + L.activation)
        if activation == SOFTMAX:
            call(c, C.softmax, z, a, n, n_out, n_out if lanes == 0 else 1, 1 if lanes == 0 else lanes)
        elif activation != IDENTITY or k == at(c, C.n_layers) - 1:
            slope = number(c, C.layers, layer + L.slope)
            call(c, C.activate, activation, slope, z, a, n_out * (lanes if lanes > 0 else n))
        rate = number(c, C.layers, layer + L.dropout)
        if rate > 0.0 and training:
            _apply_dropout(c, like, k, first, n, n_out, rate)
    return 0.0
