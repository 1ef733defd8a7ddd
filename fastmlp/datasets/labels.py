"""Labels made into others."""

import numpy as np

from .. import _checks


def one_against_rest(y, label):
    """Return 1 where a sample is of one class, 0 where it is of any other.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, 1)
    label : object
        The class; it must be among `y`.

    Returns
    -------
    ndarray of shape (n,), uint8

    Examples
    --------
    >>> from fastmlp.datasets import one_against_rest
    >>> one_against_rest([3, 1, 4, 3], 3)
    array([1, 0, 0, 1], dtype=uint8)
    """
    y = _checks.check_one_class_each(np.asarray(y))
    _checks.check_choice("label", label, dict.fromkeys(np.unique(y).tolist()))
    return (y == label).astype(np.uint8)
