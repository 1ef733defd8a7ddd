"""Fixtures: no figure stays open; the kernels on every backend that this machine can run, in both dtypes."""

import gc
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from fastmlp.kernels import dispatch

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

gc.disable()  # until all tests are collected: hundreds of megabytes, looked through again and again

KERNELS = Path(dispatch.__file__).parent
NATIVE = KERNELS / "native"
ROUNDING_SLACK = 2.0  # seconds between a source's and its module's time stamp that mean nothing


def stale_modules():
    """Names of compiled modules that are older than a source they are built from."""
    shared = [path.stat().st_mtime for path in (*NATIVE.rglob("*.pxi"), KERNELS / "records.py")]
    stale = []
    for module in [*NATIVE.glob("*.so"), *NATIVE.glob("*.pyd")]:
        stub = NATIVE / (module.name.split(".")[0] + ".pyx")
        if not stub.exists():
            continue
        sources = [stub.stat().st_mtime] + (shared if "kernels.pxi" in stub.read_text() else [])
        if max(sources) > module.stat().st_mtime + ROUNDING_SLACK:
            stale.append(module.name)
    return stale


def pytest_collection_finish(session):
    gc.freeze()
    gc.enable()
    stale = stale_modules()
    if stale and any("kernels" in getattr(item, "fixturenames", ()) for item in session.items):
        if os.environ.get("FASTMLP_STALE") != "allow":  # while a kernel is being edited
            pytest.exit(
                f"older than their sources: {', '.join(sorted(stale))}; run `make build` first", returncode=3
            )


@pytest.fixture(autouse=True)
def no_figures_left():
    """What a test has drawn is none of the next one's business."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


class Backend:
    """One backend's kernels for one dtype."""

    def __init__(self, name, dtype):
        self.name, self.dtype = name, np.dtype(dtype)
        self.eps = float(np.finfo(dtype).eps)
        self.module = dispatch.load(name, self.dtype)

    def __repr__(self):
        return f"{self.name}-{self.dtype}"

    def assert_close(self, actual, expected, factor, err_msg=""):
        """Equal to within `factor` roundings of the largest number."""
        scale = max(1.0, np.abs(expected).max(initial=0.0))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=factor * self.eps * scale, err_msg=err_msg)


BACKENDS = [(name, dtype) for name in dispatch.available() for dtype in (np.float32, np.float64)]


@pytest.fixture(params=BACKENDS, ids=lambda p: f"{p[0]}-{np.dtype(p[1])}")
def kernels(request):
    """A `Backend`, which all of the package uses too while the test runs."""
    backend = Backend(*request.param)
    with dispatch.using(backend.name):
        yield backend
