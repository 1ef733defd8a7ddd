"""A user's own formulas: what they are, and what they return."""

import numpy as np

from .networks import as_weights
from .values import check_flag, check_real, shown

LABELS = (False, True, "only")


def check_formula(kind, given):
    """Raise where a user's activation or loss has no name."""
    if not isinstance(given.name, str) or not given.name:
        raise TypeError(
            f"{kind} {given!r} must have a name, a text that is not empty; got {given.name!r}: give its "
            "class one, as in name = 'mine'"
        )


def depth(given, name):
    """Return how far up among its classes an object's method is defined: 0 for its own class."""
    return next((i for i, cls in enumerate(type(given).__mro__) if name in vars(cls)), np.inf)


def check_loss(loss):
    """Raise where what a user's loss says of itself cannot be."""
    check_flag(f"{loss.name}.average", loss.average)
    if loss.labels not in LABELS:
        raise ValueError(f"{loss.name}.labels must be True, False or 'only'; got {loss.labels!r}")
    for name in ("from_logits", "outputs"):
        names = getattr(loss, name)
        if isinstance(names, str) or not all(isinstance(n, str) for n in names or ()):
            raise TypeError(f"{loss.name}.{name} must be a tuple of names of activations; got {shown(names)}")
    try:
        low, high = loss.target_range
    except (TypeError, ValueError):
        raise TypeError(
            f"{loss.name}.target_range must be the smallest and the largest target; got {loss.target_range!r}"
        ) from None
    for bound in (low, high):
        if bound not in (-np.inf, np.inf):
            check_real(f"{loss.name}.target_range", bound, low=-np.inf)


def ask(given, call, arguments, shape, dtype):
    """Return what a user's formula gives, checked, in an array of its own.

    Parameters
    ----------
    given : object
        The user's activation or loss.
    call : str
        The method with its arguments' names, as messages say it: "value(z)".
    arguments : sequence of ndarray
        The formula sees them read-only: what it changed in place would be taken for what it was given.
    shape, dtype
        What it must return, and the dtype to go on in.
    """
    shown = [a.view() for a in arguments]
    for a in shown:
        a.flags.writeable = False
    what = f"{given.name}.{call}"
    try:
        result = getattr(given, call.partition("(")[0])(*shown)
        array = np.asarray(result)
    except Exception as error:
        if "read-only" in str(error):
            error.add_note(f"{what} must leave its arguments as they are: change a copy, or use np.where")
        raise
    if array.shape != shape:
        got = "None" if result is None else array.shape
        raise ValueError(f"{what} must return shape {shape}; got {got}: one result for each, no mean or sum")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{what} must return real numbers; got dtype {array.dtype}")
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def call_initializer(initializer, *arguments):
    """Return what an initializer gives; where it fails, say how it was called."""
    try:
        return initializer(*arguments)
    except Exception as error:
        error.add_note(f"from the initializer {initializer!r}, called with a shape and a RandomState")
        raise


def call_schedule(schedule, time):
    """Return the rate that a schedule gives; where it fails, say how it was called."""
    try:
        rate = schedule(time)
    except Exception as error:
        error.add_note(f"from the learning rate {schedule!r}, called with one number, the epoch {time}")
        raise
    return check_real("learning_rate(epoch)", rate, closed="left")


def check_drawn(initializer, array, shape, dtype):
    """Return the weights that an initializer gave for `shape`, in the dtype of the network's."""
    array, what = np.asarray(array), f"the initializer {initializer!r}"
    if array.shape != shape:
        got = array.shape
        raise ValueError(f"{what} must return weights of the shape {shape} it is called with; got {got}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{what} must return real numbers; got dtype {array.dtype}")
    return as_weights(array, dtype, f"what {what} returns")
