"""Images in a grid: data, noisy copies, what was mistaken for what."""

import math

import numpy as np

from .. import _checks
from ..background import pyplot
from ._axes import answers
from .legends import short
from .themes import styled


class ImagesDisplay:
    """Images side by side, each with a text above it.

    Parameters
    ----------
    images : array-like of shape (n, n_pixels), (n, rows, columns), (n, channels, rows, columns) \
or (n, rows, columns, channels)
        Of any range. Three channels are red, green and blue.
    titles : sequence of str, default=None
        One for each image.
    image_shape : (rows, columns) or (channels, rows, columns), default=None
        Of flat images; a square by default, or one with three channels.
    n_columns : int, default=None
        None: about as wide as high.
    limits : (float, float), default=None
        What is drawn black and white; None: the least and greatest of all images.

    Attributes
    ----------
    figure_
        Matplotlib's figure.
    axes_ : ndarray of Axes
        One for each image.

    Examples
    --------
    >>> from fastmlp import datasets
    >>> from fastmlp.plots import ImagesDisplay
    >>> X, y = datasets.load_glyphs()
    >>> ImagesDisplay(X, y, image_shape=(7, 5)).images.shape
    (10, 7, 5)
    """

    def __init__(self, images, titles=None, *, image_shape=None, n_columns=None, limits=None):
        images = _checks.check_one_shape("images", images)
        if images.ndim == 2 and image_shape is None:
            image_shape = _square(images.shape[1])
        if image_shape is not None:
            shape = _checks.check_image_shape(image_shape, math.prod(images.shape[1:]))
            images = images.reshape(len(images), *shape)
        if images.ndim == 4 and images.shape[1] in (1, 3):
            images = np.moveaxis(images, 1, -1)
        if (
            images.ndim not in (3, 4)
            or (images.ndim == 4 and images.shape[-1] not in (1, 3))
            or not images.size
        ):
            raise ValueError(
                "images must be of shape (n, n_pixels), (n, rows, columns) or (n, 3, rows, columns); "
                f"got {np.shape(images)}"
            )
        self.images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
        self.titles = (
            [""] * len(images)
            if titles is None
            else [short(str(title)) for title in _checks.check_sequence("titles", titles, "texts")]
        )
        if len(self.titles) != len(images):
            raise ValueError(
                f"titles must be one for each of the {len(images)} images; got {len(self.titles)}"
            )
        finite = self.images[np.isfinite(self.images)]
        limits = limits if limits is None else _checks.check_limits(limits)
        self.limits = limits or ((finite.min(), finite.max()) if finite.size else (0.0, 1.0))
        self.n_columns = _checks.check_optional_int("n_columns", n_columns)

    @classmethod
    def from_mistakes(cls, estimator, X, y, *, image_shape=None, n_most=25, class_names=None):
        """Draw the first samples that a model takes for something else.

        Parameters
        ----------
        estimator : Network or classifier
        X : array-like of shape (n, n_pixels)
        y : array-like of shape (n,)
        image_shape : tuple of int, default=None
        n_most : int, default=25
        class_names : sequence of str, default=None

        Returns
        -------
        ImagesDisplay
        """
        X = np.asarray(X)
        told = np.asarray(answers(estimator)(X))
        y = _checks.check_targets_drawn(y, len(told))
        wrong = np.flatnonzero(told != y)[: _checks.check_int("n_most", n_most)]
        if not len(wrong):
            raise ValueError("estimator makes no mistake on these samples: there is nothing to draw")
        names = class_names if class_names is not None else {label: label for label in [*y, *told]}
        _checks.check_names_of_classes(names, np.unique([*y[wrong], *told[wrong]]))
        titles = [f"{names[y[i]]} taken for {names[told[i]]}" for i in wrong]
        return cls(X[wrong], titles, image_shape=image_shape).plot()

    @styled
    def plot(self, figure=None):
        """Draw into `figure`, or into a new one, and return self."""
        n, figure = len(self.images), _checks.check_figure(figure)
        height, width = self.images.shape[1:3]
        n_columns = self.n_columns or min(n, max(1, round(math.sqrt(n * 1.6 * height / width))))
        n_rows = math.ceil(n / n_columns)
        longest = max(map(len, self.titles), default=0)
        size = max(1.0, 0.085 * longest)
        if figure is None:
            above = 0.28 if longest else 0.0
            figure = pyplot().figure(
                figsize=(size * n_columns + 0.1, (size * height / width + above) * n_rows + 0.1),
                layout="constrained",
            )
            figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.0, hspace=0.0)
        self.figure_ = figure
        grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        low, high = self.limits
        for ax, image, title in zip(grid, self.images, self.titles, strict=False):
            shown = image if image.ndim == 2 else np.clip((image - low) / ((high - low) or 1), 0, 1)
            ax.imshow(shown, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            ax.set_title(title, fontsize="small", pad=3)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(visible=True, color="0.5", linewidth=0.8)  # else ink runs into the page
        for ax in grid[n:]:
            ax.set_axis_off()
        self.axes_ = grid[:n]
        return self


def _square(n_pixels):
    """Return the shape of square images, grey or of three channels."""
    for channels in (1, 3):
        side = math.isqrt(n_pixels // channels)
        if channels * side * side == n_pixels:
            return (side, side) if channels == 1 else (channels, side, side)
    raise ValueError(f"{n_pixels} pixels make no square: pass image_shape=(rows, columns)")
