"""Stacks of matrices, which are multiplied as they are, and where their product goes."""

import numpy as np

from .data import as_array
from .values import FLOATS, shown


def check_stacks(A, B):
    """Return two stacks of matrices as arrays of one float type, and the shape of their product."""
    if type(A) is not np.ndarray or type(B) is not np.ndarray:
        A, B = as_array(A, "A"), as_array(B, "B")
    dtype = A.dtype
    if dtype is not B.dtype or not (dtype is FLOATS[1] or dtype is FLOATS[0]):
        dtype = product_dtype(dtype, B.dtype)
        A, B = A.astype(dtype, copy=False), B.astype(dtype, copy=False)
    a, b = A.shape, B.shape
    # the common case first: for small products each test counts
    if len(a) == len(b) == 3 and a[0] == b[0] and a[2] == b[1]:
        return A, B, (a[0], a[1], b[2])
    if len(a) < 2 or len(b) < 2:
        raise ValueError(
            f"A and B must have at least 2 dimensions, (..., rows, columns); got the shapes {a} and {b}: "
            "make a vector a matrix of one column by v[..., None], of one row by v[..., None, :]"
        )
    if a[-1] != b[-2]:
        raise ValueError(
            f"A must have as many columns as B has rows; got {a[-1]} in {a} and {b[-2]} in {b}: "
            "a stack is transposed by A.swapaxes(-2, -1)"
        )
    leading = a[:-2]
    if leading != b[:-2]:
        try:
            leading = np.broadcast_shapes(leading, b[:-2])
        except ValueError:
            raise ValueError(
                f"leading dimensions of A and B must broadcast; got {leading} of {a} and {b[:-2]} of {b}: "
                "they must be equal, 1 or missing"
            ) from None
    return A, B, (*leading, a[-2], b[-1])


def product_dtype(a, b):
    """Return the float type of a product by NumPy's promotion."""
    try:
        found = np.result_type(a, b)
    except TypeError:
        found = np.dtype(object)
    if found not in FLOATS:
        raise ValueError(
            f"A and B must have a product in float32 or float64; got dtypes {a} and {b}: convert one by "
            "A.astype(np.float64), or take numpy.matmul"
        )
    return found


def check_out(out, shape, dtype):
    """Return `out`, which must be able to hold a result."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array or None; got {shown(out)} of type {type(out).__name__}")
    if out.shape != shape or (out.dtype is not dtype and out.dtype != dtype):
        raise ValueError(
            f"out must have shape {shape} and dtype {dtype}; got {out.shape} and {out.dtype}: "
            f"make it by np.empty({shape}, np.{dtype})"
        )
    if not out.flags.writeable:
        raise ValueError("out must be writeable; got a read-only array: pass a copy of it")
    if not out.flags.c_contiguous and _overlaps_itself(out):
        raise ValueError(
            f"out must have a place for each number; got strides {out.strides} for shape {shape}, by which "
            f"several share one: pass np.empty({shape}, np.{dtype})"
        )
    return out


def _overlaps_itself(array):
    """Return whether numbers may share memory: some axis steps by less than those inside it take up."""
    taken = array.itemsize
    steps = [abs(step) for step in array.strides]
    for step, n in sorted((step, n) for step, n in zip(steps, array.shape, strict=True) if n > 1):
        if step < taken:
            return True
        taken += step * (n - 1)
    return False
