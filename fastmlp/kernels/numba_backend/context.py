"""Where everything of a call lies: one table of 8-byte words, and the layout of the workspace.

Kernels get the table's address and reach all else from it. Words are read by name: `at(c, C.order)`.
Two ways to lay out samples: in rows (n, n_units), or, for tiny networks, in the lanes of vectors:
(n_units, lanes), `lanes` samples at a time.
"""

from types import ModuleType

import numpy as np

from ..plan import EDGE, LAYER, RUN, Activation, Optimizer, Regime
from .build import leaf
from .memory import array, at, number, pointer, put, word
from .vector_code import VEC_BYTES
from .vectors import lanes_of

I64, F64, I32 = np.int64(0), np.float64(0), np.int32(0)  # examples of types, for `pointer`
CHUNK = 256  # samples in the workspace at once; larger batches add their gradients up
CHUNK_ELEMENTS = 1 << 20  # of gathered input at most
PANEL = 8192  # numbers of a gradient that are computed and used up at a time


def _numbered(names):
    """A module whose attributes number the names: to Numba, its attributes are constants."""
    module = ModuleType("numbered")
    for i, name in enumerate(names):
        setattr(module, name, i)
    return module


R, L, E = _numbered(RUN.names), _numbered(LAYER.names), _numbered(EDGE.names)
LAYER_WORDS, EDGE_WORDS = len(LAYER.names), len(EDGE.names)

_WORDS = (
    # given by the caller: addresses and numbers
    "run layers n_layers edges params state n_states n_params gradient backup y weight order rates n_rates "
    "losses next_uint32 bit_state longest kind data row_stride col_stride indices index_bytes index_kind "
    "indptr n_features scale training batch "
    # set by `layout`
    "chunk lanes stored lists kept counts gathers buffers x x_mask value index zeros panel constants "
    # C functions, see build.py
    "layout forward backward activate activation_gradient softmax softmax_gradient multiply multiply_list "
    "multiply_nt list_nonzeros gather list_row fill_factors loss_and_delta begin_step update add_penalty "
    "cap_norms norm numbers_finite affine_lanes back_lanes gradient_lanes add_row add_products shuffle copy"
).split()
C = _numbered(_WORDS)
N_WORDS = len(_WORDS)

# What each layer has: outputs, outputs after dropout, logits, gradient by the logits, dropout factors.
B = _numbered("AHZDM")
N_BUFFERS = 5

CSR = 8  # added to the kind of numbers: 0 float32, 1 float64, 2 uint8
TINY, ONLINE, BATCH = int(Regime.TINY), int(Regime.ONLINE), int(Regime.BATCH)
SGD = int(Optimizer.SGD)
INPUT = -1  # plan.INPUT
KEEPS_LOGITS = tuple(
    int(a)
    for a in (
        Activation.LEAKY_RELU,
        Activation.ELU,
        Activation.SELU,
        Activation.SOFTPLUS,
        Activation.GELU,
        Activation.SILU,
    )
)


@leaf("wir->i")
def layout(c, base, like):
    """Share the workspace at `base` out; return its size. With base 0: only the size.

    Buffers of layer k are words k N_BUFFERS + B.A, ... of C.buffers; those of INPUT are the gathered rows.
    """
    size = VEC_BYTES // lanes_of(pointer(0, like))
    n_layers, n_features = at(c, C.n_layers), at(c, C.n_features)
    csr, training = at(c, C.kind) >= CSR, at(c, C.training) != 0
    batch = at(c, C.batch)
    regime = word(c, C.run, R.regime) if training else -1
    tiny = regime == TINY
    if training:
        lists = regime == ONLINE or (regime != TINY and word(c, C.run, R.sparse) != 0)
    else:
        lists = csr or batch == 1
    most = CHUNK if csr and lists else min(CHUNK, CHUNK_ELEMENTS // max(1, n_features))
    samples = chunk = max(1, min(batch, most))
    put(c, C.lanes, 0)
    if tiny:
        samples = chunk = lanes_of(pointer(0, like))
        put(c, C.lanes, samples)
    # listed inputs' gradient is added up in place; plain gradient descent takes it straight to the weights
    listed = lists and (csr or (regime == BATCH and word(c, C.run, R.optimizer) != SGD))
    stored = training and (tiny or batch > chunk or at(c, C.gradient) != 0 or listed)
    if training and number(c, C.run, R.clip_norm) > 0.0:
        stored = True
    put(c, C.chunk, chunk)
    put(c, C.lists, lists)
    put(c, C.gathers, not (csr and lists))  # rows that are listed from CSR never lie dense
    put(c, C.stored, stored)

    put(c, C.buffers, base + N_BUFFERS * 8)
    buffers = array(c, C.buffers, I64)
    here = base + ((n_layers + 1) * N_BUFFERS * 8 + 63 & ~63)
    widest = 1
    for k in range(n_layers):
        at_layer = k * LAYER_WORDS
        n_out, activation = word(c, C.layers, at_layer + L.n_out), word(c, C.layers, at_layer + L.activation)
        widest = max(widest, n_out)
        n_bytes = n_out * samples * size + 63 & ~63
        a = here
        here += n_bytes
        z = a
        if k == n_layers - 1 or (training and activation in KEEPS_LOGITS):
            z = here
            here += n_bytes
        h, d, m = a, 0, 0
        if training:
            d = here
            here += n_bytes
            if number(c, C.layers, at_layer + L.dropout) > 0.0:
                h, m = here, here + n_bytes
                here += 2 * n_bytes
        if base != 0:
            put(buffers, k * N_BUFFERS + B.A, a)
            put(buffers, k * N_BUFFERS + B.H, h)
            put(buffers, k * N_BUFFERS + B.Z, z)
            put(buffers, k * N_BUFFERS + B.D, d)
            put(buffers, k * N_BUFFERS + B.M, m)

    put(c, C.x, here)
    if base != 0:
        put(buffers, INPUT * N_BUFFERS + B.A, here)
        put(buffers, INPUT * N_BUFFERS + B.H, here)
    here += (n_features * samples * size + 63 & ~63) if at(c, C.gathers) != 0 else 0
    put(c, C.x_mask, here)
    here += (n_features * size + 63 & ~63) if training else 0
    put(c, C.value, here)
    kept = training and lists and at(c, C.gathers) != 0  # lists of a chunk serve both ways
    put(c, C.kept, kept)
    n_lists = samples if kept else 1
    longest = at(c, C.longest) * n_lists if lists else 0
    here += longest * size + 63 & ~63
    put(c, C.index, here)
    here += longest * 4 + 63 & ~63
    put(c, C.counts, here)
    here += n_lists * 8 + 63 & ~63
    put(c, C.zeros, here)
    here += widest * size + 63 & ~63
    if training:
        put(c, C.panel, here)
        here += max(PANEL, 4 * widest) * size + 63 & ~63
        put(c, C.constants, here)
        here += 128
        if stored and at(c, C.gradient) == 0:
            if base != 0:
                put(c, C.gradient, here)
            here += at(c, C.n_params) * size + 63 & ~63
    if base != 0:
        zeros = array(c, C.zeros, like)
        for i in range(widest):
            put(zeros, i, 0.0)
    return here - base
