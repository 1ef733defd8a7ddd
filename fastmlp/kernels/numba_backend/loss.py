"""Losses, sample by sample in double precision: values, and gradients by the output layer's logits.

Cross-entropies come from logits wherever the output activation allows it.
"""

import math
import sys

import numpy as np

from ..plan import Loss
from .activation import EXP, IDENTITY, LOGISTIC, SOFTMAX, SOFTPLUS, exp
from .build import ALONE, BATCH, LOSSES, NETS, call, inline, leaf
from .lanes import choose, size_of, whole
from .memory import address

(
    HALF_SQUARED_ERROR, BINARY_CROSS_ENTROPY, CATEGORICAL_CROSS_ENTROPY, HINGE, SQUARED_HINGE, ABSOLUTE_ERROR,
    HUBER, QUANTILE, POISSON, SOFTMAX_CROSS_ENTROPY,
) = map(int, Loss)  # fmt: skip
EPS_32, EPS_64 = float(np.finfo(np.float32).eps), sys.float_info.epsilon


@inline
def _xlogy(x, y):
    """x log(y), 0 where x is."""
    return x * math.log(y) if x != 0.0 else 0.0


@inline
def _target(c, row, o, n, keep, share):
    """Target of output o: y keep + share, where labels are read as one-hot rows."""
    if c.run.labels != 0:
        return (1.0 if c.labels[row] == o else 0.0) * keep + share
    return c.y[row * n + o] * keep + share


@inline
def _point(loss, a, y, parameter, eps):
    """Loss of one output, and its derivative by a."""
    r = a - y
    if loss == HALF_SQUARED_ERROR:
        return 0.5 * r * r, r
    if loss == ABSOLUTE_ERROR:
        return abs(r), 1.0 if r > 0 else (-1.0 if r < 0 else 0.0)
    if loss == HUBER:
        if abs(r) <= parameter:
            return 0.5 * r * r, r
        return parameter * (abs(r) - 0.5 * parameter), parameter if r > 0 else -parameter
    if loss == QUANTILE:
        if r < 0:
            return -parameter * r, -parameter
        return (1.0 - parameter) * r, 1.0 - parameter if r > 0 else 0.0
    if loss == POISSON:
        return _xlogy(y, y / a) - y + a, 1.0 - y / a
    p = eps if a < eps else (1.0 - eps if a > 1.0 - eps else a)
    if loss == BINARY_CROSS_ENTROPY:
        return -_xlogy(y, p) - _xlogy(1.0 - y, 1.0 - p), (p - y) / (p * (1.0 - p))
    return -_xlogy(y, p), -y / p


@inline
def _softmax_loss(c, z, d, row, n, keep, share):
    """log-sum-exp(z) - y z, and softmax(z) - y (both weighted with the sum of y, which is 1 as a rule)."""
    top = z[0]
    for o in range(1, n):
        top = choose(top, z[o], z[o], top)
    for o in range(n):
        d[o] = exp(z[o] - top)
    total = mass = dot = 0.0
    for o in range(n):
        total += d[o]
        t = _target(c, row, o, n, keep, share)
        mass += t
        dot += t * (np.float64(z[o]) - top) if t != 0.0 else 0.0
    part = mass / total
    for o in range(n):
        d[o] = part * d[o] - _target(c, row, o, n, keep, share)
    return mass * math.log(total) - dot


@inline
def _hinge_loss(c, squared, a, d, row, n, margin):
    """Weston-Watkins: the sum over j != y of max(0, a_j - a_y + margin), or of its squares."""
    truth = 0
    if c.run.labels != 0:
        truth = c.labels[row]
    else:
        for o in range(1, n):
            if c.y[row * n + o] > c.y[row * n + truth]:
                truth = o
    total = back = 0.0
    for o in range(n):
        slack = np.float64(a[o]) - a[truth] + margin
        if o == truth or slack <= 0.0:
            d[o] = 0.0
        else:
            slope = 2.0 * slack if squared else 1.0
            total += slack * slack if squared else slack
            back += slope
            d[o] = slope
    d[truth] = -back
    return total


