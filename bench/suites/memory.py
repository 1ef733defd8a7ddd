"""How much memory training and cross-validation take beyond the array and the imported libraries (Linux)."""

from dataclasses import dataclass
from typing import ClassVar

from ..harness.case import Case


@dataclass(frozen=True, kw_only=True)
class Memory(Case):
    """The highest resident memory of a run over what the process held before, in MB.

    Attributes
    ----------
    what : str
        A function of `memory_peers`.
    limit : float or None
        MB.
    """

    what: str
    dtype: str = "uint8"
    limit: float | None = None

    PEERS: ClassVar = {"scikit-learn": "memory_peers:Theirs", "fastmlp": "memory_peers:Ours"}
    repeats, shortest, warm, levels = 1, 0.0, False, "best"

    def compare(self, peer, found, expected):
        return {"problem": ""}

    def final(self, rise):
        problem = "" if self.limit is None or rise <= self.limit else f"expected at most {self.limit:g} MB"
        return {"MB": rise, "problem": problem}


CASES = (
    *(Memory(name=f"memory-{dtype}", title=f"memory: an epoch of 784-256-128-64-10, {dtype} rows",
             what="train",
             dtype=dtype, limit=30, peers=("fastmlp",)) for dtype in ("uint8", "float32")),
    Memory(name="memory-folds", title="memory: 5 folds of 60000 x 784 uint8 in two threads", what="folds"),
)  # fmt: skip
