"""Gaussian noise: NumPy and PyTorch fill an array, fastmlp does more and writes noisy copies of ten 5x7
glyphs.

All write into memory that is there already.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..harness.case import Case

MOMENTS = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}  # of z^k: expectation and variance


@dataclass(frozen=True, kw_only=True)
class Noise(Case):
    n_values: int
    dtype: str = "float32"

    PEERS: ClassVar = {
        "numpy": "noise_peers:NumPyNoise",
        "torch": "noise_peers:TorchNoise",
        "fastmlp": "noise_peers:FastMLPNoise",
    }

    reference = "numpy"

    def compare(self, peer, found, expected):
        values = found.astype("float64")
        for k, (mean, variance) in MOMENTS.items():
            moment = float((values**k).mean())
            if abs(moment - mean) > 6 * (variance / values.size) ** 0.5:
                return {"problem": f"moment {k} is {moment:.5f}"}
        return {"problem": ""}


CASES = (
    Noise(name="noise-35m", title="35 million normal values", n_values=35_000_000, goal=6),
    Noise(name="noise-35m-doubles", title="35 million normal doubles", n_values=35_000_000, dtype="float64"),
    Noise(name="noise-35k", title="100 noisy copies of 10 glyphs", n_values=35_000),
)
