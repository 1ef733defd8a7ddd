"""Optimizers: one pass over parameters, state and gradient side by side.

scikit-learn's formulas for SGD, momentum, Nesterov and Adam, PyTorch's for the others.
"""

import math

from ..plan import Optimizer
from .build import BATCH, FUSED, LEARNED_LISTS, SAMPLES, fused, inline, leaf
from .lanes import multiply_add, real, root

GRADIENT, SGD, MOMENTUM, NESTEROV, ADAM, AMSGRAD, ADAGRAD, RMSPROP, RPROP = map(int, Optimizer)
# Places in the constants of a step.
RATE, MU, BETA_1, BETA_2, REST_1, REST_2, EPSILON, KEEP, FIRST = range(9)


@inline
def corrects(run):
    """Whether each step has constants of its own: Adam's bias corrections."""
    return run.optimizer == ADAM or run.optimizer == AMSGRAD


@inline
def correction(run):
    """What the next step multiplies the learning rate by, and its epsilon."""
    t, epsilon = run.step + 1, run.epsilon
    if not corrects(run):
        return 1.0, epsilon
    corrected = math.sqrt(1.0 - run.beta_2**t)
    if run.epsilon_corrected != 0:
        epsilon *= corrected
    return corrected / (1.0 - run.beta_1**t), epsilon


@inline
def set_constants(run, k, ratio, epsilon):
    """The constants of a step."""
    k[RATE] = real(run.learning_rate * ratio, k)
    k[KEEP] = real(1.0 - run.learning_rate * run.weight_decay, k)
    k[MU] = real(run.momentum, k)
    k[BETA_1] = real(run.beta_1, k)
    k[BETA_2] = real(run.beta_2, k)
    k[REST_1] = real(1.0 - run.beta_1, k)  # from numbers that are not rounded yet
    k[REST_2] = real(1.0 - run.beta_2, k)
    k[EPSILON] = real(epsilon, k)
    k[FIRST] = real(1.0 if run.step == 0 else 0.0, k)


@leaf("Rp->i", of=(BATCH, SAMPLES))
def begin_step(run, constants):
    """The constants of the step that comes next."""
    ratio, epsilon = correction(run)
    set_constants(run, constants, ratio, epsilon)
    return 0


@fused
def _sign(x, size):
    """size where x > 0, -size where x < 0, else 0."""
    zero = real(0, x)
    return size if x > zero else (-size if x < zero else zero)


@fused
def _width(size, agree):
    """Rprop's next step width, by whether the gradient kept its sign."""
    zero, least, most = real(0, size), real(1e-6, size), real(50, size)
    if agree > zero:
        size = size * real(1.2, size)
    elif agree < zero:
        size = size * real(0.5, size)
    return least if size < least else (most if size > most else size)


@fused
def advance(code, k, w, g, s0, s1, n):
    """One step of those optimizers that learn online, on n parameters or n vectors of them; see `update`."""
    rate, keep, mu, epsilon = k[RATE], k[KEEP], k[MU], k[EPSILON]
    b1, b2, rest_1, rest_2 = k[BETA_1], k[BETA_2], k[REST_1], k[REST_2]
    if code == SGD:
        for i in range(n):
            w[i] = multiply_add(keep, w[i], -(rate * g[i]))
    elif code == MOMENTUM:
        for i in range(n):
            s0[i] = multiply_add(mu, s0[i], -(rate * g[i]))
            w[i] = keep * w[i] + s0[i]
    elif code == NESTEROV:
        for i in range(n):
            d = rate * g[i]
            s0[i] = mu * s0[i] - d
            w[i] = multiply_add(keep, w[i], mu * s0[i] - d)
    elif code == ADAM:
        for i in range(n):
            s0[i] = multiply_add(b1, s0[i], rest_1 * g[i])
            s1[i] = multiply_add(b2, s1[i], rest_2 * (g[i] * g[i]))
            w[i] = keep * w[i] - rate * s0[i] / (root(s1[i]) + epsilon)


