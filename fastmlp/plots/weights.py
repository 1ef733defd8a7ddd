"""The weights of a layer as images."""

import math

import numpy as np

from .. import _checks
from ._axes import largest
from .legends import axes_or_new
from .themes import diverging, styled


class WeightsDisplay:
    """What each unit of a layer looks for, as one image per unit.

    Parameters
    ----------
    weights : array-like of shape (n_inputs, n_units)
    image_shape : (rows, columns) or (channels, rows, columns), default=None
        Of one sample; a square by default. Channels are averaged.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    image_ : AxesImage
        All units side by side, one colour scale with 0 in its middle.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.plots import WeightsDisplay
    >>> WeightsDisplay(np.zeros((64, 10))).image_shape
    (8, 8)
    """

    def __init__(self, weights, image_shape=None):
        self.weights = _checks.check_drawable("weights", weights, 2)
        _checks.check_not_empty("weights", self.weights, "a layer has an input or more")
        n_inputs = self.weights.shape[0]
        if image_shape is None:
            image_shape = (math.isqrt(n_inputs),) * 2
        elif not np.iterable(image_shape) or isinstance(image_shape, str):
            _checks.check_image_shape(image_shape, n_inputs)
        if math.prod(image_shape) != n_inputs:
            raise ValueError(
                f"weights of shape {self.weights.shape} hold no images of {image_shape}; "
                "pass image_shape=(rows, columns) with as many pixels as the layer has inputs"
            )
        self.image_shape = tuple(image_shape)

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None, layer=0, max_units=100, ax=None):
        """Draw the weights of one layer of a fitted model.

        Parameters
        ----------
        estimator : Network or estimator with `coefs_`
        image_shape : tuple of int, default=None
        layer : int, default=0
        max_units : int, default=100
            The first so many units are drawn.
        ax : Axes, default=None

        Returns
        -------
        WeightsDisplay
        """
        coefs = _weights(estimator)
        layer = _checks.check_int("layer", layer, -len(coefs) if layer < 0 else 0, len(coefs) - 1)
        return cls(coefs[layer], image_shape).plot(ax, max_units=max_units)

    @styled
    def plot(self, ax=None, *, max_units=100, cmap=None):
        """Draw into `ax`, or into a new figure, and return self."""
        units = self.weights.T[: _checks.check_int("max_units", max_units)].reshape(-1, *self.image_shape)
        if units.ndim == 4:
            units = units.mean(axis=1)
        n, (height, width) = len(units), units.shape[1:]
        # columns such that the whole is about as wide as high
        n_columns = max(1, min(n, math.ceil(math.sqrt(n * height / width))))
        n_rows = max(1, math.ceil(n / n_columns))
        mosaic = np.full((n_rows * (height + 1) - 1, n_columns * (width + 1) - 1), np.nan)
        for k, unit in enumerate(units):
            row, column = k // n_columns * (height + 1), k % n_columns * (width + 1)
            mosaic[row : row + height, column : column + width] = unit
        limit = largest(units)
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        cmap = diverging(ax) if cmap is None else cmap
        self.image_ = ax.imshow(mosaic, cmap=cmap, vmin=-limit, vmax=limit, interpolation="nearest")
        self.figure_.colorbar(self.image_, ax=ax, label="weight")
        ax.set(xticks=[], yticks=[], facecolor="0.5")  # between the units, and where one is NaN
        ax.spines[:].set_visible(False)
        ax.set_title(
            f"weights of {n} units" if n == self.weights.shape[1] else f"weights of the first {n} units"
        )
        return self


def _weights(estimator):
    """Return the weights of each layer of a fitted model; single neurons are one."""
    if hasattr(estimator, "get_weights"):
        return [w for w in estimator.get_weights() if w.ndim == 2]
    if hasattr(estimator, "coef_"):
        return [np.atleast_2d(estimator.coef_).T]
    return _checks.check_one_model(estimator, "coefs_", "coef_", "get_weights").coefs_
