"""Optimizers: one pass over parameters, state and gradient side by side.

scikit-learn's formulas for SGD, momentum, Nesterov and Adam, PyTorch's for the others.
"""

import math

from ..plan import Optimizer
from .build import inline, leaf
from .context import C, R
from .memory import at, number, put, word
from .vector_code import VEC_BYTES
from .vectors import (
    choose_less,
    fill,
    lanes_of,
    rough_inverse_root,
    vabs,
    vload_first,
    vsqrt,
    vstore_first,
    vsum,
)  # fmt: skip

GRADIENT, SGD, MOMENTUM, NESTEROV, ADAM, AMSGRAD, ADAGRAD, RMSPROP, RPROP = map(int, Optimizer)
# Places in the constants of a step.
RATE, MU, BETA_1, BETA_2, REST_1, REST_2, EPSILON, KEEP, FIRST = range(9)
SMALLEST = 1.1754944e-38


@leaf("wp->d")
def begin_step(c, constants):
    """The constants of the step that comes next; Adam's bias corrections go into rate and epsilon."""
    t, code = word(c, C.run, R.step) + 1, word(c, C.run, R.optimizer)
    rate, epsilon = number(c, C.run, R.learning_rate), number(c, C.run, R.epsilon)
    b1, b2 = number(c, C.run, R.beta_1), number(c, C.run, R.beta_2)
    put(constants, KEEP, 1.0 - rate * number(c, C.run, R.weight_decay))
    if code == ADAM or code == AMSGRAD:
        corrected = math.sqrt(1.0 - b2**t)
        rate *= corrected / (1.0 - b1**t)
        if word(c, C.run, R.epsilon_corrected) != 0:
            epsilon *= corrected
    put(constants, RATE, rate)
    put(constants, MU, number(c, C.run, R.momentum))
    put(constants, BETA_1, b1)
    put(constants, BETA_2, b2)
    put(constants, REST_1, 1.0 - b1)  # a difference of numbers that were rounded first would be less close
    put(constants, REST_2, 1.0 - b2)
    put(constants, EPSILON, epsilon)
    put(constants, FIRST, 1.0 if t == 1 else 0.0)
    return 0.0


@inline
def _inverse_root(p, v, epsilon):
    """1 / (sqrt(v) + epsilon). Single precision: three Newton steps, half the cost of a square root."""
    if lanes_of(p) * 4 == VEC_BYTES:
        x = v + fill(SMALLEST, v)
        half, r = x * fill(0.5, v), rough_inverse_root(x)
        r = r * (fill(1.5, v) - half * r * r)
        r = r * (fill(1.5, v) - half * r * r)
        r = r * (fill(1.5, v) - half * r * r)
        return fill(1.0, v) / (x * r + fill(epsilon, v))
    return fill(1.0, v) / (vsqrt(v) + fill(epsilon, v))


@inline
def _sign(v, size):
    """size where v > 0, -size where v < 0, else 0."""
    zero = fill(0.0, v)
    return choose_less(zero, v, size, choose_less(v, zero, zero - size, zero))


