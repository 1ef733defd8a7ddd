"""``python -m bench.many``: 25 small nets side by side, against JAX's vmap and PyTorch's batched products.

3-10-1, tanh, half the squared error, float32; one sample an update, 200 samples, 200 epochs: a million
updates. Each net has its own initial weights and its own order of samples in every epoch; all peers get the
same ones. Nothing is timed before all are found to reach the same weights and losses.

JAX: one jitted `lax.scan` over all updates, vmapped over the nets; compilation is not counted. PyTorch: the
nets' weights stacked, `baddbmm` and `bmm`, backward and step by hand on preallocated tensors without
autograd, or the same gradients and `torch.optim` (fused). PyTorch runs fewer epochs and is compared by the
update. fastmlp shuffles the samples itself while it trains; the others are handed the orders.
"""

import argparse
import statistics
import sys
import time
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

from fastmlp import SGD, Adam, Dense, Network, backend, fit_many

from . import machine, report
from .timing import REST

N_NETS, N_SAMPLES, N_EPOCHS, WIDTHS = 25, 200, 200, (3, 10, 1)
RATES = {"sgd": 0.01, "adam": 0.001}
REFERENCE = "fastmlp, one by one"
CHECK_EPOCHS = (
    20  # later on roundings of Adam's have grown: two runs in float32 and one in float64 all differ
)
WEIGHTS_TOLERANCE = 1e-4  # of what training changed, after the epochs above
LOSS_TOLERANCE = 1e-3  # of each net's loss at the start, at the end
TORCH_EPOCHS = 1
MODULES = {"fastmlp": "fastmlp", "JAX": "jax", "PyTorch": "torch"}
LINE = "{:10s} {:22s} {:>8s} {:>12s} {:>14s} {:>10s}"


def version(module):
    """Return a module's version."""
    return __import__(module).__version__


def make_data():
    """Return x, y and each net's initial weights."""
    random = np.random.RandomState(0)
    x = random.uniform(-1, 1, (N_SAMPLES, WIDTHS[0])).astype(np.float32)
    y = (0.8 * np.tanh(x @ np.array([1, -2, 0.5], np.float32)))[:, None]
    shapes = [shape for a, b in pairwise(WIDTHS) for shape in ((a, b), (b,))]
    start = [[random.uniform(-0.5, 0.5, shape).astype(np.float32) for shape in shapes] for _ in range(N_NETS)]
    return x, y, start


def orders(n_epochs):
    """Return the order in which each net sees the samples, (nets, updates): that of `Network.fit`."""
    found = np.empty((N_NETS, n_epochs, N_SAMPLES), np.int32)
    for k in range(N_NETS):
        random, order = np.random.RandomState(k), np.arange(N_SAMPLES)
        for epoch in range(n_epochs):
            random.shuffle(order)
            found[k, epoch] = order
    return found.reshape(N_NETS, -1)


class Ours:
    """`fit_many`, or `fit` of one net after another."""

    def __init__(self, optimizer, x, y, start, n_threads):
        self.optimizer, self.x, self.y, self.start, self.n_threads = optimizer, x, y, start, n_threads

    def prepare(self, n_epochs):
        """Return a function that trains from the start, and one that tells the weights."""
        nets = [
            Network([Dense(10, "tanh"), Dense(1)], random_state=k, dtype="float32") for k in range(N_NETS)
        ]
        for k, (net, weights) in enumerate(zip(nets, self.start, strict=True)):
            net.build(WIDTHS[0]).set_weights(weights)
            net.rng.seed(k)
        kind = {"sgd": SGD, "adam": Adam}[self.optimizer]
        how = dict(
            epochs=n_epochs, batch_size=1, loss="half_squared_error", optimizer=kind(RATES[self.optimizer])
        )

        def train():
            if self.n_threads is None:
                for net in nets:
                    net.fit(self.x, self.y, **how)
            else:
                fit_many(nets, self.x, self.y, n_threads=self.n_threads, **how)

        return train, lambda: np.stack([net.params for net in nets])


