"""Loss functions: the readable formulas, and the codes and scales the kernels know them by.

A loss says its value for each sample, and its derivative with respect to the outputs. The kernels compute the
built-in ones; a user's own loss is any object with ``name``, ``value(y, a)`` of shape (n,) and
``derivative(y, a)`` of shape (n, n_outputs), where ``a`` is the network's output. It may have more of what
`Loss` lists, and leaves its arguments as they are.

Cross-entropies behind the output activations that they belong to are computed from the logits, the outputs
before that activation, by log-sum-exp, never from rounded probabilities. Gradients are averaged over the
samples of a batch; with `average` False they are summed.

Five squared errors differ in what they divide by, and so in the step that one learning rate makes:

================== ============================== ================== ================================
name               reports, for one sample        gradient           known from
================== ============================== ================== ================================
mse                mean over outputs of e^2       2 e / n_outputs    PyTorch, Keras
half_squared_error half the mean of e^2           e                  scikit-learn
delta_rule         half the sum of e^2            e                  textbooks: w += rate (y - a) x
sse                sum of e^2, summed over the    2 e, summed too    error curves of single neurons
                   batch
================== ============================== ================== ================================

where e = a - y. With ten outputs "mse" learns five times slower than "delta_rule" at the same rate.

Three ways to a cross-entropy of classes differ in what the last layer gives:

======================== =============== ==============================================================
name                     outputs         known from
======================== =============== ==============================================================
categorical_crossentropy softmax         Keras; scikit-learn's classifier
categorical_crossentropy identity        Keras's ``from_logits=True``; PyTorch's ``CrossEntropyLoss``
softmax_crossentropy     any but softmax PyTorch's ``CrossEntropyLoss`` of what a sigmoid or ReLU gives
======================== =============== ==============================================================

Sigmoids lie between 0 and 1: a softmax of ten of them gives no class more than e / (e + 9), or 23 %.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from . import _checks
from .activations import log_sum_exp, logistic
from .formulas import Loss, UserLoss
from .kernels.numpy_backend import tables
from .kernels.plan import Activation
from .kernels.plan import Loss as Code


class MeanSquaredError(Loss):
    """Mean over outputs and samples of (a - y)^2, as PyTorch's and Keras's."""

    name, code, one_hot = "mse", Code.HALF_SQUARED_ERROR, True

    def scales(self, n_outputs):
        return 2.0 / n_outputs, 2.0 / n_outputs

    def value(self, y, a):
        return ((a - y) ** 2).mean(axis=1)

    def derivative(self, y, a):
        return 2.0 / a.shape[1] * (a - y)


class HalfSquaredError(Loss):
    """scikit-learn's squared error.

    It reports half the mean over outputs of (a - y)^2, and follows the gradient of half the *sum* over
    outputs.
    """

    name, code, one_hot = "half_squared_error", Code.HALF_SQUARED_ERROR, True

    def scales(self, n_outputs):
        return 1.0 / n_outputs, 1.0

    def value(self, y, a):
        return 0.5 * ((a - y) ** 2).mean(axis=1)

    def derivative(self, y, a):
        return a - y


class DeltaRule(Loss):
    """The textbook's squared error, half the sum over outputs of (a - y)^2.

    Behind the identity, one sample's step is the delta rule of Widrow and Hoff (1960): w += rate (y - a) x.
    """

    name, code, one_hot = "delta_rule", Code.HALF_SQUARED_ERROR, True

    def value(self, y, a):
        return 0.5 * ((a - y) ** 2).sum(axis=1)

    def derivative(self, y, a):
        return a - y


class SumOfSquares(Loss):
    """Sum over outputs and samples of (a - y)^2 (SSE); the gradient is the batch's sum, not its mean."""

    name, code, average, one_hot = "sse", Code.HALF_SQUARED_ERROR, False, True

    def scales(self, n_outputs):
        return 2.0, 2.0

    def value(self, y, a):
        return ((a - y) ** 2).sum(axis=1)

    def derivative(self, y, a):
        return 2.0 * (a - y)


@dataclass(frozen=True, repr=False, eq=False)
class BinaryCrossentropy(Loss):
    """Sum over outputs of -y log a - (1 - y) log(1 - a); behind identity, a is a logit.

    `label_smoothing` s moves targets to y (1 - s) + s / 2.
    """

    label_smoothing: _checks.ShareBelowOne = 0.0
    name, code, from_logits = "binary_crossentropy", Code.BINARY_CROSS_ENTROPY, ("logistic", "identity")
    target_range, outputs = (0.0, 1.0), ("logistic", "identity")

    def _targets(self, y):
        return y * (1 - self.label_smoothing) + 0.5 * self.label_smoothing

    def value(self, y, a):
        y, a = self._targets(y), _inside(a)
        return -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=1)

    def derivative(self, y, a):
        y, a = self._targets(y), _inside(a)
        return (1 - y) / (1 - a) - y / a

    def logits_value(self, y, z):
        return (np.logaddexp(0, z) - self._targets(y) * z).sum(axis=1)

    def logits_derivative(self, y, z):
        return logistic(z) - self._targets(y)


