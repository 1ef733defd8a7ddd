"""Threads: how many there may be, and work shared out among them."""

import ctypes
import os
import threading
from collections import deque
from contextlib import contextmanager, suppress
from functools import lru_cache

from . import interrupts


class Limits(threading.local):
    """What one thread's runs heed beside their arguments.

    Attributes
    ----------
    n_threads : int or None
        Threads a run may use where it is not told.
    """

    n_threads = None


limits = Limits()


@contextmanager
def limited(n_threads):
    """A block whose runs, those of this thread, use so many threads where they are not told."""
    before, limits.n_threads = limits.n_threads, n_threads
    try:
        yield
    finally:
        limits.n_threads = before


def usable_cores():
    """Cores that this thread may use: its limit, else affinity, cgroup limits and OMP_NUM_THREADS."""
    if limits.n_threads is not None:
        return limits.n_threads
    # a list has a number for each level of nested parallel regions
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if limit.isdecimal() and int(limit) > 0:
        return int(limit)
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return count_cores(frozenset(affinity))


@lru_cache(maxsize=1)
def count_cores(affinity):
    """What joblib counts, once as long as affinity stays: to read the files of cgroups takes 80 us."""
    from joblib import cpu_count

    return cpu_count()


def threads_for(work, least):
    """Return how many threads some work keeps busy: none of them with less than `least` to do, but one."""
    n_threads = int(work // least)
    return min(n_threads, usable_cores()) if n_threads > 1 else 1


def current_core():
    """The core that this thread runs on; -1 where nobody says, or threads are not told which to take."""
    return -1


if hasattr(os, "sched_setaffinity"):
    with suppress(AttributeError, OSError):
        current_core = ctypes.CDLL(None).sched_getcpu


def start(started, target, arguments):
    """Start a thread for each tuple of arguments, append it to `started`; fewer where no more are given."""
    for each in arguments:
        started.append(threading.Thread(target=target, args=each, daemon=True))
        try:
            started[-1].start()
        except RuntimeError:  # the system allows no more threads
            started.pop()
            return
        send_away(started[-1].native_id)


def send_away(thread):
    """Let a thread that has just begun go on upon another core than this thread's, if it may be on any.

    Who waits for a thread to begin wakes on that one's core, and on a virtual machine Linux leaves both
    there for tens of milliseconds, as a core that rests seems to be taken.
    """
    if (core := current_core()) < 0:
        return
    with suppress(OSError):  # the thread has ended, or cores were taken away
        cores = os.sched_getaffinity(thread)
        if others := cores - {core}:
            os.sched_setaffinity(thread, others)
            os.sched_setaffinity(thread, cores)


def join(started):
    """Wait for all threads that `start` has started."""
    for thread in started:
        while thread.is_alive():
            thread.join(0.1)  # with a timeout, because on some systems a join without one delays signals


def share_out(work, pieces, n_threads):
    """Call ``work(*piece)`` for each piece, in this thread and in up to n_threads - 1 others.

    What one of them raises is raised here, once all have stopped; what is left then is not begun. So it is
    with Ctrl-C: a piece should take some milliseconds.
    """
    waiting, failures, started = deque(pieces), [], []

    def work_off():
        try:
            while True:
                try:
                    piece = waiting.popleft()
                except IndexError:
                    return
                interrupts.check_stop()
                work(*piece)
        except BaseException as error:
            waiting.clear()
            failures.append(error)

    with interrupts.held():
        try:
            start(started, work_off, [()] * (min(n_threads, len(waiting)) - 1))
            work_off()
        finally:
            waiting.clear()
            join(started)
        interrupts.raise_first(failures)
