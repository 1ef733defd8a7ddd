"""MNIST as a race on one core: seconds of a `fit` that reaches a test accuracy on the mean of 20 seeds.

Adam with a one-cycle schedule, step by step.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..harness.case import Case


@dataclass(frozen=True, kw_only=True)
class Race(Case):
    hidden: int
    batch_size: int
    epochs: int
    rate: float
    accuracy: float

    PEERS: ClassVar = {"fastmlp": "race_peers:Racer"}
    repeats, levels = 20, "compiled"

    @property
    def n_samples(self):
        return 60000 * self.epochs

    @property
    def flops(self):
        return 4 * 784 * self.hidden + 6 * 10 * self.hidden

    def compare(self, peer, found, expected):
        return {"problem": ""}

    def final(self, accuracies):
        """Return what is found of all runs together: their mean accuracy, and whether it is reached."""
        mean = sum(accuracies) / len(accuracies)
        problem = "" if mean >= self.accuracy else f"expected a test accuracy of {self.accuracy:.4f}"
        return {"accuracy": mean, "seeds": len(accuracies), "problem": problem}


def race(accuracy, recipe, **goal):
    name, title = f"race-{100 * accuracy:.0f}", f"MNIST race to {100 * accuracy:.0f} % of test accuracy"
    how = {"one_core": True, "measure": "seconds", "goal": goal, "accuracy": accuracy}
    return Race(name=name, title=title, **how, **recipe)


# ReLU; found by trying rates, widths and batch sizes at four seeds each
CASES = (
    race(0.97, {"hidden": 128, "batch_size": 64, "epochs": 1, "rate": 0.012}, avx512=0.15, avx2=0.30),
    race(0.98, {"hidden": 256, "batch_size": 128, "epochs": 3, "rate": 0.008}, avx512=0.8, avx2=1.8),
)
