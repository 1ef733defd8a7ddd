"""How Python reaches the kernels: leaves as callables, and the record of a call, filled in from arrays."""

import ctypes

import numba
import numpy as np

from .. import interrupts
from ..memory import check
from ..plan import RUN, Activation, Loss, Regime
from ..records import RowKind
from .build import (
    BATCH,
    LEARNED_LISTS,
    LISTS,
    LOSSES,
    PREDICTION,
    REACHED,
    SAMPLES,
    TRAINING,
    compile_leaf,
    register_all,
)  # fmt: skip
from .context import call_structure

register_all()
Call = call_structure()
SQUARES, SOFTMAX = int(Loss.HALF_SQUARED_ERROR), int(Activation.SOFTMAX)
ONLINE = int(Regime.ONLINE)
SPARE = 16  # numbers beyond a list that may be written to, as its last vector is whole
KINDS = {"f4": RowKind.F32, "f8": RowKind.F64, "u1": RowKind.U8}
CSR_KINDS = {"f4": RowKind.CSR_F32, "f8": RowKind.CSR_F64}


def address(array):
    """Where an array's numbers are, 0 for None.

    The first member of NumPy's array object, by its public C interface: read directly, which takes a fifth of
    the time of `array.ctypes.data`, for predictions of one row.
    """
    return 0 if array is None else _read_word(id(array) + _HEADER).value


_read_word, _HEADER = ctypes.c_ssize_t.from_address, object.__basicsize__
_PROBE = np.zeros(1)
if address(_PROBE) != _PROBE.ctypes.data:  # an interpreter that lays objects out otherwise

    def address(array):
        return 0 if array is None else array.ctypes.data


def read_array(call, x):
    """Let a call read its rows from a matrix."""
    call.data, call.n_features, call.longest = address(x), x.shape[1], x.shape[1] + SPARE
    call.kind, (call.row_stride, call.col_stride) = KINDS[x.dtype.str[1:]], x.strides


def read_rows(call, rows, scale):
    """Let a call read its rows from a `Rows`."""
    call.scale = scale
    if not rows.is_sparse:
        read_array(call, rows.data)
        return
    call.data, call.n_features, call.longest = address(rows.data), rows.n_features, rows.most_nonzeros + SPARE
    call.kind, call.indptr = CSR_KINDS[rows.data.dtype.str[1:]], address(rows.indptr)
    call.indices, call.index_bytes = address(rows.indices), rows.indices.itemsize


def is_listed(job):
    """Whether mini-batches read their rows by their non-zeros."""
    run = job.run
    return job.rows.is_sparse or run["regime"].item() == ONLINE or run["sparse"].item() != 0


def is_in_squares(job):
    """Whether samples side by side have the loss that is computed so."""
    last = job.plan.layers["activation"][-1].item()
    return job.run["loss"].item() == SQUARES and job.y.ndim == 2 and last != SOFTMAX


class Calls:
    """The leaves of one dtype of parameters; each is compiled, or read from disk, when first needed."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self._real = numba.from_dtype(self.dtype)
        self._compiled = {}
        self._reached = {}  # records in which there is nothing but the leaves that calls of some kinds take
        self._template = None, None, None

    def _leaf(self, name):
        """A kernel as a Python callable of addresses and numbers."""
        if name not in self._compiled:
            self._compiled[name] = compile_leaf(name, self._real)
        return self._compiled[name][1]

    def _reach(self, kinds):
        """Make the record of calls of some kinds, so far as it depends on nothing else."""
        call = Call()
        for name, takers in REACHED.items():
            if not takers or not takers.isdisjoint(kinds):
                interrupts.check_stop()
                self._leaf(name)
                setattr(call, name, self._compiled[name][0].address)
        call.manner, call.n_words = kinds[0] if kinds[0] in TRAINING else BATCH, ctypes.sizeof(Call) // 8
        call.lists, call.in_squares = LISTS in kinds, kinds[0] == SAMPLES and LOSSES not in kinds
        self._reached[kinds] = call
        return call

    def _call(self, plan, *kinds):
        """A new record, with the addresses of a plan and of the kernels it takes; workspace sizes by rows.

        kinds : of a call (see `build.py`); the manner of training, or PREDICTION, is the first
        """
        last, call, sizes = self._template
        if last is None or plan is not last[0] or kinds != last[1]:
            reached = self._reached.get(kinds) or self._reach(kinds)
            call, sizes = Call.from_buffer_copy(reached), {}
            call.layers, call.n_layers = address(plan.layers), len(plan.layers)
            call.edges, call.n_params = address(plan.edges), plan.n_params
            self._template = (plan, kinds), call, sizes
        return Call.from_buffer_copy(call), sizes

    def _prediction_call(self, plan, n, is_sparse):
        """The record of a prediction of n rows: those of CSR, and one alone, by their non-zeros."""
        return self._call(plan, PREDICTION, LISTS) if is_sparse or n == 1 else self._call(plan, PREDICTION)

    def _job_call(self, job, manner):
        """The record of a job that is trained in a manner; of its arrays only the run is looked at."""
        check("run", job.run, RUN, (1,))
        kinds = (manner,)
        if manner == BATCH and is_listed(job):
            kinds += LISTS, LEARNED_LISTS
        elif manner == SAMPLES and not is_in_squares(job):
            kinds += (LOSSES,)
        call, _ = self._call(job.plan, *kinds)
        read_rows(call, job.rows, job.run["input_scale"].item())
        call.training, call.batch = 1, min(job.run["batch_size"].item(), job.rows.n_rows)
        for name in ("params", "run", "state", "backup", "y", "order", "losses", "rates"):
            setattr(call, name, address(getattr(job, name)))
        call.labels, call.weight = call.y, address(job.sample_weight)
        call.gradient = address(job.gradient) if job.gradient.size else 0
        call.n_rates, call.n_states = len(job.rates), len(job.state)
        return call
