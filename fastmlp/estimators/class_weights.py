"""What samples count by their classes."""

import numpy as np
from sklearn.utils import compute_sample_weight

from .. import _checks


def weigh(class_weight, classes, y, sample_weight):
    """Return what each sample counts: the weight of its class, or the product of its labels' weights.

    Parameters
    ----------
    class_weight : dict, list of dict or "balanced"
    classes : ndarray
        All that the estimator knows; `y` may lack some.
    y : ndarray of shape (n,) or (n, n_outputs)
    sample_weight : ndarray of shape (n,) or None
        Multiplied in.
    """
    if class_weight == "balanced":
        weights = _balanced(y, sample_weight)
    elif y.ndim == 1:
        weights = _of_classes(class_weight, classes)[np.searchsorted(classes, y)]
    else:
        yes_or_no = _of_outputs(class_weight, y.shape[1])
        weights = np.where(y != 0, yes_or_no[1], yes_or_no[0]).prod(axis=1)
    weights = weights if sample_weight is None else weights * sample_weight
    if not weights.any():
        _checks.refuse(
            f"no sample counts anything: with class_weight={class_weight!r} and sample_weight all weights "
            "are 0; give the classes in y a weight"
        )
    return weights


def mean_weight(class_weight, classes, n_outputs):
    """Return what a sample counts on average if all classes are as frequent as each other."""
    if n_outputs is None:
        return _of_classes(class_weight, classes).mean()
    return _of_outputs(class_weight, n_outputs).mean(axis=0).prod()


def _of_classes(class_weight, classes):
    """Return the weight of each class; 1 where none is given."""
    of_class, known = class_weight, classes.tolist()
    if isinstance(class_weight, list) and len(class_weight) == 1:
        of_class = class_weight[0]
    if not isinstance(of_class, dict):
        _checks.refuse(
            "class_weight must be a dict or 'balanced' where samples have one class each; got "
            f"{class_weight!r}"
        )
    strange, without = [c for c in of_class if c not in known], [c for c in known if c not in of_class]
    if strange and without:  # a slip, most likely
        _checks.refuse(
            f"class_weight has weights for {strange}, which are no classes, and none for {without}, which "
            "are; name the classes as y does"
        )
    return _checks.check_class_weight(np.array([of_class.get(c, 1.0) for c in known], float), class_weight)


def _of_outputs(class_weight, n_outputs):
    """Return the weights of no and of yes for each output of a multilabel problem, shape (2, n_outputs)."""
    compute_sample_weight(class_weight, [[0] * n_outputs, [1] * n_outputs])  # raises if its form is wrong
    table = [[of_output.get(label, 1.0) for label in (0, 1)] for of_output in class_weight]
    return np.array([_checks.check_class_weight(np.array(row), class_weight) for row in table], float).T


def _balanced(y, sample_weight):
    """Return weights inversely proportional to the frequency of classes, counted by the samples' weights."""
    if y.ndim == 2 or sample_weight is None:
        return compute_sample_weight("balanced", y)
    classes = np.unique(y)
    index = np.searchsorted(classes, y)
    per_class = np.bincount(index, weights=sample_weight)
    balance = sample_weight.sum() / (np.count_nonzero(per_class) * np.where(per_class > 0, per_class, 1))
    return balance[index]
