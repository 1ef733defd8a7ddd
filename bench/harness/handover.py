"""How near two cores are to each other now: a line of memory handed to and fro.

On a virtual machine that changes within seconds (its cores are on one chiplet or on two), and what
mini-batches gain by a second thread goes with it.
"""

import ctypes
import os
import threading
import time

from .native import library

SOURCE = """
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

double hand_over(volatile long *turn, long me, long windows, long times, long patience) {
    double best = -1;
    for (long k = 0; k < windows; k++) {
        double began = now(), each;
        for (long i = 0; i < times; i++) {
            for (long left = patience; *turn % 2 != me; )
                if (!left--) return best;
            *turn += 1;
        }
        each = (now() - began) / (2 * times);
        if (best < 0 || each < best) best = each;
    }
    return best;
}
"""
# the best of some windows, as others may have a core in between; who waits 10 ms for the other gives up
WINDOWS, TIMES, PATIENCE = 20, 500, 10_000_000
NEAR = 100  # nanoseconds, below which cores lie near: those that share a third-level cache take 20 to 60


def handover():
    """Return the nanoseconds in which a line passes from one of this process's first two cores to the other.

    None where there is one core only, no C compiler, or no way to say on which core a thread runs.
    """
    code = library(SOURCE, "base")
    if (
        code is None
        or not hasattr(os, "sched_setaffinity")
        or len(cores := sorted(os.sched_getaffinity(0))) < 2
    ):
        return None
    code.hand_over.restype, line, found = ctypes.c_double, (ctypes.c_long * 16)(), [-1.0, -1.0]
    at = ctypes.byref(line, -ctypes.addressof(line) % 64)

    def take_part(me):
        os.sched_setaffinity(0, {cores[me]})  # this thread's
        found[me] = code.hand_over(at, *map(ctypes.c_long, (me, WINDOWS, TIMES, PATIENCE)))

    crew = [threading.Thread(target=take_part, args=(me,)) for me in range(2)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return min((each for each in found if each > 0), default=None)


class Wait:
    """Waits until the two cores are near each other.

    Parameters
    ----------
    seconds : float
        How long at most, all calls together.
    """

    def __init__(self, seconds):
        self.left = seconds

    def __call__(self):
        """Return the nanoseconds of a handover, as `handover` does, once it is near or nothing is left."""
        while (found := handover()) is not None and found >= NEAR and self.left > 0:
            began = time.monotonic()
            time.sleep(min(1.0, self.left))
            self.left -= time.monotonic() - began
        return found
