"""Each promise of docs/promises.md names tests, and they are there."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parents[1]
PAGE = (HERE.parent / "docs" / "promises.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def functions_in(file):
    """Names of the test functions in a file."""
    tree = ast.parse(next(HERE.glob(f"*/{file}")).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_promise_names_tests():
    promises = re.split(r"^- \*\*", PAGE, flags=re.MULTILINE)[1:]
    assert len(promises) > 20
    assert [promise[:40] for promise in promises if not NAMED.search(promise)] == []


def test_the_tests_that_are_named_exist():
    named = set(NAMED.findall(PAGE))
    assert named == {(file, test) for file, test in named if test in functions_in(file)}
    assert PAGE.count("::") == len(NAMED.findall(PAGE))  # none is spelled so that it was not looked for
