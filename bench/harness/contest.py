"""One case on all its peers: what they learn is compared, then they are timed in turns."""

import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from .ceilings import Ceilings
from .handover import handover
from .peak import peak
from .worker import Worker

SLOWER = 1.5  # a thread count this much slower than the same peer's best is dropped after the first run
FAR = 3  # peers this much slower than the fastest one take part in every third round only
FREE = ("fastmlp",)  # chooses its threads itself; the others are tried with one and with all


@dataclass
class Measurement:
    """One peer's times in one case.

    Attributes
    ----------
    label, peer : str
    level : str or None
        fastmlp's backend.
    n_threads : int or None
        None where the library chooses.
    n_samples : int
        Of a run.
    seconds : list of float
        Of a run, one per round; None where the peer sat out.
    cores : list of float
        Kept busy.
    final : dict or None
        What `Case.final` found.
    """

    label: str
    peer: str
    level: str | None
    n_threads: int | None
    n_samples: int
    seconds: list = field(default_factory=list)
    cores: list = field(default_factory=list)
    final: dict | None = None

    @property
    def median(self):
        return statistics.median(s for s in self.seconds if s is not None)

    @property
    def per_sample(self):
        return self.median / self.n_samples


class Team:
    """The workers: started when a case first needs them, and kept for the cases that follow.

    Parameters
    ----------
    levels : sequence of str
        fastmlp's backends.
    n_threads : int
        The most that a library may use.
    held : bool
        Hold them all to AVX2, where they can be.
    peers : sequence of str or None
        Only these, and each case's reference.
    """

    def __init__(self, levels, n_threads, held=False, peers=None):
        self.levels, self.n_threads, self.held, self.peers = levels, n_threads, held, peers
        self.workers, self.missing, self.versions = {}, {}, {}
        self.refused = {}  # case's name: why fastmlp cannot do it here

    def of(self, case):
        """Return the workers that take part in a case."""
        chosen = []
        for peer in case.PEERS:
            asked = (self.peers is None or peer in (*FREE, *self.peers)) and (
                not case.peers or peer in case.peers
            )
            if asked or peer == case.reference:
                chosen += self.variants(peer, case)
        return chosen

    def variants(self, peer, case):
        """Return the workers of one peer; none where its library is missing or has no such case.

        A backend of fastmlp that is missing leaves the others to go on.
        """
        if peer in FREE:
            compiled = [level for level in self.levels if level != "numba"] or self.levels
            levels = {"all": self.levels, "compiled": compiled, "best": compiled[:1]}[case.levels]
            alone = case.one_core or self.n_threads == 1
            keys = [(peer, 1 if alone else None, level) for level in levels]
        else:
            keys = [(peer, n, None) for n in sorted({1, 1 if case.one_core else self.n_threads})]
        found = []
        for key in keys:
            name = f"{peer} {key[2]}" if key[2] else peer
            if name in self.missing:
                continue
            new = key not in self.workers
            worker = self.workers.setdefault(key, None) or Worker(*key, held=self.held)
            self.workers[key] = worker
            try:
                if new:
                    self.versions |= worker.call("versions", case)
                if why := worker.call("refuse", case):
                    if peer in FREE:
                        self.refused[case.name] = why
                    break
            except RuntimeError as error:
                self.missing[name] = str(error).strip().splitlines()[-1]
                print(f"{worker.label} is left out: {self.missing[name]}", file=sys.stderr)
                continue
            found.append(worker)
        return found

    def close(self, at_once=False):
        for worker in self.workers.values():
            worker.close(at_once)


def agreements(case, workers):
    """Run the small case on each peer; return what differs by label, of those that fail too."""
    small, found, by_peer = case.small(), {}, {}
    for worker in workers:
        by_peer.setdefault(worker.label if worker.level else worker.peer, worker)
    ordered = sorted(by_peer.values(), key=lambda worker: worker.peer != case.reference)
    expected = None
    for worker in ordered:
        try:
            result = worker.call("learn", small)
            expected = result if expected is None else expected
            found[worker.label] = case.compare(worker.peer, result, expected)
        except RuntimeError as error:
            found[worker.label] = {"problem": str(error)}
        if found[worker.label]["problem"]:
            print(
                f"{case.title}: {worker.label} is left out: {found[worker.label]['problem']}", file=sys.stderr
            )
    return found


