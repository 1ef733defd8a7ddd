"""Where folds run: in threads that share the data, or wherever joblib's active backend runs them.

Threads are the default, for the kernels leave the GIL for whole epochs: nothing is pickled, nothing copied. A
backend that was chosen by ``joblib.parallel_config`` takes their place.
"""

import itertools
import os
import threading
import warnings
from contextlib import contextmanager

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from .. import _checks
from ..kernels import interrupts
from .folds import FoldTask, run_fold

PATIENCE = 2.0  # seconds to wait for running folds to stop


def n_workers(n_jobs):
    """Return how many folds run at once."""
    return max(1, effective_n_jobs(n_jobs))


def run(task, folds, n_jobs=None):
    """Return the outcomes of folds, in their order.

    The error of a fold, and what Ctrl-C raises, stops the others.

    Parameters
    ----------
    task : FoldTask
    folds : list of Fold
    n_jobs : int or None
        As joblib's.
    """
    call, key = _Call(), (os.getpid(), next(_numbers))
    _calls[key] = call
    try:
        with interrupts.told(call.stop), _within_reach(task, n_jobs) as task:
            return Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_run)(task, fold, key) for fold in folds)
    except BaseException:
        call.stop.set()
        call.wait()
        if call.error is not None:
            raise call.error from None
        raise
    finally:
        call.error = None  # it has come through this frame, which would keep it, and all data
        del _calls[key]


class _Call:
    """A call of `run` as the folds know it that run in its process.

    Attributes
    ----------
    stop : Stop
    error : Exception or None
        Of the fold that failed first.
    """

    def __init__(self):
        self.stop, self.error = interrupts.Stop(_checks.users_line()), None
        self._n_running, self._changed = 0, threading.Condition()

    @contextmanager
    def fold(self):
        """A block in which a fold runs."""
        with self._changed:
            self._n_running += 1
        try:
            with self.stop.heeded(), interrupts.told(self.stop):
                yield
        except Exception as error:
            if self.error is None:
                self.error = error
            self.stop.set()
            raise
        finally:
            with self._changed:
                self._n_running -= 1
                self._changed.notify_all()

    def wait(self):
        """Wait until no fold runs; other libraries' fits do not heed `stop`: not long."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_running == 0, PATIENCE)


_calls: dict = {}
_numbers = itertools.count()


@contextmanager
def _within_reach(task, n_jobs):
    """The task as the active backend's calls should be given it."""
    backend, _ = get_active_backend(prefer="threads")
    if type(backend).__name__ != "DaskDistributedBackend" or n_workers(n_jobs) == 1:
        yield task  # with one worker joblib runs folds in this process
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


def _run(task, fold, key):
    # joblib has called this in the main process, since only one worker was left
    if not isinstance(task, FoldTask):
        task = task.result()
    with (_calls.get(key) or _Call()).fold():
        return run_fold(task, fold)