@inline
def _logistic_loss(u, y, slope):
    """log(1 + exp(u)) - y u, and its derivative, times `slope`."""
    e = math.exp(-abs(u))
    p = 1.0 / (1.0 + e) if u >= 0.0 else e / (1.0 + e)
    return max(u, 0.0) + math.log1p(e) - y * u, slope * (p - y)


@inline
def _softplus_poisson(z, a, y):
    """y log(y / a) - y + a for a = log(1 + exp(z)), and its derivative by z: far below 0, log a is z."""
    if z < -20.0:  # a^2 is no more felt
        return _xlogy(y, y) - y * (z - 0.5 * a) - y + a, (a - y) * (1.0 - 0.5 * a)
    value, slope = _point(POISSON, a, y, 0.0, 0.0)
    return value, -slope * math.expm1(-a)


@leaf("ciid->d", of=(BATCH, ALONE, NETS, LOSSES))
def loss_and_delta(c, n_samples, first, factor):
    """Weighted sum of the losses of samples first.. of the epoch's order, from the output layer's logits.

    Its outputs are written too, where the loss needs them, and the gradient by the logits, times the sample's
    weight and `factor`.
    """
    k, run, loss = c.n_layers - 1, c.run, c.run.loss
    layer, buffer = c.layers[k], c.buffers[k]
    z, a, d, n, activation, slope = buffer.z, buffer.a, buffer.d, layer.n_out, layer.activation, layer.slope
    parameter, smoothing = run.loss_parameter, run.label_smoothing
    binary, categorical = loss == BINARY_CROSS_ENTROPY, loss == CATEGORICAL_CROSS_ENTROPY
    of_softmax = loss == SOFTMAX_CROSS_ENTROPY
    share = smoothing * 0.5 if binary else (smoothing / n if categorical or of_softmax else 0.0)
    keep = 1.0 - smoothing if binary or categorical or of_softmax else 1.0
    eps = EPS_32 if size_of(z) == 4 else EPS_64
    weighted = address(c.weight) != 0
    from_logits = (
        (binary and (activation == LOGISTIC or activation == IDENTITY))
        or (categorical and (activation == SOFTMAX or activation == IDENTITY))
        or (loss == POISSON and (activation == EXP or activation == SOFTPLUS))
    )
    if activation == SOFTMAX and not from_logits:
        call(c.softmax, z, a, n_samples, n)
    elif not from_logits:
        call(c.activate, activation, slope, z, a, whole(n_samples * n, z))
    logit = slope if activation == LOGISTIC else 1.0
    total = 0.0
    for s in range(n_samples):
        row = c.order[first + s]
        zs, as_, ds = z + s * n, a + s * n, d + s * n
        value = 0.0
        if from_logits and categorical:
            value = _softmax_loss(c, zs, ds, row, n, keep, share)
        elif of_softmax:
            value = _softmax_loss(c, as_, ds, row, n, keep, share)
        elif loss == HINGE or loss == SQUARED_HINGE:
            value = _hinge_loss(c, loss == SQUARED_HINGE, as_, ds, row, n, parameter)
        else:
            for o in range(n):
                t = _target(c, row, o, n, keep, share)
                if not from_logits:
                    part, slope_here = _point(loss, np.float64(as_[o]), t, parameter, eps)
                elif binary:
                    part, slope_here = _logistic_loss(logit * zs[o], t, logit)
                elif activation == SOFTPLUS:
                    u = np.float64(zs[o])
                    part, slope_here = _softplus_poisson(u, max(u, 0.0) + math.log1p(math.exp(-abs(u))), t)
                else:
                    mu = math.exp(np.float64(zs[o]))
                    part, slope_here = _xlogy(t, t) - t * zs[o] - t + mu, mu - t
                value += part
                ds[o] = slope_here
        weight = c.weight[row] if weighted else 1.0
        total += weight * value
        if weight * factor != 1.0:
            for o in range(n):
                ds[o] *= weight * factor
    if activation == SOFTMAX and not from_logits:
        call(c.softmax_gradient, a, d, n_samples, n)
    elif not from_logits:
        call(c.activation_gradient, activation, slope, z, a, d, whole(n_samples * n, z))
    return total
