"""Every peer runs in a process of its own, so that no library's threads or settings reach another's."""

import multiprocessing
import os
import signal
import time
import traceback
from contextlib import contextmanager
from importlib import import_module

from .machine import HELD_TO_AVX2

try:
    import resource
except ImportError:  # not Unix
    resource = None

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def cpu_seconds():
    """Return the seconds that cores have worked for this process, and for its own that have ended."""
    if resource is None:
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Session:
    """A peer and the case it is at; the parent process calls it through a `Worker`.

    Parameters
    ----------
    peer : str
        A name in the cases' PEERS.
    n_threads : int or None
        That its library may use; None leaves the choice to the library.
    """

    def __init__(self, peer, n_threads=None):
        self.name, self.n_threads, self.contestants = peer, n_threads, {}

    def call(self, method, *args):
        return getattr(self, method)(*args)

    def contestant(self, case):
        place = case.PEERS[self.name]
        if place not in self.contestants:
            module, kind = place.split(":")
            self.contestants[place] = getattr(import_module(f"bench.peers.{module}"), kind)()
            self.contestants[place].n_threads = self.n_threads
        return self.contestants[place]

    def refuse(self, case):
        """Return why this library has no such case, or None."""
        return self.contestant(case).refuse(case)

    def setup(self, case):
        self.peer = self.contestant(case)
        self.peer.setup(case)

    def time(self, n_runs=1):
        """Return the mean seconds of `n_runs` runs, each from the same start, and the cores kept busy."""
        total = busy = 0.0
        for _ in range(n_runs):
            self.peer.reset()
            cpu, start = cpu_seconds(), time.perf_counter()
            self.peer.run()
            total += time.perf_counter() - start
            busy += cpu_seconds() - cpu
            self.peer.after()
        return total / n_runs, busy / total

    def learn(self, case):
        """Return what one run of `case` computes."""
        self.setup(case)
        self.peer.reset()
        self.peer.run()
        return self.peer.result()

    def result(self):
        """Return what the runs so far computed."""
        return self.peer.result()

    def versions(self, case):
        return self.contestant(case).versions()


def serve(connection, peer, n_threads):
    """Answer calls until the connection closes: (True, value) or (False, traceback)."""
    session = Session(peer, n_threads)
    while True:
        try:
            method, args = connection.recv()
        except EOFError:
            return
        try:
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


@contextmanager
def deaf_to_interrupts():
    """Let the processes that are started inside ignore Ctrl-C: who started them ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Worker:
    """A peer in its own process.

    Parameters
    ----------
    peer : str
    n_threads : int or None
    level : str or None
        fastmlp's backend; its own choice without.
    held : bool
        Hold the library to AVX2, where it can be.
    """

    def __init__(self, peer, n_threads=None, level=None, held=False):
        self.peer, self.n_threads, self.level = peer, n_threads, level
        variables = dict(HELD_TO_AVX2) if held else {}
        if level:
            variables["FASTMLP_BACKEND"] = level
        if n_threads:
            variables |= dict.fromkeys(THREAD_VARIABLES, str(n_threads))
            if peer == "jax" and n_threads == 1:
                variables["XLA_FLAGS"] = f"{variables.get('XLA_FLAGS', '')} {XLA_ONE_THREAD}"
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, peer, n_threads))
        with environment(variables), deaf_to_interrupts():
            self.process.start()
        theirs.close()

    @property
    def label(self):
        """The peer with its level or its number of threads."""
        if self.level:
            return f"{self.peer} {self.level}"
        return f"{self.peer}/{self.n_threads}" if self.n_threads else self.peer

    def call(self, method, *args):
        """Call a method of the worker's `Session`; raise RuntimeError with its traceback where it fails."""
        try:
            self.connection.send((method, args))
            succeeded, value = self.connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.process.join(1)
            raise RuntimeError(
                f"{self.label}: its process ended, exit code {self.process.exitcode}"
            ) from None
        if not succeeded:
            raise RuntimeError(f"{self.label} failed:\n{value}")
        return value

    def close(self, at_once=False):
        """End the process; `at_once`: also in the middle of a call."""
        if at_once:
            self.process.terminate()
        self.connection.close()
        self.process.join(10)
