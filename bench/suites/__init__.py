"""What is measured: a file for each subject, each with its CASES."""

from importlib import import_module

# name: whether a whole run has it
SUITES = {
    "training": True, "steps": True, "many": True, "noise": True, "race": True, "cold": True, "memory": True,
    "scaling": True, "estimators": False, "perceptrons": False, "folds": False, "batched": False,
}  # fmt: skip


def cases_of(suite):
    """Return the cases of one suite."""
    return import_module(f"{__name__}.{suite}").CASES


def select(names=()):
    """Return the cases that are asked for, each once.

    Parameters
    ----------
    names : sequence of str
        Of suites or of cases, or parts of names of cases; without any, a whole run's.

    Raises
    ------
    ValueError
        Where a name matches nothing.
    """
    if not names:
        return [case for suite, whole in SUITES.items() if whole for case in cases_of(suite)]
    every = {suite: cases_of(suite) for suite in SUITES}
    chosen = []
    for name in names:
        everything = [case for cases in every.values() for case in cases]
        matches = every.get(name) or [c for c in everything if c.name == name]
        matches = matches or [c for c in everything if name in c.name]
        if not matches:
            raise ValueError(f"no suite or case is called {name!r}; --list shows the names")
        chosen += [case for case in matches if case not in chosen]
    return chosen
