"""``python -m bench batched``: products of stacks of small matrices against numpy.matmul, PyTorch and JAX.

First all must agree with float64; then each case is timed, interleaved, and printed as NumPy's time and how
many times as fast the others are. NumPy and the others use their threads as they come.
"""

import argparse

import numpy as np

from fastmlp import backend, batched_matmul
from fastmlp.kernels.threads import usable_cores

from ..harness import machine
from ..harness.timing import median_seconds

SIZES = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 17, 24, 32, 48, 64, 96, 128, 256)
# what is multiplied: m, k, n, and which factors are transposed views
OTHERS = (
    (4, 4, 4, "AT"), (4, 4, 4, "BT"), (8, 8, 8, "AT"), (8, 8, 8, "BT"), (16, 16, 16, "AT"),
    (16, 16, 16, "BT"), (16, 16, 16, "AT BT"), (32, 32, 32, "AT"), (32, 32, 32, "BT"), (64, 64, 64, "AT"),
    (64, 64, 64, "BT"),
    (4, 4, 1, ""), (16, 16, 1, ""), (64, 64, 1, ""), (64, 64, 1, "AT"), (128, 128, 1, ""), (1, 16, 16, ""),
    (1, 64, 64, ""), (1, 64, 64, "BT"), (16, 1, 16, ""), (64, 1, 64, ""), (1, 64, 1, ""), (3, 64, 2, ""),
    (64, 2, 64, ""), (64, 64, 2, ""), (2, 64, 64, "BT"), (64, 8, 64, ""), (8, 64, 8, ""), (5, 33, 9, ""),
    (128, 16, 128, ""),
)  # fmt: skip
BYTES = 48e6  # of the three stacks at most
TOLERANCE = 8  # roundings of the sum of |a b|
REST = 0.01  # seconds between two peers; BLAS's threads spin for longer, but only large products wake them
SHORTEST = 0.005  # seconds of a repeat


def stack(random, count, rows, columns, dtype, transposed):
    if transposed:
        return random.standard_normal((count, columns, rows)).astype(dtype).swapaxes(1, 2)
    return random.standard_normal((count, rows, columns)).astype(dtype)


def peers(A, B, fresh):
    """Return {name: a call that multiplies}, of what is installed."""
    shape, dtype = (len(A), A.shape[1], B.shape[2]), A.dtype
    out = None if fresh else np.empty(shape, dtype)
    calls = {
        "numpy": lambda: np.matmul(A, B, out=out),
        "one": lambda: batched_matmul(A, B, out, n_threads=1),
        "auto": lambda: batched_matmul(A, B, out),
    }
    try:
        import torch
    except ImportError:
        pass
    else:
        a, b = torch.from_numpy(A), torch.from_numpy(B)
        c = None if fresh else torch.empty(shape, dtype=a.dtype)
        calls["torch"] = lambda: torch.bmm(a, b, out=c)
    try:
        import jax
    except ImportError:
        pass
    else:
        jax.config.update("jax_enable_x64", True)
        x, y, multiply = jax.numpy.asarray(A), jax.numpy.asarray(B), jax.jit(jax.numpy.matmul)
        calls["jax"] = lambda: multiply(x, y).block_until_ready()
    return calls


def disagreeing(calls, A, B):
    """Return the peers whose product is further from float64's than rounding explains."""
    exact = A.astype(np.float64) @ B.astype(np.float64)
    limit = TOLERANCE * A.shape[2] ** 0.5 * np.finfo(A.dtype).eps * (np.abs(A) @ np.abs(B)).max()
    return [name for name, call in calls.items() if not np.abs(np.asarray(call()) - exact).max() <= limit]


def measure(case, count, dtype, repeats, fresh):
    """Check and time one case; return a line."""
    m, k, n, views = case
    random = np.random.default_rng(0)
    A = stack(random, count, m, k, dtype, "AT" in views)
    B = stack(random, count, k, n, dtype, "BT" in views)
    calls = peers(A, B, fresh)
    what = f"{np.dtype(dtype).name:8} {f'{m}x{k} {k}x{n} {views}':17} {count:6}"
    wrong = disagreeing(calls, A, B)
    if wrong:
        return f"{what}  DISAGREE: {', '.join(wrong)}"
    times = median_seconds(calls, repeats, SHORTEST, REST)
    ratios = "".join(f"{times['numpy'] / times[p]:8.2f}" if p in times else "       -" for p in COLUMNS)
    return f"{what} {1e9 * times['numpy'] / count:12.1f} {ratios}"


COLUMNS = ("one", "auto", "torch", "jax")


def main(arguments=None):
    """Check and time every case."""
    parser = argparse.ArgumentParser(prog="python -m bench batched", description=__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="of the square matrices")
    parser.add_argument("--stack", nargs="+", type=int, default=(10000, 100), help="matrices, at most")
    parser.add_argument("--dtypes", nargs="+", default=("float32", "float64"))
    parser.add_argument("--others", action="store_true", help="not square, transposed, matrix and vector")
    parser.add_argument("--fresh", action="store_true", help="a new result each time, instead of out=")
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args(arguments)
    about = machine.describe()
    print(
        f"{about['cpu']}, {about['n_cpus']} cores, load {about['load']:.1f}; backend {backend()}; "
        f"fastmlp with 1 and up to {usable_cores()} threads"
    )
    print(
        f"{'dtype':8} {'A B':17} {'stack':>6} {'numpy ns each':>13} {'1 thread':>8}    auto   torch     jax"
    )
    cases = OTHERS if chosen.others else [(n, n, n, "") for n in chosen.sizes]
    for most in chosen.stack:
        for dtype in chosen.dtypes:
            for case in cases:
                m, k, n, _ = case
                fit = BYTES / ((m * k + k * n + m * n) * np.dtype(dtype).itemsize)
                print(
                    measure(case, int(max(1, min(most, fit))), dtype, chosen.repeats, chosen.fresh),
                    flush=True,
                )
