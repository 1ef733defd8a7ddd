"""Where a fit stands at an epoch's end, as plain data, and how another one goes on from there.

It says what that fit decided for itself: the order of the samples, which each epoch shuffles further, the
rates to come, where the stream of random numbers is, what callbacks keep; and enough about data and options
to tell whether a fit that is to go on is the same one.
"""

import zlib

import numpy as np

from .. import _checks
from ..kernels.plan import Status

LOOKED_AT = 1 << 20  # bytes of an array that are, and
MOST_ROWS = 1 << 12  # rows of one that has more
OF_RUN = ("epoch", "step", "seed", "no_improvement", "best_loss", "status")  # as in the kernels' record


def of_run(fit, epoch_end, stopped):
    """Return where a run stands at an epoch's end, after which it stops or goes on."""
    job, done = fit.job, fit.n_done
    rates = job.rates[_first_rate(job, done) :]
    return {
        **{name: job.option(name) for name in OF_RUN},
        "stopped": bool(stopped),
        "random_state": job.random_state.get_state(legacy=False),
        "order": job.order.astype(np.min_scalar_type(len(job.y))) if job.option("shuffle") else None,
        "rates": (rates[:1] if (rates == rates[0]).all() else rates).copy(),
        "names": list(epoch_end.state.names),
        "callbacks": [_of_callback(one) for one in epoch_end.with_state],
        "about": fit.about,
    }


def _of_callback(callback):
    """Return what a callback keeps."""
    watches = bool(getattr(callback, "only_watches", False))
    return {"name": type(callback).__name__, "only_watches": watches, "state": callback.get_state()}


def put(fit, state):
    """Let a run that has not begun go on where another stood."""
    job = fit.job
    _checks.check_run_state(state, job.order if job.option("shuffle") else None, len(job.losses))
    first = _first_rate(job, state["epoch"])
    _checks.check_rates(state["rates"], len(job.rates) - first)
    for name in OF_RUN:
        job.run[name] = state[name]
    if state["order"] is not None:
        job.order[:] = state["order"]
    job.rates[first:] = state["rates"]
    fit.status, fit.stopped = Status(state["status"]), state["stopped"]
    fit.resumed_at = state["epoch"]
    fit.first_epoch -= state["epoch"]
    _checks.check_stream(job.random_state, state["random_state"])


def _first_rate(job, epoch):
    """Return where the rates of an epoch begin among those of a job."""
    return min(epoch * job.option("rates_per_epoch"), len(job.rates) - 1)


def about(fit, epoch_end):
    """Return what must be the same where a fit goes on, by the names of its arguments."""
    job = fit.job
    rows = job.rows
    return {
        "n_features": rows.n_features,
        "n_samples": len(job.order),
        "x": digest(rows.data, rows.indices, rows.indptr),
        "y": digest(job.y),
        "sample_weight": digest(job.sample_weight),
        "validation_data": {name: _digest_of(one) for name, one in epoch_end.sets.items()},
        "batch_size": job.option("batch_size"),
        "shuffle": bool(job.option("shuffle")),
        "epochs": len(job.losses),
        "measure_every": epoch_end.every,
        "loss": _checks.described(fit.loss),
        "optimizer": _checks.described(fit.optimizer),
    }


def _digest_of(one):
    """Return the digest of a validation set."""
    return digest(one.rows.data, one.rows.indices, one.rows.indptr, one.targets, one.weights)


def digest(*arrays):
    """Return a CRC-32 of arrays, of large ones of some rows only; None is passed over."""
    found = 0
    for array in arrays:
        if array is None:
            continue
        found = zlib.crc32(f"{array.dtype.str} {array.shape}".encode(), found)
        if array.nbytes > LOOKED_AT:
            array = array[:: max(-(-array.nbytes // LOOKED_AT), len(array) // MOST_ROWS)]
        found = zlib.crc32(np.ascontiguousarray(array), found)
    return found
