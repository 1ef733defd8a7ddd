"""What the displays share: curves of several runs, limits, ticks, names, samples."""

import re
import warnings

import numpy as np

from .. import _checks
from ..background import ink
from .legends import legend, short
from .themes import MARKERS, colour

SHARES = dict.fromkeys(("accuracy", "precision", "recall", "f1"), (0.0, 1.0))
BOUNDS = SHARES | {  # what no mean ± std can leave
    "score": (None, 1.0), "r2": (None, 1.0), "mse": (0.0, None), "sse": (0.0, None), "mae": (0.0, None),
}  # fmt: skip
FAR = 1e3  # times as high as the others: a run that diverged is let run out of the picture


def as_runs(curves, name):
    """Return one curve, or one per run, as a float array (n_runs, n_epochs).

    Runs that stopped sooner are filled up with NaN, which the mean leaves out.
    """
    curves = _checks.check_curves(curves, name)
    lengths = [len(curve) for curve in curves]
    runs = np.full((len(curves), max(lengths)), np.nan)
    for run, curve in zip(runs, curves, strict=True):
        run[: len(curve)] = curve
    return runs


def draw_runs(ax, runs, *, label, first_epoch=1, step=1, metric=None, **line_options):
    """Draw the mean of `runs` over the epochs and, for several runs, its standard deviation as a band.

    A point stands at the epoch that measured it; what was measured every few epochs is joined by a line.

    Parameters
    ----------
    metric : str, default=None
        What is drawn: the band stays within what it can be (an accuracy within 0 and 1).

    Returns
    -------
    line : Line2D
    band : PolyCollection or None
    """
    epochs = first_epoch + step * np.arange(runs.shape[1])
    mean = _over_runs(np.nanmean, runs)
    measured = np.isfinite(mean)
    # one epoch makes no line: mark it
    options = {"marker": "o" if measured.sum() == 1 else None} | line_options
    (line,) = ax.plot(epochs[measured], mean[measured], label=label, **options)
    if len(runs) == 1:
        return line, None
    std = _over_runs(np.nanstd, runs)
    low, high = within(metric, mean - std, mean + std, runs)
    if ax.get_yscale() == "log":  # a band below 0 has no place there
        low = np.maximum(low, _over_runs(np.nanmin, runs))
    low, high = low[measured], high[measured]
    return line, ax.fill_between(epochs[measured], low, high, color=line.get_color(), alpha=0.2, linewidth=0)


def within(metric, low, high, values):
    """Return the ends of bands or error bars, kept within what the metric of that name can be.

    Of an unknown one, and of a loss, nothing is known but the values: where none is negative, no end is.
    Values beyond an end are of another unit: then it is no end of theirs.
    """
    words = re.split(r"[^a-z0-9]+", str(metric or "").lower())
    known = next((BOUNDS[word] for word in words if word in BOUNDS), None)
    values = np.ma.masked_invalid(values).compressed()
    least, most = known or (0.0, None)
    least = None if least is not None and values.min(initial=least) < least else least
    most = None if most is not None and values.max(initial=most) > most else most  # an accuracy in percent
    if least is None and most is None:
        return low, high
    return np.clip(low, least, most), np.clip(high, least, most)


