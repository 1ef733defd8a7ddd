"""fastmlp, through its public interface: `Network.fit` and `predict`, `MLPClassifier.predict`."""

from functools import partial
from importlib.metadata import version

import numpy as np

import fastmlp
from fastmlp import SGD, Adam, Dense, Network

from .base import Peer

LOSSES = {"softmax": "categorical_crossentropy", "tanh": "mse"}


class FastMLPPeer(Peer):
    def setup(self, case, x, y, weights):
        super().setup(case, x, y, weights)
        # scikit-learn's form of Adam: epsilon is not divided by the bias correction
        adam = Adam(case.learning_rate, epsilon_corrected=False)
        self.optimizer = {"sgd": SGD(case.learning_rate), "adam": adam}[case.optimizer]
        self.reset()
        if case.kind == "predict":
            self.predict = self.estimator().predict if case.labels else self.model.predict
            if self.n_threads and not case.labels:
                self.predict = partial(self.predict, n_threads=self.n_threads)

    def reset(self):
        case = self.case
        self.model = Network(dtype="float32")
        for k, units in enumerate(case.sizes[1:]):
            activation = case.output if k == len(case.sizes) - 2 else case.hidden
            self.model.add(Dense(units, activation=activation, input_dim=None if k else case.sizes[0]))
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
        if case.kind == "train":
            self.model.fit(
                self.x,
                self.y,
                epochs=case.epochs,
                batch_size=case.batch_size,
                loss=LOSSES[case.output],
                optimizer=self.optimizer,
                shuffle=False,
                n_threads=self.n_threads,
            )
            return
        n, x, predict = case.batch_size, self.x, self.predict
        self.predictions = [predict(x[i : i + n]) for i in range(0, len(x), n)]

    def result(self):
        return np.concatenate(self.predictions) if self.case.kind == "predict" else self.model.get_weights()

    def versions(self):
        return {"fastmlp": fastmlp.__version__, "backend": fastmlp.backend(), "n_threads": self.n_threads}


class NumbaPeer(FastMLPPeer):
    def versions(self):
        if fastmlp.backend() != "numba":
            raise RuntimeError(f"expected the Numba backend, got {fastmlp.backend()}: set FASTMLP_BACKEND")
        return {"numba": version("numba")}
