"""How the time grows: with batch size, width, depth, samples, density of the input, and threads."""

from dataclasses import dataclass, fields

from .training import DEEP, Training, named


@dataclass(frozen=True, kw_only=True)
class Point(Training):
    """A point of a chart.

    Attributes
    ----------
    chart : str
        What it is drawn against.
    at : float
    """

    chart: str
    at: float
    repeats, levels = 3, "compiled"


def point(chart, at, sizes, **options):
    made = named(sizes, **options)
    given = {f.name: getattr(made, f.name) for f in fields(made)}
    shape = (
        "-".join(map(str, sizes)) if len(sizes) < 6 else f"{sizes[0]}-{len(sizes) - 2}x{sizes[1]}-{sizes[-1]}"
    )
    title = f"{chart} {at:g}: {shape}, {made.optimizer}, batch {made.batch_size}"
    return Point(**given | {"name": f"scaling-{chart}-{at:g}", "title": title, "chart": chart, "at": at})


def normal(n_rows, **options):
    return {"source": "normal", "hidden": "tanh", "n_rows": n_rows, "check_rows": min(n_rows, 640)} | options


CASES = (
    *(point("batch", b, (784, 128, 10), optimizer="adam", batch_size=b, check_rows=max(512, b))
      for b in (1, 4, 16, 64, 256, 1024)),
    *(point("width", w, (784, w, 10), optimizer="adam") for w in (8, 32, 128, 512, 2048)),
    *(point("depth", d, (784, *[64] * d, 10), optimizer="adam", hidden="tanh", check_rows=640)
      for d in (1, 2, 4, 8)),
    *(point("samples", n, (32, 32, 10), optimizer="adam", **normal(n, learning_rate=0.01))
      for n in (32, 256, 2048, 16384)),
    *(point("density", p, (784, 128, 10), optimizer="adam", density=p, **normal(20000))
      for p in (0.02, 0.1, 0.3, 1.0)),
    *(point("threads", n, DEEP, optimizer="adam", batch_size=256, one_core=n == 1) for n in (1, 2)),
)  # fmt: skip