@leaf("ippppppi->d")
def update(code, k, w, g, s0, s1, s2, n):
    """One step on n parameters. k (constants), g : IN; w, s0, s1, s2 : IN/OUT, those that there are."""
    rate, keep = fill(at(k, RATE), w), fill(at(k, KEEP), w)
    mu, epsilon = fill(at(k, MU), w), at(k, EPSILON)
    b1, b2 = fill(at(k, BETA_1), w), fill(at(k, BETA_2), w)
    rest_1, rest_2 = fill(at(k, REST_1), w), fill(at(k, REST_2), w)
    lanes = lanes_of(w)
    if code == SGD:
        for i in range(0, n, lanes):
            m = n - i
            vstore_first(w, i, keep * vload_first(w, i, m) - rate * vload_first(g, i, m), m)
    elif code == MOMENTUM or code == NESTEROV:
        for i in range(0, n, lanes):
            m = n - i
            x, d = keep * vload_first(w, i, m), rate * vload_first(g, i, m)
            v = mu * vload_first(s0, i, m) - d
            vstore_first(s0, i, v, m)
            vstore_first(w, i, x + v if code == MOMENTUM else x + (mu * v - d), m)
    elif code == ADAM or code == AMSGRAD:
        for i in range(0, n, lanes):
            m = n - i
            d = vload_first(g, i, m)
            mean = b1 * vload_first(s0, i, m) + rest_1 * d
            v = b2 * vload_first(s1, i, m) + rest_2 * (d * d)
            vstore_first(s0, i, mean, m)
            vstore_first(s1, i, v, m)
            if code == AMSGRAD:
                top = vload_first(s2, i, m)
                v = choose_less(top, v, v, top)
                vstore_first(s2, i, v, m)
            vstore_first(w, i, keep * vload_first(w, i, m) - rate * mean * _inverse_root(w, v, epsilon), m)
    elif code == ADAGRAD:
        for i in range(0, n, lanes):
            m = n - i
            d = vload_first(g, i, m)
            v = vload_first(s0, i, m) + d * d
            vstore_first(s0, i, v, m)
            vstore_first(w, i, keep * vload_first(w, i, m) - rate * d * _inverse_root(w, v, epsilon), m)
    elif code == RMSPROP:
        for i in range(0, n, lanes):
            m = n - i
            d = vload_first(g, i, m)
            v = b2 * vload_first(s0, i, m) + rest_2 * (d * d)
            step = mu * vload_first(s1, i, m) + d * _inverse_root(w, v, epsilon)
            vstore_first(s0, i, v, m)
            vstore_first(s1, i, step, m)
            vstore_first(w, i, keep * vload_first(w, i, m) - rate * step, m)
    elif code == RPROP:
        zero, one, least, most = fill(0.0, w), fill(1.0, w), fill(1e-6, w), fill(50.0, w)
        for i in range(0, n, lanes):
            m = n - i
            d = vload_first(g, i, m)
            agree = d * vload_first(s0, i, m)
            size = vload_first(s1, i, m) if at(k, FIRST) == 0.0 else rate
            size = size * choose_less(zero, agree, fill(1.2, w), choose_less(agree, zero, fill(0.5, w), one))
            size = choose_less(size, least, least, choose_less(most, size, most, size))
            d = choose_less(agree, zero, zero, d)
            vstore_first(s0, i, d, m)
            vstore_first(s1, i, size, m)
            vstore_first(w, i, keep * vload_first(w, i, m) - _sign(d, size), m)
    return 0.0


@leaf("ppidddd->d")
def add_penalty(w, g, n, l1, l2, scale, clip):
    """g = clip(g + scale (l2 w + l1 sign w)); return l2 / 2 sum w^2 + l1 sum |w|."""
    total = 0.0
    for i in range(0, n, lanes_of(w)):
        m = n - i
        x, d = vload_first(w, i, m), vload_first(g, i, m)
        if l2 != 0.0:
            d = d + fill(l2 * scale, w) * x
            total += 0.5 * l2 * vsum(x * x)
        if l1 != 0.0:
            d = d + _sign(x, fill(l1 * scale, w))
            total += l1 * vsum(vabs(x))
        if clip > 0.0:
            d = choose_less(d, fill(-clip, w), fill(-clip, w), d)
            d = choose_less(fill(clip, w), d, fill(clip, w), d)
        vstore_first(g, i, d, m)
    return total


@leaf("pi->d")
def norm(g, n):
    total = 0.0
    for i in range(n):
        total += at(g, i) * 1.0 * at(g, i)
    return math.sqrt(total)


@leaf("piid->d")
def cap_norms(w, rows, columns, max_norm):
    """Scale columns of w down to a norm of at most max_norm."""
    for j in range(columns):
        total = 0.0
        for i in range(rows):
            total += at(w, i * columns + j) * 1.0 * at(w, i * columns + j)
        if total > max_norm * max_norm:
            factor = max_norm / math.sqrt(total)
            for i in range(rows):
                put(w, i * columns + j, at(w, i * columns + j) * factor)
    return 0.0
