"""``python .ci/lowest.py build|run``: the lowest versions that pyproject.toml allows, for pip.

`build` prints what compiles the package; `run` what it needs, its extras and the tests.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())


def requirements(which):
    """Yield the requirements of one kind, extras that name other extras resolved."""
    if which == "build":
        yield from PYPROJECT["build-system"]["requires"]
        return
    yield from PYPROJECT["project"]["dependencies"]
    asked = ["test"]
    for extra in asked:
        for requirement in PYPROJECT["project"]["optional-dependencies"][extra]:
            if own := re.fullmatch(r"fastmlp\[(.*)\]", requirement):
                asked.extend(own[1].split(","))
            else:
                yield requirement


def lowest(requirement):
    """``name==version`` of a requirement ``name>=version``, which may exclude others."""
    found = re.fullmatch(r"([a-z0-9-]+(?:\[[a-z,]+\])?)>=([0-9.]+)(?:,!=[0-9.]+)*", requirement)
    if not found:
        sys.exit(f"no lowest version in {requirement!r}")
    return f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*map(lowest, requirements(sys.argv[1])), sep="\n")
