"""``python -m bench``: check that all peers learn the same, time them, print and keep the result.

``python -m bench SUITE ...`` runs another of the suites, with options of its own.
"""

import argparse
import sys
from datetime import UTC, datetime
from importlib import import_module

from .harness import data, machine, report
from .harness.check import REFERENCE, check_case
from .harness.timing import time_case
from .harness.worker import Worker
from .peers import PEERS, installed
from .suites import memory
from .suites.cases import CASES, select

SUITES = ("batched", "estimators", "folds", "many", "noise", "perceptrons")

# these choose their threads themselves; the others are tried with one and with all
CHOOSES_THREADS = ("fastmlp", "fastmlp-numba")


def options(arguments):
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--cases", nargs="+", metavar="NAME", help="names, or parts of names; default: all")
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=PEERS,
        metavar="PEER",
        help=f"only these of {', '.join(PEERS)}; {REFERENCE}, which all are checked against, always runs",
    )
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, 3 repeats")
    parser.add_argument("--repeats", type=int, help="interleaved repeats of each case (default: 9)")
    parser.add_argument(
        "--threads", type=int, help="the most threads that any peer may use (default: the usable cores)"
    )
    parser.add_argument("--backend", help="fastmlp's backend, as FASTMLP_BACKEND (default: its own choice)")
    parser.add_argument(
        "--json",
        metavar="PATH",
        help="where the results go (default: bench/results/<version>-<cpu>.json, for a whole run only)",
    )
    chosen = parser.parse_args(arguments)
    if chosen.repeats is not None and chosen.repeats < 1:
        parser.error(f"--repeats: expected at least 1, got {chosen.repeats}")
    if chosen.threads is not None and chosen.threads < 1:
        parser.error(f"--threads: expected at least 1, got {chosen.threads}")
    return chosen


def start_workers(names, n_threads, backend, limited):
    """Return a list of workers: each rival with one thread and with all, fastmlp as it chooses itself."""
    workers = []
    for name in names:
        variables = {"fastmlp-numba": {"FASTMLP_BACKEND": "numba"}}.get(name, {})
        if name == "fastmlp" and backend:
            variables = {"FASTMLP_BACKEND": backend}
        counts = [n_threads if limited else None] if name in CHOOSES_THREADS else sorted({1, n_threads})
        workers += [Worker(name, count, variables) for count in counts]
    return workers


def run_case(case, workers, repeats):
    """Check one case, then time it on the peers that agree; return its agreements and measurements."""
    workers = [worker for worker in workers if not worker.call("refuse", case)]
    one_each = {}
    for worker in workers:
        one_each.setdefault(worker.name, worker)
    agreements = check_case(case, one_each)
    wrong = {peer: found.problem for peer, found in agreements.items() if found.problem}
    for peer, problem in wrong.items():
        print(f"{case.title}: {peer} is left out: {problem}", file=sys.stderr)
    if REFERENCE in wrong:
        return agreements, {}
    return agreements, time_case(case, [w for w in workers if w.name not in wrong], repeats)


def measure_memory():
    """Print and return what training adds to the process, for uint8 and float32 rows."""
    found = []
    for dtype in ("uint8", "float32"):
        try:
            found.append(memory.measure(dtype))
            print(report.wrap(memory.report_line(found[-1])))
        except OSError as error:
            print(f"memory: {dtype} not measured: {error}")
    return found


def main(arguments=None):
    """Run the benchmark; return 1 where a peer learned something else, else 0."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in SUITES:
        return import_module(f"bench.suites.{arguments[0]}").main(arguments[1:])
    chosen = options(arguments)
    if chosen.list:
        print("\n".join(f"{case.name:28s} {case.title}" for case in CASES))
        return 0
    try:
        cases = select(chosen.cases, chosen.quick)
    except ValueError as error:
        sys.exit(str(error))
    present, missing = installed(chosen.peers)
    here, digits = machine.describe(), data.load_digits()
    n_threads = chosen.threads or here["n_cpus"]
    workers = start_workers(present, n_threads, chosen.backend, chosen.threads is not None)
    versions = {}
    for worker in workers:
        versions |= worker.call("versions")
    print(report.preamble(here, versions, missing, digits[3]), "", report.line(report.HEADER), sep="\n")
    entries = []
    for case in cases:
        case = data.fit_to_data(case, digits)
        agreements, measurements = run_case(case, workers, chosen.repeats or (3 if chosen.quick else 9))
        print(report.line(report.row(case, measurements)), flush=True)
        entries.append(report.as_dict(case, agreements, measurements))
    for worker in workers:
        worker.close()
    print("", report.LEGEND, *report.subsets(entries), sep="\n")
    whole = not (chosen.cases or chosen.quick or chosen.peers)
    in_memory = measure_memory() if whole else []
    path = chosen.json or (report.default_path(versions, here["cpu"]) if whole else None)
    if path:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        options_used = {"quick": chosen.quick, "threads": n_threads, "backend": chosen.backend}
        report.write(
            path,
            {
                "when": now,
                "versions": versions,
                "machine": here,
                "data": digits[3],
                "options": options_used,
                "missing": missing,
                "cases": entries,
                "memory": in_memory,
            },
        )
        print(f"written to {path}")
    return int(any(found["problem"] for entry in entries for found in entry["agreement"].values()))


if __name__ == "__main__":
    sys.exit(main())
