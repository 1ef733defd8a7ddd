"""Callbacks: what happens at an epoch's end.

A callback is any object with one or more of ``on_fit_begin(state)``, ``on_epoch_end(state)``, which stops
training where it returns a true value, and ``on_fit_end(state)``. `state` has model, params, epoch, n_epochs,
logs, history and names (see `fastmlp.network.history.State`). Where ``on_fit_begin`` raises, the fit is
refused and the model left as it was. Whoever was told of the begin is told of the end, however the fit ends,
by an error in another callback too. Without callbacks no Python runs per epoch.

A callback may predict, evaluate, copy and save ``state.model``, and set its weights; it cannot train it, for
it is being trained. A copy that it makes is a model like any other: it can be trained on from there.
"""

import csv
import string
import sys
from pathlib import Path

import numpy as np

from . import _checks, metrics

_MODES = {"auto": "auto", "min": "min", "max": "max"}


class _BestValue:
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
        self.mode = _checks.check_choice("mode", mode, _MODES)
        self.restore_best = _checks.check_flag("restore_best", restore_best)

    def on_fit_begin(self, state):
        self._best = _BestValue(self.monitor, state.names, self.min_delta, self.mode)
        self.best_epoch_, self.best_, self._params = 0, float("nan"), None

    def on_epoch_end(self, state):
        if self._best.improves(state.logs):
            self.best_epoch_, self.best_ = state.epoch, state.logs[self.monitor]
            self._params = state.params.copy() if self.restore_best else None
        return state.epoch - self.best_epoch_ > self.patience

    def on_fit_end(self, state):
        if self._params is not None:
            state.params[:] = self._params
        self._params = None


class ModelCheckpoint(_checks.Declared):
    """Save the model at each epoch's end, by `fastmlp.save`.

    Parameters
    ----------
    path : str or Path
        The file's name may hold the epoch and what is logged, with formats:
        ``"net-{epoch:03d}-{val_loss:.3f}.fastmlp"``; a brace of its own is written twice. Folders are taken
        as they are.
    monitor : str, default=None
        A name in the logs; only epochs that better it are saved. None: all.
    mode : {"auto", "min", "max"}, default="auto"
        As in `EarlyStopping`.
    every : int, default=1
        Only every so many epochs; among them the best is looked for.

    Attributes
    ----------
    saved_ : list of Path
    """

    def __init__(self, path, *, monitor=None, mode="auto", every=1):
        self.path, self.monitor = path, monitor
        self.mode = _checks.check_choice("mode", mode, _MODES)
        self.every = _checks.check_int("every", every)

    def on_fit_begin(self, state):
        self._best = None if self.monitor is None else _BestValue(self.monitor, state.names, mode=self.mode)
        self._path(
            1, dict.fromkeys(state.names, 1.0)
        )  # what cannot be written is refused before the first epoch
        self.saved_ = []

    def on_epoch_end(self, state):
        if state.epoch % self.every or (self._best is not None and not self._best.improves(state.logs)):
            return
        from .persistence import save

        path = self._path(state.epoch, state.logs)
        save(state.model, path)
        if path not in self.saved_:
            self.saved_.append(path)

    def _path(self, epoch, logs):
        path, values, name = Path(self.path), {**logs, "epoch": epoch}, ""
        for text, field, spec, conversion in _checks.check_template(path.name, string.Formatter().parse):
            name += text
            if field is not None:
                name += _checks.check_field(path.name, field, spec, conversion, values)
        return path.with_name(name)


class CSVLogger(_checks.Declared):
    """Write a line for each epoch to a CSV file; it can be read while training goes on.

    Parameters
    ----------
    path : str or Path
    append : bool, default=False
        Go on with a file that is there, which must have the same columns.
    """

    def __init__(self, path, *, append=False):
        self.path, self.append = Path(path), _checks.check_flag("append", append)
        self._file = None

    def on_fit_begin(self, state):
        self._close()
        self._columns, self._rest = ["epoch", *state.names], ""
        with_header = True
        if self.append and self.path.exists() and self.path.stat().st_size:
            text = self.path.read_text(encoding="utf-8")
            found = next(csv.reader(text.splitlines()), [])
            _checks.check_columns(self.path, found, self._columns)
            self._columns, with_header = found, False
            self._rest = "" if text.endswith("\n") else "\r\n"  # of a line that was cut short
        # nothing is lost where the fit is refused after all
        self._file = open(self.path, "a", newline="", encoding="utf-8")
        self._with_header = with_header

    def on_epoch_end(self, state):
        writer, row = csv.writer(self._file), {**state.logs, "epoch": state.epoch}
        if self._with_header:
            self._file.truncate(0)
            writer.writerow(self._columns)
        self._file.write(self._rest)
        self._with_header, self._rest = False, ""
        writer.writerow([row.get(name, "") for name in self._columns])
        self._file.flush()

    def on_fit_end(self, state):
        self._close()

    def _close(self):
        if self._file is not None:
            self._file.close()
        self._file = None


class WeightRecorder(_checks.Declared):
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


class ProgressBar(_checks.Declared):
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
        self.file, self.verbose = file, verbose
        self.min_interval = _checks.check_real("min_interval", min_interval)
        self._bar = None

    def on_fit_begin(self, state):
        self._close()
        if not self.verbose:
            return
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("the progress bar needs tqdm: pip install fastmlp[progress]") from None

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
        self._close()

    def _close(self):
        if self._bar is not None:
            self._bar.close()
        self._bar = None
