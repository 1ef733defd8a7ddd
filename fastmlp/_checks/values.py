"""Single values: numbers, flags, names, choices."""

import inspect
from functools import partial
from math import inf, isfinite
from numbers import Integral, Real
from typing import Annotated

import numpy as np

from .words import did_you_mean

MAX_FLOAT = int(np.finfo(np.float64).max)
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def shown(value):
    """Return a value as messages show it: on one line, an array by its shape."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {shape}"
    if isinstance(value, (list, tuple)) and len(repr(value)) > 100:
        return f"a {type(value).__name__} of {len(value)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else text[:97] + "..."


def refuse(message, error=ValueError):
    """Raise for what only one place refuses, which tells what was expected, what came and the remedy."""
    raise error(message)


def check_choice(name, value, choices):
    """Return ``choices[value]``."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        names, hint = sorted(map(str, choices)), did_you_mean(value, choices)
        raise ValueError(
            f"{name} must be one of {', '.join(names)}; got {shown(value)}{hint and ': '}{hint}"
        ) from None


def check_made(name, value):
    """Return `value`, or the object that a class makes without arguments."""
    if not isinstance(value, type):
        return value
    try:
        return value()
    except TypeError as error:
        raise TypeError(
            f"{name} must be an object; got the class {value.__name__}, which needs arguments ({error}): "
            f"give {value.__name__}(...)"
        ) from None


def check_named(name, given, choices):
    """Return what a name or a class stands for; an object stands for itself."""
    return check_made(name, check_choice(name, given, choices) if isinstance(given, str) else given)


def check_protocol(name, value, attributes, choices):
    """Return `value`, an object that must have `attributes`."""
    missing = [a for a in attributes if not hasattr(value, a)]
    if missing:
        hint = did_you_mean(getattr(value, "__name__", str(value)), choices)
        lacking = ", ".join(missing) + (hint and ": ") + hint
        raise TypeError(
            f"{name} must be one of {', '.join(sorted(choices))}, or an object with "
            f"{', '.join(attributes)}; got {shown(value)}, which lacks {lacking}"
        )
    return value


def check_callable(name, value):
    """Return `value`, a name or a callable by what it is for."""
    if not callable(value):
        raise TypeError(f"{name} must hold names or callables; got {shown(value)}")
    return value


def check_int(name, value, low=1, high=None):
    """Return `value` as an int between `low` and `high`, both included."""
    if type(value) is int and value >= low and (high is None or value <= high):
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int; got {shown(value)} of type {type(value).__name__}")
    if value < low or (high is not None and value > high):
        bound = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bound}; got {value}")
    return int(value)


def check_verbose(value):
    """Return how much is to be printed: 0, 1 or more."""
    if type(value) is int and value >= 0:
        return value
    return int(value) if isinstance(value, bool) else check_int("verbose", value, 0)


def check_optional_int(name, value, high=None):
    """Return `value` as an int of at least 1 and at most `high`, or None."""
    if value is not None:
        value = check_int(name, value)
        if high is not None:
            check_int(name, value, 1, high)
    return value


def check_real(name, value, low=0.0, high=np.inf, closed="both"):
    """Return `value` as a finite float in the interval; `closed` is as in scikit-learn's Interval."""
    if type(value) is not float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number; got {shown(value)} of type {type(value).__name__}")
        if isinstance(value, Integral) and abs(value) > MAX_FLOAT:
            value = inf if value > 0 else -inf  # an int beyond the largest float counts as infinite
    above = value >= low if closed in ("both", "left") else value > low
    below = value <= high if closed in ("both", "right") else value < high
    if not (isfinite(value) and above and below):
        left = "[" if closed in ("both", "left") and isfinite(low) else "("
        right = "]" if closed in ("both", "right") and isfinite(high) else ")"
        raise ValueError(f"{name} must be a finite number in {left}{low:g}, {high:g}{right}; got {value}")
    return float(value)


def check_rate(name, value):
    """Return `value`, a learning rate or a function of the epoch."""
    return value if callable(value) else check_real(name, value, closed="neither")


