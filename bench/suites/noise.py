"""``python -m bench noise``: Gaussian noise of NumPy, PyTorch and fastmlp.

NumPy and PyTorch fill an array with normal values; fastmlp does more, it writes noisy copies of ten 5x7
glyphs. All write into memory that is there already. First it is checked that every backend and every number
of threads draws the same bits, and that all libraries' values have the moments of the normal distribution.
"""

import argparse
import sys

import numpy as np

import fastmlp
from fastmlp.kernels import dispatch
from fastmlp.noise import noisy_copies

from ..harness import machine, report
from ..harness.timing import median_seconds

PIXELS = 350
CASES = {
    "35 million": (35_000_000, np.float32),
    "35 million doubles": (35_000_000, np.float64),
    "100 copies of 10 glyphs": (35_000, np.float32),
}
MOMENTS = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}  # of z^k: expectation and variance
SHORTEST = 0.02  # seconds of one measurement: shorter runs are repeated
LINE = "{:25s}" + " {:>12s}" * 5 + "  " + " {:>10s}" * 4


def torch_module():
    """Return PyTorch, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def contestants(n_values, dtype, n_threads):
    """Return {name: function that writes n_values and returns them}."""
    generator, out = np.random.default_rng(0), np.zeros(n_values, dtype)
    glyphs, seeds = np.zeros((10, PIXELS // 10), dtype), np.random.RandomState(0)
    copies = out.reshape(-1, PIXELS // 10)

    def ours(count):
        return lambda: noisy_copies(
            glyphs, n_values // PIXELS, 1.0, random_state=seeds, out=copies, n_threads=count
        ).ravel()

    found = {"numpy": lambda: generator.standard_normal(out=out, dtype=dtype)}
    torch = torch_module()
    if torch is not None:
        tensor = torch.from_numpy(out)

        def theirs(count):
            def fill():
                torch.set_num_threads(count)
                return tensor.normal_().numpy()

            return fill

        found |= {"torch/1": theirs(1), f"torch/{n_threads}": theirs(n_threads)}
    return found | {"fastmlp/1": ours(1), f"fastmlp/{n_threads}": ours(n_threads)}


def differing_bits(dtype, n_values=100_003):
    """Return in words which backends or threads draw other bits than the one in use; "" where none does."""
    glyphs = np.linspace(0, 1, PIXELS // 10, dtype=dtype)[None, :]
    n_copies = n_values // glyphs.size
    expected = noisy_copies(glyphs, n_copies, 0.3, random_state=1, n_threads=1)
    if not np.array_equal(expected, noisy_copies(glyphs, n_copies, 0.3, random_state=1, n_threads=2)):
        return "two threads"
    low, high = np.random.RandomState(1).randint(0, 2**32, 2, np.uint64).tolist()
    for name in dispatch.available():
        out = np.empty(expected.size, dtype)
        dispatch.load(name, np.dtype(dtype)).add_noise(
            glyphs, out, glyphs.size, n_copies, 0, high << 32 | low, 0.3, -np.inf, np.inf
        )
        if not np.array_equal(out, expected.ravel()):
            return name
    return ""


def wrong_moment(values):
    """Return in words which moment is not that of the normal distribution; "" where all are."""
    values = values[:4_000_000].astype(np.float64)
    for k, (mean, variance) in MOMENTS.items():
        found = (values**k).mean()
        if abs(found - mean) > 6 * (variance / values.size) ** 0.5:
            return f"moment {k} is {found:.5f}"
    return ""


def main(arguments=None):
    """Check and time; return 1 where something is not what it should be, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench noise", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="NAME", default=list(CASES))
    parser.add_argument("--repeats", type=int, default=7, help="measurements in turns (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"--repeats: expected at least 1, got {chosen.repeats}")
    here, torch = machine.describe(), torch_module()
    n_threads = max(2, here["n_cpus"])
    print(f"{here['cpu']}, {here['n_cpus']} cores, {here['system']}, Python {here['python']}", end="; ")
    print(f"load {here['load']}")
    versions = f"NumPy {np.__version__}, fastmlp {fastmlp.__version__} ({fastmlp.backend()})"
    print(versions + (f", PyTorch {torch.__version__}" if torch else "; PyTorch is not installed"))
    print("medians; '/2' counts threads; then the time of NumPy and of the faster PyTorch over fastmlp's\n")
    names = ["numpy", "torch/1", f"torch/{n_threads}", "fastmlp/1", f"fastmlp/{n_threads}"]
    ratios = [f"{rival}{own}" for own in ("/1", f"/{n_threads}") for rival in ("numpy:", "torch:")]
    print(LINE.format("values", *names, *ratios))
    n_wrong = 0
    for case in chosen.cases:
        n_values, dtype = CASES[case]
        functions = contestants(n_values, dtype, n_threads)
        problems = [f"{found} draws other bits" for found in [differing_bits(dtype)] if found]
        problems += [f"{name}: {wrong}" for name, f in functions.items() if (wrong := wrong_moment(f()))]
        if problems:
            n_wrong += 1
            print(f"{case}: not timed: {'; '.join(problems)}", file=sys.stderr)
            continue
        seconds = median_seconds(functions, chosen.repeats, SHORTEST)
        torch_best = min((s for name, s in seconds.items() if name.startswith("torch")), default=None)
        cells = [report.seconds_text(seconds[name]) if name in seconds else "-" for name in names]
        pairs = [(rival, own) for own in names[-2:] for rival in (seconds["numpy"], torch_best)]
        cells += [report.ratio_text(rival and rival / seconds[own]) for rival, own in pairs]
        print(LINE.format(case, *cells), flush=True)
    return int(n_wrong > 0)