@contextmanager
def left_out(case, worker, entries=(), entry=None):
    """A block in which a worker that fails is told of, and leaves the others to go on."""
    try:
        yield
    except RuntimeError as error:
        print(f"{case.title}: {worker.label} is left out: {error}", file=sys.stderr)
        if entry in entries:
            entries.remove(entry)


class Entry:
    """A worker at a case, and how many runs make a repeat."""

    def __init__(self, case, worker, quick):
        self.worker = worker
        small = self.case = case.small()
        worker.call("setup", small)
        if case.warm:
            worker.call("time")  # compiles, fills caches
            self.case = case.sized(worker.call("time")[0] / small.n_samples, quick)
        if self.case != small:
            worker.call("setup", self.case)
            worker.call("time")
        self.first = worker.call("time")[0]
        self.n_runs = min(max(1, round(case.shortest / self.first)), 1000)
        self.found = Measurement(
            worker.label, worker.peer, worker.level, worker.n_threads, self.case.n_samples
        )
        self.speed = self.first / self.case.n_samples

    def measure(self, takes_part, cpu=False):
        """Time a repeat; `cpu`: the seconds that cores have worked, which others' work touches less."""
        seconds, cores = self.worker.call("time", self.n_runs) if takes_part else (None, None)
        self.found.seconds.append(seconds * cores if takes_part and cpu else seconds)
        self.found.cores += [cores] if takes_part else []


def without_slow_variants(entries):
    """Return the entries without the thread counts that are far from the same peer's best."""
    best = {}
    for entry in entries:
        key = entry.worker.peer, entry.worker.level
        best[key] = min(entry.speed, best.get(key, entry.speed))
    return [e for e in entries if e.speed <= SLOWER * best[e.worker.peer, e.worker.level]]


def timed(case, workers, repeats, quick=False, cpu=False, wait=None):
    """Time a case in turns.

    Parameters
    ----------
    wait : callable, optional
        Waits for near cores before each round, and returns what `handover` does.

    Returns
    -------
    measurements : list of Measurement
    peaks : dict of float
        GFLOP/s of a core, by level, measured in every round; empty where the case counts no operations.
    handovers : list of float
        Nanoseconds in which a line passed from core to core, before each round where that could be measured.
    """
    entries, handovers = [], []
    for worker in workers:
        with left_out(case, worker):
            entries.append(Entry(case, worker, quick))
    entries = without_slow_variants(entries)
    rivals = [entry.speed for entry in entries if not entry.worker.level]
    far = FAR * min(rivals, default=0.0)
    levels = [entry.worker.level for entry in entries if entry.worker.level] if case.flops else []
    peaks = {level: [] for level in levels}
    for k in range(min(case.repeats or repeats, repeats) if quick else case.repeats or repeats):
        for level, found in peaks.items():
            found.append(peak(level))
        if not case.one_core and (nanoseconds := (wait or handover)()) is not None:
            handovers.append(nanoseconds)
        for entry in entries[:]:
            takes_part = entry.worker.level or entry.speed <= far or k % 3 == 0
            if takes_part:
                time.sleep(case.rest)
            with left_out(case, entry.worker, entries, entry):
                entry.measure(takes_part, cpu)
    for entry in entries:
        entry.found.final = entry.case.final(entry.worker.call("result"))
    known = {level: statistics.median(found) for level, found in peaks.items() if None not in found}
    return [entry.found for entry in entries], known, handovers


def run(case, team, repeats, quick=False, cpu=False, wait=None):
    """Compare and time one case; return its agreements, measurements, peaks, floors and handovers."""
    workers = team.of(case)
    agreed = agreements(case, workers)
    wrong = {label for label, found in agreed.items() if found["problem"]}
    wrong |= {label.split("/")[0] for label in wrong}
    right = [worker for worker in workers if worker.label not in wrong and worker.peer not in wrong]
    if case.peers:
        right = [worker for worker in right if worker.peer in case.peers]
    measured, peaks, handovers = timed(case, right, repeats, quick, cpu, wait)
    n_cores = 1 if case.one_core or case.serial else team.n_threads
    known = [m.level for m in measured if m.level and Ceilings.known(m.level)]
    floors = {level: case.floor(Ceilings(level, n_cores)) for level in known}
    return agreed, measured, peaks, floors, handovers
