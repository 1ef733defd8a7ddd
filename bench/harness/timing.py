"""Interleaved repeats: every round runs each peer once, so that a drifting machine meets all alike."""

import statistics
import time
from dataclasses import dataclass, field

REST = 0.15  # seconds between two runs: idle threads of OpenBLAS spin for 0.1 s, on the next peer's cores
SHORTEST = 0.1  # seconds that one repeat should take: shorter runs are repeated and averaged
SLOWER = 1.5  # a thread count this much slower than the same peer's best is dropped after the first run


@dataclass
class Measurement:
    """One peer's times in one case.

    Attributes
    ----------
    peer : str
    n_threads : int or None
        Of its faster variant; None where the library chooses.
    n_samples : int
        Samples in a run: epochs times rows.
    seconds : list of float
        Seconds of a run, one per repeat.
    """

    peer: str
    n_threads: int | None
    n_samples: int
    seconds: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def per_sample(self):
        return self.median / self.n_samples


def drop_slow_variants(entries):
    """Keep the thread counts of each peer that are near its best first run."""
    best = {}
    for entry in entries:
        best[entry["peer"]] = min(entry["first"], best.get(entry["peer"], float("inf")))
    return [entry for entry in entries if entry["first"] <= SLOWER * best[entry["peer"]]]


def time_case(case, workers, repeats):
    """Time a case on all workers, interleaved; return {peer: Measurement}, each peer's faster variant.

    Parameters
    ----------
    case : Case
    workers : list of Worker
        Of one peer there may be several, with different numbers of threads.
    repeats : int
    """
    entries = []
    for worker in workers:
        own = case.with_rows(case.rows_of(worker.name))
        worker.call("setup", own)
        worker.call("time")  # compiles, fills caches
        measurement = Measurement(worker.name, worker.n_threads, own.n_samples)
        first = worker.call("time")
        n_runs = min(max(1, round(SHORTEST / first)), 1000)
        entries.append(
            {"peer": worker.name, "worker": worker, "first": first, "n_runs": n_runs, "to": measurement}
        )
    entries = drop_slow_variants(entries)
    for _ in range(repeats):
        for entry in entries:
            time.sleep(REST)
            entry["to"].seconds.append(entry["worker"].call("time", entry["n_runs"]))
    fastest = {}
    for entry in entries:
        measurement = entry["to"]
        if measurement.peer not in fastest or measurement.median < fastest[measurement.peer].median:
            fastest[measurement.peer] = measurement
    return fastest


def median_seconds(calls, repeats, shortest=SHORTEST, rest=REST):
    """Return {name: median seconds of a call}, the calls measured in turns.

    Parameters
    ----------
    calls : dict of callable
    repeats : int
    shortest, rest : float
        Seconds: a measurement repeats shorter calls, at most 1000 times; what lies between two measurements.
    """
    counts, found = {}, {name: [] for name in calls}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        counts[name] = min(1000, max(1, round(shortest / (time.perf_counter() - start))))
    for _ in range(repeats):
        for name, call in calls.items():
            time.sleep(rest)
            start = time.perf_counter()
            for _ in range(counts[name]):
                call()
            found[name].append((time.perf_counter() - start) / counts[name])
    return {name: statistics.median(times) for name, times in found.items()}
