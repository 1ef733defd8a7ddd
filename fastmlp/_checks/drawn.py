"""What displays are given to draw."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from .data import check_length
from .values import check_int, shown

NAMES_SHOWN = 5  # of what is missing


def check_axes(ax, name="ax"):
    """Return `ax`, matplotlib's Axes or None; anything else is refused before it is drawn into."""
    if ax is None or (hasattr(ax, "transAxes") and getattr(ax, "figure", None) is not None):
        return ax
    if hasattr(ax, "transAxes"):
        got = "Axes that were removed from their figure"
    elif hasattr(ax, "add_subplot"):
        got = f"a {type(ax).__name__}: pass {name}=figure.subplots(), or one of its axes"
    elif np.iterable(ax) and not isinstance(ax, (str, bytes)):
        got = f"{shown(ax)}: pass one of them, {name}=axes[0]"
    else:
        got = shown(ax)
    raise TypeError(f"{name} must be one Axes of matplotlib, or None for a new figure; got {got}")


def check_figure(figure):
    """Return `figure`, a Figure or a part of one, or None."""
    if figure is None or hasattr(figure, "add_subplot"):
        return figure
    raise TypeError(
        "figure must be a Figure of matplotlib, a SubFigure, or None for a new one; got "
        + ("Axes: pass ax.figure, or leave it out" if hasattr(figure, "transAxes") else shown(figure))
    )


def check_named_curves(name, value, key, of):
    """Raise where `value` is no dict, by the name of a setting or the like, or an empty one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, by the {key}'s name, of {of}; got {shown(value)}")
    if not value:
        raise ValueError(f"{name} holds nothing to draw: expected a dict, by the {key}'s name, of {of}")


def check_drawable(name, value, n_dimensions=None):
    """Return `value` as floats, of so many dimensions; raise where it holds anything but numbers."""
    try:
        found = np.asarray(value, float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {shown(value)}") from None
    if n_dimensions not in (None, found.ndim):
        raise ValueError(f"{name} must have {n_dimensions} dimensions; got {shown(value)}")
    return found


def check_curves(curves, name):
    """Return one curve, or one per run, as a list of float arrays, none of them empty."""
    try:
        found = curves.to_numpy() if hasattr(curves, "to_numpy") else list(curves)
        runs = found if len(found) and np.ndim(found[0]) else [found]
        runs = [np.asarray(run, float) for run in runs]
    except (TypeError, ValueError):
        runs = None
    if runs is None or any(run.ndim != 1 for run in runs):
        raise TypeError(
            f"{name} must be numbers, one for each epoch, or one such curve per run; got {shown(curves)}"
        )
    if any(not len(run) for run in runs):
        raise ValueError(f"{name} holds no epoch: fit the model first, at a rate that does not diverge")
    return runs


def check_epochs_drawn(first_epoch, every):
    """Return the epoch of the first point and the epochs from one to the next."""
    return check_int("first_epoch", first_epoch, 0), check_int("every", every)


def check_plane(X):
    """Return two columns of numbers, some of which are finite in both."""
    X = check_drawable("X", X)
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"X must have two columns to be drawn on a plane; got shape {X.shape}")
    if not np.isfinite(X).any(axis=0).all():
        raise ValueError(f"X must have numbers in both columns to be drawn; got {shown(X)} without")
    return X


def check_one_model(estimator, *methods):
    """Return `estimator`, which has one of these methods."""
    if not any(hasattr(estimator, method) for method in methods):
        raise TypeError(
            f"estimator must be one fitted model, with {' or '.join(methods)}; got {shown(estimator)}"
        )
    return estimator


def check_targets_drawn(y, n_samples, numbers=False):
    """Return classes or values, one for each sample: rows of 0 and 1 become the numbers of their classes."""
    y = np.asarray(y)
    if y.ndim == 2:
        y = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
    check_length("y", y, n_samples)
    return check_drawable("y", y) if numbers else y


def check_scores_of_sigmas(sigmas, scores):
    """Raise where scores, arrays by name, do not have a row for each sigma."""
    for name, values in scores.items():
        if len(np.atleast_1d(values)) != len(sigmas):
            what = f"scores[{name!r}]" if name else "scores"
            raise ValueError(
                f"{what} must hold one row for each of the {len(sigmas)} sigmas; got shape {np.shape(values)}"
            )


def check_one_shape(name, images):
    """Return images as one array."""
    if not hasattr(images, "dtype"):
        shapes = {np.shape(image) for image in images} if np.iterable(images) else set()
        if len(shapes) > 1:
            raise ValueError(f"{name} must all have one shape; got {' and '.join(map(str, sorted(shapes)))}")
    found = np.asarray(images)
    return found if found.dtype.kind in "biuf" else check_drawable(name, images)


def check_limits(limits):
    """Return what is drawn black and white, two numbers."""
    found = check_drawable("limits", limits)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise ValueError(f"limits must be two numbers, what is drawn black and white; got {shown(limits)}")
    return tuple(found.tolist())


def check_image_shape(shape, n_pixels):
    """Return an image's shape as a tuple."""
    if not np.iterable(shape) or not all(isinstance(n, Integral) for n in shape):  # a text's letters are none
        raise TypeError(f"image_shape must be a tuple such as (rows, columns); got {shown(shape)}")
    if np.prod(shape) != n_pixels:
        raise ValueError(
            f"image_shape must have as many pixels as each image, {n_pixels}; got {tuple(shape)}"
        )
    return tuple(shape)


def check_names_of_classes(names, classes):
    """Raise where classes, by their numbers or labels, have no name."""
    missing = [c for c in classes if c not in (names if isinstance(names, Mapping) else range(len(names)))]
    if missing:
        listed = ", ".join(map(str, missing[:NAMES_SHOWN])) + (", ..." if len(missing) > NAMES_SHOWN else "")
        raise ValueError(f"class_names must name every class; it has {len(names)} names, none for {listed}")


def check_numbers_of_classes(y):
    """Return a network's classes, or raise where they are texts."""
    if np.asarray(y).dtype.kind in "OUS" and any(isinstance(label, (str, bytes)) for label in np.ravel(y)):
        raise ValueError(
            f"y must hold the numbers of classes, as predict_classes tells; got {shown(np.ravel(y)[0])}: "
            "pass numbers, and their names as display_labels"
        )
    return y


def check_names_of_matrix(names, n_classes):
    """Raise where there are other than `n_classes` names, or none at all."""
    if names is not None and len(names) != n_classes:
        raise ValueError(f"display_labels must be one for each of the {n_classes} classes; got {len(names)}")
