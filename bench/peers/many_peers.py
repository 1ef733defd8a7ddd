"""Many small nets at once: the same nets from the same weights on the same orders of samples."""

from functools import partial

import numpy as np

from .base import Peer
from .fastmlp_peer import FastMLP


class FastMLPNets(FastMLP):
    """`fit_many`."""

    def setup(self, case):
        from fastmlp import SGD, Adam

        super().setup(case)
        self.x, self.y, self.start = case.data()
        self.optimizer = {"sgd": SGD, "adam": Adam}[case.optimizer](case.learning_rate)

    def reset(self):
        from fastmlp import Dense, Network

        self.nets = []
        for k, weights in enumerate(self.start):
            net = Network([Dense(10, "tanh"), Dense(1)], random_state=k, dtype="float32")
            self.nets.append(net.build(self.x.shape[1]).set_weights(weights))
            net.rng.seed(k)

    def run(self):
        from fastmlp import fit_many

        fit_many(
            self.nets,
            self.x,
            self.y,
            epochs=self.case.epochs,
            batch_size=self.case.batch_size,
            loss="half_squared_error",
            optimizer=self.optimizer,
            n_threads=self.n_threads,
        )

    def result(self):
        return np.stack([net.params for net in self.nets])


class Stacked(Peer):
    """By hand on stacked weights: backward and step on preallocated memory, all nets in one product."""

    def refuse(self, case):
        return "the arrays are too small for more threads" if (self.n_threads or 1) > 1 else None

    def setup(self, case):
        super().setup(case)
        self.x, self.y, start = case.data()
        n = len(start)
        self.shapes = [(n, 3, 10), (n, 1, 10), (n, 10, 1), (n, 1, 1)]
        self.first = np.concatenate([np.stack(arrays).ravel() for arrays in zip(*start, strict=True)])
        self.order = case.orders().transpose(1, 0, 2)

    def parts(self, flat):
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        return [flat[b - int(np.prod(s)) : b].reshape(s) for s, b in zip(self.shapes, ends, strict=True)]

    def result(self):
        n = self.shapes[0][0]
        return np.concatenate([np.array(a).reshape(n, -1) for a in self.parts(self.w)], axis=1)

    def rates(self, step):
        """Return Adam's rate and epsilon at a step, with the corrections of its bias."""
        root = (1 - 0.999**step) ** 0.5
        return self.case.learning_rate * root / (1 - 0.9**step), 1e-8 * root


class NumPyNets(Stacked):
    def reset(self):
        self.w, self.g = self.first.copy(), np.empty_like(self.first)
        self.m, self.v = np.zeros_like(self.w), np.zeros_like(self.w)
        self.batches = self.x[self.order], self.y[self.order]  # (updates, nets, batch, features)

    def run(self):
        (a, b, c, d), (da, db, dc, dd) = self.parts(self.w), self.parts(self.g)
        last, share, adam = (
            c.transpose(0, 2, 1),
            np.float32(1 / self.case.batch_size),
            self.case.optimizer == "adam",
        )
        w, g, rate = self.w, self.g, np.float32(self.case.learning_rate)
        for step, (x, y) in enumerate(zip(*self.batches, strict=True), 1):
            hidden = np.matmul(x, a)
            hidden += b
            np.tanh(hidden, hidden)
            error = np.matmul(hidden, c)
            error += d
            error -= y
            error *= share
            np.add.reduce(error, 1, out=dd, keepdims=True)
            np.matmul(hidden.transpose(0, 2, 1), error, out=dc)
            back = error * last
            hidden *= hidden
            back -= back * hidden
            np.add.reduce(back, 1, out=db, keepdims=True)
            np.matmul(x.transpose(0, 2, 1), back, out=da)
            if adam:
                self.adam(step)
            else:
                g *= rate
                w -= g

    def adam(self, step):
        m, v, g = self.m, self.v, self.g
        rate, epsilon = self.rates(step)
        m += np.float32(0.1) * (g - m)
        v *= np.float32(0.999)
        g *= g
        v += np.float32(0.001) * g
        self.w -= np.float32(rate) * m / (np.sqrt(v) + np.float32(epsilon))

    def versions(self):
        return {"numpy": np.__version__}


