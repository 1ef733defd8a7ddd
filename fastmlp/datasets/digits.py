"""Scikit-learn's handwritten digits: real data without a download."""

import numpy as np

from ._bunch import split

N_TRAIN = 1437


def load_digits(*, as_bunch=False):
    """Return the 1797 handwritten digits that come with scikit-learn, split into train and test.

    The first 1437 rows train, the last 360 test (80 % and 20 %), in the order in which they are
    stored: the rows go writer by writer, so most of the test digits are by hands that the training
    set does not hold, which is harder than a shuffled split.

    Parameters
    ----------
    as_bunch : bool, default=False
        Return scikit-learn's ``Bunch`` with ``X_train``, ``y_train``, ``X_test``, ``y_test``,
        ``image_shape``, ``target_names`` and ``DESCR`` instead of two pairs.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images of shape (n, 64), 8 x 8 pixels from 0 to 16, and labels of shape (n,), all uint8.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998.

    Examples
    --------
    >>> from fastmlp.datasets import load_digits
    >>> (X_train, y_train), (X_test, y_test) = load_digits()
    >>> X_train.shape, X_test.shape, X_train.max()
    ((1437, 64), (360, 64), np.uint8(16))
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    X, y = digits.data.astype(np.uint8), digits.target.astype(np.uint8)
    return split(
        (X[:N_TRAIN], y[:N_TRAIN]),
        (X[N_TRAIN:], y[N_TRAIN:]),
        as_bunch,
        image_shape=(8, 8),
        target_names=[str(k) for k in range(10)],
        DESCR=digits.DESCR,
    )
