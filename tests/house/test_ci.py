"""What CI relies on: a test that was skipped for want of a package it installs makes the run fail."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / ".ci" / "check_skips.py"
WANTING = {
    "test_one.py": "import pytest\ndef test(): pytest.importorskip('no_torch')\n",
    "test_module.py": "import pytest\npytest.importorskip('no_torch')\ndef test(): pass\n",
    "test_helper.py": "import helper\ndef test(): pass\n",
    "helper.py": "import pytest\npytest.importorskip('no_torch')\n",
}
OTHERS = {
    "test_torch.py": "import pytest\n@pytest.mark.skip('for another system')\ndef test(): pass\n",
    "test_torch_2.py": "import pytest\npytest.skip('for another system', allow_module_level=True)\n",
}
pytestmark = pytest.mark.skipif(not CHECK.exists(), reason="CI's scripts are in the repository only")


def check(folder, files):
    """Run test files of their own; return what CI's check says of the report."""
    for name, source in files.items():
        (folder / name).write_text(source)
    report = folder / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", folder, f"--junitxml={report}"]
    subprocess.run([sys.executable, "-m", "pytest", *options, folder], capture_output=True, check=False)
    return subprocess.run([sys.executable, CHECK, report], capture_output=True, text=True, check=False)


def test_skips_for_want_of_a_package_fail(tmp_path):
    done = check(tmp_path, WANTING)
    assert done.returncode == 1 and done.stderr.count("could not import 'no_torch'") == 3


def test_other_skips_pass(tmp_path):
    done = check(tmp_path, OTHERS)
    assert done.returncode == 0 and done.stdout == "2 tests, 2 skipped\n"
