"""Picks the backend: once, when it is first needed.

``FASTMLP_BACKEND`` names one (``avx512``, ``avx2``, ``base``, ``numba``, ``numpy``); without it, or with
``auto``, the best compiled build that this CPU can run is taken, Numba where none was built, and plain NumPy,
which is slow, where Numba is missing too. A backend that is named but missing, or that the CPU cannot run, is
an error.
"""

import importlib
import importlib.util
import os
from contextlib import contextmanager
from functools import cache

import numpy as np

from . import records
from .contract import Kernels

COMPILED = ("avx512", "avx2", "base")
BACKENDS = (*COMPILED, "numba", "numpy")
SUFFIX = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}


def _is_built(name):
    if name == "numba":
        return importlib.util.find_spec("numba") is not None
    if name == "numpy":
        return True
    return all(
        importlib.util.find_spec(f"{__package__}.native._{name}_{suffix}") for suffix in SUFFIX.values()
    )


def runnable():
    """Names of the compiled backends that this CPU can run, built or not, best first."""
    try:
        from .native.cpu import levels
    except ImportError:  # nothing was compiled
        return ()
    return levels()


@cache
def available():
    """Names of the backends that are built and that this CPU can run, best first."""
    return tuple(name for name in (*runnable(), "numba", "numpy") if _is_built(name))


@cache
def load(name, dtype) -> Kernels:
    """The kernels of one named backend for one dtype.

    Raises
    ------
    ImportError
        Where the backend is missing or the CPU cannot run it; the message says which.
    """
    if name not in BACKENDS:
        raise ImportError(f"FASTMLP_BACKEND must be 'auto' or one of {', '.join(BACKENDS)}, got {name!r}")
    if name in ("numba", "numpy"):
        if not _is_built(name):
            raise ImportError(
                "the numba backend needs Numba, which is not installed; run: pip install 'fastmlp[numba]'"
            )
        return importlib.import_module(f".{name}_backend", __package__).namespace(np.dtype(dtype))
    if not _is_built(name):
        raise ImportError(
            f"the {name} backend was not built when fastmlp was installed; reinstall it with a C compiler "
            f"present (available now: {', '.join(available()) or 'none'})"
        )
    if name not in runnable():
        raise ImportError(
            f"this CPU cannot run the {name} backend; it can run: {', '.join(available()) or 'none'}"
        )
    module = importlib.import_module(f".native._{name}_{SUFFIX[np.dtype(dtype)]}", __package__)
    if getattr(module, "declared", dict)() != records.declared():
        raise ImportError(
            f"the {name} backend was built from other sources than those beside it; build it again, by "
            "reinstalling fastmlp or, in a clone, by make build"
        )
    return module


_asked = None  # the backend's name inside `using`, else None


@contextmanager
def using(name):
    """Take the backend of this name inside, in all threads of this process."""
    global _asked
    before, _asked = _asked, name
    _forget()
    try:
        backend()
        yield
    finally:
        _asked = before
        _forget()


def _forget():
    backend.cache_clear()
    in_use.clear()


@cache
def backend():
    """Name of the backend in use."""
    name = _asked or os.environ.get("FASTMLP_BACKEND") or "auto"
    if name != "auto":
        load(name, np.dtype(np.float32))
        return name
    return available()[0]


class _InUse(dict):
    def __missing__(self, dtype):
        found = self[dtype] = load(backend(), np.dtype(dtype))
        return found


in_use = _InUse()  # the kernels for each dtype, by which they are found within nanoseconds


def kernels(dtype) -> Kernels:
    """The kernels in use for a dtype (float32 or float64)."""
    return in_use[dtype]
