"""Activations and their gradients, over flat memory; softmax over strided samples.

exp, tanh and their kin share one polynomial, that of exp(r) - 1 for |r| <= ln(2) / 2.
"""

import math

from ..plan import Activation
from .build import inline, leaf
from .memory import at, cast, put
from .vector_code import VEC_BYTES
from .vectors import choose_less, fill, lanes_of, scale_by_power, vload_first, vstore_first

IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS, GELU, SILU, STEP, SOFTMAX, EXP = map(
    int, Activation
)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
LOG2_E = 1.4426950408889634
# Single precision: ln(2) in two parts, and 1 / k! down from 1 / 7!. Double: down from 1 / 13!.
SHIFT_32, LN2_HIGH_32, LN2_LOW_32 = 12582912.0, 0.693359375, -2.12194440e-4
SHIFT_64, LN2_HIGH_64, LN2_LOW_64 = 6755399441055744.0, 6.93147180369123816490e-01, 1.90821492927058770002e-10
C7, C6, C5, C4, C3, C2 = (1.0 / math.factorial(k) for k in (7, 6, 5, 4, 3, 2))
C13, C12, C11, C10, C9, C8 = (1.0 / math.factorial(k) for k in (13, 12, 11, 10, 9, 8))
ROOT_HALF, DENSITY = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)


@inline
def reduced_expm1(p, x):
    """x = n ln(2) + r: exp(r) - 1, and n in the low bits of a number (see `scale_by_power`).

    `p` is a pointer to the element type.
    """
    if lanes_of(p) * 4 == VEC_BYTES:
        t = x * fill(LOG2_E, x) + fill(SHIFT_32, x)
        n = t - fill(SHIFT_32, x)
        r = x - n * fill(LN2_HIGH_32, x) - n * fill(LN2_LOW_32, x)
        y = fill(C7, x)
    else:
        t = x * fill(LOG2_E, x) + fill(SHIFT_64, x)
        n = t - fill(SHIFT_64, x)
        r = x - n * fill(LN2_HIGH_64, x) - n * fill(LN2_LOW_64, x)
        y = fill(C13, x) * r + fill(C12, x)
        y = y * r + fill(C11, x)
        y = y * r + fill(C10, x)
        y = y * r + fill(C9, x)
        y = y * r + fill(C8, x)
        y = y * r + fill(C7, x)
    y = y * r + fill(C6, x)
    y = y * r + fill(C5, x)
    y = y * r + fill(C4, x)
    y = y * r + fill(C3, x)
    y = y * r + fill(C2, x)
    return y * r * r + r, t


@inline
def exp(p, x):
    limit = fill(88.72, x) if lanes_of(p) * 4 == VEC_BYTES else fill(709.78, x)
    y, t = reduced_expm1(p, x)
    y = scale_by_power(y + fill(1.0, x), t)
    y = choose_less(x, fill(0.0, x) - limit + fill(1.4, x), fill(0.0, x), y)
    return choose_less(limit, x, fill(math.inf, x), y)


@inline
def expm1(p, x):
    """exp(x) - 1 for x of at most 80."""
    low = fill(-40.0, x)
    x = choose_less(x, low, low, x)
    y, t = reduced_expm1(p, x)
    power = scale_by_power(fill(1.0, x), t)
    return power * y + (power - fill(1.0, x))


@inline
def tanh(p, x):
    zero, limit = fill(0.0, x), fill(40.0, x)
    size = choose_less(x, zero, zero - x, x) * fill(2.0, x)
    e = expm1(p, choose_less(limit, size, limit, size))
    y = e / (e + fill(2.0, x))
    return choose_less(x, zero, zero - y, y)


@inline
def logistic(p, x):
    one = fill(1.0, x)
    return one / (one + exp(p, fill(0.0, x) - x))


