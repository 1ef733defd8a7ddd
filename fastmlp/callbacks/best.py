"""The best epoch by what is logged, and stopping where none better comes."""

import numpy as np

from .. import _checks, metrics

MODES = {"auto": "auto", "min": "min", "max": "max"}


class BestValue:
    """Follows one value of the logs, and knows when it is the best so far."""

    def __init__(self, monitor, names, min_delta=0.0, mode="auto"):
        self.monitor, self.min_delta = monitor, min_delta
        self.sign = metrics.sign(monitor, names, mode)
        self.best = -np.inf

    def improves(self, logs):
        """Return whether this epoch is better than the best one by more than `min_delta`; NaN never is."""
        value = self.sign * logs[self.monitor]
        if value > self.best + self.min_delta:
            self.best = value
            return True
        return False

    def get_state(self):
        return {"monitor": self.monitor, "best": float(self.best)}

    def set_state(self, state):
        _checks.check_same("this callback", {"monitor": state["monitor"]}, {"monitor": self.monitor})
        self.best = state["best"]


class EarlyStopping(_checks.Declared):
    """Stop when a value has not got better for more than `patience` epochs.

    Parameters
    ----------
    monitor : str, default="val_loss"
        A name in the logs.
    patience : int, default=10
        Epochs in a row that may be no better; 0 stops at the first one.
    min_delta : float, default=0.0
        What counts as better.
    mode : {"auto", "min", "max"}, default="auto"
        "auto": as the metric says; see `fastmlp.metrics.Metric`. Where it says nothing, as a function of your
        own, "min" or "max" must be given.
    restore_best : bool, default=True
        Put the best epoch's weights back when training ends, however it ends; callbacks that come after this
        one see them in their ``on_fit_end``.

    Attributes
    ----------
    best_epoch_ : int
        Counted from 1; 0 where there was none, as where all values were NaN, which is never better.
    best_ : float
        NaN before there was any.
    """

    def __init__(self, monitor="val_loss", *, patience=10, min_delta=0.0, mode="auto", restore_best=True):
        self.monitor, self.patience = monitor, _checks.check_int("patience", patience, low=0)
        self.min_delta = _checks.check_real("min_delta", min_delta)
        self.mode = _checks.check_choice("mode", mode, MODES)
        self.restore_best = _checks.check_flag("restore_best", restore_best)

    def on_fit_begin(self, state):
        self._best = BestValue(self.monitor, state.names, self.min_delta, self.mode)
        self.best_epoch_, self.best_, self._params = 0, float("nan"), None

    def on_epoch_end(self, state):
        if self._best.improves(state.logs):
            self.best_epoch_, self.best_ = state.epoch, state.logs[self.monitor]
            self._params = state.params.copy() if self.restore_best else None
        return state.epoch - self.best_epoch_ > self.patience

    def get_state(self):
        return {
            "settings": self._settings(),
            "best": self._best.get_state(),
            "best_epoch": self.best_epoch_,
            "best_value": float(self.best_),
            "params": self._params,
        }

    def set_state(self, state):
        _checks.check_same("this EarlyStopping", state["settings"], self._settings())
        self._best.set_state(state["best"])
        self.best_epoch_, self.best_, self._params = state["best_epoch"], state["best_value"], state["params"]

    def _settings(self):
        """Return what decides when a fit ends, and with which weights."""
        return {
            "monitor": self.monitor,
            "patience": self.patience,
            "min_delta": float(self.min_delta),
            "direction": int(self._best.sign),
            "restore_best": self.restore_best,
        }

    def on_fit_end(self, state):
        if self._params is not None:
            state.params[:] = self._params
        self._params = None
