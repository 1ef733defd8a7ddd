"""What comes of an experiment: a table of reported figures and ours, and pictures."""

import html
import io
import json
import re
import time
from pathlib import Path

import numpy as np

from .. import backend
from ..formats.writing import writable, write_atomically
from ..plots import BarsDisplay, CompareRunsDisplay, ConfusionMatrixDisplay, LossCurveDisplay
from .row import COLUMNS, LISTENER, Row, last, mean_of, recorded, seconds_of, several


class Result:
    """Rows and pictures of one experiment, printed as a table.

    Parameters
    ----------
    identity, title : str
        ID and TITLE of the experiment.
    data : str
        What it was run on.
    size, seed
        As `run` was asked.
    reported : dict, default=None
        By setting, what others had: a dict by what was measured.
    why : dict, default=None
        By setting, why ours differ.

    Attributes
    ----------
    rows : list of Row
    figures : dict of Figure
        By name.
    """

    def __init__(self, identity, title, data, size, seed, *, reported=None, why=None):
        self.id, self.title, self.data, self.size, self.seed = identity, title, data, size, seed
        self.reported, self.why = reported or {}, why or {}
        self.rows, self.figures, self._started = [], {}, time.perf_counter()

    def add(self, setting, ours, *, seconds=None):
        """Add a row; `ours` holds, by name, a number or one for each repetition, as `seconds` does."""
        reported, why = self.reported.get(setting, {}), self.why.get(setting, "")
        if seconds is not None and "seconds" in reported:  # a line of its own, not a column
            ours, seconds = ours | {"seconds": np.sum(seconds)}, None
        ours = {name: np.atleast_1d(np.asarray(values, float)) for name, values in ours.items()}
        each = None if seconds is None else np.atleast_1d(np.asarray(seconds, float))
        self.rows.append(Row(str(setting), ours, reported, each, why))
        if (tell := LISTENER.get()) is not None:
            tell(self.rows[-1])

    def add_models(self, setting, models, curves, **extra):
        """Add a row of what a fitted model, or each of several repetitions, recorded last.

        Parameters
        ----------
        models : Network or estimator, or a sequence of them
        curves : dict
            By name in the table, the name in the history.
        **extra
            What else was measured: by name, with "_" for spaces, a number or one for each repetition.
        """
        models = several(models)
        ours = {name: [last(model, curve) for model in models] for name, curve in curves.items()}
        more = {name.replace("_", " "): values for name, values in extra.items()}
        self.add(setting, ours | more, seconds=seconds_of(models))

    def picture(self, name, display):
        """Keep a picture: a display, or its figure; its file is named so, without spaces."""
        self.figures[re.sub(r"[^\w.-]+", "_", name)] = getattr(
            display, "figure_", getattr(display, "figure", display)
        )

    def compare(self, models, *keys, title=None, name=None):
        """Draw one picture a key, named by it or by `name`: what models, by setting, recorded under it.

        Here and in `curves` models that diverged before they recorded anything are left out.
        """
        for key in keys:
            if found := {setting: some for setting, of in models.items() if (some := recorded(of, key))}:
                self.picture(name or key, CompareRunsDisplay.from_estimators(found, key=key, title=title))

    def curves(self, model, *keys, log=False, name=None):
        """Draw one picture a key: what a model, or several, recorded under it on each of the data sets."""
        for key in keys:
            if found := recorded(model, key):
                self.picture(name or key, LossCurveDisplay.from_estimator(found, key=key, log=log))

    def bars(self, measured, group_name):
        """Draw what was measured, or the seconds, as a bar for each row that has it."""
        rows = {
            row.setting: row.seconds if measured == "seconds" else row.ours[measured] for row in self.rows
        }
        self.picture(measured, BarsDisplay(rows, name=measured, group_name=group_name).plot())

    def confusion(self, model, X, y, name="confusion", **how):
        """Draw how often a model takes which class for which."""
        self.picture(name, ConfusionMatrixDisplay.from_estimator(model, X, y, colorbar=False, **how))

    def value(self, setting, measured):
        """Return the mean over the repetitions of what was measured in a setting."""
        return mean_of(self._row(setting).ours[measured])

    def _row(self, setting):
        for row in self.rows:
            if row.setting == setting:
                return row
        raise KeyError(f"no setting {setting!r}; there are {[row.setting for row in self.rows]}")

    def values(self, measured):
        """Return {setting: mean} of what was measured, for all settings that have it."""
        return {row.setting: mean_of(row.ours[measured]) for row in self.rows if measured in row.ours}

    def spread(self, setting, measured):
        """Return how far the repetitions of what was measured in a setting are apart."""
        return float(np.ptp(self._row(setting).ours[measured]))

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
             "reported": {k: str(v) for k, v in row.reported.items()}, "why": row.why,
             "seconds": None if row.seconds is None else float(row.seconds.sum())}
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
            seconds = None if row["seconds"] is None else np.array([row["seconds"]])
            result.rows.append(Row(row["setting"], ours, row["reported"], seconds, row["why"]))
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
