"""The experiments that people do with perceptrons and MLPs, each a lesson of a few lines.

Each file holds ``ID``, ``TITLE``, ``REPORTED`` (figures that others had), ``CONCLUSIONS`` (what should come
out: a sentence and a function of the result that tells whether it did; ``ONLY`` names those that only "full"
size or "originals", no stand-ins, can show, and why), and ``run(size, seed, n_threads)``,
which returns a `Result`. ``size`` is "full" (as the reports have it), "quick" (seconds) or "tiny" (for tests:
it runs, and says nothing). Further keywords of ``run`` are settings to try other values of.

    fastmlp experiment list
    fastmlp experiment B3 --set rate=0.05 --output found
"""

import re
from importlib import import_module
from pkgutil import iter_modules

from .. import _checks
from .row import IN_PLACE, LISTENER

SIZES = ("tiny", "quick", "full")
ID = re.compile(r"[a-f]\d+b?")  # of a row: what a module's name begins with


def names():
    """Return {ID: name of its module} in their order; a file may hold several rows that belong together."""
    found = {}
    for name in sorted(module.name for module in iter_modules(__path__)):
        for part in name.split("_"):
            if not ID.fullmatch(part):
                break
            found[part[0].upper() + part[1:]] = name
    return dict(
        sorted(found.items(), key=lambda item: (item[0][0], int("".join(filter(str.isdigit, item[0])))))
    )


def get(name):
    """Return the module of an experiment, by its ID, such as "B3"."""
    known = names()
    return import_module(
        f".{known[_checks.check_choice('experiment', name, {i: i for i in known})]}", __name__
    )


def run(name, size="quick", seed=0, n_threads=None, progress=None, **settings):
    """Run an experiment; return its `Result`.

    Parameters
    ----------
    name : str
        Its ID, such as "B3".
    size : {"tiny", "quick", "full"}, default="quick"
    seed : int, default=0
        Of all that is drawn.
    n_threads : int, default=None
        None: the cores that may be used.
    progress : callable, default=None
        Called with each `Row` as soon as it is there.
    **settings
        What else its `run` takes.

    Returns
    -------
    Result

    Examples
    --------
    >>> from fastmlp import experiments
    >>> result = experiments.run("A1", "tiny")
    >>> result.value("AND", "training accuracy")
    1.0
    """
    module = get(name)
    _checks.check_choice("size", size, dict.fromkeys(SIZES))
    _checks.check_settings(name, settings, module.run)
    before = LISTENER.set(progress)
    try:
        return module.run(size=size, seed=seed, n_threads=n_threads, **settings)
    finally:
        LISTENER.reset(before)


def judge(result):
    """Yield (conclusion, verdict) for what should come out of an experiment.

    The verdict is True, False, or a text: why the size or the data of this result cannot show it.
    """
    lesson = get(result.id)
    for conclusion, holds in lesson.CONCLUSIONS.items():
        needed, why = getattr(lesson, "ONLY", {}).get(conclusion, ("", ""))
        there = {"full": result.size == "full", "originals": IN_PLACE not in result.data}
        yield conclusion, bool(holds(result)) if all(there[each] for each in needed.split()) else why


def told(verdict):
    """Return a verdict as words."""
    return {True: "holds", False: "does not hold"}.get(verdict, f"not judged ({verdict})")