@leaf("ippppppi->i", fastmath=FUSED, of=(BATCH, SAMPLES))
def update(code, k, w, g, s0, s1, s2, n):
    """One step on n parameters. k (constants), g : IN; w, s0, s1, s2 : IN/OUT, those that there are."""
    rate, keep, mu, epsilon = k[RATE], k[KEEP], k[MU], k[EPSILON]
    b1, b2, rest_1, rest_2 = k[BETA_1], k[BETA_2], k[REST_1], k[REST_2]
    if code <= ADAM:
        advance(code, k, w, g, s0, s1, n)
    elif code == AMSGRAD:
        for i in range(n):
            s0[i] = b1 * s0[i] + rest_1 * g[i]
            s1[i] = b2 * s1[i] + rest_2 * (g[i] * g[i])
            s2[i] = s1[i] if s2[i] < s1[i] else s2[i]
            w[i] = keep * w[i] - rate * s0[i] / (math.sqrt(s2[i]) + epsilon)
    elif code == ADAGRAD:
        for i in range(n):
            s0[i] = s0[i] + g[i] * g[i]
            w[i] = keep * w[i] - rate * g[i] / (math.sqrt(s0[i]) + epsilon)
    elif code == RMSPROP:
        for i in range(n):
            s0[i] = b2 * s0[i] + rest_2 * (g[i] * g[i])
            s1[i] = mu * s1[i] + g[i] / (math.sqrt(s0[i]) + epsilon)
            w[i] = keep * w[i] - rate * s1[i]
    elif code == RPROP:
        for i in range(n):
            agree = g[i] * s0[i]
            s1[i] = _width(rate if k[FIRST] != 0.0 else s1[i], agree)
            s0[i] = real(0, w) if agree < real(0, w) else g[i]
            w[i] = keep * w[i] - _sign(s0[i], s1[i])
    return 0


@leaf("ipppi->i", fastmath=FUSED, of=(LEARNED_LISTS,))
def coast(code, k, w, s0, n):
    """A step of momentum or Nesterov's on n parameters whose gradient is 0; see `pull_of`."""
    keep, mu = k[KEEP], k[MU]
    lead = mu if code == NESTEROV else real(1, mu)
    for i in range(n):
        s0[i] = mu * s0[i]
        w[i] = keep * w[i] + lead * s0[i]
    return 0


@inline
def pull_of(run):
    """What a gradient adds to velocities, and to weights, in such a step."""
    rate = -run.learning_rate
    return rate, rate * (1.0 + run.momentum) if run.optimizer == NESTEROV else rate


@leaf("ppidddd->d", fastmath=FUSED | {"reassoc"}, of=(BATCH, SAMPLES))
def add_penalty(w, g, n, l1, l2, scale, clip):
    """g = clip(g + scale (l2 w + l1 sign w)); return l2 / 2 sum w^2 + l1 sum |w|."""
    squares = sizes = 0.0
    if l2 != 0.0:
        factor = real(l2 * scale, w)
        for i in range(n):
            g[i] += factor * w[i]
            squares += w[i] * w[i]
    if l1 != 0.0:
        size = real(l1 * scale, w)
        for i in range(n):
            g[i] += _sign(w[i], size)
            sizes += abs(w[i])
    if clip > 0.0:
        most = real(clip, w)
        for i in range(n):
            g[i] = -most if g[i] < -most else (most if g[i] > most else g[i])
    return 0.5 * l2 * squares + l1 * sizes


@leaf("pi->d", of=(BATCH,))
def norm(g, n):
    """The Euclidean norm of n numbers, summed in double precision."""
    total = 0.0
    for i in range(n):
        total += g[i] * 1.0 * g[i]
    return math.sqrt(total)


@leaf("piid->i", of=(BATCH,))
def cap_norms(w, rows, columns, max_norm):
    """Scale columns of w down to a norm of at most max_norm."""
    for j in range(columns):
        total = 0.0
        for i in range(rows):
            total += w[i * columns + j] * 1.0 * w[i * columns + j]
        if total > max_norm * max_norm:
            factor = max_norm / math.sqrt(total)
            for i in range(rows):
                w[i * columns + j] *= factor
    return 0
