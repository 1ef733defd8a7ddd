"""NumPy, written by hand: preallocated buffers, in-place ufuncs, one flat parameter vector.

Activations carry a last column of ones and a layer's bias is the last row of its weights, so that the
bias and its gradient are part of the matrix products (measured: faster than apart at every size here).
"""

from itertools import pairwise

import numpy as np

from ..harness.data import one_hot
from .base import Peer

ADAM_BLOCK = 32768  # parameters: larger vectors are updated in blocks that stay in the cache


def flat_views(sizes, flat):
    """Return a view of shape (n_in + 1, n_out) per layer; row n_in is the bias."""
    views, start = [], 0
    for n_in, n_out in pairwise(sizes):
        stop = start + (n_in + 1) * n_out
        views.append(flat[start:stop].reshape(n_in + 1, n_out))
        start = stop
    return views


def with_ones(x):
    """Return `x` with a last column of ones."""
    return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)


def logistic(z, out):
    np.negative(z, z)
    np.exp(z, z)
    np.add(z, 1, z)
    np.reciprocal(z, out)


def softmax(z, out):
    np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), z)
    np.exp(z, z)
    np.divide(z, np.add.reduce(z, axis=1, keepdims=True), out)


def relu(z, out):
    np.maximum(z, 0, out)


def leaky_relu(z, out):
    np.maximum(z, 0.01 * z, out)


ACTIVATIONS = {
    "logistic": logistic, "tanh": np.tanh, "relu": relu, "leaky_relu": leaky_relu, "softmax": softmax,
}  # fmt: skip
ACTIVATIONS["identity"] = lambda z, out: None  # the last layer's output is its logits


def tanh_slope(a, out):
    np.multiply(a, a, out)
    np.subtract(1, out, out)


def logistic_slope(a, out):
    np.subtract(1, a, out)
    np.multiply(out, a, out)


def leaky_relu_slope(a, out):
    np.clip(np.greater(a, 0, out), 0.01, 1, out)


SLOPES = {
    "logistic": logistic_slope, "tanh": tanh_slope, "relu": lambda a, out: np.greater(a, 0, out),
    "leaky_relu": leaky_relu_slope,
}  # fmt: skip


