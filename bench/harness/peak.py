"""The register FMA peak: how many multiply-adds a core does while all it needs lies in registers.

A few lines of C: independent chains of additions hide each other's
latency. The baseline level has no fused instruction and multiplies and adds.
"""

import ctypes
import threading
import time

from .native import VECTORS, library

CHAINS = 12  # two instructions a cycle, each done after four or five, and 16 registers: two hold the factors
SOURCE = """
typedef float vec __attribute__((vector_size(BYTES)));
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
float chains(long n, float factor, float term) {
#define BEGIN(k) vec a##k = c + k;
#define STEP(k) a##k = a##k * b + c;
#define ADD(k) + a##k
    vec b = {0}, c = {0};
    b += factor; c += term;
    EACH(BEGIN)
    for (long i = 0; i < n; i++) { EACH(STEP) }
    return (b EACH(ADD))[0];
}
"""
SECONDS, WINDOWS = 0.0005, 8  # the best of some short windows, between which others may have the core


def compiled(level):
    """Return the C function of one level; None without a C compiler."""
    found = library(SOURCE, level)
    if found is None:
        return None
    function = found.chains
    function.argtypes, function.restype = [ctypes.c_long, ctypes.c_float, ctypes.c_float], ctypes.c_float
    return function


def _one_core(function, flops):
    n, best = 1000, 0.0
    for _ in range(WINDOWS):
        start = time.perf_counter()
        function(n, 0.999, 0.001)
        seconds = time.perf_counter() - start
        best = max(best, flops * n / seconds / 1e9)
        n = max(1000, int(n * min(100.0, SECONDS / seconds)))
    return best


def peak(level, n_threads=1):
    """Return GFLOP/s of single precision that the cores reach at one level now; None without a C compiler."""
    function = compiled(level)
    if function is None:
        return None
    flops = 2 * CHAINS * VECTORS[level][0] // 4
    found = []
    crew = [
        threading.Thread(target=lambda: found.append(_one_core(function, flops))) for _ in range(n_threads)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return sum(found)
