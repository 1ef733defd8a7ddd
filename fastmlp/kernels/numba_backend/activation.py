"""Activations and their derivatives, number by number, and the loops over them; softmax by the sample.

exp, tanh and their kin share one polynomial, that of exp(r) - 1 for |r| <= ln(2) / 2: LLVM makes vectors of
it, as it cannot of calls into the C library.
"""

import math

from ..plan import Activation
from .build import ALONE, BATCH, FUSED, LOSSES, NETS, PREDICTION, SAMPLES, fused, leaf
from .lanes import by_precision, choose, real, scale_by_power
from .memory import address

IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS, GELU, SILU, STEP, SOFTMAX, EXP = map(
    int, Activation
)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
ROOT_HALF, DENSITY = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)
LOG2_E = 1.4426950408889634
# In single and double precision: 1.5 2^mantissa, which rounds what is added to it; ln(2) in two parts; 1 / k!
SHIFT_32, LN2_HIGH_32, LN2_LOW_32 = 12582912.0, 0.693359375, -2.12194440e-4
SHIFT_64, LN2_HIGH_64, LN2_LOW_64 = 6755399441055744.0, 6.93147180369123816490e-01, 1.90821492927058770002e-10
TERMS_32 = tuple(1.0 / math.factorial(k) for k in range(7, 1, -1))
TERMS_64 = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))


@fused
def polynomial(terms, x):
    """The polynomial whose coefficients are `terms`, the highest power's first."""
    y = real(terms[0], x)
    for term in terms[1:]:
        y = y * x + real(term, x)
    return y


@fused
def reduced_expm1(x):
    """x = n ln(2) + r: exp(r) - 1, and n in the low bits of a number (see `scale_by_power`)."""
    shift = real(by_precision(x, SHIFT_32, SHIFT_64), x)
    high, low = by_precision(x, LN2_HIGH_32, LN2_HIGH_64), by_precision(x, LN2_LOW_32, LN2_LOW_64)
    t = x * real(LOG2_E, x) + shift
    n = t - shift
    r = x - n * real(high, x) - n * real(low, x)
    y = polynomial(by_precision(x, TERMS_32, TERMS_64), r)
    return y * r * r + r, t


@fused
def exp(x):
    """exp(x): 0 where it is no normal number, infinity where it is too large."""
    limit = real(by_precision(x, 88.72, 709.78), x)
    y, t = reduced_expm1(x)
    y = scale_by_power(y + real(1, x), t)
    y = choose(x, real(1.4, x) - limit, real(0, x), y)
    return choose(limit, x, real(math.inf, x), y)


@fused
def expm1(x):
    """exp(x) - 1 for x of at most 80."""
    low, one = real(-40, x), real(1, x)
    y, t = reduced_expm1(choose(x, low, low, x))
    power = scale_by_power(one, t)
    return power * y + (power - one)


@fused
def tanh(x):
    """tanh(x), by e^2|x| - 1, which is exact near 0."""
    zero, limit = real(0, x), real(40, x)
    size = choose(x, zero, -x, x) * real(2, x)
    e = expm1(choose(limit, size, limit, size))
    y = e / (e + real(2, x))
    return choose(x, zero, -y, y)


@fused
def logistic(x):
    """1 / (1 + exp(-x))"""
    return real(1, x) / (real(1, x) + exp(-x))


@fused
def softplus(x):
    """log(1 + exp(x)), of numbers only."""
    return max(x, real(0, x)) + real(math.log1p(math.exp(-abs(x))), x)


@fused
def gelu(x):
    """x Phi(x), where Phi is the normal distribution function; of numbers only."""
    return x * real(0.5, x) * math.erfc(-x * real(ROOT_HALF, x))


@fused
def gelu_slope(x):
    """Phi(x) + x phi(x)"""
    half = real(0.5, x)
    return half * math.erfc(-x * real(ROOT_HALF, x)) + x * real(DENSITY, x) * math.exp(-half * x * x)


@fused
def exponential_unit(x, alpha):
    """x, and alpha (exp(x) - 1) below 0."""
    zero = real(0, x)
    low = expm1(zero if x > zero else x) * alpha
    return x if x > zero else low


@fused
def activated(code, slope, z):
    """f(z), one of the common functions: identity, logistic, tanh or ReLU."""
    if code == TANH:
        return tanh(z * slope)
    if code == LOGISTIC:
        return logistic(z * slope)
    return choose(z, real(0, z), real(0, z), z) if code == RELU else z


