"""A network drawn: columns of neurons, bars that join or drop outputs, and arrows for who reads whom."""

from dataclasses import dataclass

from .. import _checks
from ..background import faint, ink
from ..graph.drawing import CONSTANT, RESULT, VARIABLE, canvas, edge, level
from ..graph.layout import layout
from ..kernels.plan import INPUT
from ..layers import INPUT as INPUT_NAME
from ..layers import Concatenate, Dense

CELL = 1.15  # inches: what a layer has from side to side, and its two lines of text
STEP = 1.65  # inches: from column to column
NEURON = 0.26  # inches: the diameter
PITCH = 0.34  # inches: from neuron to neuron
LINE = 0.24  # inches: the height of a line of text
SHOWN = 8  # larger layers are drawn as a few neurons and dots
FEW = 3  # of these, at either end
FONT = 9.0  # points, at full size


@dataclass(eq=False)
class Block:
    """What is drawn of a layer, or of the input.

    Attributes
    ----------
    name, text : str
        Above it, and below it.
    width : int or None
        Columns that leave it, where known.
    colour : str
    parents : list of Block
    bar : bool
        Whether it is drawn as a bar, for it has no neurons of its own.
    """

    name: str
    text: str
    width: int | None
    colour: str
    parents: list
    bar: bool = False

    @property
    def slots(self):
        """Whether there is a neuron (or else a dot) in each place of its column."""
        if self.width is not None and self.width <= SHOWN:
            return [True] * self.width
        return [True] * FEW + [False] + [True] * FEW

    @property
    def offsets(self):
        """Heights of the places above its middle, in inches."""
        n = len(self.slots)
        return [((n - 1) / 2 - i) * PITCH for i in range(n)]


def blocks_of(topology, n_features):
    """Return the input and the layers as blocks, each after those that it reads."""
    n_features = topology.input_dim if n_features is None else n_features
    found = {
        INPUT: Block(INPUT_NAME, "" if n_features is None else str(n_features), n_features, VARIABLE, [])
    }
    for i, (layer, sources) in enumerate(zip(topology.layers, topology.sources, strict=True)):
        parents = [found[s] for s in sources]
        if isinstance(layer, Dense):
            text = f"{layer.units} {layer.activation.name}"
            found[i] = Block(layer.name, text, layer.units, RESULT, parents)
            continue
        widths = [p.width for p in parents]
        width = None if None in widths else sum(widths)
        if isinstance(layer, Concatenate):
            text = "" if width is None else str(width)
        else:
            text = f"rate {layer.rate:g}"
        found[i] = Block(layer.name, text, width, CONSTANT, parents, bar=True)
    return list(found.values())


def draw(topology, n_features=None, ax=None):
    """Draw the layers of a network from left to right.

    Neurons are circles; of a layer of more than 8, the first and last few. Between two smaller layers every
    connection is a line; elsewhere an arrow stands for all of them, and runs around the layers that it
    skips. Grey bars join (Concatenate) or drop (Dropout) outputs.

    Parameters
    ----------
    topology : Topology
    n_features : int, default=None
        Columns of the input, where known.
    ax : matplotlib Axes, default=None
        None: those of a new figure, as large as the network needs.

    Returns
    -------
    ax : matplotlib Axes
    """
    if not topology.layers:
        _checks.refuse("a network without layers cannot be drawn; add layers first")
    blocks = blocks_of(topology, n_features)
    places, ways = layout(blocks)
    tall = max(len(b.slots) for b in blocks if not b.bar) * PITCH
    cell = CELL, tall + 2 * LINE
    columns = [c for c, _ in places.values()]
    # what passes a layer needs half the room that a second layer in the same column does
    row = cell[1] + 0.1 if len(set(columns)) < len(columns) else cell[1] / 2 + 0.15
    spots = {block: (c * STEP, -r * row) for block, (c, r) in places.items()}
    passed = [[(c * STEP, -r * row) for c, r in between] for between, _, _ in ways]
    boxes = [(*spot, *cell) for spot in spots.values()]
    boxes += [(*point, CELL, 0.0) for way in passed for point in way]
    ax, scale = canvas(ax, boxes)
    room = {b: tall if b.bar else len(b.slots) * PITCH for b in blocks}
    for between, (_, parent, child) in zip(passed, ways, strict=True):
        if _is_woven(parent, child, spots):
            room[parent] = room[child] = max(room[parent], room[child])  # texts stay clear of the lines
            _weave(ax, parent, child, spots, scale)
        else:
            (x, y), (x_end, y_end) = spots[parent], spots[child]
            # level beside both ends too, so that no arrow crosses their text
            corners = level([(x, y), *between, (x_end, y_end)], CELL / 2)
            corners[0], corners[-1] = (x + _half(parent), y), (x_end - _half(child), y_end)
            edge(ax, corners, scale)
    for block in blocks:
        _block(ax, block, spots[block], room[block], scale)
    return ax


def _half(block):
    """Half the width of what is drawn of it."""
    return 0.07 if block.bar else NEURON


def _is_woven(parent, child, spots):
    """Return whether every connection is drawn."""
    small = all(not b.bar and all(b.slots) for b in (parent, child))
    near = spots[child][0] - spots[parent][0] < 1.5 * STEP and abs(spots[child][1] - spots[parent][1]) < 1e-9
    return small and near and len(child.parents) == 1


def _weave(ax, parent, child, spots, scale):
    from matplotlib.collections import LineCollection

    (x, y), (x_end, y_end) = spots[parent], spots[child]
    lines = [[(x, y + a), (x_end, y_end + b)] for a in parent.offsets for b in child.offsets]
    ax.add_collection(LineCollection(lines, colors="0.55", linewidths=0.7 * scale, zorder=1), autolim=False)


def _block(ax, block, spot, room, scale):
    from matplotlib.patches import Circle, FancyBboxPatch

    x, y = spot
    paint = dict(facecolor=block.colour, edgecolor="0.35", linewidth=0.8 * scale)
    if block.bar:
        corner, rounded = (x - _half(block), y - room / 2), "round,pad=0,rounding_size=0.05"
        ax.add_patch(FancyBboxPatch(corner, 2 * _half(block), room, boxstyle=rounded, zorder=2, **paint))
    else:
        for shown, offset in zip(block.slots, block.offsets, strict=True):
            if shown:
                ax.add_patch(Circle((x, y + offset), NEURON / 2, zorder=2, **paint))
            else:
                dots = [offset + d * PITCH / 4 for d in (-1, 0, 1)]
                ax.scatter([x] * 3, [y + d for d in dots], s=(2.5 * scale) ** 2, color=faint(ax), zorder=2)
    for text, place, colour in ((block.name, 1, faint(ax)), (block.text, -1, ink(ax))):
        size = FONT * scale * min(1.0, 15 / max(1, len(text)))
        middle = y + place * (room + LINE) / 2
        ax.text(x, middle, text, fontsize=size, color=colour, ha="center", va="center", zorder=3)
