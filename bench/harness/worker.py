"""Every peer runs in a process of its own, so that no library's threads or settings reach another's."""

import multiprocessing
import os
import time
import traceback
from contextlib import contextmanager

from ..peers import create
from .data import initial_weights, load_digits, rows_for

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class Session:
    """A peer and the case it is at; the parent process calls it through a `Worker`."""

    def __init__(self, name, n_threads=None):
        self.peer = create(name)
        self.peer.n_threads = n_threads

    def call(self, method, *args):
        return getattr(self, method)(*args)

    def refuse(self, case):
        return self.peer.refuse(case)

    def setup(self, case):
        x, y = rows_for(case, None if case.sizes[0] == 2 else load_digits())
        self.peer.setup(case, x, y, initial_weights(case.sizes))

    def time(self, n_runs=1):
        """Return the mean seconds of `n_runs` runs, each from the initial weights."""
        total = 0.0
        for _ in range(n_runs):
            self.peer.reset()
            start = time.perf_counter()
            self.peer.run()
            total += time.perf_counter() - start
        return total / n_runs

    def learn(self, case):
        """Return what one run of `case` computes."""
        self.setup(case)
        self.peer.reset()
        self.peer.run()
        return self.peer.result()

    def versions(self):
        return self.peer.versions()


def serve(connection, name, n_threads):
    """Answer calls until the connection closes: (True, value) or (False, traceback)."""
    session = None
    while True:
        try:
            method, args = connection.recv()
        except EOFError:
            return
        try:
            session = session or Session(name, n_threads)
            answer = True, session.call(method, *args)
        except Exception:
            answer = False, traceback.format_exc()
        connection.send(answer)


@contextmanager
def environment(variables):
    """Set environment variables for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Worker:
    """A peer in its own process.

    Parameters
    ----------
    name : str
    n_threads : int or None
        Threads that its library may use; None leaves the choice to the library.
    variables : dict
        Further environment variables.
    """

    def __init__(self, name, n_threads=None, variables=None):
        self.name, self.n_threads = name, n_threads
        variables = dict(variables or {})
        if n_threads:
            variables |= dict.fromkeys(THREAD_VARIABLES, str(n_threads))
            if name == "jax" and n_threads == 1:
                variables["XLA_FLAGS"] = XLA_ONE_THREAD
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, n_threads), daemon=True)
        with environment(variables):
            self.process.start()
        theirs.close()

    def call(self, method, *args):
        """Call a method of the worker's `Session`; raise RuntimeError with its traceback where it fails."""
        self.connection.send((method, args))
        try:
            succeeded, value = self.connection.recv()
        except EOFError:
            raise RuntimeError(f"{self.name}: its process ended, exit code {self.process.exitcode}") from None
        if not succeeded:
            raise RuntimeError(f"{self.name} failed:\n{value}")
        return value

    def close(self):
        self.connection.close()
        self.process.join(10)
