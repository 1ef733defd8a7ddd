"""Libraries of a few lines of C that come between a process and the C library, and make it fail."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")
needed = pytest.mark.skipif(
    not (sys.platform == "linux" and COMPILER), reason="LD_PRELOAD is Linux's, and takes a compiler"
)


def told(script, library, folder):
    """Run a script of this folder with a library of this folder loaded before all others.

    Returns what it tells in JSON; where the process does not end by itself, the test has failed.
    """
    compiled = folder / f"{library}.so"
    flags = ("-O1", "-shared", "-fPIC", "-Wall", "-Werror")
    subprocess.run([COMPILER, *flags, "-o", compiled, HERE / f"{library}.c"], check=True)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", HERE / f"{script}.py", folder],
        env=os.environ | {"LD_PRELOAD": str(compiled)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
