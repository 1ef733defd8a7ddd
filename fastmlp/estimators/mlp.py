"""MLPClassifier and MLPRegressor: scikit-learn's, and what it refuses."""

from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .. import _checks, activations, decisions, losses
from .base_mlp import FORMULA, BaseMLP
from .described import register
from .fitted import available_unless_refused
from .sklearn_callbacks import with_callbacks
from .targets import HINGES, OfClasses, OfValues


def _has_probabilities(estimator):
    """Whether outputs can be read as probabilities."""
    loss, output = estimator.loss, estimator.out_activation
    try:
        loss = loss if isinstance(loss, str) else losses.get(loss)
        output = output if output is None or isinstance(output, str) else activations.get(output).name
    except TypeError:  # `fit` raises it
        return False
    if loss in HINGES or getattr(loss, "labels", None) == "only":
        return False
    if output is None or getattr(loss, "name", None) == losses.SoftmaxCrossentropy.name:
        return True
    entropy = loss == "log_loss" or "identity" in getattr(loss, "from_logits", ())
    return output in ("softmax", "logistic", "sigmoid") or (output in ("identity", "linear") and entropy)


class MLPClassifier(ClassifierMixin, OfClasses, BaseMLP):
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
        scikit-learn's three, any other name of `fastmlp.optimizers`, or an optimizer object. That has its own
        learning rate, momentum and so on: the estimator's are refused beside it unless left as they are.
    alpha : float, default=0.0001
        L2 penalty on weights; divided by the batch's size. See `weight_decay` for one that is not.
    batch_size : int or "auto", default="auto"
        "auto": min(200, n_samples).
    learning_rate : {"constant", "invscaling", "adaptive"} or callable, default="constant"
        Names matter to `solver="sgd"` only. A callable gives the learning rate of each epoch 0, 1, ..., which
        count over all fits of the same weights; see `fastmlp.schedules`.
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
    verbose : bool or int, default=False
        True prints each epoch's loss, as scikit-learn does; 2 adds the samples a second and GFLOP/s, as if no
        input were 0 (not with L-BFGS).
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
        a class weighs the same whatever it shares a batch with. `partial_fit`, which sees a part of the data,
        takes the mean over the classes; it does not know "balanced".
    dropout : float or list, default=0.0
        Rate of each hidden layer; a list may have one more, at its front, for the inputs.
    initializer : str, float or callable, default=None
        See `fastmlp.initializers`; a number is every weight. None: scikit-learn's.
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
        The epoch of `history_`, counted from 1, whose weights were restored.
    interrupted_ : bool
        Whether Ctrl-C ended the last fit.

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
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        loss="log_loss",
        out_activation=None,
        class_weight=None,
        dropout=0.0,
        initializer=None,
        coefs_init=None,
        intercepts_init=None,
        weight_decay=0.0,
        clip_norm=None,
        metrics=(),
        monitor=None,
        n_threads=None,
        dtype=None,
    ):
        self._store(locals())

    def predict(self, X):
        """Return the class of each sample, shape (n_samples,) or (n_samples, n_classes) for multilabel."""
        logits = self._outputs(X, logits=True)
        return decisions.labels(self._decide(logits), self.classes_, self._kind)

    def decision_function(self, X):
        """Return what `predict` decides by; larger is likelier.

        Shape (n_samples,) for two classes, (n_samples, n_classes) for several or multilabel targets. Of
        several classes behind a softmax these are the logarithms of their probabilities. Else they are
        logits, or behind activations other than logistic the outputs. For two classes, and for each of
        multilabel targets, 0 is the middle: outputs that are no logits count from 0.5 on, the middle of their
        targets.
        """
        check_is_fitted(self, "_network")
        decided = self._decide(self._outputs(X, logits=True))
        if decided.shape[1] == 1:
            return decided.ravel()
        if decided.shape[1] == 2 and self._kind == "binary":
            return decided[:, 1] - decided[:, 0]
        if decisions.softmax_tells(self._reading):
            return decisions.log_probabilities(decided)
        return decided

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """Return the probability of each class, shape (n_samples, n_classes)."""
        a, slope = self._outputs(X), self._network.functions[-1].slope
        how = self._reading["probabilities"]
        return decisions.probabilities(a, how, lambda: slope * self._outputs(X, logits=True))

    @available_if(_has_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithms of `predict_proba`."""
        p = self.predict_proba(X)
        return np.log(p, out=p)

    @available_unless_refused(_checks.check_incremental)
    @_checks.told
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
        return self._fit(X, y, sample_weight, classes=classes, incremental=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self.loss not in HINGES
        return tags


class MLPRegressor(RegressorMixin, OfValues, BaseMLP):
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
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        out_activation=None,
        dropout=0.0,
        initializer=None,
        coefs_init=None,
        intercepts_init=None,
        weight_decay=0.0,
        clip_norm=None,
        metrics=(),
        monitor=None,
        n_threads=None,
        dtype=None,
    ):
        self._store(locals())

    def predict(self, X):
        """Return the predicted values, shape (n_samples,) or (n_samples, n_outputs)."""
        return self._decode(self._outputs(X))

    @available_unless_refused(_checks.check_incremental)
    @_checks.told
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


register(MLPClassifier, MLPRegressor)
