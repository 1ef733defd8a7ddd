"""Fits side by side: which go together, and the threads that run them."""

import itertools
import time
from collections import deque
from contextlib import ExitStack, nullcontext
from functools import partial

import numpy as np

from .. import _checks
from ..kernels import ensemble, interrupts, threads
from ..kernels.memory import insist
from ..kernels.plan import Status
from ..network.network import Network


def run_ensemble(tasks):
    """Train started tasks whose jobs have one key, as an ensemble."""
    began, fits = time.perf_counter(), [task.fit for task in tasks]
    waiting = set(range(len(fits)))

    def on_end(i, status):
        fits[i].status = status
        if status == Status.STALLED and fits[i].on_stall(fits[i]):
            fits[i].job.run["no_improvement"] = 0
            return True
        return finish(i)

    def finish(i):
        waiting.discard(i)
        insist(partial(fits[i].finish, time.perf_counter() - began))
        tasks[i].end()
        return False

    interrupted = False
    try:
        ensemble.train([fit.job for fit in fits], on_end)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        with ExitStack() as stack:
            for i in sorted(waiting):
                fits[i].interrupted = interrupted
                stack.callback(finish, i)


def in_turn(tasks, data):
    """Train tasks that share something one after another."""
    for task in tasks:
        interrupts.check_stop()
        task.run(data)


def bundle(tasks, data, n_threads):
    """Return functions that train all tasks, those with the most work first."""
    work, groups = [], {}
    for chain in _chains(tasks):
        interrupts.check_stop()
        if len(chain) > 1:
            work.append((sum(task.cost(data) for task in chain), partial(in_turn, chain, data)))
            continue
        (task,) = chain
        if task.is_native and task.options.get("batch_size") == 1:
            with task.errors():
                task.start(data)
            if task.error is not None or task.fit is None:
                continue
            key = ensemble.key(task.fit.job, lambda: data.has_zeros) if task.fit.own_kernels is None else None
            groups.setdefault(key or id(task), []).append(task)
        else:
            work.append((task.cost(data), partial(task.run, data)))
    for group in groups.values():
        group.sort(key=lambda task: -len(task.fit.job.order) * len(task.fit.job.losses))
        cost, job, n = group[0].cost(data), group[0].fit.job, len(group)
        least, width = ensemble.least(job.plan, job.params.dtype), ensemble.width(job.params.dtype)
        n_full, rest = divmod(n, width)
        if n_full and 0 < rest < least and -(-n_full // n_threads) < -(-(n_full + 1) // n_threads):
            # a part of so few would take longer than they do alone, and threads are busy without it
            work += [(task.cost(data), partial(task.run, data)) for task in group[n - rest :]]
            n -= rest
        n_parts = max(-(-n // width), min(n_threads, int(n / least)))
        if n < least * n_parts:
            work += [(task.cost(data), partial(task.run, data)) for task in group[:n]]
            continue
        for part in np.array_split(np.arange(n), n_parts):
            work.append((least * cost, partial(run_ensemble, [group[i] for i in part])))
    return [function for _, function in sorted(work, key=lambda pair: -pair[0])]


def _chains(tasks):
    """Group tasks that share something, each group in the order of the tasks."""
    of = {}  # the group of each thing that is used; every task uses its model
    for task in (task for task in tasks if task.error is None):
        met = {id(of[one]): of[one] for one in task.shared if one in of}
        chain = sorted(itertools.chain([task], *met.values()), key=lambda task: task.index)
        of.update((one, chain) for each in chain for one in each.shared)
    return list({id(chain): chain for chain in of.values()}.values())


def run(tasks, data, n_threads):
    """Train all tasks, in this thread and in others of this call's own.

    Ctrl-C stops them all; what it raises is raised when they have stopped.
    """
    stop, failed, started = interrupts.Stop(_checks.users_line()), [], []
    with interrupts.held(stop):
        try:
            work = deque(bundle(tasks, data, n_threads))
            n_workers = min(n_threads, len(work))
            n_each = max(1, n_threads // max(1, n_workers))
            serve = partial(_serve, work, failed, stop, n_each, _config(tasks))
            with _blas(tasks):
                threads.start(started, serve, [()] * (n_workers - 1))
                serve()
                threads.join(started)
        except BaseException:
            stop.set()
            raise
        finally:
            threads.join(started)
            with ExitStack() as stack:  # each is let go, whatever is raised for another
                for task in tasks:
                    stack.callback(task.end)
        if stop.is_set():
            raise KeyboardInterrupt
    interrupts.raise_first(failed)


def _serve(work, failed, stop, n_threads, context):
    """Work off what waits, until all is done or is to stop."""
    with stop.heeded(), threads.limited(n_threads), context():
        while not stop.is_set():
            try:
                function = work.popleft()
            except IndexError:
                return
            try:
                function()
            except KeyboardInterrupt:
                stop.set()  # raised by Ctrl-C or by a callback
            except Exception as error:  # an internal error, or a warning turned into an error
                failed.append(error)


def _blas(tasks):
    """Limit BLAS for all tasks: each L-BFGS does, and would put back what it found, which another one set."""
    if all(task.is_native for task in tasks if task.error is None):
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "blas")


def _config(tasks):
    """Return a function that gives a thread scikit-learn's configuration, which each has for itself."""
    if all(isinstance(task.model, Network) for task in tasks if task.error is None):
        return nullcontext
    from sklearn import config_context, get_config

    return partial(config_context, **get_config())
