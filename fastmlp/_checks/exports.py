"""Models that are written in another language: what it cannot say."""

import re

import numpy as np

from .values import shown


def check_identifier(name, value):
    """Return what names in other languages may begin with."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", value):
        raise ValueError(
            f"{name} must be a letter and up to 62 letters, digits and underscores of ASCII; got "
            f"{shown(value)}: choose a name such as 'model'"
        )
    return str(value)


def cannot_export(to, takes, got, remedy):
    """Raise for a model that has what the format of an export cannot say."""
    raise ValueError(f"{to} takes {takes}; got {got}: {remedy}")


def check_finite_numbers(to, values):
    """Return numbers of a model, which must be finite."""
    if not np.isfinite(values).all():
        cannot_export(to, "finite numbers only", "NaN or infinity in the model", "train it anew")
    return values


def check_labels_of_export(to, classes):
    """Return the labels of classes as int64 or object (of str), whichever they are."""
    labels = classes.tolist()
    if all(isinstance(label, str) for label in labels):
        wrong = [label for label in labels if any("\ud800" <= sign <= "\udfff" for sign in label)]
        takes = "names of classes in Unicode"
        found = np.array([str.__str__(label) for label in labels], object)
    else:
        real = classes.dtype.kind in "biuf"
        wrong = [label for label in labels if not real or label % 1 != 0 or abs(label) >= 2**63]
        takes = "classes that are strings, or integers that are below 2**63 in size"
        found = None if wrong else np.array([int(label) for label in labels], np.int64)
    if wrong:
        cannot_export(to, takes, shown(wrong[0]), "number the classes for the fit")
    return found
