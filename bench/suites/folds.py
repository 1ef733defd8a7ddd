"""5 x 5 folds of the digits by scikit-learn's `cross_validate` and by ours, each over its own MLPClassifier.

Both have the same `random_state` and the same splits, so that they learn the same models. scikit-learn's has
no curves; ours is timed without and with them.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..harness.case import Case, judged


@dataclass(frozen=True, kw_only=True)
class Folds(Case):
    epochs: int = 20
    n_jobs: int = 1
    curves: bool = False

    # loky starts processes, threads share the data
    PEERS: ClassVar = {
        "scikit-learn": "fold_peers:Theirs", "scikit-learn in threads": "fold_peers:TheirsInThreads",
        "fastmlp": "fold_peers:Ours",
    }  # fmt: skip
    reference = "scikit-learn"

    def compare(self, peer, found, expected):
        return judged({"scores": float((found != expected).sum())}, 0)


CASES = tuple(
    Folds(name=f"folds-{n_jobs}{'-curves' if curves else ''}",
          title=f"25 folds of digits, {n_jobs} at a time{', curves' if curves else ''}", n_jobs=n_jobs,
          curves=curves)
    for n_jobs in (1, 2) for curves in (False, True)
)  # fmt: skip
