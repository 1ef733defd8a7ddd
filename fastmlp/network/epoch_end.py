"""What is told at an epoch's end: to history, in progress lines, and to callbacks, which are called here."""

import time
from contextlib import contextmanager
from functools import partial
from weakref import WeakMethod

from .. import _checks, metrics
from ..kernels.interrupts import let_through, raise_first
from ..kernels.memory import insist
from ..kernels.plan import INPUT
from .in_training import run_of


class State:
    """What a callback sees.

    Attributes
    ----------
    model : Network or estimator
        The model in training; its weights are those of the epoch's end.
    params : ndarray of shape (n_params,)
        All weights and biases, flat; a view.
    epoch : int
        Epochs done in this fit: 1 at the end of the first.
    n_epochs : int
        Epochs that this fit may take.
    names : dict
        What `logs` will hold at each epoch's end, known when the fit begins, and which way is better: "min",
        "max", or None: not known.
    logs : dict of float
        This epoch's loss, learning rate, seconds, and what was asked for.
    stopped : bool
        In ``on_epoch_done``: whether training ends with this epoch before its time.
    history : dict of list
        The same for all epochs so far.
    """

    def __init__(self, model, network, n_epochs, history):
        self.model, self._network, self.n_epochs, self._history = model, network, n_epochs, history
        self.epoch, self.names, self.logs, self.stopped = 0, {}, {}, False

    @property
    def params(self):
        return self._network.params

    @property
    def history(self):
        return self._history.lists


def operations(plan):
    """Return the multiplications and additions of a training step, a sample: forward, gradient, and back.

    Inputs that are 0 count as the others do, though kernels may leave them out.
    """
    total = 0
    for k, layer in enumerate(plan.layers):
        for edge in plan.edges_of(k):
            products = 1 + (not layer["frozen"]) + (edge["source"] != INPUT)
            total += 2 * int(products) * int(edge["width"]) * int(layer["n_out"])
    return total


def speed(plan, n_samples, seconds):
    """Return an epoch's speed in words."""
    rate = n_samples / max(seconds, 1e-9)
    return f"{rate:.4g} samples/s  {rate * operations(plan) / 1e9:.4g} GFLOP/s"