@dataclass(frozen=True, repr=False, eq=False)
class CategoricalCrossentropy(Loss):
    """-sum_j y_j log a_j; targets are labels 0 ... n_outputs - 1, or rows. Behind identity, a are logits.

    `label_smoothing` s moves targets to y (1 - s) + s / n_outputs.
    """

    label_smoothing: _checks.ShareBelowOne = 0.0
    name, code = "categorical_crossentropy", Code.CATEGORICAL_CROSS_ENTROPY
    from_logits: ClassVar[tuple[str, ...]] = ("softmax", "identity")
    outputs: ClassVar[tuple[str, ...] | None] = ("softmax", "identity")
    labels, target_range = True, (0.0, 1.0)

    def _targets(self, y, n_outputs):
        return one_hot(y, n_outputs) * (1 - self.label_smoothing) + self.label_smoothing / n_outputs

    def value(self, y, a):
        return -(self._targets(y, a.shape[1]) * np.log(_inside(a))).sum(axis=1)

    def derivative(self, y, a):
        return -self._targets(y, a.shape[1]) / _inside(a)

    def logits_value(self, y, z):
        return (self._targets(y, z.shape[1]) * (log_sum_exp(z) - z)).sum(axis=1)

    def logits_derivative(self, y, z):
        y = self._targets(y, z.shape[1])
        return np.exp(z - log_sum_exp(z)) * y.sum(axis=1, keepdims=True) - y


class SoftmaxCrossentropy(CategoricalCrossentropy):
    """The categorical cross-entropy of a softmax of the outputs, whatever their activation.

    PyTorch's ``CrossEntropyLoss`` applied to a network's outputs: those of a sigmoid or ReLU layer count as
    logits. Behind identity it is "categorical_crossentropy".
    """

    name, code, from_logits = "softmax_crossentropy", Code.SOFTMAX_CROSS_ENTROPY, ("identity",)
    outputs = (
        "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "gelu", "silu",
        "exp",
    )  # fmt: skip

    def gives_logits(self, output):
        return True

    def value(self, y, a):
        return self.logits_value(y, a)

    def derivative(self, y, a):
        return self.logits_derivative(y, a)


@dataclass(frozen=True, repr=False, eq=False)
class Hinge(Loss):
    """Weston and Watkins' multiclass hinge, sum over j != y of max(0, a_j - a_y + margin)."""

    margin: _checks.NotNegative = 1.0
    name, code, labels, _own = "hinge", Code.HINGE, "only", "margin"
    outputs = ("identity",)

    def _violations(self, y, a):
        """Return max(0, a_j - a_y + margin), 0 for y itself, and y as a column of labels."""
        y = (y if y.ndim == 1 else y.argmax(axis=1))[:, None]
        v = np.maximum(0, a - np.take_along_axis(a, y, axis=1) + self.margin)
        np.put_along_axis(v, y, 0, axis=1)
        return v, y

    def value(self, y, a):
        return self._violations(y, a)[0].sum(axis=1)

    def derivative(self, y, a):
        v, y = self._violations(y, a)
        d = (v > 0).astype(a.dtype)
        np.put_along_axis(d, y, -d.sum(axis=1, keepdims=True), axis=1)
        return d


class SquaredHinge(Hinge):
    """Sum over j != y of max(0, a_j - a_y + margin)^2."""

    name, code = "squared_hinge", Code.SQUARED_HINGE

    def value(self, y, a):
        return (self._violations(y, a)[0] ** 2).sum(axis=1)

    def derivative(self, y, a):
        v, y = self._violations(y, a)
        d = 2 * v
        np.put_along_axis(d, y, -d.sum(axis=1, keepdims=True), axis=1)
        return d


class AbsoluteError(Loss):
    """Mean over outputs of ``|a - y|``."""

    name, code = "mae", Code.ABSOLUTE_ERROR

    def scales(self, n_outputs):
        return 1.0 / n_outputs, 1.0 / n_outputs

    def value(self, y, a):
        return np.abs(a - y).mean(axis=1)

    def derivative(self, y, a):
        return np.sign(a - y) / a.shape[1]


