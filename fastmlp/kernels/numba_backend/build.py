"""How the kernels are compiled: small C functions that reach each other through the table of words.

Numba optimises a function again inside each of its callers. Heavy functions are therefore leaves: C
functions with fixed signatures, compiled once per dtype and cached on disk where that can be, which callers
reach by address (`call(c, C.multiply, ...)`).
"""

import ctypes
import importlib

from numba import cfunc, njit, types


def can_cache():
    """Return whether Numba finds a folder to keep compiled code in: beside these files, or the user's own."""

    def probe():
        pass

    try:
        njit(cache=True)(probe)
    except RuntimeError:  # neither can be written: everything is compiled anew in each process
        return False
    return True


CACHE = can_cache()
kernel = njit(nogil=True, cache=CACHE, error_model="numpy")
inline = njit(nogil=True, cache=CACHE, error_model="numpy", forceinline=True)

LEAVES: dict = {}
_TYPES = {
    "i": (types.int64, ctypes.c_int64),
    "d": (types.float64, ctypes.c_double),
    "w": (types.CPointer(types.int64), ctypes.c_void_p),
    "x": (types.CPointer(types.int32), ctypes.c_void_p),
}


def leaf(template):
    """Register a C function. One letter an argument: p pointer to real, r real, w to int64, x to int32,
    i int64, d float64; after the arrow, what it returns.
    """

    def register(function):
        LEAVES[function.__name__] = (function, template)
        return function

    return register


def compile_leaf(name, real):
    """The C function of a leaf for one element type, as a ctypes function that takes addresses."""
    function, template = LEAVES[name]
    table = _TYPES | {
        "p": (types.CPointer(real), ctypes.c_void_p),
        "r": (real, ctypes.c_float if real == types.float32 else ctypes.c_double),
    }
    arguments, result = template.split("->")
    numba_types, c_types = zip(*(table[letter] for letter in arguments), strict=True)
    compiled = cfunc(table[result][0](*numba_types), cache=CACHE, error_model="numpy")(function)
    return compiled, ctypes.CFUNCTYPE(table[result][1], *c_types)(compiled.address)


def register_all():
    """Import every file that has leaves."""
    names = "activation context matmul stack rows noise gaussian loss optimizer forward backward train neuron"
    for name in names.split():
        importlib.import_module(f".{name}", __package__)
