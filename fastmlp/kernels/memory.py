"""What every array passes before it reaches a kernel.

A kernel computes on addresses and takes sizes on trust. So before it is given an address, it is known that
the numbers there are of its kind and byte order, aligned, one after another, as many as it will touch, and
that it may write to them where it writes. What is only read is copied where it lies otherwise; what is
written to is refused, for results would go to the copy. The compiled kernels (``api.pxi``) ask the same in C,
in a few nanoseconds, and raise by `refuse`.
"""

import ctypes
from math import prod

import numpy as np

_BYTE = ctypes.c_char


def readable(name, array, dtype, shape):
    """Return an array that is only read: itself, or a copy where it lies as the kernels do not take it."""
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.shape == shape:
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return array
    elif not _differs_in_order_only(array, dtype, shape):
        refuse(name, array, dtype, prod(shape))
    return _copy(array, dtype)


def check(name, array, dtype, shape, written=False):
    """Return an array, which must lie as the kernels take it, and where it is written to, may be."""
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.shape == shape:
        flags = array.flags
        if flags.carray if written else flags.c_contiguous and flags.aligned:
            return array
    return refuse(name, array, dtype, prod(shape), written)


def writable(name, array, dtype, shape):
    """Return an array that is written to: itself or nothing, for results would go to a copy."""
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.shape == shape and array.flags.carray:
        return array
    return refuse(name, array, dtype, prod(shape), True)


def owned(array):
    """Return an array that may be written to: itself, or a copy where it may not or lies otherwise."""
    if array.flags.carray and array.dtype.isnative:
        return array
    return _copy(array, array.dtype.newbyteorder("="))


def aligned_zeros(shape, dtype):
    """Zeros that start at a multiple of 64 bytes, so that vectors of whole rows straddle no cache lines."""
    count = prod(shape) if isinstance(shape, tuple) else shape
    if count == 0:
        return np.zeros(shape, dtype)
    memory = aligned_bytes(count * np.dtype(dtype).itemsize)
    memory[:] = 0
    return memory.view(dtype).reshape(shape)


def aligned_bytes(n):
    """`n` bytes of scratch memory that start at a multiple of 64."""
    memory = np.empty(n + 64, np.uint8)
    start = -ctypes.addressof(_BYTE.from_buffer(memory)) % 64  # a fifth of the time of memory.ctypes.data
    return memory[start : start + n]


def insist(function, *given):
    """Return what a function returns; call it again where there was no memory for it, but may be by now.

    For what is written down of a training whose weights have moved: to lose that would leave half a model.
    """
    try:
        return function(*given)
    except MemoryError:
        return function(*given)


def refuse(name, array, dtype, count, written=False):
    """Raise: an array is not what a kernel would take it for."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array; got {type(array).__name__}: pass np.asarray({name})")
    flags, dtype = array.flags, np.dtype(dtype)
    kind = f"{dtype.name}" if dtype.names is None else "records of kernels/plan.py"
    faults = [
        fault
        for fault, there in (
            (f"dtype {array.dtype}", array.dtype != dtype),
            (f"{array.size} numbers of shape {array.shape}", array.size != count),
            ("numbers that do not lie one after another", not flags.c_contiguous),
            ("addresses off alignment", not flags.aligned),
            ("read-only memory", written and not flags.writeable),
        )
        if there
    ]
    raise ValueError(
        f"{name} must hold {count} numbers of {kind}, aligned and C-contiguous{', to write to' * written}; "
        f"got {' and '.join(faults) or 'another layout'}: make it by np.require({name}, ..., ['C', 'A', 'W'])"
    )


def refuse_number(name, numbers, stop):
    """Raise: numbers by which kernels find something are outside of it."""
    raise ValueError(
        f"{name} must hold numbers from 0 to {stop - 1}; got {numbers.min()} to {numbers.max()}: "
        "number from 0 what is there"
    )


def check_numbers(name, numbers, stop):
    """Return an array of int64, all of which must lie in [0, stop)."""
    # negative numbers are large as unsigned ones
    if numbers.size and int(numbers.view(np.uint64).max()) >= stop:
        refuse_number(name, numbers, stop)
    return numbers


def _differs_in_order_only(array, dtype, shape):
    return isinstance(array, np.ndarray) and array.dtype.newbyteorder("=") == dtype and array.shape == shape


def _copy(array, dtype):
    new = aligned_zeros(array.shape, dtype)
    new[...] = array
    return new
