"""The record of a call, from which kernels reach all else, and the layout of the workspace."""

import ctypes

from numba import types

from ..plan import EDGE, LAYER, RUN, Activation, Optimizer, Regime
from ..records import INPUT, RowKind
from .build import REACHED, TYPES, Leaf, leaf, numba_type
from .memory import Records, address, records, size_of

CHUNK = 256  # samples in the workspace at once; larger batches add their gradients up
CHUNK_ELEMENTS = 1 << 20  # of gathered input at most
PANEL = 8192  # numbers of a gradient that are computed and used up at a time
SMALL = 1024  # parameters, up to which one step over all of them beats one for each layer
SGD, ONLINE, CSR = int(Optimizer.SGD), int(Regime.ONLINE), int(RowKind.CSR_F32)  # CSR: and what comes behind
KEEPS_LOGITS = tuple(
    int(a)
    for a in (Activation.LEAKY_RELU, Activation.ELU, Activation.SELU, Activation.SOFTPLUS, Activation.GELU,
              Activation.SILU)
)  # fmt: skip

# The fields of a call, by the letters of their types (`TYPES`).
KINDS = (
    # what the caller gives
    ("R", "run"), ("L", "layers"), ("E", "edges"),
    ("i", "n_layers n_params n_states n_rates n_features training batch next_uint32 bit_state"),
    ("p", "params state gradient backup y"), ("w", "labels order"), ("f", "weight rates losses"),
    ("i", "kind data row_stride col_stride indices index_bytes longest"), ("w", "indptr"), ("d", "scale"),
    # what `layout` finds: samples at once; whether the gradient is stored whole, the input is listed by its
    # non-zeros, and these are subtracted from the weights as they come; and the parts of the workspace
    ("i", "chunk stored lists direct"), ("B", "buffers"),
    ("p", "x mask value zeros panel constants"), ("x", "index"), ("w", "counts"),
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
    return Records("Call", (*fields, *((name, Leaf(name, real)) for name in REACHED)))


def _buffers_type(real):
    """Of each layer: outputs, outputs after dropout, logits, gradient by the logits, dropout factors."""
    return Records("Buffers", tuple((name, types.CPointer(real)) for name in "ahzdm"))


TYPES |= {
    "R": (records("Run", RUN), ctypes.c_void_p),
    "L": (records("Layers", LAYER), ctypes.c_void_p),
    "E": (records("Edges", EDGE), ctypes.c_void_p),
    "B": (_buffers_type, ctypes.c_void_p),
    "c": (_call_type, ctypes.c_void_p),
}
BUFFER_BYTES = 5 * 8


@leaf("ci->i")
def layout(c, base):
    """Share the workspace at `base` out; return its size. With base 0: only the size.

    The buffers before those of layer 0 are INPUT's, the gathered rows.
    """
    size, training, batch, n_layers = size_of(c.params), c.training != 0, c.batch, c.n_layers
    lists, direct, clip_norm = c.kind >= CSR or (not training and batch == 1), False, False
    if training:
        run = c.run
        lists = lists or run.regime == ONLINE or run.sparse != 0
        direct = run.optimizer == SGD and run.weight_decay == 0.0 and run.clip_value <= 0.0
        clip_norm = run.clip_norm > 0.0
        for k in range(n_layers):
            layer = c.layers[k]
            direct = direct and layer.l1 == layer.l2 == layer.mean_l1 == layer.mean_l2 == 0.0
    direct = direct and lists
    width = c.longest if lists else c.n_features
    chunk = max(1, min(batch, CHUNK, CHUNK_ELEMENTS // max(1, width)))
    stored = training and (
        batch > chunk
        or address(c.gradient) != 0
        or clip_norm
        or (not direct and ((lists and batch > 1) or c.n_params <= SMALL))
    )
    c.chunk, c.stored, c.lists, c.direct = chunk, stored, lists, direct

    c.buffers = base + BUFFER_BYTES
    here = base + ((n_layers + 1) * BUFFER_BYTES + 63 & ~63)
    widest = 1
    for k in range(n_layers):
        layer, buffer = c.layers[k], c.buffers[k]
        widest = max(widest, layer.n_out)
        n_bytes = layer.n_out * chunk * size + 63 & ~63
        a = here
        here += n_bytes
        z = a
        if k == n_layers - 1 or (training and layer.activation in KEEPS_LOGITS):
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

    if lists:
        c.value = here
        here += chunk * width * size + 63 & ~63
        c.index = here
        here += chunk * width * 4 + 63 & ~63
        c.counts = here
        here += chunk * 8 + 63 & ~63
    else:
        c.x = here
        if base != 0:
            c.buffers[INPUT].h = here
        here += chunk * width * size + 63 & ~63
        c.mask = here
        here += (width * size if training else 0) + 63 & ~63
    c.zeros = here
    here += widest * size + 63 & ~63
    if training:
        c.panel = here
        here += max(PANEL, 4 * widest) * size + 63 & ~63
        c.constants = here
        here += 128
        if stored and address(c.gradient) == 0:
            if base != 0:
                c.gradient = here
            here += c.n_params * size + 63 & ~63
    if base != 0:
        for i in range(widest):
            c.zeros[i] = 0.0
    return here - base
