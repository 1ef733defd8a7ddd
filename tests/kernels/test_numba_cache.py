"""The Numba backend keeps compiled code on disk where it can, and works where it cannot."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastmlp

pytest.importorskip("numba")

CODE = """
import numpy as np
import fastmlp
from fastmlp.kernels.numba_backend import build
x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
neuron = fastmlp.LinearPerceptron(max_iter=2, shuffle=False).fit(x, x[:, 0])
print(fastmlp.__file__, fastmlp.backend(), build.CACHE is not None, *neuron.coef_)
"""


def copy_of_package(folder):
    package = folder / "fastmlp"
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c")
    shutil.copytree(Path(fastmlp.__file__).parent, package, ignore=ignored)
    return package


@pytest.mark.parametrize("writable", [True, False])
def test_compiles_without_a_cache_where_no_folder_can_be_written(tmp_path, writable):
    """Files stand where Numba would make its folders, which stops root too."""
    package = copy_of_package(tmp_path)
    home = tmp_path / "home"
    home.touch()
    cache = package / "kernels" / "numba_backend" / "__pycache__"
    if not writable:
        cache.touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    env |= dict(
        FASTMLP_BACKEND="numba",
        HOME=str(home),
        USERPROFILE=str(home),
        LOCALAPPDATA=str(home),
        PYTHONPATH=str(tmp_path),
        PYTHONDONTWRITEBYTECODE="1",
    )
    done = subprocess.run([sys.executable, "-c", CODE], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout.split()
    assert told[:3] == [str(package / "__init__.py"), "numba", str(writable)]
    assert [float(w) for w in told[3:]] == pytest.approx(expected())
    assert bool(writable) == (cache.is_dir() and any(cache.glob("*.nbi")))


def expected():
    """The same neuron's weights in the backend in use."""
    import numpy as np

    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return fastmlp.LinearPerceptron(max_iter=2, shuffle=False).fit(x, x[:, 0]).coef_


def test_code_compiled_of_other_sources_is_dropped_wherever_it_is_kept(tmp_path):
    """A leaf holds what it reaches, in other files too: Numba looks at its own file only."""
    package, cache = copy_of_package(tmp_path), tmp_path / "cache"
    env = os.environ | {"FASTMLP_BACKEND": "numba", "PYTHONPATH": str(tmp_path)}
    env["NUMBA_CACHE_DIR"] = str(cache)

    def compiled():
        subprocess.run([sys.executable, "-c", CODE], env=env, cwd=tmp_path, check=True, capture_output=True)
        return {path.name: path.stat().st_mtime for path in cache.rglob("*.nbi")}

    first = compiled()
    assert first and compiled() == first
    later = max(first.values()) + 1e-3
    os.utime(package / "kernels" / "numba_backend" / "lanes.py", (later, later))
    second = compiled()
    assert second.keys() == first.keys() and all(second[name] > first[name] for name in first)


def test_compiled_functions_of_the_two_dtypes_have_other_names():
    """Numba names what it compiles by the types: two of one name would be one, where both come from disk."""
    from numba import float32, float64

    from fastmlp.kernels.numba_backend import api, build

    assert api.F32.dtype != api.F64.dtype
    for template in "cBW":
        single, double = (str(build.numba_type(template, real)) for real in (float32, float64))
        assert single != double


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


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs another CPU's name")
@pytest.mark.parametrize("features, n_bytes", [("", 16), ("+avx,+avx2,+fma", 32)])
def test_compiles_for_the_cpu_that_numba_is_told(tmp_path, features, n_bytes):
    """Not for the one it runs on: LLVM ends the process where it meets an instruction it may not use."""
    env = os.environ | {
        "FASTMLP_BACKEND": "numba",
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": features,
    }
    done = subprocess.run(
        [sys.executable, "-c", LISTED],
        env=env | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(n_bytes), "True"], done.stderr
