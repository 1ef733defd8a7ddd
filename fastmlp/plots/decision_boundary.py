"""Where a model's answer changes, over two features."""

import numpy as np

from ._axes import axes_or_new, colour, draw_classes, legend


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
        The class of each index; None where `response` is a number, whose sign decides.
    X, y : ndarray or None
        The samples to draw.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    surface_ : QuadContourSet
    """

    def __init__(self, x0, x1, response, *, classes=None, X=None, y=None):
        self.x0, self.x1, self.response = x0, x1, np.asarray(response)
        self.classes, self.X, self.y = classes, X, y

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None, grid_resolution=200, margin=0.15):
        """Ask a fitted model for its answer over the range of `X` and draw it.

        Parameters
        ----------
        estimator : Network or estimator
            With two inputs. A classifier's classes are drawn as areas; a network with one output or a
            regressor as shades with the line where the output is half way between the two targets; a
            network with several outputs as areas of the strongest.
        X : array-like of shape (n_samples, 2)
        y : array-like of shape (n_samples,), default=None
            The classes of the samples, to draw them.
        ax : Axes, default=None
        grid_resolution : int, default=200
            Points along each axis.
        margin : float, default=0.15
            What is added around the samples, as a share of their range.

        Returns
        -------
        DecisionBoundaryDisplay
        """
        X = np.asarray(X, float)
        if X.ndim != 2 or X.shape[1] != 2:
            raise ValueError(f"X must have two columns to be drawn on a plane; got shape {X.shape}")
        low, high = X.min(0), X.max(0)
        room = margin * np.maximum(high - low, 1e-9)
        x0, x1 = (np.linspace(low[k] - room[k], high[k] + room[k], grid_resolution) for k in (0, 1))
        points = np.stack(np.meshgrid(x0, x1), axis=-1).reshape(-1, 2)
        answer, classes = np.asarray(estimator.predict(points)), getattr(estimator, "classes_", None)
        if classes is not None:
            answer = np.searchsorted(classes, answer)
        elif answer.ndim == 2 and answer.shape[1] > 1:
            classes, answer = np.arange(answer.shape[1]), answer.argmax(axis=1)
        display = cls(x0, x1, answer.reshape(grid_resolution, -1), classes=classes, X=X, y=y)
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        if self.classes is None:
            self._draw_number()
        else:
            levels = np.arange(len(self.classes) + 1) - 0.5
            colors = [colour(k) for k in range(len(self.classes))]
            self.surface_ = ax.contourf(
                self.x0, self.x1, self.response, levels=levels, colors=colors, alpha=0.3
            )
        if self.y is not None:
            draw_classes(ax, self.X, np.asarray(self.y).reshape(len(self.X)), classes=self.classes)
            legend(ax)
        ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=self.x0[[0, -1]], ylim=self.x1[[0, -1]])
        return self

    def _draw_number(self):
        ax = self.ax_
        targets = np.unique(self.y) if self.y is not None else np.array([-1.0, 1.0])
        # beside the legend of the samples there is no room for the colour bar on the right
        self.surface_ = ax.contourf(self.x0, self.x1, self.response, levels=20, cmap="RdBu_r", alpha=0.6)
        self.figure_.colorbar(self.surface_, ax=ax, location="bottom", label="output", shrink=0.8)
        half_way = targets[[0, -1]].mean()
        if self.response.min() < half_way < self.response.max():
            ax.contour(self.x0, self.x1, self.response, levels=[half_way], colors="black", linewidths=2)
