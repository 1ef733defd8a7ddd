"""What the single neurons share: scikit-learn's contract around one record of the kernels."""

from contextlib import contextmanager
from numbers import Integral, Real
from operator import is_not
from typing import ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .. import _checks, initializers
from ..kernels import interrupts, neuron
from ..kernels.job import Rows
from ..kernels.plan import Status
from ..network.in_training import in_training, is_ours, run_of
from .described import describe
from .fitted import CarefulEstimator

MAX_SEED = np.iinfo(np.int32).max
MAX_EPOCHS = 2**62  # more than any run reaches
SPARSE_INTERCEPT_DECAY = 0.01  # scikit-learn's; an intercept has a value in every row, sparse features in few
RECORD = {None: 0, "epoch": 1, "update": 2}


def is_drawn(given):
    """Whether initial weights are to be drawn, and are no numbers for each."""
    return isinstance(given, (str, Real)) or callable(given)


def drawn(argument, given, like, rng, coef):
    """Return initial weights as they were given, or drawn like an array, where an initializer was."""
    if not is_drawn(given):
        return given
    initializer = initializers.get(given, argument)
    return initializers.draw(initializer, like.shape, rng, coef.shape[::-1]).T


class BaseNeuron(CarefulEstimator):
    """Base of the estimators in perceptron.py, which says what the parameters mean."""

    _error_dtype: type = np.float64
    _FITTED: ClassVar[tuple] = ("coef_", "intercept_")  # what predictions are made of
    _parameter_constraints: ClassVar[dict] = {
        "eta0": [Interval(Real, 0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "intercept_decay": [Interval(Real, 0, None, closed="left"), None],
        "record": [StrOptions({"epoch", "update"}), None],
    }

    @_checks.told
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
        """Learn, from weights of 0 unless told otherwise.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            float32 and float64 are learned in their own precision.
        y : array-like of shape (n_samples,)
        coef_init : array-like of the shape of `coef_`, str, float or initializer, default=None
            What to start from: numbers, or how they are drawn (see `fastmlp.initializers`): "random", say.
        intercept_init : array-like of the shape of `intercept_`, str, float or initializer, default=None
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps.

        Returns
        -------
        self : object
            After Ctrl-C with the weights reached, and a warning.
        """
        with self._in_training(), self._unchanged_by_errors():
            return self._fit(X, y, sample_weight, coef_init, intercept_init)

    def _fit(self, X, y, sample_weight, coef_init=None, intercept_init=None, incremental=False, **given):
        known = hasattr(self, "coef_")
        goes_on = known and (incremental or self.warm_start)
        X, y = self._validate_input(X, y, not (known and incremental))
        # training goes on in the dtype of the weights
        if goes_on and X.dtype != self.coef_.dtype in _checks.FLOATS:
            with np.errstate(over="ignore", invalid="ignore"):
                X = X.astype(self.coef_.dtype)
                assert_all_finite(X, input_name="X")
        if sample_weight is not None:
            sample_weight = _checks.check_weight_signs(_check_sample_weight(sample_weight, X, dtype=X.dtype))
        targets = self._targets(X, y, goes_on, incremental, **given)
        n_units = len(targets)
        shape = (n_units, X.shape[1])
        coef, intercept = np.zeros(shape, X.dtype), np.zeros(n_units)
        if goes_on:
            coef_init = self.coef_ if coef_init is None else coef_init
            intercept_init = self.intercept_ if intercept_init is None else intercept_init
        rng = None
        if is_drawn(coef_init) or is_drawn(intercept_init):
            rng = check_random_state(self.random_state)
        coef_init = drawn("coef_init", coef_init, coef.T, rng, coef)
        intercept_init = drawn("intercept_init", intercept_init, intercept, rng, coef)
        _checks.check_initial("coef_init", coef, coef_init)
        _checks.check_initial("intercept_init", intercept, intercept_init)
        rows = Rows(X)
        seeds, watches = self._draw(X, y, sample_weight, targets)
        decay = self.intercept_decay
        if decay is None:
            decay = SPARSE_INTERCEPT_DECAY if rows.is_sparse else 1.0
        n_epochs = 1 if incremental else min(_checks.check_int("max_iter", self.max_iter), MAX_EPOCHS)
        units = [
            neuron.Neuron(
                rows,
                w,
                target,
                bias=bias,
                sample_weight=sample_weight,
                eta=self.eta0,
                seed=seed,
                n_epochs=n_epochs,
                shuffle=int(self.shuffle),
                bias_step=decay if self.fit_intercept else 0.0,
                epsilon=self.epsilon,
                tol=-np.inf if self.tol is None or watch else self.tol,
                n_iter_no_change=min(self.n_iter_no_change, MAX_EPOCHS),
                record=_checks.check_choice("record", self.record, RECORD),
                **options,
            )
            for (target, options), w, bias, seed, watch in zip(
                targets, coef, intercept, seeds, watches, strict=True
            )
        ]
        start = np.column_stack([coef, intercept]).astype(X.dtype)
        with interrupts.held():
            self._train(units, watches)
            self._take_over(units, coef, start, known and incremental)
        if not (incremental or self.interrupted_) and self.tol is not None and self.n_iter_ == self.max_iter:
            _checks.warn(
                f"{self.max_iter} epochs (max_iter) passed and the loss still falls by more than tol; "
                "increase max_iter to improve the fit.",
                ConvergenceWarning,
            )
        return self

    def _draw(self, X, y, sample_weight, targets):
        """Return the seed of each unit's shuffles, by scikit-learn's draws, and what watches its epochs."""
        return [check_random_state(self.random_state).randint(MAX_SEED)], [None]

    def _train(self, units, watches):
        """Train the units one after another."""
        self.interrupted_ = False
        try:
            for unit, watch in zip(units, watches, strict=True):
                if neuron.train(unit, watch) == Status.DIVERGED:
                    _checks.warn_diverged(unit.n_done + 1, self.eta0, unit.rows, unit.target)
        except KeyboardInterrupt:
            self.interrupted_ = True
            _checks.warn_interrupted()

    def _take_over(self, units, coef, start, appends):
        """Set the fitted attributes."""
        n_samples = units[0].rows.n_rows
        self.n_iter_ = max(unit.n_done for unit in units)
        self.t_ = (self.t_ if appends else 1.0) + float(self.n_iter_ * n_samples)
        errors = np.zeros(self.n_iter_)
        for unit in units:
            errors[: unit.n_done] += unit.errors
        errors = errors.astype(self._error_dtype)
        self.errors_ = np.concatenate([self.errors_, errors]) if appends else errors
        self._set_weights(coef, np.array([unit.bias for unit in units], coef.dtype))
        if self.record is None:
            for name in ("coef_history_", "intercept_history_"):
                self.__dict__.pop(name, None)
            return
        recorded = [unit.recorded for unit in units]
        history = np.empty((1 + max(map(len, recorded)), *start.shape), coef.dtype)
        for k, steps in enumerate(recorded):
            history[0, k] = start[k]
            history[1 : len(steps) + 1, k] = steps
            history[len(steps) + 1 :, k] = history[len(steps), k]
        coefs, intercepts = history[..., :-1], history[..., -1]
        if start.shape[0] == 1:
            coefs, intercepts = coefs[:, 0], intercepts[:, 0]
        if appends and hasattr(self, "coef_history_"):
            coefs = np.concatenate([self.coef_history_, coefs[1:]])
            intercepts = np.concatenate([self.intercept_history_, intercepts[1:]])
        self.coef_history_, self.intercept_history_ = coefs, intercepts

    def _described(self, what):
        check_is_fitted(self)
        return describe(self, keep=True, layers=True)

    def _take_weights(self, arrays):
        with self._in_training():
            self._set_weights(np.ascontiguousarray(arrays[0].T), arrays[1])

    def _set_weights(self, coef, intercept):
        self.coef_, self.intercept_ = coef if hasattr(self, "classes_") else coef[0], intercept

    @contextmanager
    def _in_training(self):
        """Train inside; other threads predict with what was fitted before, all of it."""
        with in_training(self) as run:
            run.kept = self._fitted_now() if hasattr(self, "coef_") else ()
            yield

    def _fitted_now(self):
        return tuple(getattr(self, name, None) for name in self._FITTED)

    def _fitted(self):
        """Return the attributes `_FITTED`, all of one fit, whoever fits meanwhile."""
        while True:
            run, found = run_of(self), self._fitted_now()
            if run is not None and run.kept is not None and not is_ours(self):
                found = run.kept
            # a fit that began and ended meanwhile has replaced some
            elif run_of(self) is not run or any(map(is_not, found, self._fitted_now())):
                continue
            if not found or found[0] is None:
                check_is_fitted(self, "the weights of a fit that has ended")
            return found

    def _scores(self, X, coef, intercept):
        """Return w x + b of each unit, shape (n_samples, n_units)."""
        X = self._as_validated(X, dtype=_checks.FLOATS[::-1], reset=False)
        coef = np.atleast_2d(coef)
        _checks.check_width("X", X.shape[1], coef.shape[1], "the weights")
        return safe_sparse_dot(X, coef.T, dense_output=True) + intercept

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
