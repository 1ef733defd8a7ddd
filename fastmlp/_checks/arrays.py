"""Arrays that are computed with as they are: noise, and products of stacks; where results go."""

from numbers import Real

import numpy as np

from .data import as_array, as_float, check_finite
from .values import FLOATS, check_real, shown
from .warned import warn


def check_clean(name, X):
    """Return `X` as an array of finite numbers with at least one dimension, of any strides."""
    if hasattr(X, "tocsr"):
        raise TypeError(f"{name} must be a dense array, for noise leaves no zeros; pass {name}.toarray()")
    X = as_array(X, name)
    if X.dtype.kind not in "biuf" or X.dtype.itemsize > 8:
        X = as_float(X, name)
    if X.ndim == 0:
        raise ValueError(
            f"{name} must have at least 1 dimension; got a single number; pass np.atleast_1d({name})"
        )
    if X.dtype.kind == "f" and X.size:
        flags = ["external_loop", "buffered"]  # buffers of 64K numbers, in memory order
        for piece in np.nditer(X, flags, [["readonly"]], buffersize=1 << 16):
            check_finite(name, piece)
    return X


def check_unit(name, X, sigma, unit):
    """Return sigma in the units of X; warn where it seems to be a share of the range of bytes."""
    sigma = check_real("sigma", sigma)
    if unit is not None:
        return sigma * check_real("unit", unit, closed="neither")
    if X.dtype == np.uint8 and 0 < sigma <= 1 and X.size and X.max() > 1:
        warn(
            f"sigma={sigma:g} is in the units of {name}, whose values reach {X.max()}: almost no noise. Pass "
            "unit=255 where it is meant as a share of their range, unit=1 where it is meant as it is"
        )
    return sigma


def check_noise(sigma, clip, dtype):
    """Return sigma and the limits of clipping as floats."""
    largest = float(np.finfo(dtype).max) / 16  # so that 10 sigma, the most that is drawn, does not overflow
    sigma = check_real("sigma", sigma, 0.0, largest)
    if clip is None:
        return sigma, -np.inf, np.inf
    try:
        low, high = (float(limit) if isinstance(limit, Real) else float(None) for limit in clip)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"clip must be None or (low, high), two numbers; got {shown(clip)}") from None
    if not low <= high or low == np.inf or high == -np.inf:
        raise ValueError(
            f"clip must be (low, high) with low <= high, between which there are numbers; got {shown(clip)}"
        )
    return sigma, low, high


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


def check_noisy_out(out, shape, dtype, X, overlaps):
    """Return an array to write to: `out`, or a new one. It may be `X` itself where `overlaps`."""
    if out is None:
        return np.empty(shape, dtype)
    check_out(out, shape, dtype)
    if not (out.flags.c_contiguous and out.flags.aligned):
        raise ValueError("out must be C-contiguous and aligned; pass np.empty(shape, dtype)")
    if np.may_share_memory(out, X):
        same = out.ctypes.data == X.ctypes.data and out.strides == X.strides
        if not (overlaps and same and X.shape == shape and X.dtype == dtype):
            raise ValueError(
                "out shares memory with the input; pass another array, or all of the input itself"
            )
    return out


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
