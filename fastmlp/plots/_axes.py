"""What the displays share: axes, and curves of several runs."""

import warnings

import numpy as np


def pyplot():
    """Import matplotlib when something is drawn, not before."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plots need matplotlib: pip install fastmlp[plot]") from None
    return plt


def axes_or_new(ax, **options):
    """Return `ax`, or the axes of a new figure that makes room for labels by itself."""
    return pyplot().subplots(layout="constrained", **options)[1] if ax is None else ax


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


def draw_runs(ax, runs, *, label, first_epoch=1, step=1, band=True, **line_options):
    """Draw the mean of `runs` over the epochs and, for several runs, its standard deviation as a band.

    Returns
    -------
    line : Line2D
    band : PolyCollection or None
    """
    epochs = first_epoch + step * np.arange(runs.shape[1])
    mean = _over_runs(np.nanmean, runs)
    if len(runs) > 1:
        label = f"{label} (mean of {len(runs)} runs ± std)"
    # one epoch makes no line: mark it
    options = {"marker": "o" if np.isfinite(mean).sum() == 1 else None} | line_options
    (line,) = ax.plot(epochs, mean, label=label, **options)
    if len(runs) == 1 or not band:
        return line, None
    std = _over_runs(np.nanstd, runs)
    low = mean - std
    if ax.get_yscale() == "log":  # a band below 0 has no place there
        low = np.maximum(low, _over_runs(np.nanmin, runs))
    return line, ax.fill_between(epochs, low, mean + std, color=line.get_color(), alpha=0.2, linewidth=0)


def _over_runs(function, runs):
    """Return a function of each epoch's values; NaN, without a warning, where no run measured it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(runs, axis=0)


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


def draw_classes(ax, X, y, classes=None):
    """Draw samples of two features, one colour and marker per class."""
    known = list(np.unique(y) if classes is None else classes)
    for k, c in enumerate(known):
        inside = np.asarray(y) == c
        name = f"{c:g}" if isinstance(c, (int, float, np.number)) else str(c)
        ax.scatter(
            *X[inside].T,
            color=f"C{k % 10}",
            marker="osD^vP*X<>"[k % 10],
            edgecolors="black",
            label=name,
            zorder=3,
        )
