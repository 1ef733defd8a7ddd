"""Where arrays lie, for kernels that are called by address; and what must hold before they get it."""

import ctypes

import numpy as np

from .. import memory


def address(array):
    """Where an array's numbers are, 0 for None.

    The first member of NumPy's array object, by its public C interface: read directly, which takes a fifth of
    the time of `array.ctypes.data`, for predictions of one row.
    """
    return 0 if array is None else _read_word(id(array) + _HEADER).value


_read_word, _HEADER = ctypes.c_ssize_t.from_address, object.__basicsize__
_PROBE = np.zeros(1)
if address(_PROBE) != _PROBE.ctypes.data:  # an interpreter that lays objects out otherwise

    def address(array):
        return 0 if array is None else array.ctypes.data


def readable(name, array, dtype, shape):
    """Where numbers lie that are only read."""
    return address(memory.check(name, array, dtype, shape))


def writable(name, array, dtype, shape):
    """Where numbers lie that are written to."""
    return address(memory.check(name, array, dtype, shape, written=True))


def same(name, given, expected):
    """Raise where two sizes that must be one are not."""
    if given != expected:
        raise ValueError(f"{name} must be {expected}, as the other arrays and the plan have it; got {given}")


def shuffle_source(random_state):
    """Addresses of a RandomState's next_uint32 and of its state."""
    interface = random_state._bit_generator.ctypes
    return ctypes.cast(interface.next_uint32, ctypes.c_void_p).value, interface.state_address


def overlaps_itself(array):
    """Whether two elements may lie in one place."""
    reach = array.itemsize
    for stride, length in sorted(
        (abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1
    ):
        if stride < reach:
            return True
        reach += stride * (length - 1)
    return False
