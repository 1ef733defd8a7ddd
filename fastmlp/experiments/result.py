"""What comes of an experiment: a table of reported figures and ours, and pictures."""

import html
import io
import json
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import backend
from ..formats.writing import writable, write_atomically

COLUMNS = ("setting", "measured", "reported", "ours", "seconds", "why it differs")
LISTENER: ContextVar = ContextVar("listener", default=None)  # is called with each row as it is added


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
    seconds : float or None
        Of training, all repetitions together.
    why : str
        Why ours differ, where they do.
    """

    setting: str
    ours: dict
    reported: dict = field(default_factory=dict)
    seconds: float | None = None
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
                f"{self.seconds:.3g}" if first and self.seconds is not None else "",
                self.why if first else "",
            )


class Result:
    """Rows and pictures of one experiment, printed as a table.

    Parameters
    ----------
    experiment : module
        Its ID and TITLE are taken.
    data : str
        What it was run on.
    size, seed
        As `run` was asked.

    Attributes
    ----------
    rows : list of Row
    figures : dict of Figure
        By name.
    """

    def __init__(self, identity, title, data, size, seed):
        self.id, self.title, self.data, self.size, self.seed = identity, title, data, size, seed
        self.rows, self.figures, self._started = [], {}, time.perf_counter()

    def add(self, setting, ours, *, reported=None, seconds=None, why=""):
        """Add a row; `ours` holds, by name, a number or one for each repetition."""
        if seconds is not None and "seconds" in (reported or {}):  # a line of its own, not a column
            ours, seconds = ours | {"seconds": seconds}, None
        ours = {name: np.atleast_1d(np.asarray(values, float)) for name, values in ours.items()}
        self.rows.append(Row(str(setting), ours, dict(reported or {}), seconds, why))
        if (tell := LISTENER.get()) is not None:
            tell(self.rows[-1])

    def add_models(self, setting, models, curves, *, extra=None, reported=None, why=""):
        """Add a row of what fitted models recorded last.

        Parameters
        ----------
        models : sequence of Network or estimators
            The repetitions.
        curves : dict
            By name in the table, the name in the history.
        extra : dict, default=None
            What else was measured.
        """
        ours = {name: [last(model, curve) for model in models] for name, curve in curves.items()}
        self.add(setting, ours | (extra or {}), reported=reported, seconds=seconds_of(models), why=why)

    def picture(self, name, display):
        """Keep a picture: a display, or its figure."""
        self.figures[name] = getattr(display, "figure_", getattr(display, "figure", display))

    def value(self, setting, measured):
        """Return the mean over the repetitions of what was measured in a setting."""
        found = [row for row in self.rows if row.setting == setting]
        if not found:
            raise KeyError(f"no setting {setting!r}; there are {[row.setting for row in self.rows]}")
        return mean_of(found[0].ours[measured])

    def values(self, measured):
        """Return {setting: mean} of what was measured, for all settings that have it."""
        return {row.setting: mean_of(row.ours[measured]) for row in self.rows if measured in row.ours}

    def lines(self):
        """Return the lines of the table, each a tuple of six texts."""
        return [line for row in self.rows for line in row.cells()]

    def columns(self):
        """Return the numbers of the columns that hold anything."""
        return [k for k in range(len(COLUMNS)) if any(line[k] for line in self.lines())]

    def __str__(self):
        used = self.columns()
        lines = [tuple(line[k] for k in used) for line in [COLUMNS, *self.lines()]]
        widths = [max(len(line[k]) for line in lines) for k in range(len(used))]
        texts = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        texts.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(
            [f"{self.id}  {self.title}", f"{self.size}, seed {self.seed}: {self.data}", "", *texts]
        )

    def to_markdown(self):
        """Return the table as Markdown."""
        used = self.columns()
        lines = [COLUMNS, ("---",) * len(COLUMNS), *self.lines()]
        escaped = [[line[k].replace("|", "\\|") for k in used] for line in lines]
        head = [
            f"## {self.id}: {self.title}",
            "",
            f"{self.size.capitalize()} size, seed {self.seed}: {self.data}.",
            "",
        ]
        return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in escaped), ""])

    def to_html(self):
        """Return the table as HTML."""
        used = self.columns()

        def row(tag, line):
            return "<tr>" + "".join(f"<{tag}>{html.escape(line[k])}</{tag}>" for k in used) + "</tr>"

        title = f"<caption>{html.escape(f'{self.id}: {self.title} ({self.data})')}</caption>"
        body = "\n".join(row("td", line) for line in self.lines())
        return f"<table>{title}<thead>{row('th', COLUMNS)}</thead><tbody>\n{body}\n</tbody></table>"

    _repr_html_ = to_html

    def to_dict(self):
        """Return everything but the pictures as plain data."""
        rows = [
            {"setting": row.setting, "ours": {k: v.tolist() for k, v in row.ours.items()},
             "reported": {k: str(v) for k, v in row.reported.items()}, "seconds": row.seconds, "why": row.why}
            for row in self.rows
        ]  # fmt: skip
        about = {name: getattr(self, name) for name in ("id", "title", "data", "size", "seed")}
        about |= {"elapsed": time.perf_counter() - self._started, "backend": backend()}
        return about | {"rows": rows, "figures": list(self.figures)}

    @classmethod
    def of_dict(cls, data):
        """Return the result, without its pictures, that `to_dict` made plain data of."""
        result = cls(*(data[name] for name in ("id", "title", "data", "size", "seed")))
        for row in data["rows"]:
            ours = {name: np.asarray(values, float) for name, values in row["ours"].items()}
            result.rows.append(Row(row["setting"], ours, row["reported"], row["seconds"], row["why"]))
        return result

    def save(self, folder):
        """Write the pictures (PNG), ``result.json`` and ``result.md`` to a folder; return their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.png" for name in self.figures]
        for path, figure in zip(paths, self.figures.values(), strict=True):
            picture = io.BytesIO()
            figure.savefig(picture, format="png", dpi=120, bbox_inches="tight")
            write_atomically(writable(path), picture.getbuffer())
        for name, text in (
            ("result.json", json.dumps(self.to_dict(), indent=1)),
            ("result.md", self.to_markdown()),
        ):
            write_atomically(writable(folder / name), text.encode())
            paths.append(folder / name)
        return paths


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
    mean = mean_of(values)
    return f"{mean:.4g}" if len(values) == 1 else f"{mean:.4g} ± {_plain(np.nanstd(values))}"


def _plain(spread):
    """Return a number to two digits, or to the unit where these are more."""
    return f"{spread:.2g}" if spread < 99.5 or spread >= 1e6 else f"{spread:.0f}"


def seconds_of(models):
    """Return the seconds that models were trained for, all together."""
    return float(np.sum([np.nansum(model.history_.get("seconds", ())) for model in models]))
