"""Philox 4x32-10 (Salmon et al., 2011), and the dropout drawn from it.

What it draws depends on the position only: units in fours, sample, layer + 1, epoch.
"""

import numpy as np

from .build import BATCH, inline, kernel, leaf

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
    """0 at the rate, else 1 / (1 - rate), by 24 of 32 random bits."""
    return 1.0 / (1.0 - rate) if np.float64(bits >> DROP) * ONE_BIT >= rate else 0.0


@kernel
def dropout_factor(seed, epoch, layer, position, rate, unit):
    """0 where `unit` is dropped, else 1 / (1 - rate)."""
    words = philox(unit >> 2, position, layer + 1, epoch, seed)
    return _factor(words[unit & 3], rate)


@leaf("iiiidpi->i", of=(BATCH,))
def fill_factors(seed, epoch, layer, position, rate, mask, n):
    """mask[unit] = 0 or 1 / (1 - rate), for all n units of one sample."""
    for unit in range(0, n & ~3, 4):
        a, b, c, d = philox(unit >> 2, position, layer + 1, epoch, seed)
        mask[unit], mask[unit + 1] = _factor(a, rate), _factor(b, rate)
        mask[unit + 2], mask[unit + 3] = _factor(c, rate), _factor(d, rate)
    for unit in range(n & ~3, n):
        mask[unit] = dropout_factor(seed, epoch, layer, position, rate, unit)
    return 0
