"""The forms in which a data set is returned: pairs, or scikit-learn's `Bunch`."""


def pair(X, y, as_bunch, **extra):
    """``X, y``, or a `Bunch` of these as ``data`` and ``target``, where `extra` does not say other ones."""
    return _bunch({"data": X, "target": y} | extra) if as_bunch else (X, y)


def split(train, test, as_bunch, **extra):
    """``(X_train, y_train), (X_test, y_test)``, or a `Bunch` of the four and of `extra`."""
    if not as_bunch:
        return train, test
    return _bunch({"X_train": train[0], "y_train": train[1], "X_test": test[0], "y_test": test[1]} | extra)


def _bunch(contents):
    from sklearn.utils import Bunch  # imported here so that the data sets do not load scikit-learn

    return Bunch(**contents)
