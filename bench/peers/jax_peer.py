"""JAX: the whole run is one jitted `lax.scan` over batches; a prediction is one jitted function.

Steps of small networks are compiled several into one turn of the loop where that is faster.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

from ..harness.data import one_hot
from .base import Peer

ACTIVATIONS = {
    "logistic": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "softmax": jax.nn.softmax,
    "identity": lambda z: z,
}
SMALL = 2000  # parameters up to which unrolling is tried


def logits(weights, x, hidden, drop=lambda a, k: a):
    for k, (W, b) in enumerate(zip(weights[:-2:2], weights[1:-2:2], strict=True)):
        x = drop(hidden(x @ W + b), k)
    return x @ weights[-2] + weights[-1]


def loss_of(weights, x, y, key, case):
    def drop(a, k):
        keep = jax.random.bernoulli(jax.random.fold_in(key, k), 1 - case.dropout, a.shape)
        return jnp.where(keep, a / (1 - case.dropout), 0)

    z = logits(weights, x, ACTIVATIONS[case.hidden], **({"drop": drop} if case.dropout else {}))
    if case.output == "softmax":
        loss = -jnp.sum(y * jax.nn.log_softmax(z))
    else:
        loss = 0.5 * jnp.sum((ACTIVATIONS[case.output](z) - y) ** 2)
    if case.l2:
        loss += 0.5 * case.l2 * sum(jnp.sum(W * W) for W in weights[::2])
    return loss / len(x)


def sgd(weights, state, gradient, rate):
    return [w - rate * g for w, g in zip(weights, gradient, strict=True)], state


def momentum(weights, state, gradient, rate):
    state = [0.9 * v - rate * g for v, g in zip(state, gradient, strict=True)]
    return [w + v for w, v in zip(weights, state, strict=True)], state


def adam(weights, state, gradient, rate):
    """scikit-learn's form: epsilon is not divided by the bias correction."""
    m, v, t = state
    t = t + 1
    m = [0.9 * a + 0.1 * g for a, g in zip(m, gradient, strict=True)]
    v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradient, strict=True)]
    rate = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    new = [w - rate * a / (jnp.sqrt(b) + 1e-8) for w, a, b in zip(weights, m, v, strict=True)]
    return new, (m, v, t)


STEPS = {"sgd": sgd, "momentum": momentum, "adam": adam}


def first_state(optimizer, weights):
    """Return an optimizer's state before its first step."""
    zeros = [[jnp.zeros_like(w) for w in weights] for _ in range(2)]
    return {"sgd": (), "momentum": zeros[0], "adam": (*zeros, jnp.zeros((), jnp.float32))}[optimizer]


def quickest(functions, *arguments):
    """Return the function that is quickest once compiled."""
    seconds = {}
    for function in functions:
        jax.block_until_ready(function(*arguments))
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds[function] = time.perf_counter() - start
    return min(seconds, key=seconds.get)


class JAXPeer(Peer):
    def setup(self, case):
        super().setup(case)
        (x, y), self.start = case.data(), case.weights()
        n = case.batch_size
        if not case.trains:
            self.x = x
            self.prepare_predict()
            return
        y = one_hot(y, case.sizes[-1])
        self.batches = jnp.asarray(x.reshape(-1, n, x.shape[1])), jnp.asarray(y.reshape(-1, n, y.shape[1]))
        small = sum(w.size for w in self.start) <= SMALL
        self.key = jax.random.key(0, impl="unsafe_rbg")
        self.reset()
        self.train = quickest(
            [self.compiled(unroll) for unroll in ((1, 4, 16) if small else (1,))],
            self.weights,
            self.state,
            self.batches,
        )

    def compiled(self, unroll):
        """Return the jitted run from weights, state and batches."""
        case, step = self.case, STEPS[self.case.optimizer]

        def update(carry, batch):
            i, weights, state = carry
            key = jax.random.fold_in(self.key, i) if case.dropout else None
            gradient = jax.grad(loss_of)(weights, *batch, key, case)
            return (i + 1, *step(weights, state, gradient, case.learning_rate)), None

        @jax.jit
        def run(weights, state, batches):
            carry, only = (0, weights, state), jax.tree.map(lambda a: a[0], batches)
            if case.epochs == 1:
                return jax.lax.scan(update, carry, batches, unroll=unroll)[0][1:]
            # full batch: every epoch is the same one batch
            return jax.lax.scan(lambda c, _: update(c, only), carry, None, case.epochs, unroll=unroll)[0][1:]

        return run

    def prepare_predict(self):
        hidden, output = ACTIVATIONS[self.case.hidden], ACTIVATIONS[self.case.output]
        weights = [jnp.asarray(w) for w in self.start]

        @jax.jit
        def predict(x):
            out = output(logits(weights, x, hidden))
            return jnp.argmax(out, axis=1) if self.case.labels else out

        self.predict = predict

    def reset(self):
        if self.case.trains:
            self.weights = [jnp.array(w) for w in self.start]
            self.state = first_state(self.case.optimizer, self.weights)
            jax.block_until_ready((self.weights, self.state))

    def run(self):
        if self.case.trains:
            self.weights, self.state = jax.block_until_ready(
                self.train(self.weights, self.state, self.batches)
            )
            return
        n, x = self.case.batch_size, self.x
        self.predictions = [np.asarray(self.predict(x[i : i + n])) for i in range(0, len(x), n)]

    def result(self):
        if not self.case.trains:
            return np.concatenate(self.predictions)
        return [np.asarray(w) for w in self.weights]

    def versions(self):
        return {"jax": jax.__version__}
