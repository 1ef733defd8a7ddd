"""Products of stacks of small matrices: numpy.matmul, PyTorch and JAX against `batched_matmul`."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..harness.case import Case, judged

SIZES = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 17, 24, 32, 48, 64, 96, 128, 256)
# what is multiplied: m, k, n, and which factors are transposed views
OTHERS = (
    (4, 4, 4, "AT"), (4, 4, 4, "BT"), (8, 8, 8, "AT"), (8, 8, 8, "BT"), (16, 16, 16, "AT"), (16, 16, 16,
                                                                                             "BT"),
    (16, 16, 16, "AT BT"), (32, 32, 32, "AT"), (32, 32, 32, "BT"), (64, 64, 64, "AT"), (64, 64, 64, "BT"),
    (4, 4, 1, ""), (16, 16, 1, ""), (64, 64, 1, ""), (64, 64, 1, "AT"), (128, 128, 1, ""), (1, 16, 16, ""),
    (1, 64, 64, ""), (1, 64, 64, "BT"), (16, 1, 16, ""), (64, 1, 64, ""), (1, 64, 1, ""), (3, 64, 2, ""),
    (64, 2, 64, ""), (64, 64, 2, ""), (2, 64, 64, "BT"), (64, 8, 64, ""), (8, 64, 8, ""), (5, 33, 9, ""),
    (128, 16, 128, ""),
)  # fmt: skip
BYTES = 48e6  # of the three stacks at most


@dataclass(frozen=True, kw_only=True)
class Stack(Case):
    """`count` products of (m, k) and (k, n) into memory that is there."""

    m: int
    k: int
    n: int
    views: str
    count: int
    dtype: str

    PEERS: ClassVar = {
        "numpy": "stack_peers:NumPyStack", "torch": "stack_peers:TorchStack", "jax": "stack_peers:JAXStack",
        "fastmlp": "stack_peers:FastMLPStack",
    }  # fmt: skip
    reference, unit, shortest, rest = "numpy", "sample", 0.005, 0.01

    @property
    def n_samples(self):
        return self.count

    @property
    def flops(self):
        return 2.0 * self.m * self.k * self.n if self.dtype == "float32" else 0.0

    def data(self):
        """Return A and B."""
        random = np.random.default_rng(0)

        def stack(rows, columns, transposed):
            shape = (self.count, columns, rows) if transposed else (self.count, rows, columns)
            made = random.standard_normal(shape).astype(self.dtype)
            return made.swapaxes(1, 2) if transposed else made

        return stack(self.m, self.k, "AT" in self.views), stack(self.k, self.n, "BT" in self.views)

    def compare(self, peer, found, expected):
        A, B = self.data()
        exact = A.astype(np.float64) @ B.astype(np.float64)
        scale = self.k**0.5 * np.finfo(self.dtype).eps * (np.abs(A) @ np.abs(B)).max()
        return judged(
            {"products": float(np.abs(found - exact).max() / scale)}, 8
        )  # roundings of the sum of |a b|


def case(m, k, n, views, most, dtype):
    """Return the case of at most `most` products."""
    count = int(max(1, min(most, BYTES / ((m * k + k * n + m * n) * np.dtype(dtype).itemsize))))
    what = f"{m}x{k} {k}x{n} {views}".strip()
    name = f"stack-{what.replace(' ', '-')}-{dtype}-{most}"
    title = f"{what} {dtype}, {count} products"
    return Stack(name=name, title=title, m=m, k=k, n=n, views=views, count=count, dtype=dtype)


CASES = tuple(
    case(*shape, most, dtype)
    for most in (10000, 100)
    for dtype in ("float32", "float64")
    for shape in [(n, n, n, "") for n in SIZES] + [*OTHERS]
)
