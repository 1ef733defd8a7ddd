"""A network drawn as a graph of whole layers: products, activations, the loss and its penalties."""

from dataclasses import dataclass

from .. import losses
from ..graph.drawing import CONSTANT, RESULT, VARIABLE, canvas, edge, level
from ..graph.layout import layout
from ..kernels.plan import INPUT
from ..layers import Concatenate, Dense

BOX = (1.3, 0.5)  # inches: width and height of a block
STEP = (1.75, 0.72)  # inches: from column to column, from row to row
FONT = 9.0  # points, at full size
TIMES = " \N{MULTIPLICATION SIGN} "


@dataclass(eq=False)
class Part:
    """A block: what stands in it, and the blocks that it is computed from."""

    text: str
    shape: str
    colour: str
    parents: tuple = ()


def parts_of(topology, n_features=None, loss=None):
    """Return the blocks of a network, each after those that it reads; with a loss, that comes last.

    Parameters
    ----------
    topology : Topology
    n_features : int, default=None
        Columns of the input, where known.
    loss : loss, default=None
    """
    n_features = topology.input_dim if n_features is None else n_features
    out = {INPUT: Part("X", shape(n_features), VARIABLE)}
    width = {INPUT: n_features}
    parts, penalties, k = [out[INPUT]], [], 0
    whole = () if topology.reg is None else (("λ Σ|·|", topology.reg.l1), ("λ Σ ·²", topology.reg.l2))
    for i, (layer, sources) in enumerate(zip(topology.layers, topology.sources, strict=True)):
        read, widths = [out[s] for s in sources], [width[s] for s in sources]
        width[i] = None if None in widths else sum(widths)
        if not isinstance(layer, Dense):
            text = "concatenate" if isinstance(layer, Concatenate) else f"dropout {layer.rate:g}"
            new = [Part(text, shape(width[i]), CONSTANT, tuple(read))]
        else:
            k += 1
            weights = Part(f"W{k}", shape(width[i], layer.units), VARIABLE)
            bias = f" + b{k}" if layer.use_bias else ""
            inputs = "[" + ", ".join(part.text for part in read) + "]" if len(read) > 1 else "·"
            width[i] = layer.units
            product = Part(f"{inputs} W{k}{bias}", shape(layer.units), RESULT, (*read, weights))
            new = [weights, product]
            if layer.activation.name != "identity":
                new.append(Part(layer.activation.name, shape(layer.units), RESULT, (product,)))
            penalties += [
                Part(f"{name} W{k}", f"{rate:g}", RESULT, (weights,))
                for name, rate in (("l1/n Σ|·|", layer.l1), ("l2/2n Σ ·²", layer.l2), *whole)
                if rate
            ]
        out[i] = new[-1]
        parts += new
    if loss is None:
        return parts
    target = Part("y", shape(width[len(topology.layers) - 1]), VARIABLE)
    error = Part(losses.get(loss).name, "mean over samples", RESULT, (parts[-1], target))
    parts += [target, error]
    if penalties:
        parts += [*penalties, Part("+", "loss", RESULT, (error, *penalties))]
    return parts


def shape(*sizes):
    """Return a shape as a text, with n for the samples where it has one size."""
    if None in sizes:
        return ""
    return TIMES.join(map(str, ("n", *sizes) if len(sizes) == 1 else sizes))


def draw(topology, n_features=None, loss=None, ax=None):
    """Draw the blocks from left to right; return the axes."""
    parts = parts_of(topology, n_features, loss)
    places, ways = layout(parts)
    spots = {part: (c * STEP[0], -r * STEP[1]) for part, (c, r) in places.items()}
    passed = [[(c * STEP[0], -r * STEP[1]) for c, r in between] for between, _, _ in ways]
    boxes = [(*spot, *BOX) for spot in (*spots.values(), *(point for way in passed for point in way))]
    ax, scale = canvas(ax, boxes)
    half = BOX[0] / 2
    for between, (_, parent, child) in zip(passed, ways, strict=True):
        (x, y), (x_end, y_end) = spots[parent], spots[child]
        edge(ax, [(x + half, y), *level(between, half), (x_end - half, y_end)], scale)
    for part, spot in spots.items():
        _box(ax, part, spot, scale)
    return ax


def _box(ax, part, spot, scale):
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = spot, BOX
    paint = dict(facecolor=part.colour, edgecolor="0.35", linewidth=0.8 * scale, zorder=2)
    corner, rounded = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.08"
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=rounded, **paint))
    for offset, text, colour in ((0.2, part.text, "black"), (-0.24, part.shape, "0.35")):
        size = FONT * scale * min(1.0, 19 / max(1, len(text)))
        font = dict(fontsize=size, color=colour, ha="center", va="center", zorder=3)
        ax.text(x, y + offset * height, text, **font)