@fused
def derivative(code, slope, a):
    """f'(z) of one of these, where a = f(z)."""
    zero, one = real(0, a), real(1, a)
    if code == TANH:
        return (one - a * a) * slope
    if code == LOGISTIC:
        return a * (one - a) * slope
    return choose(zero, a, one, zero) if code == RELU else one


@leaf("idppi->i", fastmath=FUSED)
def activate(code, slope, z, a, n):
    """a = f(z) over n numbers; a may be z. Softmax has its own function.

    In place, for of two arrays that are one LLVM makes no vectors.
    """
    zero, one, slope = real(0, z), real(1, z), real(slope, z)
    if address(a) != address(z):
        for i in range(n):
            a[i] = z[i]
    if code == TANH:
        for i in range(n):
            a[i] = tanh(a[i] * slope)
    elif code == LOGISTIC:
        for i in range(n):
            a[i] = logistic(a[i] * slope)
    elif code == RELU:
        for i in range(n):
            a[i] = zero if a[i] < zero else a[i]
    elif code == LEAKY_RELU:
        for i in range(n):
            a[i] = a[i] if a[i] > zero else a[i] * slope
    elif code == ELU:
        for i in range(n):
            a[i] = exponential_unit(a[i], slope)
    elif code == SELU:
        for i in range(n):
            a[i] = exponential_unit(a[i], real(SELU_ALPHA, a)) * real(SELU_SCALE, a)
    elif code == SOFTPLUS:
        for i in range(n):
            a[i] = softplus(a[i])
    elif code == GELU:
        for i in range(n):
            a[i] = gelu(a[i])
    elif code == SILU:
        for i in range(n):
            a[i] = a[i] * logistic(a[i])
    elif code == STEP:
        for i in range(n):
            a[i] = zero if a[i] < zero else one
    elif code == EXP:
        for i in range(n):
            a[i] = exp(a[i])
    return 0


@leaf("idpppi->i", fastmath=FUSED, of=(BATCH, ALONE, NETS, SAMPLES))
def activation_gradient(code, slope, z, a, d, n):
    """d *= f'(z) over n numbers, given a = f(z) too. Softmax has its own function."""
    zero, one, slope = real(0, z), real(1, z), real(slope, z)
    if code == TANH:
        for i in range(n):
            d[i] *= (one - a[i] * a[i]) * slope
    elif code == LOGISTIC:
        for i in range(n):
            d[i] *= a[i] * (one - a[i]) * slope
    elif code == RELU:
        for i in range(n):
            d[i] *= one if a[i] > zero else zero
    elif code == LEAKY_RELU:
        for i in range(n):
            d[i] *= one if z[i] > zero else slope
    elif code == ELU:
        for i in range(n):
            d[i] *= one if z[i] > zero else a[i] + slope
    elif code == SELU:
        scale, bottom = real(SELU_SCALE, z), real(SELU_ALPHA * SELU_SCALE, z)
        for i in range(n):
            d[i] *= scale if z[i] > zero else a[i] + bottom
    elif code == SOFTPLUS:
        for i in range(n):
            d[i] *= logistic(z[i])
    elif code == GELU:
        for i in range(n):
            d[i] *= gelu_slope(z[i])
    elif code == SILU:
        for i in range(n):
            s = logistic(z[i])
            d[i] *= s * (one + z[i] * (one - s))
    elif code == STEP:
        for i in range(n):
            d[i] *= zero
    elif code == EXP:
        for i in range(n):
            d[i] *= a[i]
    return 0


@leaf("ppii->i", of=(BATCH, ALONE, NETS, LOSSES, PREDICTION))
def softmax(z, a, n_samples, n_units):
    """Softmax over the units of each sample."""
    for _ in range(n_samples):
        top = z[0]
        for o in range(1, n_units):
            top = max(top, z[o])
        total = 0.0
        for o in range(n_units):
            e = math.exp(z[o] - top)
            a[o] = e
            total += e
        for o in range(n_units):
            a[o] = a[o] / total
        z, a = z + n_units, a + n_units
    return 0


@leaf("ppii->i", of=(BATCH, ALONE, NETS, LOSSES))
def softmax_gradient(a, d, n_samples, n_units):
    """d = a (d - sum(a d)) for each sample."""
    for _ in range(n_samples):
        mean = 0.0
        for o in range(n_units):
            mean += a[o] * d[o]
        for o in range(n_units):
            d[o] = a[o] * (d[o] - mean)
        a, d = a + n_units, d + n_units
    return 0
