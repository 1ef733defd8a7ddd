"""Curves of several settings side by side."""

from .. import _checks
from ._axes import as_models, as_runs, draw_runs, finish_curves, history_of
from .legends import axes_or_new
from .themes import of_line, styled


class CompareRunsDisplay:
    """A quantity over the epochs for several settings, each the mean of its runs with a band.

    Parameters
    ----------
    curves : dict
        By the setting's name: one curve, or one per run.
    name : str, default="loss"
        The label of the vertical axis.

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    lines_, bands_ : dict
        By the setting's name; a band is None where there is one run.

    Examples
    --------
    >>> from fastmlp.plots import CompareRunsDisplay
    >>> display = CompareRunsDisplay({"0.1": [[3, 2], [3, 1]], "0.01": [[3, 2.9], [3, 2.8]]})
    >>> display.curves["0.1"].shape
    (2, 2)
    """

    def __init__(self, curves, *, name="loss"):
        _checks.check_named_curves("curves", curves, "setting", "curves")
        self.curves = {setting: as_runs(runs, f"curves[{setting!r}]") for setting, runs in curves.items()}
        self.name = name

    @classmethod
    def from_estimators(cls, estimators, *, key="loss", title=None, ax=None, log=False):
        """Draw what fitted models recorded.

        Parameters
        ----------
        estimators : dict
            By the setting's name: a fitted model, or a list of them with different seeds.
        key : str, default="loss"
            Which entry of `history_`.
        title : str, default=None
            The legend's title: what the settings are of.
        ax : Axes, default=None
        log : bool, default=False

        Returns
        -------
        CompareRunsDisplay
        """
        _checks.check_named_curves("estimators", estimators, "setting", "models")
        curves = {}
        for setting, models in estimators.items():
            curves[setting] = [history_of(model, key) for model in as_models(models)]
            if any(curve is None for curve in curves[setting]):
                raise ValueError(
                    f"estimators[{setting!r}] recorded no {key!r}: fit it first, with that metric"
                )
        return cls(curves, name=key).plot(ax, log=log, title=title)

    @styled
    def plot(self, ax=None, *, log=False, title=None):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        if log:
            ax.set_yscale("log")
        self.lines_, self.bands_ = {}, {}
        for k, (setting, runs) in enumerate(self.curves.items()):
            self.lines_[setting], self.bands_[setting] = draw_runs(
                ax, runs, label=str(setting), metric=self.name, **of_line(k, ax)
            )
        finish_curves(ax, self.name, [len(runs) for runs in self.curves.values()], title)
        return self
