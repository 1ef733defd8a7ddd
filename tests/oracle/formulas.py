"""Formulas of the kernels' oracle, in plain float64 NumPy: activations, losses, optimizers, Philox.

Nothing here is shared with the kernels. Z before the activation, A after it, d gradients.
"""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
from scipy.special import erf, expit, softmax, xlogy

from fastmlp.kernels.plan import Activation, Loss, Optimizer

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
LOGITS = {  # the output activations for which a loss is defined on what comes before them
    Loss.BINARY_CROSS_ENTROPY: (Activation.LOGISTIC, Activation.IDENTITY),
    Loss.CATEGORICAL_CROSS_ENTROPY: (Activation.SOFTMAX, Activation.IDENTITY),
    Loss.POISSON: (Activation.EXP,),
}


precision = SimpleNamespace(real=np.float64)  # what is computed with


@contextmanager
def extended():
    """A block in which the oracle computes with more digits, where the machine has them."""
    precision.real = np.longdouble
    try:
        yield
    finally:
        precision.real = np.float64


def normal_cdf(z):
    return 0.5 * (1.0 + erf(z / np.sqrt(2.0)))


def activate(code, slope, z):
    z = np.asarray(z, precision.real)
    return {
        Activation.IDENTITY: lambda: z.copy(),
        Activation.LOGISTIC: lambda: expit(slope * z),
        Activation.TANH: lambda: np.tanh(slope * z),
        Activation.RELU: lambda: np.maximum(z, 0.0),
        Activation.LEAKY_RELU: lambda: np.where(z > 0, z, slope * z),
        Activation.ELU: lambda: np.where(z > 0, z, slope * np.expm1(np.minimum(z, 0.0))),
        Activation.SELU: lambda: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0))),
        Activation.SOFTPLUS: lambda: np.logaddexp(0.0, z),
        Activation.GELU: lambda: z * normal_cdf(z),
        Activation.SILU: lambda: z * expit(z),
        Activation.STEP: lambda: (z >= 0).astype(precision.real),
        Activation.SOFTMAX: lambda: softmax(z, axis=-1),
        Activation.EXP: lambda: np.exp(z),
    }[code]()


def activation_backward(code, slope, z, d):
    """Gradient by z, given the gradient `d` by f(z)."""
    z, d = np.asarray(z, precision.real), np.asarray(d, precision.real)
    if code == Activation.SOFTMAX:
        a = softmax(z, axis=-1)
        return a * (d - (a * d).sum(axis=-1, keepdims=True))
    return (
        d
        * {
            Activation.IDENTITY: lambda: np.ones_like(z),
            Activation.LOGISTIC: lambda: slope * expit(slope * z) * expit(-slope * z),
            Activation.TANH: lambda: slope * (1.0 - np.tanh(slope * z) ** 2),
            Activation.RELU: lambda: np.where(z > 0, 1.0, 0.0),
            Activation.LEAKY_RELU: lambda: np.where(z > 0, 1.0, slope),
            Activation.ELU: lambda: np.where(z > 0, 1.0, slope * np.exp(np.minimum(z, 0.0))),
            Activation.SELU: lambda: (
                SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0.0)))
            ),
            Activation.SOFTPLUS: lambda: expit(z),
            Activation.GELU: lambda: normal_cdf(z) + z * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi),
            Activation.SILU: lambda: expit(z) * (1.0 + z * expit(-z)),
            Activation.STEP: lambda: np.zeros_like(z),
            Activation.EXP: lambda: np.exp(z),
        }[code]()
    )


