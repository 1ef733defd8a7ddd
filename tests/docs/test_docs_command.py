"""The session on the command's page is what the command prints."""

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
if not DOCS.is_dir():
    pytest.skip("the documentation is not part of this installation", allow_module_level=True)
pytest.importorskip("pandas")
pytest.importorskip("matplotlib")
NUMBER = re.compile(r"\d+(\.\d+)?")


def words(line):
    """Return a line as it is; from the network on without its numbers, which differ with the last bits."""
    line = " ".join(line.split())
    return NUMBER.sub("#", line) if re.match("network|accuracy|balanced", line) else line


def test_the_session_is_what_is_printed(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    import make_command

    before, stands, after = make_command.parts((DOCS / "command.md").read_text(encoding="utf-8"))
    assert before.startswith("# The command") and after.strip().startswith("**The file.**")
    found = make_command.session()
    assert [*map(words, stands.splitlines())] == [*map(words, found.splitlines())]
