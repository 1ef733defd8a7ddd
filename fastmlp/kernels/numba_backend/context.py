"""The record of a call, from which kernels reach all else, and the layout of the workspace."""

import ctypes

from numba import types

from ..plan import EDGE, LAYER, RUN, Activation
from ..records import INPUT
from .build import (
    ALONE,
    BATCH,
    NETS,
    REACHED,
    REGISTERS,
    SAMPLES,
    TYPES,
    Leaf,
    call,
    inline,
    kernel,
    leaf,
    numba_type,
)  # fmt: skip
from .lanes import VEC_BYTES, Lanes, size_of
from .memory import I64, Records, address, pointer, records
from .optimizer import GRADIENT, MOMENTUM, NESTEROV, SGD

CHUNK = 256  # samples in the workspace at once; larger batches add their gradients up
CHUNK_ELEMENTS = 1 << 20  # of gathered input at most
CUTS = 8  # of listed input at least, where it is as wide: blocks of weights that threads share out
PANEL = 8192  # numbers of a gradient that are computed and used up at a time
SMALL = 1024  # parameters, up to which one step over all of them beats one for each layer
KEEPS_LOGITS = tuple(
    int(a)
    for a in (Activation.LEAKY_RELU, Activation.ELU, Activation.SELU, Activation.SOFTPLUS, Activation.GELU,
              Activation.SILU)
)  # fmt: skip

# The fields of a call, by the letters of their types (`TYPES`).
KINDS = (
    # what the caller gives
    ("R", "run"), ("L", "layers"), ("E", "edges"),
    ("i", "manner n_layers n_params n_states n_rates n_features training batch next_uint32 bit_state"),
    # ... among it: whether rows are looked at, and listed by their non-zeros; whether samples side by side
    # have half the squared error for their loss
    ("i", "looks lists in_squares"),
    ("p", "params state gradient backup y"), ("w", "labels order"), ("f", "weight rates losses"),
    ("i", "kind data row_stride col_stride indices index_bytes longest"), ("w", "indptr"), ("d", "scale"),
    # what `layout` finds: samples at once; whether the gradient is stored whole, whether it is subtracted
    # from the weights as it comes, and whether weights first move as if there were none (`coast`); and the
    # parts of the workspace
    ("i", "chunk stored direct coasts"), ("B", "buffers"),
    ("p", "x mask value zeros panel constants"), ("x", "index"), ("w", "counts"),
    # of mini-batches: where threads meet (see `sharing.py`), a batch's sums, and the results of tasks; the
    # records of stretches of samples; rows of weights in a block of listed input, and where in each list such
    # a cut begins
    ("w", "control bounds"), ("f", "sums results"),
    ("i", "n_words n_threads views stretch n_blocks cut n_cuts"),
    # of nets online: which learn, whether a weight decays, each one's loss, 1 / what it is divided by, and
    # penalty; of samples side by side: whether they lie there yet; and what is held in vectors
    ("w", "alive"), ("i", "decays gathered"), ("f", "values scales penalties"),
    ("W", "wide"), ("v", "inputs targets weights products copies step"),
)  # fmt: skip
FIELDS = tuple((name, letter) for letter, names in KINDS for name in names.split())


def call_structure():
    """What Python fills in; once every leaf is known."""
    words = [(name, ctypes.c_double if letter == "d" else ctypes.c_int64) for name, letter in FIELDS]
    return type(
        "Call", (ctypes.Structure,), {"_fields_": words + [(name, ctypes.c_int64) for name in REACHED]}
    )


def _call_type(real):
    fields = [(name, numba_type(letter, real)) for name, letter in FIELDS]
    return Records(f"Call({real})", (*fields, *((name, Leaf(name, real)) for name in REACHED)))


def _buffers_type(real):
    """Of each layer: outputs, outputs after dropout, logits, gradient by the logits, dropout factors."""
    return Records(f"Buffers({real})", tuple((name, types.CPointer(real)) for name in "ahzdm"))


TYPES |= {
    "R": (records("Run", RUN), ctypes.c_void_p),
    "L": (records("Layers", LAYER), ctypes.c_void_p),
    "E": (records("Edges", EDGE), ctypes.c_void_p),
    "B": (_buffers_type, ctypes.c_void_p),
    "v": (lambda real: types.CPointer(Lanes(real)), ctypes.c_void_p),
    "W": (lambda real: _buffers_type(Lanes(real)), ctypes.c_void_p),
    "c": (_call_type, ctypes.c_void_p),
}
BUFFER_BYTES = 5 * 8
TICKET, REMAINING, STOP = 0, 8, 16  # places in `control`, in lines of cache of their own, and those that
FIRST, N_SAMPLES, BATCH_SIZE, LEFT, STATUS, MIDST = range(24, 30)  # change with the phase
CONTROL_BYTES = 256
SCALE, FACTOR, TOTAL, PENALTY = range(4)  # places in `sums`


