"""How a perceptron's separating line moves while it learns."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from .. import _checks
from ..background import ink, is_dark, pyplot
from ..formats.writing import writable, write_atomically
from ._axes import column_names, draw_classes
from .legends import axes_or_new, legend
from .themes import styled


class PerceptronEvolutionDisplay:
    """The separating line of a neuron with two inputs after each step of its training.

    Parameters
    ----------
    coefs : array-like of shape (n_steps, 2)
        The weights after each step; row 0 may be the start.
    intercepts : array-like of shape (n_steps,)
    X : array-like of shape (n_samples, 2)
    y : array-like of shape (n_samples,)
        The classes, drawn by colour and marker.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    lines_ : list of Line2D
        One per step that separates at all, the first ones faint.
    animation_ : FuncAnimation
        After `animate`.

    Examples
    --------
    >>> from fastmlp.plots import PerceptronEvolutionDisplay
    >>> X, y = [[-1, -1], [1, 1]], [-1, 1]
    >>> display = PerceptronEvolutionDisplay([[0.1, 0.0], [0.1, 0.1]], [0.0, 0.0], X, y)
    >>> display.coefs.shape
    (2, 2)
    """

    def __init__(self, coefs, intercepts, X, y):
        self.names = column_names(X)
        self.coefs = _checks.check_drawable("coefs", coefs)
        self.intercepts = _checks.check_drawable("intercepts", intercepts).reshape(-1)
        self.X = _checks.check_plane(X)
        self.y = _checks.check_targets_drawn(y, len(self.X))
        n_steps = len(self.intercepts)
        if self.coefs.shape != (n_steps, 2) or self.X.shape != (len(self.y), 2):
            raise ValueError(
                "a separating line needs two inputs: expected coefs (n_steps, 2), intercepts (n_steps,), "
                f"X (n_samples, 2); got {self.coefs.shape}, {self.intercepts.shape}, {self.X.shape}"
            )

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, max_lines=30):
        """Draw the weights that a perceptron recorded (``record="epoch"`` or ``"update"``).

        Parameters
        ----------
        estimator : fitted perceptron with `coef_history_` and `intercept_history_`
        X : array-like of shape (n_samples, 2)
        y : array-like of shape (n_samples,)
        ax : Axes, default=None
        max_lines : int, default=30

        Returns
        -------
        PerceptronEvolutionDisplay
        """
        coefs = getattr(estimator, "coef_history_", None)
        if coefs is None:
            raise ValueError("estimator recorded no weights: fit it with record='epoch' or record='update'")
        coefs = np.asarray(coefs, float)
        if coefs.ndim == 3 and coefs.shape[1] > 1:
            raise ValueError(
                f"estimator has a line for each of its {coefs.shape[1]} classes; draw that of one class k: "
                "PerceptronEvolutionDisplay(e.coef_history_[:, k], e.intercept_history_[:, k], X, y == k)"
            )
        display = cls(coefs.reshape(len(coefs), -1), estimator.intercept_history_, X, y)
        return display.plot(ax, max_lines=max_lines)

    @styled
    def plot(self, ax=None, *, max_lines=30):
        """Draw the lines of up to `max_lines` steps, the last one always, and return self."""
        self._begin(ax)
        n_steps = len(self.coefs)
        max_lines = _checks.check_int("max_lines", max_lines)
        chosen = np.unique(np.linspace(0, n_steps - 1, min(n_steps, max_lines)).round().astype(int))
        colors = pyplot().get_cmap("viridis" if is_dark(self.ax_) else "viridis_r")
        self.lines_ = []
        for step in chosen:
            ends = self._ends(step)
            if ends is None:
                continue
            last = step == chosen[-1]
            (line,) = self.ax_.plot(
                *ends,
                color=colors(1.0 if last else 0.25 + 0.75 * step / n_steps),
                alpha=1.0 if last else 0.5,
                linewidth=2.5 if last else 1.0,
                label=f"step {step}" if last or step == chosen[0] else None,
            )
            self.lines_.append(line)
        legend(self.ax_)
        return self

    @styled
    def animate(self, path=None, *, interval=200, ax=None):
        """Show the steps one after another.

        Parameters
        ----------
        path : path, default=None
            Where to write the film: ``.gif``, or ``.html`` with its own player. By default nothing
            is written; in a notebook the returned object shows itself.
        interval : int, default=200
            Milliseconds per step.
        ax : Axes, default=None

        Returns
        -------
        FuncAnimation
        """
        suffix = "" if path is None else Path(path).suffix.lower()
        if path is not None and suffix not in (".gif", ".html", ".htm"):
            raise ValueError(f"path must end in .gif or .html; got {str(path)!r}")
        self._begin(ax)
        from matplotlib.animation import FuncAnimation

        (line,) = self.ax_.plot([], [], color=ink(self.ax_), linewidth=2)
        title = self.ax_.set_title("step 0")
        self.lines_ = [line]
        legend(self.ax_)

        def show(step):
            line.set_data(*(self._ends(step) or ([], [])))
            title.set_text(f"step {step}")
            return line, title

        self.animation_ = FuncAnimation(self.figure_, show, frames=len(self.coefs), interval=interval)
        if suffix:
            contents = self._gif(interval) if suffix == ".gif" else self.animation_.to_jshtml().encode()
            write_atomically(writable(path), contents)
        return self.animation_

    def _gif(self, interval):
        """Return the animation as the contents of a GIF file."""
        from matplotlib.animation import PillowWriter

        with TemporaryDirectory() as folder:
            path = Path(folder) / "animation.gif"
            self.animation_.save(path, writer=PillowWriter(fps=1000 / interval))
            return path.read_bytes()

    def _begin(self, ax):
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        draw_classes(ax, self.X, self.y)
        X = np.where(np.isfinite(self.X), self.X, np.nan)
        low, high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
        middle, reach = (high + low) / 2, (high - low).max() * 0.75 + 1e-9
        ax.set(xlim=middle[0] + [-reach, reach], ylim=middle[1] + [-reach, reach], aspect="equal")
        ax.set(xlabel=self.names[0], ylabel=self.names[1])
        ax.grid(True)

    def _ends(self, step):
        """Return two points of ``w x + b = 0``, far outside the picture; None where w is 0 or not known."""
        w, b = self.coefs[step], self.intercepts[step]
        length = np.hypot(*w)
        if length == 0 or not np.isfinite(length + b):
            return None
        center = np.array([np.mean(self.ax_.get_xlim()), np.mean(self.ax_.get_ylim())])
        foot = center - (w @ center + b) / length**2 * w
        along = np.array([-w[1], w[0]]) / length * 4 * np.ptp(self.ax_.get_xlim())
        return tuple(zip(foot - along, foot + along, strict=True))
