"""``fastmlp predict``: a model that `train` made, and new rows, to what it tells of them."""

import csv
import io
import sys

import numpy as np

from . import files
from .command import tell
from .table import as_numbers, read
from .trained import Trained


def run(options):
    """Write a line for each row, under the names of columns; what was noticed goes to standard error."""
    out = files.new_file(options.out, options.model, options.data) if options.out else None
    trained = Trained.load(options.model)
    if options.probabilities and not trained.classifies:
        raise ValueError(f"{options.model} tells numbers, which have no --probabilities")
    columns = trained.columns
    table = read(
        options.data,
        separator=options.separator,
        encoding=options.encoding,
        texts=[*columns.texts, *([trained.target] if trained.classifies else [])],
        least=0.0,
    )
    if table.frame.empty:
        raise ValueError(f"{options.data} names columns, but has no rows")
    notes, there = list(table.notes), list(table.frame.columns)
    if missing := [name for name in columns.names if name not in there]:
        raise ValueError(f"{options.data} lacks columns that {options.model} reads: {', '.join(missing)}")
    if extra := [name for name in there if name not in (*columns.names, trained.target)]:
        notes.append(f"columns that the model does not read: {', '.join(extra)}")
    X = columns.apply(table, notes)
    told = trained.predict(X)
    if trained.target in there:
        notes.append(_score(trained, table, told))
    for note in notes:
        tell("note", note)
    head, lines = [trained.target], [[value] for value in told.tolist()]
    if options.probabilities:
        head += [f"probability of {label}" for label in trained.model.classes_]
        for line, p in zip(lines, trained.model.predict_proba(X).tolist(), strict=True):
            line += [f"{value:.6g}" for value in p]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([head, *lines])
    if out is None:
        sys.stdout.write(text.getvalue())
    else:
        files.write(out, text.getvalue().encode())


def _score(trained, table, told):
    """Return how well the rows were told whose target is known."""
    series = table.frame[trained.target]
    if trained.classifies:
        known = series.notna().to_numpy()
        right = sum(str(a).strip() == str(b) for a, b in zip(series[known], told[known], strict=True))
        return f"{trained.target} is a column too: {right} of {known.sum()} rows are told right"
    values = as_numbers(series, table.commas)[0]
    known = np.isfinite(values)
    error = np.abs(values[known] - told[known]).mean() if known.any() else np.nan
    return f"{trained.target} is a column too: the mean absolute error over {known.sum()} rows is {error:.4g}"
