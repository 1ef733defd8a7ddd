"""Cold: a fresh process imports a library, builds a net of 2-4-1, fits XOR and predicts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..harness.case import Case


@dataclass(frozen=True, kw_only=True)
class Cold(Case):
    """A process from its start to its end.

    Attributes
    ----------
    baseline : str or None
        The peer whose time is subtracted before the goal is judged.
    """

    baseline: str | None = None

    PEERS: ClassVar = {
        "import numpy": "cold_peers:NumPyAlone",
        "scikit-learn": "cold_peers:Sklearn",
        "torch": "cold_peers:Torch",
        "jax": "cold_peers:JAX",
        "fastmlp": "cold_peers:FastMLPCold",
    }
    rest, warm, levels = 0.05, False, "compiled"

    def compare(self, peer, found, expected):
        wrong = peer != "import numpy" and not np.array_equal(np.sign(found), [-1, 1, 1, -1])
        return {"problem": f"XOR is not learned: {found}" if wrong else ""}


CASES = (
    Cold(name="cold", title="cold: import, build, fit XOR, predict", goal=5, one_core=True,
         peers=("scikit-learn", "torch", "jax", "fastmlp")),
    Cold(name="cold-beyond-numpy", title="cold, beyond `import numpy`", goal=0.15, measure="seconds",
         one_core=True, baseline="import numpy", peers=("import numpy", "fastmlp")),
)  # fmt: skip
