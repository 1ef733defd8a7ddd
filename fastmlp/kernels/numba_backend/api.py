"""What Python calls: the contract's functions, as methods of one object per dtype.

Kernels get addresses and numbers only, so that one compilation per dtype serves every kind of
input: any strides, read-only, memory-mapped.
"""

import contextlib
import ctypes
import struct

import numba
import numpy as np

from ..inspection import check_contents, check_job, check_neuron, check_noise, check_prediction
from ..memory import check
from ..plan import Activation
from ..records import NEURON
from ..records import declared as declared_records
from .addresses import address, overlaps_itself, shuffle_source
from .build import LEAVES, compile_leaf, register_all
from .context import CHUNK, CSR, N_WORDS, C
from .vectors import Vec

Words = ctypes.c_int64 * N_WORDS
register_all()
NOISE_TILE = 1 << 15
KINDS = {np.dtype(np.float32): 0, np.dtype(np.float64): 1, np.dtype(np.uint8): 2}


class Kernels:
    """All kernels for one dtype of parameters; each is compiled, or read from disk, when first needed."""

    checks_rows = False  # whether run["check_rows"] is honoured

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self._real = numba.from_dtype(self.dtype)
        self._precision = "single" if self.dtype == np.float32 else "double"
        self._compiled = {}
        self._template = None, None, None

    def _leaf(self, name):
        """A kernel as a Python callable of addresses and numbers."""
        if name not in self._compiled:
            self._compiled[name] = compile_leaf(name, self._real)
        return self._compiled[name][1]

    def _table(self, plan):
        """A new table of words, with the addresses of a plan and all kernels; and workspace sizes by rows."""
        last_plan, words, sizes = self._template
        if plan is not last_plan:
            words = Words()
            for name in LEAVES:
                if hasattr(C, name):
                    self._leaf(name)
                    words[getattr(C, name)] = self._compiled[name][0].address
            words[C.layers], words[C.n_layers] = address(plan.layers), len(plan.layers)
            words[C.edges], words[C.n_params] = address(plan.edges), plan.n_params
            sizes = {}
            self._template = plan, words, sizes
        return Words.from_buffer_copy(words), sizes

    @staticmethod
    def _describe_rows(words, rows, scale):
        data = rows.data
        words[C.kind] = KINDS[data.dtype] + (CSR if rows.is_sparse else 0)
        words[C.data], words[C.n_features], words[C.longest] = (
            address(data),
            rows.n_features,
            rows.most_nonzeros,
        )
        struct.pack_into("d", words, 8 * C.scale, scale)
        if rows.is_sparse:
            width = rows.indices.itemsize
            words[C.indices], words[C.index_bytes], words[C.index_kind] = (
                address(rows.indices),
                width,
                2 + width // 4,
            )
            words[C.indptr], words[C.col_stride] = address(rows.indptr), data.itemsize
        else:
            words[C.row_stride], words[C.col_stride] = data.strides

    def _job_table(self, job):
        check_job(job, self.dtype)
        words, _ = self._table(job.plan)
        self._describe_rows(words, job.rows, job.run["input_scale"][0])
        words[C.training], words[C.batch] = 1, int(min(job.run["batch_size"][0], job.rows.n_rows))
        for name in ("params", "run", "state", "backup", "y", "order", "losses", "rates"):
            words[getattr(C, name)] = address(getattr(job, name))
        words[C.gradient] = address(job.gradient) if job.gradient.size else 0
        words[C.weight], words[C.n_rates] = address(job.sample_weight), len(job.rates)
        words[C.n_states] = len(job.state)
        return words

    def workspace_bytes(self, job):
        """Bytes of scratch memory that training this job takes."""
        return self._leaf("layout")(self._job_table(job), 0, 0.0)

    def prepare(self, job):
        """Look at what leads to rows and outputs; `train` lays the workspace out by itself."""
        check_job(job, self.dtype)
        check_contents(job)

    def train(self, job):
        """Run up to run["budget"] batches; return the `Status`. Goes on where the last call stopped."""
        words = self._job_table(job)
        lock = contextlib.nullcontext()
        if job.run["shuffle"][0] and job.random_state is not None:
            words[C.next_uint32], words[C.bit_state] = shuffle_source(job.random_state)
            lock = job.random_state._bit_generator.lock
        with lock:
            return self._leaf("train")(words, address(job.workspace))

    def work(self, job, thread):
        """Return at once: one thread does all."""

    def dismiss(self, job):
        """Nothing: nobody works."""

    def predict(self, plan, params, rows, out, first=0, n=None, layer=-1, logits=False):
        """Write the output of `layer` for rows first..first + n into out (n, n_out of the layer)."""
        n = len(out) if n is None else n
        check_prediction(plan, params, rows, out, first, n, layer, self.dtype)
        words, sizes = self._table(plan)
        self._describe_rows(words, rows, rows.scale)
        words[C.params], words[C.batch] = address(params), n
        key = min(n, CHUNK), rows.is_sparse, rows.most_nonzeros
        n_bytes = sizes.get(key)
        if n_bytes is None:
            n_bytes = sizes[key] = self._leaf("layout")(words, 0, 0.0)
        workspace = np.empty(n_bytes, np.uint8)
        layer %= len(plan.layers)
        self._leaf("predict")(words, address(workspace), address(out), first, n, layer, logits)

    def all_finite(self, rows):
        """Whether no value is NaN or infinite."""
        data = rows.data
        kind = KINDS[data.dtype]
        if kind == 2 or data.size == 0:
            return True
        strides, shape = (
            ((0, data.itemsize), (1, data.size)) if rows.is_sparse else (data.strides, data.shape)
        )
        return bool(self._leaf("rows_finite")(kind, address(data), *strides, *shape))

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
        kind = 2 + rows.indices.itemsize // 4 if rows.is_sparse else 0
        arrays = neuron.run, neuron.w, neuron.kept, neuron.target, neuron.sample_weight, neuron.order
        arrays += neuron.last_errors, neuron.history, rows.data, rows.indptr, rows.indices
        return self._leaf("learn")(*map(address, arrays), kind)

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
            self._leaf("softmax")(address(z), address(out), z.size // max(n, 1), n, n, 1)
        else:
            self._leaf("activate")(code, slope, address(z), address(out), z.size)

    def activation_gradient(self, code, slope, z, a, d):
        """d *= f'(z), elementwise."""
        self._leaf("activation_gradient")(code, slope, address(z), address(a), address(d), d.size)

    def update(self, run, w, g, state):
        """One optimizer step on flat arrays of one length; w and state (n_states, n) are updated."""
        words = Words()
        words[C.run] = address(run)
        constants = np.zeros(16, self.dtype)
        states = [address(s) for s in state] + [0] * (3 - len(state))
        self._leaf("begin_step")(words, address(constants))
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
        return Vec(self._real).lanes

    def declared(self):
        """Numbers of all codes, and where each field of each record lies."""
        return declared_records()


F32, F64 = Kernels(np.float32), Kernels(np.float64)


def namespace(dtype):
    """The kernels for parameters of `dtype`, float32 or float64."""
    return F32 if np.dtype(dtype) == np.float32 else F64
