"""The loss over the epochs."""

from ._axes import as_runs, axes_or_new, draw_runs, history_of, whole_epochs


class LossCurveDisplay:
    """The training loss over the epochs, and the validation loss beside it.

    Create it with `from_estimator` or `from_predictions`; the attributes that end in an underscore
    are there after `plot`.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,), or one such curve per run
    val_loss : array-like of the same form, default=None
    name : str, default="loss"
        The label of the vertical axis.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    line_, val_line_ : Line2D
        The curves, means where there are several runs; `val_line_` is None without `val_loss`.
    band_, val_band_ : PolyCollection or None
        The standard deviation over the runs.

    Examples
    --------
    >>> from fastmlp.plots import LossCurveDisplay
    >>> display = LossCurveDisplay([[0.9, 0.5, 0.3], [0.8, 0.6, 0.4]])
    >>> display.loss.shape
    (2, 3)
    """

    def __init__(self, loss, val_loss=None, *, name="loss"):
        self.loss = as_runs(loss, "loss")
        self.val_loss = None if val_loss is None else as_runs(val_loss, "val_loss")
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, name="loss", log=False, **line_options):
        """Draw what fitted models recorded while they were trained.

        Parameters
        ----------
        estimator : Network or estimator, or a sequence of them
            Several are drawn as runs of the same thing.
        ax : Axes, default=None
            Where to draw; a new figure by default.
        name : str, default="loss"
            The label of the vertical axis.
        log : bool, default=False
            A logarithmic loss axis.
        **line_options
            For ``Axes.plot``.

        Returns
        -------
        LossCurveDisplay
        """
        models = list(estimator) if isinstance(estimator, (list, tuple)) else [estimator]
        loss = [history_of(model, "loss") for model in models]
        if any(curve is None for curve in loss):
            raise ValueError("estimator has no loss curve: fit it first (the solver lbfgs records none)")
        val_loss = [history_of(model, "val_loss") for model in models]
        val_loss = None if any(curve is None for curve in val_loss) else val_loss
        return cls(loss, val_loss, name=name).plot(ax, log=log, **line_options)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, loss, ax=None, name="loss", log=False, **line_options):
        """Draw the loss of predictions made after each epoch.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        y_pred : sequence of array-like
            The predictions after epoch 1, 2, ...
        loss : callable
            ``loss(y_true, y_pred)`` returns a number; any of ``sklearn.metrics``, say.
        ax, name, log, **line_options
            As in `from_estimator`.

        Returns
        -------
        LossCurveDisplay
        """
        curve = [loss(y_true, prediction) for prediction in y_pred]
        return cls(curve, name=name).plot(ax, log=log, **line_options)

    def plot(self, ax=None, *, log=False, **line_options):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        if log:
            ax.set_yscale("log")
        self.line_, self.band_ = draw_runs(ax, self.loss, label="training", **line_options)
        self.val_line_ = self.val_band_ = None
        if self.val_loss is not None:
            self.val_line_, self.val_band_ = draw_runs(ax, self.val_loss, label="validation", **line_options)
        whole_epochs(ax)
        ax.set_ylabel(self.name)
        ax.grid(alpha=0.3)
        ax.legend()
        return self