@kernel
def _layout_layers(c, buffers, here, number, base):
    """The buffers of all layers, whose numbers take `number` bytes, from `here` on; returns their end."""
    training = c.training != 0
    for k in range(c.n_layers):
        layer, buffer = c.layers[k], buffers[k]
        n_bytes = layer.n_out * number + 63 & ~63
        a = here
        here += n_bytes
        z = a
        if k == c.n_layers - 1 or (training and layer.activation in KEEPS_LOGITS):
            z = here
            here += n_bytes
        h, d, m = a, 0, 0
        if training:
            d = here
            here += n_bytes
            if layer.dropout > 0.0:
                h, m = here, here + n_bytes
                here += 2 * n_bytes
        if base != 0:
            buffer.a, buffer.h, buffer.z, buffer.d, buffer.m = a, h, z, d, m
    return here


@kernel
def _layout_lanes(c, here, base):
    """What is held in vectors, from `here` on; returns its end."""
    if c.manner == REGISTERS:  # see registers.py
        c.inputs, c.targets, c.weights = here, here + 3 * VEC_BYTES, here + 4 * VEC_BYTES
        c.products, c.copies = here + 7 * VEC_BYTES, here + 13 * VEC_BYTES
        return here + 19 * VEC_BYTES
    vectors = 1
    if c.manner == SAMPLES:
        vectors = (c.batch * size_of(c.params) + VEC_BYTES - 1) // VEC_BYTES
    c.wide = here
    here = _layout_layers(c, c.wide, here + (c.n_layers * BUFFER_BYTES + 63 & ~63), VEC_BYTES, base)
    c.inputs = here
    here += vectors * c.n_features * VEC_BYTES
    c.targets = here
    here += vectors * c.layers[c.n_layers - 1].n_out * VEC_BYTES
    c.weights = here
    here += vectors * VEC_BYTES
    c.products = here
    here += c.n_params * VEC_BYTES
    if c.manner == NETS:
        c.copies = here
        here += c.n_params * (1 + c.n_states) * VEC_BYTES
        c.step = here
        here += 16 * VEC_BYTES
    return here + 63 & ~63


