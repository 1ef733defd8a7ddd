"""The Numba backend keeps compiled code on disk where it can, and works where it cannot."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracle.jobs import chain, make_job

import fastmlp
from fastmlp.kernels import training
from fastmlp.kernels.plan import Activation, Loss, Regime, Status

pytest.importorskip("numba")

CODE = """
import numpy as np
import fastmlp
from fastmlp.kernels.numba_backend import build
x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
neuron = fastmlp.LinearPerceptron(max_iter=2, shuffle=False).fit(x, x[:, 0])
print(fastmlp.__file__, fastmlp.backend(), build.CACHE is not None, *neuron.coef_)
"""


LISTED = """
import numpy as np
from fastmlp import Dense, Network
from fastmlp.kernels.numba_backend import lanes
x = np.zeros((4, 784), np.float32)
x[:, ::9] = 1
net = Network([Dense(32, "logistic", 784), Dense(10, "softmax")], random_state=0, dtype="float32")
net.fit(x, np.arange(4), epochs=1, batch_size=1, optimizer="sgd")
print(lanes.VEC_BYTES, np.isfinite(net.params).all())
"""

HERE_IS_X86 = platform.machine() in ("x86_64", "AMD64")
ABROAD = [("", 16), ("+avx,+avx2,+fma", 32)]  # features of another CPU, and the bytes of its vectors


class Running:
    """A process of Python that compiles, in a folder of its own."""

    def __init__(self, folder, code, env, **changed):
        self.folder, self.env = folder, env | changed
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, env=self.env, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def told(self):
        out, errors = self.process.communicate()
        assert self.process.returncode == 0, errors
        return out.split()


def copy_package(folder):
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c")
    shutil.copytree(Path(fastmlp.__file__).parent, folder / "fastmlp", ignore=ignored)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """All processes of this file, by what is asked for: they compile side by side."""
    without = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    begun = {}
    for writable in (True, False):
        folder = tmp_path_factory.mktemp("package")
        copy_package(folder)
        home = folder / "home"
        home.touch()
        if not writable:
            cache_of(folder).touch()
        begun[writable] = Running(
            folder, CODE, without, FASTMLP_BACKEND="numba", HOME=str(home), USERPROFILE=str(home),
            LOCALAPPDATA=str(home), PYTHONPATH=str(folder), PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip
    for features, _ in ABROAD if HERE_IS_X86 else ():
        folder = tmp_path_factory.mktemp("abroad")
        begun[features] = Running(
            folder, LISTED, dict(os.environ), FASTMLP_BACKEND="numba", NUMBA_CPU_NAME="haswell",
            NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(folder),
            PYTHONPATH=str(Path(fastmlp.__file__).parents[1]),
        )  # fmt: skip
    yield begun
    for one in begun.values():
        one.process.kill()
        one.process.communicate()


def cache_of(folder):
    return folder / "fastmlp" / "kernels" / "numba_backend" / "__pycache__"


@pytest.mark.parametrize("writable", [True, False])
def test_compiles_without_a_cache_where_no_folder_can_be_written(running, writable):
    """Files stand where Numba would make its folders, which stops root too."""
    folder, cache = running[writable].folder, cache_of(running[writable].folder)
    told = running[writable].told()
    assert told[:3] == [str(folder / "fastmlp" / "__init__.py"), "numba", str(writable)]
    assert [float(w) for w in told[3:]] == pytest.approx(expected())
    kept = list(cache.glob("*.nbi")) if cache.is_dir() else []
    assert bool(kept) == writable and all("-float64-" in path.name for path in kept)


def expected():
    """The same neuron's weights in the backend in use."""
    import numpy as np

    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return fastmlp.LinearPerceptron(max_iter=2, shuffle=False).fit(x, x[:, 0]).coef_


def test_code_compiled_of_other_sources_is_neither_run_nor_kept(tmp_path):
    """A leaf holds what it reaches, in other files too: Numba looks at the time of its own file only."""
    copy_package(tmp_path)
    cache = tmp_path / "cache"
    env = os.environ | {"FASTMLP_BACKEND": "numba", "PYTHONPATH": str(tmp_path)}

    def compiled():
        Running(tmp_path, CODE, env, NUMBA_CACHE_DIR=str(cache)).told()
        return {path.name: path.stat().st_mtime for path in cache.rglob("*.nbi")}

    first = compiled()
    changed = tmp_path / "fastmlp" / "kernels" / "numba_backend" / "lanes.py"
    os.utime(changed, (max(first.values()) + 1e6,) * 2)  # in the future, as clocks of two machines may differ
    assert first and compiled() == first
    changed.write_text(changed.read_text() + "# changed\n")
    os.utime(changed, (1e9, 1e9))  # as rsync and tar keep it
    second = compiled()
    assert len(second) == len(first) and second.keys().isdisjoint(first)


