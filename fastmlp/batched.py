"""Products of stacks of small matrices."""

from itertools import pairwise
from math import prod

import numpy as np

from ._checks import check_int, check_out, check_stacks
from .kernels.dispatch import kernels
from .kernels.threads import share_out, threads_for

MIN_WORK = 1 << 27  # multiply-adds per thread (a few milliseconds) below which another thread does not pay
ELEMENT_WORK = 16  # fixed cost of an element of the result, in multiply-adds
LARGE = 1 << 20  # multiply-adds of one product beyond which BLAS is no slower
VECTOR = 1 << 14  # the same for a matrix and a vector
SHARES = 4  # pieces of work per thread, so that a thread that loses its core delays the others little


def batched_matmul(A, B, out=None, *, n_threads=None):
    """Multiply stacks of matrices, ``A @ B``, fast where the matrices are small.

    Parameters
    ----------
    A : array-like of shape (..., m, k)
        Any number of leading dimensions, or none. Any strides; nothing is copied unless dtypes differ.
    B : array-like of shape (..., k, n)
        The leading dimensions broadcast with A's as in :func:`numpy.matmul`.
    out : ndarray of shape (..., m, n), optional
        Takes the product. It must have the product's shape and dtype, and a place for each number, with any
        strides; where it shares memory with A or B, the product is made apart and then copied.
    n_threads : int, optional
        At most so many. None: the cores this process may use, and 1 where the work is too small to gain.
        The result does not depend on it.

    Returns
    -------
    ndarray of shape (..., m, n)
        `out` if it was given. float32 or float64 by NumPy's promotion: float64 where one factor is, or
        where float32 meets integers of 32 bits and more.

    Raises
    ------
    ValueError
        Shapes do not fit, the promoted dtype is neither float32 nor float64 (two integer stacks, complex
        numbers), or `out` has another shape or dtype.
    TypeError
        `out` is no array, or `n_threads` no int.

    Notes
    -----
    Each element is summed in an order that depends on the shapes and strides of the matrices only, which
    differs from BLAS's in the last digits. NaN and infinity propagate; no floating-point warnings are given.

    Where one product takes more than 2**20 multiply-adds (about 100 x 100 x 100), or a vector meets a matrix
    of 128 x 128 or more, BLAS is no slower: the stack goes to :func:`numpy.matmul`, which chooses its threads
    itself.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import batched_matmul
    >>> A = np.arange(8.0).reshape(2, 2, 2)
    >>> batched_matmul(A, np.eye(2)[::-1])
    array([[[1., 0.],
            [3., 2.]],
    <BLANKLINE>
           [[5., 4.],
            [7., 6.]]])
    """
    A, B, shape = check_stacks(A, B)
    dtype = A.dtype
    if n_threads is not None:
        check_int("n_threads", n_threads)
    result = np.empty(shape, dtype) if out is None else check_out(out, shape, dtype)
    m, n, k = shape[-2], shape[-1], A.shape[-1]
    if m * n * k >= VECTOR and (m * n * k > LARGE or m == 1 or n == 1):
        with np.errstate(all="ignore"):
            return np.matmul(A, B, out=result)
    if result.size * k > LARGE:
        done = _multiply(A, B, result, n_threads)
    else:  # small products: no time is spent on choosing threads
        done = kernels(dtype).matmul_stack(A, B, result)
    if done:
        return result
    result = np.empty(shape, dtype)  # the kernels do not take this memory layout
    if not _multiply(A, B, result, n_threads):
        _multiply(A.copy(), B.copy(), result, n_threads)
    if out is None:
        return result
    out[...] = result
    return out


def _multiply(A, B, out, n_threads):
    """Write out = A B, with threads where they gain; False, with nothing written, for layouts not taken."""
    multiply = kernels(out.dtype).matmul_stack
    count = prod(out.shape[:-2])
    if n_threads is None:
        n_threads = threads_for(out.size * (A.shape[-1] + ELEMENT_WORK), MIN_WORK)
    n_threads = min(n_threads, count)
    if n_threads <= 1:
        return multiply(A, B, out)
    if not multiply(A, B, out, 0, 0):
        return False
    n_shares = min(count, SHARES * n_threads)
    cuts = [count * i // n_shares for i in range(n_shares + 1)]
    shares = ((first, stop - first) for first, stop in pairwise(cuts))
    share_out(lambda first, n: multiply(A, B, out, first, n), shares, n_threads)
    return True
