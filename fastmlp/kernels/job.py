"""What one call of the kernels works on: the rows of a data set, and a training job."""

from math import prod

import numpy as np

from .plan import N_STATES, RUN, Optimizer, Status

ROW_DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.uint8))
OPTIONS = dict.fromkeys(RUN.names, 0) | dict(
    n_epochs=1, optimizer=Optimizer.SGD, average=1, n_threads=1, momentum=0.9, beta_1=0.9, beta_2=0.999,
    epsilon=1e-8, loss_scale=1.0, gradient_scale=1.0, loss_parameter=1.0, tol=-np.inf, best_loss=np.inf,
    n_iter_no_change=np.iinfo(np.int64).max - 1, status=Status.RUNNING, rates_per_epoch=1,
)  # fmt: skip


class Rows:
    """Rows of numbers as the kernels take them: dense with any strides, or CSR.

    Parameters
    ----------
    x : ndarray of shape (n, n_features), float32, float64 or uint8; or a SciPy CSR matrix
        Never copied, never written to.
    scale : float, default=1.0
        Every value is multiplied by it while it is gathered (1/255 for pixels, say).
    """

    __slots__ = ("data", "indices", "indptr", "is_sparse", "most_nonzeros", "n_features", "n_rows", "scale")

    def __init__(self, x, scale=1.0):
        self.n_rows, self.n_features = x.shape
        self.scale = scale
        self.is_sparse = not isinstance(x, np.ndarray)
        self.most_nonzeros = self.n_features
        if self.is_sparse:
            if not x.has_canonical_format:  # sorted columns, no duplicates
                x = x.copy()
                x.sum_duplicates()
            self.data = x.data
            self.indices = x.indices
            self.indptr = x.indptr.astype(np.int64, copy=False)
            self.most_nonzeros = int(np.diff(self.indptr).max(initial=0))
        else:
            self.data = x
            self.indices = self.indptr = None


class Job:
    """A training run: the arrays that the kernels read and write, and the `RUN` record.

    Everything the kernels need between two calls lives here, so that a call can stop after any
    batch and the next one goes on where it stopped.

    Attributes
    ----------
    plan : Plan
    run : ndarray of RUN, shape (1,)
    params : ndarray of shape (n_params,), float32 or float64
        Updated in place.
    state : ndarray of shape (n_states, n_params)
        The optimizer's, updated in place.
    gradient : ndarray of shape (n_params,) or (0,)
        Written where the optimizer is GRADIENT or the step needs the whole gradient first.
    rows : Rows
        The inputs.
    y : ndarray of shape (n, n_outputs) and dtype of `params`, or labels (n,) int64
    sample_weight : ndarray of shape (n,), float64, or None
    subset : ndarray of shape (n_samples,), int64, or None
        The rows to train on, in their order before any shuffle; None: all.
    order : ndarray of shape (n_samples,), int64
        The order of the samples, row numbers of `rows` and `y`; shuffled in place at each epoch's start.
    random_state : RandomState or None
        Where shuffles draw from.
    rates : ndarray of float64
        The learning rate of each epoch, or of its steps: see `rates.py`. The last also serves all later ones.
    losses : ndarray of shape (n_epochs,), float64
        The mean loss of each epoch, written.
    backup : ndarray of shape (n_params,)
        Parameters at the start of the epoch, restored when the loss is not finite.
    workspace : ndarray of uint8
        Scratch memory, 64-byte aligned.
    """

    __slots__ = (
        "backup", "gradient", "losses", "order", "params", "plan", "random_state", "rates", "rows",
        "run", "sample_weight", "state", "subset", "workspace", "y",
    )  # fmt: skip

    def __init__(self, plan, params, rows, y, *, sample_weight=None, state=None, random_state=None,
                 rates=(0.1,), subset=None, **options):  # fmt: skip
        n = rows.n_rows if subset is None else len(subset)
        values = OPTIONS | dict(
            n_samples=n, n_features=rows.n_features, n_outputs=plan.n_outputs, labels=y.ndim == 1,
            batch_size=min(200, n), input_scale=rows.scale, input_dropout=plan.input_dropout,
        )  # fmt: skip
        values |= options
        run = np.empty(1, RUN)
        run[0] = tuple(values.values())
        optimizer = values["optimizer"]
        self.plan, self.run, self.params, self.rows, self.y = plan, run, params, rows, y
        self.sample_weight = sample_weight
        if state is None:
            state = aligned_zeros((N_STATES[optimizer], plan.n_params), params.dtype)
        self.state = state
        self.random_state = random_state
        self.subset = subset
        self.order = np.arange(n, dtype=np.int64) if subset is None else np.array(subset, np.int64)
        self.rates = np.asarray(rates, np.float64)
        self.losses = np.full(values["n_epochs"], np.nan)
        self.backup = params.copy()
        needs_gradient = optimizer in (Optimizer.GRADIENT, Optimizer.RPROP) or values["clip_norm"] > 0
        self.gradient = np.zeros(plan.n_params if needs_gradient else 0, params.dtype)
        self.workspace = None

    def option(self, name):
        """One field of the run record, as a Python number."""
        return self.run[name][0].item()

    def options(self):
        """The run record as a dict."""
        return dict(zip(RUN.names, self.run[0].item(), strict=True))


def aligned_zeros(shape, dtype):
    """Zeros that start at a multiple of 64 bytes, so that vectors of whole rows straddle no cache lines."""
    count = prod(shape) if isinstance(shape, tuple) else shape
    memory = aligned_bytes(count * np.dtype(dtype).itemsize)
    memory[:] = 0
    return memory.view(dtype).reshape(shape)


def aligned_bytes(n):
    """`n` bytes of scratch memory that start at a multiple of 64."""
    memory = np.empty(n + 64, np.uint8)
    start = -memory.__array_interface__["data"][0] % 64
    return memory[start : start + n]
