"""Columns of a table to inputs of a network, by what the training rows told; all of it is plain data.

A number stands for its distance to the mean, in standard deviations; where training rows lacked some, the
median stands in, and a further input says so. A text is one input for each category, 1 for its own and 0 for
the others; where training rows lacked some, "missing" is a category too. What is missing, or no known
category, where training knew of none, is 0 for all.

scikit-learn's `ColumnTransformer` does this too, but what it has learned can only be kept as a pickle, which
runs code when it is loaded.
"""

import math
from collections import Counter

import numpy as np

from .command import some
from .table import as_numbers

MOST_CATEGORIES = 100  # of a column; rarer ones count as none
FARTHEST = 100.0  # standard deviations: a wild value stays one, and no sum overflows
KINDS = {
    "number": {"name": str, "fill": float, "mean": float, "scale": float, "may_miss": bool},
    "text": {"name": str, "categories": list, "may_miss": bool},
}


class Columns:
    """How columns become inputs.

    Parameters
    ----------
    columns : list of dict
        What is known of each, as plain data; see `KINDS`.

    Attributes
    ----------
    width : int
        How many inputs they make.
    """

    def __init__(self, columns):
        for column in columns:
            _check(column)
        self.columns = columns
        self.width = sum(map(_width, columns))

    @property
    def names(self):
        """Names of the columns, in the order of training."""
        return [column["name"] for column in self.columns]

    @property
    def texts(self):
        """Names of those that are texts."""
        return [column["name"] for column in self.columns if column["kind"] == "text"]

    @classmethod
    def learn(cls, table, notes=None, left_out=None):
        """Return what the rows of a table tell.

        Parameters
        ----------
        table : Table
        notes : list, default=None
            What was decided is appended to it.
        left_out : dict, default=None
            Columns that tell nothing are put into it, with the reason.
        """
        notes, left_out = [] if notes is None else notes, {} if left_out is None else left_out
        found = []
        for name in table.frame.columns:
            column = _learn(name, table.frame[name], table.commas, notes, name in table.codes)
            if isinstance(column, str):
                left_out[name] = column
            else:
                found.append(column)
        if not found:
            why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise ValueError(f"no column is left to learn from: {why or 'the table has no other'}")
        return cls(found)

    def apply(self, table, notes=None):
        """Return the inputs, float32 of shape (n_rows, width); what is missing or unknown is noted."""
        notes, n = [] if notes is None else notes, len(table.frame)
        X, end = np.zeros((n, self.width), np.float32), 0
        for column in self.columns:
            start, end = end, end + _width(column)
            fill = _fill_numbers if column["kind"] == "number" else _fill_categories
            fill(X[:, start:end], column, table.frame[column["name"]], table.commas, notes)
        return X


def center_and_scale(values):
    """Return mean and standard deviation; of numbers near the largest one no sum overflows."""
    unit = float(np.abs(values).max()) or 1.0
    part = values / unit
    return float(part.mean() * unit), float(part.std() * unit)


def _check(column):
    """Raise where what a file says of a column is not what `Columns.learn` says."""
    kinds = KINDS[column["kind"]]
    right = column.keys() == {"kind", *kinds} and all(isinstance(column[k], t) for k, t in kinds.items())
    if right and column["kind"] == "number":
        right = all(map(math.isfinite, (column["fill"], column["mean"]))) and 0 < column["scale"] < math.inf
    elif right:
        right = all(isinstance(text, str) for text in column["categories"])
    if not right:
        raise ValueError(f"what it says of the column {column.get('name')!r} prepares no inputs")


def _width(column):
    return (1 if column["kind"] == "number" else len(column["categories"])) + column["may_miss"]


def _learn(name, series, commas, notes, are_codes):
    """Return what is known of a column, or why it is left out."""
    values, wrong, n_wrong, has_commas = as_numbers(series, commas)
    known, there = np.isfinite(values), int(series.notna().sum())
    if there == 0:
        return "no row has a value"
    if are_codes or known.sum() < 0.9 * there:
        return _learn_text(name, series, notes)
    if n_wrong:
        notes.append(
            f"{name}: {n_wrong} of {there} are no finite numbers, as {some(wrong)}: taken as missing"
        )
    if has_commas:
        notes.append(f"{name}: decimal commas")
    values, missing = values[known], int((~known).sum())
    mean, scale = center_and_scale(values)
    if scale == 0 or values.min() == values.max():
        if not missing:
            return f"all rows have the value {values[0]:g}"
        scale = 1.0
    fill = float(np.median(values / 2) * 2)  # of two middle ones near the largest number the sum overflows
    if missing:
        notes.append(
            f"{name}: {missing} missing, the median {fill:.4g} in their place, and an input that says so"
        )
    if len(values) > 20 and np.array_equal(values, values[0] + np.arange(len(values))):
        notes.append(f"{name}: counts the rows; if it is but their number, leave it out by --drop {name!r}")
    return dict(kind="number", name=str(name), fill=fill, mean=mean, scale=scale, may_miss=bool(missing))


def _learn_text(name, series, notes):
    texts = _texts(series)
    counts = Counter(text for text in texts if text is not None)
    n, missing = sum(counts.values()), len(texts) - sum(counts.values())
    if len(counts) > 20 and len(counts) > n / 2:
        return f"{len(counts)} different texts in {n} rows tell rows apart, not kinds, as {some(counts)}"
    if len(counts) == 1 and not missing:
        return f"all rows have the value {next(iter(counts))!r}"
    frequent = [text for text, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    if len(frequent) > MOST_CATEGORIES:
        notes.append(
            f"{name}: the {MOST_CATEGORIES} most frequent of {len(frequent)} categories, others as none"
        )
    if missing:
        notes.append(f"{name}: {missing} missing, a category of their own")
    return dict(
        kind="text", name=str(name), categories=sorted(frequent[:MOST_CATEGORIES]), may_miss=bool(missing)
    )


def _fill_numbers(X, column, series, commas, notes):
    name, n = column["name"], len(X)
    values, wrong, n_wrong, _ = as_numbers(series, commas)
    missing = ~np.isfinite(values)
    if n_wrong:
        notes.append(f"{name}: {n_wrong} of {n} are no finite numbers, as {some(wrong)}: taken as missing")
    if missing.sum() > n_wrong:
        notes.append(f"{name}: {missing.sum() - n_wrong} of {n} missing: {column['fill']:.4g} in their place")
    values[missing] = column["fill"]
    with np.errstate(over="ignore"):
        scaled = values / column["scale"] - column["mean"] / column["scale"]
    X[:, 0] = np.clip(scaled, -FARTHEST, FARTHEST)
    if column["may_miss"]:
        X[:, 1] = missing


def _fill_categories(X, column, series, _, notes):
    name, n = column["name"], len(X)
    place = {text: k for k, text in enumerate(column["categories"])}
    if column["may_miss"]:
        place[None] = len(place)
    texts = _texts(series)
    places = np.array([place.get(text, -1) for text in texts], np.int64)
    known = places >= 0
    X[np.flatnonzero(known), places[known]] = 1
    unknown = Counter(text for text, k in zip(texts, places, strict=True) if k < 0)
    missing = unknown.pop(None, 0)
    if missing:
        notes.append(f"{name}: {missing} of {n} missing, which no training row was: taken as no category")
    if unknown:
        rows = sum(unknown.values())
        notes.append(f"{name}: {rows} of {n} of unknown categories, as {some(unknown)}: taken as none")


def _texts(series):
    """Return a column's texts without spaces around them; None for what is missing."""
    return [text.strip() if isinstance(text, str) else None if text != text else str(text) for text in series]
