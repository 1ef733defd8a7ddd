"""Gaussian noise: Philox 4x32-10 and the Box-Muller transform, the same bits as in noise.pxi.

The order of the values, of the operations and the constants are those of noise.pxi. Nothing is fused here:
Numba lets LLVM contract a product and a sum only where it is told to.
"""

import math

import numpy as np

from .build import inline, leaf
from .memory import at, put
from .noise import philox

COUNTERS = 16
STREAM = 0x6E6F6973
F, D = np.float32, np.float64
FULL, HALF_WORD, ANGLE = np.uint64(0xFFFFFFFF), np.uint64(0xFFFF), np.uint64(0x3FFFFFFF)
SIXTEEN, TWO_BITS, ODD, SWAP, SIGN = np.uint64(16), np.uint64(2), np.uint64(2), np.uint64(31), np.uint64(30)
ONE_BIT = np.uint64(1)

F_ONE, F_HALF, F_TWO_16, F_TWO_M32 = F(1), F(0.5), F(2.0**16), F(2.0**-32)
F_LARGEST, F_LOG_SCALE = F(4294967040.0), F(-1.38629436111989061883)
F_L0, F_L1, F_L2 = F(-2.0), F(0.9999997615814209), F(-0.6666837334632874)
F_L3, F_L4, F_L5 = F(0.5000414848327637), F(-0.39913666248321533), F(0.33124786615371704)
F_L6, F_L7, F_L8 = F(-0.2990453243255615), F(0.28733688592910767), F(-0.17444713415363)
F_S0, F_S1, F_S2 = F(1.5707963705062866), F(-0.6459634900093079), F(0.07968003302812576)
F_S3, F_C3 = F(-0.00460165785625577), F(-0.02039858140051365)
F_C0, F_C1, F_C2 = F(0.9999999403953552), F(-1.233696699142456), F(0.25359493494033813)

LOG_SCALE, LARGEST = -1.38629436111989061883, 18446744073709549568.0
TWO_32, TWO_M32, TWO_M30, TWO_29 = 2.0**32, 2.0**-32, 2.0**-30, 2.0**29


@inline
def _radius_single(word):
    """sqrt(-2 ln((word + 1/2) / 2^32)), never 0."""
    draw = F(np.int64(word >> SIXTEEN)) * F_TWO_16 + (F(np.int64(word & HALF_WORD)) + F_HALF)
    bits = np.int64(np.float32(min(draw, F_LARGEST)).view(np.int32))
    e = (bits - 0x3F3504F3) >> 23
    f = np.int32(bits - (e << 23)).view(np.float32) - F_ONE
    p = f * F_L8
    p = (p + F_L7) * f
    p = (p + F_L6) * f
    p = (p + F_L5) * f
    p = (p + F_L4) * f
    p = (p + F_L3) * f
    p = (p + F_L2) * f
    p = (p + F_L1) * f
    p = (p + F_L0) * f
    return math.sqrt(F(e - 32) * F_LOG_SCALE + p)


@inline
def _pair_single(radius, word, sigma):
    """Two values of deviation sigma from a radius and the angle that a word stands for."""
    t = F(np.int64(np.int32(word << TWO_BITS | ODD))) * F_TWO_M32
    q = t * t
    s = (((q * F_S3 + F_S2) * q + F_S1) * q + F_S0) * t
    c = ((q * F_C3 + F_C2) * q + F_C1) * q + F_C0
    if word >> SIGN & ONE_BIT:
        c = -c
    r = radius * sigma
    return (r * s, r * c) if word >> SWAP & ONE_BIT else (r * c, r * s)


