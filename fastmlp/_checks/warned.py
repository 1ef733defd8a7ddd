"""Warnings that name the user's line, however deep they arise."""

import sys
import warnings
from typing import NamedTuple

from ..kernels.interrupts import here

# packages whose frames are skipped to find the user's line
OURS = frozenset(("fastmlp", "sklearn", "contextlib", "joblib"))
# packages in which the stack of a pool's thread begins
POOLS = frozenset(("threading", "multiprocessing", "concurrent"))


def warn_interrupted():
    """Tell of a run that was interrupted: whoever stops it with others, or else the user."""
    if here.stop is None:
        warn("Training interrupted by user.")
    else:
        here.stop.set()


def warn(message, category=UserWarning):
    """Warn of something, at the line that called the package."""
    line = users_line() or _line(sys._getframe(1))
    warnings.warn_explicit(message, category, line.file, line.number, line.module, line.registry)


class Line(NamedTuple):
    """A line of source as `warnings` knows it."""

    file: str
    number: int
    module: str
    registry: dict


def users_line():
    """The line that called the package, in this thread or where those began whose runs it makes; or None."""
    frame = sys._getframe(1)
    while frame is not None and _package(frame) in OURS:
        frame = frame.f_back
    if here.stop is not None and (frame is None or _package(frame) in POOLS):
        return here.stop.line
    return frame and _line(frame)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]


def _line(frame):
    known = frame.f_globals
    registry = known.setdefault("__warningregistry__", {})
    return Line(frame.f_code.co_filename, frame.f_lineno, known.get("__name__", "<string>"), registry)