class JAX:
    """One jitted scan over all updates, vmapped over the nets."""

    def __init__(self, optimizer, x, y, start):
        import jax
        import jax.numpy as jnp

        self.jax, self.optimizer = jax, optimizer
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        self.start = [jnp.asarray(np.stack(arrays)) for arrays in zip(*start, strict=True)]
        rate = RATES[optimizer]

        def loss(weights, sample, target):
            a, b, c, d = weights
            return 0.5 * jnp.sum((jnp.tanh(sample @ a + b) @ c + d - target) ** 2)

        def sgd(weights, state, gradient):
            return [w - rate * g for w, g in zip(weights, gradient, strict=True)], state

        def adam(weights, state, gradient):
            m, v, t = state
            t = t + 1
            m = [0.9 * a + 0.1 * g for a, g in zip(m, gradient, strict=True)]
            v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradient, strict=True)]
            root = jnp.sqrt(1 - 0.999**t)
            step, epsilon = rate * root / (1 - 0.9**t), 1e-8 * root
            new = [w - step * a / (jnp.sqrt(b) + epsilon) for w, a, b in zip(weights, m, v, strict=True)]
            return new, (m, v, t)

        step = {"sgd": sgd, "adam": adam}[optimizer]

        def run(weights, state, order, x, y):
            def update(carry, i):
                gradient = jax.grad(loss)(carry[0], x[i], y[i])
                return step(*carry, gradient), None

            return jax.lax.scan(update, (weights, state), order)[0][0]

        self.run = jax.jit(jax.vmap(run, in_axes=(0, 0, 0, None, None)))

    def prepare(self, n_epochs):
        zeros = [self.jax.numpy.zeros_like(w) for w in self.start]
        state = (zeros, zeros, self.jax.numpy.zeros(N_NETS)) if self.optimizer == "adam" else ()
        order = self.jax.numpy.asarray(orders(n_epochs))
        weights = []

        def train():
            weights[:] = self.jax.block_until_ready(self.run(self.start, state, order, self.x, self.y))

        return train, lambda: flat(weights)


class Torch:
    """Weights stacked; batched products, backward by hand; the step by hand or `torch.optim`'s."""

    def __init__(self, optimizer, x, y, start, by_hand):
        import torch

        torch.set_num_threads(1)  # the tensors are too small for more
        torch.set_flush_denormal(True)
        self.torch, self.optimizer, self.by_hand = torch, optimizer, by_hand
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        self.start = [torch.from_numpy(np.stack(arrays)) for arrays in zip(*start, strict=True)]

    def prepare(self, n_epochs):
        torch, n, rate = self.torch, N_NETS, RATES[self.optimizer]
        shapes = [(n, 3, 10), (n, 1, 10), (n, 10, 1), (n, 1, 1)]
        w, g, m, v = (torch.zeros(sum(np.prod(s) for s in shapes)) for _ in range(4))
        sizes = [int(np.prod(s)) for s in shapes]
        W, G = ([p.view(s) for p, s in zip(a.split(sizes), shapes, strict=True)] for a in (w, g))
        for own, given in zip(W, self.start, strict=True):
            own.copy_(given.view(own.shape))
        order = torch.from_numpy(orders(n_epochs).astype(np.int64))
        stepper = None
        if not self.by_hand:
            w.grad = g
            kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[self.optimizer]
            stepper = kind([w], lr=rate, fused=True)

        @torch.inference_mode()
        def train():
            x, y = self.x[order.T].unsqueeze(2), self.y[order.T].unsqueeze(2)  # (updates, nets, 1, features)
            xt = x.transpose(2, 3)
            hidden, out, back = torch.empty(n, 1, 10), torch.empty(n, 1, 1), torch.empty(n, 1, 10)
            hidden_t, last_t = hidden.transpose(1, 2), W[2].transpose(1, 2)
            for t in range(len(x)):
                torch.baddbmm(W[1], x[t], W[0], out=hidden).tanh_()
                torch.baddbmm(W[3], hidden, W[2], out=out)
                torch.sub(out, y[t], out=G[3])
                torch.bmm(hidden_t, G[3], out=G[2])
                torch.mul(G[3], last_t, out=back)
                torch.ops.aten.tanh_backward.grad_input(back, hidden, grad_input=G[1])
                torch.bmm(xt[t], G[1], out=G[0])
                if stepper is not None:
                    stepper.step()
                elif self.optimizer == "sgd":
                    w.sub_(g, alpha=rate)
                else:
                    m.lerp_(g, 0.1)
                    v.mul_(0.999).addcmul_(g, g, value=0.001)
                    root = (1 - 0.999 ** (t + 1)) ** 0.5
                    down = v.sqrt().add_(1e-8 * root)
                    w.addcdiv_(m, down, value=-rate * root / (1 - 0.9 ** (t + 1)))

        return train, lambda: flat(W)


def flat(stacked):
    """Return (nets, parameters) from stacked arrays."""
    return np.concatenate([np.asarray(a).reshape(N_NETS, -1) for a in stacked], axis=1)


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
    parser = argparse.ArgumentParser(prog="python -m bench.many", description=__doc__.split("\n")[0])
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


if __name__ == "__main__":
    sys.exit(main())
