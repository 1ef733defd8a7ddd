"""Losses, sample by sample in double precision: values, and gradients by the output layer's logits.

Cross-entropies come from logits wherever the output activation allows it. `per_sample` and
`per_unit` are the strides of z, a and d.
"""

import math
import sys

import numpy as np

from ..plan import Loss
from .activation import EXP, IDENTITY, LOGISTIC, SOFTMAX
from .build import inline, leaf
from .context import I64, LAYER_WORDS, C, L, R
from .memory import array, at, call, number, put, shift, word
from .vector_code import VEC_BYTES
from .vectors import lanes_of

(
    HALF_SQUARED_ERROR, BINARY_CROSS_ENTROPY, CATEGORICAL_CROSS_ENTROPY, HINGE, SQUARED_HINGE, ABSOLUTE_ERROR,
    HUBER, QUANTILE, POISSON,
) = map(int, Loss)  # fmt: skip
EPS_32, EPS_64 = float(np.finfo(np.float32).eps), sys.float_info.epsilon


@inline
def _xlogy(x, y):
    return x * math.log(y) if x != 0.0 else 0.0


@inline
def _target(y, labels, is_label, row, o, n, keep, share):
    """Target of output o: y keep + share, where labels are read as one-hot rows."""
    if is_label:
        return (1.0 if at(labels, row) == o else 0.0) * keep + share
    return at(y, row * n + o) * keep + share


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
def _softmax_loss(z, d, stride, y, labels, is_label, row, n, keep, share):
    """log-sum-exp(z) - y z, and softmax(z) - y (both weighted with the sum of y, which is 1 as a rule)."""
    top = at(z, 0)
    for o in range(1, n):
        top = max(top, at(z, o * stride))
    total = mass = dot = 0.0
    for o in range(n):
        u = np.float64(at(z, o * stride) - top)
        e = math.exp(u)
        put(d, o * stride, e)
        total += e
        t = _target(y, labels, is_label, row, o, n, keep, share)
        mass += t
        dot += t * u if t != 0.0 else 0.0
    for o in range(n):
        t = _target(y, labels, is_label, row, o, n, keep, share)
        put(d, o * stride, mass * at(d, o * stride) / total - t)
    return mass * math.log(total) - dot


@inline
def _hinge_loss(squared, a, d, stride, y, labels, is_label, row, n, margin):
    """Weston-Watkins: the sum over j != y of max(0, a_j - a_y + margin), or of its squares."""
    truth = 0
    if is_label:
        truth = at(labels, row)
    else:
        for o in range(1, n):
            if at(y, row * n + o) > at(y, row * n + truth):
                truth = o
    total = back = 0.0
    for o in range(n):
        slack = np.float64(at(a, o * stride)) - at(a, truth * stride) + margin
        if o == truth or slack <= 0.0:
            put(d, o * stride, 0.0)
        else:
            slope = 2.0 * slack if squared else 1.0
            total += slack * slack if squared else slack
            back += slope
            put(d, o * stride, slope)
    put(d, truth * stride, -back)
    return total


@inline
def _logistic_loss(u, y, slope):
    """log(1 + exp(u)) - y u, and its derivative, times `slope`."""
    e = math.exp(-abs(u))
    p = 1.0 / (1.0 + e) if u >= 0.0 else e / (1.0 + e)
    return max(u, 0.0) + math.log1p(e) - y * u, slope * (p - y)


@leaf("wpppiiiid->d")
def loss_and_delta(c, z, a, d, n_samples, first, per_sample, per_unit, factor):
    """Weighted sum of the losses of samples first.. of the epoch's order.

    z : IN logits    a : OUT outputs (not written where the loss needs none)
    d : OUT gradient by z, times sample weight and `factor`; 0 in lanes without a sample
    """
    layer, loss = (at(c, C.n_layers) - 1) * LAYER_WORDS, word(c, C.run, R.loss)
    activation, slope = word(c, C.layers, layer + L.activation), number(c, C.layers, layer + L.slope)
    n, parameter = word(c, C.layers, layer + L.n_out), number(c, C.run, R.loss_parameter)
    smoothing = number(c, C.run, R.label_smoothing)
    binary, categorical = loss == BINARY_CROSS_ENTROPY, loss == CATEGORICAL_CROSS_ENTROPY
    share = smoothing * 0.5 if binary else (smoothing / n if categorical else 0.0)
    keep = 1.0 - smoothing if binary or categorical else 1.0
    eps = EPS_32 if lanes_of(z) * 4 == VEC_BYTES else EPS_64
    y, labels, is_label = array(c, C.y, at(z, 0)), array(c, C.y, I64), word(c, C.run, R.labels) != 0
    weighted = at(c, C.weight) != 0
    from_logits = (
        (binary and (activation == LOGISTIC or activation == IDENTITY))
        or (categorical and (activation == SOFTMAX or activation == IDENTITY))
        or (loss == POISSON and activation == EXP)
    )
    lanes = at(c, C.lanes)
    numbers = n * max(lanes, n_samples)
    if n_samples < lanes:
        for i in range(numbers):
            put(d, i, 0.0)
    if activation == SOFTMAX and not from_logits:
        call(c, C.softmax, z, a, n_samples, n, per_sample, per_unit)
    elif not from_logits:
        call(c, C.activate, activation, slope, z, a, numbers)
    logit = slope if activation == LOGISTIC else 1.0
    total = 0.0
    for s in range(n_samples):
        row = word(c, C.order, first + s)
        zs, as_, ds = shift(z, s * per_sample), shift(a, s * per_sample), shift(d, s * per_sample)
        value = 0.0
        if from_logits and categorical:
            value = _softmax_loss(zs, ds, per_unit, y, labels, is_label, row, n, keep, share)
        elif loss == HINGE or loss == SQUARED_HINGE:
            squared = loss == SQUARED_HINGE
            value = _hinge_loss(squared, as_, ds, per_unit, y, labels, is_label, row, n, parameter)
        else:
            for o in range(n):
                i = o * per_unit
                t = _target(y, labels, is_label, row, o, n, keep, share)
                if not from_logits:
                    part, slope_here = _point(loss, np.float64(at(as_, i)), t, parameter, eps)
                elif binary:
                    part, slope_here = _logistic_loss(logit * at(zs, i), t, logit)
                else:
                    mu = math.exp(np.float64(at(zs, i)))
                    part, slope_here = _xlogy(t, t) - t * at(zs, i) - t + mu, mu - t
                value += part
                put(ds, i, slope_here)
        weight = number(c, C.weight, row) if weighted else 1.0
        total += weight * value
        if weight * factor != 1.0:
            for o in range(n):
                put(ds, o * per_unit, at(ds, o * per_unit) * (weight * factor))
    if activation == SOFTMAX and not from_logits:
        call(c, C.softmax_gradient, a, d, n_samples, n, per_sample, per_unit)
    elif not from_logits:
        call(c, C.activation_gradient, activation, slope, z, a, d, numbers)
    return total
