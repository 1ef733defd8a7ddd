"""bench many: all peers that can be imported agree, and one that learns something else is caught."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "bench" / "__main__.py").is_file():
    pytest.skip("the benchmark is not part of this installation", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench.peers import many_peers  # noqa: E402
from bench.suites import many  # noqa: E402


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(many, "N_EPOCHS", 3)
    monkeypatch.setattr(many_peers, "N_EPOCHS", 3)
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.mark.parametrize("optimizer", many.RATES)
def test_peers_agree(optimizer):
    data = many.make_data()
    made = {name: (make(*data), n) for name, (make, n) in many.peers(optimizer, 2).items()}
    assert many.compare(data, made) == {}
    found = many.time_all(made, 1)
    assert found.keys() == made.keys() and all(seconds > 0 for seconds in found.values())


@pytest.mark.parametrize("what", ["rate", "order", "start"])
def test_another_result_is_caught(what, monkeypatch):
    data = many.make_data()
    wrong = many_peers.Ours("sgd", *data, 1)
    if what == "start":
        wrong.start = [*wrong.start[:-1], wrong.start[0]]
    elif what == "order":
        wrong.x, wrong.y = data[0][::-1], data[1][::-1]
    made = {many.REFERENCE: (many_peers.Ours("sgd", *data, None), 3), "fastmlp, fit_many": (wrong, 3)}
    if what == "rate":
        right = many_peers.Ours("sgd", *data, None)
        monkeypatch.setattr(wrong, "prepare", lambda n: many_peers.Ours("adam", *data, 1).prepare(n))
        made[many.REFERENCE] = right, 3
    assert list(many.compare(data, made)) == ["fastmlp, fit_many"]


def test_losses_are_those_of_the_networks():
    data = many.make_data()
    train, weights = many_peers.Ours("sgd", *data, 1).prepare(1)
    train()
    x, y, start = data
    a, b, c, d = (w.astype(np.float64) for w in start[3])
    expected = 0.5 * ((np.tanh(x @ a + b) @ c + d - y) ** 2).mean()
    flat = np.stack([np.concatenate([w.ravel() for w in one]) for one in start])
    np.testing.assert_allclose(many.mean_losses(flat, x, y)[3], expected)
    assert (many.mean_losses(weights(), x, y) < many.mean_losses(flat, x, y)).mean() > 0.9
