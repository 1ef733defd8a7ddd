"""Callbacks: what happens at an epoch's end.

A callback is any object with one or more of ``on_fit_begin(state)``, ``on_epoch_end(state)``, which stops
training where it returns a true value, and ``on_fit_end(state)``. `state` has model, params, epoch, n_epochs,
logs and history (see `fastmlp._monitor.State`). Without callbacks no Python runs per epoch.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from . import _checks

_MODES = {"auto": "auto", "min": "min", "max": "max"}


class _Watch:
    """Follows one value of the logs, and knows when it is the best so far."""

    def __init__(self, monitor, min_delta=0.0, mode="auto"):
        self.monitor, self.min_delta = monitor, min_delta
        self.sign = {
            "auto": 1 if monitor.endswith(("loss", "mse", "sse", "mae")) else -1,
            "min": 1,
            "max": -1,
        }[mode]
        self.best = np.inf

    def improves(self, logs):
        """Return whether this epoch is better than the best one by more than `min_delta`."""
        value = self.sign * _checks.check_choice("monitor", self.monitor, logs)
        if value < self.best - self.min_delta:
            self.best = value
            return True
        return False


class EarlyStopping:
    """Stop when a value has not got better for `patience` epochs.

    Parameters
    ----------
    monitor : str, default="val_loss"
        A name in the logs.
    patience : int, default=10
    min_delta : float, default=0.0
        What counts as better.
    mode : {"auto", "min", "max"}, default="auto"
        "auto": less is better for names that end in loss, mse, sse or mae.
    restore_best : bool, default=True
        Put the best epoch's weights back when training ends.

    Attributes
    ----------
    best_epoch_ : int
        Counted from 1; 0 before there was any.
    best_ : float
    """

    def __init__(self, monitor="val_loss", *, patience=10, min_delta=0.0, mode="auto", restore_best=True):
        self.monitor, self.patience = monitor, _checks.check_int("patience", patience, low=0)
        self.min_delta = _checks.check_real("min_delta", min_delta)
        self.mode, self.restore_best = _checks.check_choice("mode", mode, _MODES), restore_best

    def on_fit_begin(self, state):
        self._watch = _Watch(self.monitor, self.min_delta, self.mode)
        self.best_epoch_, self._params = 0, None

    def on_epoch_end(self, state):
        if self._watch.improves(state.logs):
            self.best_epoch_, self.best_ = state.epoch, state.logs[self.monitor]
            self._params = state.params.copy() if self.restore_best else None
        return state.epoch - self.best_epoch_ > self.patience

    def on_fit_end(self, state):
        if self._params is not None:
            state.params[:] = self._params


class ModelCheckpoint:
    """Save the model at each epoch's end, by `fastmlp.save`.

    Parameters
    ----------
    path : str or Path
        May hold fields of the logs and the epoch: ``"net-{epoch:03d}-{val_loss:.3f}.fastmlp"``.
    monitor : str, default=None
        A name in the logs; only epochs that better it are saved. None: all.
    mode : {"auto", "min", "max"}, default="auto"
    every : int, default=1
        Only every so many epochs.

    Attributes
    ----------
    saved_ : list of Path
    """

    def __init__(self, path, *, monitor=None, mode="auto", every=1):
        self.path, self.monitor = path, monitor
        self.mode = _checks.check_choice("mode", mode, _MODES)
        self.every = _checks.check_int("every", every)

    def on_fit_begin(self, state):
        self._watch = None if self.monitor is None else _Watch(self.monitor, mode=self.mode)
        self.saved_ = []

    def on_epoch_end(self, state):
        if state.epoch % self.every or (self._watch is not None and not self._watch.improves(state.logs)):
            return
        from .persistence import save

        path = Path(str(self.path).format(epoch=state.epoch, **state.logs))
        save(state.model, path)
        if path not in self.saved_:
            self.saved_.append(path)


class CSVLogger:
    """Write a line for each epoch to a CSV file; it can be read while training goes on.

    Parameters
    ----------
    path : str or Path
    append : bool, default=False
        Go on with a file that is there.
    """

    def __init__(self, path, *, append=False):
        self.path, self.append = Path(path), append
        self._file = None

    def on_fit_begin(self, state):
        with_header = not (self.append and self.path.exists() and self.path.stat().st_size)
        self._file = open(self.path, "a" if self.append else "w", newline="", encoding="utf-8")
        self._writer, self._with_header = csv.writer(self._file), with_header

    def on_epoch_end(self, state):
        row = {"epoch": state.epoch, **state.logs}
        if self._with_header:
            self._writer.writerow(row)
            self._with_header = False
        self._writer.writerow(row.values())
        self._file.flush()

    def on_fit_end(self, state):
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


class WeightRecorder:
    """Keep copies of all weights: at the start, and at the end of every `every` epochs.

    Attributes
    ----------
    epochs_ : list of int
        0 is the start.
    params_ : list of ndarray of shape (n_params,)
        Flat, laid out as `Network.params`.
    """

    def __init__(self, *, every=1):
        self.every = _checks.check_int("every", every)

    def on_fit_begin(self, state):
        self.epochs_, self.params_ = [0], [state.params.copy()]

    def on_epoch_end(self, state):
        if state.epoch % self.every == 0:
            self.epochs_.append(state.epoch)
            self.params_.append(state.params.copy())


class ProgressBar:
    """Show progress with tqdm: a bar in a terminal or a notebook, lines in a log file.

    Parameters
    ----------
    file : text file, default=None
        Where to; None: standard error.
    min_interval : float, default=0.1
        Seconds between two updates.
    verbose : bool or int, default=1
        0 shows nothing.
    """

    def __init__(self, *, file=None, min_interval=0.1, verbose=1):
        self.file, self.min_interval, self.verbose = file, min_interval, verbose
        self._bar = None

    def on_fit_begin(self, state):
        if not self.verbose:
            return
        from tqdm.auto import tqdm

        file = self.file or sys.stderr
        terminal = getattr(file, "isatty", lambda: False)()
        # a log file gets a line now and then, instead of one that is overwritten
        interval = self.min_interval if terminal else max(self.min_interval, 10.0)
        self._bar = tqdm(total=state.n_epochs, unit="epoch", file=self.file, mininterval=interval)

    def on_epoch_end(self, state):
        if self._bar is None:
            return
        shown = {k: f"{v:.4g}" for k, v in state.logs.items() if k not in ("learning_rate", "seconds")}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def on_fit_end(self, state):
        if self._bar is not None:
            self._bar.close()
        self._bar = None
