"""Ensembles: small nets trained together, one to a lane of vectors (ensemble.pxi): which, and their run."""

import time
from contextlib import ExitStack
from operator import itemgetter

import numpy as np

from . import interrupts, training
from .contract import Ensembles, offers
from .memory import aligned_bytes
from .records import ENSEMBLE_PARAMS, RUN, TINY_WIDTH, Optimizer, Regime

OWN = frozenset(  # fields of the run record in which nets of an ensemble may differ
    "n_samples epoch n_epochs batch budget status shuffle regime sparse n_threads stop_each_epoch "
    "no_improvement n_iter_no_change seed rates_per_epoch learning_rate weight_decay tol best_loss loss_sum "
    "mean_weight".split()
)


_shared = itemgetter(*(name for name in RUN.names if name not in OWN))


def width(dtype):
    """Nets that one vector takes; 1 where the backend does not train nets side by side."""
    backend = training.kernels(dtype)
    return backend.lanes() if offers(backend, Ensembles) else 1


def least(plan, dtype):
    """From how many nets on, about, an ensemble takes less time than training one by one.

    A step costs about the same however many lanes are in use, and grows faster with a net's size than a
    step of a net alone. As measured with 2 to 16 lanes and 9 to 3934 parameters, SGD and Adam.
    """
    return 1.7 + plan.n_params * width(dtype) / 3200


def key(job, has_zeros):
    """What jobs of an ensemble must have in common, hashable; None where a job has to be trained alone.

    Parameters
    ----------
    job : Job
        Not yet begun.
    has_zeros : callable
        Says whether an input is 0.
    """
    plan, rows, asked = job.plan, job.rows, job.asked
    if (
        plan.n_params > ENSEMBLE_PARAMS
        or plan.widest > TINY_WIDTH
        or training.choose_regime(job) != Regime.ONLINE
        or rows.is_sparse
        or width(job.params.dtype) == 1
    ):
        return None
    if asked["optimizer"] in (Optimizer.MOMENTUM, Optimizer.NESTEROV) and has_zeros():
        return None  # alone, such rows' steps are replayed in closed form: other roundings
    # an array that is shared is one object
    data = id(rows.data), rows.scale, job.y.dtype, job.y.shape, id(job.sample_weight)
    decays = asked["weight_decay"] != 0  # then weights move by other roundings
    return job.params.dtype, plan.layers.tobytes(), plan.edges.tobytes(), data, decays, _shared(asked)


def train(jobs, on_end):
    """Train jobs of one key side by side until each is done or has a reason to stop.

    The result of each is, bit for bit, that of `training.run`.

    Parameters
    ----------
    jobs : list of Job
        At most `width` of them.
    on_end : callable
        Called with a job's index and Status when it stops; a true result lets it go on, where it has
        epochs left.
    """
    backend = training.kernels(jobs[0].params.dtype)
    workspace = aligned_bytes(backend.ensemble_bytes(jobs[0]))
    for job in jobs:
        job.run["stop_each_epoch"] = 0
    backend.prepare_ensemble(jobs, workspace)
    alive = np.ones(len(jobs), np.int64)
    budget = training.first_budget(jobs[0])
    locks = [job.random_state._bit_generator.lock for job in jobs if job.run["shuffle"][0]]
    while alive.any():
        interrupts.check_stop()
        start = time.perf_counter()
        with ExitStack() as held:
            for lock in locks:
                held.enter_context(lock)
            backend.train_ensemble(jobs, workspace, alive, budget)
        ended = [i for i in np.flatnonzero(alive).tolist() if jobs[i].option("status") != training.RUNNING]
        if not ended:
            budget = training.next_budget(budget, start)
        for i in ended:
            going_on = on_end(i, training.STATUSES[jobs[i].option("status")])
            alive[i] = bool(going_on) and jobs[i].option("epoch") < jobs[i].option("n_epochs")
