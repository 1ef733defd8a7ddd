"""``python docs/make_experiments.py FOLDER [FOLDER ...]``: write experiments.md and its pictures.

The first is what ``fastmlp experiment all --full --output FOLDER`` wrote: a folder for each experiment with
``result.json`` and pictures. Further ones hold some of them run by another backend, of which only the seconds
are told: ``FASTMLP_BACKEND=avx2 fastmlp experiment A3 B3 C1 C5 C14 --full --output FOLDER``. What is said of
each is its module's docstring, and a ``note`` in its JSON.
"""

import argparse
import io
import json
import os
import re
from pathlib import Path

from PIL import Image

from fastmlp import experiments
from fastmlp.experiments.result import Result

HERE = Path(__file__).parent
PAGE, PICTURES = HERE / "experiments.md", HERE / "experiments"
WIDTHS, COLOURS, MOST_BYTES = (760, 560, 400, 300), 256, 60_000
HEAD = """# Experiments

What people do with perceptrons and networks, run at full size on real data: what earlier reports had,
hand-written or by a framework, beside what comes out here. A reported figure is a point of reference, not a
target: where ours differs, the last column says why. Reports rarely state all that a figure depends on.

Each is a lesson of a few lines in [`fastmlp/experiments/`](api/experiments.rst). One of them, or all:

```console
$ fastmlp experiment C9 --full --output found
$ fastmlp experiment all --full --output found
```

Without `--full` each takes seconds. MNIST and CIFAR-10 are downloaded once, or read where `FASTMLP_DATA`
points; the 28 rows of A3 and the photographs of F1 are read there only, and have stand-ins elsewhere, which
the output names. On a stand-in with fewer images nets learn for as many times more epochs, unless
`--set epochs=` says how many. What a stand-in or the quick size cannot show is told as not judged, and why.

{machine}

## Time

{times}

The goals are for two cores. C5's is for AVX-512; on AVX2 it is 10 s.
"""
# what is timed, and what it should take: seconds, and which of a result's seconds count
GOALS = {
    "A3": ("both neurons, 5 runs of 5 folds", 2.0, ("linear", "tanh")),
    "B3": ("5 runs of 5000 epochs, with metrics on noisy copies", 10.0, None),
    "C1": ("three optimizers, 10 epochs each, an image a step (reported: 2541 s)", 60.0, "seconds"),
    "C5": ("784-256-128-64-10, batch 32, 10 epochs (reported: 18983 s)", 6.0, "784-256-128-64-10"),
    "C14": ("the whole experiment: six nets with dropout, and a file each epoch", 180.0, None),
}


def seconds_of(data, which):
    """Return the seconds of an experiment that a goal is about."""
    if which is None:
        return data["elapsed"]
    found = 0.0
    for row in data["rows"]:
        if which == "seconds" or row["setting"] in which:
            found += row["seconds"] or sum(row["ours"].get("seconds", [0.0]))
    return found


def times(runs):
    """Return the table of times: a column for each of some runs, the first of which has all experiments."""
    found, *_ = runs
    names = [" and ".join(sorted({data["backend"] for data in run.values()})) for run in runs]
    lines = [f"| experiment | what | goal | {' | '.join(names)} |", "|---|---|---|" + "---|" * len(runs)]
    for name, (what, goal, which) in GOALS.items():
        if name in found:
            cells = [f"{seconds_of(run[name], which):.2g} s" if name in run else "" for run in runs]
            cells[0] += ", see there" if "note" in found[name] else ""
            lines.append(f"| {name} | {what} | {goal:g} s | {' | '.join(cells)} |")
    totals = [
        f"{sum(data['elapsed'] for data in run.values()) / 60:.1f} min" if run.keys() >= found.keys() else ""
        for run in runs
    ]
    lines.append(f"| all | pictures and files included | 25 min | {' | '.join(totals)} |")
    return "\n".join(lines)


def small(path, target):
    """Write a picture in few colours, narrow enough for the page; return its bytes."""
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    for width in WIDTHS:
        plain = whole.copy()
        plain.thumbnail((width, 1200), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        plain.quantize(COLOURS, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if data.tell() < MOST_BYTES:
            break
    target.write_bytes(data.getvalue())
    return data.tell()


def section(name, data, folder):
    """Return the part of the page that one experiment has, and write its pictures."""
    lesson, result = experiments.get(name), Result.of_dict(data)
    text = result.to_markdown().splitlines()
    said = (lesson.__doc__ or "").strip()
    verdicts = [
        f"- {experiments.told(verdict).replace('does not hold', '**does not hold**')}: {conclusion}"
        for conclusion, verdict in experiments.judge(result)
    ]
    note = [data["note"], ""] if "note" in data else []
    parts = [text[0], "", said, "", *text[2:], "", *note, *verdicts, ""]
    for figure in data["figures"]:
        path = folder / f"{figure}.png"
        if not path.exists():
            continue
        target = PICTURES / f"{name}_{re.sub(r'[^A-Za-z0-9.-]+', '_', figure)}.png"
        size = small(path, target)
        if size > MOST_BYTES:
            raise SystemExit(f"{target} has {size} bytes")
        parts += [f"![{name}: {figure.replace('_', ' ')}](experiments/{target.name})", ""]
    return "\n".join(parts)


def machine(found):
    """Return what the results say of where they were made."""
    first = next(iter(found.values()))
    model = (
        re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text()) if os.name == "posix" else None
    )
    cpu = f" ({model[1]})" if model else ""
    backends = " and ".join(sorted({data["backend"] for data in found.values()}))
    where = (
        f"{os.cpu_count()} cores{cpu} with the {backends} kernels and `n_threads=None`, which is all cores"
    )
    return (
        f"These ran on {where}, seed {first['seed']}.\nSeconds in the tables are those of training; of "
        "several repetitions they are the sum."
    )


def read(folder):
    """Return {ID: data} of the results in a folder."""
    paths = {name: folder / name / "result.json" for name in experiments.names()}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def main():
    """Write the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    folder, *others = parser.parse_args().folders
    found, *_ = runs = [read(each) for each in (folder, *others)]
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    parts = [section(name, data, folder / name) for name, data in found.items()]
    head = HEAD.format(machine=machine(found), times=times(runs))
    PAGE.write_text("\n".join([head, *parts]), encoding="utf-8")
    total = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    print(f"{PAGE}: {len(found)} experiments, {len(list(PICTURES.glob('*.png')))} pictures, {total} bytes")


if __name__ == "__main__":
    main()
