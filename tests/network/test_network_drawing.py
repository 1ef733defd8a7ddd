"""Networks drawn: every layer is there, arrows run around layers and texts, nothing is cut off."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from fastmlp import Concatenate, Dense, Dropout, Network

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def agg():
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def wide():
    return Network([Dense(256, "relu"), Dense(128, "relu"), Dense(64, "relu"), Dense(10, "softmax")]).build(
        784
    )


def xor():
    return Network([Dense(2, "tanh", input_dim=2), Dense(1, "tanh")])


def joined():
    model = Network()
    hidden = model.add(Dense(1, "tanh", input_dim=2))
    model.add(Concatenate([hidden, "input"]))
    model.add(Dense(1, "tanh"))
    return model


def skipping():
    model = Network()
    a = model.add(Dense(5, "tanh", name="a"))
    b = model.add(Dense(40, "logistic"), after=["input", a])
    model.add(Dropout(0.2), after=b)
    model.add(Concatenate(["dropout_3", "input", a], name="all of them"))
    c = model.add(Dense(30, "softplus"))
    model.add(Dense(3), after=[c, a, "input"])
    return model


def deep():
    layers = [Dense(5 + k, "relu") for k in range(9)]
    return Network([Dropout(0.1), *layers, Dropout(0.5), Dense(3, "softmax")]).build(8)


def side_by_side():
    model = Network()
    a = model.add(Dense(6, "relu"))
    model.add(Dense(2), after=[a, model.add(Dense(7, "leaky_relu"), after="input")])
    return model.build(20)


DRAWN = [wide, xor, joined, skipping, deep, side_by_side]


def texts(ax):
    return [t for t in ax.texts if t.get_text()]  # arrows are annotations without one


def lengths(ax):
    """Numbers of neuron-to-neuron lines, one for each pair of layers that is drawn so."""
    return [len(c.get_segments()) for c in ax.collections if hasattr(c, "get_segments")]


def neurons(ax):
    return [p for p in ax.patches if type(p).__name__ == "Circle"]


def test_small_layers_are_drawn_neuron_by_neuron():
    ax = xor().plot()
    assert [t.get_text() for t in texts(ax)] == ["input", "2", "dense_1", "2 tanh", "dense_2", "1 tanh"]
    assert len(neurons(ax)) == 5 and lengths(ax) == [4, 2]
    assert not ax.lines


def test_large_layers_are_drawn_in_part():
    ax = wide().plot()
    shown = [t.get_text() for t in texts(ax)]
    assert shown[1::2] == ["784", "256 relu", "128 relu", "64 relu", "10 softmax"]
    assert len(neurons(ax)) == 6 * 5 and lengths(ax) == []
    assert len(ax.lines) == 4


def test_joins_and_drops_are_bars():
    ax = joined().plot()
    assert [t.get_text() for t in texts(ax)][4:6] == ["concatenate_2", "3"]
    assert len(ax.patches) == len(neurons(ax)) + 1 == 5
    assert len(ax.lines) == 4 and lengths(ax) == []  # input to hidden, both to the bar, the bar to the output
    ax = deep().plot()
    assert {"rate 0.1", "rate 0.5"} <= {t.get_text() for t in texts(ax)}
    assert len(ax.patches) == len(neurons(ax)) + 2


@pytest.mark.parametrize("build", DRAWN)
def test_columns_follow_the_layers(build):
    model = build()
    ax = model.plot()
    place = {t.get_text(): t.get_position()[0] for t in texts(ax)}
    for layer, sources in zip(model.layers, model.topology.sources, strict=True):
        for source in sources:
            assert place["input" if source < 0 else model.layers[source].name] < place[layer.name]


@pytest.mark.parametrize("build", DRAWN)
def test_arrows_cross_neither_layers_nor_texts(build):
    ax = build().plot()
    ax.figure.canvas.draw()
    back = ax.transData.inverted()
    things = [p.get_window_extent() for p in ax.patches] + [t.get_window_extent() for t in texts(ax)]
    boxes = [box.transformed(back).padded(-0.01) for box in things]
    ways = [line.get_xydata() for line in ax.lines]
    woven = [s for c in ax.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    for points in ways:
        assert not any(inside(box, points) for box in boxes)
    for points in woven:  # from neuron to neuron, so that they cross no text
        assert not any(inside(box, points) for box in boxes[len(ax.patches) :])


def inside(box, corners):
    """Return whether a way of straight lines enters a box, seen at a thousand points of each."""
    share = np.linspace(0, 1, 1000)[:, None]
    points = np.concatenate([a + share * (b - a) for a, b in itertools.pairwise(corners)])
    return ((points > box.min) & (points < box.max)).all(axis=1).any()


@pytest.mark.parametrize("build", DRAWN)
def test_nothing_is_cut_off_or_overlaps(build):
    ax = build().plot()
    ax.figure.canvas.draw()
    frame = ax.figure.bbox
    boxes = [p.get_window_extent() for p in (*ax.patches, *texts(ax))]
    for i, box in enumerate(boxes):
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_axes_of_ones_own():
    figure, axes = pyplot.subplots(1, 2, figsize=(6, 3))
    assert joined().plot(axes[1]) is axes[1]
    assert not axes[0].patches
    figure.canvas.draw()
    extents = [t.get_window_extent() for t in texts(axes[1])]
    assert not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])


def test_what_is_not_finished_is_drawn_too():
    model = Network([Dense(3, "tanh")])
    model.add(Dense(2), after="input")  # the first feeds nothing yet
    ax = model.plot()
    assert {"input", "dense_1", "dense_2"} <= {t.get_text() for t in texts(ax)}
    with pytest.raises(ValueError, match="add layers first"):
        Network().plot()


def test_without_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from fastmlp import Dense, Network\n"
        "try:\n    Network([Dense(1)]).plot()\n"
        "except ImportError as e:\n    assert 'fastmlp[plot]' in str(e)\n"
        "else:\n    raise SystemExit('drew without matplotlib')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_graph_of_whole_layers():
    """Each product, activation and penalty is a block, computed from those that the network says."""
    from fastmlp.network.block_graph import parts_of

    model = Network()
    hidden = model.add(Dense(3, "tanh", 2, l2=0.5))
    model.add(Concatenate([hidden, "input"]))
    model.add(Dense(1))
    parts = {part.text: part for part in parts_of(model.topology, loss="mse")}
    assert [p.text for p in parts["+"].parents] == ["mse", "l2/2n Σ ·² W1"]
    assert [p.text for p in parts["mse"].parents] == ["· W2 + b2", "y"]
    assert [p.text for p in parts["concatenate"].parents] == ["tanh", "X"]
    shapes = [
        parts[name].shape.replace("\N{MULTIPLICATION SIGN}", "x")
        for name in ("X", "W1", "concatenate", "W2", "y")
    ]
    assert shapes == ["n x 2", "2 x 3", "n x 5", "5 x 1", "n x 1"]
    texts = [text.get_text() for text in model.plot_graph("mse").texts]
    assert {"X", "W2", "tanh", "mse", "+"} <= set(texts)
    assert "mse" not in [text.get_text() for text in model.plot_graph().texts]
