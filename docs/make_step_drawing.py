"""Draw one training step for `kernels.md`: it is written to step.svg, or to the file that is named."""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

STAGES = [
    ("gather", "rows become real\nnumbers, or lists\nof non-zeros", "input/rows.pxi\ninput/lists.pxi"),
    ("forward", "Z = A W + b\nA = f(Z)\nlayer after layer", "products/dense.pxi\nformulas/activation.pxi"),
    ("loss", "its value, and\ndZ of the\noutput layer", "formulas/loss.pxi"),
    ("backward", "dZ of the layers\nbelow, through W\ntransposed",
     "products/dense.pxi\nformulas/activation.pxi"),
    ("update", "dW = Aᵀ dZ, then\nthe optimizer's step\non those rows",
     "products/dense.pxi\nformulas/optimizer.pxi"),
]  # fmt: skip
MEMORY = [
    "X of the block",
    "A and Z of each layer",
    "D = dZ of the last",
    "D = dZ of each",
    "gradient of a few\nrows",
]
REGIMES = [
    ("mini-batch", "training/batch_step.pxi", "one sample,\n8 neurons", lambda i: ("s1", f"n{i}")),
    ("online", "training/online_step.pxi", "one sample,\n8 neurons", lambda i: ("s1", f"n{i}")),
    ("tiny", "training/tiny_step.pxi", "8 samples,\none neuron", lambda i: (f"s{i}", "n1")),
    ("ensemble", "training/ensemble_step.pxi", "8 nets, of each one\nsample, one neuron",
     lambda i: (f"net{i}", "n1")),
]  # fmt: skip
PAPER, EDGE, FIRST, SECOND = "#f6f6f2", "#444444", "#cfe3f5", "#f7dcc0"
WIDTH, GAP = 1.72, 0.28


def box(axes, x, y, width, height, color):
    """A box with round corners."""
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", fc=color, ec=EDGE, lw=0.9
        )
    )


def arrow(axes, start, end, **style):
    """An arrow between two places."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": EDGE, "lw": 1.1} | style)


def climb(axes, x, y, **style):
    """A way from the user's arrays, at height y, past the workspace to the stage whose left side is x."""
    way = x - GAP / 2
    if y < 3.5:
        axes.plot([x, way], [y, y], color=EDGE, lw=1.1, **style)
    axes.plot([way, way], [y, 5.5], color=EDGE, lw=1.1, **style)
    arrow(axes, (way, 5.5), (x, 5.5), shrinkA=0, **style)
    axes.text(way + 0.05, 3.77, "read", fontsize=7, va="center")


def bracket(axes, x0, x1, y, text):
    """A line above some stages, and what it says of them."""
    axes.plot([x0, x0, x1, x1], [y - 0.12, y, y, y - 0.12], color=EDGE, lw=0.9)
    axes.text((x0 + x1) / 2, y + 0.08, text, ha="center", va="bottom", fontsize=8.5)


def draw_step(axes):
    """The five stages of a mini-batch step, and the memory that each writes."""
    left = [0.3 + k * (WIDTH + GAP) for k in range(len(STAGES))]
    for k, (name, what, files) in enumerate(STAGES):
        x, middle = left[k], left[k] + WIDTH / 2
        box(axes, x, 5.1, WIDTH, 1.75, FIRST if k < 4 else SECOND)
        axes.text(middle, 6.68, name, ha="center", va="top", fontsize=11, weight="bold")
        axes.text(middle, 6.36, what, ha="center", va="top", fontsize=8)
        axes.text(middle, 5.2, files, ha="center", va="bottom", fontsize=7, family="monospace")
        if k:
            arrow(axes, (x - GAP, 5.97), (x, 5.97))
        box(axes, x, 4.05, WIDTH, 0.55, PAPER)
        axes.text(middle, 4.325, MEMORY[k], ha="center", va="center", fontsize=7.5)
        arrow(axes, (middle, 5.1), (middle, 4.6))
    bracket(axes, left[0], left[3] + WIDTH, 7.12, "phase 1: a thread takes 16 samples through all of it")
    bracket(axes, left[4], left[4] + WIDTH, 7.12, "phase 2: by rows of weights")
    end = left[4] + WIDTH
    axes.text(
        left[1] + 0.45, 3.85, "boxes above: the workspace of the job", fontsize=7.5, style="italic", va="top"
    )

    box(axes, left[0], 2.95, WIDTH, 0.55, PAPER)
    axes.text(
        left[0] + WIDTH / 2, 3.225, "your rows, your y\n(only read)", ha="center", va="center", fontsize=7.5
    )
    climb(axes, left[0], 3.225)
    start = left[1]
    for part, share in (("W₀", 0.34), ("b₀", 0.08), ("W₁", 0.32), ("b₁", 0.08), ("…", 0.18)):
        width = (end - left[1]) * share
        axes.add_patch(Rectangle((start, 2.95), width, 0.55, fc=SECOND, ec=EDGE, lw=0.9))
        axes.text(start + width / 2, 3.225, part, ha="center", va="center", fontsize=9)
        start += width
    axes.text(
        left[1],
        2.86,
        "parameters: one flat vector, the network's own, updated in place",
        fontsize=7.5,
        style="italic",
        va="top",
    )
    arrow(axes, (left[4] + WIDTH / 2, 4.05), (left[4] + WIDTH / 2, 3.5), color="#b5651d", lw=1.6)
    climb(axes, left[1], 3.225, linestyle="--")
    climb(axes, left[3], 3.5, linestyle="--")


def draw_regimes(axes):
    """What the eight numbers of a vector are, in each regime."""
    axes.text(0.3, 2.3, "What the numbers of one vector are (8 of them, say)", fontsize=9.5, weight="bold")
    wide = 2.38
    for k, (name, file, what, of) in enumerate(REGIMES):
        x = 0.3 + k * (wide + 0.133)
        axes.text(x, 1.95, name, fontsize=9.5, weight="bold", va="center")
        axes.text(x + wide, 1.95, file, fontsize=6.5, family="monospace", va="center", ha="right")
        for i in range(8):
            top, bottom = of(i + 1)
            color = {"s": FIRST, "n": SECOND}[top[0]]
            axes.add_patch(Rectangle((x + i * wide / 8, 1.2), wide / 8, 0.55, fc=color, ec=EDGE, lw=0.7))
            axes.text(
                x + (i + 0.5) * wide / 8, 1.475, f"{top}\n{bottom}", fontsize=6, ha="center", va="center"
            )
        axes.text(x + wide / 2, 1.08, what, fontsize=8, ha="center", va="top")


def draw():
    """Return the drawing as a figure."""
    figure = Figure(figsize=(10.4, 7))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10.4), ylim=(0.55, 7.6))
    axes.axis("off")
    draw_step(axes)
    draw_regimes(axes)
    return figure


if __name__ == "__main__":
    # without a date and with fixed names the same drawing has the same bytes
    with mpl.rc_context({"svg.hashsalt": "step", "svg.fonttype": "path"}):
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("step.svg")
        draw().savefig(
            target, metadata={"Date": None} if target.suffix == ".svg" else None, facecolor="white", dpi=130
        )
