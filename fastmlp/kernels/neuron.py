"""One neuron that learns online: the record and arrays that the kernels work on, and the loop around them."""

import time

import numpy as np

from .dispatch import kernels
from .interrupts import check_stop
from .records import NEURON, Status
from .training import next_budget

CHUNK_BYTES = 1 << 20  # bytes of recorded weights collected by one call
CHUNK_EPOCHS = 1 << 12  # epochs whose errors are collected by one call


class Neuron:
    """The training of one neuron.

    Parameters
    ----------
    rows : Rows
        Dense and C-contiguous, or CSR, in the dtype of `w`.
    w : ndarray of shape (n_features,), float32 or float64
        Updated in place.
    target : ndarray of shape (n_samples,), dtype of `w`
        Step rule: 1, -1, or 0 for samples to be passed over.
    rule : Activation
    eta : float
        Learning rate.
    sample_weight : ndarray of shape (n_samples,), dtype of `w`, or None
    **options
        Further fields of the `NEURON` record.

    Attributes
    ----------
    run : ndarray of NEURON, shape (1,)
    order : ndarray of shape (n_samples,), int64
        Shuffled in place at each epoch's start.
    last_errors : ndarray of shape (n_errors,), float64
        Errors of the epochs from run["first_epoch"] on, until they are collected.
    history : ndarray of shape (capacity, n_features + 1), dtype of `w`
        Recorded weights, the bias last, until they are collected.
    """

    __slots__ = (
        "_errors", "_recorded", "history", "kept", "last_errors", "order", "rows", "run", "sample_weight",
        "target", "w",
    )  # fmt: skip

    def __init__(self, rows, w, target, *, rule, eta, sample_weight=None, **options):
        n = rows.n_features
        values = dict.fromkeys(NEURON.names, 0) | dict(
            n_samples=rows.n_rows, n_features=n, rule=rule, eta=eta, n_epochs=1, bias_step=1.0, slope=1.0,
            positive_weight=1.0, negative_weight=1.0, error_scale=1.0, tol=-np.inf, best_loss=np.inf,
            n_iter_no_change=np.iinfo(np.int64).max,
        )  # fmt: skip
        values |= options
        if values["n_epochs"] < 1:
            raise ValueError(f"n_epochs must be at least 1; got {values['n_epochs']}")
        values["n_errors"] = min(values["n_epochs"], CHUNK_EPOCHS)
        most = max(1, CHUNK_BYTES // ((n + 1) * w.itemsize))
        values["capacity"] = most if values["record"] else 0
        self.run = np.empty(1, NEURON)
        self.run[0] = tuple(values.values())
        self.rows, self.w, self.target, self.sample_weight = rows, w, target, sample_weight
        self.kept = w.copy()
        self.order = np.arange(rows.n_rows, dtype=np.int64)
        self.last_errors = np.empty(values["n_errors"])
        self.history = np.empty((values["capacity"], n + 1), w.dtype)
        self._errors, self._recorded = [], []

    @property
    def bias(self):
        return float(self.run["bias"][0])

    @property
    def n_done(self):
        """Epochs completed."""
        return int(self.run["epoch"][0])

    @property
    def errors(self):
        """The error of each completed epoch.

        Step rule: mistakes that changed the weights. Otherwise the sum of squared errors, each met before the
        update that it causes.
        """
        self._collect()
        return np.concatenate([self.last_errors[:0], *self._errors])

    @property
    def recorded(self):
        """All recorded weights, shape (n, n_features + 1), the bias last."""
        self._collect()
        return np.concatenate([self.history[:0], *self._recorded])

    def _collect(self):
        """Empty the arrays that may be full."""
        n = int(self.run["n_recorded"][0])
        if n:
            self._recorded.append(self.history[:n].copy())
            self.run["n_recorded"] = 0
        n = self.n_done - int(self.run["first_epoch"][0])
        if n:
            self._errors.append(self.last_errors[:n].copy())
            self.run["first_epoch"] = self.n_done

    @property
    def is_full(self):
        """Whether training waits for `_collect`."""
        history = self.history.size and self.run["n_recorded"][0] == len(self.history)
        return bool(history or self.n_done - self.run["first_epoch"][0] == len(self.last_errors))


def train(neuron, on_epoch=None):
    """Train until the neuron's epochs are done or there is a reason to stop.

    Parameters
    ----------
    neuron : Neuron
    on_epoch : callable, optional
        Called with the neuron after every epoch that does not end the run by itself; a true result stops.

    Returns
    -------
    Status
        FINISHED, STALLED, DIVERGED, or EPOCH_END where `on_epoch` stopped it.

    Notes
    -----
    The kernels return every SLICE seconds, so that Ctrl-C raises KeyboardInterrupt here between two samples;
    the weights are then those after the last one.
    """
    backend, run = kernels(neuron.w.dtype), neuron.run
    run["stop_each_epoch"] = on_epoch is not None
    run["budget"] = max(1, int(1e6 / (neuron.rows.n_features + 50)))
    while True:
        check_stop()
        start = time.perf_counter()
        status = Status(backend.learn(neuron))
        if neuron.is_full:
            neuron._collect()
        elif status == Status.RUNNING:
            run["budget"] = next_budget(run["budget"][0], start)
        if status not in (Status.RUNNING, Status.EPOCH_END):
            return status
        if status == Status.EPOCH_END and on_epoch(neuron):
            return status
