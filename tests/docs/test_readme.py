"""What the README shows runs, prints what it says, and leads somewhere."""

import re
from pathlib import Path

import pytest

import fastmlp

ROOT = Path(__file__).parents[2]
if not (ROOT / "README.md").is_file() or not (ROOT / "docs").is_dir():
    pytest.skip("the README is not part of this installation", allow_module_level=True)
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", TEXT, re.MULTILINE | re.DOTALL)
CALLS = re.findall(r"^\| [^|`]+ \| `(.+)` \|$", TEXT, re.MULTILINE)


@pytest.fixture
def shown(capsys):
    """Return the names that the README's code leaves, once it has run; what it prints is compared."""
    names = {}
    for code, printed in BLOCKS:
        exec(compile(code, "README.md", "exec"), names)
        assert capsys.readouterr().out == printed
    return names


def test_its_code_prints_what_it_says_and_each_call_is_one(shown, tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fastmlp.datasets.load_mnist", lambda: "60000 images")
    assert len(BLOCKS) == 3 and len(CALLS) >= 12
    shown |= {name: getattr(fastmlp, name) for name in fastmlp.__all__ if name not in shown}
    for call in CALLS:
        eval(call, shown)
    matplotlib.pyplot.close("all")
    assert {path.name for path in tmp_path.iterdir()} == {"net.safetensors", "net.h"}


def test_its_links_and_pictures_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", TEXT)
    assert len(links) > 12
    assert [a or b for a, b in links if not (ROOT / (a or b)).exists()] == []