@inline
def _radius_double(high, low):
    """sqrt(-2 ln((2^32 high + low + 1/2) / 2^64)), never 0."""
    draw = D(np.int64(high)) * TWO_32 + (D(np.int64(low)) + 0.5)
    bits = np.float64(min(draw, LARGEST)).view(np.int64)
    e = (bits - 0x3FE6A09E667F3BCD) >> 52
    f = np.int64(bits - (e << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    t = s * s
    p = t * -0.2962105968898056
    p = (p - 0.3062488750469676) * t
    p = (p - 0.3636727018910893) * t
    p = (p - 0.44444393976477314) * t
    p = (p - 0.5714285752269359) * t
    p = (p - 0.7999999999859776) * t
    p = (p - 1.333333333333353) * t
    p = (p - 4.0) * s
    return math.sqrt(D(e - 64) * LOG_SCALE + p)


@inline
def _pair_double(radius, high, low, sigma):
    """Two values of deviation sigma from a radius and the angle that two words stand for."""
    fraction = (D(np.int64(low)) + 0.5) * TWO_M32
    t = ((D(np.int64(high & ANGLE)) - TWO_29) + fraction) * TWO_M30
    q = t * t
    s = q * 5.6337210119058174e-08
    s = (s - 3.598641754446395e-06) * q
    s = (s + 0.00016044115029165067) * q
    s = (s - 0.004681754132282418) * q
    s = (s + 0.07969262624603957) * q
    s = (s - 0.6459640975062443) * q
    s = (s + 1.5707963267948966) * t
    c = q * -6.320557348901039e-09
    c = (c + 4.7106035813759967e-07) * q
    c = (c - 2.5202036558211215e-05) * q
    c = (c + 0.0009192602741467712) * q
    c = (c - 0.020863480763308004) * q
    c = (c + 0.2536695079010466) * q
    c = (c - 1.2337005501361697) * q
    c = c + 1.0
    if high >> SIGN & ONE_BIT:
        c = -c
    r = radius * sigma
    return (r * s, r * c) if high >> SWAP & ONE_BIT else (r * c, r * s)


@inline
def _put_clipped(target, i, value, low, high):
    value = value if value > low else low
    put(target, i, value if value < high else high)


@inline
def _place(source, target, i, n, noise, low, high):
    """Value i of n, where it is one of them: the source with noise added, clipped."""
    if 0 <= i < n:
        _put_clipped(target, i, at(source, i) + noise, low, high)


@leaf("ppiiiirr->d")
def repeat_rows(source, target, width, n_copies, first, n, low, high):
    """target = elements first ... first + n of the rows of `source`, each n_copies times; clipped."""
    row, column, i = first // width, first % width, 0
    while i < n:
        start = row // n_copies * width + column
        m = min(width - column, n - i)
        for j in range(m):
            _put_clipped(target, i + j, at(source, start + j), low, high)
        i += m
        row += 1
        column = 0
    return 0.0


@leaf("ppiiirrr->d")
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
    return 0.0


@leaf("ppiiirrr->d")
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
    return 0.0


@leaf("xpi->d")
def normals_single(words, out, n):
    """For tests: the values made of words (n, 4, 16)."""
    for k in range(n * COUNTERS):
        i = k // COUNTERS * 64 + k % COUNTERS
        for half in range(0, 64, 32):
            a, b = np.uint64(at(words, i + half)) & FULL, np.uint64(at(words, i + half + 16)) & FULL
            x, y = _pair_single(_radius_single(a), b, F_ONE)
            put(out, i + half, x)
            put(out, i + half + 16, y)
    return 0.0


@leaf("xpi->d")
def normals_double(words, out, n):
    """For tests: the values made of words (n, 4, 16)."""
    for k in range(n * COUNTERS):
        i = k // COUNTERS * 64 + k % COUNTERS
        a, b = np.uint64(at(words, i)) & FULL, np.uint64(at(words, i + 16)) & FULL
        c, d = np.uint64(at(words, i + 32)) & FULL, np.uint64(at(words, i + 48)) & FULL
        x, y = _pair_double(_radius_double(a, b), c, d, 1.0)
        put(out, k // COUNTERS * 32 + k % COUNTERS, x)
        put(out, k // COUNTERS * 32 + k % COUNTERS + 16, y)
    return 0.0
