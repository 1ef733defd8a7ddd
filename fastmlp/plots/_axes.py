"""What the displays share: the style, axes, and curves of several runs."""

import warnings
from contextlib import contextmanager

import numpy as np

# ten colours told apart by the colour-blind too, on white and on black (M. A. Petroff, arXiv:2107.02270)
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X<>"
BOUNDS = {  # what no mean ± std can leave
    "accuracy": (0.0, 1.0), "precision": (0.0, 1.0), "recall": (0.0, 1.0), "f1": (0.0, 1.0),
    "score": (None, 1.0), "r2": (None, 1.0), "mse": (0.0, None), "sse": (0.0, None), "mae": (0.0, None),
}  # fmt: skip


def pyplot():
    """Import matplotlib when something is drawn, not before."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plots need matplotlib: pip install fastmlp[plot]") from None
    return plt


@contextmanager
def style():
    """Draw in the package's style: sizes of text and lines, a faint grid, no frame where there is no data.

    Colours of text and background are the user's, so that dark styles work too.
    """
    with pyplot().rc_context(
        {
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "font.size": 10,
        }
    ):
        yield


def axes_or_new(ax, **options):
    """Return `ax`, or the axes of a new figure that makes room for labels by itself."""
    if ax is not None:
        return ax
    with style():
        return pyplot().subplots(layout="constrained", **options)[1]


def colour(k):
    """Return the colour of the k-th line, area or class."""
    return COLOURS[k % len(COLOURS)]


def of_line(k):
    """Return how the k-th line is drawn: 40 of them are told apart by colour and dashes."""
    return {"color": colour(k), "linestyle": DASHES[k // len(COLOURS) % len(DASHES)]}


def legend(ax, title=None):
    """Put a legend beside the axes: there it covers neither a curve nor a neighbour, however long it is."""
    handles, _ = ax.get_legend_handles_labels()
    if not handles:
        return
    n_columns = 1 + (len(handles) - 1) // 20
    ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=n_columns, frameon=False)


def as_runs(curves, name):
    """Return one curve, or one per run, as a float array (n_runs, n_epochs).

    Runs that stopped sooner are filled up with NaN, which the mean leaves out.
    """
    curves = [curves] if len(curves) == 0 or np.ndim(curves[0]) == 0 else list(curves)
    lengths = [len(curve) for curve in curves]
    if min(lengths) == 0:
        raise ValueError(f"{name} holds no epoch: fit the model first")
    runs = np.full((len(curves), max(lengths)), np.nan)
    for run, curve in zip(runs, curves, strict=True):
        run[: len(curve)] = curve
    return runs


def draw_runs(ax, runs, *, label, first_epoch=1, step=1, band=True, metric=None, **line_options):
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
    if len(runs) > 1:
        label = f"{label} (mean of {len(runs)} runs ± std)"
    # one epoch makes no line: mark it
    options = {"marker": "o" if measured.sum() == 1 else None} | line_options
    (line,) = ax.plot(epochs[measured], mean[measured], label=label, **options)
    if len(runs) == 1 or not band:
        return line, None
    std = _over_runs(np.nanstd, runs)
    low, high = within(metric, mean - std, mean + std)
    if ax.get_yscale() == "log":  # a band below 0 has no place there
        low = np.maximum(low, _over_runs(np.nanmin, runs))
    low, high = low[measured], high[measured]
    return line, ax.fill_between(epochs[measured], low, high, color=line.get_color(), alpha=0.2, linewidth=0)


def within(metric, low, high):
    """Return the ends of a band or an error bar, where the metric of that name has any room for them."""
    least, most = BOUNDS.get((metric or "").rsplit("_", 1)[-1].lower(), (None, None))
    if least is None and most is None:
        return low, high
    return np.clip(low, least, most), np.clip(high, least, most)


def _over_runs(function, runs):
    """Return a function of each epoch's values; NaN, without a warning, where no run measured it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(np.where(np.isfinite(runs), runs, np.nan), axis=0)


def whole_epochs(ax):
    """Put ticks on whole epochs only."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")


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
    return list(estimator) if isinstance(estimator, (list, tuple)) else [estimator]


def answers(model):
    """Return the function by which a model tells classes: `predict_classes` of a network, else `predict`."""
    return getattr(model, "predict_classes", model.predict)


def draw_classes(ax, X, y, classes=None):
    """Draw samples of two features, one colour and marker per class."""
    known = list(np.unique(y) if classes is None else classes)
    for k, c in enumerate(known):
        inside = np.asarray(y) == c
        name = f"{c:g}" if isinstance(c, (int, float, np.number)) else str(c)
        ax.scatter(
            *X[inside].T,
            color=colour(k),
            marker=MARKERS[(k + k // len(COLOURS)) % len(MARKERS)],  # 100 classes are told apart
            edgecolors="black",
            label=name,
            zorder=3,
        )
