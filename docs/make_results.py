"""Write the tables of the performance page from the whole runs that `bench/results` keeps."""

import json

from bench.harness.report import RESULTS, ratio_text, seconds_text

HEAD = """## Every case

Times are medians, of a whole run or of one sample; the ratio is the fastest peer's time over fastmlp's, and
where it is below 1 fastmlp is the slower one. `/2` counts a peer's threads, the faster of those tried; "of
peak" is the share of the multiply-adds that the cores kept busy could do in their registers.
"""


def runs(folder=RESULTS):
    """Yield what the file of each kept run holds."""
    for path in sorted(folder.glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if "level" in run:
            yield run


def row(entry, found):
    """Return a line of a table: a case at one level."""
    key = "seconds" if entry["unit"] == "run" else "per_sample"
    cells = [entry["title"], seconds_text(found[key]), "", "", ""]
    if peer := found.get("fastest_peer"):
        rival = entry["peers"].get(peer, {}).get(key)
        cells[2:4] = peer + (f", {seconds_text(rival)}" if rival else ""), ratio_text(found["ratio"])
    if "share" in found:
        cells[4] = f"{100 * found['share']:.0f} %"
    return f"| {' | '.join(cells)} |"


def table(run):
    """Return the cases of a run that have peers or a share of the peak, as a Markdown table."""
    head = ["| case | fastmlp | fastest peer | ratio | of peak |", "|---|---|---|---|---|"]
    pairs = ((entry, found) for entry in run["cases"] for found in entry["levels"])
    rows = [row(*pair) for pair in pairs if "chart" not in pair[0]]
    return "\n".join(head + rows) if rows else ""


def markdown(folder=RESULTS, link="../bench/results"):
    """Return a section for each kept run, and the drawings.

    Parameters
    ----------
    folder : Path
    link : str
        Where the page finds that folder.
    """
    parts = []
    for run in runs(folder):
        here, versions = run["machine"], ", ".join(f"{k} {v}" for k, v in run["versions"].items())
        said = f"{here['cpu']}, {here['n_cpus']} cores, {here['system']}; {run['when'][:10]}; {versions}."
        parts.append(f"### {run['kind']}\n\n{said}\n\n{table(run)}\n")
    for path in sorted(folder.glob("*.png")):
        kind = "goals" if path.stem.endswith("goals") else "scaling"
        about = {
            "goals": "What share of its goal each case reaches",
            "scaling": "How the time grows with batch size, width, depth, samples, density and threads",
        }[kind]
        parts.append(f"![{about}]({link}/{path.name})\n")
    if not parts:
        return ""
    return "\n".join([HEAD, *parts])
