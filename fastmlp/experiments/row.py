"""A row of an experiment's table: what a setting came to, beside what was reported."""

from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

IN_PLACE = "in the place of"  # what is said of every stand-in
LISTENER: ContextVar = ContextVar("listener", default=None)  # is called with each row as it is added
COLUMNS = ("setting", "measured", "reported", "ours", "seconds", "why it differs")


@dataclass
class Row:
    """One setting of an experiment.

    Attributes
    ----------
    setting : str
    ours : dict
        By what was measured, such as "test accuracy", its value in each repetition.
    reported : dict
        By the same names, what others had, as they wrote it.
    seconds : ndarray or None
        Of training, of each repetition.
    why : str
        Why ours differ, where they do.
    """

    setting: str
    ours: dict
    reported: dict = field(default_factory=dict)
    seconds: np.ndarray | None = None
    why: str = ""

    def cells(self):
        """Yield a line of the table for each thing that was measured or reported."""
        for k, name in enumerate(dict.fromkeys([*self.ours, *self.reported])):
            first = k == 0
            yield (
                self.setting if first else "",
                name,
                str(self.reported.get(name, "")),
                shown(self.ours.get(name)),
                f"{np.sum(self.seconds):.3g}" if first and self.seconds is not None else "",
                self.why if first else "",
            )


def several(models):
    """Return a model, or several, as a list."""
    return list(models) if isinstance(models, (list, tuple)) else [models]


def recorded(models, curve):
    """Return those of a model, or of several, that recorded such a curve."""
    return [model for model in several(models) if model.history_.get(curve)]


def last(model, curve):
    """Return what a model recorded last; NaN where it diverged before its first epoch was over."""
    return model.history_[curve][-1] if model.history_.get(curve) else float("nan")


def mean_of(values):
    """Return the mean of those that are numbers; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def shown(values):
    """Return numbers of repetitions as a text: their mean, and the standard deviation of several."""
    if values is None:
        return ""
    known, mean = values[np.isfinite(values)], f"{mean_of(values):.4g}"
    if len(values) == 1 or not len(known):
        return mean
    spread = f"{mean} ± {_plain(known.std())}"
    return spread if len(known) == len(values) else f"{spread} ({len(known)} of {len(values)})"


def _plain(spread):
    """Return a number to two digits, or to the unit where these are more."""
    return f"{spread:.2g}" if spread < 99.5 or spread >= 1e6 else f"{spread:.0f}"


def seconds_of(models):
    """Return the seconds that each of some models was trained for."""
    return [float(np.nansum(model.history_.get("seconds", ()))) for model in models]
