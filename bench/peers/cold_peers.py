"""Fresh processes that learn XOR, as somebody who knows the library would write it in a few lines."""

import json
import os
import subprocess
import sys

from .base import Peer
from .fastmlp_peer import FastMLP

XOR = """
import numpy as np
x = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
y = np.array([[-1], [1], [1], [-1]], np.float32)
"""
SHOW = "\nprint(np.ravel(out).tolist())"


class Fresh:
    """What all have in common: the process."""

    code = XOR

    def setup(self, case):
        super().setup(case)
        self.env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.run()  # bytecode is written, as it is of packages that are installed

    def run(self):
        command = [sys.executable, "-c", self.code + SHOW]
        done = subprocess.run(command, capture_output=True, text=True, env=self.env)
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.out = json.loads(done.stdout)

    def result(self):
        return self.out

    def versions(self):
        return {}


class NumPyAlone(Fresh, Peer):
    code = XOR + "out = y"


class FastMLPCold(Fresh, FastMLP):
    code = (
        XOR
        + """
from fastmlp import Adam, Dense, Network
model = Network([Dense(4, "tanh"), Dense(1, "tanh")], random_state=1)
model.fit(x, y, epochs=500, batch_size=4, loss="mse", optimizer=Adam(0.05))
out = model.predict(x)"""
    )


class Sklearn(Fresh, Peer):
    code = (
        XOR
        + """
from sklearn.neural_network import MLPRegressor
model = MLPRegressor(hidden_layer_sizes=4, activation="tanh", solver="lbfgs", random_state=1).fit(x,
                                                                                                  y.ravel())
out = model.predict(x)"""
    )


class Torch(Fresh, Peer):
    code = (
        """
import torch
torch.manual_seed(1)"""
        + XOR
        + """
x, y = torch.from_numpy(x), torch.from_numpy(y)
model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1), torch.nn.Tanh())
optimizer = torch.optim.Adam(model.parameters(), 0.05)
for _ in range(200):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
out = model(x).detach().numpy()"""
    )


class JAX(Fresh, Peer):
    code = (
        XOR
        + """
import jax, jax.numpy as jnp
random = np.random.RandomState(1)
weights = [random.uniform(-1, 1, s).astype(np.float32) for s in ((2, 4), (4,), (4, 1), (1,))]
forward = lambda w, x: jnp.tanh(jnp.tanh(x @ w[0] + w[1]) @ w[2] + w[3])
gradient = jax.grad(lambda w: jnp.mean((forward(w, x) - y) ** 2))
step = lambda w, _: ([a - 0.5 * g for a, g in zip(w, gradient(w))], None)
weights = jax.jit(lambda w: jax.lax.scan(step, w, None, 500)[0])(weights)
out = np.asarray(forward(weights, x))"""
    )
