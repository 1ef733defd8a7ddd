"""What Python calls: the contract's functions, as methods of one object per dtype.

Kernels get addresses and numbers only, so that one compilation per dtype serves every kind of
input: any strides, read-only, memory-mapped.
"""

import contextlib
import ctypes
import time

import numpy as np

from ..inspection import (
    check_contents,
    check_job,
    check_neuron,
    check_noise,
    check_prediction,
    most_finite,
    same,
)  # fmt: skip
from ..memory import aligned_bytes, check
from ..plan import Activation
from ..records import ENSEMBLE_PARAMS, INPUT, NEURON, TINY_WIDTH, Regime
from ..records import declared as declared_records
from .activation import RELU
from .build import ALONE, BATCH, NETS, REGISTERS, SAMPLES
from .calls import KINDS, Call, Calls, address, is_in_squares, read_array, read_rows
from .context import CHUNK, CONTROL_BYTES, STOP
from .lanes import VEC_BYTES
from .optimizer import SGD
from .registers import MOST_INPUTS, MOST_SAMPLES

NOISE_TILE = 1 << 15
MINI_BATCH, ONLINE = int(Regime.BATCH), int(Regime.ONLINE)
FEW_WORK = 1 << 24  # multiply-adds that are over before anybody could want to interrupt them
MOST_KEPT = 8  # predictions of a few rows, whose workspace is kept ...
MOST_KEPT_BYTES = 1 << 20  # ... if it is not larger
IDLE = 1e-4  # seconds that a thread sleeps which has waited in vain


def shuffle_source(random_state):
    """Addresses of a RandomState's next_uint32 and of its state."""
    interface = random_state._bit_generator.ctypes
    return ctypes.cast(interface.next_uint32, ctypes.c_void_p).value, interface.state_address


def draw_from(call, job):
    """Let a run draw its shuffles from the job's random state; return that one's lock."""
    if not job.run["shuffle"].item() or job.random_state is None:
        return contextlib.nullcontext()
    call.next_uint32, call.bit_state = shuffle_source(job.random_state)
    return job.random_state._bit_generator.lock


def manner_of(job):
    """How a job is trained."""
    regime, plan = job.run["regime"].item(), job.plan
    if (
        regime == MINI_BATCH
        or job.rows.is_sparse
        or plan.n_params > ENSEMBLE_PARAMS
        or plan.widest > TINY_WIDTH
    ):
        return BATCH
    if regime == ONLINE:
        return ALONE
    return REGISTERS if fits_registers(job) else SAMPLES


def fits_registers(job):
    """Whether `registers.py` has this net, and does what is asked of it."""
    plan, asked, hidden = job.plan, job.asked, VEC_BYTES // MOST_SAMPLES // job.params.itemsize
    return (
        plan.n_params <= (MOST_INPUTS + 2) * hidden + 1
        and plan.n_features <= MOST_INPUTS
        and asked["n_samples"] <= min(MOST_SAMPLES, asked["batch_size"])
        and asked["optimizer"] == SGD
        and not asked["weight_decay"]
        and is_in_squares(job)
        and plan.n_outputs == 1
        and plan.edges["source"].tolist() == [INPUT, 0]
        and all(
            n_out <= hidden and activation <= RELU and bias >= 0 and not frozen and not any(penalties)
            for _, n_out, activation, _, bias, _, _, frozen, _, *penalties in plan.layers.tolist()
        )
    )


