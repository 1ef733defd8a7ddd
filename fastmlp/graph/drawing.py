"""A graph drawn: a box for each node, its value in black, its gradient in red."""

from .. import _checks
from ..background import pyplot
from .layout import layout
from .node import MINUS

BOX = (0.92, 0.56)  # inches: width and height of a node
STEP = (1.32, 0.72)  # inches: from column to column, from row to row
FONT = 8.5  # points, at full size
VARIABLE, CONSTANT, RESULT = "#dceaf7", "#eeeeee", "#fdf3d8"


def draw(output, ax=None, *, digits=4, title=None):
    """Draw the graph that a node ends.

    Variables are blue, constants grey, results yellow; edges run from left to right. Call `backward` first to
    see gradients other than 0.

    Parameters
    ----------
    output : Node
    ax : matplotlib Axes, default=None
        None: those of a new figure, as large as the graph needs.
    digits : int, default=4
        Significant digits of values and gradients.
    title : str, default=None

    Returns
    -------
    ax : matplotlib Axes
    """
    places, ways = layout(output.nodes())
    spots = {node: (c * STEP[0], -r * STEP[1]) for node, (c, r) in places.items()}
    passed = [[(c * STEP[0], -r * STEP[1]) for c, r in between] for between, _, _ in ways]
    boxes = [(*spot, *BOX) for spot in (*spots.values(), *(point for way in passed for point in way))]
    ax, scale = canvas(ax, boxes, title)
    half = BOX[0] / 2
    for between, (_, parent, child) in zip(passed, ways, strict=True):
        (x, y), (x_end, y_end) = spots[parent], spots[child]
        edge(ax, [(x + half, y), *level(between, half), (x_end - half, y_end)], scale)
    for node, spot in spots.items():
        _box(ax, node, spot, digits, scale)
    return ax


def canvas(ax, boxes, title=None):
    """Return axes, in inches, that hold the boxes (x, y of the middle, width, height), and their scale.

    The scale is how much smaller than in inches the axes show the drawing; new axes (`ax` None) show it as
    it is.
    """
    _checks.check_axes(ax)
    margin = 0.12
    limits = [
        (min(b[i] - b[i + 2] / 2 for b in boxes) - margin, max(b[i] + b[i + 2] / 2 for b in boxes) + margin)
        for i in range(2)
    ]
    width, height = (high - low for low, high in limits)
    if ax is None:
        top = 0.35 if title else 0.0
        figure = pyplot().figure(figsize=(width, height + top))
        ax = figure.add_axes((0, 0, 1, height / (height + top)))
    ax.set(xlim=limits[0], ylim=limits[1], aspect="equal", title=title)
    ax.axis("off")
    box = ax.get_window_extent()
    return ax, min(box.width / width, box.height / height) / ax.figure.dpi


def level(points, half):
    """Return the corners of a way that runs level for the width of a column, 2 `half`, at each point."""
    return [(x + d, y) for x, y in points for d in (-half, half)]


def edge(ax, corners, scale):
    """Draw an arrow along `corners`."""
    ax.plot(*zip(*corners[:-1], strict=True), color="0.45", linewidth=scale, zorder=1, snap=False)
    arrow = dict(
        arrowstyle="-|>", color="0.45", linewidth=scale, mutation_scale=9 * scale, shrinkA=0, shrinkB=0
    )
    ax.annotate("", corners[-1], corners[-2], arrowprops=arrow, zorder=1)


def _box(ax, node, spot, digits, scale):
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = spot, BOX
    if node.operation is not None:
        label, colour = node.operation.label, RESULT
        label = f"{node.name} = {label}" if node.name else label
    else:
        label, colour = (node.name, VARIABLE) if node.name else ("constant", CONSTANT)
    corner, round_ = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.08"
    paint = dict(facecolor=colour, edgecolor="0.35", linewidth=0.8 * scale, zorder=2)
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=round_, **paint))
    lines = [
        (0.30, label, "0.35", _fitting(label)),
        (0.0, _number(node.value, digits), "black", 1.0),
        (-0.30, _number(node.gradient, digits), "red", 1.0),
    ]
    for offset, text, colour, share in lines:
        font = dict(fontsize=FONT * scale * share, color=colour, ha="center", va="center", zorder=3)
        ax.text(x, y + offset * height, text, **font)


def _fitting(label):
    """Return the share of the font's size at which a label fits its box."""
    return min(1.0, 12.5 / len(label))


def _number(value, digits):
    return f"{value + 0.0:.{digits}g}".replace("-", MINUS)
