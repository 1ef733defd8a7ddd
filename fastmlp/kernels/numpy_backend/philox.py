"""Philox 4x32-10 (Salmon et al., 2011), the generator of dropout masks, in NumPy.

A value is a function of its position (unit, sample, layer, epoch) and the seed alone, so that masks depend
neither on threads nor on how the work is split.
"""

import numpy as np

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter, key):
    """Return the four 32-bit words of each counter.

    Parameters
    ----------
    counter : sequence of four arrays, broadcast against each other
    key : int
        64 bits.

    Returns
    -------
    ndarray of shape (..., 4), uint32
    """
    c0, c1, c2, c3 = np.broadcast_arrays(*(np.asarray(c, np.uint64) for c in counter))
    k0, k1 = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def dropout_mask(seed, epoch, layer, positions, n_units, rate):
    """Return what dropout multiplies outputs by: 0, or 1 / (1 - rate), shape (len(positions), n_units).

    Parameters
    ----------
    seed, epoch : int
    layer : int
        -1 for the network's input.
    positions : ndarray of int
        Where in the epoch's order each sample stands.
    n_units : int
    rate : float
    """
    quads = np.arange((n_units + 3) // 4)
    words = philox((quads[None, :], positions[:, None], layer + 1, epoch), seed & 0xFFFFFFFFFFFFFFFF)
    uniform = (words.reshape(len(positions), -1)[:, :n_units] >> 8) * 2.0**-24
    return (uniform >= rate) / (1.0 - rate)
