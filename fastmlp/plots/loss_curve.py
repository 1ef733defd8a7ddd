"""The loss, or a metric, over the epochs: on training data and on others beside it."""

from .. import _checks
from ._axes import as_models, as_runs, draw_runs, finish_curves, history_of, sets_of
from .legends import axes_or_new
from .themes import of_line, styled


class LossCurveDisplay:
    """A quantity over the epochs on training data, and on validation or test data beside it.

    Create it with `from_estimator` or `from_predictions`; the attributes that end in an underscore
    are there after `plot`.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,), or one such curve per run
    val_loss : array-like of the same form, or a dict of these by the data set's name, default=None
        Without a dict it is called "validation".
    name : str, default="loss"
        The label of the vertical axis, and what is drawn: bands stay within what it can be.
    first_epoch, every : int, default=1
        The epoch of the first point, and from one point to the next.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    line_, val_line_ : Line2D
        The curves, means where there are several runs; `val_line_` is None without `val_loss`.
    band_, val_band_ : PolyCollection or None
        The standard deviation over the runs.
    set_lines_ : dict of Line2D
        Those of all data sets beside the training data, by name; `val_line_` is the first.

    Examples
    --------
    >>> from fastmlp.plots import LossCurveDisplay
    >>> display = LossCurveDisplay([[0.9, 0.5, 0.3], [0.8, 0.6, 0.4]])
    >>> display.loss.shape
    (2, 3)
    """

    def __init__(self, loss, val_loss=None, *, name="loss", first_epoch=1, every=1):
        self.loss = as_runs(loss, "loss")
        named = val_loss if isinstance(val_loss, dict) else {"validation": val_loss}
        self.sets = {key: as_runs(curves, key) for key, curves in named.items() if curves is not None}
        self.val_loss = next(iter(self.sets.values()), None)
        self.name = name
        self.first_epoch, self.every = _checks.check_epochs_drawn(first_epoch, every)

    @classmethod
    def from_estimator(cls, estimator, *, key="loss", ax=None, name=None, log=False, **line_options):
        """Draw what fitted models recorded while they were trained.

        Parameters
        ----------
        estimator : Network or estimator, or a sequence of them
            Several are drawn as runs of the same thing.
        key : str, default="loss"
            Which entry of `history_`: a metric that was asked for; its values on validation data, and on each
            set with a name of its own, are drawn beside it.
        ax : Axes, default=None
            Where to draw; a new figure by default.
        name : str, default=None
            The label of the vertical axis; None: `key`.
        log : bool, default=False
            A logarithmic vertical axis.
        **line_options
            For ``Axes.plot``.

        Returns
        -------
        LossCurveDisplay
        """
        models = as_models(estimator)
        loss = [history_of(model, key) for model in models]
        if any(curve is None for curve in loss):
            what = "loss curve: fit it first (the solver lbfgs records none)"
            raise ValueError(
                f"estimator has no {what}"
                if key == "loss"
                else f"estimator recorded no {key!r}: fit it with that metric"
            )
        named = {}
        for one in sets_of(models[0], key):
            curves = [history_of(model, f"{one}_{key}") for model in models]
            if all(curve is not None for curve in curves):
                named["validation" if one == "val" else one] = curves
        return cls(loss, named, name=name or key).plot(ax, log=log, **line_options)

    @classmethod
    def from_predictions(
        cls, y_true, y_pred, *, loss, first_epoch=1, every=1, ax=None, name="loss", log=False, **line_options
    ):
        """Draw the loss of predictions made after each epoch, or after every so many.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        y_pred : sequence of array-like
            The predictions after epoch 1, 2, ...
        loss : callable
            ``loss(y_true, y_pred)`` returns a number; any of ``sklearn.metrics``, say.
        first_epoch, every : int, default=1
            The epoch of the first predictions, and from one to the next.
        ax, name, log, **line_options
            As in `from_estimator`.

        Returns
        -------
        LossCurveDisplay
        """
        curve = [loss(y_true, prediction) for prediction in y_pred]
        display = cls(curve, name=name, first_epoch=first_epoch, every=every)
        return display.plot(ax, log=log, **line_options)

    @styled
    def plot(self, ax=None, *, log=False, **line_options):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        if log:
            ax.set_yscale("log")
        how = dict(metric=self.name, first_epoch=self.first_epoch, step=self.every)
        options = how | of_line(0, ax) | line_options
        self.line_, self.band_ = draw_runs(ax, self.loss, label="training", **options)
        self.set_lines_, bands = {}, {}
        for k, (label, runs) in enumerate(self.sets.items(), 1):
            options = how | of_line(k, ax) | line_options
            self.set_lines_[label], bands[label] = draw_runs(ax, runs, label=label, **options)
        self.val_line_ = next(iter(self.set_lines_.values()), None)
        self.val_band_ = next(iter(bands.values()), None)
        finish_curves(ax, self.name, [len(runs) for runs in (self.loss, *self.sets.values())])
        return self
