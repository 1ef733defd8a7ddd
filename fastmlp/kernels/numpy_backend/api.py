"""What Python calls: the contract's functions, as methods of one object per dtype."""

import numpy as np

from ..inspection import check_contents, check_job, check_neuron, check_noise, check_prediction, most_finite
from ..plan import Activation, Optimizer
from ..records import NEURON
from ..records import declared as declared_records
from . import gaussian, tables, training
from .neuron import learn
from .passes import forward, gather

FIRST_BUDGET = 4  # batches of the first call: Python is slow, and Ctrl-C is handled between two calls

TOGETHER = 256  # rows predicted at a time, because the outputs of all layers are in memory


class Kernels:
    """All kernels for one dtype of parameters.

    Parameters
    ----------
    dtype : float32 or float64
    activations, loss : default=None
        What to compute instead of what a plan's and a run's codes say: a user's own formulas, each layer's
        and the loss's, with the methods that `tables` lists.
    update : callable, default=None
        What makes a step in place of the formulas by code.
    """

    checks_rows = False  # whether run["check_rows"] is honoured
    checks_predicted = False  # ... and that of `predict`

    def __init__(self, dtype, activations=None, loss=None, update=None):
        self.dtype = np.dtype(dtype)
        self._activations, self._loss, self._update = activations, loss, update

    def _functions(self, plan):
        if self._activations is not None:
            return self._activations
        return [
            tables.ACTIVATIONS[Activation(int(layer["activation"]))](float(layer["slope"]))
            for layer in plan.layers
        ]

    def first_budget(self, job):
        """Batches of the first call."""
        return FIRST_BUDGET

    def prepare(self, job):
        """Look at the job; there is nothing to lay out."""
        check_job(job, self.dtype)
        check_contents(job)

    def train(self, job):
        """Run up to run["budget"] batches; return the `Status`. Goes on where the last call stopped."""
        run = job.run[0]
        loss = self._loss or tables.LOSSES[int(run["loss"])](run, job.plan.n_outputs)
        return training.train(job, self._functions(job.plan), loss, self._update or self.update)

    def dismiss(self, job):
        """Nothing: nobody works."""

    def predict(self, plan, params, rows, out, first=0, n=None, layer=-1, logits=False, check_rows=False):
        """Write the output of `layer` for rows first..first + n into out (n, n_out of the layer)."""
        n, functions = len(out) if n is None else n, self._functions(plan)
        check_prediction(plan, params, rows, out, first, n, layer, self.dtype)
        for done in range(0, n, TOGETHER):
            m = min(TOGETHER, n - done)
            x = gather(rows, np.arange(first + done, first + done + m), self.dtype, rows.scale)
            with np.errstate(all="ignore"):
                _, sums, outputs, _ = forward(plan, functions, params, x)
            out[done : done + m] = (sums if logits else outputs)[layer]
        return True

    def predict_few(self, plan, params, x, scale, layer=-1, logits=False):
        """Nothing: all rows go by `predict`."""

    def all_finite(self, rows):
        """Whether no value is NaN or infinite, or becomes so where it is read."""
        return bool(rows.data.dtype.kind != "f" or (np.abs(rows.data) <= most_finite(rows, self.dtype)).all())

    def add_noise(self, source, target, width, n_copies, first, key, sigma, low, high):
        """target = min(max(rows + sigma z, low), high): rows of `width` values, each n_copies times."""
        check_noise(source, target, n_copies, self.dtype)
        row, column = np.divmod(np.arange(target.size), width)
        target[:] = source.ravel()[row // n_copies * width + column]
        if sigma:
            target += gaussian.stream(first, target.size, key, float(self.dtype.type(sigma)), self.dtype)
        np.minimum(np.maximum(target, low, out=target), high, out=target)

    def learn(self, neuron):
        """Run a neuron.Neuron for up to run["budget"] samples; return the `Status`."""
        check_neuron(neuron, NEURON, self.dtype)
        return learn(neuron)

    def matmul_stack(self, A, B, out, first=0, n=-1):
        """Write out = A B, or matrices first..first + n of it; False where memory is shared or misaligned."""
        if np.may_share_memory(out, A) or np.may_share_memory(out, B):
            return False
        lengths = out.shape[:-2]
        A, B = (np.broadcast_to(x, (*lengths, *x.shape[-2:])) for x in (A, B))
        stop = int(np.prod(lengths)) if n < 0 else first + n
        with np.errstate(all="ignore"):
            for place, i in enumerate(np.ndindex(lengths)):
                if first <= place < stop:
                    out[i] = A[i] @ B[i]
        return True

    # For tests: one kernel at a time.

    def normals(self, words, out):
        """The values made of uint32 words (n, 4, 16)."""
        out[...] = gaussian.normals(words, self.dtype).reshape(out.shape)

    def shuffle(self, order, random_state):
        """Shuffle int64 `order` in place, exactly as random_state.shuffle(order) would."""
        random_state.shuffle(order)

    def activate(self, code, slope, z, out):
        """out = f(z), elementwise; softmax over the last axis."""
        with np.errstate(all="ignore"):
            out[...] = tables.ACTIVATIONS[code](slope).value(z)

    def activation_gradient(self, code, slope, z, a, d):
        """d *= f'(z), elementwise."""
        with np.errstate(all="ignore"):
            d *= tables.ACTIVATIONS[code](slope).derivative(z, a).astype(d.dtype)

    def update(self, run, w, g, state):
        """One optimizer step on flat arrays of one length; w and state (n_states, n) are updated."""
        run = run[0]
        if run["optimizer"] == Optimizer.GRADIENT:
            return
        rate, t = float(run["learning_rate"]), int(run["step"]) + 1
        with np.errstate(all="ignore"):
            tables.OPTIMIZERS[int(run["optimizer"])](run).step(w, g, state, rate, t)
            state[np.abs(state) < np.finfo(state.dtype).tiny] = 0  # the other backends flush denormals too

    def multiply(self, A, B, C, accumulate=False, transposed=False):
        """C (+)= A B, or A^T B. A may have any strides."""
        product = (A.T if transposed else A) @ B
        C[...] = C + product if accumulate else product

    def multiply_tn(self, A, D, C):
        """C = A^T D."""
        self.multiply(A, D, C, transposed=True)

    def lanes(self):
        """Numbers in a vector."""
        return 1

    def declared(self):
        """Numbers of all codes, and where each field of each record lies."""
        return declared_records()


F32, F64 = Kernels(np.float32), Kernels(np.float64)


def namespace(dtype):
    """The kernels for parameters of `dtype`, float32 or float64."""
    return F32 if np.dtype(dtype) == np.float32 else F64
