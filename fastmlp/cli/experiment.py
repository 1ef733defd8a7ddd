"""``fastmlp experiment``: the lessons of `fastmlp.experiments`, and whether what should come out does."""

import ast
import html
import time

from .. import experiments
from . import report
from .command import pictures
from .files import new_folder
from .progress import progress


def run(options):
    """List experiments, or run some; return 1 where a conclusion does not hold."""
    known = experiments.names()
    if options.id == ["list"]:
        for name in _distinct(known):
            ids = " ".join(i for i, module in known.items() if module == known[name])
            print(f"{ids:8}  {experiments.get(name).TITLE}")
        return 0
    pictures()
    asked = _distinct(known) if options.id == ["all"] else [_known(name, known) for name in options.id]
    settings = dict(map(_setting, options.set))
    for name in asked:
        experiments.get(name)
    folders = {name: new_folder(options.output / name) for name in asked}
    failed = []
    for name in asked:
        failed += _run(name, options, settings, folders[name])
    if failed or (len(asked) > 1 and _judged(options)):
        verdict = (
            ["these conclusions do not hold:", *failed]
            if failed
            else ["all conclusions that were judged hold"]
        )
        print("\n".join(verdict))
    return 1 if failed else 0


def _run(name, options, settings, folder):
    """Run one experiment, print and write what comes out; return the conclusions that do not hold."""
    lesson, started = experiments.get(name), time.perf_counter()
    with progress(None, " rows", f"{name} {options.size}") as bar:

        def on_row(row):
            bar.set_postfix_str(row.setting)
            bar.update()

        how = dict(seed=options.seed, n_threads=options.threads, progress=on_row)
        try:
            result = experiments.run(name, options.size, **how, **settings)
        except (TypeError, ValueError, ArithmeticError) as error:
            if not settings:
                raise
            given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
            raise ValueError(f"{name} by --set {given}: {error}") from error
    print(f"{result}\n")
    judged, failed = [], []
    for conclusion, verdict in experiments.judge(result) if _judged(options) else ():
        judged.append(f"{experiments.told(verdict)}: {conclusion}")
        if verdict is False:
            failed.append(f"{result.id}: {conclusion}")
    print("".join(f"  {line}\n" for line in judged), end="")
    paths = result.save(folder)
    about = f"{options.size}, seed {options.seed}" + "".join(f", {k}={v!r}" for k, v in settings.items())
    pictures = [report.picture(figure, title) for title, figure in result.figures.items()]
    import matplotlib.pyplot as plt

    plt.close("all")
    parts = [
        f"<p>{html.escape(about)}: {html.escape(result.data)}</p>",
        *(f"<p>{html.escape(part)}</p>" for part in (lesson.__doc__ or "").split("\n\n")),
        ("Reported and ours", f'<div class="scroll">{result.to_html()}</div>'),
        *([("Conclusions", report.bullets(judged))] if judged else []),
        ("Pictures", "\n".join(pictures)),
    ]
    paths.append(report.write(folder / "report.html", f"{result.id}: {result.title}", *parts))
    print(
        f"  {time.perf_counter() - started:.1f} s; {len(paths)} files in {folder}, {paths[-1].name} first\n"
    )
    return failed


def _judged(options):
    """Return whether conclusions are asked: neither of other settings nor of the size that says nothing."""
    return not options.set and options.size != "tiny"


def _distinct(known):
    """Return one ID for each module; some hold several that belong together."""
    first = {}
    for name, module in known.items():
        first.setdefault(module, name)
    return list(first.values())


def _known(name, known):
    """Return the ID that a name stands for, in whatever case it was typed."""
    return {i.lower(): i for i in known}.get(name.lower(), name)


def _setting(text):
    """Return the name and the value of ``name=value``; what is no Python literal is a text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"--set takes NAME=VALUE, such as --set momentum=0.5; got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
