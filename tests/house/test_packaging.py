"""The sdist holds every source file of the tree, and the package says that it is typed."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# what an install, a build or the tests need; pictures and benchmark results stay out
SOURCES = {".py", ".pyx", ".pxi", ".pxd", ".pyi", ".h", ".toml", ".md", ".rst", ".typed", ".in", ".cfg"}
NAMES = {"LICENSE", "Makefile"}


def tracked_files():
    """The files that are in the repository or about to be: what .gitignore leaves."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [Path(name) for name in found if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("compares with the repository, and this is no checkout")
    pytest.importorskip("setuptools")
    pytest.importorskip("Cython")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in tracked_files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)],
        cwd=tree,
        env=os.environ | {"FASTMLP_LEVELS": "base"},  # it holds the others' sources all the same
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        return {Path(*Path(name).parts[1:]) for name in archive.getnames()}


def test_sdist_holds_every_source(sdist):
    sources = {path for path in tracked_files() if path.suffix in SOURCES or path.name in NAMES}
    assert len(sources) > 40
    assert not sorted(map(str, sources - sdist))


def test_sdist_holds_nothing_built(sdist):
    built = {".so", ".pyd", ".o", ".c", ".pyc"}  # C is what Cython has written, but in tests
    assert not [str(path) for path in sdist if path.suffix in built and path.parts[:1] != ("tests",)]


def test_package_says_that_it_is_typed(sdist):
    assert Path("fastmlp/py.typed") in sdist
    assert Path("fastmlp/kernels/contract.py") in sdist  # the signatures of compiled modules
