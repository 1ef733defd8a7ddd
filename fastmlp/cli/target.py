"""What is to be told: classes or numbers, decided by the target's column."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from .command import some
from .table import as_numbers

FEWEST_ROWS = 10
LARGEST = 1e140  # whose squares can be summed
MOST_CLASSES = 20  # whole numbers that differ more, or are half as many as rows, are numbers, not classes


class Target(NamedTuple):
    """A target's column.

    Attributes
    ----------
    y : ndarray
        Classes as texts or integers, or float64 numbers.
    classifies : bool
    told : str
        What it is, in a sentence.
    baseline : str
        What is told where every row is told the same.
    """

    y: np.ndarray
    classifies: bool
    told: str
    baseline: str


def take_target(table, name, task, notes):
    """Return a table without its target, and the Target; rows without one are left out.

    Parameters
    ----------
    table : Table
    name : str
    task : {"auto", "classification", "regression"}
    notes : list of str
        What was decided is appended to it.
    """
    series = table.frame[name]
    numbers, wrong, _, has_commas = as_numbers(series, table.commas)
    known, there = np.isfinite(numbers), series.notna().to_numpy()
    if not len(there):
        raise ValueError("the table names columns, but has no rows")
    if not there.any():
        raise ValueError(f"--target {name!r} has no value in any row")
    enough = 1.0 if task == "classification" else 0.9  # a few that are no numbers are told, and left out
    are_numbers = known.sum() >= enough * there.sum() and (name not in table.codes or task == "regression")
    whole = are_numbers and not has_commas and bool((numbers[known] % 1 == 0).all())
    most = min(MOST_CLASSES, known.sum() / 2)
    classifies = task == "classification" or (
        task == "auto" and (not are_numbers or (whole and len(np.unique(numbers[known])) <= most))
    )
    if not classifies and not are_numbers:
        raise ValueError(f"--target {name!r} holds texts, as {some(wrong)}: --task regression needs numbers")
    rows = there if classifies and not are_numbers else known
    if n_lost := int((~rows).sum()):
        what = f", or no finite number, as {some(wrong)}" if wrong and are_numbers else ""
        notes.append(f"{n_lost} of {len(rows)} rows have no {name}{what}: left out")
    if rows.sum() < FEWEST_ROWS:
        raise ValueError(f"only {rows.sum()} rows have a {name}: at least {FEWEST_ROWS} are needed")
    rest = table._replace(frame=table.frame.loc[rows].drop(columns=name))
    other = "regression" if classifies else "classification"
    asked = "" if task != "auto" or not are_numbers else f" (--task {other} takes it otherwise)"
    if classifies:
        y = _labels(series[rows], numbers[rows], whole)
        return rest, _of_classes(y, name, asked, notes, n_lost)
    return rest, _of_numbers(numbers[rows], name, asked, has_commas, notes)


def _labels(series, numbers, whole):
    if whole and np.abs(numbers).max() < 2**53:
        return numbers.astype(np.int64)
    return np.array([str(text).strip() for text in series])


def _of_classes(y, name, asked, notes, n_lost):
    counts = Counter(y.tolist())
    if len(counts) == 1:
        missing = f" ({n_lost} more have none; NA, None and the like are missing values)" if n_lost else ""
        raise ValueError(
            f"--target {name!r} is {y[0]!s} in all rows{missing}: at least two classes are needed"
        )
    if len(counts) > max(MOST_CLASSES, len(y) / 5):
        raise ValueError(
            f"--target {name!r} holds {len(counts)} different values in {len(y)} rows, as {some(counts)}: "
            "too few rows of each to tell classes by; numbers go by --task regression"
        )
    if rare := [label for label, n in counts.items() if n < 5]:
        notes.append(
            f"{len(rare)} classes have less than 5 rows, as {some(rare)}: little can be told of them"
        )
    (top, _), *_ = counts.most_common(1)
    shown = ", ".join(f"{label} ({n})" for label, n in counts.most_common(10))
    told = f"classification: {name} has {len(counts)} classes: {shown}{', ...' if len(counts) > 10 else ''}"
    return Target(y, True, told + asked, f"always {top}")


def _of_numbers(y, name, asked, has_commas, notes):
    if y.min() == y.max():
        raise ValueError(f"--target {name!r} is {y[0]:g} in all rows: nothing is to be learned")
    if max(-y.min(), y.max()) > LARGEST:
        raise ValueError(
            f"--target {name!r} holds numbers as large as {y[np.abs(y).argmax()]:g}, whose squares no number "
            "holds: write it in a larger unit"
        )
    if has_commas:
        notes.append(f"{name}: decimal commas")
    return Target(
        y, False, f"regression: {name} holds numbers from {y.min():g} to {y.max():g}{asked}", "the mean"
    )


def n_folds(wanted, target, notes):
    """Return how many folds there can be; 0 for none."""
    if wanted == 0:
        return 0
    y = target.y
    if not 2 <= wanted <= len(y):
        raise ValueError(
            f"--cv must be 0 (no cross-validation) or from 2 to the number of rows, {len(y)}; got {wanted}"
        )
    most = int(np.unique(y, return_counts=True)[1].max()) if target.classifies else len(y)
    if wanted > most:
        notes.append(f"no class has as many rows as there are folds: {most} folds")
        wanted = most
    return wanted if wanted > 1 else 0
