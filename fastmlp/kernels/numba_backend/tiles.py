"""Register tiles, written out in LLVM: 4 rows by up to 4 vectors of C stay in registers while k runs.

M rows, N columns, K terms; ld* are row strides in elements. Every sum runs over k in order.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vector_code import (
    VEC_BYTES,
    first_lanes,
    lanes_in,
    load_vector,
    spread,
    store_vector,
    sum_lanes,
    vector_type,
)  # fmt: skip

ROWS = 4
WIDE = 4 if VEC_BYTES == 64 else 2  # vectors that a tile is wide; 16 registers hold 4 x 2 and operands


def _add_tile(
    builder, real, rows, vectors, A, a_row, a_col, B, ldb, init, ld_init, C, ldc, K, mask, index=None
):
    """Write code for C = I + A B on `rows` rows and `vectors` vectors, the last one masked.

    Element (i, k) of A is A[i a_row + k a_col]; row k of B is B[k ldb], or B[index[k] ldb].
    """
    lanes = lanes_in(real)
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
                builder.store(
                    builder.fadd(builder.load(cells[i][j]), product, flags=("contract",)), cells[i][j]
                )
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
            mask = first_lanes(builder, n, lanes_in(real)) if masked else None

            def rows_from(i, rows):
                a, begin, c = (
                    builder.gep(base, [builder.mul(i, ld)])
                    for base, ld in ((A, a_row), (init, ld_init), (C, ldc))
                )
                _add_tile(
                    builder, real, rows, vectors, a, a_row, a_col, B, ldb, begin, ld_init, c, ldc, K, mask
                )

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
            mask = first_lanes(builder, n, lanes_in(real)) if masked else None
            one, none = count.type(1), count.type(0)
            _add_tile(
                builder, real, 1, vectors, value, none, one, B, ldb, init, none, c, none, count, mask, index
            )
            return context.get_dummy_value()

        i64 = types.int64
        return types.none(value, index, i64, B, i64, init, c, i64), codegen

    return combine


def _dots(rows, columns):
    """C = keep C + A B^T on rows x columns elements, both read along k."""

    @intrinsic
    def dots(typingctx, A, lda, B, ldb, C, ldc, K, keep):
        real = A.dtype
        lanes = lanes_in(real)

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
                    kept = builder.select(
                        builder.trunc(keep, ir.IntType(1)), builder.load(place), ir.Constant(total.type, 0.0)
                    )
                    builder.store(builder.fadd(kept, total), place)
            return context.get_dummy_value()

        i64 = types.int64
        return types.none(A, i64, B, i64, C, i64, i64, i64), codegen

    return dots


wide_strip, pair_strip, last_strip = _strip(WIDE), _strip(2), _strip(1, masked=True)
list_widest, list_pair, list_last = _list(2 * WIDE), _list(2), _list(1, masked=True)
dots_4_4, dots_1_4, dots_4_1, dots_1_1 = _dots(4, 4), _dots(1, 4), _dots(4, 1), _dots(1, 1)
