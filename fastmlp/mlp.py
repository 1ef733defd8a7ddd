"""MLPClassifier and MLPRegressor: scikit-learn's, and what it refuses."""

from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _checks, activations, losses
from ._estimator import FORMULA, BaseMLP
from ._fitted import available_unless_refused
from ._sklearn_callbacks import with_callbacks
from .metrics import accuracy, r2


def _has_probabilities(estimator):
    """Whether outputs can be read as probabilities."""
    loss, output = estimator.loss, estimator.out_activation
    if loss in ("hinge", "squared_hinge") or getattr(loss, "labels", False) == "only":
        return False
    entropy = loss == "log_loss" or "identity" in getattr(loss, "from_logits", ())
    return output in (None, "softmax", "logistic") or (output == "identity" and entropy)


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier.

    Takes the place of `sklearn.neural_network.MLPClassifier`: the same parameters, methods and attributes,
    and for the same `random_state` the same model. The parameters from `out_activation` on go beyond it.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Neurons of each hidden layer; () or 0 for none.
    activation : str, activation, or a list with one for each hidden layer, default="relu"
        See `fastmlp.activations`.
    solver : {"lbfgs", "sgd", "adam", ...} or optimizer, default="adam"
        scikit-learn's three, any other name of `fastmlp.optimizers`, or an optimizer object, which then has
        its own learning rate, momentum and so on.
    alpha : float, default=0.0001
        L2 penalty on weights; divided by the batch's size. See `weight_decay` for one that is not.
    batch_size : int or "auto", default="auto"
        "auto": min(200, n_samples).
    learning_rate : {"constant", "invscaling", "adaptive"} or callable, default="constant"
        Names matter to `solver="sgd"` only. A callable gives the learning rate of each epoch 0, 1, ...
    learning_rate_init : float, default=0.001
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Epochs; iterations of L-BFGS.
    shuffle : bool, default=True
    random_state : int, RandomState or None, default=None
    tol : float, default=1e-4
        Training stops when the loss (the validation score, with `early_stopping`) has not got better by `tol`
        for more than `n_iter_no_change` epochs.
    verbose : bool, default=False
    warm_start : bool, default=False
    momentum : float, default=0.9
    nesterovs_momentum : bool, default=True
    early_stopping : bool, default=False
        Hold `validation_fraction` of the data out, stop by its score, restore the best weights.
    validation_fraction : float, default=0.1
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of Adam.
    n_iter_no_change : int, default=10
    max_fun : int, default=15000
        Evaluations of L-BFGS.
    loss : {"log_loss", "hinge", "squared_hinge", "squared_error"} or loss, default="log_loss"
        See `fastmlp.losses`.
    out_activation : str or activation, default=None
        None: softmax (one output: logistic) for "log_loss", logistic for "squared_error", identity for
        hinges.
    class_weight : dict, "balanced" or None, default=None
        Multiplied into `sample_weight`; each batch is then divided by its size times the mean weight, so that
        a class weighs the same whatever it shares a batch with.
    dropout : float or list, default=0.0
        Rate of each hidden layer; a list may have one more, at its front, for the inputs.
    initializer : str or callable, default=None
        See `fastmlp.initializers`. None: scikit-learn's.
    coefs_init, intercepts_init : list of arrays, default=None
        Weights and biases to start from.
    weight_decay : float, default=0.0
        Decoupled decay: weights are multiplied by 1 - learning_rate * weight_decay at each step. With
        solver="adamw", 0 stands for AdamW's own 0.01.
    clip_norm : float, default=None
        Largest length of a step's gradient.
    metrics : names, scorers, functions of (y_true, y_pred), or a dict of these, default=()
        Measured at each epoch's end on the training data, and on validation data as ``val_...``, by
        `sample_weight`. Names are those of scikit-learn's scorers and functions, "sse", "mse" and "mae" (of
        probabilities against 0 and 1). See `fastmlp.metrics`.
    monitor : str, default=None
        What in `history_` decides which weights are best, such as "val_loss"; these are restored at the end.
        Which way is better the metric says; of a function of your own see `fastmlp.metrics.Metric`. With
        `early_stopping` it also decides when to stop; None then stands for "val_score", with `class_weight`
        for "val_loss".
    n_threads : int, default=None
        None: the cores that may be used, where the work is worth it. Results do not depend on it.
    dtype : {"float32", "float64"}, default=None
        Of the weights. None: float32 for float32 and uint8 inputs, else float64.

    Attributes
    ----------
    classes_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_, coefs_,
    intercepts_
        As scikit-learn's; so are `n_features_in_`, `feature_names_in_`, `n_iter_`, `n_layers_`,
        `n_outputs_` and `out_activation_`. `coefs_` and `intercepts_` are views of one vector.
    history_ : dict of list
        By epoch: loss, learning_rate, seconds, and val_loss, val_score and metrics where there are any.
    best_iter_ : int or None
        The epoch, counted from 1, whose weights were restored.

    Examples
    --------
    >>> from fastmlp import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, y)
    >>> clf.score(X, y) > 0.95
    True
    """

    _is_classifier = True
    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"log_loss", "hinge", "squared_hinge", "squared_error"}), FORMULA],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self, hidden_layer_sizes=(100,), activation="relu", *, solver="adam", alpha=0.0001, batch_size="auto",
        learning_rate="constant", learning_rate_init=0.001, power_t=0.5, max_iter=200, shuffle=True,
        random_state=None, tol=1e-4, verbose=False, warm_start=False, momentum=0.9, nesterovs_momentum=True,
        early_stopping=False, validation_fraction=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
        n_iter_no_change=10, max_fun=15000, loss="log_loss", out_activation=None, class_weight=None,
        dropout=0.0, initializer=None, coefs_init=None, intercepts_init=None, weight_decay=0.0,
        clip_norm=None, metrics=(), monitor=None, n_threads=None, dtype=None,
    ):  # fmt: skip
        self._store(locals())

    def _validate_input(self, X, y, incremental, reset, rows=None):
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=_checks.kept_dtypes(X), reset=reset
        )
        if hasattr(y, "toarray"):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y if rows is None else y[rows]
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            _checks.check_classes(unique_labels(y), self.classes_, self.warm_start)
        return X, y

    def _choose_loss(self, y):
        """Return the loss, the targets it learns, and the output activation."""
        kind = self._label_binarizer.y_type_
        hinge = self.loss in ("hinge", "squared_hinge") or getattr(self.loss, "labels", False) == "only"
        if hinge:
            _checks.check_no_multilabel(kind, self.loss)
        several = kind == "multiclass" or hinge
        # with logistic outputs, each class is told from the others on its own
        softmax = several and self.out_activation != "logistic"
        names = {
            "log_loss": ("categorical_crossentropy", "softmax")
            if softmax
            else ("binary_crossentropy", "logistic"),
            "squared_error": ("half_squared_error", "logistic"),
        }
        if isinstance(self.loss, str):
            loss, output = names.get(self.loss, (self.loss, "identity"))
        else:
            loss, output = self.loss, "identity" if hinge else ("softmax" if several else "logistic")
        loss = losses.get(loss)
        if several:
            n = self.n_outputs_ = max(len(self.classes_), 2)
            target = np.searchsorted(self.classes_, y).astype(np.int64)
            if not getattr(loss, "labels", False):
                target = np.eye(n)[target]
        else:
            target = self._label_binarizer.transform(y)
            self.n_outputs_ = target.shape[1]
        output = activations.get(self.out_activation or output)
        _checks.check_trainable([output], loss, self.n_outputs_)
        return loss, target, output

    def _weigh_classes(self, y, sample_weight):
        if self.class_weight is None:
            return sample_weight
        if self.class_weight == "balanced" and y.ndim == 1 and sample_weight is not None:
            classes = np.unique(y)
            index = np.searchsorted(classes, y)
            per_class = np.bincount(index, weights=sample_weight)
            balance = sample_weight.sum() / (
                np.count_nonzero(per_class) * np.where(per_class > 0, per_class, 1)
            )
            return sample_weight * balance[index]
        weights = compute_sample_weight(self.class_weight, y)
        return weights if sample_weight is None else weights * sample_weight

    def _is_logit(self):
        """Whether the outputs are logits that a cross-entropy was learned by."""
        return self.out_activation_ == "identity" and "identity" in getattr(self._loss, "from_logits", ())

    def _decode(self, a):
        """Return the labels that outputs stand for."""
        if a.shape[1] > 1 and self._label_binarizer.y_type_ != "multilabel-indicator":
            return self.classes_[a[:, : len(self.classes_)].argmax(axis=1)]  # of one class, a hinge has 2
        above = a > (0.0 if self._is_logit() else 0.5)
        if a.shape[1] > 1:
            return above.astype(int)
        return self.classes_[above.ravel().astype(int) if len(self.classes_) > 1 else np.zeros(len(a), int)]

    def _score_logits(self, logits, y, weights):
        a = self._network.functions[-1].value(logits)
        if not np.isfinite(a).all():
            return float("nan")
        return accuracy(y, self._decode(a), weights)

    def predict(self, X):
        """Return the class of each sample, shape (n_samples,) or (n_samples, n_classes) for multilabel."""
        return self._decode(self._outputs(X))

    def decision_function(self, X):
        """Return logits (behind activations other than logistic and softmax: outputs); larger is likelier.

        Shape (n_samples,) for two classes, with 0 between them, else (n_samples, n_classes).
        """
        check_is_fitted(self, "_network")
        if self.out_activation_ in ("identity", "logistic", "softmax"):
            z = self._outputs(X, logits=True)
            middle = 0.5 if self.out_activation_ == "identity" and not self._is_logit() else 0.0
        else:
            z, middle = self._outputs(X), 0.5
        if z.shape[1] == 1:
            return z.ravel() - middle
        if z.shape[1] == 2 and self._label_binarizer.y_type_ == "binary":
            return z[:, 1] - z[:, 0]
        return z

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """Return the probability of each class, shape (n_samples, n_classes)."""
        z = self._outputs(X)
        if self._label_binarizer.y_type_ == "multiclass":
            if self._is_logit():
                return activations.Softmax().value(z)
            return z / z.sum(axis=1, keepdims=True) if self.out_activation_ == "logistic" else z
        p = activations.logistic(z) if self._is_logit() else z
        eps = np.finfo(p.dtype).eps / 2
        p = np.clip(p, eps, 1 - eps)  # nothing is certain
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    @available_if(_has_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithms of `predict_proba`."""
        p = self.predict_proba(X)
        return np.log(p, out=p)

    @available_unless_refused(_checks.check_incremental)
    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch from the current weights on.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like, default=None
            All classes; needed in the first call, if `y` may lack some.

        Returns
        -------
        self : object
        """
        if _check_partial_fit_first_call(self, classes):
            of = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(of)
        return self._fit(X, y, sample_weight, incremental=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self.loss not in ("hinge", "squared_hinge")
        return tags


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor.

    Takes the place of `sklearn.neural_network.MLPRegressor`: the same parameters, methods and attributes,
    and for the same `random_state` the same model. The parameters from `out_activation` on go beyond it.

    Parameters
    ----------
    loss : str or loss, default="squared_error"
        "squared_error", "poisson", "absolute_error", "huber", "quantile" (the median), or an object.
        The first two are scikit-learn's. See `fastmlp.losses` for objects such as ``Quantile(0.9)``.
    out_activation : str or activation, default=None
        None: exp for "poisson", else identity.
    **others
        All other parameters are those of `MLPClassifier`, with the same defaults (no `class_weight`).

    Attributes
    ----------
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_, coefs_, intercepts_
        As those of `MLPClassifier`; also `history_`, `best_iter_`, `n_features_in_`, `feature_names_in_`,
        `n_iter_`, `n_layers_`, `n_outputs_`, `out_activation_`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> y = X.ravel() ** 2
    >>> reg = MLPRegressor(hidden_layer_sizes=(10,), activation="tanh", solver="lbfgs", random_state=0)
    >>> reg.fit(X, y).score(X, y) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson", "absolute_error", "huber", "quantile"}), FORMULA],
    }

    def __init__(
        self, loss="squared_error", hidden_layer_sizes=(100,), activation="relu", *, solver="adam",
        alpha=0.0001, batch_size="auto", learning_rate="constant", learning_rate_init=0.001, power_t=0.5,
        max_iter=200, shuffle=True, random_state=None, tol=1e-4, verbose=False, warm_start=False,
        momentum=0.9, nesterovs_momentum=True, early_stopping=False, validation_fraction=0.1, beta_1=0.9,
        beta_2=0.999, epsilon=1e-8, n_iter_no_change=10, max_fun=15000, out_activation=None, dropout=0.0,
        initializer=None, coefs_init=None, intercepts_init=None, weight_decay=0.0, clip_norm=None,
        metrics=(), monitor=None, n_threads=None, dtype=None,
    ):  # fmt: skip
        self._store(locals())

    def _validate_input(self, X, y, incremental, reset, rows=None):
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, y_numeric=True, dtype=_checks.kept_dtypes(X),
            reset=reset,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y if y.dtype.kind in "biuf" else _checks.as_float(y, "y")
        return X, y if rows is None else y[rows]

    def _choose_loss(self, y):
        """Return the loss, the targets it learns, and the output activation."""
        name = "half_squared_error" if self.loss == "squared_error" else self.loss
        loss = losses.get(name)
        output = activations.get(self.out_activation or ("exp" if loss.name == "poisson" else "identity"))
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        _checks.check_trainable([output], loss, self.n_outputs_)
        _checks.check_target_range(y, loss)
        return loss, y.reshape(len(y), -1), output

    def _decode(self, a):
        return a.ravel() if a.shape[1] == 1 else a

    def _score_logits(self, logits, y, weights):
        a = self._network.functions[-1].value(logits)
        if not np.isfinite(a).all():
            return float("nan")
        return r2(y, self._decode(a), weights)

    def predict(self, X):
        """Return the predicted values, shape (n_samples,) or (n_samples, n_outputs)."""
        return self._decode(self._outputs(X))

    @available_unless_refused(_checks.check_incremental)
    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch from the current weights on; parameters as in `fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        loss = losses.LOSSES.get(self.loss, self.loss) if isinstance(self.loss, str) else self.loss
        tags.target_tags.positive_only = getattr(loss, "target_range", (-1, 1))[0] >= 0
        return tags
