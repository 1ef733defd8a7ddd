"""The oracle of Gaussian noise, in NumPy: by the formula, and by the very operations of the kernels.

A NumPy operation on an array is rounded once, whatever the CPU; so a backend that fuses, reorders or
approximates anything has other bits.
"""

import numpy as np
from oracle.formulas import philox

STREAM = 0x6E6F6973
SINGLE = {
    "log": (
        -0.17444713415363,
        0.28733688592910767,
        -0.2990453243255615,
        0.33124786615371704,
        -0.39913666248321533,
        0.5000414848327637,
        -0.6666837334632874,
        0.9999997615814209,
        -2.0,
    ),
    "sin": (-0.00460165785625577, 0.07968003302812576, -0.6459634900093079, 1.5707963705062866),
    "cos": (-0.02039858140051365, 0.25359493494033813, -1.233696699142456, 0.9999999403953552),
}
DOUBLE = {
    "log": (
        -0.2962105968898056,
        -0.3062488750469676,
        -0.3636727018910893,
        -0.44444393976477314,
        -0.5714285752269359,
        -0.7999999999859776,
        -1.333333333333353,
        -4.0,
    ),
    "sin": (
        5.6337210119058174e-08,
        -3.598641754446395e-06,
        0.00016044115029165067,
        -0.004681754132282418,
        0.07969262624603957,
        -0.6459640975062443,
        1.5707963267948966,
    ),
    "cos": (
        -6.320557348901039e-09,
        4.7106035813759967e-07,
        -2.5202036558211215e-05,
        0.0009192602741467712,
        -0.020863480763308004,
        0.2536695079010466,
        -1.2337005501361697,
        1.0,
    ),
}


def group_words(first, n_groups, key, n_bytes):
    """The words of groups first ... first + n_groups, shape (n_groups, 4, 16)."""
    counters = np.uint64(16 * first) + np.arange(16 * n_groups, dtype=np.uint64)
    low, high, fill = counters & np.uint64(0xFFFFFFFF), counters >> np.uint64(32), np.ones_like(counters)
    words = philox((low, high, fill * np.uint64(n_bytes), fill * np.uint64(STREAM)), (key, key >> 32))
    return np.moveaxis(words.reshape(4, n_groups, 16), 0, 1)


def draws_and_angles(words, dtype):
    """What the values are made of: draws, angles, and the two highest bits.

    Angles from 0 to 2^30 are -1/2 to 1/2 quarter turns; in single precision the 30 bits are a signed number.
    """
    w = words.astype(np.uint64)
    if dtype == np.float32:
        return w[:, ::2] + 0.5, (w[:, 1::2] & 0x3FFFFFFF ^ 1 << 29) + 0.5, w[:, 1::2] >> 30
    draw = w[:, :1].astype(np.longdouble) * 2.0**32 + w[:, 1:2] + 0.5
    return draw, (w[:, 2:3] & 0x3FFFFFFF) + (w[:, 3:] + 0.5).astype(np.longdouble) / 2**32, w[:, 2:3] >> 30


def place(first, second, axes):
    """The two values of a pair in their rows, exchanged where the highest bit is set."""
    swap = axes >> 1 == 1
    pairs = np.where(swap, second, first), np.where(swap, first, second)
    return np.stack(pairs, axis=2).reshape(len(first), -1)


def formula(words, dtype):
    """Box and Muller's transform in extended precision, shape (n_groups, values of a group)."""
    draw, angle, axes = draws_and_angles(words, dtype)
    bits = 32 if dtype == np.float32 else 64
    turn = angle.astype(np.longdouble) / 2**30 - 0.5
    radius = np.sqrt(-2 * np.log(draw.astype(np.longdouble) / np.longdouble(2) ** bits))
    theta = turn * (np.pi / 2)
    sign = np.where(axes & 1 == 1, -1.0, 1.0)
    return place(radius * np.cos(theta) * sign, radius * np.sin(theta), axes)


def polynomial(coefficients, x, last):
    """Horner's scheme, every product and sum rounded; `last` multiplies the result, unless it is None."""
    p = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        p = p * x + x.dtype.type(c)
    return p if last is None else p * last


def normals(words, dtype, sigma=1.0):
    """The same values by the kernels' operations, in their dtype and order."""
    real = np.dtype(dtype).type
    w, table = words.astype(np.int64), SINGLE if real is np.float32 else DOUBLE
    if real is np.float32:
        high, low = w[:, ::2] >> 16, w[:, ::2] & 0xFFFF
        draw = high.astype(real) * real(65536) + (low.astype(real) + real(0.5))
        turn = w[:, 1::2]
        t = (turn << 2 | 2).astype(np.int32).astype(real) * real(2.0**-32)
        largest, n_bits, integer, mantissa, root = real(4294967040.0), 32, np.int32, 23, 0x3F3504F3
    else:
        draw = w[:, :1] * 2.0**32 + (w[:, 1:2] + 0.5)
        turn = w[:, 2:3]
        t = ((turn & 0x3FFFFFFF) - 2.0**29 + (w[:, 3:] + 0.5) * 2.0**-32) * 2.0**-30
        largest, n_bits, integer, mantissa, root = (
            18446744073709549568.0,
            64,
            np.int64,
            52,
            0x3FE6A09E667F3BCD,
        )
    bits = np.minimum(draw, largest).view(integer)
    e = (bits - integer(root)) >> mantissa
    f = (bits - (e << mantissa)).view(real) - real(1)
    if real is np.float32:
        log = polynomial(table["log"], f, f)
    else:
        s = f / (2.0 + f)
        log = polynomial(table["log"], s * s, s)
    radius = np.sqrt((e - n_bits).astype(real) * real(-1.38629436111989061883) + log) * real(sigma)
    q = t * t
    c = polynomial(table["cos"], q, None)
    c = np.where(turn >> 30 & 1 == 1, -c, c)
    return place(radius * c, radius * polynomial(table["sin"], q, t), turn.astype(np.uint64) >> 30)


def stream(first, n, key, dtype, sigma=1.0):
    """Values first ... first + n of a stream."""
    dtype = np.dtype(dtype)
    group = 256 // dtype.itemsize
    n_groups = max(1, (first % group + n + group - 1) // group)
    values = normals(group_words(first // group, n_groups, key, dtype.itemsize), dtype, sigma)
    return values.ravel()[first % group :][:n]
