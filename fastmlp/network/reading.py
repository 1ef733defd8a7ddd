"""What a network's outputs stand for beside targets: classes, probabilities, values."""

from typing import NamedTuple

import numpy as np

from .. import _checks
from ..activations import Softmax, logistic
from ..kernels.cached import cached_property


class Coding(NamedTuple):
    """How targets tell classes.

    Attributes
    ----------
    low, high : float
        The smallest and the largest target; between them lies the threshold.
    several : bool
        Whether a sample may have several labels, each told by an output of its own, or none.
    """

    low: float
    high: float
    several: bool

    @property
    def middle(self):
        return (self.low + self.high) / 2


def target_range(y, activation, loss, known=None):
    """Return the range of the targets that a network learns.

    It says where the threshold lies of data that are all of one class. None: outputs and loss say it.
    `known` is that of what was learned before, which targets of one value do not change.
    """
    if y.ndim == 1 or activation.name in ("logistic", "softmax") or loss.gives_logits(activation):
        return None
    if y.size <= 64:  # a list is faster
        numbers = y.ravel().tolist()
        low, high = min(numbers), max(numbers)
    else:
        low, high = float(y.min()), float(y.max())
    return (low, high) if low < high or known is None else known


def classes(outputs, activation, loss, known_range=None):
    """Return the class that each row of outputs tells.

    Parameters
    ----------
    outputs : ndarray of shape (n, n_outputs)
    activation, loss
        Of the outputs, and by which they learned.
    known_range : tuple, default=None
        Of the targets learned: see `target_range`.

    Returns
    -------
    ndarray of int64, shape (n,)
        The number of the strongest of several outputs. Behind one output 0 and 1, or -1 and 1 where these
        were the targets.
    """
    if outputs.shape[1] > 1:
        return outputs.argmax(axis=1)
    if activation.name == "logistic" or loss.gives_logits(activation):
        low, high, middle = 0, 1, 0.5 if activation.name == "logistic" else 0.0
    else:
        low, high = _checks.check_class_range(known_range or (-1.0, 1.0))
        middle = (low + high) / 2
    return np.where(outputs[:, 0] > middle, int(high), int(low))


