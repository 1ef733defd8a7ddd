"""The kernels in Numba: the same functions as in the compiled modules, one namespace per dtype.

For machines without a build. docs/numba.md says what it is for, and how it is laid out.
"""

from .api import F32, F64, Kernels, namespace

__all__ = ["F32", "F64", "Kernels", "namespace"]