def loss_and_delta(job, layer, z, y):
    """Loss of each sample (n,), and its gradient by the output layer's Z (n, n_outputs)."""
    code, parameter = Loss(int(job.run["loss"][0])), job.run["loss_parameter"][0]
    activation, slope = Activation(int(layer["activation"])), layer["slope"]
    a = activate(activation, slope, z)
    eps = np.finfo(job.params.dtype).eps
    if activation in LOGITS.get(code, ()):
        u = slope * z if activation == Activation.LOGISTIC else z
        du = slope if activation == Activation.LOGISTIC else 1.0
        if code == Loss.BINARY_CROSS_ENTROPY:
            return (np.logaddexp(0.0, u) - y * u).sum(axis=1), du * (expit(u) - y)
        if code == Loss.CATEGORICAL_CROSS_ENTROPY:
            mass = y.sum(axis=1, keepdims=True)
            return mass[:, 0] * np.logaddexp.reduce(u, axis=1) - (y * u).sum(axis=1), mass * softmax(
                u, axis=1
            ) - y
        return (xlogy(y, y) - y * u - y + np.exp(u)).sum(axis=1), np.exp(u) - y
    r = a - y
    if code == Loss.HALF_SQUARED_ERROR:
        loss, da = 0.5 * r**2, r
    elif code == Loss.BINARY_CROSS_ENTROPY:
        p = np.clip(a, eps, 1.0 - eps)
        loss, da = -xlogy(y, p) - xlogy(1.0 - y, 1.0 - p), (p - y) / (p * (1.0 - p))
    elif code == Loss.SOFTMAX_CROSS_ENTROPY:
        mass = y.sum(axis=1, keepdims=True)
        sums = np.logaddexp.reduce(a, axis=1, keepdims=True)
        loss, da = y * (sums - a), mass * softmax(a, axis=1) - y
    elif code == Loss.CATEGORICAL_CROSS_ENTROPY:
        p = np.clip(a, eps, 1.0 - eps)
        loss, da = -xlogy(y, p), -y / p
    elif code in (Loss.HINGE, Loss.SQUARED_HINGE):
        rows, truth = np.arange(len(a)), y.argmax(axis=1)
        margin = np.maximum(a - a[rows, truth][:, None] + parameter, 0.0)
        margin[rows, truth] = 0.0
        loss, da = (margin, np.sign(margin)) if code == Loss.HINGE else (margin**2, 2.0 * margin)
        da[rows, truth] = -da.sum(axis=1)
    elif code == Loss.ABSOLUTE_ERROR:
        loss, da = np.abs(r), np.sign(r)
    elif code == Loss.HUBER:
        inside = np.abs(r) <= parameter
        loss = np.where(inside, 0.5 * r**2, parameter * (np.abs(r) - 0.5 * parameter))
        da = np.where(inside, r, parameter * np.sign(r))
    elif code == Loss.QUANTILE:
        loss = np.maximum(-parameter * r, (1.0 - parameter) * r)
        da = np.where(r > 0, 1.0 - parameter, np.where(r < 0, -parameter, 0.0))
    elif code == Loss.POISSON and activation == Activation.SOFTPLUS:
        far = z < -30.0  # softplus is exp there, to within exp(2 z)
        known = np.where(far, 1.0, a)
        loss = xlogy(y, y) - y * np.where(far, z, np.log(known)) - y + a
        return loss.sum(axis=1), expit(z) - y * np.where(far, 1.0, expit(z) / known)
    elif code == Loss.POISSON:
        loss, da = xlogy(y, y / a) - y + a, 1.0 - y / a
    return loss.sum(axis=1), activation_backward(activation, slope, z, da)


def update(run, w, g, state, rate):
    """One optimizer step in place; `run["step"]` updates came before it."""
    code, t, mu = Optimizer(int(run["optimizer"])), int(run["step"]) + 1, run["momentum"]
    b1, b2, eps = run["beta_1"], run["beta_2"], run["epsilon"]
    if code == Optimizer.GRADIENT:
        return
    w *= 1.0 - rate * run["weight_decay"]
    if code == Optimizer.SGD:
        w -= rate * g
    elif code in (Optimizer.MOMENTUM, Optimizer.NESTEROV):
        state[0] = mu * state[0] - rate * g
        w += state[0] if code == Optimizer.MOMENTUM else mu * state[0] - rate * g
    elif code in (Optimizer.ADAM, Optimizer.AMSGRAD):
        state[0] = b1 * state[0] + (1.0 - b1) * g
        state[1] = b2 * state[1] + (1.0 - b2) * g**2
        v = state[1]
        if code == Optimizer.AMSGRAD:
            state[2] = v = np.maximum(state[2], state[1])
        corrected = np.sqrt(1.0 - b2**t)
        if run["epsilon_corrected"]:
            eps = eps * corrected
        w -= rate * corrected / (1.0 - b1**t) * state[0] / (np.sqrt(v) + eps)
    elif code == Optimizer.ADAGRAD:
        state[0] += g**2
        w -= rate * g / (np.sqrt(state[0]) + eps)
    elif code == Optimizer.RMSPROP:
        state[0] = b2 * state[0] + (1.0 - b2) * g**2
        state[1] = mu * state[1] + g / (np.sqrt(state[0]) + eps)
        w -= rate * state[1]
    elif code == Optimizer.RPROP:
        if t == 1:
            state[1] = rate
        agreement = np.sign(g * state[0])
        state[1] = np.clip(state[1] * np.choose(agreement.astype(int) + 1, [0.5, 1.0, 1.2]), 1e-6, 50.0)
        state[0] = np.where(agreement < 0, 0.0, g)
        w -= np.sign(state[0]) * state[1]


def philox(counter, key):
    """Philox4x32-10 of Salmon et al. (2011): counter (4, ...) and key (2,) to (4, ...), all uint32."""
    low = np.uint64(0xFFFFFFFF)
    c = [np.asarray(x, np.uint64) for x in counter]
    k0, k1 = (np.uint64(int(k) & 0xFFFFFFFF) for k in key)
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(q >> np.uint64(32)) ^ c[1] ^ k0, q & low, (p >> np.uint64(32)) ^ c[3] ^ k1, p & low]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack(c).astype(np.uint32)


def dropout_mask(rate, seed, positions, n_units, layer, epoch):
    """0 where a unit is dropped, else 1 / (1 - rate); shape (len(positions), n_units)."""
    unit, position = np.meshgrid(np.arange(n_units), positions)
    fill = np.full_like(unit, 1)
    bits = philox((unit // 4, position, fill * (layer + 1), fill * epoch), (seed, int(seed) >> 32))
    uniform = (np.choose(unit % 4, bits) >> 8) * 2.0**-24
    return (uniform >= rate) / (1.0 - rate)
