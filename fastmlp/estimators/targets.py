"""What estimators learn from targets, and read outputs as: classes and labels, or values."""

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from .. import _checks, activations, decisions, losses
from ..decisions import MULTILABEL
from ..metrics import accuracy, r2
from . import class_weights

HINGES = ("hinge", "squared_hinge")


class OfClasses:
    """Targets are classes, or rows of 0 and 1 for several labels."""

    def _validate(self, X, y, reset):
        with _checks.labels_in_order(y):
            X, y = self._as_validated(X, y, multi_output=True, reset=reset)
            y = _checks.as_one_column(y.toarray() if hasattr(y, "toarray") else y)
            _checks.check_labels_known_kind(y)
        return X, y

    @property
    def _kind(self):
        """scikit-learn's type of the target: "binary", "multiclass" or "multilabel-indicator"."""
        return self._label_binarizer.y_type_

    def _learn_targets(self, y, classes, incremental, first):
        """Take the classes from targets, or see that these go with the classes that are known."""
        if incremental and _check_partial_fit_first_call(self, classes):
            of = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(of)
        elif first and not incremental:
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return
        self._check_known(y, whole=not incremental)

    def _check_known(self, y, whole=False):
        n = len(self.classes_)
        if self._kind != MULTILABEL and y.ndim == 2:
            _checks.refuse(
                f"y holds several labels for each sample, shape {y.shape}; the model tells classes apart: "
                "give one class for each sample"
            )
        if self._kind == MULTILABEL and (y.ndim == 1 or y.shape[1] != n):
            _checks.refuse(
                f"y must hold 0 or 1 for each of {n} labels, shape (n_samples, {n}), as the model has "
                f"learned; got shape {y.shape}"
            )
        _checks.check_classes(unique_labels(y), self.classes_, whole)

    def _settle(self, y):
        """Settle on loss, number of outputs and how they are read; return the output activation."""
        kind, output = self._kind, self.out_activation
        output = None if output is None else activations.get(output)
        several = kind == "multiclass"
        # with logistic outputs, each class has a binary problem of its own
        softmax = several and getattr(output, "name", None) != "logistic"
        loss, usual = self.loss, "softmax" if softmax else "logistic"
        if isinstance(loss, str) and loss not in HINGES:
            if loss == "log_loss":
                loss = "categorical_crossentropy" if softmax else "binary_crossentropy"
            elif loss == "squared_error":  # scikit-learn's classifier has no squared error
                loss, usual = "half_squared_error", "logistic"
        self._loss = losses.get(loss)
        of_softmax = isinstance(self._loss, losses.SoftmaxCrossentropy)
        if kind == MULTILABEL and (self._loss.labels == "only" or of_softmax):
            _checks.refuse(f"loss={self.loss!r} needs one class for each sample; take 'log_loss' for several")
        if self._loss.labels == "only":
            several, usual = True, "identity"
        elif of_softmax:  # which the loss takes itself
            usual = "identity"
        if several:
            self.n_outputs_ = max(len(self.classes_), 2)
        else:
            self.n_outputs_ = len(self.classes_) if kind == MULTILABEL else 1
        output = output or activations.get(usual)
        self._reading = decisions.reading(output, self._loss, kind)
        return output

    def _encode(self, y):
        """Return targets as they are learned: numbers of classes, or rows of 0 and 1."""
        if self._kind == "multiclass" or self._loss.labels == "only":
            target = np.searchsorted(self.classes_, y).astype(np.int64)
            return target if self._loss.labels else np.eye(self.n_outputs_)[target]
        return self._label_binarizer.transform(y)

    def _weigh_classes(self, y, sample_weight):
        if self.class_weight is None:
            return sample_weight
        return class_weights.weigh(self.class_weight, self.classes_, y, sample_weight)

    def _mean_weight(self, weights, sample_weight, incremental):
        """Return what a sample counts on average; 0 stands for the mean of each batch."""
        if self.class_weight is None:
            return 0.0
        if not incremental:
            return weights.mean()
        # one batch does not tell how frequent the classes are
        n_outputs = self.n_outputs_ if self._kind == MULTILABEL else None
        mean = class_weights.mean_weight(self.class_weight, self.classes_, n_outputs)
        return mean * (1.0 if sample_weight is None else sample_weight.mean())

    def _decide(self, logits):
        read = self._reading
        values = logits if read["by"] == "logits" else self._network.functions[-1].value(logits)
        return decisions.decisions(values, read["threshold"])

    def _score_logits(self, logits, y, weights):
        decided = self._decide(logits)
        if not np.isfinite(decided).all():
            return float("nan")
        return accuracy(y, decisions.labels(decided, self.classes_, self._kind), weights)


class OfValues:
    """Targets are real numbers."""

    def _validate(self, X, y, reset):
        X, y = self._as_validated(X, y, multi_output=True, y_numeric=True, reset=reset)
        return X, _checks.as_values(y)

    def _learn_targets(self, y, classes, incremental, first):
        """See that targets go with what was learned before."""
        if not first:
            self._check_known(y)

    def _check_known(self, y):
        n, known = 1 if y.ndim == 1 else y.shape[1], self.n_outputs_
        if n != known:
            _checks.refuse(f"y holds {n} value(s) for each sample; the model has learned {known}")

    def _settle(self, y):
        """Settle on loss and number of outputs; return the output activation."""
        self._loss = losses.get("half_squared_error" if self.loss == "squared_error" else self.loss)
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        usual = "exp" if self._loss.name == "poisson" else "identity"
        return activations.get(usual if self.out_activation is None else self.out_activation)

    def _encode(self, y):
        """Return targets as they are learned, a row for each sample."""
        _checks.check_target_range(y, self._loss)
        return y.reshape(len(y), -1)

    def _decode(self, a):
        return a.ravel() if a.shape[1] == 1 else a

    def _score_logits(self, logits, y, weights):
        a = self._network.functions[-1].value(logits)
        if not np.isfinite(a).all():
            return float("nan")
        return r2(y, self._decode(a), weights)
