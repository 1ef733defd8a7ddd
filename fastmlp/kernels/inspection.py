"""Whether a job, a prediction or a neuron is what kernels take it for: sizes of arrays, and what they hold.

For backends written in Python; the compiled ones ask the same in C (``api.pxi``).
"""

from operator import itemgetter

import numpy as np

from .memory import check, check_numbers, refuse
from .plan import N_STATES, RUN

# Of the fields of a run, those that `check_job` reads: by name each takes a fifth of a microsecond.
SIZES = itemgetter(
    *map(RUN.names.index, "n_features n_outputs labels optimizer n_epochs n_samples batch_size".split())
)
LARGEST = {np.dtype(real): float(np.finfo(real).max) for real in (np.float32, np.float64)}


def same(name, given, expected):
    """Raise where two sizes that must be one are not."""
    if given != expected:
        raise ValueError(f"{name} must be {expected}, as the other arrays and the plan have it; got {given}")


def check_job(job, dtype):
    """Raise where a job's arrays have not the sizes of its plan, its rows and its run."""
    plan, rows = job.plan, job.rows
    n_features, n_outputs, labels, optimizer, n_epochs, n_samples, batch_size = SIZES(
        check("run", job.run, RUN, (1,), written=True).item()
    )
    same("n_features", n_features, plan.n_features)
    same("the columns of X", rows.n_features, plan.n_features)
    same("n_outputs", n_outputs, plan.n_outputs)
    same("labels", labels, job.y.ndim == 1)
    n_states, n_losses = N_STATES[optimizer], max(len(job.losses), n_epochs)
    check("params", job.params, dtype, (plan.n_params,), written=True)
    check("the optimizer's state", job.state, dtype, (n_states, plan.n_params), written=True)
    check("backup", job.backup, dtype, (plan.n_params,), written=True)
    if job.gradient.size:
        check("gradient", job.gradient, dtype, (plan.n_params,), written=True)
    check("order", job.order, np.int64, (n_samples,), written=True)
    check("losses", job.losses, np.float64, (n_losses,), written=True)
    check("rates", job.rates, np.float64, (max(len(job.rates), 1),))
    if job.y.ndim == 1:
        check("labels", job.y, np.int64, (rows.n_rows,))
    else:
        check("y", job.y, dtype, (rows.n_rows, plan.n_outputs))
    if job.sample_weight is not None:
        check("sample_weight", job.sample_weight, np.float64, (rows.n_rows,))
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}")


def check_contents(job):
    """Raise where a job's numbers lead outside of what they are for."""
    check_numbers("order", job.order, job.rows.n_rows)
    if job.y.ndim == 1:
        check_numbers("labels", job.y, job.plan.n_outputs)


def check_prediction(plan, params, rows, out, first, n, layer, dtype):
    """Raise where outputs of a layer for rows first..first + n do not exist, or do not fit into `out`."""
    same("the columns of X", rows.n_features, plan.n_features)
    check("params", params, dtype, (plan.n_params,))
    n_layers = len(plan.layers)
    if not (-n_layers <= layer < n_layers and 0 <= first <= first + n <= rows.n_rows):
        raise ValueError(
            f"there are {n_layers} layers and {rows.n_rows} rows; got layer {layer}, rows {first} to "
            f"{first + n}"
        )
    check("out", out, dtype, (n, int(plan.layers["n_out"][layer])), written=True)


def most_finite(rows, dtype):
    """Return the largest magnitude that rows may hold to be finite where read: scaled, in `dtype`."""
    return min(LARGEST[rows.data.dtype], LARGEST[dtype] / abs(rows.scale))


def check_neuron(neuron, record, dtype):
    """Raise where a neuron's arrays have not the sizes that its `record` tells."""
    rows, run = neuron.rows, check("run", neuron.run, record, (1,), written=True)[0]
    n, width, errors, capacity = (
        int(run[name]) for name in ("n_samples", "n_features", "n_errors", "capacity")
    )
    same("the rows of X", rows.n_rows, n)
    same("the columns of X", rows.n_features, width)
    if rows.data.dtype != dtype or not (rows.is_sparse or rows.data.flags.c_contiguous):
        refuse("X", rows.data, dtype, n * width)
    for name, shape in (("w", (width,)), ("kept", (width,)), ("history", (capacity, width + 1))):
        check(name, getattr(neuron, name), dtype, shape, written=True)
    check("target", neuron.target, dtype, (n,))
    if neuron.sample_weight is not None:
        check("sample_weight", neuron.sample_weight, dtype, (n,))
    check("last_errors", neuron.last_errors, np.float64, (errors,), written=True)
    check_numbers("order", check("order", neuron.order, np.int64, (n,), written=True), n)


def check_noise(source, target, n_copies, dtype):
    """Raise where noise on copies of `source` does not fit into `target`."""
    check("source", source, dtype, source.shape)
    check("target", target, dtype, target.shape, written=True)
    same("the values of target", target.size, source.size * n_copies)