def _over_runs(function, runs):
    """Return a function of each epoch's values; NaN, without a warning, where no run measured it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(np.where(np.isfinite(runs), runs, np.nan), axis=0)


def finish_curves(ax, name, n_runs, title=None):
    """Put ticks on whole epochs, name the axes, and add the grid and the legend.

    Parameters
    ----------
    name : str
        Of what is drawn, as the history has it.
    n_runs : sequence of int
        How many runs each line is the mean of.
    title : str, default=None
        The legend's.
    """
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    ax.set(xlabel="epoch", ylabel=readable(name))
    ax.grid(True)
    _leave_out_what_diverged(ax)
    least, most = min(n_runs), max(n_runs)
    runs = str(least) if least == most else f"{least} to {most}"
    legend(ax, title, f"mean of {runs} runs ± std" if most > 1 else "")


def _leave_out_what_diverged(ax):
    """Set the limits by the lines that stay within reach of the others."""
    lines = [line.get_ydata() for line in ax.lines if len(line.get_ydata())]
    tops = np.array([largest(values) for values in lines])
    near = [v for v, top in zip(lines, tops, strict=True) if top <= FAR * np.median(tops)]
    if len(near) < len(lines) and ax.get_yscale() == "linear":
        low, high = min(v.min() for v in near), max(v.max() for v in near)
        room = 0.05 * (high - low) or 1.0
        ax.set_ylim(low - room, high + room)


def largest(values):
    """Return the largest magnitude of those that are numbers; 1 where there is none, or it is 0."""
    finite = np.abs(values)[np.isfinite(values)]
    return float(finite.max(initial=0.0)) or 1.0


def readable(name):
    """Return what a history calls "val_accuracy" or "noise 0.3_loss" in words.

    Examples
    --------
    >>> readable("val_accuracy"), readable("noise 0.3_loss"), readable("my_metric")
    ('validation accuracy', 'noise 0.3 loss', 'my_metric')
    """
    name = "" if name is None else str(name)
    of, _, what = name.rpartition("_")
    if of and (what in BOUNDS or what == "loss" or of == "val"):
        return f"{'validation' if of == 'val' else of} {what}"
    return re.sub("^val_", "validation ", name)


def fit_ticks(ax):
    """Turn the names below the axes where they would run into each other; hide some if that is too little."""
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    if not labels:
        return
    points = 72 * ax.get_window_extent().width / ax.figure.dpi
    size = labels[0].get_fontsize()
    each = points / len(labels)
    if each > 0.62 * size * max(len(label.get_text()) for label in labels) + 0.4 * size:
        return
    slanted = each > 2.2 * size
    for k, label in enumerate(labels):
        label.set(rotation=35 if slanted else 90, ha="right" if slanted else "center")
        label.set(rotation_mode="anchor" if slanted else "default")
        label.set_visible(k % max(1, int(np.ceil(1.2 * size / each))) == 0)


def column_names(X):
    """Return the names of a DataFrame's two columns; else those of the plane's axes."""
    names = getattr(X, "columns", None)
    return ("$x_1$", "$x_2$") if names is None else tuple(short(str(name)) for name in names)


def history_of(model, key):
    """Return what a fitted model recorded per epoch under `key`, or None."""
    history = getattr(model, "history_", {})
    if key in history:
        return history[key]
    return getattr(model, {"loss": "loss_curve_", "val_loss": "validation_loss_curve_"}.get(key, key), None)


def sets_of(model, key):
    """Return the names of the data sets on which a model measured `key` at its epochs' ends, training's not.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> sets_of(SimpleNamespace(history_={"loss": [1], "val_loss": [1], "noise 0.3_loss": [2]}), "loss")
    ['val', 'noise 0.3']
    """
    ending = f"_{key}"
    found = [name.removesuffix(ending) for name in getattr(model, "history_", {}) if name.endswith(ending)]
    known = getattr(model, "validation_loss_curve_", None) is not None and key == "loss"
    return found or (["val"] if known else [])


def as_models(estimator):
    """Return one model, or a sequence of them, as a list."""
    models = list(estimator) if isinstance(estimator, (list, tuple)) else [estimator]
    _checks.check_not_empty("estimator", models, "pass a fitted model, or several")
    return models


def answers(model):
    """Return the function by which a model tells classes: `predict_classes` of a network, else `predict`."""
    return getattr(_checks.check_one_model(model, "predict"), "predict_classes", model.predict)


def draw_classes(ax, X, y, classes=None):
    """Draw samples of two features, one colour and marker per class."""
    known = list(np.unique(y) if classes is None else classes)
    for k, c in enumerate(known):
        inside = np.asarray(y) == c
        name = f"{c:g}" if isinstance(c, (int, float, np.number)) else str(c)
        ax.scatter(
            *X[inside].T,
            color=colour(k, ax),
            marker=MARKERS[(k + k // 10) % len(MARKERS)],  # 100 classes are told apart
            edgecolors=ink(ax),
            linewidths=0.7,
            label=name,
            zorder=3,
        )
