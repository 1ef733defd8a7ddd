"""Models as they come from a file: parameters as they are, all that training needs through plain data."""

import pickle

import numpy as np

from fastmlp.formats import kinds

PLAIN = (bool, int, float, str, type(None))


def plain(state):
    """Return a copy of plain data that has gone through bytes; raise where it holds anything else."""
    check_plain(state)
    return pickle.loads(pickle.dumps(state))


def check_plain(value, name="state"):
    if isinstance(value, dict):
        for key, part in value.items():
            assert type(key) is str, name
            check_plain(part, f"{name}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for part in value:
            check_plain(part, f"{name}[]")
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biuf" and value.ndim, f"{name} is of {value.dtype}"
    else:
        assert type(value) in PLAIN, f"{name} is {value!r}"


def as_loaded(model, change=None):
    """Return a model as it is loaded from a file that has its training state.

    `change`: called with that state, and what else was fitted, before it is taken over.
    """
    try:
        description = kinds.describe(model, training=True)
    except TypeError:  # it has what is a user's own
        assert change is None
        return pickle.loads(pickle.dumps(model))
    training, fitted = plain(description.training), plain(description.fitted)
    if change is not None:
        change(training | {"fitted": fitted})
    description = pickle.loads(pickle.dumps(description._replace(training=training, fitted=fitted)))
    return kinds.model_of(description)


class Checkpoint:
    """A callback that keeps the model as a file written at the end of epoch `at` would hold it."""

    def __init__(self, at, change=None):
        self.at, self.change, self.model = at, change, None

    def on_epoch_done(self, state):
        if state.epoch == self.at:
            self.model = as_loaded(state.model, self.change)


class Counts:
    """A callback with a state: it ends the fit once it was told of so many epochs, of all that went on."""

    def __init__(self, limit):
        self.limit = limit

    def on_fit_begin(self, state):
        self.seen = []

    def on_epoch_end(self, state):
        self.seen.append(state.epoch)
        return len(self.seen) >= self.limit

    def get_state(self):
        return {"seen": list(self.seen)}

    def set_state(self, state):
        self.seen = state["seen"]


def same(a, b, but=()):
    """Whether two states, or parts of them, hold the same bits."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k], but) for k in a if k not in but)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y, but) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and repr(a) == repr(b)


def assert_same(a, b):
    """Two models are the same in all that a pickle would hold, seconds and versions aside."""
    states = [model.__getstate__() for model in (a, b)]
    assert states[0].keys() == states[1].keys()
    for name in states[0].keys() - {"versions", "parameters"}:
        assert same(states[0][name], states[1][name], ("seconds",)), name
