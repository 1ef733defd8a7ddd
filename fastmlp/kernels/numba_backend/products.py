"""Products: loops around the register tiles, and those by lists of non-zeros, which need none.

M rows, N columns, K terms; ld* are row strides in elements. Every sum runs over k in order.
"""

from .build import ALONE, BATCH, FUSED, LEARNED_LISTS, LISTS, PREDICTION, call, entry, inline, leaf, summed
from .context import PANEL
from .lanes import MASKS, VEC_BYTES, load_part, real, size_of, store_part
from .tiles import WIDE, last_strip, pair_strip, wide_strip

FEW = 4  # rows, for which no matrix is transposed
NARROW = 4  # vectors of a row, up to which lists are gone through once for each, or each two
PANEL_BYTES = 24576  # of B, reused from the first-level cache by all rows of A


@leaf("piipipipiiii->i", of=(BATCH, ALONE, PREDICTION))
def multiply(A, a_row, a_col, B, ldb, init, ld_init, C, ldc, M, N, K):
    """C (M, N) = I + A B, where row i of I is init[i ld_init] (ld_init 0: one row for all).

    Element (i, k) of A is A[i a_row + k a_col], so that A may be a transposed matrix.
    """
    lanes = VEC_BYTES // size_of(C)
    depth = PANEL_BYTES // (WIDE * VEC_BYTES)
    for k in range(0, max(K, 1), depth):
        n = min(depth, K - k)
        a = A + k * a_col
        begin, ld = (init, ld_init) if k == 0 else (C, ldc)
        j = 0
        while j < N:
            b, c, start, width = B + (k * ldb + j), C + j, begin + j, N - j
            if width >= WIDE * lanes:
                wide_strip(a, a_row, a_col, b, ldb, start, ld, c, ldc, M, n, 0)
                j += WIDE * lanes
            elif width >= 2 * lanes:
                pair_strip(a, a_row, a_col, b, ldb, start, ld, c, ldc, M, n, 0)
                j += 2 * lanes
            else:
                last_strip(a, a_row, a_col, b, ldb, start, ld, c, ldc, M, n, width)
                j += lanes
    return 0


@inline
def _transpose(B, T, n, K):
    """T (K, n) = B (n, K)^T, eight rows at a time."""
    for j in range(0, n & ~7, 8):
        for k in range(K):
            for i in range(8):
                T[k * n + j + i] = B[(j + i) * K + k]
    for j in range(n & ~7, n):
        for k in range(K):
            T[k * n + j] = B[j * K + k]


@summed
def _dots(A, B, C, M, N, K, keep):
    """C (M, N) = A (M, K) B (N, K)^T, added to C where `keep` is 1."""
    for i in range(M):
        a, c = A + i * K, C + i * N
        for j in range(N):
            b, total = B + j * K, real(0, C)
            for k in range(K):
                total += a[k] * b[k]
            c[j] = total + c[j] if keep != 0 else total


