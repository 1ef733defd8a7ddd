"""Gaussian noise: Philox and the Box-Muller transform, with the same bits as every other backend's.

Values of a stream are made by groups of 16 counters: 64 values in single precision, 32 in double. A counter's
four words are two radii and two angles, or one of each with twice the bits. Each operation below is rounded
once, in the order of noise.pxi.
"""

import numpy as np

from ..normals import COSINE, COUNTERS, LOG, LOG_SCALE, SINE, STREAM
from .philox import philox


def stream(first, n, key, sigma, dtype):
    """Return values first ... first + n of the stream of a key, of deviation sigma."""
    group = COUNTERS * 16 // dtype.itemsize
    start, stop = first // group, -(-(first + n) // group)
    counter = np.arange(start * COUNTERS, stop * COUNTERS, dtype=np.uint64)
    words = philox((counter & 0xFFFFFFFF, counter >> np.uint64(32), dtype.itemsize, STREAM), key)
    words = words.reshape(stop - start, COUNTERS, 4).transpose(0, 2, 1)
    return normals(words, dtype, sigma).ravel()[first - start * group :][:n]


def normals(words, dtype, sigma=1.0):
    """Return the values made of words (n, 4, 16), shape (n, values of a group)."""
    w, size = words.astype(np.int64), dtype.itemsize
    if size == 4:
        low = (w[:, ::2] & 0xFFFF).astype(dtype) + dtype.type(0.5)
        draw = (w[:, ::2] >> 16).astype(dtype) * dtype.type(2.0**16) + low
        turn = w[:, 1::2]
        angle = (turn << 2 | 2).astype(np.int32).astype(dtype) * dtype.type(2.0**-32)
    else:
        draw = w[:, :1] * 2.0**32 + (w[:, 1:2] + 0.5)
        turn = w[:, 2:3]
        angle = ((turn & 0x3FFFFFFF) - 2.0**29 + (w[:, 3:] + 0.5) * 2.0**-32) * 2.0**-30
    radius = _radius(draw, size) * dtype.type(sigma)
    square = angle * angle
    sine, cosine = _polynomial(SINE[size], square) * angle, _polynomial(COSINE[size], square)
    cosine = np.where(turn >> 30 & 1 == 1, -cosine, cosine)
    first, second = radius * cosine, radius * sine
    swap = turn >> 31 & 1 == 1
    pairs = np.stack([np.where(swap, second, first), np.where(swap, first, second)], axis=2)
    return pairs.reshape(len(words), 256 // size)


def _radius(draw, size):
    """Return sqrt(-2 ln(draw / 2^n)), n bits of a draw that is never 0."""
    if size == 4:
        n_bits, largest, integer, mantissa, root = 32, 4294967040.0, np.int32, 23, 0x3F3504F3
    else:
        n_bits, largest, integer, mantissa = 64, 18446744073709549568.0, np.int64, 52
        root = 0x3FE6A09E667F3BCD
    real = draw.dtype.type
    bits = np.minimum(draw, real(largest)).view(integer)
    exponent = (bits - integer(root)) >> mantissa
    f = (bits - (exponent << mantissa)).view(real) - real(1)
    if size == 4:
        log = _polynomial(LOG[size], f) * f
    else:
        s = f / (2.0 + f)
        log = _polynomial(LOG[size], s * s) * s
    return np.sqrt((exponent - integer(n_bits)).astype(real) * real(LOG_SCALE) + log)


def _polynomial(coefficients, x):
    """Return Horner's scheme, every product and sum rounded."""
    p = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        p = p * x + x.dtype.type(c)
    return p
