"""Input rows: float32, float64 or uint8 with any strides, or CSR, into the element type."""

import numpy as np

from ..records import INPUT, RowKind
from .atomic import fetch
from .build import BATCH, PREDICTION, call, entry, inline, leaf
from .lanes import MASKS, VEC_BYTES, list_vector, load_part, real, size_of
from .memory import F32, F64, I32, I64, U8, lowest_bit, nonzeros, pointer
from .philox import dropout_factor

KIND_F32, KIND_F64, KIND_U8, CSR_F32, CSR_F64 = map(int, RowKind)
AHEAD = 2  # rows, of which one is fetched while another is listed
NONE, ONE = np.uint64(0), np.uint64(1)


@inline
def _copy_row(x, step, n, scale, out, apart):
    """out[j apart] = scale x[j step], multiplied in the precision of `scale`"""
    for j in range(n):
        out[j * apart] = real(real(x[j * step], scale) * scale, out)


@inline
def _list_row(c, x, step, scale, value, index, bounds):
    """List the non-zeros of scale x[j step], and where cuts of whole words begin; return their number.

    A bit for each of 64 numbers first, which takes no branch; then bit by bit, where only the end of the loop
    cannot be predicted.
    """
    count, n = 0, c.n_features
    for i in range(0, n, 64):
        if c.training != 0 and i % c.cut == 0:
            bounds[i // c.cut] = count
        bits = NONE
        if step == 1 and i + 64 <= n:
            bits = nonzeros(x + i)
        else:
            for j in range(min(64, n - i)):
                bits |= np.uint64(x[(i + j) * step] != 0) << np.uint64(j)
        while bits != NONE:
            j = i + lowest_bit(bits)
            value[count] = real(real(x[j * step], scale) * scale, value)
            index[count] = j
            count += 1
            bits &= bits - ONE
    return count


@inline
def _pack_row(c, x, scale, value, index, bounds, ahead):
    """The same by whole vectors of a row that lies as kernels compute; that at `ahead` is fetched."""
    count, n, lanes = 0, c.n_features, VEC_BYTES // size_of(x)
    for i in range(0, n, 64):
        if c.training != 0 and i % c.cut == 0:
            bounds[i // c.cut] = count
        for j in range(i, min(i + 64, n), lanes):
            fetch(ahead + j * 4)
            v = load_part(x + j, n - j)
            count += list_vector(real(scale, v) * v, j, value + count, index + count)
    return count


@inline
def _list_stored(c, x, row, scale, value, index):
    """The same for a CSR row, whose numbers are listed as they are stored."""
    start, stop = c.indptr[row], c.indptr[row + 1]
    narrow, wide = pointer(c.indices, I32), pointer(c.indices, I64)
    for i in range(start, stop):
        value[i - start] = real(real(x[i], scale) * scale, value)
        index[i - start] = narrow[i] if c.index_bytes == 4 else wide[i]
    return stop - start


@inline
def _cut_list(c, index, count, bounds):
    """Where in a list, which has its places in their order, each cut of the input begins."""
    k = 0
    for cut in range(c.n_cuts):
        bounds[cut] = k
        stop = (cut + 1) * c.cut
        while k < count and index[k] < stop:
            k += 1


@leaf("ciipxw->i", manners=(BATCH, PREDICTION))
def list_row(c, row, position, value, index, bounds):
    """List the non-zeros of a row, which stands at `position` of the epoch's order; return their number.

    bounds : written in training: where in the list each cut of the input begins, and the last one ends
    """
    kind, step = c.kind, c.col_stride
    start, scale = c.data + row * c.row_stride, real(c.scale, value)
    ahead = start
    if c.training != 0:
        ahead = c.data + c.order[min(position + AHEAD, c.run.n_samples - 1)] * c.row_stride
    if MASKS and kind == KIND_F32 and size_of(value) == 4 and step == 4:
        count = _pack_row(c, pointer(start, F32), scale, value, index, bounds, ahead)
    elif kind == KIND_F32:
        count = _list_row(c, pointer(start, F32), step // 4, scale, value, index, bounds)
    elif kind == KIND_F64:
        count = _list_row(c, pointer(start, F64), step // 8, c.scale, value, index, bounds)
    elif kind == KIND_U8:
        count = _list_row(c, pointer(start, U8), step, scale, value, index, bounds)
    elif kind == CSR_F32:
        count = _list_stored(c, pointer(c.data, F32), row, scale, value, index)
    else:
        count = _list_stored(c, pointer(c.data, F64), row, c.scale, value, index)
    if c.training != 0:
        if kind >= CSR_F32 or c.cut % 64 != 0:
            _cut_list(c, index, count, bounds)
        bounds[c.n_cuts] = count
    if c.training != 0 and c.run.input_dropout > 0.0:
        run = c.run
        for k in range(count):
            factor = dropout_factor(run.seed, run.epoch, INPUT, position, run.input_dropout, index[k])
            value[k] *= real(factor, value)
    return count


@inline
def gather_row(c, row, out, apart):
    """A row's numbers, `apart` from each other."""
    kind, n, step = c.kind, c.n_features, c.col_stride
    start, scale = c.data + row * c.row_stride, real(c.scale, out)
    if kind == KIND_F32:
        _copy_row(pointer(start, F32), step // 4, n, scale, out, apart)
    elif kind == KIND_F64:
        _copy_row(pointer(start, F64), step // 8, n, c.scale, out, apart)
    else:
        _copy_row(pointer(start, U8), step, n, scale, out, apart)


@inline
def _drop(c, position, out):
    """Dropout of a row that stands at `position` of the epoch's order."""
    run, n = c.run, c.n_features
    call(c.fill_factors, run.seed, run.epoch, INPUT, position, run.input_dropout, c.mask, n)
    for j in range(n):
        out[j] *= c.mask[j]


@inline
def to_be_checked(c):
    """Whether rows are to be looked at as they are read: in training, in the first epoch."""
    return c.looks != 0 if c.training == 0 else c.run.check_rows != 0 and c.run.epoch == 0


@leaf("cii->i", manners=(BATCH, PREDICTION))
def gather(c, first, n):
    """n samples from place `first` of the epoch's order on: their rows, or lists of these.

    Returns 0 where one was to be looked at and holds NaN or infinity.
    """
    looks, finite = to_be_checked(c), 1
    for s in range(n):
        position = first + s
        row = c.order[position] if c.training != 0 else position
        x, count = c.x + s * c.n_features, c.n_features
        if c.lists != 0:
            place, bounds = s * c.longest, c.bounds + s * (c.n_cuts + 1)
            x, count = (
                c.value + place,
                call(c.list_row, c, row, position, c.value + place, c.index + place, bounds),
            )
            c.counts[s] = count
        else:
            gather_row(c, row, x, 1)
            if c.training != 0 and c.run.input_dropout > 0.0:
                _drop(c, position, x)
        if looks:
            finite &= call(c.numbers_finite, x, count)
    return finite


@inline
def _row_within(x, step, n, most):
    bad = 0
    for j in range(n):
        bad += not abs(x[j * step]) <= most  # NaN is nothing's equal
    return bad == 0


@entry("iiiiiid->i")
def rows_finite(size, data, row_stride, col_stride, n_rows, n_columns, most):
    """Whether no magnitude of dense rows is NaN or above `most`; stored numbers of CSR come as one row."""
    for i in range(n_rows):
        start = data + i * row_stride
        if size == 4:
            within = _row_within(pointer(start, F32), col_stride // 4, n_columns, most)
        else:
            within = _row_within(pointer(start, F64), col_stride // 8, n_columns, most)
        if not within:
            return 0
    return 1
