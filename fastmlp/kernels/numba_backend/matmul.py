"""Products, register-blocked: tiles of 4 rows by up to 4 vectors of C stay in registers.

The tiles are written out in LLVM, one per shape; everything around them is plain loops.
M rows, N columns, K terms; ld* are row strides in elements. The innermost sum runs over k in order.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .build import leaf
from .memory import at, lowest_bit, put, shift
from .vectors import (
    VEC_BYTES, Vec, first_lanes, lanes_of, load_vector, nonzero_lanes, spread, store_vector, sum_lanes, vector_type,
)  # fmt: skip

ROWS = 4
WIDE = 4 if VEC_BYTES == 64 else 2  # vectors that a tile is wide; 16 registers hold 4 x 2 and operands
PANEL_BYTES = 24576  # of B, reused from the first-level cache by all rows of A


def _add_tile(builder, real, rows, vectors, A, a_row, a_col, B, ldb, init, ld_init, C, ldc, K, mask, index=None):
    """Write code for C = I + A B on `rows` rows and `vectors` vectors, the last one masked.

    Element (i, k) of A is A[i a_row + k a_col]; row k of B is B[k ldb], or B[index[k] ldb].
    """
    lanes = Vec(real).lanes
    size = ir.IntType(64)
    masks = [None] * (vectors - 1) + [mask]

    def cell(base, i, ld, j):
        return builder.gep(base, [builder.add(builder.mul(size(i), ld), size(j * lanes))])

    cells = [[cgutils.alloca_once(builder, vector_type(real)) for _ in range(vectors)] for _ in range(rows)]
    for i in range(rows):
        for j in range(vectors):
            builder.store(load_vector(builder, cell(init, i, ld_init, j), real, masks[j]), cells[i][j])
    with cgutils.for_range(builder, K) as loop:
        k = loop.index
        at_row = k if index is None else builder.sext(builder.load(builder.gep(index, [k])), size)
        b_row = builder.gep(B, [builder.mul(at_row, ldb)])
        b = [load_vector(builder, cell(b_row, 0, ldb, j), real, masks[j]) for j in range(vectors)]
        a_k = builder.mul(k, a_col)
        for i in range(rows):
            number = builder.load(builder.gep(A, [builder.add(builder.mul(size(i), a_row), a_k)]))
            a = spread(builder, number, lanes)
            for j in range(vectors):
                product = builder.fmul(a, b[j], flags=("contract",))
                builder.store(builder.fadd(builder.load(cells[i][j]), product, flags=("contract",)), cells[i][j])
    for i in range(rows):
        for j in range(vectors):
            store_vector(builder, cell(C, i, ldc, j), builder.load(cells[i][j]), real, masks[j])


def _strip(vectors, masked=False):
    """C = I + A B on all rows of `vectors` vectors of columns; masked: the last has n lanes."""

    @intrinsic
    def strip(typingctx, A, a_row, a_col, B, ldb, init, ld_init, C, ldc, M, K, n):
        real = A.dtype

        def codegen(context, builder, sig, args):
            A, a_row, a_col, B, ldb, init, ld_init, C, ldc, M, K, n = args
            mask = first_lanes(builder, n, Vec(real).lanes) if masked else None

            def rows_from(i, rows):
                a, begin, c = (
                    builder.gep(base, [builder.mul(i, ld)])
                    for base, ld in ((A, a_row), (init, ld_init), (C, ldc))
                )
                _add_tile(builder, real, rows, vectors, a, a_row, a_col, B, ldb, begin, ld_init, c, ldc, K, mask)

            four = M.type(ROWS)
            blocks = builder.udiv(M, four)
            with cgutils.for_range(builder, blocks) as loop:
                rows_from(builder.mul(loop.index, four), ROWS)
            with cgutils.for_range(builder, builder.urem(M, four)) as loop:
                rows_from(builder.add(builder.mul(blocks, four), loop.index), 1)
            return context.get_dummy_value()

        i64 = types.int64
        return types.none(A, i64, i64, B, i64, init, i64, C, i64, i64, i64, i64), codegen

    return strip


def _list(vectors, masked=False):
    """c = init + sum_k value[k] B[index[k], :] on `vectors` vectors of columns."""

    @intrinsic
    def combine(typingctx, value, index, count, B, ldb, init, c, n):
        real = value.dtype

        def codegen(context, builder, sig, args):
            value, index, count, B, ldb, init, c, n = args
            mask = first_lanes(builder, n, Vec(real).lanes) if masked else None
            one, none = count.type(1), count.type(0)
            _add_tile(builder, real, 1, vectors, value, none, one, B, ldb, init, none, c, none, count, mask, index)
            return context.get_dummy_value()

        i64 = types.int64
        return types.none(value, index, i64, B, i64, init, c, i64), codegen

    return combine


def _dots(rows, columns):
    """C = keep C + A B^T on rows x columns elements, both read along k."""

    @intrinsic
    def dots(typingctx, A, lda, B, ldb, C, ldc, K, keep):
        real = A.dtype
        lanes = Vec(real).lanes

        def codegen(context, builder, sig, args):
            A, lda, B, ldb, C, ldc, K, keep = args
            size, vector = ir.IntType(64), vector_type(real)
            zero = ir.Constant(vector, [0.0] * lanes)
            cells = [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in range(rows)]
            a_rows = [builder.gep(A, [builder.mul(size(i), lda)]) for i in range(rows)]
            b_rows = [builder.gep(B, [builder.mul(size(j), ldb)]) for j in range(columns)]

            def add_products(k, mask):
                a = [load_vector(builder, builder.gep(row, [k]), real, mask) for row in a_rows]
                b = [load_vector(builder, builder.gep(row, [k]), real, mask) for row in b_rows]
                for i in range(rows):
                    for j in range(columns):
                        product = builder.fmul(a[i], b[j], flags=("contract",))
                        total = builder.fadd(builder.load(cells[i][j]), product, flags=("contract",))
                        builder.store(total, cells[i][j])

            n_whole = builder.udiv(K, size(lanes))
            with cgutils.for_range(builder, n_whole) as loop:
                add_products(builder.mul(loop.index, size(lanes)), None)
            rest = builder.urem(K, size(lanes))
            with builder.if_then(builder.icmp_unsigned("!=", rest, size(0))):
                add_products(builder.mul(n_whole, size(lanes)), first_lanes(builder, rest, lanes))
            for i in range(rows):
                for j in range(columns):
                    place = builder.gep(C, [builder.add(builder.mul(size(i), ldc), size(j))])
                    total = sum_lanes(builder, builder.load(cells[i][j]), real)
                    kept = builder.select(builder.trunc(keep, ir.IntType(1)), builder.load(place), ir.Constant(total.type, 0.0))
                    builder.store(builder.fadd(kept, total), place)
            return context.get_dummy_value()

        i64 = types.int64
        return types.none(A, i64, B, i64, C, i64, i64, i64), codegen

    return dots


_wide_strip, _pair_strip, _last_strip = _strip(WIDE), _strip(2), _strip(1, masked=True)
_list_widest, _list_pair, _list_last = _list(2 * WIDE), _list(2), _list(1, masked=True)
_dots_4_4, _dots_1_4, _dots_4_1, _dots_1_1 = _dots(4, 4), _dots(1, 4), _dots(4, 1), _dots(1, 1)


@leaf("piipipipiiii->d")
def multiply(A, a_row, a_col, B, ldb, init, ld_init, C, ldc, M, N, K):
    """C (M, N) = I + A B, where row i of I is init[i ld_init] (ld_init 0: one row for all).

    Element (i, k) of A is A[i a_row + k a_col], so that A may be a transposed matrix.
    """
    lanes = lanes_of(C)
    depth = PANEL_BYTES // (WIDE * VEC_BYTES)
    for k in range(0, max(K, 1), depth):
        n = min(depth, K - k)
        a = shift(A, k * a_col)
        j = 0
        while j < N:
            width = N - j
            b, c, begin = shift(B, k * ldb + j), shift(C, j), shift(init, j)
            if k > 0:
                begin = c
            ld = ld_init if k == 0 else ldc
            if width >= WIDE * lanes:
                _wide_strip(a, a_row, a_col, b, ldb, begin, ld, c, ldc, M, n, 0)
                j += WIDE * lanes
            elif width >= 2 * lanes:
                _pair_strip(a, a_row, a_col, b, ldb, begin, ld, c, ldc, M, n, 0)
                j += 2 * lanes
            else:
                _last_strip(a, a_row, a_col, b, ldb, begin, ld, c, ldc, M, n, width)
                j += lanes
    return 0.0


@leaf("pxipippi->d")
def multiply_list(value, index, count, B, ldb, init, c, N):
    """c (N,) = init + sum_k value[k] B[index[k], :]."""
    lanes = lanes_of(c)
    j = 0
    while j < N:
        width = N - j
        b, begin, end = shift(B, j), shift(init, j), shift(c, j)
        if width >= 2 * WIDE * lanes:
            _list_widest(value, index, count, b, ldb, begin, end, 0)
            j += 2 * WIDE * lanes
        elif width >= 2 * lanes:
            _list_pair(value, index, count, b, ldb, begin, end, 0)
            j += 2 * lanes
        else:
            _list_last(value, index, count, b, ldb, begin, end, width)
            j += lanes
    return 0.0


@leaf("pipipiiiii->d")
def multiply_nt(A, lda, B, ldb, C, ldc, M, N, K, keep):
    """C (M, N) = A (M, K) B (N, K)^T, added to C where `keep` is 1."""
    i = 0
    while i < M:
        a, c = shift(A, i * lda), shift(C, i * ldc)
        j = 0
        if M - i >= 4:
            while N - j >= 4:
                _dots_4_4(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 4
            while j < N:
                _dots_4_1(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 1
            i += 4
        else:
            while N - j >= 4:
                _dots_1_4(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 4
            while j < N:
                _dots_1_1(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 1
            i += 1
    return 0.0


@leaf("pipx->i")
def list_nonzeros(x, n, value, index):
    """Write the non-zeros of x and their places; return how many there are."""
    lanes = lanes_of(x)
    count = 0
    i = 0
    while n - i >= lanes:
        bits = nonzero_lanes(x, i)
        while bits != 0:
            place = i + lowest_bit(bits)
            put(value, count, at(x, place))
            put(index, count, place)
            count += 1
            bits &= bits - 1
        i += lanes
    while i < n:
        if at(x, i) != 0:
            put(value, count, at(x, i))
            put(index, count, i)
            count += 1
        i += 1
    return count
