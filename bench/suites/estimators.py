"""Whole fits of scikit-learn's estimators and ours with default parameters, in float64."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..harness.case import Case, judged


@dataclass(frozen=True, kw_only=True)
class Fit(Case):
    """A whole `fit`, checks of its input included.

    Attributes
    ----------
    data : callable
        Returns X and y.
    kind : str
        The estimator in fastmlp.
    theirs : str
        The place of scikit-learn's: its module and class.
    options : dict
        Of both.
    own, others : dict
        Of ours and of theirs alone.
    tolerance : float
        Relative; of what is learned.
    """

    data: Any
    kind: str
    theirs: str
    options: dict = field(default_factory=lambda: {"random_state": 0})
    own: dict = field(default_factory=dict)
    others: dict = field(default_factory=dict)
    tolerance: float = 1e-6

    PEERS: ClassVar = {"scikit-learn": "fit_peers:Theirs", "fastmlp": "fit_peers:Ours"}
    reference = "scikit-learn"

    def compare(self, peer, found, expected):
        """Compare what `fit_peers.learned` returns."""
        if found["epochs"] != expected["epochs"]:
            return {"problem": f"{found['epochs']} epochs, expected {expected['epochs']}"}
        differences = {}
        for name in expected.keys() - {"epochs"}:
            scale = max(np.abs(expected[name]).max(), 1e-300)
            differences[name] = float(np.abs(np.subtract(found[name], expected[name])).max() / scale)
        return judged(differences, self.tolerance)


def bundled(name):
    """Return one of scikit-learn's data sets as X in float64 and y."""
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return np.ascontiguousarray(X, np.float64), y


@dataclass(frozen=True)
class Bundled:
    name: str

    def __call__(self):
        return bundled(self.name)


CASES = tuple(
    Fit(name=f"fit-{name.replace('_', '-')}", title=f"{kind}().fit, {name.replace('_', ' ')}", kind=kind,
        theirs=f"sklearn.neural_network:{kind}", data=Bundled(name))
    for name, kind in (("digits", "MLPClassifier"), ("breast_cancer", "MLPClassifier"), ("diabetes",
    "MLPRegressor"))
)  # fmt: skip
