"""``python -m bench [NAME ...]``: check that all peers learn the same, time them, print and keep the result.

Names are those of suites or of cases, or parts of them; without any all is measured that has a goal.
"""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from .harness import contest, data, machine, report
from .harness.handover import Wait
from .suites import SUITES, cases_of, select


def options(arguments):
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="suites, cases, or parts of cases' names")
    parser.add_argument("--list", action="store_true", help="list suites and cases and end")
    parser.add_argument("--quick", action="store_true", help="fewer rows, 2 rounds: to see whether it works")
    parser.add_argument(
        "--cpu", action="store_true", help="compare CPU seconds: on a machine that others use too"
    )
    parser.add_argument("--repeats", type=int, help="rounds of each case (default: 5)")
    parser.add_argument(
        "--peers", nargs="*", metavar="PEER", help="only these, and what all are checked against"
    )
    parser.add_argument("--threads", type=int, help="the most for any peer (default: the usable cores)")
    parser.add_argument(
        "--levels",
        nargs="+",
        metavar="LEVEL",
        help="fastmlp's backends (default: what this CPU can run without the baseline, and numba)",
    )
    parser.add_argument(
        "--hold",
        action="store_true",
        help="hold fastmlp and the peers to AVX2, as far as they let themselves, on a CPU that could do more",
    )
    parser.add_argument(
        "--near",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait before each round, so long in all, for two cores that are near: on a virtual machine",
    )
    parser.add_argument(
        "--keep", metavar="FOLDER", help=f"where the results go (of a whole run: {report.RESULTS})"
    )
    chosen = parser.parse_args(arguments)
    for name in ("repeats", "threads"):
        value = getattr(chosen, name)
        if value is not None and value < 1:
            parser.error(f"--{name}: expected at least 1, got {value}")
    if not 0 <= chosen.near < float("inf"):
        parser.error(f"--near: expected seconds, 0 or more, got {chosen.near:g}")
    runnable, peers = machine.backends(), sorted({p for s in SUITES for c in cases_of(s) for p in c.PEERS})
    for name, known in (("levels", runnable), ("peers", peers)):
        for given in getattr(chosen, name) or ():
            if given not in known:
                parser.error(
                    f"--{name}: expected some of {', '.join(known)}, got {given!r}; names of cases go before "
                    "the options, or after --"
                )
    if chosen.hold and "avx512" in (chosen.levels or ()):
        parser.error("--hold: expected no level beyond avx2, got --levels avx512")
    if not (chosen.keep or chosen.names or chosen.quick or chosen.peers is not None):
        chosen.keep = report.RESULTS
    if chosen.keep and not chosen.list:
        try:
            Path(chosen.keep).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=chosen.keep).close()
        except OSError as error:
            parser.error(f"--keep: cannot write to {chosen.keep}: {error.strerror}")
    return chosen


def levels(chosen):
    """Return fastmlp's backends to measure."""
    if chosen.levels:
        return chosen.levels
    built = machine.levels()
    found = [level for level in built if level != "base"] or list(built)
    return [level for level in found if not (chosen.hold and level == "avx512")] + ["numba"]


def main(arguments=None):
    """Run the benchmark; return 1 where a peer learned something else, 130 after Ctrl-C, else 0."""
    chosen = options(arguments)
    if chosen.list:
        print(
            "\n".join(
                f"{suite:12s} {case.name:36s} {case.title}" for suite in SUITES for case in cases_of(suite)
            )
        )
        return 0
    try:
        cases = select(chosen.names)
    except ValueError as error:
        sys.exit(str(error))
    here, what = machine.describe(), data.load_images()[2]
    team = contest.Team(levels(chosen), chosen.threads or here["n_cpus"], chosen.hold, chosen.peers)
    print(report.preamble(here, what), "", report.line(report.HEADER), sep="\n", flush=True)
    repeats, entries, n_wrong = chosen.repeats or (2 if chosen.quick else 5), [], 0
    wait = Wait(chosen.near)
    try:
        for case in cases:
            found = contest.run(case, team, repeats, chosen.quick, chosen.cpu, wait)
            n_wrong += any(differences["problem"] for differences in found[0].values())
            entries.append(report.entry(case, *found, refused=team.refused.get(case.name)))
            print(*report.lines(entries[-1]), sep="\n", flush=True)
    except KeyboardInterrupt:
        team.close(at_once=True)
        print(f"interrupted: {len(entries)} of {len(cases)} cases, nothing is kept")
        print(report.verdict(entries))
        return 130
    team.close()
    print(
        "",
        report.wrap(", ".join(f"{name} {version}" for name, version in team.versions.items())),
        *(f"left out: {peer}: {why}" for peer, why in team.missing.items()),
        "",
        report.LEGEND,
        *report.nearness(entries),
        "",
        report.verdict(entries),
        sep="\n",
    )
    if chosen.keep:
        keep(chosen, team, here, what, entries)
    return int(n_wrong > 0)


def keep(chosen, team, here, what, entries):
    """Write a JSON file for each level, and the drawings."""
    folder, version = Path(chosen.keep), team.versions.get("fastmlp", "peers")
    best = (machine.levels() or ("none",))[0]
    about = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": team.versions,
        "machine": here,
        "data": what,
        "quick": chosen.quick,
        "cpu_seconds": chosen.cpu,
        "n_threads": team.n_threads,
        "held_to_avx2": team.held,
        "waited_for_near_cores": chosen.near,
        "missing": team.missing,
    }
    for level in team.levels:
        kind = machine.kind_of(level, best, team.held)
        report.write(
            folder / report.file_name(version, here["cpu"], kind, "json"),
            about | {"kind": kind},
            entries,
            level,
        )
    try:
        from .harness import plot
    except ImportError as error:
        print(f"not drawn: {error}")
    else:
        title = f"fastmlp {version} on {here['cpu']}, {here['n_cpus']} cores"
        held = ", held to AVX2" if team.held else ""
        for name, draw in ((f"goals{held}", plot.goals), (f"scaling{held}", plot.scaling)):
            if (figure := draw(entries, title + held)) is not None:
                figure.savefig(folder / report.file_name(version, here["cpu"], name, "png"), dpi=110)
    print(f"written to {folder}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before the first case
        sys.exit(130)
