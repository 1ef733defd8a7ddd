"""What is found of a case, the lines that are printed, and the files that are kept."""

import json
import statistics
import textwrap
from pathlib import Path

from .machine import slug

RESULTS = Path(__file__).parents[1] / "results"
HEADER = "case", "level", "fastmlp", "fastest peer", "ratio", "spread", "goal", "GFLOP/s", "of peak", "cores"
WIDTHS = (50, 7, 10, 24, 10, 11, 13, 8, 8, 6)
LEGEND = """
Times are medians: of a whole run, or of a sample where a case trains many. 'ratio': the fastest peer's time
over fastmlp's, the median of the rounds; '<1x' means that fastmlp is slower; 'spread': its least and most.
'/2' counts the threads, the faster of those tried. GFLOP/s count multiplications with inputs that are 0 as
well; 'of peak': their share of the register FMA peak of the cores kept busy. Below each case the other
peers' times, and the floor: what its operations (on inputs that are not 0), rows, optimizer's state, and
the chain of results that wait for one another take at the least, each measured on this machine after the
case; only who overlaps them all takes no longer than the longest. Numba is fastmlp's backend without a
compiler; its ratio is the time of the compiled one over its own, and the goal a third.
"""
NUMBA_GOAL = 1 / 3
APART = 1.5  # cores whose handover takes this much longer are farther apart


def ratios(own, other):
    """Return the times of `other` over those of `own` in the rounds of both, by the sample."""
    pairs = zip(own.seconds, other.seconds, strict=True)
    scale = own.n_samples / other.n_samples
    return [scale * b / a for a, b in pairs if a is not None and b is not None]


def found_at(case, own, rivals, peaks, floor=None, baseline=None):
    """Return what was found at one level, as a dict for JSON.

    Parameters
    ----------
    case : Case
    own : Measurement
        fastmlp's at this level.
    rivals : list of Measurement
        The peers'; for Numba fastmlp's at its best level.
    peaks : dict of float
        GFLOP/s of a core, by level.
    floor : dict of float or None
        Seconds of a sample that nobody can be below, by what takes them.
    baseline : Measurement or None
        What the case's goal is beyond.
    """
    found = {
        "level": own.level,
        "seconds": own.median,
        "per_sample": own.per_sample,
        "seconds_by_round": own.seconds,
    }
    fastest = min(rivals, key=lambda m: m.per_sample, default=None)
    if fastest is not None and (by_round := ratios(own, fastest)):
        found |= {
            "fastest_peer": fastest.label,
            "peer_per_sample": fastest.per_sample,
            "ratio": statistics.median(by_round),
            "spread": [min(by_round), max(by_round)],
        }
    found["cores"] = statistics.median(own.cores)
    if case.flops:
        found["gflops"] = case.flops / own.per_sample / 1e9
        if own.level in peaks:
            n_cores = max(1, round(found["cores"]))
            found |= {"core_peak": peaks[own.level], "share": found["gflops"] / peaks[own.level] / n_cores}
    if floor is not None:
        found["floor"] = floor
    if own.final is not None:
        found["final"] = own.final
    if baseline is not None:
        found["seconds"] = statistics.median(
            a - b for a, b in zip(own.seconds, baseline.seconds, strict=True)
        )
    return found | judgement(case, found)


def judgement(case, found):
    """Return the goal at this level and whether it is met; an empty dict where there is none."""
    numba = found["level"] == "numba"
    goal = NUMBA_GOAL if numba else case.goal_at(found["level"])
    value = found.get(
        {"ratio": "ratio", "share": "share", "seconds": "seconds"}["ratio" if numba else case.measure]
    )
    if goal is None or value is None:
        return {}
    met = value <= goal if case.measure == "seconds" and not numba else value >= goal
    met = met and not (found.get("final") or {}).get("problem")
    return {"goal": goal, "met": bool(met)}


def entry(case, agreements, measurements, peaks, floors=None, handovers=(), refused=None):
    """Return everything about one case, for JSON; `refused`: why fastmlp takes no part, where it does not."""
    own = {m.level: m for m in measurements if m.level}
    baseline = next((m for m in measurements if m.peer == case.baseline), None)
    rivals = [m for m in measurements if not m.level and m is not baseline]
    compiled = [m for level, m in own.items() if level != "numba"]
    best = min(compiled, key=lambda m: m.per_sample, default=None)
    levels = [
        found_at(
            case,
            m,
            ([best] if best else []) if level == "numba" else rivals,
            peaks,
            (floors or {}).get(level),
            baseline,
        )
        for level, m in own.items()
    ]
    return {
        "name": case.name,
        "title": case.title,
        "unit": case.unit,
        "measure": case.measure,
        **({"chart": case.chart, "at": case.at} if hasattr(case, "chart") else {}),
        "agreement": agreements,
        **({"handover_ns": [round(each, 1) for each in handovers]} if handovers else {}),
        **({"refused": refused} if refused else {}),
        "levels": levels,
        "peers": {
            m.label: {
                "seconds": m.median,
                "per_sample": m.per_sample,
                "n_samples": m.n_samples,
                "seconds_by_round": m.seconds,
                "final": m.final,
            }
            for m in rivals
        },
    }


