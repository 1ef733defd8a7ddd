"""``python -m bench many``: 25 small nets side by side, against JAX's vmap and PyTorch's batched products.

3-10-1, tanh, half the squared error, float32; one sample an update, 200 samples, 200 epochs: a million
updates. Each net has its own initial weights and its own order of samples in every epoch; all peers get the
same ones. Nothing is timed before all are found to reach the same weights and losses.

JAX: one jitted `lax.scan` over all updates, vmapped over the nets, unrolled as is quickest; compilation is
not counted. PyTorch: the nets' weights stacked, `baddbmm` and `bmm`, backward and step by hand on
preallocated tensors without autograd, or the same gradients and `torch.optim` (fused). PyTorch runs fewer
epochs and is compared by the update. fastmlp shuffles the samples itself while it trains; the others are
handed the orders.
"""

import argparse
import statistics
import sys
import time
from importlib.util import find_spec

import numpy as np

from fastmlp import backend

from ..harness import machine, report
from ..harness.timing import REST
from ..peers.many_peers import JAX, N_EPOCHS, N_NETS, N_SAMPLES, RATES, WIDTHS, Ours, Torch, make_data

REFERENCE = "fastmlp, one by one"
CHECK_EPOCHS = 20  # later on Adam's roundings have grown: two runs in float32 and one in float64 all differ
WEIGHTS_TOLERANCE = 1e-4  # of what training changed, after the epochs above
LOSS_TOLERANCE = 1e-3  # of each net's loss at the start, at the end
TORCH_EPOCHS = 1
MODULES = {"fastmlp": "fastmlp", "JAX": "jax", "PyTorch": "torch"}
LINE = "{:10s} {:22s} {:>8s} {:>12s} {:>14s} {:>10s}"


def version(module):
    """Return a module's version."""
    return __import__(module).__version__


def peers(optimizer, n_threads):
    """Return {name: (maker, epochs)} of what can be imported here."""
    found = {
        REFERENCE: (lambda *data: Ours(optimizer, *data, None), N_EPOCHS),
        "fastmlp, fit_many": (lambda *data: Ours(optimizer, *data, n_threads), N_EPOCHS),
        "JAX, vmap": (lambda *data: JAX(optimizer, *data), N_EPOCHS),
        "PyTorch, by hand": (lambda *data: Torch(optimizer, *data, True), TORCH_EPOCHS),
        "PyTorch, torch.optim": (lambda *data: Torch(optimizer, *data, False), TORCH_EPOCHS),
    }
    present = {name for name, module in MODULES.items() if find_spec(module)}
    return {name: maker for name, maker in found.items() if name.split(",")[0] in present}


def mean_losses(weights, x, y):
    """Return each net's mean of half the squared error, in double precision."""
    a, b, c, d = np.split(weights.astype(np.float64), [30, 40, 50], axis=1)
    hidden = np.tanh(np.einsum("sf,nfh->nsh", x, a.reshape(-1, 3, 10)) + b[:, None])
    return 0.5 * ((hidden @ c[:, :, None] + d[:, None] - y) ** 2).mean(axis=(1, 2))


def compare(data, made):
    """Return {peer: in words what is different}; empty where all reach the same."""
    wrong, reached = {}, {}
    start = np.stack([np.concatenate([a.ravel() for a in one]) for one in data[2]])

    def learn(name, n_epochs):
        if (name, n_epochs) not in reached:
            train, weights = made[name][0].prepare(n_epochs)
            train()
            reached[name, n_epochs] = weights().copy()
        return reached[name, n_epochs]

    for name, (_, n_epochs) in made.items():
        early = min(n_epochs, CHECK_EPOCHS)
        alone, found = learn(REFERENCE, early), learn(name, early)
        far = float(np.linalg.norm(found - alone) / np.linalg.norm(alone - start))
        first, last, own = (
            mean_losses(weights, *data[:2])
            for weights in (start, learn(REFERENCE, n_epochs), learn(name, n_epochs))
        )
        off = float((np.abs(own - last) / first).max())
        exact = name.startswith("fastmlp")
        if not far <= (0 if exact else WEIGHTS_TOLERANCE):
            wrong[name] = f"after {early} epochs weights differ by {far:.1e} of what training changed"
        elif not off <= (0 if exact else LOSS_TOLERANCE):
            wrong[name] = f"after {n_epochs} epochs a net's loss differs by {off:.1e} of the first"
    return wrong


def time_all(made, repeats):
    """Return {name: median seconds of an update}, the peers interleaved."""
    spent = {name: [] for name in made}
    for _ in range(repeats):
        for name, (peer, n_epochs) in made.items():
            train, _ = peer.prepare(n_epochs)
            time.sleep(REST)
            begin = time.perf_counter()
            train()
            spent[name].append((time.perf_counter() - begin) / (N_NETS * N_SAMPLES * n_epochs))
    return {name: statistics.median(found) for name, found in spent.items()}


def main(arguments=None):
    """Check and time; return 1 where a peer learned something else."""
    parser = argparse.ArgumentParser(prog="python -m bench many", description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7, help="interleaved repeats (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=machine.n_cpus(), help="fit_many's (default: all cores)"
    )
    chosen = parser.parse_args(arguments)
    here, data, n_wrong = machine.describe(), make_data(), 0
    versions = [f"{name} {version(module)}" for name, module in MODULES.items() if find_spec(module)]
    print(f"{here['cpu']}, {here['n_cpus']} cores, {here['system']}, Python {here['python']}", end="; ")
    print(f"load {here['load']}")
    print(f"{', '.join(versions)}, NumPy {np.__version__}; backend {backend()}, {chosen.threads} threads")
    print(f"{N_NETS} nets {'-'.join(map(str, WIDTHS))}, {N_SAMPLES} samples, batch 1; medians\n")
    print(LINE.format("optimizer", "peer", "epochs", "ns/update", "1M updates", "ratio"))
    for optimizer in RATES:
        makers = peers(optimizer, chosen.threads)
        made = {name: (maker(*data), n_epochs) for name, (maker, n_epochs) in makers.items()}
        for name, problem in compare(data, made).items():
            print(f"{optimizer}: {name} is left out: {problem}", file=sys.stderr)
            n_wrong += 1
            del made[name]
        found = time_all(made, chosen.repeats)
        own = found["fastmlp, fit_many"]
        for name, seconds in found.items():
            row = [
                optimizer,
                name,
                str(made[name][1]),
                f"{1e9 * seconds:.1f}",
                report.seconds_text(1e6 * seconds),
            ]
            print(LINE.format(*row, report.ratio_text(seconds / own)), flush=True)
    return int(n_wrong > 0)
