"""The two forms in which a data set is returned."""


def bunch(**contents):
    """Scikit-learn's `Bunch`; imported here so that the data sets do not load scikit-learn."""
    from sklearn.utils import Bunch

    return Bunch(**contents)


def split(train, test, as_bunch, **extra):
    """``(X_train, y_train), (X_test, y_test)``, or a `Bunch` of the four and of `extra`."""
    if not as_bunch:
        return train, test
    return bunch(X_train=train[0], y_train=train[1], X_test=test[0], y_test=test[1], **extra)
