"""What is told at an epoch's end: history, progress lines, callbacks."""

import time

from . import _checks


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
    logs : dict of float
        This epoch's loss, learning rate, seconds, and what was asked for.
    history : dict of list
        The same for all epochs so far.
    """

    def __init__(self, model, network, n_epochs, history):
        self.model, self._network, self.n_epochs, self.history = model, network, n_epochs, history
        self.epoch, self.logs = 0, {}

    @property
    def params(self):
        return self._network.params


def extend(history, values):
    """Append a list of values to each entry of a history."""
    for name, some in values.items():
        if name in history:
            history[name].extend(some)
        else:
            history[name] = some


class Monitor:
    """Record a fit's history, and tell callbacks of it.

    Parameters
    ----------
    model, network
        What callbacks see, and the network in it.
    history : dict of list
        Appended to.
    n_epochs : int
    measure : callable, default=None
        Returns what is told at each epoch's end beside the loss: a dict of float.
    callbacks : sequence
    verbose : bool
        Print a line for each epoch.
    """

    def __init__(self, model, network, history, n_epochs, measure=None, callbacks=(), verbose=False):
        self.measure, self.callbacks, self.verbose = measure, _checks.check_callbacks(callbacks), verbose
        self.state = State(model, network, n_epochs, history)

    @property
    def per_epoch(self):
        """Whether Python must see each epoch's end."""
        return bool(self.measure or self.callbacks or self.verbose)

    def begin(self):
        """Tell callbacks that a fit begins."""
        self.last = time.perf_counter()
        self._tell("on_fit_begin")

    def __call__(self, fit):
        """Record the epoch that has just ended; return whether to stop."""
        e = fit.n_done - 1
        rate = float(fit.job.rates[min(e, len(fit.job.rates) - 1)])
        return self.record(float(fit.job.losses[e]), rate, fit.seconds[-1])

    def record(self, loss, rate=1.0, seconds=None):
        """Record an epoch; return whether to stop. `seconds`: measured here where it is None."""
        state, now = self.state, time.perf_counter()
        seconds, self.last = now - self.last if seconds is None else seconds, now
        state.epoch += 1
        state.logs = {"loss": loss} | (self.measure() if self.measure else {})
        state.logs |= {"learning_rate": rate, "seconds": seconds}
        extend(state.history, {name: [value] for name, value in state.logs.items()})
        if self.verbose:
            shown = "  ".join(
                f"{name} {value:.4g}" for name, value in state.logs.items() if name != "learning_rate"
            )
            print(f"epoch {state.epoch}/{state.n_epochs}  {shown}", flush=True)
        return any([bool(stop) for stop in self._tell("on_epoch_end")])

    def end(self, fit=None):
        """Record what Python has not seen of a fit, and tell callbacks that it ends."""
        if fit is not None and not self.per_epoch:
            extend(self.state.history, fit.curves.lists())
        self._tell("on_fit_end")

    def _tell(self, hook):
        return [getattr(c, hook)(self.state) for c in self.callbacks if hasattr(c, hook)]


class Measure:
    """What is measured at an epoch's end: metrics on training data, loss and metrics on validation data."""

    def __init__(self, network, metrics, training_data, validation_data):
        self.network, self.metrics, self.training_data = network, metrics, training_data
        self.validation_data = None if validation_data is None else _checks.check_pair(validation_data)
        if self.validation_data is not None:  # before the first epoch, not after it
            x, y, weights = self.validation_data
            network._data(x, y, network._loss, weights)

    def __bool__(self):
        return bool(self.metrics) or self.validation_data is not None

    def __call__(self):
        found = {}
        if self.metrics:
            x, y = self.training_data
            predicted = self.network.predict(x)
            found = {name: float(metric(y, predicted)) for name, metric in self.metrics.items()}
        if self.validation_data is not None:
            x, y, weights = self.validation_data
            measured = self.network.evaluate(x, y, metrics=self.metrics, sample_weight=weights)
            found |= {f"val_{name}": value for name, value in measured.items()}
        return found
