"""The peers of `bench many`: each trains the same nets from the same weights on the same orders of samples.

A peer's `prepare` returns a function that trains all nets from the start, and one that returns their
weights, of shape (nets, parameters).
"""

import time
from functools import partial
from itertools import pairwise

import numpy as np

from fastmlp import SGD, Adam, Dense, Network, fit_many

N_NETS, N_SAMPLES, N_EPOCHS, WIDTHS = 25, 200, 200, (3, 10, 1)
RATES = {"sgd": 0.01, "adam": 0.001}


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

        def run(unroll, weights, state, order, x, y):
            def update(carry, i):
                gradient = jax.grad(loss)(carry[0], x[i], y[i])
                return step(*carry, gradient), None

            return jax.lax.scan(update, (weights, state), order, unroll=unroll)[0][0]

        seconds = {}
        for unroll in (1, 4, 8):  # steps compiled into one turn of the loop; the quickest counts
            self.run = jax.jit(jax.vmap(partial(run, unroll), in_axes=(0, 0, 0, None, None)))
            train, _ = self.prepare(N_EPOCHS)
            train()  # compiles
            begin = time.perf_counter()
            train()
            seconds[self.run] = time.perf_counter() - begin
        self.run = min(seconds, key=seconds.get)

    def prepare(self, n_epochs):
        zeros = [self.jax.numpy.zeros_like(w) for w in self.start]
        state = (zeros, zeros, self.jax.numpy.zeros(N_NETS, np.float32)) if self.optimizer == "adam" else ()
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
