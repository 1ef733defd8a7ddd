"""Lines of C that measure this machine, compiled for one instruction-set level when they are first needed."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

VECTORS = {"avx512": (64, "-march=x86-64-v4"), "avx2": (32, "-march=x86-64-v3"), "base": (16, "")}


@cache
def library(source, level):
    """Return C source as a loaded library; None without a C compiler.

    Parameters
    ----------
    source : str
        With BYTES, a vector's, as a macro.
    level : str
        A level of `VECTORS`; None for any other.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or level not in VECTORS:
        return None
    n_bytes, flag = VECTORS[level]
    with tempfile.TemporaryDirectory() as folder:
        text, binary = Path(folder, "measured.c"), Path(folder, "measured.so")
        text.write_text(source)
        how = ["-O3", "-shared", "-fPIC", "-ffp-contract=fast", f"-DBYTES={n_bytes}", *flag.split()]
        if subprocess.run([compiler, *how, str(text), "-o", str(binary)], capture_output=True).returncode:
            return None
        return ctypes.CDLL(str(binary))
