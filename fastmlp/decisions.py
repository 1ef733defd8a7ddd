"""What a classifier's outputs say: decisions, and the labels and probabilities that are read from them.

Predictions and decisions are the same numbers, so that they cannot contradict each other. How outputs are
read is told once, by `reading`, in plain words that files can hold and every export follows.
"""

import numpy as np

from .activations import logistic, softmax

MULTILABEL = "multilabel-indicator"  # scikit-learn's word for rows of 0 and 1


def reading(output, loss, kind):
    """Return how a classifier's outputs are read, as plain data.

    Parameters
    ----------
    output : activation
        Of the last layer.
    loss : loss
    kind : {"binary", "multiclass", "multilabel-indicator"}
        Of the targets, in scikit-learn's words.

    Returns
    -------
    dict
        ``task``, the kind. ``by``, "logits" or "outputs": the numbers that decide. Behind logistic, and
        softmax where the strongest wins, these are the logits: they say the same and do not saturate.
        ``threshold``, what is taken from them, so that above 0 is yes: outputs that stand for themselves and
        are no logits count from the middle of their targets 0 and 1 on; None where the strongest wins.
        ``probabilities``, how these are made (see `probabilities`), or None.
    """
    strongest_wins = kind == "multiclass" or loss.labels == "only"
    known = output.code is not None
    are_logits = loss.gives_logits(output)
    by_logits = known and (output.name == "logistic" or (output.name == "softmax" and strongest_wins))
    threshold = None if strongest_wins else 0.0 if by_logits or are_logits else 0.5
    how = None
    if loss.labels != "only" and (are_logits or output.name in ("softmax", "logistic")):
        if kind == "multiclass":
            how = "softmax" if are_logits else "outputs" if output.name == "softmax" else "shares"
        else:
            how = "each_logistic" if are_logits else "each"
    by = "logits" if by_logits else "outputs"
    return {"task": kind, "by": by, "threshold": threshold, "probabilities": how}


def decisions(values, threshold):
    """Return a number for each output, from the logits or outputs that decide."""
    return values if not threshold else values - threshold


def softmax_tells(read):
    """Whether the numbers that decide are what probabilities of several classes are the softmax of."""
    ways = (("logits", "outputs"), ("outputs", "softmax"))
    return read["task"] == "multiclass" and (read["by"], read["probabilities"]) in ways


def log_probabilities(logits):
    """Return the logarithms of a softmax of logits, which can be compared from row to row, as logits cannot.

    Where rounding makes others equal to the strongest one, that stays the strongest.
    """
    best = logits.argmax(axis=1)[:, None]
    with np.errstate(over="ignore"):
        d = logits - np.take_along_axis(logits, best, axis=1)
    d -= np.log(np.exp(d).sum(axis=1, keepdims=True))
    tied = d.argmax(axis=1)[:, None] != best
    top = np.take_along_axis(d, best, axis=1)
    np.put_along_axis(d, best, np.where(tied, np.nextafter(top, top.dtype.type(np.inf)), top), axis=1)
    return d


def labels(decided, classes, kind):
    """Return the labels that decisions stand for; `kind` of the targets in scikit-learn's words."""
    if kind == MULTILABEL:
        return (decided > 0).astype(int)
    n_outputs = decided.shape[1]
    if n_outputs > 1:
        if n_outputs > len(classes):  # hinge losses have 2 outputs even for one class
            decided = decided[:, : len(classes)]
        return classes[decided.argmax(axis=1)]
    return classes[((decided.ravel() > 0) & (len(classes) > 1)).astype(int)]


def probabilities(a, how, strengths):
    """Return the probability of each class, shape (n, n_classes), from outputs `a`.

    Parameters
    ----------
    a : ndarray of shape (n, n_outputs)
    how : str
        "outputs": they are probabilities. "softmax": they are logits. "shares": each stands for itself, and
        the sum is to be 1. "each", "each_logistic": probabilities, or logits, that stay for themselves.
    strengths : callable
        Returns what `a` is the logistic function of; it is seldom asked.
    """
    if how == "outputs":
        return a
    if how == "softmax":
        return softmax(a)
    if how == "shares":
        return shares(a, strengths)
    p = logistic(a) if how == "each_logistic" else a
    eps = np.finfo(p.dtype).eps / 2
    p = np.clip(p, eps, 1 - eps)  # keeps probabilities off 0 and 1
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p


def shares(p, strengths):
    """Return each class's share of the sum; where all are next to 0, that of their exponentials."""
    total, info = p.sum(axis=1, keepdims=True), np.finfo(p.dtype)
    lost = total < info.smallest_normal / info.eps
    if not lost.any():
        return p / total
    return np.where(lost, softmax(strengths()), p / np.where(lost, 1, total))
