"""Where folds run: in threads that share the data, or wherever joblib's active backend runs them.

Threads are the default, for the kernels leave the GIL for whole epochs: nothing is pickled, nothing copied. A
backend that was chosen by ``joblib.parallel_config`` takes their place.
"""

import warnings
from contextlib import contextmanager

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from .folds import Task, run_fold


def n_workers(n_jobs):
    """Return how many folds run at once."""
    return max(1, effective_n_jobs(n_jobs))


def run(task, folds, n_jobs=None):
    """Return the outcomes of folds, in their order.

    Parameters
    ----------
    task : Task
    folds : list of Fold
    n_jobs : int or None
        As joblib's.
    """
    with _within_reach(task, n_jobs) as task:
        return Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_run)(task, fold) for fold in folds)


@contextmanager
def _within_reach(task, n_jobs):
    """The task as the active backend's calls should be given it."""
    backend, _ = get_active_backend(prefer="threads")
    if type(backend).__name__ != "DaskDistributedBackend" or n_workers(n_jobs) == 1:
        yield task  # joblib runs what is for one worker in this process
        return
    # As a result of the cluster's own it reaches each worker once, and is made anew where a worker is lost;
    # data that joblib scatters would be lost with the worker.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph|Large object", UserWarning)
        shared = backend.client.submit(_itself, task, pure=False)
    try:
        yield shared
    finally:
        shared.release()


def _itself(task):
    return task


def _run(task, fold):
    if not isinstance(task, Task):  # only one worker was left, so that joblib called this here
        task = task.result()
    return run_fold(task, fold)
