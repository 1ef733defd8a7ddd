"""Where arrays and random states lie, for kernels that are called by address."""

import ctypes

import numpy as np


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
