"""The drawings of a whole run: ratios beside their goals, and how the time grows."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, StrMethodFormatter

from .report import distance

COLOURS = {"avx512": "#1b6ca8", "avx2": "#e07b39", "base": "#6a994e", "numba": "#999999"}
PEERS = {
    "numpy": "#b5838d",
    "scikit-learn": "#f4a261",
    "torch": "#9d4edd",
    "jax": "#2a9d8f",
    "fann": "#bc6c25",
}


def goals(entries, title):
    """Return a figure: a bar for each case and level, as long as the share of its goal that was reached."""
    rows = [
        (entry, [f for f in entry["levels"] if "met" in f and f["level"] != "numba"]) for entry in entries
    ]
    rows = [(entry, found) for entry, found in rows if found]
    figure = Figure(figsize=(10, 1.5 + 0.34 * len(rows)), layout="constrained")
    ax, height = figure.subplots(), 0.8 / max((len(found) for _, found in rows), default=1)
    for y, (entry, found) in enumerate(rows):
        for k, each in enumerate(found):
            at, share = y + (k + 0.5) * height - 0.4, distance(entry, each)
            ax.barh(at, share, height, color=COLOURS.get(each["level"]), alpha=1.0 if each["met"] else 0.45)
            behind = {"color": "white", "pad": 0}  # the line of the goal would strike the text out
            ax.text(share + 0.03, at, value_text(entry, each), va="center", fontsize=7, bbox=behind)
    ax.axvline(1, color="black", linewidth=1)
    ax.margins(x=0.2, y=0.01)
    ax.set_yticks(range(len(rows)), [entry["title"] for entry, _ in rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("share of the goal that is reached; met ones in full colour")
    ax.set_title(title, fontsize=9)
    levels = list(dict.fromkeys(each["level"] for _, found in rows for each in found))
    key = [Patch(color=COLOURS.get(level)) for level in levels]
    figure.legend(key, levels, loc="outside lower center", ncols=8, fontsize=8)
    return figure


def value_text(entry, found):
    """Return what was found, and the fastest peer."""
    if entry["measure"] == "share":
        return f"{100 * found['share']:.0f} % of peak"
    if entry["measure"] == "seconds":
        return f"{found['seconds']:.3g} s"
    return f"{found['ratio']:.2f}x {found['fastest_peer']}"


def panel_title(chart, titles):
    """Return what a chart's points have in common, and from where to where the rest goes.

    Parameters
    ----------
    chart : str
        What varies.
    titles : list of str
        Of the points: "batch 4: 784-128-10, adam, batch 4".
    """
    parts = []
    for words in zip(*(each.partition(": ")[2].split(", ") for each in titles), strict=True):
        first, last = words[0], words[-1]
        ends = "" if first == last else f" to {last.rpartition(' ')[2]}"
        parts.append(first + ends)
    return f"by {chart}: {', '.join(parts)}"


def scaling(entries, title):
    """Return a figure: time against each size, a line for each level and each peer; None without any."""
    points = [entry for entry in entries if "chart" in entry]
    charts = {}
    for entry in points:
        charts.setdefault(entry["chart"], []).append(entry)
    if not charts:
        return None
    figure = Figure(figsize=(13, 1 + 3.3 * -(-len(charts) // 3)), layout="constrained")
    rows = -(-len(charts) // 3)
    for ax, (chart, entries_of) in zip(figure.subplots(rows, 3).flat, charts.items(), strict=False):
        lines, entries_of = {}, sorted(entries_of, key=lambda entry: entry["at"])
        for entry in entries_of:
            best = {}
            for label, found in entry["peers"].items():
                peer = label.split("/")[0]
                best[peer] = min(found["per_sample"], best.get(peer, float("inf")))
            best |= {f"fastmlp {found['level']}": found["per_sample"] for found in entry["levels"]}
            for name, seconds in best.items():
                lines.setdefault(name, []).append((entry["at"], 1e6 * seconds))
        for name, found in lines.items():
            level = name.removeprefix("fastmlp ")
            ours = level != name
            ax.plot(
                *zip(*found, strict=True),
                "o-" if ours else ".--",
                label=name,
                linewidth=2 if ours else 1,
                color=COLOURS.get(level) if ours else PEERS.get(name),
            )
        at = [entry["at"] for entry in entries_of]
        ax.set_title(panel_title(chart, [entry["title"] for entry in entries_of]), fontsize=9)
        ax.set(xscale="log", yscale="log", xlabel=chart, ylabel="µs a sample")
        ax.set_xticks(at, [f"{each:g}" for each in at])
        ax.minorticks_off()
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.grid(alpha=0.3)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
