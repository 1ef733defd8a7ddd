"""Which models are being trained at this moment. Nothing of it lives in a model, so no copy ever has it."""

import os
import threading
import weakref
from contextlib import nullcontext

import numpy as np

from ..exceptions import InTrainingError

_enter = threading.Lock()
# by id(model); weak, so that an entry means nothing once the `in_training` that made it is gone
_runs: "dict[int, weakref.ref[in_training]]" = {}


if hasattr(os, "register_at_fork"):
    # nothing of Python runs there, where Ctrl-C could come between
    os.register_at_fork(before=_enter.acquire, after_in_parent=_enter.release, after_in_child=_enter.release)
    os.register_at_fork(after_in_child=lambda: release_streams())
    os.register_at_fork(after_in_child=_runs.clear)  # a forked child has none of the threads that train


class in_training:
    """Train a model inside; until this ends, nobody else may.

    Parameters
    ----------
    model : Network or estimator
        Refused where it is in training already: in another thread, or in the fit whose callback asks.

    Attributes
    ----------
    checked : tuple of arrays
        Input that this fit has validated, and that need not be validated again.
    kept : tuple or None
        What other threads predict with meanwhile, where the model's own attributes do not stand still.
    run_state : callable or None
        Returns where the fit stands as plain data, while it stands at an epoch's end; see `run_state.py`.
    """

    def __init__(self, model):
        self.model = model  # a reference, so that no other model can get the same id meanwhile
        self.checked, self.run_state, self.kept = (), None, None

    def __enter__(self):
        with _enter:
            other = run_of(self.model)
            if other is None:
                self.thread = threading.get_ident()
                _runs[id(self.model)] = weakref.ref(self)
        if other is not None:
            by = "the fit that runs this callback, and cannot begin another one; train"
            if other.thread != threading.get_ident():
                by = "another thread, and may only predict meanwhile; wait until that has ended, or train"
            name = type(self.model).__name__
            raise InTrainingError(f"this {name} is being trained by {by} a copy: copy.deepcopy(model)")
        return self

    def __exit__(self, *error):
        entry = _runs.get(id(self.model))
        if entry is not None and entry() is self:
            _runs.pop(id(self.model), None)


def run_of(model):
    """Return the `in_training` of a model that is being trained, else None."""
    entry = _runs.get(id(model))
    return None if entry is None else entry()


def release_streams():
    """In a forked child, make free the random streams of models that threads train which are not there.

    Kernels hold the lock of the stream that shuffles nearly always; it may be NumPy's global one. Whoever
    draws from it in the child, this package or another, would wait for ever.
    """
    for run in filter(None, (entry() for entry in list(_runs.values()))):
        network = getattr(run.model, "_network", run.model)
        for stream in (getattr(network, "rng", None), getattr(run.model, "random_state", None)):
            stream = np.random.mtrand._rand if stream is None else stream  # as scikit-learn has it
            if isinstance(stream, np.random.RandomState):
                lock = stream._bit_generator.lock
                # who forks in a formula of his own may hold it himself; older NumPy's locks have no owner
                if not getattr(lock, "_is_owned", bool)():
                    lock._at_fork_reinit()


def is_ours(model):
    """Whether this thread trains a model: the fit itself asks, or one of its callbacks or metrics."""
    run = run_of(model)
    return run is not None and run.thread == threading.get_ident()


def trust(model, *inputs):
    """Note that the fit of a model has validated these arrays or matrices."""
    run_of(model).checked += inputs


def is_trusted(model, x):
    """Whether the fit that runs has validated this very array or matrix."""
    run = run_of(model)
    return run is not None and any(x is one for one in run.checked)


def writing(model):
    """Return a context in which the weights of a model may be set.

    A callback may do so in the fit that runs it; another thread may not.
    """
    return nullcontext() if is_ours(model) else in_training(model)