@dataclass(frozen=True, repr=False, eq=False)
class Huber(AbsoluteError):
    """Mean over outputs of (a - y)^2 / 2 within `delta`, ``delta (|a - y| - delta / 2)`` beyond."""

    delta: _checks.Positive = 1.0
    name, code, _own = "huber", Code.HUBER, "delta"

    def value(self, y, a):
        r = np.abs(a - y)
        return np.where(r <= self.delta, 0.5 * r * r, self.delta * (r - 0.5 * self.delta)).mean(axis=1)

    def derivative(self, y, a):
        return np.clip(a - y, -self.delta, self.delta) / a.shape[1]


@dataclass(frozen=True, repr=False, eq=False)
class Quantile(AbsoluteError):
    """Mean over outputs of the pinball loss: q (y - a) where a < y, (1 - q) (a - y) where a > y."""

    quantile: _checks.OpenShare = 0.5
    name, code, _own = "quantile", Code.QUANTILE, "quantile"

    def value(self, y, a):
        return np.maximum(self.quantile * (y - a), (1 - self.quantile) * (a - y)).mean(axis=1)

    def derivative(self, y, a):
        return (np.where(a > y, 1 - self.quantile, 0.0) - np.where(a < y, self.quantile, 0.0)) / a.shape[1]


class Poisson(Loss):
    """Half the Poisson deviance, sum over outputs of y log(y / a) - y + a.

    Behind exp and softplus log a is computed from the logits: it, and the gradient, stay right where a
    underflows to 0.
    """

    name, code, from_logits = "poisson", Code.POISSON, ("exp",)
    target_range, outputs = (0.0, np.inf), ("exp", "softplus")

    def value(self, y, a):
        return self.logits_value(y, np.log(a))

    def derivative(self, y, a):
        return 1 - y / a

    def logits_value(self, y, z):
        y_log_y = y * np.log(np.where(y > 0, y, 1.0))
        return (y_log_y - y * z - y + np.exp(z)).sum(axis=1)

    def logits_derivative(self, y, z):
        return np.exp(z) - y

    def takes_logits(self, output):
        return super().takes_logits(output) or output.code == Activation.SOFTPLUS

    def each(self, output, y, z, a):
        if output.code != Activation.SOFTPLUS:
            return super().each(output, y, z, a)
        return self.logits_value(y, _log_softplus(z)[0])

    def backward(self, output, y, z, a):
        if output.code != Activation.SOFTPLUS:
            return super().backward(output, y, z, a)
        return logistic(z) - y * _log_softplus(z)[1]


def _log_softplus(z):
    """Return the logarithm of a = log(1 + exp(z)), and its derivative, which are z and 1 far below 0."""
    a = np.logaddexp(0, z)
    far = z < -20.0  # there a^2 is no more felt
    divisor = np.where(far, 1, a)
    return np.where(far, z - a / 2, np.log(divisor)), np.where(far, 1 - a / 2, logistic(z) / divisor)


def _inside(p):
    """Return probabilities moved off 0 and 1, as scikit-learn's log loss does."""
    eps = np.finfo(p.dtype).eps
    return np.clip(p, eps, 1 - eps)


def one_hot(labels, n_classes):
    """Return rows of 0 and 1 for integer labels; rows are returned as they are."""
    return np.eye(n_classes)[labels] if labels.ndim == 1 else labels


BUILT_IN = (MeanSquaredError, HalfSquaredError, DeltaRule, SumOfSquares, BinaryCrossentropy,
            CategoricalCrossentropy, SoftmaxCrossentropy, Hinge, SquaredHinge, AbsoluteError, Huber, Quantile,
            Poisson)  # fmt: skip
LOSSES = {cls.name: cls for cls in BUILT_IN}
KNOWN = frozenset((*BUILT_IN, UserLoss))
tables.LOSSES.update({cls.code: cls.of_run for cls in reversed(BUILT_IN)})
LOSSES |= {"absolute_error": AbsoluteError, "mean_squared_error": MeanSquaredError}

# the default loss, by output activation
OF_OUTPUT = {"softmax": "categorical_crossentropy", "logistic": "binary_crossentropy", "exp": "poisson"}


@cache
def _of_name(name):
    """Return the loss of a name: one serves all, as it stays as it was made."""
    return LOSSES[name]()


def get(loss):
    """Return the loss that a name, a class or an object stands for; a user's own is wrapped."""
    if isinstance(loss, str) and loss in LOSSES:
        return _of_name(loss)
    loss = _checks.check_named("loss", loss, LOSSES)
    if type(loss) in KNOWN:
        return loss
    return UserLoss(_checks.check_protocol("loss", loss, ("name", "value", "derivative"), LOSSES))
