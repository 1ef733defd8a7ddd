"""How well each class is told apart, epoch by epoch."""

import numpy as np

from .. import _checks
from ._axes import as_models, as_runs, draw_runs, finish_curves, history_of
from .legends import axes_or_new
from .themes import of_line, styled


class ClassF1Display:
    """The F1 score of each class over the epochs, or its precision or recall; it shows what accuracy hides.

    Parameters
    ----------
    f1 : array-like of shape (n_epochs, n_classes) or (n_runs, n_epochs, n_classes)
    classes : sequence, default=None
        Names of the classes; their numbers by default.
    first_epoch : int, default=1
        The epoch of the first row; 0 where it was measured before training.
    every : int, default=1
        Epochs from one row to the next.
    name : str, default="F1"
        What is drawn.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    lines_ : list of Line2D
        One per class.
    """

    def __init__(self, f1, classes=None, *, first_epoch=1, every=1, name="F1"):
        f1 = _checks.check_drawable("f1", f1)
        self.f1 = f1[None] if f1.ndim == 2 else f1
        if self.f1.ndim != 3:
            raise ValueError(f"f1 must have shape (n_epochs, n_classes) or (n_runs, ...); got {f1.shape}")
        self.classes = list(range(self.f1.shape[2])) if classes is None else list(classes)
        self.first_epoch, self.every = _checks.check_epochs_drawn(first_epoch, every)
        self.name = name

    @classmethod
    def from_estimators(cls, estimators, *, kind="f1", on="val", ax=None):
        """Draw what fitted models recorded by ``metrics=per_class(kind, classes)``.

        Parameters
        ----------
        estimators : Network or estimator, or a sequence of them
            Several are drawn as the mean of their runs.
        kind : {"f1", "precision", "recall"}, default="f1"
        on : str, default="val"
            The data set, as the history names it; "" for the training data. Where the models recorded nothing
            on validation data, those are drawn too.
        ax : Axes, default=None

        Returns
        -------
        ClassF1Display

        See Also
        --------
        fastmlp.metrics.per_class
        """
        models = as_models(estimators)
        start = f"{on}_{kind} of " if on else f"{kind} of "
        names = [name for name in getattr(models[0], "history_", {}) if name.startswith(start)]
        if not names and on == "val":
            return cls.from_estimators(models, kind=kind, on="", ax=ax)
        runs = [[history_of(model, name) for model in models] for name in names]
        if not names or any(curve is None for curves in runs for curve in curves):
            raise ValueError(
                f"estimators recorded no {kind} by class: "
                f"fit them with metrics=per_class({kind!r}, n_classes)"
            )
        curves = np.stack([as_runs(each, kind) for each in runs], axis=-1)
        label = "F1" if kind == "f1" else kind
        return cls(curves, [name.removeprefix(start) for name in names], name=label).plot(ax)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, classes=None, first_epoch=1, every=1, ax=None):
        """Compute the scores of predictions made after each epoch and draw them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
        y_pred : array-like of shape (n_epochs, n_samples) or (n_runs, n_epochs, n_samples)
            Predicted classes.
        classes : array-like, default=None
            The classes to draw; those of `y_true` by default.
        first_epoch, every : int, default=1
        ax : Axes, default=None

        Returns
        -------
        ClassF1Display
        """
        from sklearn.metrics import f1_score

        y_pred = np.asarray(y_pred)
        runs = y_pred[None] if y_pred.ndim == 2 else y_pred
        classes = np.unique(y_true) if classes is None else classes
        options = {"labels": classes, "average": None, "zero_division": 0.0}
        f1 = [[f1_score(y_true, prediction, **options) for prediction in run] for run in runs]
        return cls(f1, classes, first_epoch=first_epoch, every=every).plot(ax)

    @styled
    def plot(self, ax=None):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        self.lines_ = []
        for k, name in enumerate(self.classes):
            how = dict(first_epoch=self.first_epoch, step=self.every, metric="f1") | of_line(k, ax)
            self.lines_.append(draw_runs(ax, self.f1[:, :, k], label=str(name), **how)[0])
        if np.nanmax(self.f1, initial=0.0) <= 1.0:  # not percent
            ax.set_ylim(-0.02, 1.02)
        finish_curves(ax, self.name, [len(self.f1)], "class")
        return self

    def bars(self, epochs, *, ax=None):
        """Draw the score of each class at a few epochs, as bars side by side.

        Parameters
        ----------
        epochs : sequence of int
        ax : Axes, default=None

        Returns
        -------
        BarsDisplay
        """
        from .bars import BarsDisplay

        _checks.check_not_empty("epochs", epochs, "such as bars([1, 10])")
        rows = {self.first_epoch + self.every * k: k for k in range(self.f1.shape[1])}
        if unknown := [epoch for epoch in epochs if epoch not in rows]:
            steps = f" in steps of {self.every}" if self.every > 1 else ""
            raise ValueError(f"epochs must be within {min(rows)} and {max(rows)}{steps}; got {unknown}")
        values = {
            f"epoch {epoch}": dict(zip(self.classes, self.f1[:, rows[epoch]].T, strict=True))
            for epoch in epochs
        }
        return BarsDisplay(values, name=self.name, group_name="class").plot(ax)
