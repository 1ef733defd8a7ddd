"""Neurons that learn by the delta rule, w <- w + eta (t - y) f'(w x + b) x: linear, and with a sigmoid."""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from .. import _checks, activations
from ..kernels.plan import Activation
from .base_neuron import BaseNeuron
from .described import register


class _NeuronRegressor(RegressorMixin, BaseNeuron):
    """What LinearPerceptron and TanhPerceptron share."""

    @_checks.told
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Learn for one epoch from the current weights on; parameters as in `fit`."""
        with self._in_training(), self._unchanged_by_errors(goes_on=True):
            return self._fit(X, y, sample_weight, incremental=True)

    def _validate_input(self, X, y, reset):
        X, y = self._as_validated(X, y, dtype=_checks.FLOATS[::-1], order="C", y_numeric=True, reset=reset)
        return X, _checks.as_values(y)


class LinearPerceptron(_NeuronRegressor):
    """A neuron without activation that learns by the delta rule (least mean squares).

    y = w x + b; after each sample w <- w + eta0 (t - y) x and b <- b + eta0 (t - y).

    For the same `random_state` it learns what `sklearn.linear_model.SGDRegressor` without a penalty does at
    a constant learning rate.

    Parameters
    ----------
    eta0 : float, default=0.01
        Learning rate. Above ``2 / |x|^2`` the weights may grow without bound: scale the inputs.
    epsilon : float, default=0.0
        Stop after an epoch whose sum of squared errors is less; 0: never.
    tol : float, default=None
        Stop after `n_iter_no_change` epochs in a row whose loss, the mean of (t - y)^2 / 2, is not below the
        best one's by more than `tol`. None: do not.
    fit_intercept, max_iter, n_iter_no_change, shuffle, warm_start, intercept_decay
        As those of `Perceptron`.
    random_state : int, RandomState or None, default=None
        Seeds the shuffles.
    record : {"epoch", "update"}, default=None
        Keep the weights at each epoch's end, or after each sample.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : ndarray of shape (1,)
    errors_ : ndarray of shape (n_epochs,)
        Sum of squared errors of each epoch, weighted by `sample_weight`; each is met before its update.
    coef_history_, intercept_history_, n_iter_, interrupted_, t_, n_features_in_, feature_names_in_
        As those of `Perceptron` with two classes.

    References
    ----------
    B. Widrow, M. E. Hoff, "Adaptive switching circuits", IRE WESCON Convention Record, 1960.

    Examples
    --------
    >>> from fastmlp import LinearPerceptron
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> line = LinearPerceptron(eta0=0.1, random_state=0).fit(X, y)
    >>> line.predict([[3.0]]).round(6)
    array([7.])
    """

    def __init__(
        self,
        *,
        eta0=0.01,
        fit_intercept=True,
        max_iter=1000,
        epsilon=0.0,
        tol=None,
        n_iter_no_change=5,
        shuffle=True,
        random_state=None,
        warm_start=False,
        intercept_decay=None,
        record=None,
    ):
        self._store(locals())

    def _targets(self, X, y, goes_on, incremental):
        return [(np.ascontiguousarray(y, X.dtype), dict(rule=Activation.IDENTITY))]

    def predict(self, X):
        """Return the predicted values, shape (n_samples,)."""
        return self._scores(X, *self._fitted()).ravel()


class TanhPerceptron(_NeuronRegressor):
    """A neuron with a sigmoid activation that learns by the delta rule.

    y = f(w x + b) with f(z) = tanh(beta z) or 1 / (1 + exp(-beta z)); after each sample
    w <- w + eta0 (t - y) f'(w x + b) x, and the bias likewise.

    Parameters
    ----------
    activation : {"tanh", "logistic"}, default="tanh"
    beta : float, default=1.0
        Slope of the activation.
    eta0 : float, default=0.01
        Learning rate.
    scale_targets : bool or tuple (low, high), default=True
        Map targets by min-max to the activation's range, (-1, 1) or (0, 1), for learning, and outputs back.
        A tuple says what the least and the greatest target are; True takes those of `fit`, or of the first
        `partial_fit`. False: targets must lie in the activation's range to be reached.
    epsilon : float, default=0.0
        Stop after an epoch whose sum of squared errors, in units of `y`, is less; 0: never.
    tol : float, default=None
        As that of `LinearPerceptron`, on the scaled targets.
    fit_intercept, max_iter, n_iter_no_change, shuffle, random_state, warm_start, intercept_decay, record
        As those of `LinearPerceptron`.

    Attributes
    ----------
    target_range_ : tuple (low, high) or None
        The targets that the activation's limits stand for.
    coef_, intercept_, errors_, coef_history_, intercept_history_, n_iter_, t_, n_features_in_
        As those of `LinearPerceptron`; so are `interrupted_` and `feature_names_in_`. `errors_` is in squared
        units of `y`.

    Examples
    --------
    >>> from fastmlp import TanhPerceptron
    >>> X, y = [[-1, -1], [-1, 1], [1, -1], [1, 1]], [-1, -1, -1, 1]
    >>> and_gate = TanhPerceptron(eta0=0.1, random_state=0).fit(X, y)
    >>> and_gate.predict(X).round()
    array([-1., -1., -1.,  1.])
    """

    _FITTED: ClassVar[tuple] = (*BaseNeuron._FITTED, "_fitted_function", "target_range_")
    _parameter_constraints: ClassVar[dict] = {
        **BaseNeuron._parameter_constraints,
        "activation": [StrOptions({"tanh", "logistic"})],
        "beta": [Interval(Real, 0, None, closed="neither")],
        "scale_targets": ["boolean", tuple, list],
    }

    def __init__(
        self,
        *,
        activation="tanh",
        beta=1.0,
        eta0=0.01,
        scale_targets=True,
        fit_intercept=True,
        max_iter=1000,
        epsilon=0.0,
        tol=None,
        n_iter_no_change=5,
        shuffle=True,
        random_state=None,
        warm_start=False,
        intercept_decay=None,
        record=None,
    ):
        self._store(locals())

    def _function(self):
        """Return the activation, and the limits of its outputs."""
        kind = activations.Tanh if self.activation == "tanh" else activations.Logistic
        return kind(self.beta), *activations.LIMITS[kind]

    def _targets(self, X, y, goes_on, incremental):
        self._fitted_function = function, bottom, top = self._function()
        scale = 1.0
        if isinstance(self.scale_targets, (tuple, list)):
            self.target_range_ = _limits(self.scale_targets)
        elif not self.scale_targets:
            self.target_range_ = None
        elif not goes_on or self.target_range_ is None:
            low, high = float(y.min()), float(y.max())
            half = max(0.5, abs(low) * 1e-6)  # at least some rounding steps of a number of this size
            self.target_range_ = (low, high) if low < high else (low - half, low + half)
        if self.target_range_ is not None:
            low, high = self.target_range_
            if not 1e-150 < high - low < 1e150:  # whose square is a number
                _checks.refuse(
                    f"the targets span {high - low:g}, and squares of such errors are out of range; scale y, "
                    "or pass scale_targets=False"
                )
            scale = (top - bottom) / (high - low)
            y = (y - low) * scale + bottom
        options = dict(rule=function.code, slope=float(self.beta), error_scale=scale**-2)
        return [(np.ascontiguousarray(y, X.dtype), options)]

    def predict(self, X):
        """Return the predicted values, shape (n_samples,)."""
        coef, intercept, (function, bottom, top), target_range = self._fitted()
        a = function.value(self._scores(X, coef, intercept).ravel())
        if target_range is None:
            return a
        low, high = target_range
        return (a - bottom) * ((high - low) / (top - bottom)) + low


register(LinearPerceptron, TanhPerceptron)


def _limits(given):
    """Return the targets (low, high) that stand for the activation's limits."""
    if len(given) != 2:
        _checks.refuse(f"scale_targets must be True, False or (low, high); got {_checks.shown(given)}")
    low, high = (_checks.check_real("scale_targets", one, -np.inf, closed="neither") for one in given)
    if low >= high:
        _checks.refuse(f"scale_targets=(low, high) needs low < high; got {_checks.shown(given)}")
    return low, high