class EpochEnd:
    """Record a fit's history, and tell callbacks of it.

    Parameters
    ----------
    model, network
        What callbacks see, and the network in it.
    history : History
        Appended to.
    n_epochs : int
    measure : callable, default=None
        Returns what is told at each epoch's end beside the loss: a dict of float.
    callbacks : sequence
    verbose : int
        1: print a line for each epoch; 2: with its speed.
    directions : dict, default=None
        Which way is better, of the loss and what is measured; see `metrics.directions`. None: as `measure`
        says.
    every : int, default=1
        Epochs from one measuring to the next; the last is measured always.
    """

    def __init__(
        self,
        model,
        network,
        history,
        n_epochs,
        measure=None,
        callbacks=(),
        verbose=0,
        directions=None,
        every=1,
    ):
        self.measure, self.callbacks, self.verbose = measure, _checks.check_callbacks(callbacks), verbose
        self.history, self.state, self.network = history, State(model, network, n_epochs, history), network
        self.directions, self.every = directions, every
        self.sets = getattr(measure, "sets", {})
        self._begun, self._resumed, self._kept = [], None, {}

    def resume(self, state, run):
        """Go on where another fit stood, as its `state` has returned, with a run that does so."""
        run.resume(state, self)
        self._kept = _checks.check_same_callbacks(state["callbacks"], self.with_state)
        self._resumed, self.state.epoch = state, state["epoch"]

    @property
    def with_state(self):
        """The callbacks that say what they keep."""
        return [callback for callback in self.callbacks if hasattr(callback, "get_state")]

    @property
    def per_epoch(self):
        """Whether Python must see each epoch's end."""
        return bool(self.measure or self.callbacks or self.verbose)

    def follow(self, run, transaction):
        """Run to the end, and tell of it."""
        with self.following(run):
            transaction.commit(run)
            run.run(self if self.per_epoch else None)

    @contextmanager
    def following(self, run=None):
        """Tell callbacks that a fit begins and, however it ends, that it ends.

        Parameters
        ----------
        run : Fit or LBFGSFit, default=None
            Its history is kept even where Python does not see each epoch's end.
        """
        failure = None
        try:
            self.begin()
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            if run is not None and not self.per_epoch:
                self.history.extend_later(insist(lambda: run.curves))
            self.end(failure)
            failure = None

    def begin(self):
        """Measure once, so that what cannot be measured fails before training; tell of the fit's begin."""
        if self.per_epoch:
            measured = self._measured()
            names = ("loss", *measured, "learning_rate", "seconds")
            better = self.directions or getattr(self.measure, "directions", None) or metrics.directions({})
            self.state.names = {name: better.get(name) for name in names}
        if self._resumed is not None:
            _checks.check_same_names(self._resumed["names"], self.state.names)
        self.last = time.perf_counter()
        for callback in self.callbacks:
            self._tell(callback, "on_fit_begin")
            if id(callback) in self._kept:
                with let_through():
                    callback.set_state(self._kept.pop(id(callback)))
            self._begun.append(callback)

    def __call__(self, run):
        """Record the epoch that has just ended; return whether to stop."""
        stop = self.record(**run.latest)
        self.done(stop, partial(run.state, self, stop))
        return stop

    def done(self, stop, where=None):
        """Tell callbacks that all of an epoch is done and decided; they may save where the fit stands."""
        if not any(hasattr(callback, "on_epoch_done") for callback in self.callbacks):
            return
        run, self.state.stopped = run_of(self.state.model), bool(stop)
        run.run_state = where
        try:
            for callback in self.callbacks:
                self._tell(callback, "on_epoch_done")
        finally:
            run.run_state = None

    def record(self, loss, learning_rate=1.0, seconds=None, n_samples=None):
        """Record an epoch; return whether to stop. `seconds`: measured here where it is None."""
        state, now = self.state, time.perf_counter()
        seconds, self.last = now - self.last if seconds is None else seconds, now
        state.epoch += 1
        state.logs = dict.fromkeys(state.names, float("nan"))
        state.logs |= {"loss": loss, "learning_rate": learning_rate, "seconds": seconds}
        try:
            if state.epoch % self.every == 0 or state.epoch == state.n_epochs:
                state.logs |= self._measured()
        finally:  # an epoch that was trained is in the history even where a metric fails
            self.history.extend({name: [value] for name, value in state.logs.items()})
        if self.verbose:
            shown = "  ".join(
                f"{name} {value:.4g}" for name, value in state.logs.items() if name != "learning_rate"
            )
            if self.verbose > 1 and n_samples is not None:
                shown += "  " + speed(self.network.plan, n_samples, seconds)
            print(f"epoch {state.epoch}/{state.n_epochs}  {shown}", flush=True)
        return any([self._tell(callback, "on_epoch_end") for callback in self.callbacks])

    def _tell(self, callback, hook):
        """Call a hook where a callback has it, and see that it leaves numbers; return whether to stop."""
        if not hasattr(callback, hook):
            return False
        before = self.state.params.copy()
        with let_through():
            answer = bool(getattr(callback, hook)(self.state))
        _checks.check_left_finite(callback, hook, self.state.params, before)
        return answer

    def _measured(self):
        if not self.measure:
            return {}
        with let_through():
            return self.measure()

    def end(self, failure=None):
        """Tell of the fit's end whoever was told of its begin, each of them, even where one fails.

        Parameters
        ----------
        failure : BaseException, default=None
            What ended the fit and is on its way up. Failures here are noted on it; without it, the first one
            is raised.
        """
        begun, self._begun, own = self._begun, [], []
        for callback in begun:
            try:
                self._tell(callback, "on_fit_end")
            except BaseException as error:
                if failure is None and not own:
                    own.append(error)
                else:
                    first = failure or own[0]
                    first.add_note(f"{type(callback).__name__}.on_fit_end failed too: {error!r}")
                    del first
        raise_first(own)


def weakly(method):
    """Return what calls a method without keeping its object, which may keep this, and all data."""
    found = WeakMethod(method)
    return lambda: found()()


def measure_sets(sets):
    """Return what is measured on each of several sets, after whose name it is named: val_loss, say.

    Parameters
    ----------
    sets : dict
        By name, objects whose ``measure()`` returns a dict of float.
    """
    return {f"{name}_{what}": value for name, one in sets.items() for what, value in one.measure().items()}
