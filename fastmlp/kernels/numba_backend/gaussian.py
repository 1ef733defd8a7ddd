"""Gaussian noise: Philox 4x32-10 and the Box-Muller transform, the same bits as in noise.pxi.

The order of the values and of the operations is that of noise.pxi. Nothing is fused here:
Numba lets LLVM contract a product and a sum only where it is told to.
"""

import math

import numpy as np

from ..normals import COSINE, COUNTERS, LOG, LOG_SCALE, SINE, STREAM
from .build import entry, inline
from .lanes import real
from .philox import philox

F, D = np.float32, np.float64
FULL, HALF_WORD, ANGLE = np.uint64(0xFFFFFFFF), np.uint64(0xFFFF), np.uint64(0x3FFFFFFF)
SIXTEEN, TWO_BITS, ODD, SWAP, SIGN = np.uint64(16), np.uint64(2), np.uint64(2), np.uint64(31), np.uint64(30)
ONE_BIT = np.uint64(1)
F_ONE, F_HALF, F_TWO_16, F_TWO_M32 = F(1), F(0.5), F(2.0**16), F(2.0**-32)
F_LARGEST, F_LOG_SCALE = F(4294967040.0), F(LOG_SCALE)
LARGEST, TWO_32, TWO_M32, TWO_M30, TWO_29 = 18446744073709549568.0, 2.0**32, 2.0**-32, 2.0**-30, 2.0**29
(LOG_32, LOG_64), (SINE_32, SINE_64), (COSINE_32, COSINE_64) = ((t[4], t[8]) for t in (LOG, SINE, COSINE))


@inline
def _polynomial(terms, x):
    """Horner's scheme, every product and sum rounded."""
    y = real(terms[0], x)
    for term in terms[1:]:
        y = y * x + real(term, x)
    return y


@inline
def _pair(radius, sine, cosine, word, sigma):
    """Two values of deviation sigma: the two highest bits of `word` say by which axis the angle lies."""
    if word >> SIGN & ONE_BIT:
        cosine = -cosine
    r = radius * sigma
    return (r * sine, r * cosine) if word >> SWAP & ONE_BIT else (r * cosine, r * sine)


@inline
def _radius_single(word):
    """sqrt(-2 ln((word + 1/2) / 2^32)), never 0."""
    draw = F(np.int64(word >> SIXTEEN)) * F_TWO_16 + (F(np.int64(word & HALF_WORD)) + F_HALF)
    bits = np.int64(np.float32(min(draw, F_LARGEST)).view(np.int32))
    e = (bits - 0x3F3504F3) >> 23
    f = np.int32(bits - (e << 23)).view(np.float32) - F_ONE
    return math.sqrt(F(e - 32) * F_LOG_SCALE + _polynomial(LOG_32, f) * f)


@inline
def _pair_single(radius, word, sigma):
    """Two values of deviation sigma from a radius and the angle that a word stands for."""
    t = F(np.int64(np.int32(word << TWO_BITS | ODD))) * F_TWO_M32
    q = t * t
    return _pair(radius, _polynomial(SINE_32, q) * t, _polynomial(COSINE_32, q), word, sigma)


@inline
def _radius_double(high, low):
    """sqrt(-2 ln((2^32 high + low + 1/2) / 2^64)), never 0."""
    draw = D(np.int64(high)) * TWO_32 + (D(np.int64(low)) + 0.5)
    bits = np.float64(min(draw, LARGEST)).view(np.int64)
    e = (bits - 0x3FE6A09E667F3BCD) >> 52
    f = np.int64(bits - (e << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    return math.sqrt(D(e - 64) * LOG_SCALE + _polynomial(LOG_64, s * s) * s)


@inline
def _pair_double(radius, high, low, sigma):
    """Two values of deviation sigma from a radius and the angle that two words stand for."""
    fraction = (D(np.int64(low)) + 0.5) * TWO_M32
    t = ((D(np.int64(high & ANGLE)) - TWO_29) + fraction) * TWO_M30
    q = t * t
    return _pair(radius, _polynomial(SINE_64, q) * t, _polynomial(COSINE_64, q), high, sigma)


@inline
def _put_clipped(target, i, value, low, high):
    """target[i] = min(max(value, low), high)"""
    value = value if value > low else low
    target[i] = value if value < high else high


@inline
def _place(source, target, i, n, noise, low, high):
    """Value i of n, where it is one of them: the source with noise added, clipped."""
    if 0 <= i < n:
        _put_clipped(target, i, source[i] + noise, low, high)


@entry("ppiiiirr->i")
def repeat_rows(source, target, width, n_copies, first, n, low, high):
    """target = elements first ... first + n of the rows of `source`, each n_copies times; clipped."""
    row, column, i = first // width, first % width, 0
    while i < n:
        start = row // n_copies * width + column
        m = min(width - column, n - i)
        for j in range(m):
            _put_clipped(target, i + j, source[start + j], low, high)
        i += m
        row += 1
        column = 0
    return 0


@entry("ppiiirrr->i")
def add_stream_single(source, target, first, n, key, sigma, low, high):
    """target = min(max(source + sigma z, low), high); z are values first ... first + n of the stream."""
    for group in range(first // 64, (first + n + 63) // 64):
        for j in range(COUNTERS):
            counter = group * COUNTERS + j
            a, b, c, d = philox(counter, counter >> 32, 4, STREAM, key)
            i = group * 64 + j - first
            x, y = _pair_single(_radius_single(a), b, sigma)
            _place(source, target, i, n, x, low, high)
            _place(source, target, i + 16, n, y, low, high)
            x, y = _pair_single(_radius_single(c), d, sigma)
            _place(source, target, i + 32, n, x, low, high)
            _place(source, target, i + 48, n, y, low, high)
    return 0


@entry("ppiiirrr->i")
def add_stream_double(source, target, first, n, key, sigma, low, high):
    """The same in double precision: two values a counter."""
    for group in range(first // 32, (first + n + 31) // 32):
        for j in range(COUNTERS):
            counter = group * COUNTERS + j
            a, b, c, d = philox(counter, counter >> 32, 8, STREAM, key)
            i = group * 32 + j - first
            x, y = _pair_double(_radius_double(a, b), c, d, sigma)
            _place(source, target, i, n, x, low, high)
            _place(source, target, i + 16, n, y, low, high)
    return 0


@entry("xpi->i")
def normals_single(words, out, n):
    """For tests: the values made of words (n, 4, 16)."""
    for k in range(n * COUNTERS):
        i = k // COUNTERS * 64 + k % COUNTERS
        for half in range(0, 64, 32):
            a, b = np.uint64(words[i + half]) & FULL, np.uint64(words[i + half + 16]) & FULL
            x, y = _pair_single(_radius_single(a), b, F_ONE)
            out[i + half] = x
            out[i + half + 16] = y
    return 0


@entry("xpi->i")
def normals_double(words, out, n):
    """For tests: the values made of words (n, 4, 16)."""
    for k in range(n * COUNTERS):
        i = k // COUNTERS * 64 + k % COUNTERS
        a, b = np.uint64(words[i]) & FULL, np.uint64(words[i + 16]) & FULL
        c, d = np.uint64(words[i + 32]) & FULL, np.uint64(words[i + 48]) & FULL
        x, y = _pair_double(_radius_double(a, b), c, d, 1.0)
        out[k // COUNTERS * 32 + k % COUNTERS] = x
        out[k // COUNTERS * 32 + k % COUNTERS + 16] = y
    return 0
