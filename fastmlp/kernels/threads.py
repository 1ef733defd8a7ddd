"""Threads: how many there may be, what ends their runs, and work shared out among them."""

import os
import threading
from collections import deque


class Limits(threading.local):
    """What one thread's runs heed beside their arguments.

    Attributes
    ----------
    n_threads : int or None
        Threads a run may use where it is not told.
    stop : threading.Event or None
        Ends a run by a KeyboardInterrupt; signals reach the main thread only.
    """

    n_threads = None
    stop = None


limits = Limits()


def check_stop():
    """Raise KeyboardInterrupt where this thread's runs were told to stop."""
    if limits.stop is not None and limits.stop.is_set():
        raise KeyboardInterrupt


def usable_cores():
    """Cores that this thread may use: its limit, else affinity, cgroup limits and OMP_NUM_THREADS."""
    if limits.n_threads is not None:
        return limits.n_threads
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit) > 0:
        return int(limit)
    from joblib import cpu_count

    return cpu_count()


def share_out(work, pieces, n_threads):
    """Call ``work(*piece)`` for each piece, in this thread and in up to n_threads - 1 others.

    What one of them raises is raised here, once all have stopped; what is left then is not begun.
    """
    waiting, failures = deque(pieces), []

    def work_off():
        try:
            while True:
                try:
                    piece = waiting.popleft()
                except IndexError:
                    return
                work(*piece)
        except BaseException as error:
            waiting.clear()
            failures.append(error)

    crew = [threading.Thread(target=work_off, daemon=True) for _ in range(min(n_threads, len(waiting)) - 1)]
    for thread in crew:
        thread.start()
    work_off()
    for thread in crew:
        thread.join()
    if failures:
        raise failures[0]
