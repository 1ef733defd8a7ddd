"""Register tiles, written in LLVM: 4 rows by up to 4 vectors of C stay in registers while k runs.

The one thing that plain loops cannot say: of them LLVM keeps no block of sums in registers, but loads and
stores C with every term. M rows, N columns, K terms; ld* are row strides in elements. Every sum runs in the
order of k.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import VEC_BYTES, first_lanes, masked_call, spread

ROWS = 4
WIDE = 4 if VEC_BYTES == 64 else 2  # vectors that a tile is wide; 16 registers hold 4 x 2 and operands
SIZE = ir.IntType(64)


class _Vectors:
    """The few instructions on vectors that tiles are made of; `mask` leaves lanes out, which read as 0."""

    def __init__(self, context, builder, real):
        self.builder, self.size = builder, real.bitwidth // 8
        self.lanes = VEC_BYTES // self.size
        self.type = ir.VectorType(context.get_value_type(real), self.lanes)

    def first(self, n):
        """The mask of the first n lanes."""
        return first_lanes(self.builder, n, self.lanes)

    def load(self, address, mask):
        address = self.builder.bitcast(address, self.type.as_pointer())
        if mask is None:
            return self.builder.load(address, align=self.size)
        align, nothing = ir.Constant(ir.IntType(32), self.size), ir.Constant(self.type, [0.0] * self.lanes)
        return masked_call(self.builder, "load", self.type, self.type, [address, align, mask, nothing])

    def store(self, address, value, mask):
        address = self.builder.bitcast(address, self.type.as_pointer())
        if mask is None:
            self.builder.store(value, address, align=self.size)
        else:
            align = ir.Constant(ir.IntType(32), self.size)
            masked_call(self.builder, "store", self.type, ir.VoidType(), [value, address, align, mask])


def _add_tile(vectors, rows, width, A, a_row, a_col, B, ldb, init, ld_init, C, ldc, K, mask):
    """Write code for C = I + A B on `rows` rows and `width` vectors, the last one masked."""
    builder = vectors.builder
    masks = [None] * (width - 1) + [mask]

    def cell(base, i, ld, j):
        return builder.gep(base, [builder.add(builder.mul(SIZE(i), ld), SIZE(j * vectors.lanes))])

    sums = [[cgutils.alloca_once(builder, vectors.type) for _ in range(width)] for _ in range(rows)]
    for i in range(rows):
        for j in range(width):
            builder.store(vectors.load(cell(init, i, ld_init, j), masks[j]), sums[i][j])
    with cgutils.for_range(builder, K) as loop:
        b_row, a_k = builder.gep(B, [builder.mul(loop.index, ldb)]), builder.mul(loop.index, a_col)
        b = [vectors.load(cell(b_row, 0, ldb, j), masks[j]) for j in range(width)]
        for i in range(rows):
            number = builder.load(builder.gep(A, [builder.add(builder.mul(SIZE(i), a_row), a_k)]))
            a = spread(builder, number, vectors.lanes)
            for j in range(width):
                product = builder.fmul(a, b[j], flags=("contract",))
                total = builder.fadd(builder.load(sums[i][j]), product, flags=("contract",))
                builder.store(total, sums[i][j])
    for i in range(rows):
        for j in range(width):
            vectors.store(cell(C, i, ldc, j), builder.load(sums[i][j]), masks[j])


def _strip(width, masked=False):
    """C = I + A B on all rows of `width` vectors of columns; masked: the last has n lanes.

    Row i of I is init[i ld_init]; element (i, k) of A is A[i a_row + k a_col].
    """

    @intrinsic
    def strip(typingctx, A, a_row, a_col, B, ldb, init, ld_init, C, ldc, M, K, n):
        def codegen(context, builder, sig, args):
            A, a_row, a_col, B, ldb, init, ld_init, C, ldc, M, K, n = args
            vectors = _Vectors(context, builder, sig.args[0].dtype)
            mask = vectors.first(n) if masked else None

            def rows_from(i, rows):
                a, begin, c = (
                    builder.gep(base, [builder.mul(i, ld)])
                    for base, ld in ((A, a_row), (init, ld_init), (C, ldc))
                )
                _add_tile(vectors, rows, width, a, a_row, a_col, B, ldb, begin, ld_init, c, ldc, K, mask)

            blocks, rest = builder.udiv(M, SIZE(ROWS)), builder.urem(M, SIZE(ROWS))
            with cgutils.for_range(builder, blocks) as loop:
                rows_from(builder.mul(loop.index, SIZE(ROWS)), ROWS)
            with cgutils.for_range(builder, rest) as loop:
                rows_from(builder.add(builder.mul(blocks, SIZE(ROWS)), loop.index), 1)
            return context.get_dummy_value()

        i64 = types.int64
        return types.none(A, i64, i64, B, i64, init, i64, C, i64, i64, i64, i64), codegen

    return strip


wide_strip, pair_strip, last_strip = _strip(WIDE), _strip(2), _strip(1, masked=True)
