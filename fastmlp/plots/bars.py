"""Numbers side by side, in groups."""

import numpy as np

from .. import _checks
from ..background import ink
from ._axes import fit_ticks, readable, within
from .legends import axes_or_new, legend, short, widen
from .themes import colour, styled


class BarsDisplay:
    """Bars in groups, with the standard deviation over repetitions.

    Parameters
    ----------
    values : dict
        By the series' name a dict that holds, by the group's name, a number or one per repetition. One series
        may be given by itself.
    name : str, default=""
        The label of the vertical axis.
    group_name : str, default=""
        The label of the horizontal axis: what the groups are of.
    series_name : str, default=None
        The legend's title.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    bars_ : dict of BarContainer
        By series.

    Examples
    --------
    >>> from fastmlp.plots import BarsDisplay
    >>> times = {"SGD": {"small": [1.0, 1.2], "large": [9.0, 9.1]}, "Adam": {"small": 1.1, "large": 12}}
    >>> display = BarsDisplay(times, name="seconds")
    >>> display.groups
    ['small', 'large']
    """

    def __init__(self, values, *, name="", group_name="", series_name=None):
        _checks.check_named_curves("values", values, "group", "numbers, or of such dicts")
        self.values = values if isinstance(next(iter(values.values())), dict) else {"": values}
        for series, found in self.values.items():
            where = f"values[{series!r}]" if self.values is values else "values"
            _checks.check_named_curves(where, found, "group", "numbers")
            for group, numbers in found.items():
                _checks.check_drawable(f"{where}[{group!r}]", numbers)
        self.groups = list(dict.fromkeys(group for series in self.values.values() for group in series))
        self.name, self.group_name, self.series_name = name, group_name, series_name

    @styled
    def plot(self, ax=None):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        width, places = 0.8 / len(self.values), np.arange(len(self.groups))
        self.bars_ = {}
        for k, (series, found) in enumerate(self.values.items()):
            runs = [np.atleast_1d(np.asarray(found.get(group, np.nan), float)) for group in self.groups]
            runs = [run[np.isfinite(run)] for run in runs]  # one that diverged does not hide the others
            means, stds = (np.array([f(r) if len(r) else np.nan for r in runs]) for f in (np.mean, np.std))
            low, high = within(self.name, means - stds, means + stds, np.concatenate(runs))
            at = places + (k - (len(self.values) - 1) / 2) * width
            several = any(len(run) > 1 for run in runs)
            self.bars_[series] = ax.bar(
                at,
                means,
                width * 0.92,
                yerr=(means - low, high - means) if several else None,
                capsize=3,
                color=colour(k, ax),
                label=str(series) or None,
                error_kw={"elinewidth": 1, "ecolor": ink(ax)},
            )
        ax.set_xticks(places, [short(str(group)) for group in self.groups])
        ax.set(xlabel=self.group_name, ylabel=readable(self.name))
        ax.grid(axis="y")
        widen(ax, 0.14 * len(self.groups) * (1 + 0.5 * len(self.values)))
        fit_ticks(ax)
        legend(ax, self.series_name)
        return self
