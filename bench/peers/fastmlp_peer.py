"""fastmlp, through its public interface: `Network.fit` and `predict`, `MLPClassifier.predict`."""

from functools import partial
from importlib.metadata import version

import numpy as np

import fastmlp
from fastmlp import SGD, Adam, Dense, Dropout, Momentum, Network

from .base import Peer


class FastMLP(Peer):
    """What all its peers have in common."""

    def versions(self):
        if fastmlp.backend() == "numba":
            return {"numba": version("numba")}
        return {"fastmlp": fastmlp.__version__}


class FastMLPPeer(FastMLP):
    def setup(self, case):
        super().setup(case)
        (self.x, self.y), self.start, rate = case.data(), case.weights(), case.learning_rate
        # scikit-learn's form of Adam: epsilon is not divided by the bias correction
        adam = Adam(rate, epsilon_corrected=False)
        self.optimizer = {"sgd": SGD(rate), "momentum": Momentum(rate, 0.9), "adam": adam}[case.optimizer]
        self.loss = "categorical_crossentropy" if case.output == "softmax" else "half_squared_error"
        self.reset()
        if not case.trains:
            self.predict = self.estimator().predict if case.labels else self.model.predict
            if self.n_threads and not case.labels:
                self.predict = partial(self.predict, n_threads=self.n_threads)

    def reset(self):
        case, last = self.case, len(self.case.sizes) - 2
        self.model = Network(dtype="float32", random_state=0)  # of dropout alone
        for k, units in enumerate(case.sizes[1:]):
            activation = case.output if k == last else case.hidden
            self.model.add(Dense(units, activation, None if k else case.sizes[0], l2=case.l2))
            if case.dropout and k < last:
                self.model.add(Dropout(case.dropout))
        self.model.set_weights(self.start)

    def estimator(self):
        """Return a fitted MLPClassifier with the initial weights."""
        case = self.case
        model = fastmlp.MLPClassifier(case.sizes[1:-1], activation=case.hidden)
        classes = np.arange(case.sizes[-1])
        model.partial_fit(self.x[:1], classes[:1], classes=classes)
        given = self.start[::2] + self.start[1::2]
        for own, weights in zip(model.coefs_ + model.intercepts_, given, strict=True):
            own[...] = weights
        return model

    def run(self):
        case = self.case
        if case.trains:
            self.model.fit(
                self.x,
                self.y,
                epochs=case.epochs,
                batch_size=case.batch_size,
                loss=self.loss,
                optimizer=self.optimizer,
                shuffle=False,
                n_threads=self.n_threads,
            )
            return
        n, x, predict = case.batch_size, self.x, self.predict
        self.predictions = [predict(x[i : i + n]) for i in range(0, len(x), n)]

    def result(self):
        return self.model.get_weights() if self.case.trains else np.concatenate(self.predictions)
