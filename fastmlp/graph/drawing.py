"""A graph drawn: a box for each node, its value in black, its gradient in red."""

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
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("drawing a graph needs matplotlib: pip install fastmlp[plot]") from None
    places, ways = layout(output.nodes())
    spots = {node: (c * STEP[0], -r * STEP[1]) for node, (c, r) in places.items()}
    passed = [-r * STEP[1] for between, _, _ in ways for _, r in between]
    heights = [y for _, y in spots.values()] + passed
    margin = 0.12
    x_range = -BOX[0] / 2 - margin, max(x for x, _ in spots.values()) + BOX[0] / 2 + margin
    y_range = min(heights) - BOX[1] / 2 - margin, max(heights) + BOX[1] / 2 + margin
    size = x_range[1] - x_range[0], y_range[1] - y_range[0]
    if ax is None:
        top = 0.35 if title else 0.0
        figure = plt.figure(figsize=(size[0], size[1] + top))
        ax = figure.add_axes((0, 0, 1, size[1] / (size[1] + top)))
    ax.set(xlim=x_range, ylim=y_range, aspect="equal", title=title)
    ax.axis("off")
    scale = _scale(ax, size)
    for between, parent, child in ways:
        _edge(ax, [spots[parent], *((c * STEP[0], -r * STEP[1]) for c, r in between), spots[child]], scale)
    for node, spot in spots.items():
        _box(ax, node, spot, digits, scale)
    return ax


def _scale(ax, size):
    """Return how much smaller than in inches the axes show the drawing."""
    box = ax.get_window_extent()
    return min(box.width / size[0], box.height / size[1]) / ax.figure.dpi


def _edge(ax, points, scale):
    """Draw an arrow from box to box; in a column that it passes it runs level for the width of a box."""
    half = BOX[0] / 2
    (x, y), *between, (x_end, y_end) = points
    passed = [(p + d, q) for p, q in between for d in (-half, half)]
    corners = [(x + half, y), *passed, (x_end - half, y_end)]
    ax.plot(*zip(*corners[:-1], strict=True), color="0.45", linewidth=scale, zorder=1)
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
