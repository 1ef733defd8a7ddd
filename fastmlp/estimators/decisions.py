"""What a classifier's outputs say: decisions, and the labels and probabilities that are read from them.

Predictions and decisions are the same numbers, so that they cannot contradict each other.
"""

import numpy as np

from ..activations import Softmax, logistic

MULTILABEL = "multilabel-indicator"  # scikit-learn's word for rows of 0 and 1


def are_logits(output, loss):
    """Return whether the outputs are logits that a cross-entropy was learned by."""
    return output.code is not None and output.name == "identity" and "identity" in loss.from_logits


def decisions(logits, output, loss, kind):
    """Return a number for each output: the strongest wins or, where each stands for itself, above 0 is yes.

    Behind logistic, and softmax where the strongest wins, these are the logits: they say the same and do not
    saturate. Else they are the outputs; such that stand for themselves count from the middle of their targets
    0 and 1 on.
    """
    strongest_wins = kind == "multiclass" or loss.labels == "only"
    if output.code is not None and (
        output.name == "logistic" or (output.name == "softmax" and strongest_wins)
    ):
        return logits
    a = output.value(logits)
    return a if strongest_wins or are_logits(output, loss) else a - 0.5


def labels(decided, classes, kind):
    """Return the labels that decisions stand for; `kind` of the targets in scikit-learn's words."""
    if kind == MULTILABEL:
        return (decided > 0).astype(int)
    if decided.shape[1] > 1:
        return classes[decided[:, : len(classes)].argmax(axis=1)]  # of one class, a hinge has 2 outputs
    return classes[((decided.ravel() > 0) & (len(classes) > 1)).astype(int)]


def probabilities(a, output, loss, kind, logits):
    """Return the probability of each class, shape (n, n_classes), from outputs `a`.

    `logits` is a function that returns what they are the activations of; it is seldom asked.
    """
    if kind == "multiclass":
        if are_logits(output, loss):
            return Softmax().value(a)
        return a if output.name == "softmax" else _shares(a, lambda: output.slope * logits())
    p = logistic(a) if are_logits(output, loss) else a
    eps = np.finfo(p.dtype).eps / 2
    p = np.clip(p, eps, 1 - eps)  # nothing is certain
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p


def _shares(p, logits):
    """Return each class's share of the sum; where all are next to 0, that of their exponentials."""
    total, info = p.sum(axis=1, keepdims=True), np.finfo(p.dtype)
    lost = total < info.smallest_normal / info.eps
    if not lost.any():
        return p / total
    return np.where(lost, Softmax().value(logits()), p / np.where(lost, 1, total))
