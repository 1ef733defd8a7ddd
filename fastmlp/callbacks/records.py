"""What is written down of each epoch: lines of a file, weights, progress."""

import csv
import os
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np

from .. import _checks


class CSVLogger(_checks.Declared):
    """Write a line for each epoch to a CSV file; it can be read while training goes on.

    A fit that goes on from a checkpoint goes on with the file that is there: lines of epochs after the
    checkpoint are taken away, for they come again.

    Parameters
    ----------
    path : str or Path
    append : bool, default=False
        Go on with a file that is there, which must have the same columns.
    """

    only_watches = True

    def __init__(self, path, *, append=False):
        self.path, self.append = Path(path), _checks.check_flag("append", append)
        self._file = None

    def on_fit_begin(self, state):
        self._close()
        self._columns, self._keep, self._rest = ["epoch", *state.names], 0, ""
        if self.append and self.path.exists() and (size := self.path.stat().st_size):
            self._go_on(size)
            self._keep = None  # the whole file, including what another process appends
        # the file is emptied at the first epoch only, in case the fit is refused
        self._file = open(self.path, "a", newline="", encoding="utf-8")

    def _go_on(self, size):
        """Keep so many bytes of the file, which begins with a line of columns."""
        with open(self.path, newline="", encoding="utf-8") as file:
            found = next(csv.reader(file), [])
        _checks.check_columns(self.path, found, self._columns)
        with open(self.path, "rb") as file:
            file.seek(size - 1)
            self._rest = "" if file.read(1) == b"\n" else "\r\n"  # ends a last line that was cut short
        self._columns, self._keep = found, size

    def get_state(self):
        return {"size": os.fstat(self._file.fileno()).st_size}

    def set_state(self, state):
        if state["size"] <= os.fstat(self._file.fileno()).st_size:
            self._go_on(state["size"])

    def on_epoch_end(self, state):
        writer, row = csv.writer(self._file), {**state.logs, "epoch": state.epoch}
        if self._keep is not None:
            self._file.truncate(self._keep)
            if not self._keep:
                writer.writerow(self._columns)
        self._file.write(self._rest)
        self._keep, self._rest = None, ""
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

    only_watches = True

    def __init__(self, *, every=1):
        self.every = _checks.check_int("every", every)

    def get_state(self):
        return {"epochs": list(self.epochs_), "params": np.array(self.params_)}

    def set_state(self, state):
        self.epochs_, self.params_ = list(state["epochs"]), list(state["params"])

    def at(self, model, epoch):
        """Return a copy of a network with the weights that it had after an epoch.

        Parameters
        ----------
        model : Network
            Or an estimator, whose copy is returned.
        epoch : int
            One of `epochs_`; 0 is the start, -1 the last one recorded.

        Returns
        -------
        Network or estimator
        """
        if epoch == -1:
            epoch = self.epochs_[-1]
        params = self.params_[self.epochs_.index(_checks.check_recorded(epoch, self.epochs_))]
        copy = deepcopy(model)
        getattr(copy, "_network", copy).params = params.copy()
        return copy

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
        # a log file gets a line every ten seconds, since it cannot overwrite one
        interval = self.min_interval if terminal else max(self.min_interval, 10.0)
        done, total = state.epoch, state.n_epochs
        self._bar = tqdm(total=total, initial=done, unit="epoch", file=self.file, mininterval=interval)

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