@inline
def n_rows_of(c, k, e):
    """Rows of a block of an edge's weights, which a thread takes as a task."""
    if c.edges[e].source == INPUT and c.lists != 0:
        return c.cut
    return max(4, PANEL // c.layers[k].n_out & ~3)


@kernel
def _cut_batches(c):
    """How batches are cut into tasks."""
    c.cut, hidden, c.n_blocks = c.n_features, 0, 0
    for k in range(c.n_layers):
        layer = c.layers[k]
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            if c.edges[e].source == INPUT:
                c.cut = min(
                    c.cut, max(4, PANEL // layer.n_out & ~3), max(16, c.n_features // CUTS + 63 & ~63)
                )
            else:
                hidden += c.edges[e].width * layer.n_out
    c.n_cuts = (c.n_features + c.cut - 1) // c.cut
    for k in range(c.n_layers):
        layer = c.layers[k]
        if layer.frozen == 0 or c.run.optimizer == GRADIENT:
            c.n_blocks += 1 if layer.bias >= 0 else 0
            for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
                rows = n_rows_of(c, k, e)
                c.n_blocks += (c.edges[e].width + rows - 1) // rows
    # A stretch of samples turns the hidden layers' weights for itself, so it is short where these are few;
    # and it takes whole vectors, as loops over activations do.
    c.stretch = c.chunk
    if hidden <= PANEL:
        c.stretch = max(16, min(32 if c.lists != 0 else 64, (c.chunk + 1) // 2 + 15 & ~15))


@leaf("ccii->i", of=(BATCH,))
def begin_view(view, c, first, buffers):
    """Make `view` the record of a stretch of samples, from row `first` of the workspace's on."""
    source, out = pointer(address(c), I64), pointer(address(view), I64)
    for i in range(c.n_words):
        out[i] = source[i]
    view.buffers = buffers + BUFFER_BYTES
    for k in range(c.n_layers):
        whole, part, at = c.buffers[k], view.buffers[k], first * c.layers[k].n_out
        part.a, part.h, part.z, part.d, part.m = (
            whole.a + at,
            whole.h + at,
            whole.z + at,
            whole.d + at,
            whole.m + at,
        )
    if c.lists != 0:
        place = first * c.longest
        view.value, view.index, view.counts = c.value + place, c.index + place, c.counts + first
        view.bounds = c.bounds + first * (c.n_cuts + 1)
    else:
        view.x = c.x + first * c.n_features
        view.buffers[INPUT].h = view.x
    return 0


@leaf("cciii->i", of=(BATCH,))
def begin_helper(helper, c, panel, mask, unused):
    """Make `helper` the record of another thread, which has a panel and a mask of its own."""
    source, out = pointer(address(c), I64), pointer(address(helper), I64)
    for i in range(c.n_words):
        out[i] = source[i]
    helper.panel, helper.mask = panel, mask
    return 0


@kernel
def _layout_shares(c, here, base, widest):
    """What threads need to share batches, from `here` on, but for `control`; returns its end."""
    size, record = size_of(c.params), c.n_words * 8
    n_stretches = (c.chunk + c.stretch - 1) // c.stretch
    n_buffers, n_panel = (c.n_layers + 1) * BUFFER_BYTES, max(PANEL, 4 * widest) * size + 63 & ~63
    n_mask = c.n_features * size + 63 & ~63
    c.sums, c.results = here, here + 64
    here += 64 + (max(n_stretches, c.n_blocks) * 8 + 63 & ~63)
    if c.lists != 0:
        c.bounds = here
        here += c.chunk * (c.n_cuts + 1) * 8 + 63 & ~63
    c.views = here
    views_end = here + n_stretches * record
    here = views_end
    for i in range(n_stretches):
        if base != 0:
            call(c.begin_view, c.views + i * record, c, i * c.stretch, here)
        here += n_buffers
    here = here + 63 & ~63
    for t in range(1, c.n_threads):
        if base != 0:
            call(c.begin_helper, base + CONTROL_BYTES + (t - 1) * record, c, here, here + n_panel, 0)
        here += n_panel + n_mask
    return here


@kernel
def _choose(c):
    """How a job is carried out: samples in the workspace at once; what becomes of the gradient."""
    size, run, batch = size_of(c.params), c.run, c.batch
    width = c.longest if c.lists != 0 else c.n_features
    c.chunk = max(1, min(batch, CHUNK, CHUNK_ELEMENTS // max(1, width)))
    c.direct, c.stored, c.coasts = 0, 0, 0
    if c.manner != BATCH:
        c.chunk = VEC_BYTES // size if c.manner == SAMPLES else 1
    if c.training == 0:
        return
    plain = run.clip_value <= 0.0  # whether steps take gradients as they are
    direct = run.optimizer == SGD and run.weight_decay == 0.0
    if c.manner == BATCH and batch > 1:  # single precision would round away small shares of a step
        direct = direct and size == 8
    for k in range(c.n_layers):
        layer = c.layers[k]
        plain = plain and layer.l1 == layer.l2 == layer.mean_l1 == layer.mean_l2 == 0.0
        direct = direct and (c.manner == BATCH or layer.frozen == 0)
    c.direct = plain and direct and (c.lists != 0 or c.manner == SAMPLES)
    if c.manner == BATCH:
        asked = address(c.gradient) != 0 or run.clip_norm > 0.0
        c.stored = batch > c.chunk or asked or (c.direct == 0 and c.n_params <= SMALL)
        c.coasts = plain and batch == 1 and c.stored == 0 and MOMENTUM <= run.optimizer <= NESTEROV
    else:
        c.stored = c.manner == SAMPLES


@kernel
def _layout_input(c, here, base):
    """The rows of a chunk, or lists of them, from `here` on; returns their end."""
    size, width = size_of(c.params), c.longest if c.lists != 0 else c.n_features
    n_bytes = c.chunk * width * size + 63 & ~63
    if c.lists != 0:
        c.value, c.index = here, here + n_bytes
        here += n_bytes + (c.chunk * width * 4 + 63 & ~63)
        c.counts = here
        return here + (c.chunk * 8 + 63 & ~63)
    c.x, c.mask = here, here + n_bytes
    if base != 0:
        c.buffers[INPUT].h = here
    return here + n_bytes + ((width * size if c.training != 0 else 0) + 63 & ~63)


@kernel
def _layout_step(c, here, base, widest):
    """What an optimizer's step takes, from `here` on; returns its end."""
    size = size_of(c.params)
    c.panel = here
    here += max(PANEL, 4 * widest) * size + 63 & ~63
    c.constants = here
    here += 128
    if c.stored != 0 and address(c.gradient) == 0:
        if base != 0:
            c.gradient = here
        here += c.n_params * size + 63 & ~63
    if c.manner == ALONE or c.manner == NETS:
        c.values, c.scales, c.penalties = here, here + 128, here + 256
        here += 384
    if c.manner == ALONE:
        c.alive = here
        here += 64
    return here


@leaf("ci->i")
def layout(c, base):
    """Share the workspace at `base` out; return its size. With base 0: only the size.

    The buffers before those of layer 0 are INPUT's, the gathered rows.
    """
    _choose(c)
    size, here, shares = size_of(c.params), base, c.training != 0 and c.manner == BATCH
    widest = c.layers[0].n_out
    for k in range(1, c.n_layers):
        widest = max(widest, c.layers[k].n_out)
    if shares:
        c.control, c.n_threads = base, c.run.n_threads
        here += CONTROL_BYTES + ((c.n_threads - 1) * c.n_words * 8 + 63 & ~63)
        _cut_batches(c)
    c.buffers = here + BUFFER_BYTES
    here += (c.n_layers + 1) * BUFFER_BYTES + 63 & ~63
    here = _layout_layers(c, c.buffers, here, c.chunk * size, base)
    here = _layout_input(c, here, base)
    c.zeros, n_zeros = here, widest * (VEC_BYTES // size if c.manner == NETS else 1)
    here += n_zeros * size + 63 & ~63
    if c.training != 0:
        here = _layout_step(c, here, base, widest)
    if shares:
        here = _layout_shares(c, here, base, widest)
    if c.manner == NETS or c.manner >= SAMPLES:
        here = _layout_lanes(c, here, base)
    if base != 0:
        for i in range(n_zeros):
            c.zeros[i] = 0.0
    return here - base
