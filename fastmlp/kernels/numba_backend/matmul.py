"""Products: loops around the register tiles.

M rows, N columns, K terms; ld* are row strides in elements.
"""

from .build import inline, leaf
from .memory import at, lowest_bit, put, shift
from .tiles import (
    WIDE,
    dots_1_1,
    dots_1_4,
    dots_4_1,
    dots_4_4,
    last_strip,
    list_last,
    list_pair,
    list_widest,
    pair_strip,
    wide_strip,
)  # fmt: skip
from .vector_code import VEC_BYTES
from .vectors import lanes_of, nonzero_lanes

PANEL_BYTES = 24576  # of B, reused from the first-level cache by all rows of A


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
                wide_strip(a, a_row, a_col, b, ldb, begin, ld, c, ldc, M, n, 0)
                j += WIDE * lanes
            elif width >= 2 * lanes:
                pair_strip(a, a_row, a_col, b, ldb, begin, ld, c, ldc, M, n, 0)
                j += 2 * lanes
            else:
                last_strip(a, a_row, a_col, b, ldb, begin, ld, c, ldc, M, n, width)
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
            list_widest(value, index, count, b, ldb, begin, end, 0)
            j += 2 * WIDE * lanes
        elif width >= 2 * lanes:
            list_pair(value, index, count, b, ldb, begin, end, 0)
            j += 2 * lanes
        else:
            list_last(value, index, count, b, ldb, begin, end, width)
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
                dots_4_4(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 4
            while j < N:
                dots_4_1(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 1
            i += 4
        else:
            while N - j >= 4:
                dots_1_4(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 4
            while j < N:
                dots_1_1(a, lda, shift(B, j * ldb), ldb, shift(c, j), ldc, K, keep)
                j += 1
            i += 1
    return 0.0


@inline
def _list_bits(x, i, bits, value, index, count):
    """List the numbers from x[i] on whose bit is set, behind `count` others; return the new count."""
    while bits != 0:
        place = i + lowest_bit(bits)
        put(value, count, at(x, place))
        put(index, count, place)
        count += 1
        bits &= bits - 1
    return count


@leaf("pipx->i")
def list_nonzeros(x, n, value, index):
    """Write the non-zeros of x and their places; return how many there are."""
    lanes = lanes_of(x)
    count = 0
    i = 0
    while n - i >= 64:  # where a loop over bits ends cannot be predicted: one loop for 64 numbers
        bits = nonzero_lanes(x, i)
        for j in range(lanes, 64, lanes):
            bits |= nonzero_lanes(x, i + j) << j
        count = _list_bits(x, i, bits, value, index, count)
        i += 64
    while n - i >= lanes:
        bits = nonzero_lanes(x, i)
        count = _list_bits(x, i, bits, value, index, count)
        i += lanes
    while i < n:
        if at(x, i) != 0:
            put(value, count, at(x, i))
            put(index, count, i)
            count += 1
        i += 1
    return count