def check_flag(name, value):
    """Return `value`, True or False, as a bool; 0 and 1 will do."""
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_) and (not isinstance(value, Integral) or value not in (0, 1)):
        raise TypeError(f"{name} must be True or False; got {shown(value)} of type {type(value).__name__}")
    return bool(value)


def check_name(name, value):
    """Return `value`, a text that is not empty, or None."""
    if value is not None and (not isinstance(value, str) or not value):
        raise TypeError(f"{name} must be a text that is not empty, or None; got {shown(value)}")
    return value


def check_sequence(name, value, of):
    """Return `value`, a sequence, as a list."""
    try:
        return list(value)
    except TypeError:
        raise TypeError(
            f"{name} must be a sequence of {of}; got {shown(value)}: put it into a list"
        ) from None


def check_not_empty(name, value, remedy):
    """Raise where there is nothing in `value`."""
    if not len(value):
        raise ValueError(f"{name} is empty; {remedy}")


def check_distinct(name, values):
    """Raise where one of several names comes twice."""
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{name} holds {', '.join(map(repr, twice))} more than once; name them by a dict")


def check_given(name, value, what):
    """Return `value`, which must not be None."""
    if value is None:
        raise ValueError(f"{name} must be given: {what}")
    return value


def check_dtype(dtype):
    """Return the float type that `dtype` names, or None."""
    if dtype is None:
        return None
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found not in FLOATS:  # np.dtype(None) is float64
        raise ValueError(f"dtype must be float32, float64 or None (follow the input); got {shown(dtype)}")
    return found


def check_random_state(random_state):
    """Return the RandomState that a seed, a RandomState or None stands for."""
    if random_state is None or isinstance(random_state, Integral):
        try:
            return np.random.RandomState(random_state)
        except ValueError:
            raise ValueError(f"random_state must be between 0 and 2**32 - 1; got {random_state}") from None
    if not isinstance(random_state, np.random.RandomState):
        raise TypeError(
            f"random_state must be an int, a numpy.random.RandomState or None; got {shown(random_state)} "
            f"of type {type(random_state).__name__}"
        )
    return random_state


# Types for the fields of dataclasses, each with the check of its values: see `Fixed`
Number = Annotated[float, partial(check_real, low=-inf)]
NotNegative = Annotated[float, check_real]
Positive = Annotated[float, partial(check_real, closed="neither")]
Share = Annotated[float, partial(check_real, high=1.0)]
ShareBelowOne = Annotated[float, partial(check_real, high=1.0, closed="left")]
OpenShare = Annotated[float, partial(check_real, high=1.0, closed="neither")]
Count = Annotated[int, check_int]
CountOrZero = Annotated[int, partial(check_int, low=0)]
OptionalCount = Annotated[int | None, partial(check_optional_int, high=2**62)]
Rate = Annotated[object, check_rate]
Name = Annotated[str | None, check_name]
Flag = Annotated[bool, check_flag]


COUNTS = ("epochs", "most_epochs", "runs", "batch_size", "sizes", "widths")  # settings of experiments
RATES = ("rate", "rates", "hidden_rate")
POINTS = ("x", "w")  # which have so many numbers as usual


def check_settings(name, settings, function):
    """Raise where an experiment has no such setting, or where that is no number, or none of its kind."""
    known = dict([*inspect.signature(function).parameters.items()][3:])
    for setting, value in settings.items():
        usual = check_choice(f"the settings of {name}", setting, known).default
        several = isinstance(usual, tuple)
        n = len(usual) if setting in POINTS else None
        if several and (not isinstance(value, (tuple, list)) or not value or n not in (None, len(value))):
            example = f"{setting}={','.join(map(str, usual))}"
            raise TypeError(
                f"{setting} of {name} must be {n or 'several'} numbers, {example}; got {shown(value)}"
            )
        for number in value if several else (value,):
            if setting in COUNTS and number is not usual:
                check_int(f"{setting} of {name}", number)
            elif number is not usual:
                least, closed = (0.0, "neither") if setting in RATES else (-np.inf, "neither")
                check_real(f"{setting} of {name}", number, least, closed=closed)
