"""How much memory training takes beyond the array and the imported libraries.

The training runs in a process of its own; what counts is the highest resident memory while it
trains, over what the process held before.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..harness.data import initial_weights, load_digits

LIMIT = 30e6  # bytes
SIZES = (784, 256, 128, 64, 10)
N_ROWS = 60000


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def _forget_peak():
    """Let the kernel's high-water mark start again at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def _train(x, y):
    from fastmlp import Adam, Dense, Network

    model = Network(random_state=0, input_scale=1 / 255 if x.dtype == np.uint8 else 1.0)
    for k, units in enumerate(SIZES[1:]):
        activation = "softmax" if k == len(SIZES) - 2 else "logistic"
        model.add(Dense(units, activation=activation, input_dim=None if k else x.shape[1]))
    model.fit(x, y, epochs=1, batch_size=128, loss="categorical_crossentropy", optimizer=Adam(0.001))


def measure_here(path):
    """Train on the arrays in `path`; return the bytes held before and the rise to the peak."""
    with np.load(path) as arrays:
        x, y = arrays["x"], arrays["y"]
    _train(x[:256], y[:256])  # brings the imports that come late
    _forget_peak()
    before = _status("VmRSS")
    _train(x, y)
    return {"before": before, "array": x.nbytes, "rise": _status("VmHWM") - before}


def measure(dtype):
    """Return `measure_here` of a fresh process, for 60000 images of `dtype`, and where they came from.

    Raises
    ------
    OSError
        The system has no /proc/self/clear_refs that can be written.
    """
    images, labels, _, what = load_digits()
    if images.shape != (N_ROWS, SIZES[0]):
        rng = np.random.RandomState(0)
        images = rng.randint(0, 256, (N_ROWS, SIZES[0])).astype(np.uint8)
        labels, what = rng.randint(0, 10, N_ROWS), "random pixels"
    x = images if dtype == "uint8" else images.astype(dtype) / np.dtype(dtype).type(255)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, x=x, y=labels.astype(np.int64))
        command = [sys.executable, "-m", "bench.suites.memory", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[-1])
    n_params = sum(w.size for w in initial_weights(SIZES))
    return json.loads(done.stdout) | {"dtype": dtype, "data": what, "n_params": n_params, "limit": LIMIT}


def report_line(found):
    verdict = "met" if found["rise"] <= found["limit"] else "MISSED"
    return (
        f"memory: one epoch of 784-256-128-64-10 on 60000 x 784 {found['dtype']} "
        f"({found['data'].split(',')[0]}, {found['array'] / 1e6:.0f} MB) adds {found['rise'] / 1e6:.1f} MB; "
        f"goal: at most {found['limit'] / 1e6:.0f} MB, {verdict}"
    )


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1])))
