"""The fitted state of an estimator: its network, the attributes that look into it, and its outputs."""

import copy
from functools import update_wrapper
from operator import is_
from types import MethodType

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import InvalidParameterError, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import _checks
from ..formats.description import as_state, of_state
from ..kernels.job import ROW_DTYPES, Rows
from ..network.exported import Exported
from ..network.in_training import in_training, is_ours, is_trusted, run_of
from .described import describe, restore

_DTYPES = frozenset(ROW_DTYPES)


class available_unless_refused:
    """Decorate a method that is there only where `check` of the estimator does not raise an AttributeError.

    scikit-learn's `available_if` hides why a method is not there; this lets the check's own error through.
    """

    def __init__(self, check):
        self.check = check

    def __call__(self, method):
        self.method = method
        return update_wrapper(self, method)

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self.method
        self.check(estimator)
        return MethodType(self.method, estimator)


class CarefulEstimator(Exported, _checks.Declared, BaseEstimator):
    """Base of all estimators: what is refused leaves nothing half done."""

    def __getstate__(self):
        return as_state(describe(self, training=True, keep=True))

    def __setstate__(self, state):
        restore(self, of_state(state, type(self).__name__), keep=True)

    def _store(self, arguments):
        """Keep the constructor's arguments, as they are, under their names."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def _validate_params(self):
        """Check the parameters as scikit-learn does; ask what was meant by a name that is refused."""
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            name = str(error).partition("'")[2].partition("'")[0]
            allowed = self._parameter_constraints.get(name, ())
            names = [word for one in allowed if isinstance(one, StrOptions) for word in one.options]
            hint = _checks.did_you_mean(getattr(self, name, None), sorted(names))
            if not hint:
                raise
            raise InvalidParameterError(f"{str(error).removesuffix('.')}: {hint}") from None

    def _as_validated(self, X, *arguments, **options):
        """Return what scikit-learn's validation makes of X, and of y where it is given."""
        for y in arguments:
            _checks.check_no_mask(y, "y")
        options = {"accept_sparse": "csr", "dtype": _checks.kept_dtypes(X)} | options
        return validate_data(self, _checks.check_sparse(X), *arguments, **options)

    def _unchanged_by_errors(self, *, goes_on=False):
        """Return a context that puts all attributes back where something is raised inside before a step.

        Where `partial_fit` goes on, scikit-learn looks at no parameter: what is wrong with one is told in
        place of what came of it.
        """
        return _Transaction(self, goes_on)


class _Transaction:
    def __init__(self, estimator, goes_on):
        self.estimator, self.kept, self.run = estimator, estimator.__dict__.copy(), None
        self.goes_on = goes_on
        given = self.kept.get("random_state")  # a RandomState belongs to the user, and fitting draws from it
        self.drawn = given.get_state() if isinstance(given, np.random.RandomState) else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        if kind is None or (self.run is not None and self.run.begun):
            return
        state = self.estimator.__dict__
        state.update(self.kept)  # other threads find every attribute at any moment
        for name in set(state) - set(self.kept):
            del state[name]
        if self.drawn is not None:
            self.kept["random_state"].set_state(self.drawn)
        if self.goes_on and issubclass(kind, Exception) and not issubclass(kind, InvalidParameterError):
            self.estimator._validate_params()

    def commit(self, run):
        """From where this run has begun, what has become of the estimator stays."""
        self.run = run

    def revoke(self):
        """What was committed came to nothing: the estimator is to be as before."""
        self.run = None


def _is_plain(X, n_features):
    """Whether X is an array that kernels read as it is."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in _DTYPES
        and X.shape[1] == n_features
        and len(X) > 0
    )


class FittedNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin, CarefulEstimator):
    """Base of estimators around a Network.

    `coefs_` and `intercepts_` are views of the network's parameters. Arrays that a user puts in their place
    are taken over when they are next needed.
    """

    def _attach(self, network):
        self._network = network
        self.coefs_, self.intercepts_ = network.coefs_, network.intercepts_
        self._views = (*self.coefs_, *self.intercepts_)

    def _sync(self):
        """Take over what was assigned to `coefs_` and `intercepts_`."""
        given, views = (*self.coefs_, *self.intercepts_), self._views
        if len(given) == len(views) and all(map(is_, given, views)):
            return
        if run_of(self) is not None and not is_ours(self):
            return  # another thread's fit is just replacing them
        network = self._network
        network.own_params()
        _checks.copy_weights([*network.coefs_, *network.intercepts_], given, "coefs_ and intercepts_")
        self._attach(network)

    def _outputs(self, X, layer=-1, logits=False):
        """Return the network's outputs for X; a plain array of the right shape takes a short way."""
        state = self.__dict__
        network = state.get("_network")
        if network is None:
            check_is_fitted(self, "_network")
        self._sync()
        if "feature_names_in_" not in state or is_ours(self):
            found = network.few_outputs(X, layer, logits)
            if found is None and _is_plain(X, network.plan.n_features):
                found = network.outputs(Rows(X), layer, logits, self.n_threads, check_rows=True)
            if found is not None:
                return found
        if not is_trusted(self, X):
            X = self._as_validated(X, reset=False)
            _checks.check_finite_in(X, "X", network.params.dtype)
        return network.outputs(Rows(X), layer, logits, self.n_threads)

    def activations(self, X, layer):
        """Return the outputs of one layer.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        layer : int
            0 is the first hidden layer, -1 the output.

        Returns
        -------
        ndarray of shape (n_samples, units of the layer)
        """
        check_is_fitted(self, "_network")
        n = len(self.coefs_)
        return self._outputs(X, _checks.check_int("layer", layer, -n, n - 1) % n)

    def transform(self, X):
        """Return the outputs of the last hidden layer, shape (n_samples, its units); without one, X."""
        check_is_fitted(self, "_network")
        if len(self.coefs_) == 1:
            return self._as_validated(X, dtype=_checks.FLOATS[::-1], reset=False)
        return self._outputs(X, len(self.coefs_) - 2)

    @property
    def interrupted_(self):
        return self._network.interrupted_

    @property
    def _n_features_out(self):
        return self.coefs_[-1].shape[0]

    def _snapshot_attributes(self):
        """Return what makes a copy of this estimator stand still while training goes on."""
        network = copy.copy(self._network)
        network.params, network.rng = network.params.copy(), None
        views = network.coefs_, network.intercepts_
        return {
            "_network": network,
            "coefs_": views[0],
            "intercepts_": views[1],
            "_views": (*views[0], *views[1]),
            "loss_curve_": list(getattr(self, "loss_curve_", [])),
        }

    def _described(self, what):
        check_is_fitted(self, "_network")
        return describe(self, keep=True)

    def _take_weights(self, arrays):
        with in_training(self):
            self._attach(self._network.set_weights(arrays))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self.dtype is None else []
        return tags
