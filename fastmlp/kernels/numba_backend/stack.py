"""Products of stacks of matrices: C_s = A_s B_s.

M rows, N columns, K terms; strides are in elements. Every sum runs over k in order.
"""

from .build import leaf
from .memory import at, put, shift
from .tiles import last_strip, pair_strip
from .vectors import lanes_of


@leaf("piipiipiipiiiwiii->d")
def multiply_stack(
    A, a_row, a_col, B, b_row, b_col, C, c_row, c_col, zeros, M, N, K, leading, n_leading, first, n
):
    """Matrices first..first + n, in C's order of the leading dimensions.

    `leading` holds, for each of these, its length and the strides of A, B and C along it; `zeros` N zeros.
    """
    lanes = lanes_of(C)
    for s in range(first, first + n):
        rest = s
        a, b, c = A, B, C
        for d in range(n_leading - 1, -1, -1):
            place = rest % at(leading, 4 * d)
            rest //= at(leading, 4 * d)
            a = shift(a, place * at(leading, 4 * d + 1))
            b = shift(b, place * at(leading, 4 * d + 2))
            c = shift(c, place * at(leading, 4 * d + 3))
        j = 0
        while j < N:
            b_j, c_j = shift(b, j * b_col), shift(c, j * c_col)
            if N > 1 and (b_col != 1 or c_col != 1):
                for i in range(M):
                    total = at(zeros, 0)
                    for k in range(K):
                        total += at(a, i * a_row + k * a_col) * at(b_j, k * b_row)
                    put(c_j, i * c_row, total)
                j += 1
            elif N - j >= 2 * lanes:
                pair_strip(a, a_row, a_col, b_j, b_row, zeros, 0, c_j, c_row, M, K, 0)
                j += 2 * lanes
            else:
                last_strip(a, a_row, a_col, b_j, b_row, zeros, 0, c_j, c_row, M, K, N - j)
                j += lanes
    return 0.0
