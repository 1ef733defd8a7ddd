"""The table, and the JSON file."""

import json
import textwrap
from pathlib import Path

from ..peers import RIVALS
from .machine import slug

COLUMNS = (*RIVALS, "jax", "fastmlp")
RESULTS = Path(__file__).parents[1] / "results"


def ratios(measurements):
    """Return the times of the fastest rival, JAX and the Numba backend over fastmlp's.

    A ratio whose two sides were not both measured is None.
    """
    per_sample = {peer: m.per_sample for peer, m in measurements.items()}
    own = per_sample.get("fastmlp")
    rivals = {peer: per_sample[peer] for peer in RIVALS if peer in per_sample}

    def over_own(seconds):
        return None if own is None or seconds is None else seconds / own

    return {
        "fastest_rival": min(rivals, key=rivals.get, default=None),
        "rival": over_own(min(rivals.values(), default=None)),
        "jax": over_own(per_sample.get("jax")),
        "numba": over_own(per_sample.get("fastmlp-numba")),
    }


def seconds_text(seconds):
    """Return a duration in the unit that suits it."""
    units = (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, scale = next((each for each in units if seconds >= each[1]), units[-1])
    return f"{seconds / scale:.3g} {unit}" if seconds / scale < 999.5 else f"{seconds / scale:.0f} {unit}"


def ratio_text(ratio):
    """Return a ratio; one below 1 is marked, for it is a loss."""
    if ratio is None:
        return "-"
    return f"{ratio:.3g}x" if ratio >= 1 else f"<1x ({ratio:.2f})"


def time_text(case, measurement):
    """Return the time of a run or of a sample, with the number of threads where it was given."""
    if measurement is None:
        return "-"
    seconds = measurement.median if case.unit == "run" else measurement.per_sample
    return seconds_text(seconds) + (f" /{measurement.n_threads}" if measurement.n_threads else "")


def row(case, measurements):
    """Return one line of the table as a list of texts."""
    found = ratios(measurements)
    times = [time_text(case, measurements.get(peer)) for peer in COLUMNS]
    goal = "-" if case.goal is None else f"{case.goal:g}x"
    if case.goal is not None and found["rival"] is not None:
        goal += " met" if found["rival"] >= case.goal else " MISSED"
    return [
        case.title,
        *times,
        ratio_text(found["rival"]),
        goal,
        ratio_text(found["jax"]),
        "-" if found["numba"] is None else f"{found['numba']:.2g}x",
    ]


HEADER = ["case", *COLUMNS, "vs best of 3", "goal", "vs JAX", "Numba/compiled"]
WIDTHS = [42, 13, 13, 13, 13, 10, 13, 12, 11, 14]
LEGEND = (
    "Times are medians: of a whole run for XOR, else per sample (rate = 1 / time); '/2' counts the threads,\n"
    "the faster of those tried. 'vs best of 3': the fastest of NumPy, scikit-learn and PyTorch, over\n"
    "fastmlp's time; '<1x' means that fastmlp is slower."
)


def line(texts):
    first, *others = zip(texts, WIDTHS, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)])


def as_dict(case, agreements, measurements):
    """Return everything about one case, for JSON."""
    return {
        "name": case.name,
        "title": case.title,
        "sizes": list(case.sizes),
        "batch_size": case.batch_size,
        "epochs": case.epochs,
        "goal": case.goal,
        "agreement": {peer: vars(agreement) for peer, agreement in agreements.items()},
        "measurements": {
            peer: vars(m) | {"median": m.median, "per_sample": m.per_sample}
            for peer, m in measurements.items()
        },
        "ratios": ratios(measurements),
    }


def default_path(versions, cpu):
    """Return where the results of a whole run are kept."""
    return RESULTS / f"{versions.get('fastmlp', 'peers')}-{slug(cpu)}.json"


def write(path, report):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


def wrap(text):
    return textwrap.fill(text, 118)


def preamble(machine, versions, missing, what):
    """Return the lines above the table: machine, versions, data, and which peers are missing."""
    busy = machine["load"] is not None and machine["load"] > 0.5
    threads = versions.get("n_threads") or "its own choice"
    named = {name: version for name, version in versions.items() if name not in ("backend", "n_threads")}
    lines = [
        f"{machine['cpu']}, {machine['n_cpus']} cores, {machine['system']}, Python {machine['python']}",
        ", ".join(f"{name} {version}" for name, version in named.items()),
        f"fastmlp: backend {versions.get('backend', 'none')}, threads {threads}",
        f"data: {what}; all in float32, warm, in one run; every peer was first checked to learn the same",
    ]
    if missing:
        lines.append(f"not installed, so left out: {', '.join(missing)}")
    if busy:
        lines.append(f"the machine is busy (load {machine['load']:.1f}): trust ratios more than times")
    return "\n".join(map(wrap, lines))


def subsets(entries):
    """Return a line for each case that some peers ran over fewer samples of."""
    lines = []
    for entry in entries:
        counts = {peer: found["n_samples"] for peer, found in entry["measurements"].items()}
        most = max(counts.values(), default=0)
        fewer = ", ".join(f"{peer} {n}" for peer, n in counts.items() if n < most)
        if fewer:
            lines.append(wrap(f"{entry['title']}: timed on {most} samples, but {fewer}"))
    return lines
