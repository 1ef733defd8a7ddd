"""The curves of a cross-validation, training against test."""

from .. import _checks
from ._axes import as_runs, draw_runs, finish_curves
from .legends import axes_or_new
from .themes import of_line, styled


class CrossValidationDisplay:
    """A metric over the epochs on training and test rows: the mean of all folds with a band.

    Parameters
    ----------
    train, test : array-like of shape (n_epochs,), or one such curve per fold
    every : int, default=1
        Epochs from one point to the next; the first point is at this epoch too.
    name : str, default="score"
        The label of the vertical axis.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    train_line_, test_line_ : Line2D
    train_band_, test_band_ : PolyCollection or None
        The standard deviation over the folds; None where there is one.

    Examples
    --------
    >>> from fastmlp.plots import CrossValidationDisplay
    >>> display = CrossValidationDisplay([[3, 2], [3, 1]], [[4, 3], [4, 4]], name="sse")
    >>> display.test.shape
    (2, 2)
    """

    def __init__(self, train, test, *, every=1, name="score"):
        self.train, self.test = as_runs(train, "train"), as_runs(test, "test")
        self.every, self.name = _checks.check_int("every", every), name

    @classmethod
    def from_cv_results(cls, result, metric=None, *, ax=None, log=False):
        """Draw what `fastmlp.model_selection.cross_validate` returned.

        Parameters
        ----------
        result : CrossValidation
        metric : str, default=None
            None: the first.
        ax : Axes, default=None
        log : bool, default=False
            A logarithmic axis.

        Returns
        -------
        CrossValidationDisplay
        """
        if not hasattr(result, "curves"):
            raise TypeError(f"result must be what cross_validate returned; got {_checks.shown(result)}")
        metric = result.metrics[0] if metric is None else metric
        if metric not in result.metrics:
            raise ValueError(f"metric must be one of {', '.join(result.metrics)}; got {metric!r}")
        if not len(result.epochs):
            raise ValueError("result has no curves: the estimator records none, or `every` was None")
        curves = [result.curves[of][metric].reshape(-1, len(result.epochs)) for of in ("train", "test")]
        return cls(*curves, every=int(result.epochs[0]), name=metric).plot(ax, log=log)

    @styled
    def plot(self, ax=None, *, log=False):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        if log:
            ax.set_yscale("log")
        for k, of in enumerate(("train", "test")):
            line, band = draw_runs(
                ax,
                getattr(self, of),
                label=of,
                first_epoch=self.every,
                step=self.every,
                metric=self.name,
                **of_line(k, ax),
            )
            setattr(self, f"{of}_line_", line)
            setattr(self, f"{of}_band_", band)
        finish_curves(ax, self.name, [len(self.train), len(self.test)])
        return self
