"""Rosenblatt's perceptron."""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets

from .. import _checks
from ..kernels.plan import Activation
from .base_neuron import MAX_SEED, BaseNeuron
from .described import register
from .fitted import available_unless_refused


class ValidationStop:
    """Stops a unit whose accuracy on validation data no longer rises, by scikit-learn's rule."""

    def __init__(self, X, positive, weights, tol, patience):
        self.X, self.positive, self.weights = X, positive, weights
        self.tol, self.patience, self.best, self.n_worse = tol, patience, -np.inf, 0

    def __call__(self, neuron):
        right = (safe_sparse_dot(self.X, neuron.w) + neuron.bias > 0) == self.positive
        score = np.average(right, weights=self.weights)
        self.n_worse = self.n_worse + 1 if self.tol is not None and score < self.best + self.tol else 0
        self.best = max(self.best, score)
        return self.n_worse >= self.patience


class Perceptron(ClassifierMixin, BaseNeuron):
    """Rosenblatt's perceptron, for two or more classes.

    A sample with target t (1 for the class, -1 for the others) is a mistake where t (w x + b) <= 0, on the
    line included; then w <- w + eta0 t x and b <- b + eta0 t. With more than two classes there is one unit
    for each class against the others, and the greatest w x + b wins.

    For the same `random_state` it learns, update for update, what `sklearn.linear_model.Perceptron` without
    a penalty does: `Perceptron(tol=1e-3, epsilon=0)` has the latter's defaults.

    Parameters
    ----------
    eta0 : float, default=1.0
        Learning rate. The textbook's w <- w + eta (t - y) x with labels and outputs of -1 and 1 has
        t - y = 2 t for a mistake: there ``eta0 = 2 * eta``; with labels 0 and 1, ``eta0 = eta``. From weights
        of 0, as long as no sample weights differ, eta0 only scales the weights.
    fit_intercept : bool, default=True
        Whether there is a bias, a weight on a constant input of 1.
    max_iter : int, default=1000
        Epochs at most.
    epsilon : float, default=1.0
        Stop after an epoch (of each unit) with fewer mistakes: 1 stops where there are none, 0 never.
    tol : float, default=None
        Stop after `n_iter_no_change` epochs in a row whose loss, the mean of max(0, -t (w x + b)), is not
        below the best one's by more than `tol`. None: do not.
    n_iter_no_change : int, default=5
    shuffle : bool, default=True
        Whether each epoch has a new order.
    random_state : int, RandomState or None, default=0
        Seeds the shuffles.
    early_stopping : bool, default=False
        Hold `validation_fraction` of the data out; in the rule of `tol` its accuracy takes the loss's place.
        The weights are the last ones, as in scikit-learn.
    validation_fraction : float, default=0.1
    class_weight : dict, "balanced" or None, default=None
        Factors of the classes' steps.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last one.
    intercept_decay : float, default=None
        Factor of the bias's steps. None: 1, and with sparse X 0.01, as in scikit-learn.
    record : {"epoch", "update"}, default=None
        Keep the weights at each epoch's end, or after each change.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
        In ascending order; of two classes the second is the positive one.
    errors_ : ndarray of shape (n_epochs,), int
        Mistakes in each epoch, each met before its update; the sum over the units. `partial_fit` appends.
    n_iter_ : int
        Epochs, of the unit that took most.
    interrupted_ : bool
        Whether Ctrl-C ended the last fit.
    coef_history_ : ndarray of shape (n_steps + 1, n_features) or (n_steps + 1, n_classes, n_features)
        With `record`: the first weights, then those after each step. The units of several classes learn each
        by itself: row s has each unit after its own step s, and a unit that is done repeats its last weights.
    intercept_history_ : ndarray of shape (n_steps + 1,) or (n_steps + 1, n_classes)
    t_ : float
        1 + the number of samples seen.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    F. Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the
    brain", Psychological Review 65 (6), 1958.

    Examples
    --------
    >>> from fastmlp import Perceptron
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "no", "no", "yes"]
    >>> p = Perceptron(shuffle=False).fit(X, y)
    >>> p.errors_
    array([2, 3, 3, 2, 2, 3, 2, 1, 0])
    >>> p.predict(X).tolist()
    ['no', 'no', 'no', 'yes']
    """

    _error_dtype = np.int64
    _FITTED: ClassVar[tuple] = (*BaseNeuron._FITTED, "classes_")
    _parameter_constraints: ClassVar[dict] = {
        **BaseNeuron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        *,
        eta0=1.0,
        fit_intercept=True,
        max_iter=1000,
        epsilon=1.0,
        tol=None,
        n_iter_no_change=5,
        shuffle=True,
        random_state=0,
        early_stopping=False,
        validation_fraction=0.1,
        class_weight=None,
        warm_start=False,
        intercept_decay=None,
        record=None,
    ):
        self._store(locals())

    @available_unless_refused(_checks.check_incremental)
    @_checks.told
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Learn for one epoch from the current weights on. Not with "balanced" or early stopping.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like, default=None
            All classes; needed in the first call.

        Returns
        -------
        self : object
        """
        with self._in_training(), self._unchanged_by_errors(goes_on=True):
            return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _validate_input(self, X, y, reset):
        with _checks.labels_in_order(y):
            X, y = self._as_validated(X, y, dtype=_checks.FLOATS[::-1], order="C", reset=reset)
            _checks.check_labels_known_kind(y)
        check_classification_targets(y)
        return X, y

    def _targets(self, X, y, goes_on, incremental, classes=None):
        found = np.unique(y)
        if incremental:
            _check_partial_fit_first_call(self, classes)
            _checks.check_classes(found, self.classes_, False)
        else:
            if goes_on:
                _checks.check_classes(found, self.classes_, True)
            self.classes_ = found
        n = len(self.classes_)
        if n < 2:
            _checks.refuse(f"y must hold at least 2 classes; got {n} class: add samples of another one")
        codes = np.searchsorted(self.classes_, y)
        weights = np.ones(n)
        if self.class_weight is not None:
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            _checks.check_class_weight(weights, self.class_weight)
        positive = (1,) if n == 2 else range(n)
        negative = weights[0] if n == 2 else 1.0
        signs = np.array([-1, 1], X.dtype)
        return [
            (
                signs[(codes == k).astype(np.intp)],
                dict(rule=Activation.STEP, positive_weight=weights[k], negative_weight=negative),
            )
            for k in positive
        ]

    def _draw(self, X, y, sample_weight, targets):
        """Draw as scikit-learn, which draws a seed that it does not use before each one that it does."""
        n = len(targets)
        if n == 1:
            rng = check_random_state(self.random_state)
            rng.randint(1, MAX_SEED)
            watches = self._hold_out(X, y, sample_weight, targets)
            return [rng.randint(MAX_SEED)], watches
        watches = self._hold_out(X, y, sample_weight, targets)
        rngs = map(check_random_state, check_random_state(self.random_state).randint(MAX_SEED, size=n))
        return [rng.randint(1, MAX_SEED) and rng.randint(MAX_SEED) for rng in rngs], watches

    def _hold_out(self, X, y, sample_weight, targets):
        """Take validation data from what each unit learns; return what watches the units."""
        if not self.early_stopping:
            return [None] * len(targets)
        cv = StratifiedShuffleSplit(test_size=self.validation_fraction, random_state=self.random_state)
        held = np.zeros(len(y), bool)
        held[next(cv.split(np.zeros((len(y), 1)), y))[1]] = True
        if sample_weight is not None:
            sample_weight = sample_weight[held]
            _checks.check_held_weights(sample_weight)
        watches = [
            ValidationStop(X[held], target[held] > 0, sample_weight, self.tol, self.n_iter_no_change)
            for target, _ in targets
        ]
        for target, _ in targets:
            target[held] = 0
        return watches

    def decision_function(self, X):
        """Return w x + b, shape (n_samples,) for two classes, else (n_samples, n_classes)."""
        coef, intercept, _ = self._fitted()
        scores = self._scores(X, coef, intercept)
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X):
        """Return the class of each sample, shape (n_samples,)."""
        coef, intercept, classes = self._fitted()
        scores = self._scores(X, coef, intercept)
        if scores.shape[1] == 1:
            return classes[(scores.ravel() > 0).astype(int)]
        return classes[scores.argmax(axis=1)]


register(Perceptron)
