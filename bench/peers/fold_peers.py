"""Cross-validation of each package's MLPClassifier by its own `cross_validate`."""

import warnings

import numpy as np

from .base import Peer
from .fastmlp_peer import FastMLP


class Digits:
    """What both have in common: the data and the splits."""

    def setup(self, case):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import RepeatedStratifiedKFold

        warnings.simplefilter("ignore")  # so many epochs and no more
        super().setup(case)
        self.X, self.y = load_digits(return_X_y=True)
        self.splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)
        self.options = {"max_iter": case.epochs, "random_state": 0}

    def result(self):
        return np.asarray(self.scores)


class Theirs(Digits, Peer):
    backend = "loky"

    def run(self):
        import joblib
        from sklearn.model_selection import cross_validate
        from sklearn.neural_network import MLPClassifier

        with warnings.catch_warnings(), joblib.parallel_config(self.backend, n_jobs=self.case.n_jobs):
            warnings.simplefilter("ignore")
            found = cross_validate(
                MLPClassifier(**self.options), self.X, self.y, cv=self.splits, return_train_score=True
            )
        self.scores = found["test_score"]

    def versions(self):
        import sklearn

        return {"scikit-learn": sklearn.__version__}


class TheirsInThreads(Theirs):
    backend = "threading"

    def refuse(self, case):
        return "one fold at a time" if case.n_jobs == 1 else None


class Ours(Digits, FastMLP):
    def run(self):
        import fastmlp
        from fastmlp.model_selection import cross_validate

        found = cross_validate(
            fastmlp.MLPClassifier(**self.options),
            self.X,
            self.y,
            cv=self.splits,
            repeats=1,
            every=1 if self.case.curves else None,
            n_jobs=self.case.n_jobs,
        )
        self.scores = found.scores["test"]["accuracy"][0]