class Reading:
    """Outputs and targets of some samples, as each kind of metric takes them: pairs (y_true, y_pred).

    Behind one output the classes are 0 and 1: what lies above the middle of the targets' range is class 1,
    of logits what lies above 0. Of several outputs the strongest tells the class, unless a sample may have
    several labels: then each output is judged as if it were the only one.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_outputs)
        As the user gave it.
    outputs : ndarray of shape (n, n_outputs)
    activation, loss
        Of the outputs, and by which they learned.
    like : Coding, default=None
        That of the targets trained on; None: that of `y`.
    known_range : tuple, default=None
        See `target_range`: of targets learned before, for `y` that has one value only.
    """

    def __init__(self, y, outputs, activation, loss, like=None, known_range=None):
        self.activation, self.loss, self.like, self.known_range = activation, loss, like, known_range
        self.outputs = outputs
        self.n_outputs = outputs.shape[1]
        y = np.asarray(y)
        self.y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y

    @property
    def tells_classes(self):
        """Whether outputs are meant to tell classes: as loss, output activation or targets say."""
        if self._is_told or (self.n_outputs > 1 and self.y.ndim == 1):
            return True
        return bool(np.isin(self.y, self._range()).all())

    @property
    def are_values(self):
        """Whether y has more than two values behind one output that nothing says to tell classes."""
        if self.n_outputs > 1 or self._is_told or not self.y.size:
            return False
        return bool(((self.y > self.y.min()) & (self.y < self.y.max())).any())

    @property
    def _is_told(self):
        """Whether loss or output activation say that outputs tell classes, whatever the targets are."""
        name = self.activation.name
        of_entropy = name == "logistic" and name in self.loss.from_logits
        return bool(self.loss.labels) or self.are_logits or of_entropy or name == "softmax"

    @property
    def finite(self):
        """Whether all outputs are."""
        return bool(np.isfinite(self.outputs).all())

    @property
    def classes(self):
        """The numbers of all classes; None where a sample may have several."""
        return None if self.coding.several else np.arange(max(self.n_outputs, 2))

    @cached_property
    def are_logits(self):
        """Whether the outputs are logits by which a cross-entropy was learned."""
        return self.loss.gives_logits(self.activation)

    @cached_property
    def coding(self):
        """The targets' `Coding`."""
        exclusive = self.activation.name == "softmax" or bool(self.loss.labels)
        if self.n_outputs > 1 and self.y.ndim == 1:
            return Coding(0.0, 1.0, False)  # labels
        low, high = self._range()
        several = self.n_outputs > 1 and not exclusive
        if several and self.like is not None:
            several = self.like.several
        elif several:
            several = bool((np.count_nonzero(self.y > (low + high) / 2, axis=1) != 1).any())
        return Coding(low, high, several)

    def _range(self):
        """Return the targets' range; where all are alike, that of the coding they must be of."""
        if self.like is not None:
            return self.like.low, self.like.high
        low, high = (float(self.y.min()), float(self.y.max())) if self.y.size else (0.0, 1.0)
        if low < high:
            return low, high
        known = self.known_range
        if known is not None and known[0] < known[1] and known[0] <= low <= known[1]:
            return known
        if high < 0 or (high == 1 and self._is_signed()):
            return -abs(high), abs(high)
        return (0.0, 1.0) if high <= 1 else (low, high)

    def _is_signed(self):
        """Whether the output activation runs from about -1 to 1: the opposite of a target of 1 is -1."""
        low, high = self.activation.value(np.array([[-30.0], [30.0]])).ravel()
        return -2 < low < -0.5 and 0.5 < high < 2

    @property
    def predictions(self):
        return self.y, self.outputs.ravel() if self.n_outputs == 1 else self.outputs

    @cached_property
    def labels(self):
        a = self.predictions[1]
        if self.n_outputs > 1 and not self.coding.several:
            return self._true_labels, a.argmax(axis=1)
        return self._true_labels, (a > (0.0 if self.are_logits else self.coding.middle)).astype(np.int64)

    @property
    def numbers(self):
        return self.labels

    @cached_property
    def _true_labels(self):
        if self.n_outputs > 1 and self.y.ndim == 1:
            return self.y.astype(np.int64)
        if self.n_outputs > 1 and not self.coding.several:
            return self.y.argmax(axis=1)
        return (self.y > self.coding.middle).astype(np.int64)

    @property
    def have_probabilities(self):
        """Whether outputs are probabilities, or are turned into them; a user's activation may give some."""
        known = self.activation.name in ("logistic", "softmax") or self.are_logits
        return known or self.activation.code is None

    @cached_property
    def _probabilities(self):
        a = self.predictions[1]
        if self.are_logits:
            softmax = bool(self.loss.labels) and self.n_outputs > 1
            return Softmax().value(a) if softmax else logistic(a)
        return a

    @cached_property
    def probabilities(self):
        p = self._probabilities
        if self.activation.name == "logistic" and self.n_outputs > 1 and not self.coding.several:
            # each output was trained on its own, so that they do not sum to 1
            p = p / p.sum(axis=1, keepdims=True)
        return self._true_labels, p[:, 1] if self._are_two else p

    @property
    def _are_two(self):
        """Whether two outputs tell two classes apart."""
        return self.n_outputs == 2 and not self.coding.several

    @property
    def scores(self):
        if self.have_probabilities:
            return self.probabilities
        a = self.predictions[1]
        return self._true_labels, a[:, 1] - a[:, 0] if self._are_two else a

    @cached_property
    def values(self):
        y = self.y
        if self.n_outputs > 1 and y.ndim == 1:
            y = np.eye(self.n_outputs)[y.astype(np.int64)]
        return y, self._probabilities