@leaf("cpppiiii->i", of=(BATCH,))
def multiply_transposed(c, A, B, C, M, N, K, keep):
    """The same; for more than a few rows B is transposed, panel by panel."""
    if M <= FEW:
        _dots(A, B, C, M, N, K, keep)
        return 0
    step = max(4, PANEL // K & ~7)
    for j in range(0, N, step):
        n = min(step, N - j)
        _transpose(B + j * K, c.panel, n, K)
        begin, ld = (C + j, N) if keep != 0 else (c.zeros, 0)
        call(c.multiply, A, K, 1, c.panel, n, begin, ld, C + j, N, M, n, K)
    return 0


@inline
def _sum_part(value, index, count, w, N, begin, here):
    """begin + sum_k value[k] of one vector of columns, each fourth term in one sum."""
    a, none = begin, real(0, begin)
    b, c, d = none, none, none
    for k in range(0, count & ~3, 4):
        v, i = value + k, index + k
        a += real(v[0], a) * load_part(w + i[0] * N, here)
        b += real(v[1], a) * load_part(w + i[1] * N, here)
        c += real(v[2], a) * load_part(w + i[2] * N, here)
        d += real(v[3], a) * load_part(w + i[3] * N, here)
    for k in range(count & ~3, count):
        a += real(value[k], a) * load_part(w + index[k] * N, here)
    return (a + b) + (c + d)


@leaf("pxipppii->i", fastmath=FUSED, of=(LISTS,))
def multiply_list(value, index, count, B, init, c, N, in_order):
    """c (N,) = init + sum_k value[k] B[index[k], :]; in_order : 1 where it must be that of `multiply`."""
    lanes = VEC_BYTES // size_of(c)
    if MASKS and in_order == 0 and N <= NARROW * lanes:
        for j in range(0, N, lanes):
            store_part(
                c + j, _sum_part(value, index, count, B + j, N, load_part(init + j, N - j), N - j), N - j
            )
        return 0
    for j in range(N):
        c[j] = init[j]
    k = 0
    while k + 8 <= count:
        v, i = value + k, index + k
        x0, x1, x2, x3, x4, x5, x6, x7 = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
        b0, b1, b2, b3 = B + i[0] * N, B + i[1] * N, B + i[2] * N, B + i[3] * N
        b4, b5, b6, b7 = B + i[4] * N, B + i[5] * N, B + i[6] * N, B + i[7] * N
        for j in range(N):
            s = c[j] + x0 * b0[j] + x1 * b1[j] + x2 * b2[j] + x3 * b3[j]
            c[j] = s + x4 * b4[j] + x5 * b5[j] + x6 * b6[j] + x7 * b7[j]
        k += 8
    while k < count:
        x, b = value[k], B + index[k] * N
        for j in range(N):
            c[j] += x * b[j]
        k += 1
    return 0


@leaf("pxidppi->i", fastmath=FUSED, of=(LEARNED_LISTS,))
def add_products(value, index, count, factor, d, w, n):
    """w[index[k], :] += factor value[k] d for all k; rows of w are n apart."""
    lanes = VEC_BYTES // size_of(w)
    if MASKS and n <= NARROW * lanes:  # two vectors of d at a time, which stay in registers
        for j in range(0, n, 2 * lanes):
            here, there, v = n - j, n - j - lanes, w + j
            a, b = load_part(d + j, here), load_part(d + (j + lanes), there)
            for k in range(count):
                x, row = real(real(factor, d) * value[k], a), v + index[k] * n
                store_part(row, load_part(row, here) + x * a, here)
                store_part(row + lanes, load_part(row + lanes, there) + x * b, there)
        return 0
    for k in range(count):
        x, row = real(factor, d) * value[k], w + index[k] * n
        for j in range(n):
            row[j] += x * d[j]
    return 0


@entry("piipiipiipiiiwiii->i")
def multiply_stack(
    A, a_row, a_col, B, b_row, b_col, C, c_row, c_col, zeros, M, N, K, leading, n_leading, first, n
):  # fmt: skip
    """Products C_s = A_s B_s of matrices first..first + n, in C's order of the leading dimensions.

    Strides are in elements. `leading` holds, for each of these dimensions, its length and the strides of A, B
    and C along it; `zeros` N zeros.
    """
    lanes = VEC_BYTES // size_of(C)
    for s in range(first, first + n):
        rest, a, b, c = s, A, B, C
        for d in range(n_leading - 1, -1, -1):
            along = leading + 4 * d
            place = rest % along[0]
            rest //= along[0]
            a, b, c = a + place * along[1], b + place * along[2], c + place * along[3]
        j = 0
        while j < N:
            b_j, c_j = b + j * b_col, c + j * c_col
            if N > 1 and (b_col != 1 or c_col != 1):
                for i in range(M):
                    total = zeros[0]
                    for k in range(K):
                        total += a[i * a_row + k * a_col] * b_j[k * b_row]
                    c_j[i * c_row] = total
                j += 1
            elif N - j >= 2 * lanes:
                pair_strip(a, a_row, a_col, b_j, b_row, zeros, 0, c_j, c_row, M, K, 0)
                j += 2 * lanes
            else:
                last_strip(a, a_row, a_col, b_j, b_row, zeros, 0, c_j, c_row, M, K, N - j)
                j += lanes
    return 0