def seconds_text(seconds):
    """Return a duration in the unit that suits it."""
    units = (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, scale = next((each for each in units if seconds >= each[1]), units[-1])
    return f"{seconds / scale:.3g} {unit}" if seconds / scale < 999.5 else f"{seconds / scale:.0f} {unit}"


def ratio_text(ratio):
    """Return a ratio; one below 1 is marked, for it is a loss."""
    return f"{ratio:.3g}x" if ratio >= 1 else f"<1x ({ratio:.2f})"


def goal_text(measure, found):
    """Return a goal, and whether it is met."""
    if "goal" not in found:
        return "-"
    if found["level"] == "numba":
        shown = "1/3"
    else:
        goal = found["goal"]
        shown = {"ratio": f"{goal:g}x", "share": f"{100 * goal:g} %", "seconds": f"{goal:g} s"}[measure]
    return f"{shown} {'met' if found['met'] else 'MISSED'}"


def floor_text(found, scale):
    """Return a line on the floor of a case: its parts, and what the goal needs."""
    parts = sorted(found["floor"].items(), key=lambda part: -part[1])
    least, all_of_it = (scale * each for each in (parts[0][1], sum(seconds for _, seconds in parts)))
    words = ", ".join(f"{name} {seconds_text(scale * seconds)}" for name, seconds in parts)
    text = f"{found['level']}: floor {seconds_text(least)}, one after another {seconds_text(all_of_it)}"
    text += f" ({words})"
    if "ratio" not in found or "goal" not in found:
        return text
    needed = scale * found["per_sample"] * found["ratio"] / found["goal"]
    beyond = "; beyond this machine" if needed < least else ""
    return f"{text}; the goal needs {seconds_text(needed)}{beyond}"


def line(texts):
    first, *others = zip(texts, WIDTHS, strict=True)
    return " ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)])


def lines(entry):
    """Return the lines of one case: one for each level, and one with the other peers."""
    key = "seconds" if entry["unit"] == "run" else "per_sample"
    title = entry["title"]
    shown = [] if entry["levels"] else [f"{title}: fastmlp is left out: {entry.get('refused', 'see above')}"]
    for found in entry["levels"]:
        peer = found.get("fastest_peer")
        where = entry["peers"].get(peer)
        cells = [title, found["level"], seconds_text(found[key]), "-", "-", "-"]
        if peer:
            low, high = found["spread"]
            cells[3] = f"{peer} {seconds_text(where[key])}" if where else peer
            cells[4:] = [ratio_text(found["ratio"]), f"{low:.2f}-{high:.2f}"]
        cells += [
            goal_text(entry["measure"], found),
            f"{found['gflops']:.3g}" if "gflops" in found else "-",
            f"{100 * found['share']:.0f} %" if "share" in found else "-",
            f"{found['cores']:.1f}",
        ]
        shown.append(line(cells))
        title = ""
    fastest = {found.get("fastest_peer") for found in entry["levels"]}
    others = [f"{name} {seconds_text(m[key])}" for name, m in entry["peers"].items() if name not in fastest]
    shown += [f"    {', '.join(others)}"] if others else []
    scale = max((m["n_samples"] for m in entry["peers"].values()), default=1) if key == "seconds" else 1
    shown += [f"    {floor_text(found, scale)}" for found in entry["levels"] if found.get("floor")]
    for found in entry["levels"]:
        if final := found.get("final"):
            values = ", ".join(f"{name} {value:.4g}" for name, value in final.items() if name != "problem")
            shown.append(f"    {found['level']}: {values}{final['problem'] and '; '}{final['problem']}")
    return shown


def wrap(text):
    return textwrap.fill(text, 118)


def preamble(machine, what):
    """Return the lines above the table."""
    shown = [
        f"{machine['cpu']}, {machine['n_cpus']} cores, {machine['system']}, Python {machine['python']}",
        f"data: {what}; warm, in one run; every peer was first checked to learn the same",
    ]
    if machine["load"] is not None and machine["load"] > 0.5:
        shown.append(f"the machine is busy (load {machine['load']:.1f}): trust ratios more than times")
    return "\n".join(map(wrap, shown))


def nearness(entries):
    """Return lines on how near the two cores were, and in which cases they were much farther apart."""
    found = {
        entry["title"]: statistics.median(entry["handover_ns"]) for entry in entries if "handover_ns" in entry
    }
    if not found:
        return []
    least, told = min(found.values()), "A line of memory passed between two cores in"
    far = [f"{title} ({each:.0f})" for title, each in found.items() if each > APART * least]
    if far:
        return [wrap(f"{told} {least:.0f} ns at best; more slowly in these cases: {', '.join(far)}")]
    return [wrap(f"{told} {statistics.median(found.values()):.0f} ns.")]


def verdict(entries):
    """Return how many goals are met, and those that are not, the farthest first."""
    judged = [(entry, found) for entry in entries for found in entry["levels"] if "met" in found]
    missed = [(distance(entry, found), entry, found) for entry, found in judged if not found["met"]]
    shown = [f"{len(judged) - len(missed)} of {len(judged)} goals met"]
    for share, entry, found in sorted(missed, key=lambda each: each[0]):
        shown.append(f"    {100 * share:3.0f} % of the goal: {entry['title']}, {found['level']}")
    return "\n".join(shown)


def distance(entry, found):
    """Return what share of its goal was reached."""
    if found["level"] != "numba" and entry["measure"] == "seconds":
        return found["goal"] / found["seconds"]
    return (
        found["share" if found["level"] != "numba" and entry["measure"] == "share" else "ratio"]
        / found["goal"]
    )


def file_name(version, cpu, what, ending):
    """Return the name of what is kept of a whole run."""
    return f"{version}-{slug(cpu)}-{slug(what)}.{ending}"


def write(path, about, entries, level):
    """Write what was found at one level, and of the peers, as JSON."""
    of_level = [e | {"levels": [f for f in e["levels"] if f["level"] == level]} for e in entries]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about | {"level": level, "cases": of_level}, indent=1) + "\n")
