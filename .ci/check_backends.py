"""Fail where a compiled backend that this CPU can run is missing.

What the CPU can run is asked of NumPy's detector, not of `dispatch`: the two must agree.
"""

import platform
import sys

from numpy._core._multiarray_umath import __cpu_features__ as cpu

from fastmlp.kernels import dispatch

LEVELS = {
    "avx2": ("AVX2", "FMA3"),
    "avx512": ("AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"),
}

expected = ["base"]
if platform.machine().lower() in ("x86_64", "amd64"):
    expected += [name for name, features in LEVELS.items() if all(cpu[feature] for feature in features)]

available = dispatch.available()
missing = [name for name in expected if name not in available]
print(f"compiled backends for this CPU: {', '.join(expected)}; available: {', '.join(available)}")
if missing:
    sys.exit(f"missing backends: {', '.join(missing)}")
if dispatch.backend() != expected[-1]:
    sys.exit(f"dispatch chose {dispatch.backend()!r} where {expected[-1]!r} is the best")
