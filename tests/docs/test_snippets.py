"""The pages are run: blocks print what they say, both sides of the tables for newcomers work."""

import contextlib
import io
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from fastmlp import Dense, Network

DOCS = Path(__file__).parents[2] / "docs"
if not DOCS.is_dir():
    pytest.skip("the documentation is not part of this installation", allow_module_level=True)
PAGES = ["index", "start", "from_sklearn", "from_keras", "from_pytorch"]
PAGES += ["estimators", "files", "many", "metrics", "noise", "perceptrons", "plots"]
BLOCK = r"^```(?P<kind>\S+(?: python\n:class: \w+)?)\n(?P<block>.*?)^```$"
ROW = r"^\| (?P<row>[^\n]*) \|$"
NUMBER = re.compile(r"\d+\.\d+")
CLOSE = 0.03  # backends differ in the last bits, and so in a test image or two
# the names that the other library's side of a page may use
OTHERS = {
    "from_sklearn": "X_train, y_train = X_train[:300], y_train[:300]",
    "from_pytorch": """
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.nn.utils import clip_grad_norm_
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset
x, x_val, y, y_val = (torch.from_numpy(a) for a in (x, x_val, y.astype(int), y_val.astype(int)))
p = list(nn.Linear(64, 10).parameters())
""",
}


def pieces(page):
    """Yield (kind, text) of a page in order: "python", "text" and the like for blocks, or "row"."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for found in re.finditer(f"{BLOCK}|{ROW}", text, re.MULTILINE | re.DOTALL):
        yield (found["kind"], found["block"]) if found["kind"] else ("row", found["row"])


def codes(row):
    """Return of each cell the code that it begins with, or None."""
    found = (re.match(r"`([^`]+)`", cell.strip()) for cell in row.split(" | "))
    return [match and match[1] for match in found]


def run(code, names):
    """Run some lines; return what they print."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(compile(code, f"<{code.strip()[:60]}>", "exec"), names)
    return printed.getvalue()


def assert_says(printed, said):
    """Assert that two texts are the same, but for the last digits of their numbers."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", said).split()
    numbers = ([float(n) for n in NUMBER.findall(text)] for text in (printed, said))
    np.testing.assert_allclose(*numbers, atol=CLOSE)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works_and_prints_what_it_says(page, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("h5py")
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    names, printed, rows = {}, "", 0
    for kind, text in pieces(page):
        if kind == "python":
            with threadpool_limits(1):
                printed = run(text, names)
        elif kind == "text":
            assert_says(printed, text)
        elif kind == "row" and page.startswith("from_") and (code := codes(text)[-1]):
            rows += 1
            run(code, names)
    assert (rows > 20) == page.startswith("from_")
    assert names


@pytest.mark.parametrize("page", OTHERS)
def test_the_other_librarys_side_works_there(page, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch") if page == "from_pytorch" else None
    n_threads = torch and torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    names, rows = {}, 0
    for kind, text in pieces(page):
        if kind == "python" and not rows:
            run(text, names)  # the data
            run(OTHERS[page], names)
        elif kind.endswith("there"):
            run(text, names)
        elif kind == "row" and len(sides := codes(text)) == 2 and sides[0]:
            rows += 1
            with threadpool_limits(1):
                run(sides[0], names)
    if torch:
        torch.set_num_threads(n_threads)
    assert rows > 10


def test_weights_of_pytorch_predict_as_there():
    torch = pytest.importorskip("torch")
    (block,) = (text for kind, text in pieces("from_pytorch") if kind.endswith("both"))
    x = np.random.RandomState(0).standard_normal((20, 64)).astype(np.float32)
    names = {"model": Network([Dense(32, "relu"), Dense(10)]).build(64, "float32")}
    nn = torch.nn
    names["net"] = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    run(block, names)
    with torch.no_grad():
        np.testing.assert_allclose(names["model"].predict(x), names["net"](torch.from_numpy(x)), atol=1e-5)
