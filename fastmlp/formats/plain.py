"""Our words as plain data, and back: activations, losses, penalties, optimizers, schedules, initializers."""

from dataclasses import fields

import numpy as np

from .. import _checks, activations, initializers, losses, optimizers, penalties, schedules
from ..formulas import UserActivation, UserLoss

TAG = "fastmlp"
WORDS: dict[str, dict] = {
    "activation": {cls.name: cls for cls in activations.BUILT_IN},
    "loss": {cls.name: cls for cls in losses.BUILT_IN},
    "optimizer": optimizers.OPTIMIZERS,
    "schedule": {
        "constant": schedules.Constant, "step_decay": schedules.StepDecay,
        "exponential": schedules.Exponential, "inverse_scaling": schedules.InverseScaling,
        "cosine": schedules.Cosine, "one_cycle": schedules.OneCycle, "warmup": schedules.Warmup,
        "plateau": schedules.Plateau,
    },
    "penalty": {"l1": penalties.L1, "l2": penalties.L2, "l1l2": penalties.L1L2},
    "initializer": {
        "glorot": initializers.Glorot, "he": initializers.He, "lecun": initializers.LeCun,
        "torch": initializers.Torch, "scaled": initializers.Scaled,
        "orthogonal": initializers.Orthogonal, "constant": initializers.Constant,
        "uniform": initializers.Uniform, "normal": initializers.Normal,
    },
}  # fmt: skip
NAMES = {cls: (kind, name) for kind, words in WORDS.items() for name, cls in words.items()}
PRIMITIVES = (type(None), bool, int, float, str)


def plain(value, where, keep=False):
    """Return a value as plain data.

    Parameters
    ----------
    value : object
    where : str
        What it is, for messages.
    keep : bool, default=False
        Whether what is a user's own stays as it is, for pickles; else it is refused by name.
    """
    kind = type(value)
    if kind in PRIMITIVES or isinstance(value, (np.ndarray, np.generic)):
        return value
    if kind in (list, tuple):
        return kind(plain(each, f"{where}[{i}]", keep) for i, each in enumerate(value))
    if kind is dict:
        found = {key: plain(each, f"{where}[{key!r}]", keep) for key, each in value.items()}
        # skops makes texts of keys, and of each text True where they were bools
        as_pairs = TAG in found or (keep and not all(type(key) is str for key in found))
        return {TAG: "dict", "items": list(found.items())} if as_pairs else found
    if kind in (UserActivation, UserLoss):
        return plain(value.given, where, keep)
    if kind in NAMES:
        of, name = NAMES[kind]
        said = {f.name: plain(getattr(value, f.name), f"{where}.{f.name}", keep) for f in fields(value)}
        return {TAG: of, "name": name, **said}
    if isinstance(value, type) and value in NAMES:
        of, name = NAMES[value]
        return {TAG: "class", "of": of, "name": name}
    if keep:
        return value
    if kind is np.random.RandomState:
        return random_state(value, where)
    return _checks.refuse_for_file(where, value)


def meant(value):
    """Return what plain data stand for; what is none stays as it is."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(map(meant, value))
    if kind is not dict:
        return value
    if TAG not in value:
        return {key: meant(each) for key, each in value.items()}
    said = dict(value)
    tag = said.pop(TAG)
    if tag == "dict":
        return {key: meant(each) for key, each in said["items"]}
    if tag == "class":
        return WORDS[said["of"]][said["name"]]
    if tag == "RandomState":
        return _random_state_of(**said)
    return WORDS[tag][said.pop("name")](**{name: meant(each) for name, each in said.items()})


def word(value, kind):
    """Return the word of a kind that plain data stand for; what is a user's own stays as it is."""
    if type(value) is dict and value.get(TAG) != kind:
        raise ValueError(f"expected {kind} as data; got {_checks.shown(value)}")
    return meant(value)


def random_state(rng, where):
    """Return a RandomState as plain data."""
    state = rng.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        return _checks.refuse_for_file(where, rng)
    return {
        TAG: "RandomState", "key": state["state"]["key"], "pos": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]), "gauss": float(state["gauss"]),
    }  # fmt: skip


def _random_state_of(key, pos, has_gauss, gauss):
    # NumPy takes any position, and reads there; of zeros only it draws zeros for ever
    _checks.check_random_words(key, pos)
    rng = np.random.RandomState(0)
    rng.set_state(("MT19937", key, pos, _checks.check_int("has_gauss", has_gauss, 0, 1), float(gauss)))
    return rng
