"""The examples of the docstrings do what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "fastmlp"
NEEDS = {"plots": "matplotlib", "formats": "dill"}
WITH_EXAMPLES = sorted(
    path.relative_to(PACKAGE).with_suffix("").parts
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("parts", WITH_EXAMPLES, ids=".".join)
def test_examples(parts):
    if parts[0] in NEEDS:
        pytest.importorskip(NEEDS[parts[0]])
    found = doctest.testmod(import_module(".".join(("fastmlp", *parts))))
    assert found.attempted > 0 and found.failed == 0