def overlaps_itself(array):
    """Whether two elements may lie in one place."""
    reach = array.itemsize
    for stride, length in sorted(
        (abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1
    ):
        if stride < reach:
            return True
        reach += stride * (length - 1)
    return False


class Kernels(Calls):
    """All kernels for one dtype of parameters; each is compiled, or read from disk, when first needed."""

    checks_rows = True  # whether run["check_rows"] is honoured
    checks_predicted = True  # ... and that of `predict`
    pauses_threads = False  # whether run["n_active"] is

    def __init__(self, dtype):
        super().__init__(dtype)
        self._precision = "single" if self.dtype == np.float32 else "double"
        self._prepared = {}  # the records of jobs that are being trained, by their identity
        self._few = {}  # what `predict_few` has laid out, by what it was for

    def prepare(self, job):
        """Look at the job, and at what leads to rows and outputs; `train` lays its workspace out."""
        check_job(job, self.dtype)
        check_contents(job)
        manner = manner_of(job)
        call = self._job_call(job, manner)
        job.workspace = aligned_bytes(self._leaf("layout")(ctypes.byref(call), 0))
        self._prepared[id(job)] = call
        if manner == BATCH:
            job.workspace[:CONTROL_BYTES] = 0

    def work(self, job, thread):
        """Serve as thread 1, 2, ... of a prepared job until `dismiss`; only batches are shared out."""
        if manner_of(job) != BATCH:
            return
        serve, control = self._leaf("serve"), address(job.workspace)
        record = control + CONTROL_BYTES + (thread - 1) * ctypes.sizeof(Call)
        while not serve(record, control):
            time.sleep(IDLE)

    def train(self, job):
        """Run up to run["budget"] batches; return the `Status`. Goes on where the last call stopped."""
        prepared = self._prepared.get(id(job))
        if prepared is None:  # that run has ended
            check_job(job, self.dtype)
            prepared = self._job_call(job, manner_of(job))
        call = Call.from_buffer_copy(prepared)
        train = self._leaf("train_alone" if call.manner == ALONE else "train")
        with draw_from(call, job):
            return train(ctypes.byref(call), address(job.workspace))

    def dismiss(self, job):
        """End a run: every `work` returns."""
        self._prepared.pop(id(job), None)
        if job.run["n_threads"].item() > 1 and manner_of(job) == BATCH:
            job.workspace[:CONTROL_BYTES].view(np.int64)[STOP] = 1

    def _ensemble_calls(self, job):
        """The record of what nets side by side share, and that of a net."""
        return self._job_call(job, NETS), self._job_call(job, ALONE)

    def ensemble_bytes(self, job):
        """Bytes of scratch memory that training nets like this job's side by side takes."""
        return sum(self._leaf("layout")(ctypes.byref(call), 0) for call in self._ensemble_calls(job))

    def prepare_ensemble(self, jobs, workspace):
        """Look at the jobs; `train_ensemble` lays the workspace out by itself."""
        if len(jobs) > self.lanes():
            raise ValueError(
                f"at most {self.lanes()} nets fit into an ensemble, one to a vector's lane; got {len(jobs)}"
            )
        first = jobs[0]
        check("workspace", workspace, np.uint8, (self.ensemble_bytes(first),), written=True)
        for job in jobs:
            check_job(job, self.dtype)
            check_contents(job)
            same("n_params of the nets of an ensemble", job.plan.n_params, first.plan.n_params)
            same("n_states of the nets of an ensemble", len(job.state), len(first.state))
            same("n_rows of the nets of an ensemble", job.rows.n_rows, first.rows.n_rows)
            if (
                address(job.rows.data) != address(first.rows.data)
                or job.sample_weight is not first.sample_weight
            ):
                raise ValueError(
                    "nets of an ensemble must have the same X and weights; got others: train them apart"
                )

    def train_ensemble(self, jobs, workspace, alive, budget):
        """Run up to `budget` steps of each job that is `alive`, until the status of one is not RUNNING."""
        shared = self._job_call(jobs[0], NETS)
        shared.alive = address(check("alive", alive, np.int64, (len(jobs),)))
        calls = (Call * len(jobs))(*(self._job_call(job, ALONE) for job in jobs))
        for call, job in zip(calls, jobs, strict=True):
            draw_from(call, job)
        train = self._leaf("train_nets")
        train(ctypes.byref(shared), ctypes.byref(calls), len(jobs), int(budget), address(workspace))

    def predict(self, plan, params, rows, out, first=0, n=None, layer=-1, logits=False, check_rows=False):
        """Write the output of `layer` for rows first..first + n into out (n, n_out of the layer).

        False where `check_rows` asks for a look and a row is not finite.
        """
        n = len(out) if n is None else n
        check_prediction(plan, params, rows, out, first, n, layer, self.dtype)
        call, sizes = self._prediction_call(plan, n, rows.is_sparse)
        read_rows(call, rows, rows.scale)
        call.params, call.batch = address(params), n
        key = min(n, CHUNK), rows.is_sparse, rows.most_nonzeros
        n_bytes = sizes.get(key)
        if n_bytes is None:
            n_bytes = sizes[key] = self._leaf("layout")(ctypes.byref(call), 0)
        workspace, predict = np.empty(n_bytes, np.uint8), self._leaf("predict")
        asked = first, n, layer % len(plan.layers), logits, check_rows
        return bool(predict(ctypes.byref(call), address(workspace), *asked, address(out)))

    def predict_few(self, plan, params, x, scale, layer=-1, logits=False):
        """Return the output of `layer` for a few finite rows of a plain array; None where x is not that.

        What was laid out for such a prediction is kept, as long as it is alone in need of it, for the next.
        """
        if type(x) is not np.ndarray or not x.flags.aligned:
            return None
        key = id(plan), x.shape, x.dtype, scale, layer, logits
        few = self._few.pop(key, None) or self._lay_out_few(plan, x, scale, layer, logits)
        if few is None:
            return None
        call, predict, arguments, shape, *_ = few
        call.data, (call.row_stride, call.col_stride) = address(x), x.strides
        call.params = address(check("params", params, self.dtype, (plan.n_params,)))
        out = np.empty(shape, self.dtype)
        finite = predict(*arguments, address(out))
        if len(few[4]) <= MOST_KEPT_BYTES:
            self._few[key] = few
        return out if finite else None

    def _lay_out_few(self, plan, x, scale, layer, logits):
        """A record, and what else a prediction of a few rows takes; None where it is not that."""
        n_layers, most = len(plan.layers), FEW_WORK // max(plan.n_params, 1)
        if (
            not (x.ndim == 2 and x.shape[1] == plan.n_features and 0 < x.shape[0] <= most)
            or not (x.dtype.isnative and x.dtype.str[1:] in KINDS)
            or not -1 <= layer < n_layers
        ):
            return None
        if len(self._few) >= MOST_KEPT:
            self._few.clear()
        call, _ = self._prediction_call(plan, len(x), False)
        read_array(call, x)
        call.scale, call.batch, layer = scale, len(x), layer % n_layers
        where, layout = ctypes.byref(call), self._leaf("layout")
        workspace = aligned_bytes(layout(where, 0))
        layout(where, address(workspace))
        shape = len(x), plan.layers["n_out"][layer].item()
        arguments = where, 0, 0, len(x), layer, logits, 1
        return call, self._leaf("predict"), arguments, shape, workspace, plan  # these must not be freed

    def all_finite(self, rows):
        """Whether no value is NaN or infinite, or becomes so where it is read."""
        data = rows.data
        if data.dtype.kind != "f" or data.size == 0:
            return True
        strides, shape = (
            ((0, data.itemsize), (1, data.size)) if rows.is_sparse else (data.strides, data.shape)
        )
        most = most_finite(rows, self.dtype)
        return bool(self._leaf("rows_finite")(data.itemsize, address(data), *strides, *shape, most))

    def add_noise(self, source, target, width, n_copies, first, key, sigma, low, high):
        """target = min(max(rows + sigma z, low), high): rows of `width` values, each n_copies times."""
        sigma, key = float(self.dtype.type(sigma)), key - (1 << 64) if key >> 63 else key
        repeat, add = self._leaf("repeat_rows"), self._leaf(f"add_stream_{self._precision}")
        check_noise(source, target, n_copies, self.dtype)
        rows, where, size = address(source), address(target), self.dtype.itemsize
        if sigma == 0:
            repeat(rows, where, width, n_copies, 0, target.size, low, high)
            return
        tile = np.empty(min(target.size, NOISE_TILE), self.dtype)  # LLVM makes vectors where nothing overlaps
        for i in range(0, target.size, NOISE_TILE):
            n = min(NOISE_TILE, target.size - i)
            repeat(rows, address(tile), width, n_copies, i, n, -np.inf, np.inf)
            add(address(tile), where + i * size, first + i, n, key, sigma, low, high)

    def learn(self, neuron):
        """Run a neuron.Neuron for up to run["budget"] samples; return the `Status`."""
        check_neuron(neuron, NEURON, self.dtype)
        rows = neuron.rows
        index_bytes = rows.indices.itemsize if rows.is_sparse else 0
        arrays = neuron.run, neuron.w, neuron.kept, neuron.target, neuron.sample_weight, neuron.order
        arrays += neuron.last_errors, neuron.history, rows.data, rows.indptr, rows.indices
        return self._leaf("learn")(*map(address, arrays), index_bytes)

    def matmul_stack(self, A, B, out, first=0, n=-1):
        """Write out = A B, or matrices first..first + n of it; False where memory is shared or misaligned."""
        size = self.dtype.itemsize
        if any(not x.flags.aligned or any(s % size for s in x.strides) for x in (A, B, out)):
            return False
        if np.may_share_memory(out, A) or np.may_share_memory(out, B) or overlaps_itself(out):
            return False
        lengths = out.shape[:-2]
        a, b = (np.broadcast_to(x, (*lengths, *x.shape[-2:])).strides for x in (A, B))
        columns = lengths, a[:-2], b[:-2], out.strides[:-2]
        leading = np.array(
            [(m, x // size, y // size, z // size) for m, x, y, z in zip(*columns, strict=True)], np.int64
        )
        factors = [word for x in (A, B, out) for word in (address(x), *(s // size for s in x.strides[-2:]))]
        M, N = out.shape[-2:]
        if out.size and n:
            n = out.size // (M * N) if n < 0 else n
            zeros = np.zeros(N, self.dtype)
            self._leaf("multiply_stack")(
                *factors, address(zeros), M, N, A.shape[-1], address(leading), len(leading), first, n
            )
        return True

    # For tests: one kernel at a time.

    def normals(self, words, out):
        """The values made of uint32 words (n, 4, 16)."""
        self._leaf(f"normals_{self._precision}")(address(words), address(out), len(words))

    def shuffle(self, order, random_state):
        """Shuffle int64 `order` in place, exactly as random_state.shuffle(order) would."""
        with random_state._bit_generator.lock:
            where = address(check("order", order, np.int64, (len(order),), written=True))
            self._leaf("shuffle")(where, len(order), *shuffle_source(random_state))

    def activate(self, code, slope, z, out):
        """out = f(z), elementwise; softmax over the last axis."""
        if code == Activation.SOFTMAX:
            n = z.shape[-1]
            self._leaf("softmax")(address(z), address(out), z.size // max(n, 1), n)
        else:
            self._leaf("activate")(code, slope, address(z), address(out), z.size)

    def activation_gradient(self, code, slope, z, a, d):
        """d *= f'(z), elementwise."""
        self._leaf("activation_gradient")(code, slope, address(z), address(a), address(d), d.size)

    def update(self, run, w, g, state):
        """One optimizer step on flat arrays of one length; w and state (n_states, n) are updated."""
        constants = np.zeros(16, self.dtype)
        states = [address(s) for s in state] + [0] * (3 - len(state))
        self._leaf("begin_step")(address(run), address(constants))
        code = int(run["optimizer"][0])
        self._leaf("update")(code, address(constants), address(w), address(g), *states, w.size)

    def multiply(self, A, B, C, accumulate=False, transposed=False):
        """C (+)= A B, or A^T B. A may have any strides."""
        size = self.dtype.itemsize
        a_row, a_col = (stride // size for stride in (A.strides[::-1] if transposed else A.strides))
        init, ld_init = (C, C.strides[0] // size) if accumulate else (np.zeros(C.shape[1], self.dtype), 0)
        factors = address(A), a_row, a_col, address(B), B.strides[0] // size
        self._leaf("multiply")(
            *factors, address(init), ld_init, address(C), C.strides[0] // size, *C.shape, len(B)
        )

    def multiply_tn(self, A, D, C):
        """C = A^T D."""
        self.multiply(A, D, C, transposed=True)

    def lanes(self):
        """Numbers in a vector."""
        return VEC_BYTES // self.dtype.itemsize

    def declared(self):
        """Numbers of all codes, and where each field of each record lies."""
        return declared_records()


F32, F64 = Kernels(np.float32), Kernels(np.float64)


def namespace(dtype):
    """The kernels for parameters of `dtype`, float32 or float64."""
    return F32 if np.dtype(dtype) == np.float32 else F64
