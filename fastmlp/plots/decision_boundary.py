"""Where a model's answer changes, over two features."""

import numpy as np

from .. import _checks
from ..background import ink
from ._axes import column_names, draw_classes, largest
from .legends import axes_or_new, legend
from .themes import colour, diverging, styled


class DecisionBoundaryDisplay:
    """The answers of a model over a plane of two features, and the samples on it.

    Create it with `from_estimator`. Unlike scikit-learn's display of the same name it takes a
    `Network` too, and draws the samples.

    Parameters
    ----------
    x0, x1 : ndarray of shape (n,)
        The grid's coordinates.
    response : ndarray of shape (n, n)
        A class index, or a number, at each point; row by row of `x1`.
    classes : ndarray or None
        The class of each index; None where `response` is a number. Where `y` has one or two values, the
        line half way between them is drawn; else `response` and `y` are shades of one scale.
    X, y : ndarray or None
        The samples to draw.
    names : (str, str), default=("$x_1$", "$x_2$")
        Of the two features.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    surface_ : QuadContourSet
    """

    def __init__(self, x0, x1, response, *, classes=None, X=None, y=None, names=("$x_1$", "$x_2$")):
        self.x0, self.x1, self.response = np.asarray(x0), np.asarray(x1), np.asarray(response)
        self.classes, self.X, self.y, self.names = classes, X, y, names

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None, grid_resolution=200, margin=0.15):
        """Ask a fitted model for its answer over the range of `X` and draw it.

        Parameters
        ----------
        estimator : Network or estimator
            With two inputs. A classifier's classes are drawn as areas; a network with several outputs as
            areas of the strongest; one output, or a regressor's, as shades.
        X : array-like or DataFrame of shape (n_samples, 2)
            A DataFrame's columns name the axes.
        y : array-like of shape (n_samples,), default=None
            The classes, or values, of the samples, to draw them.
        ax : Axes, default=None
        grid_resolution : int, default=200
            Points along each axis.
        margin : float, default=0.15
            What is added around the samples, as a share of their range.

        Returns
        -------
        DecisionBoundaryDisplay
        """
        names, frame, X = column_names(X), X, _checks.check_plane(X)
        grid_resolution = _checks.check_int("grid_resolution", grid_resolution, 2)
        _checks.check_one_model(estimator, "predict")
        finite = np.where(np.isfinite(X), X, np.nan)
        low, high = np.nanmin(finite, axis=0), np.nanmax(finite, axis=0)
        room = _checks.check_real("margin", margin) * np.maximum(high - low, 1e-9)
        x0, x1 = (np.linspace(low[k] - room[k], high[k] + room[k], grid_resolution) for k in (0, 1))
        points = np.stack(np.meshgrid(x0, x1), axis=-1).reshape(-1, 2)
        named = hasattr(estimator, "feature_names_in_") or not hasattr(estimator, "n_features_in_")
        asked = type(frame)(points, columns=frame.columns) if named and hasattr(frame, "iloc") else points
        answer, classes = np.asarray(estimator.predict(asked)), getattr(estimator, "classes_", None)
        if classes is not None and answer.ndim == 2 and answer.shape[1] > 1:
            _checks.refuse("estimator tells several labels of a sample at once, which no plane shows")
        if classes is not None:
            answer = np.searchsorted(classes, answer)
        elif answer.ndim == 2 and answer.shape[1] > 1:
            classes, answer = np.arange(answer.shape[1]), answer.argmax(axis=1)
        display = cls(x0, x1, answer.reshape(grid_resolution, -1), classes=classes, X=X, y=y, names=names)
        return display.plot(ax)

    @styled
    def plot(self, ax=None):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        y = self.y
        if y is not None:
            y = _checks.check_targets_drawn(y, len(self.X), numbers=self.classes is None)
        if self.classes is None:
            self._draw_numbers(y)
        else:
            levels = np.arange(len(self.classes) + 1) - 0.5
            colors = [colour(k, ax) for k in range(len(self.classes))]
            self.surface_ = ax.contourf(
                self.x0, self.x1, self.response, levels=levels, colors=colors, alpha=0.3
            )
            if y is not None:
                draw_classes(ax, self.X, y, classes=self.classes)
        legend(ax)
        ax.set(xlabel=self.names[0], ylabel=self.names[1], xlim=self.x0[[0, -1]], ylim=self.x1[[0, -1]])
        return self

    def _draw_numbers(self, y):
        from matplotlib.ticker import MaxNLocator

        ax, answer = self.ax_, np.ma.masked_invalid(self.response)
        targets = np.array([-1.0, 1.0]) if y is None else np.unique(y[np.isfinite(y)])
        targets = targets if len(targets) else np.array([0.0])
        few = len(targets) <= 2
        if few:  # the middle of the colours is half way between them
            middle = targets[[0, -1]].mean()
            reach = largest(self.response - middle)
            low, high, cmap = middle - reach, middle + reach, diverging(ax, soft=True)
        else:
            values = np.concatenate([answer.compressed(), y[np.isfinite(y)]])
            low, high, cmap = values.min(), values.max(), "viridis"
        levels = np.linspace(low, high if high > low else low + 1.0, 25)
        self.surface_ = ax.contourf(self.x0, self.x1, answer, levels=levels, cmap=cmap)
        # beside the legend of the samples there is no room for the colour bar on the right
        where = "bottom" if few and y is not None else "right"
        self.figure_.colorbar(
            self.surface_, ax=ax, location=where, label="output", shrink=0.8, ticks=MaxNLocator(6)
        )
        if few and answer.min() < middle < answer.max():
            ax.contour(self.x0, self.x1, answer, levels=[middle], colors=ink(ax), linewidths=2)
        if y is None:
            return
        if few:
            draw_classes(ax, self.X, y)
        else:
            how = dict(c=y, cmap=cmap, vmin=levels[0], vmax=levels[-1], edgecolors=ink(ax), zorder=3)
            ax.scatter(*self.X.T, **how)