@inline
def value(p, code, slope, z):
    """f(z) for one vector."""
    zero = fill(0.0, z)
    if code == TANH:
        return tanh(p, z * fill(slope, z))
    if code == LOGISTIC:
        return logistic(p, z * fill(slope, z))
    if code == RELU:
        return choose_less(z, zero, zero, z)
    if code == LEAKY_RELU:
        return choose_less(zero, z, z, z * fill(slope, z))
    if code == ELU or code == SELU:
        alpha, scale = (slope, 1.0) if code == ELU else (SELU_ALPHA, SELU_SCALE)
        low = expm1(p, choose_less(zero, z, zero, z)) * fill(alpha, z)
        return choose_less(zero, z, z, low) * fill(scale, z)
    if code == SILU:
        return z * logistic(p, z)
    if code == STEP:
        return choose_less(z, zero, zero, fill(1.0, z))
    if code == EXP:
        return exp(p, z)
    return z


@inline
def derivative(p, code, slope, z, a):
    """f'(z) for one vector, given a = f(z) too."""
    zero, one = fill(0.0, a), fill(1.0, a)
    if code == TANH:
        return (one - a * a) * fill(slope, a)
    if code == LOGISTIC:
        return a * (one - a) * fill(slope, a)
    if code == RELU:
        return choose_less(zero, a, one, zero)
    if code == LEAKY_RELU:
        return choose_less(zero, z, one, fill(slope, a))
    if code == ELU:
        return choose_less(zero, z, one, a + fill(slope, a))
    if code == SELU:
        return choose_less(zero, z, fill(SELU_SCALE, a), a + fill(SELU_ALPHA * SELU_SCALE, a))
    if code == SOFTPLUS:
        return logistic(p, z)
    if code == SILU:
        s = logistic(p, z)
        return s * (one + z * (one - s))
    if code == STEP:
        return zero
    if code == EXP:
        return a
    return one


@leaf("idppi->d")
def activate(code, slope, z, a, n):
    """a = f(z) over n numbers; a may be z. Softmax has its own function."""
    if code == IDENTITY:
        for i in range(n):
            put(a, i, at(z, i))
    elif code == SOFTPLUS:
        for i in range(n):
            x = at(z, i)
            put(a, i, max(x, cast(0.0, a)) + math.log1p(math.exp(-abs(x))))
    elif code == GELU:
        for i in range(n):
            put(a, i, at(z, i) * 0.5 * math.erfc(-at(z, i) * ROOT_HALF))
    else:
        for i in range(0, n, lanes_of(z)):
            vstore_first(a, i, value(z, code, slope, vload_first(z, i, n - i)), n - i)
    return 0.0


@leaf("idpppi->d")
def activation_gradient(code, slope, z, a, d, n):
    """d *= f'(z) over n numbers. Softmax has its own function."""
    if code == GELU:
        for i in range(n):
            x = at(z, i)
            slope_here = 0.5 * math.erfc(-x * ROOT_HALF) + x * DENSITY * math.exp(-0.5 * x * x)
            put(d, i, at(d, i) * slope_here)
    elif code != IDENTITY:
        for i in range(0, n, lanes_of(z)):
            factor = derivative(z, code, slope, vload_first(z, i, n - i), vload_first(a, i, n - i))
            vstore_first(d, i, vload_first(d, i, n - i) * factor, n - i)
    return 0.0


@leaf("ppiiii->d")
def softmax(z, a, n_samples, n_units, per_sample, per_unit):
    """Softmax over the units of each sample; per_sample, per_unit: strides of z and of a."""
    for s in range(n_samples):
        i = s * per_sample
        top = at(z, i)
        for _ in range(n_units):
            top = max(top, at(z, i))
            i += per_unit
        total = 0.0
        i = s * per_sample
        for _ in range(n_units):
            e = math.exp(at(z, i) - top)
            put(a, i, e)
            total += e
            i += per_unit
        i = s * per_sample
        for _ in range(n_units):
            put(a, i, at(a, i) / total)
            i += per_unit
    return 0.0


@leaf("ppiiii->d")
def softmax_gradient(a, d, n_samples, n_units, per_sample, per_unit):
    """d = a (d - sum(a d)) for each sample."""
    for s in range(n_samples):
        i = s * per_sample
        mean = 0.0
        for _ in range(n_units):
            mean += at(a, i) * at(d, i)
            i += per_unit
        i = s * per_sample
        for _ in range(n_units):
            put(d, i, at(a, i) * (at(d, i) - mean))
            i += per_unit
    return 0.0
