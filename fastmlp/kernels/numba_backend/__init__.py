"""The kernels in Numba: the same functions as in the compiled modules, one namespace per dtype.

For machines without a build. One thread; results do not depend on `n_threads`. docs/numba.md says what it is
for, and how it is laid out. Compiled functions are cached on disk; a change in any file of this package or
of the folder above drops them, since Numba itself only watches the file that a function is written in.
"""

import contextlib
from pathlib import Path


def _drop_stale_caches():
    here = Path(__file__).parent
    sources = *here.glob("*.py"), *here.parent.glob("*.py")
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    for path in here.glob("__pycache__/*.nbi"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < newest:
                path.unlink()


_drop_stale_caches()

from .api import F32, F64, Kernels, namespace  # noqa: E402

__all__ = ["F32", "F64", "Kernels", "namespace"]