def test_each_type_and_cpu_keeps_its_code_in_files_of_its_own(monkeypatch):
    """A file that two processes wrote at the same time would be run as what the other has compiled."""
    from numba import config, float32, float64

    from fastmlp.kernels.numba_backend import build

    names = set()
    for cpu in ("haswell", "skylake"):
        monkeypatch.setattr(config, "CPU_NAME", cpu)
        names |= {build.own_name(copy_package, real).__qualname__ for real in (float32, float64)}
    assert len(names) == 4 and all(name.startswith("copy_package") for name in names)


NO_ROOM = """
from numba.core import caching
def full(self, path):
    raise OSError(28, "No space left on device")
caching.IndexDataCacheFile._open_for_write = full
"""


@pytest.mark.parametrize("damage", [".nbi", ".nbc", "no room"])
def test_what_cannot_be_read_or_kept_is_compiled_for_this_process(running, damage, tmp_path):
    first = running[True]
    assert first.process.wait() == 0
    shutil.copytree(first.folder / "fastmlp", tmp_path / "fastmlp")
    kept = list(cache_of(tmp_path).glob("neuron.*"))
    for path in kept:
        if damage == "no room":
            path.unlink()
        elif path.suffix == damage:
            path.write_bytes(path.read_bytes()[:30])
    code = NO_ROOM * (damage == "no room") + CODE
    told = Running(tmp_path, code, first.env, PYTHONPATH=str(tmp_path)).told()
    assert [float(w) for w in told[3:]] == pytest.approx(expected())
    assert len(kept) >= 2 and not any(path.exists() for path in kept)


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="no fork here")
def test_a_child_forked_while_a_thread_compiles_compiles_too(tmp_path):
    code = """
import os, sys, threading, time
import numpy as np
from numba.core import event
from fastmlp import LinearPerceptron
from fastmlp.kernels import dispatch
compiles = threading.Event()
class Sees(event.Listener):
    def on_start(self, event): compiles.set()
    def on_end(self, event): pass
event.register("numba:compile", Sees())
x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
def fit(): return LinearPerceptron(max_iter=2, shuffle=False).fit(x, x[:, 0]).coef_
other = threading.Thread(target=fit)
other.start()
compiles.wait()
child = os.fork()
if child == 0:
    fit()
    os._exit(7)
for _ in range(600):
    time.sleep(0.1)
    if (ended := os.waitpid(child, os.WNOHANG))[0]: break
else:
    os.kill(child, 9); ended = (0, 0)
other.join()
print(os.waitstatus_to_exitcode(ended[1]))
"""
    env = os.environ | {"FASTMLP_BACKEND": "numba", "NUMBA_CACHE_DIR": str(tmp_path)}
    env["PYTHONPATH"] = str(Path(fastmlp.__file__).parents[1])
    assert Running(tmp_path, code, env).told() == ["7"]


def test_compiled_functions_of_the_two_dtypes_have_other_names():
    """Numba names what it compiles by the types: two of one name would be one, where both come from disk."""
    from numba import float32, float64

    from fastmlp.kernels.numba_backend import api, build

    assert api.F32.dtype != api.F64.dtype
    for template in "cBW":
        single, double = (str(build.numba_type(template, real)) for real in (float32, float64))
        assert single != double


@pytest.mark.skipif(not HERE_IS_X86, reason="needs another CPU's name")
@pytest.mark.parametrize("features, n_bytes", ABROAD)
def test_compiles_for_the_cpu_that_numba_is_told(running, features, n_bytes):
    """Not for the one it runs on: LLVM ends the process where it meets an instruction it may not use."""
    assert running[features].told() == [str(n_bytes), "True"]


@pytest.mark.parametrize(
    "loss", [Loss.HALF_SQUARED_ERROR, Loss.BINARY_CROSS_ENTROPY], ids=lambda loss: loss.name
)
def test_a_job_compiles_only_what_it_takes(loss):
    """Small nets in batches compute squares by themselves, and never read rows by their non-zeros."""
    from fastmlp.kernels.numba_backend import api

    kernels = api.Kernels(np.float32)
    plan = chain(2, (2, 1), (Activation.TANH, Activation.LOGISTIC))
    job = make_job(np.float32, plan, loss=loss)
    assert training.run(job, n_threads=1, regime=Regime.TINY, backend=kernels) == Status.FINISHED
    assert ("loss_and_delta" in kernels._compiled) == (loss != Loss.HALF_SQUARED_ERROR)
    assert not {"list_row", "multiply_list", "forward", "backward"} & kernels._compiled.keys()