class NumPyPeer(Peer):
    def setup(self, case):
        super().setup(case)
        (x, y), weights = case.data(), case.weights()
        sizes, n = case.sizes, case.batch_size
        self.initial = np.concatenate([w.ravel() for w in weights])
        self.w, self.g, self.scratch = (np.empty_like(self.initial) for _ in range(3))
        self.state = np.zeros((2, self.w.size), np.float32)
        self.W, self.G = flat_views(sizes, self.w), flat_views(sizes, self.g)
        # the last layer has no column of ones: no layer follows
        self.padded = [np.ones((n, size + 1), np.float32) for size in sizes[1:-1]]
        self.logits = [np.empty((n, size), np.float32) for size in sizes[1:]]
        self.outputs = [a[:, :-1] for a in self.padded] + self.logits[-1:]
        self.deltas, self.slopes, self.masks = ([np.empty_like(z) for z in self.logits] for _ in range(3))
        self.random = np.random.Generator(np.random.SFC64(0))
        x = with_ones(x)
        self.batches = [x[i : i + n] for i in range(0, len(x), n)]
        if case.trains:
            y = one_hot(y, sizes[-1])
            self.targets = [y[i : i + n] for i in range(0, len(y), n)]
            self.optimizer = getattr(self, case.optimizer)
        else:
            self.predictions = np.empty((len(x), 1 if case.labels else sizes[-1]), np.float32)
        arrays = (self.w, self.g, *self.state, self.scratch)
        block = ADAM_BLOCK if self.w.size > 2 * ADAM_BLOCK else self.w.size
        self.blocks = [[a[i : i + block] for a in arrays] for i in range(0, self.w.size, block)]
        self.layers = list(zip(self.W, self.logits, self.outputs, strict=True))
        self.WT = [W[:-1].T for W in self.W]
        self.reset()

    def reset(self):
        self.w[:], self.state[:], self.step = self.initial, 0, 0

    def forward(self, x, train=False):
        hidden, last, dropout = (
            ACTIVATIONS[self.case.hidden],
            len(self.layers) - 1,
            train and self.case.dropout,
        )
        a = x
        for k, (W, z, output) in enumerate(self.layers):
            np.dot(a, W, z)
            if k < last:
                hidden(z, output)
                if dropout:
                    self.drop(output, self.masks[k])
                a = self.padded[k]
        ACTIVATIONS[self.case.output](z, output)
        return output

    def drop(self, output, mask):
        self.random.random(dtype=np.float32, out=mask)
        np.greater_equal(mask, self.case.dropout, mask)
        np.multiply(mask, 1 / (1 - self.case.dropout), mask)
        np.multiply(output, mask, output)

    def gradient(self, x, y, scale):
        """Write `scale` times the summed gradient of a batch to `self.g`."""
        case, last = self.case, len(self.W) - 1
        output, delta = self.forward(x, train=True), self.deltas[last]
        np.subtract(output, y, delta)
        np.multiply(delta, scale, delta)
        if case.output in SLOPES:
            self.times_slope(case.output, output, delta, last)
        for k in range(last, 0, -1):
            np.dot(self.padded[k - 1].T, delta, self.G[k])
            delta = np.dot(delta, self.WT[k], self.deltas[k - 1])
            self.times_slope(case.hidden, self.outputs[k - 1], delta, k - 1)
            if case.dropout:
                np.multiply(delta, self.masks[k - 1], delta)
        np.dot(x.T, delta, self.G[0])

    def times_slope(self, activation, a, delta, k):
        """Multiply `delta` by the activation's derivative, in place."""
        SLOPES[activation](a, self.slopes[k])
        np.multiply(delta, self.slopes[k], delta)

    def sgd(self):
        if self.case.l2:
            for W in self.W:
                W[:-1] *= 1 - self.case.learning_rate * self.case.l2 / self.case.batch_size
        np.subtract(self.w, self.g, self.w)

    def momentum(self):
        for w, g, v, _, _ in self.blocks:
            np.multiply(v, 0.9, v)
            np.add(v, g, v)
            np.subtract(w, v, w)

    def adam(self):
        # m / (1 - beta_1) and v / (1 - beta_2) are stored: two passes fewer
        self.step += 1
        rate = self.case.learning_rate * (1 - 0.999**self.step) ** 0.5 / (1 - 0.9**self.step)
        rate, epsilon = rate * 0.1 / 0.001**0.5, 1e-8 / 0.001**0.5
        for w, g, m, v, t in self.blocks:
            np.multiply(m, 0.9, m)
            np.add(m, g, m)
            np.multiply(g, g, g)
            np.multiply(v, 0.999, v)
            np.add(v, g, v)
            t = np.sqrt(v, t[: v.size])
            np.add(t, epsilon, t)
            np.divide(m, t, t)
            np.multiply(t, rate, t)
            np.subtract(w, t, w)

    def run(self):
        case = self.case
        if not case.trains:
            return self.predict()
        scale = (1.0 if case.optimizer == "adam" else case.learning_rate) / case.batch_size
        gradient, optimizer = self.gradient, self.optimizer
        for _ in range(case.epochs):
            for x, y in zip(self.batches, self.targets, strict=True):
                gradient(x, y, scale)
                optimizer()

    def predict(self):
        n, labels = self.case.batch_size, self.case.labels
        for i, x in enumerate(self.batches):
            output = self.forward(x)
            self.predictions[i * n : i * n + n] = output.argmax(axis=1)[:, None] if labels else output

    def result(self):
        if not self.case.trains:
            return self.predictions[:, 0].astype(np.int64) if self.case.labels else self.predictions
        return [part.copy() for W in self.W for part in (W[:-1], W[-1])]

    def versions(self):
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"numpy": np.__version__, "numpy's BLAS": f"{blas['name']} {blas['version']}"}
