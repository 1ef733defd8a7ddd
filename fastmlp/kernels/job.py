"""What one call of the kernels works on: the rows of a data set, and a training job."""

import struct
from types import MappingProxyType

import numpy as np

from . import csr
from .memory import aligned_zeros, check_numbers, readable, writable
from .plan import N_STATES, RUN, Optimizer, Status

F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
ROW_DTYPES = (F32, F64, np.dtype(np.uint8))
MOST_EPOCHS = 1 << 40  # `losses` has an entry for each epoch
WHOLE_GRADIENT = (Optimizer.GRADIENT, Optimizer.RPROP)
_AS_THEY_ARE = frozenset(ROW_DTYPES)
OPTIONS = dict.fromkeys(RUN.names, 0) | dict(
    n_epochs=1, optimizer=Optimizer.SGD, average=1, n_threads=1, momentum=0.9, beta_1=0.9, beta_2=0.999,
    epsilon=1e-8, loss_scale=1.0, gradient_scale=1.0, loss_parameter=1.0, tol=-np.inf, best_loss=np.inf,
    n_iter_no_change=np.iinfo(np.int64).max - 1, status=Status.RUNNING, rates_per_epoch=1,
)  # fmt: skip
NOTHING: MappingProxyType[str, object] = MappingProxyType({})
NOTHING_OF = {dtype: np.zeros(0, dtype) for dtype in (F32, F64)}
# the run record as `struct` writes it, in half of NumPy's time
RECORD = struct.Struct("".join("q" if RUN[name].kind == "i" else "d" for name in RUN.names))
AT = {name: i for i, name in enumerate(RUN.names)}  # where a field's number stands in `Job.counts`


class Rows:
    """Rows of numbers as the kernels take them: dense with any strides, or CSR.

    Parameters
    ----------
    x : ndarray of shape (n, n_features), float32, float64 or uint8; or a SciPy CSR matrix
        Never written to, and copied only where it is off alignment or of another byte order; but of CSR the
        indices always are.
    scale : float, default=1.0
        Every value is multiplied by it while it is gathered (1/255 for pixels, say).
    name : str, default="X"
        What errors call it.

    Raises
    ------
    ValueError
        Where a CSR matrix points outside of itself (see `csr.checked`), or numbers are of another kind.
    """

    __slots__ = ("data", "indices", "indptr", "is_sparse", "most_nonzeros", "n_features", "n_rows", "scale")

    def __init__(self, x, scale=1.0, name="X"):
        self.n_rows, self.n_features = x.shape
        self.scale = scale
        self.most_nonzeros = self.n_features
        self.is_sparse = not isinstance(x, np.ndarray)
        if self.is_sparse:
            self.data, self.indices, self.indptr = csr.checked(x, name)
            self.most_nonzeros = int(np.diff(self.indptr).max(initial=0))
        else:
            self.data = x if x.flags.aligned and x.dtype in _AS_THEY_ARE else _dense(x, name)
            self.indices = self.indptr = None


def _dense(x, name):
    """Return rows as the kernels read them: those of another byte order, or off alignment, are copied."""
    dtype = x.dtype.newbyteorder("=")
    if dtype not in _AS_THEY_ARE:
        raise ValueError(
            f"{name} must hold float32, float64 or uint8; got {x.dtype}: convert it by {name}.astype(float)"
        )
    return x.astype(dtype)


class Job:
    """A training run: the arrays that the kernels read and write, and the `RUN` record.

    Everything the kernels need between two calls lives here, so that a call can stop after any
    batch and the next one goes on where it stopped.

    Made of these arrays, and of fields of the run record: as keywords, or in a dict, `asked`, which takes
    less time.

    Attributes
    ----------
    plan : Plan
    run : ndarray of RUN, shape (1,)
    counts : memoryview of int64
        The fields of `run` that are integers, at `AT`: a tenth of the time of a record's field.
    asked : dict
        The fields of `run` as they were when the job was made.
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
    workspace : ndarray of uint8, or None
        Scratch memory, which `prepare` of the kernels makes.
    """

    __slots__ = (
        "asked", "backup", "counts", "gradient", "losses", "order", "params", "plan", "random_state", "rates",
        "rows", "run", "sample_weight", "state", "subset", "workspace", "y",
    )  # fmt: skip

    def __init__(
        self,
        plan,
        params,
        rows,
        y,
        *,
        sample_weight=None,
        state=None,
        random_state=None,
        rates=(0.1,),
        subset=None,
        asked=NOTHING,
        **options,
    ):
        n = rows.n_rows if subset is None else len(subset)
        values = {
            **OPTIONS, "n_samples": n, "n_features": rows.n_features, "n_outputs": plan.n_outputs,
            "labels": y.ndim == 1, "batch_size": (n if n < 200 else 200) or 1, "input_scale": rows.scale,
            "input_dropout": plan.input_dropout, **asked, **options,
        }  # fmt: skip
        optimizer, dtype = values["optimizer"], F32 if params.dtype == F32 else F64
        if values["epsilon"] < LEAST_EPSILON[dtype]:
            values["epsilon"] = LEAST_EPSILON[dtype]
        check_counts(values["batch_size"], values["n_epochs"], values["n_threads"])
        memory = bytearray(RECORD.pack(*values.values()))
        self.run, self.counts = np.frombuffer(memory, RUN), memoryview(memory).cast("q")
        self.plan, self.asked, self.rows = plan, values, rows
        self.params = writable("params", params, dtype, (plan.n_params,))
        shape = (N_STATES[optimizer], plan.n_params)
        self.state = aligned_zeros(shape, dtype) if state is None else writable("state", state, dtype, shape)
        if y.ndim == 1:
            self.y = check_numbers("labels", readable("labels", y, I64, (rows.n_rows,)), plan.n_outputs)
        else:
            self.y = readable("y", y, dtype, (rows.n_rows, plan.n_outputs))
        self.sample_weight = sample_weight
        if sample_weight is not None:
            self.sample_weight = readable("sample_weight", sample_weight, F64, (rows.n_rows,))
        self.random_state = random_state
        self.subset = subset
        self.order = np.arange(n, dtype=I64)
        if subset is not None:
            self.order[:] = check_numbers("subset", np.ascontiguousarray(subset, np.int64), rows.n_rows)
        rates = np.asarray(rates, F64)
        self.rates = readable("rates", rates, F64, rates.shape if rates.ndim == 1 and len(rates) else (1,))
        self.losses = np.empty(values["n_epochs"])
        self.losses.fill(np.nan)
        self.backup = params.copy()
        needs_gradient = optimizer in WHOLE_GRADIENT or values["clip_norm"] > 0
        self.gradient = np.zeros(plan.n_params, dtype) if needs_gradient else NOTHING_OF[dtype]
        self.workspace = None

    def option(self, name):
        """One field of the run record, as a Python number."""
        return self.run[name].item()

    def options(self):
        """The run record as a dict."""
        return dict(zip(RUN.names, self.run[0].item(), strict=True))


# roots of the least normal numbers; what is left of less, multiplied by Adam's bias, may be flushed to 0
LEAST_EPSILON = {F32: 1.1e-19, F64: 1.5e-154}


def check_counts(batch_size, n_epochs, n_threads=1):
    """Raise where a run cannot begin with these counts."""
    if batch_size < 1:
        raise ValueError(
            f"batch_size must be at least 1; got {batch_size}: pass None for all samples at once"
        )
    if not 0 <= n_epochs <= MOST_EPOCHS:
        raise ValueError(f"n_epochs must be between 0 and {MOST_EPOCHS}; got {n_epochs}: take fewer")
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1; got {n_threads}: pass None to have it chosen")
