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
    if all(isinstance(label, str) for label in classes.tolist()):
        return np.array([str.__str__(label) for label in classes.tolist()], object)
    if classes.dtype.kind in "biuf" and (classes == np.trunc(classes)).all():
        if all(-(2**63) < int(label) < 2**63 for label in classes.tolist()):
            return np.array([int(label) for label in classes.tolist()], np.int64)
    return cannot_export(
        to, "classes that are integers of 64 bits or strings", shown(classes), "number them for the fit"
    )
