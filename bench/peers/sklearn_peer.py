"""scikit-learn: `partial_fit` an epoch, `predict` and `predict_proba`."""

import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from .base import Peer

SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "adam": {"solver": "adam"},
}


class SklearnPeer(Peer):
    def refuse(self, case):
        if case.dropout:
            return "it has no dropout"
        return (
            None if case.output in ("softmax", "identity") else f"none of its output layers is {case.output}"
        )

    def setup(self, case):
        super().setup(case)
        (self.x, self.y), self.start = case.data(), case.weights()
        kind = MLPClassifier if case.output == "softmax" else MLPRegressor
        self.model = kind(
            hidden_layer_sizes=case.sizes[1:-1],
            activation=case.hidden,
            alpha=case.l2,
            batch_size=case.batch_size,
            learning_rate_init=case.learning_rate,
            shuffle=False,
            **SOLVERS[case.optimizer],
        )
        classes = {"classes": np.arange(case.sizes[-1])} if case.output == "softmax" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the batch is larger than the one row
            # a first step creates the attributes that `reset` sets
            self.model.partial_fit(self.x[:1], self.y[:1], **classes)
        self.reset()

    def reset(self):
        model = self.model
        model.coefs_ = [w.copy() for w in self.start[::2]]
        model.intercepts_ = [b.copy() for b in self.start[1::2]]
        model.__dict__.pop("_optimizer", None)  # the next partial_fit makes a new one of these weights
        model.t_ = 0

    def run(self):
        if self.case.trains:
            self.model.partial_fit(self.x, self.y)
            return
        predict = self.model.predict if self.case.labels else self.model.predict_proba
        n = self.case.batch_size
        self.predictions = [predict(self.x[i : i + n]) for i in range(0, len(self.x), n)]

    def result(self):
        if not self.case.trains:
            return np.concatenate(self.predictions)
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [part.copy() for pair in pairs for part in pair]

    def versions(self):
        return {"scikit-learn": sklearn.__version__}
