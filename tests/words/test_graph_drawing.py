"""Drawings of scalar graphs: all numbers are there, and nothing overlaps or is cut off."""

import subprocess
import sys

import numpy as np
import pytest

from fastmlp import Dense, Network
from fastmlp.graph import Node, unroll
from fastmlp.graph.layout import layout
from fastmlp.graph.node import MINUS


def example():
    network = Network([Dense(3, "tanh", input_dim=2), Dense(2, "softmax")], random_state=0).build()
    graph = unroll(network, [1.0, -1.0], 1)
    graph.gradients()
    return graph.loss


def test_layout_overlaps_nothing():
    nodes = example().nodes()
    places, ways = layout(nodes)
    assert set(places) == set(nodes)
    for node in nodes:
        assert all(places[p][0] < places[node][0] for p in node.parents)
    taken = list(places.values()) + [p for p in {p for between, _, _ in ways for p in between}]
    for c in {column for column, _ in taken}:
        rows = np.sort([row for column, row in taken if column == c])
        assert (np.diff(rows) > 0.999).all()


def test_drawing_shows_values_and_gradients():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    x, y = Node(3.0, "x"), Node(-2.0, "y")
    f = (x**2 + 2 * x * y + y**2).named("f")
    f.backward()
    ax = f.draw(title="a square")
    texts = [t for t in ax.texts if t.get_text()]  # arrows are annotations without one
    values, gradients = ([t.get_text() for t in texts if t.get_color() == c] for c in ("black", "red"))
    nodes = f.nodes()
    assert sorted(values) == sorted(f"{n.value:.4g}".replace("-", MINUS) for n in nodes)
    assert sorted(gradients) == sorted(f"{n.gradient:.4g}".replace("-", MINUS) for n in nodes)
    assert {"x", "y", "constant", "f = +"} <= {t.get_text() for t in ax.texts}
    ax.figure.canvas.draw()
    frame = ax.figure.bbox
    for text in (*ax.texts, ax.title):  # nothing is cut off
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    pyplot.close(ax.figure)


def test_texts_fit_their_boxes():
    """On axes of any size, no text is wider than its node's box."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4))
    loss = example()
    for ax in axes:
        loss.draw(ax)
    figure.canvas.draw()
    for ax in axes:
        width = ax.patches[0].get_window_extent().width
        assert max(t.get_window_extent().width for t in ax.texts if t.get_text()) <= width
    pyplot.close(figure)


def test_graphs_without_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from fastmlp.graph import Node\n"
        "f = Node(2.0) * 3.0; f.backward()\n"
        "try:\n    f.draw()\nexcept ImportError as e:\n    assert 'fastmlp[plot]' in str(e)\n"
        "else:\n    raise SystemExit('drew without matplotlib')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
