"""Philox 4x32-10 (Salmon et al., 2011), and the dropout masks drawn from it.

What it draws depends on the position only: units in fours, sample, layer + 1, epoch.
"""

import numpy as np

from .build import inline, kernel, leaf
from .memory import put

WORD = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
DROP, ONE_BIT = np.uint64(8), 2.0**-24


@inline
def philox(c0, c1, c2, c3, seed):
    """Ten rounds on the counter words; the key is the seed's low and high word."""
    key = np.uint64(seed)
    a, b, c, d = np.uint64(c0) & WORD, np.uint64(c1) & WORD, np.uint64(c2) & WORD, np.uint64(c3) & WORD
    k0, k1 = key & WORD, key >> HALF
    for _ in range(10):
        p, q = MULTIPLIER_0 * a, MULTIPLIER_1 * c
        a, b, c, d = (q >> HALF) ^ b ^ k0, q & WORD, (p >> HALF) ^ d ^ k1, p & WORD
        k0, k1 = (k0 + WEYL_0) & WORD, (k1 + WEYL_1) & WORD
    return a, b, c, d


@inline
def _factor(bits, rate):
    return 1.0 / (1.0 - rate) if np.float64(bits >> DROP) * ONE_BIT >= rate else 0.0


@kernel
def dropout_factor(seed, epoch, layer, position, rate, unit):
    """0 where `unit` is dropped, else 1 / (1 - rate)."""
    a, b, c, d = philox(unit >> 2, position, layer + 1, epoch, seed)
    lane = unit & 3
    if lane == 0:
        return _factor(a, rate)
    if lane == 1:
        return _factor(b, rate)
    if lane == 2:
        return _factor(c, rate)
    return _factor(d, rate)


@leaf("iiiidpii->d")
def fill_factors(seed, epoch, layer, position, rate, mask, stride, n):
    """mask[unit stride] = 0 or 1 / (1 - rate), for all n units of one sample."""
    for block in range((n + 3) >> 2):
        a, b, c, d = philox(block, position, layer + 1, epoch, seed)
        unit = 4 * block
        put(mask, unit * stride, _factor(a, rate))
        if unit + 1 < n:
            put(mask, (unit + 1) * stride, _factor(b, rate))
        if unit + 2 < n:
            put(mask, (unit + 2) * stride, _factor(c, rate))
        if unit + 3 < n:
            put(mask, (unit + 3) * stride, _factor(d, rate))
    return 0.0
