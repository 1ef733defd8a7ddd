"""How well each class is told apart, epoch by epoch."""

import numpy as np

from ._axes import axes_or_new, draw_runs, pyplot, whole_epochs


class ClassF1Display:
    """The F1 score of each class over the epochs; it shows classes that accuracy hides.

    Parameters
    ----------
    f1 : array-like of shape (n_epochs, n_classes) or (n_runs, n_epochs, n_classes)
    classes : sequence, default=None
        Names of the classes; their numbers by default.
    first_epoch : int, default=1
        The epoch of the first row; 0 where it was measured before training.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    lines_ : list of Line2D
        One per class.
    """

    def __init__(self, f1, classes=None, *, first_epoch=1):
        f1 = np.asarray(f1, float)
        self.f1 = f1[None] if f1.ndim == 2 else f1
        if self.f1.ndim != 3:
            raise ValueError(f"f1 must have shape (n_epochs, n_classes) or (n_runs, ...); got {f1.shape}")
        self.classes = list(range(self.f1.shape[2])) if classes is None else list(classes)
        self.first_epoch = first_epoch

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, classes=None, first_epoch=1, ax=None):
        """Compute the scores of predictions made after each epoch and draw them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
        y_pred : array-like of shape (n_epochs, n_samples) or (n_runs, n_epochs, n_samples)
            Predicted classes.
        classes : array-like, default=None
            The classes to draw; those of `y_true` by default.
        first_epoch : int, default=1
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
        return cls(f1, classes, first_epoch=first_epoch).plot(ax)

    def plot(self, ax=None):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        colors = pyplot().get_cmap("tab10" if len(self.classes) <= 10 else "tab20")
        self.lines_ = []
        for k, name in enumerate(self.classes):
            line, _ = draw_runs(
                ax,
                self.f1[:, :, k],
                label=str(name),
                first_epoch=self.first_epoch,
                color=colors(k % colors.N),
            )
            line.set_label(str(name))
            self.lines_.append(line)
        whole_epochs(ax)
        ax.set(ylabel="F1", ylim=(-0.02, 1.02))
        ax.grid(alpha=0.3)
        ax.legend(title="class", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return self
