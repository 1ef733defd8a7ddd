"""What displays are given to draw."""

from collections.abc import Mapping

import numpy as np

from .values import shown

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


def check_drawable(name, value):
    """Raise where `value` holds anything but numbers."""
    try:
        np.asarray(value, float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {shown(value)}") from None


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
    return np.asarray(images)


def check_image_shape(shape, n_pixels):
    """Return an image's shape as a tuple."""
    if not np.iterable(shape):
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
