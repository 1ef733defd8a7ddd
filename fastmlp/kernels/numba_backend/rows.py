"""Input rows: float32, float64 or uint8 with any strides, or CSR, into the element type."""

import numpy as np

from .build import inline, leaf
from .context import CSR, F64, I64, INPUT, C, R
from .memory import array, at, call, call_word, cast, convert, number, pointer, put, shift, view, word
from .noise import dropout_factor

F32, U8 = np.float32(0), np.uint8(0)


@inline
def _gather_row(c, row, out, stride):
    """out[j stride] = scale x[row, j] for all features."""
    kind, data, n = at(c, C.kind), at(c, C.data), at(c, C.n_features)
    scale, step = cast(at(view(c, F64), C.scale), out), at(c, C.col_stride)
    like = cast(0.0, out)
    start = data + row * at(c, C.row_stride)
    if kind >= CSR:
        for j in range(n):
            put(out, j * stride, 0.0)
        for i in range(word(c, C.indptr, row), word(c, C.indptr, row + 1)):
            j = convert(at(c, C.indices) + i * at(c, C.index_bytes), at(c, C.index_kind), I64)
            put(out, j * stride, convert(data + i * step, kind - CSR, like) * scale)
    elif kind == 0 and step == 4 and stride == 1:
        for j in range(n):
            put(out, j, cast(at(pointer(start, F32), j), out) * scale)
    elif kind == 1 and step == 8 and stride == 1:
        for j in range(n):
            put(out, j, cast(at(pointer(start, F64), j), out) * scale)
    elif kind == 2 and step == 1 and stride == 1:
        for j in range(n):
            put(out, j, cast(at(pointer(start, U8), j), out) * scale)
    else:
        for j in range(n):
            put(out, j * stride, convert(start + j * step, kind, like) * scale)


@leaf("wiiipx->i")
def list_row(c, s, row, position, value, index):
    """List the non-zeros of sample `s` of the chunk, which is `row` of the data; return their number."""
    kind, n = at(c, C.kind), at(c, C.n_features)
    if kind < CSR:  # gathered already, dropout included
        x = array(c, C.x, cast(0.0, value))
        return call_word(c, C.list_nonzeros, shift(x, s * n), n, value, index)
    data, scale = at(c, C.data), cast(at(view(c, F64), C.scale), value)
    rate = 0.0
    if at(c, C.training) != 0:
        rate = number(c, C.run, R.input_dropout)
    count = 0
    for i in range(word(c, C.indptr, row), word(c, C.indptr, row + 1)):
        j = convert(at(c, C.indices) + i * at(c, C.index_bytes), at(c, C.index_kind), I64)
        x_j = convert(data + i * at(c, C.col_stride), kind - CSR, scale) * scale
        if rate > 0.0:
            seed, epoch = word(c, C.run, R.seed), word(c, C.run, R.epoch)
            x_j = x_j * cast(dropout_factor(seed, epoch, INPUT, position, rate, j), value)
        put(value, count, x_j)
        put(index, count, j)
        count += 1
    return count


@leaf("wiip->d")
def gather(c, first, n, x):
    """Rows of the chunk: n samples from place `first` of the epoch's order on, dropout included.

    `x` gets them in rows, or in lanes where the samples of this job lie in lanes.
    """
    lanes, width = at(c, C.lanes), at(c, C.n_features)
    training = at(c, C.training) != 0
    mask = array(c, C.x_mask, cast(0.0, x))
    rate = 0.0
    if training:
        rate = number(c, C.run, R.input_dropout)
    stride = 1 if lanes == 0 else lanes
    if n < lanes:
        for i in range(width * lanes):
            put(x, i, 0.0)
    for s in range(n):
        row = word(c, C.order, first + s) if training else first + s
        out = shift(x, s * width) if lanes == 0 else shift(x, s)
        _gather_row(c, row, out, stride)
        if rate > 0.0:
            seed, epoch = word(c, C.run, R.seed), word(c, C.run, R.epoch)
            call(c, C.fill_factors, seed, epoch, INPUT, first + s, rate, mask, 1, width)
            for j in range(width):
                put(out, j * stride, at(out, j * stride) * at(mask, j))
    return 0.0


@leaf("iiiiii->i")
def rows_finite(kind, data, row_stride, col_stride, n_rows, n_columns):
    """Whether all numbers of dense rows are finite; stored numbers of CSR come as one row."""
    for i in range(n_rows):
        start = data + i * row_stride
        bad = 0
        if kind == 0 and col_stride == 4:
            for j in range(n_columns):
                x = at(pointer(start, F32), j)
                bad += x - x != 0  # infinity - infinity is NaN
        else:
            for j in range(n_columns):
                x = convert(start + j * col_stride, kind, np.float64(0))
                bad += x - x != 0
        if bad > 0:
            return 0
    return 1
