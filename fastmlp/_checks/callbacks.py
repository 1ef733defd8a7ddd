"""Callbacks: their hooks, and the files that some of them write."""

import inspect
import re

import numpy as np

from .values import check_choice, check_made, shown

HOOKS = ("on_fit_begin", "on_epoch_end", "on_epoch_done", "on_fit_end")


def check_callbacks(callbacks):
    """Return callbacks as a tuple: objects that have a hook."""
    hooks = HOOKS
    found = tuple(callbacks) if hasattr(callbacks, "__iter__") else (callbacks,)
    found = tuple(check_made("callbacks", callback) for callback in found)
    for callback in found:
        if not any(hasattr(callback, hook) for hook in hooks):
            raise TypeError(
                f"callbacks must be objects with {', '.join(hooks[:-1])} or {hooks[-1]}; "
                f"got {shown(callback)}{_instead(callback)}"
            )
        for hook in hooks:
            check_hook(callback, hook)
        if hasattr(callback, "get_state") != hasattr(callback, "set_state"):
            raise TypeError(
                f"callbacks: {shown(callback)} must have both get_state and set_state, or neither: what it "
                "keeps is given back to it where a fit goes on from a checkpoint"
            )
    return found


def check_hook(callback, name):
    """Raise where a hook does not take the state alone: Keras's take more."""
    hook = getattr(callback, name, None)
    if not callable(hook):
        return
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):  # some builtins have none
        return
    try:
        signature.bind(None)
    except TypeError:
        raise TypeError(
            f"callbacks: {type(callback).__name__}.{name}{signature} must take one argument: write "
            f"{name}(self, state), where state has epoch, logs, history, model and params"
        ) from None


def _instead(given):
    """Return what to do with what is no callback."""
    if type(given).__module__.startswith("sklearn."):
        return "; give scikit-learn's own to an estimator's set_callbacks()"
    return ": write a class with it as the method on_epoch_end(self, state)" if callable(given) else ""


def check_left_finite(callback, hook, params, before):
    """Raise where a callback leaves weights with NaN or infinity; what was `before` is put back."""
    if not np.isfinite(params).all():
        params[:] = before
        raise ValueError(
            f"weights must be finite; {type(callback).__name__}.{hook} left NaN or infinity in params, which "
            "are now as they were before it"
        )


def check_field(path, name, spec, conversion, values):
    """Return the text of a field ``{name:spec}`` of a file's name."""
    value = check_choice(f"the fields of {path!r}", name, values)
    try:
        if conversion is not None:
            raise ValueError("conversions such as !r are not known")
        if re.search(r"\d{3}", spec):  # a width of billions would fill memory
            raise ValueError("widths and precisions have two digits at most")
        return format(value, spec)
    except ValueError as error:
        raise ValueError(
            f"path {path!r}: the field {{{name}:{spec}}} cannot be written: {error}; write it as {{{name}}}, "
            f"or with a format such as {{{name}:.3f}}"
        ) from None


def check_template(path, parse):
    """Return the pieces of a file's name with fields in braces."""
    try:
        return list(parse(path))
    except ValueError as error:
        raise ValueError(f"path {path!r} cannot be read: {error}; write a brace as {{{{ or }}}}") from None


def check_columns(path, found, columns):
    """Raise where a table that lines shall be appended to has other columns."""
    if sorted(found) != sorted(columns):
        raise ValueError(
            f"{path} has the columns {', '.join(found)}, this fit logs {', '.join(columns)}; write to "
            "another file, or pass append=False"
        )


def check_recorded(epoch, epochs):
    """Return an epoch whose weights were kept."""
    if epoch in epochs:
        return epoch
    shown_epochs = ", ".join(map(str, epochs if len(epochs) <= 8 else [*epochs[:4], "...", *epochs[-3:]]))
    raise ValueError(f"epoch must be one that was recorded, {shown_epochs}; got {epoch!r}")
