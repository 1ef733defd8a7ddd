"""docs/formulas.md is what docs/make_formulas.py writes of the code."""

import importlib.util
import re
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "make_formulas.py"
if not SCRIPT.is_file():
    pytest.skip("the documentation is not part of this installation", allow_module_level=True)


def test_the_page_is_that_of_the_code():
    spec = importlib.util.spec_from_file_location("make_formulas", SCRIPT)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    # versions of Python differ in the brackets that they write
    ours, theirs = (re.sub(r"[()\s]", "", text) for text in (made.PAGE.read_text("utf-8"), made.page()))
    assert ours == theirs, "run python docs/make_formulas.py"
