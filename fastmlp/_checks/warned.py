"""Warnings that name the user's line, however deep they arise."""

import sys
import warnings

from ..kernels.interrupts import here

OURS = frozenset(("fastmlp", "sklearn", "contextlib", "joblib"))  # what stands between the user and us


def warn_interrupted():
    """Tell of a run that was interrupted: whoever stops it with others, or else the user."""
    if here.stop is None:
        warn("Training interrupted by user.")
    else:
        here.stop.set()


def warn(message, category=UserWarning):
    """Warn of something, at the line that called the package."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=2 if frame is None else level)
