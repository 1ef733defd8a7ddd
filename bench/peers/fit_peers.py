"""Whole fits of an estimator: scikit-learn's, ours, and one neuron by hand."""

import warnings
from importlib import import_module

import numpy as np

from .base import Peer
from .fastmlp_peer import FastMLP


def learned(model, X):
    """Return what is compared of a fitted estimator."""
    found = {"epochs": model.n_iter_, "predict": model.predict(X)}
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = model.predict_proba(X)
    names = ("coef_", "intercept_") if hasattr(model, "coef_") else ("loss_",)
    return found | {name: getattr(model, name) for name in names}


class Fitted:
    """What both packages' estimators have in common."""

    def setup(self, case):
        warnings.simplefilter("ignore")  # so many epochs and no more
        super().setup(case)
        self.X, self.y = case.data()
        self.model = self.make()

    def run(self):
        self.model.fit(self.X, self.y)

    def result(self):
        return learned(self.model, self.X)


class Theirs(Fitted, Peer):
    def make(self):
        module, kind = self.case.theirs.split(":")
        return getattr(import_module(module), kind)(**self.case.options, **self.case.others)

    def versions(self):
        return {"scikit-learn": import_module("sklearn").__version__}


class Ours(Fitted, FastMLP):
    def make(self):
        return getattr(import_module("fastmlp"), self.case.kind)(**self.case.options, **self.case.own)


class TanhByNumPy(Fitted, Peer):
    """The textbook's loop, one sample after another."""

    def make(self):
        self.n_iter_ = self.case.options["max_iter"]
        return self

    def refuse(self, case):
        return "it knows no threads" if (self.n_threads or 1) > 1 else None

    def fit(self, X, y):
        w, eta = np.zeros(X.shape[1] + 1), self.case.options["eta0"]
        rows = np.column_stack([X, np.ones(len(X))])
        for _ in range(self.n_iter_):
            for x, t in zip(rows, y, strict=True):
                a = np.tanh(w @ x)
                w += eta * (t - a) * (1 - a * a) * x
        self.coef_, self.intercept_ = w[:-1], w[-1:]

    def predict(self, X):
        return np.tanh(X @ self.coef_ + self.intercept_)

    def versions(self):
        return {"numpy": np.__version__}
