"""What estimators are given as `y`: classes, rows of labels, or values."""

from contextlib import contextmanager

import numpy as np

from .data import as_float
from .warned import warn


def check_classes(found, known, warm_start):
    """Raise where labels do not go with the classes that an estimator knows."""
    if warm_start:
        if set(found) != set(known):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {known}, `y` has {found}"
            )
    elif len(np.setdiff1d(found, known, assume_unique=True)):
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {found}."
        )


@contextmanager
def labels_in_order(y):
    """Say of labels that cannot be put in order what they are, and that some are missing where they are."""
    try:
        yield
    except TypeError:
        kinds = sorted({type(label).__name__ for label in np.asarray(y, object).ravel()})
        if len(kinds) == 1 and kinds != ["NoneType"]:
            raise
        raise TypeError(
            f"y must hold labels of one kind, none of them missing; got {', '.join(kinds)}: drop samples "
            "without a label, and name all classes by numbers or all by text"
        ) from None


def check_one_class_each(y):
    """Return classes in a vector: of each sample one."""
    if y.ndim != 1 and not (y.ndim == 2 and y.shape[1] == 1):
        raise ValueError(
            f"y must have shape (n,), a class for each sample; got {y.shape}: pass y.argmax(axis=1) of "
            "one-hot rows"
        )
    return y.ravel()


def check_labels_known_kind(y):
    """Raise where there can be no classes: labels of several kinds, or numbers with fractions."""
    if y.dtype.kind == "O":
        np.unique(y)
    elif y.dtype.kind == "f":
        from sklearn.utils.multiclass import check_classification_targets

        check_classification_targets(y)


def as_values(y):
    """Return the targets of a regressor, numbers in an array."""
    if hasattr(y, "toarray"):
        raise TypeError("y must be a dense array; got a sparse one: pass y.toarray()")
    y = as_one_column(y)
    return y if y.dtype.kind in "biuf" else as_float(y, "y")


def as_one_column(y):
    """Return targets; a column of them as a vector, with scikit-learn's warning."""
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    from sklearn.exceptions import DataConversionWarning

    warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
        "(n_samples,), for example using ravel().",
        DataConversionWarning,
    )
    return y.ravel()
