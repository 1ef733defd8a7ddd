"""JAX: the whole run is one jitted `lax.scan` over batches; a prediction is one jitted function."""

import jax
import jax.numpy as jnp
import numpy as np

from .base import Peer

ACTIVATIONS = {"logistic": jax.nn.sigmoid, "tanh": jnp.tanh, "softmax": jax.nn.softmax}


def logits(weights, x, hidden):
    for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = hidden(x @ W + b)
    return x @ weights[-2] + weights[-1]


def mean_loss(weights, x, y, case):
    z = logits(weights, x, ACTIVATIONS[case.hidden])
    if case.output == "softmax":
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), axis=1))
    return jnp.mean((ACTIVATIONS[case.output](z) - y) ** 2)


def sgd(weights, state, gradient, case):
    return [w - case.learning_rate * g for w, g in zip(weights, gradient, strict=True)], state


def adam(weights, state, gradient, case):
    m, v, t = state
    t = t + 1
    m = [0.9 * a + 0.1 * g for a, g in zip(m, gradient, strict=True)]
    v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradient, strict=True)]
    rate = case.learning_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    new = [w - rate * a / (jnp.sqrt(b) + 1e-8) for w, a, b in zip(weights, m, v, strict=True)]
    return new, (m, v, t)


class JAXPeer(Peer):
    def setup(self, case, x, y, weights):
        super().setup(case, x, y, weights)
        n = case.batch_size
        if case.kind == "predict":
            self.prepare_predict()
            return
        y = np.eye(case.sizes[-1], dtype=np.float32)[y] if case.output == "softmax" else y
        self.batches = jnp.asarray(x.reshape(-1, n, x.shape[1])), jnp.asarray(y.reshape(-1, n, y.shape[1]))
        self.step = {"sgd": sgd, "adam": adam}[case.optimizer]
        self.train = jax.jit(self.whole_run, donate_argnums=(0, 1))
        self.reset()

    def whole_run(self, weights, state, batches):
        def update(carry, batch):
            gradient = jax.grad(mean_loss)(carry[0], *batch, self.case)
            return self.step(*carry, gradient, self.case), None

        if self.case.epochs == 1:
            return jax.lax.scan(update, (weights, state), batches)[0]
        only = jax.tree.map(lambda a: a[0], batches)  # full batch: every epoch is the same one batch
        return jax.lax.scan(lambda c, _: update(c, only), (weights, state), None, self.case.epochs)[0]

    def prepare_predict(self):
        hidden, output = ACTIVATIONS[self.case.hidden], ACTIVATIONS[self.case.output]
        weights = [jnp.asarray(w) for w in self.start]

        @jax.jit
        def predict(x):
            out = output(logits(weights, x, hidden))
            return jnp.argmax(out, axis=1) if self.case.labels else out

        self.predict = predict

    def reset(self):
        if self.case.kind == "train":
            self.weights = [jnp.array(w) for w in self.start]
            zeros = [[jnp.zeros_like(w) for w in self.weights] for _ in range(2)]
            self.state = (*zeros, jnp.zeros((), jnp.float32)) if self.case.optimizer == "adam" else ()
            jax.block_until_ready((self.weights, self.state))

    def run(self):
        if self.case.kind == "train":
            self.weights, self.state = jax.block_until_ready(
                self.train(self.weights, self.state, self.batches)
            )
            return
        n, x = self.case.batch_size, self.x
        self.predictions = [np.asarray(self.predict(x[i : i + n])) for i in range(0, len(x), n)]

    def result(self):
        if self.case.kind == "predict":
            return np.concatenate(self.predictions)
        return [np.asarray(w) for w in self.weights]

    def versions(self):
        return {"jax": jax.__version__}
