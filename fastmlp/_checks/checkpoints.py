"""Checkpoints: whether a fit can go on with what one holds."""

from dataclasses import fields, is_dataclass
from os import PathLike

import numpy as np

from ..kernels.plan import Status
from .files import check_random_words
from .values import check_int, shown

NOTHING = type(None)
RUN = {
    "epoch": (int,), "step": (int,), "seed": (int,), "no_improvement": (int,), "status": (int,),
    "best_loss": (float,), "stopped": (bool,), "random_state": (dict,), "order": (np.ndarray, NOTHING),
    "rates": (np.ndarray,), "names": (list,), "callbacks": (list,), "about": (dict,),
}  # fmt: skip
OF_CALLBACK = {"name": (str,), "only_watches": (bool,), "state": (object,)}
OF_ESTIMATOR = {"stopped": (bool,), "best": (dict, NOTHING), "before_split": (dict, NOTHING)}
BEST = {"value": (float,), "params": (np.ndarray, NOTHING)}
ANEW = "to go on with other settings or data, train what load(path) returns"


def described(value):
    """Return an object as it can be compared with one of another process, and shown: its class and parts."""
    if is_dataclass(value) and not isinstance(value, type):
        given = getattr(value, "given", None)  # a user's own formula
        parts = [f"{field.name}={described(getattr(value, field.name))}" for field in fields(value)]
        return described(given) if given is not None else f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(described, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{described(key)}: {described(part)}' for key, part in value.items())}}}"
    if isinstance(value, np.ndarray):
        return shown(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def check_resumable(source, kind, load):
    """Return the model that `resume_from` stands for, which must be of a class: itself, or that of a file."""
    model = load(source) if isinstance(source, (str, PathLike)) else source
    if type(model) is not kind:
        raise TypeError(
            f"resume_from must be the path of a {kind.__name__}'s checkpoint, or what load(path) returns of "
            f"one; got {'' if model is source else 'one of '}{shown(model)} of type {type(model).__name__}"
        )
    return model


def check_unfinished(model, run, lbfgs):
    """Return the run in a checkpoint, which must be there."""
    if run is not None:
        return run
    if lbfgs:
        raise ValueError(
            "resume_from: a fit by LBFGS cannot go on where it stopped, for SciPy keeps to itself what it "
            "knows of the curvature; begin a new search from the weights reached: load(path), then fit"
        )
    raise ValueError(
        f"resume_from: this {type(model).__name__} holds no fit that has not ended; write one by "
        f"ModelCheckpoint(path) during fit. {ANEW[0].upper()}{ANEW[1:]}"
    )


def check_same(what, theirs, ours):
    """Raise where a checkpoint and a fit that is to go on with it differ, by the first name that does."""
    for name, value in theirs.items():
        own = ours.get(name)
        if value == own or (name == "random_state" and None in (value, own)):
            continue
        if name in ("x", "y", "sample_weight"):
            differ = f"{name} holds other values, or another dtype, than"
        else:
            differ = f"{name} is {shown_plainly(own)} in {what}, and {shown_plainly(value)} in"
        raise ValueError(f"resume_from: {differ} the checkpoint; {ANEW}")


def shown_plainly(value):
    """Return a value as a message shows it; texts without quotes."""
    return value if isinstance(value, str) else shown(value)


def check_same_callbacks(kept, ours):
    """Return by their ids what callbacks kept, each of which goes to the next one of its class.

    Those that only watch may be left out or added; without another one the fit would end otherwise.
    """
    left, found, new = list(kept), {}, []
    for callback in ours:
        one = next((one for one in left if one["name"] == type(callback).__name__), None)
        if one is not None:
            left.remove(one)
            found[id(callback)] = one["state"]
        elif not getattr(callback, "only_watches", False):
            new.append(type(callback).__name__)
    lost = [one["name"] for one in left if not one["only_watches"]]
    if lost or new:
        raise ValueError(
            f"resume_from: {' and '.join(lost) or 'no other callback'} of the checkpoint's fit must be among "
            f"the callbacks of this one, and {' and '.join(new) or 'nothing'} beside it; pass the same"
        )
    return found


def check_same_names(theirs, ours):
    """Raise where other things are measured than in the checkpoint's fit."""
    always = {"loss", "learning_rate", "seconds"}
    theirs, own = [sorted(set(names) - always) for names in (theirs, ours)]
    if own != theirs:
        raise ValueError(
            f"resume_from: the checkpoint's fit measured {', '.join(theirs) or 'nothing'} at each epoch's "
            f"end, this one measures {', '.join(own) or 'nothing'}: pass the same metrics and validation data"
        )


def check_state_arrays(given, own):
    """Raise where an optimizer's arrays are not of the shape and dtype that it keeps."""
    if not isinstance(given, np.ndarray) or given.shape != own.shape or given.dtype != own.dtype:
        raise ValueError(
            f"the optimizer's state must be {own.dtype} of shape {own.shape}; got {shown(given)}: this is "
            "not the optimizer that kept it"
        )


def check_stream(rng, state):
    """Return a generator that goes on from a state: the one given, which is of its kind."""
    try:
        rng = np.random.RandomState(0) if rng is None else rng
        if state["bit_generator"] == "MT19937":
            check_random_words(**state["state"])
        rng.set_state(state)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(
            f"random_state: the generator cannot go on from what the checkpoint holds ({error}); pass one of "
            "the same kind"
        ) from None
    return rng


def check_unfinished_run(run, of_estimator=False):
    """Return what a file says of a fit that had not ended, or None: of the kinds that it was written in."""
    if run is None:
        return None
    _check_kinds("run", run, RUN | ({"estimator": (dict,)} if of_estimator else {}))
    for one in run["callbacks"]:
        _check_kinds("callbacks", one, OF_CALLBACK)
    if of_estimator:
        _check_kinds("estimator", run["estimator"], OF_ESTIMATOR)
        if run["estimator"]["best"] is not None:
            _check_kinds("best", run["estimator"]["best"], BEST)
    if not all(type(name) is str for name in run["names"]):
        raise ValueError(f"the names of a fit that had not ended cannot be {shown(run['names'])}")
    for name, kinds in (("order", "iu"), ("rates", "f")):
        array = run[name]
        if array is not None and (array.ndim != 1 or array.dtype.kind not in kinds or not len(array)):
            raise ValueError(
                f"the {name} of a fit that had not ended cannot be {shown(array)} of {array.dtype}"
            )
    return run


def _check_kinds(what, given, kinds):
    """Raise where a dict has not just these keys, with values of these classes."""
    if type(given) is not dict or given.keys() != kinds.keys():
        raise ValueError(
            f"{what} of a fit that had not ended must hold {', '.join(kinds)}; got {shown(given)}"
        )
    for name, of in kinds.items():
        if object not in of and type(given[name]) not in of:
            raise ValueError(f"the {name} of a fit that had not ended cannot be {shown(given[name])}")


def check_run_state(state, order, n_epochs):
    """Raise where what a checkpoint says of a run cannot be.

    `order` is that of the samples before any shuffle, None where there is none.
    """
    check_int("epoch", state["epoch"], 0, n_epochs)
    for name in ("step", "seed", "no_improvement"):
        check_int(name, state[name], 0, (1 << 63) - 1)
    if state["status"] not in (Status.EPOCH_END, Status.FINISHED, Status.STALLED):
        raise ValueError(f"resume_from: no fit stops with status {state['status']}: the file is damaged")
    given = state["order"]
    same = given is order is None or not (given is None or order is None)
    if not same or (given is not None and not np.array_equal(np.sort(given), np.sort(order))):
        raise ValueError("resume_from: the order of the samples is not one of this fit: the file is damaged")


def check_rates(rates, n_rates):
    """Raise where a checkpoint's rates are not those that a run has left."""
    if len(rates) not in (1, n_rates) or not np.isfinite(rates).all():
        raise ValueError("resume_from: the learning rates are not those of this fit: the file is damaged")
