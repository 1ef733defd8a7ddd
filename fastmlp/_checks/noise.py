"""What noise is added to, how much of it, and where the result goes."""

from numbers import Real

import numpy as np

from .batched import check_out
from .data import as_array, as_float, check_finite
from .values import check_real, shown
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
    if 0 < sigma <= 1 and _are_grey_levels(X):
        warn(
            f"sigma={sigma:g} is in the units of {name}, whose values reach {X.max()}: almost no noise. Pass "
            "unit=255 where it is meant as a share of their range, unit=1 where it is meant as it is"
        )
    return sigma


def _are_grey_levels(X):
    """Whether numbers seem to be grey levels from 0 to 255; wider integers may be, where they come so far."""
    if X.dtype.kind not in "iu" or not X.size:
        return False
    most = int(X.max())
    return most > 1 if X.dtype == np.uint8 else 127 < most < 256 and int(X.min()) >= 0


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
