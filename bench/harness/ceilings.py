"""What this machine could do at best: memory and caches, latencies, and the register FMA peak.

A case's floor is counted with these (`Case.floor`): no program can be faster than its slowest part, and one
whose parts do not overlap takes their sum.
"""

import ctypes
import threading
import time
from functools import cache

import numpy as np

from .native import library
from .peak import peak

SOURCE = """
typedef float vec __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / 4 };

float read_all(float *at, long n, long passes) {
    vec *a = (vec *)at, s[8] = {0};
    for (long k = 0; k < passes; k++)
        for (long i = 0; i + 8 <= n / LANES; i += 8)
            for (int j = 0; j < 8; j++) s[j] += a[i + j];
    vec sum = {0};
    for (int j = 0; j < 8; j++) sum += s[j];
    return sum[0];
}

float update_all(float *at, long n, long passes) {
    vec *a = (vec *)at;
    for (long k = 0; k < passes; k++)
        for (long i = 0; i < n / LANES; i++) a[i] = a[i] * 0.999f + 0.001f;
    return at[0];
}

float fma_chain(float *at, long n, long passes) {   /* each waits for the one before */
    vec x = {0}, b = x + at[0], c = x + at[1];
    for (long i = 0; i < passes; i++) x = x * b + c;
    return x[0];
}
"""
SECONDS, WINDOWS = 0.004, 6  # the best of some windows, between which others may have the core


def _shortest(function, array, span):
    """Return the seconds of one pass (or link of a chain), at best."""
    at, n, passes, best = array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), array.size, 1, np.inf
    for _ in range(WINDOWS):
        start = time.perf_counter()
        function(at, n, passes)
        seconds = (time.perf_counter() - start) / passes
        best, passes = min(best, seconds), max(1, int(span / seconds))
    return best


def _aligned(n):
    """Return n numbers, a whole number of vectors, where a vector may begin."""
    room = np.full(n + 16, 0.5, np.float32)
    first = -room.ctypes.data // 4 % 16
    return room[first : first + n]


@cache
def _measured(level, n_cores, name, n_bytes):
    """Return the seconds of a pass of each core over its part of the bytes, or of a link of a chain."""
    function, found = getattr(library(SOURCE, level), name), []
    function.argtypes = [ctypes.POINTER(ctypes.c_float), ctypes.c_long, ctypes.c_long]
    function.restype = ctypes.c_float

    def measure():
        found.append(_shortest(function, _aligned(max(n_bytes // n_cores // 512, 1) * 128), SECONDS))

    crew = [threading.Thread(target=measure) for _ in range(n_cores)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return max(found)


_peak = cache(peak)


class Ceilings:
    """What one core, or several at once, can do at one instruction-set level.

    Parameters
    ----------
    level : str
    n_cores : int
    """

    def __init__(self, level, n_cores):
        self.level, self.n_cores = level, n_cores

    @staticmethod
    def known(level):
        """Whether anything can be measured: there is a C compiler, and the level is one of vectors."""
        return library(SOURCE, level) is not None

    def _measured(self, name, n_bytes=0):
        return _measured(self.level, self.n_cores, name, n_bytes)

    def read(self, n_bytes):
        """Return the seconds in which all cores together read so many bytes, wherever they fit."""
        return self._measured("read_all", int(n_bytes))

    def update(self, n_bytes):
        """Return the seconds in which all cores together read and write so many bytes."""
        return self._measured("update_all", int(n_bytes))

    @property
    def fma(self):
        """Seconds until the result of a multiply-add can be used."""
        return self._measured("fma_chain")

    @property
    def flops(self):
        """Operations a second of all cores together."""
        return _peak(self.level, self.n_cores) * 1e9