class TorchNets(Stacked):
    def reset(self):
        import torch

        torch.set_flush_denormal(True)
        self.w = torch.from_numpy(self.first.copy())
        self.g, self.m, self.v = (torch.zeros_like(self.w) for _ in range(3))
        self.step = torch.zeros(())
        order = torch.from_numpy(self.order.astype(np.int64))
        self.batches = torch.from_numpy(self.x)[order], torch.from_numpy(self.y)[order]

    def run(self):
        import torch

        with torch.inference_mode():
            self.train(torch)

    def train(self, torch):
        (a, b, c, d), (da, db, dc, dd) = self.parts(self.w), self.parts(self.g)
        n, case = len(a), self.case
        hidden, out, back = (
            torch.empty(n, case.batch_size, 10),
            *(torch.empty(n, case.batch_size, k) for k in (1, 10)),
        )
        hidden_t, last, share = hidden.transpose(1, 2), c.transpose(1, 2), 1 / case.batch_size
        adam, alone = case.optimizer == "adam", case.batch_size == 1
        for x, y in zip(*self.batches, strict=True):
            torch.baddbmm(b, x, a, out=hidden).tanh_()
            torch.baddbmm(d, hidden, c, out=out).sub_(y)
            if alone:
                dd.copy_(out)
            else:
                torch.sum(out.mul_(share), 1, keepdim=True, out=dd)
            torch.bmm(hidden_t, out, out=dc)
            torch.mul(out, last, out=back)
            torch.ops.aten.tanh_backward.grad_input(back, hidden, grad_input=back)
            if alone:
                db.copy_(back)
            else:
                torch.sum(back, 1, keepdim=True, out=db)
            torch.bmm(x.transpose(1, 2), back, out=da)
            if adam:
                self.step += 1
                torch._fused_adam_(
                    [self.w],
                    [self.g],
                    [self.m],
                    [self.v],
                    [],
                    [self.step],
                    lr=case.learning_rate,
                    beta1=0.9,
                    beta2=0.999,
                    weight_decay=0.0,
                    eps=1e-8,
                    amsgrad=False,
                    maximize=False,
                )
            else:
                self.w.sub_(self.g, alpha=case.learning_rate)

    def versions(self):
        import torch

        return {"torch": torch.__version__}


class JAXNets(Peer):
    """One jitted scan over all updates, vmapped over the nets; unrolled as is quickest."""

    def setup(self, case):
        import jax
        import jax.numpy as jnp

        from .jax_peer import STEPS, first_state, quickest

        super().setup(case)
        x, y, start = case.data()
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        self.order = jnp.asarray(case.orders())
        self.start = [jnp.asarray(np.stack(arrays)) for arrays in zip(*start, strict=True)]
        step = STEPS[case.optimizer]

        def loss(weights, x, y):
            a, b, c, d = weights
            return 0.5 * jnp.sum((jnp.tanh(x @ a + b) @ c + d - y) ** 2) / len(x)

        def train(unroll, weights, order, x, y):
            def update(carry, i):
                weights, state = carry
                return step(weights, state, jax.grad(loss)(weights, x[i], y[i]), case.learning_rate), None

            return jax.lax.scan(
                update, (weights, first_state(case.optimizer, weights)), order, unroll=unroll
            )[0][0]

        runs = [jax.jit(jax.vmap(partial(train, unroll), in_axes=(0, 0, None, None))) for unroll in (1, 4, 8)]
        self.train = quickest(runs, self.start, self.order, self.x, self.y)

    def run(self):
        self.weights = [w.block_until_ready() for w in self.train(self.start, self.order, self.x, self.y)]

    def result(self):
        return np.concatenate([np.asarray(w).reshape(len(w), -1) for w in self.weights], axis=1)

    def versions(self):
        import jax

        return {"jax": jax.__version__}
