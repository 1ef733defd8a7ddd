"""25 small nets side by side, as of 5 x 5 folds: `fit_many` against JAX's vmap and batched products.

3-10-1, tanh, half the squared error, float32; 160 samples, up to 200 epochs. Each net has its own initial
weights and its own order of samples in every epoch; all peers get the same ones. fastmlp shuffles while it
trains; the others are handed the orders.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from ..harness.case import Case, judged

N_NETS, N_ROWS, WIDTHS = 25, 160, (3, 10, 1)
CHECKED = (
    20  # epochs; later on Adam's roundings have grown: two runs in float32 and one in float64 all differ
)
SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Many(Case):
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    batch_size: int = 1
    epochs: int = 200

    PEERS: ClassVar = {
        "numpy": "many_peers:NumPyNets", "torch": "many_peers:TorchNets", "jax": "many_peers:JAXNets",
        "fastmlp": "many_peers:FastMLPNets",
    }  # fmt: skip
    reference, unit = "numpy", "sample"

    @property
    def n_samples(self):
        return N_NETS * N_ROWS * self.epochs

    @property
    def flops(self):
        first, *others = (2 * a * b for a, b in pairwise(WIDTHS))
        return 2 * first + 3 * sum(others)

    def small(self):
        return replace(self, epochs=min(self.epochs, CHECKED))

    def sized(self, seconds, quick=False):
        wanted = (SECONDS / 4 if quick else SECONDS) / seconds / N_NETS / N_ROWS
        return replace(self, epochs=max(1, min(self.epochs, int(wanted))))

    def data(self):
        """Return x, y and each net's initial weights [W, b, W, b]."""
        random = np.random.RandomState(0)
        x = random.uniform(-1, 1, (N_ROWS, WIDTHS[0])).astype(np.float32)
        y = (0.8 * np.tanh(x @ np.array([1, -2, 0.5], np.float32)))[:, None]
        shapes = [shape for a, b in pairwise(WIDTHS) for shape in ((a, b), (b,))]
        start = [[random.uniform(-0.5, 0.5, s).astype(np.float32) for s in shapes] for _ in range(N_NETS)]
        return x, y, start

    def orders(self):
        """Return each net's samples, (nets, updates, batch), as `Network.fit` shuffles them."""
        found = np.empty((N_NETS, self.epochs, N_ROWS), np.int32)
        for k in range(N_NETS):
            random, order = np.random.RandomState(k), np.arange(N_ROWS)
            for epoch in range(self.epochs):
                random.shuffle(order)
                found[k, epoch] = order
        return found.reshape(N_NETS, -1, self.batch_size)

    def losses(self, weights):
        """Return each net's mean of half the squared error, in double precision."""
        x, y, _ = self.data()
        a, b, c, d = np.split(weights.astype(np.float64), [30, 40, 50], axis=1)
        hidden = np.tanh(np.einsum("sf,nfh->nsh", x, a.reshape(-1, 3, 10)) + b[:, None])
        return 0.5 * ((hidden @ c[:, :, None] + d[:, None] - y) ** 2).mean(axis=(1, 2))

    def compare(self, peer, found, expected):
        start = np.stack([np.concatenate([a.ravel() for a in one]) for one in self.data()[2]])
        far = float(np.linalg.norm(found - expected) / np.linalg.norm(expected - start))
        first, last, own = (self.losses(weights) for weights in (start, expected, found))
        if not last.mean() < first.mean():
            return {"problem": "the reference has not learned"}
        return judged({"weights": far, "losses": float((np.abs(own - last) / first).max())})


CASES = tuple(
    Many(name=f"many-{optimizer}-b{b}", title=f"25 nets 3-10-1, {optimizer}, batch {b}", optimizer=optimizer,
         learning_rate=rate, batch_size=b, goal=4)
    for optimizer, rate in (("sgd", 0.01), ("adam", 0.001)) for b in (1, 16)
)  # fmt: skip
