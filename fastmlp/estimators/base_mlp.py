"""What MLPClassifier and MLPRegressor share: scikit-learn's parameters and rules around a Network."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight

from .. import _checks, activations, initializers, optimizers
from ..kernels import interrupts
from ..network.in_training import in_training
from ..optimizer_state import OptimizerState
from . import resuming
from .architecture import describe, hidden_sizes
from .fitted import FittedNetwork
from .full_batch import FullBatch
from .scoring import Answers, EstimatorReading, resolve
from .sklearn_callbacks import CallbackSupportMixin, with_callbacks
from .solver import OptimizerConstraint, choose_optimizer, is_lbfgs
from .stochastic import StochasticFit
from .validation import given

FORMULA = HasMethods(["value", "derivative"])
FINITE = Interval(Real, None, None, closed="neither")


def _from(kind, low, closed="left"):
    return Interval(kind, low, None, closed=closed)


class BaseMLP(CallbackSupportMixin, FittedNetwork):
    """Base of the estimators; see MLPClassifier for the parameters."""

    _is_classifier = False
    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like", _from(Integral, 0)],
        "activation": [StrOptions(set(activations.ACTIVATIONS)), FORMULA, list, tuple],
        "solver": [StrOptions(set(optimizers.OPTIMIZERS)), OptimizerConstraint()],
        "alpha": [_from(Real, 0)],
        "batch_size": [StrOptions({"auto"}), _from(Integral, 1)],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), callable],
        "learning_rate_init": [_from(Real, 0, "neither")],
        "power_t": [_from(Real, 0)],
        "max_iter": [_from(Integral, 1)],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [_from(Real, 0)],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [_from(Real, 0, "neither")],
        "n_iter_no_change": [_from(Integral, 1), Options(Real, {np.inf})],
        "max_fun": [_from(Integral, 1)],
        "out_activation": [StrOptions(set(activations.ACTIVATIONS)), FORMULA, None],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "initializer": [StrOptions(set(initializers.INITIALIZERS)), callable, FINITE, None],
        "coefs_init": [list, tuple, None],
        "intercepts_init": [list, tuple, None],
        "weight_decay": [_from(Real, 0)],
        "clip_norm": [_from(Real, 0, "neither"), None],
        "metrics": [str, list, tuple, dict, callable],
        "monitor": [str, None],
        "n_threads": [_from(Integral, 1), None],
        "dtype": [StrOptions({"float32", "float64"}), None],
    }

    @_checks.told
    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        validation_data=None,
        callbacks=None,
        resume_from=None,
    ):
        """Fit the model to data matrix X and target(s) y.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            float32, float64 and uint8 arrays are read in place.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or real numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            A weight counts against the others of its batch, as in scikit-learn.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data, measured at each epoch's end as val_loss and val_score; with `early_stopping`
            they take the place of the part held out. Only for stochastic solvers. In a Pipeline,
            ``transform_input=["X_val"]`` transforms them as X.
        validation_data : tuple (X, y) or (X, y, sample_weight), or dict of such tuples, default=None
            The same in one argument. A dict holds several sets by name, measured as ``name_loss`` and so on;
            with `early_stopping`, `monitor` then says which of them decides.
        callbacks : sequence, default=None
            See `fastmlp.callbacks`.
        resume_from : str, path-like or estimator, default=None
            Go on with a fit that was ended, from a file that `callbacks.ModelCheckpoint` wrote or what was
            loaded of it, as in `Network.fit`: the model becomes that of the checkpoint, and ends as if it had
            never been interrupted. Not for L-BFGS.

        Returns
        -------
        self : object
        """
        sets = _checks.check_validation_sets(validation_data, X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, sets=sets, callbacks=callbacks or (), resume_from=resume_from)

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit_rows(self, X, y, rows, sample_weight=None, callbacks=()):
        """Fit to X[rows] and y[rows] as `fit` does, without copying X; see `_fits_rows`."""
        return self._fit(X, y, sample_weight, callbacks=callbacks, rows=rows)

    @property
    def _fits_rows(self):
        """Whether `_fit_rows` does what `fit` would: by the parameters, and not where a class has its own."""
        asked = self.early_stopping or self.metrics or self.monitor or hasattr(self, "_skl_callbacks")
        return not asked and not self._is_lbfgs and type(self).fit is BaseMLP.fit

    @property
    def _is_lbfgs(self):
        return is_lbfgs(self.solver)

    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        sets=None,
        callbacks=(),
        classes=None,
        incremental=False,
        rows=None,
        resume_from=None,
    ):
        with in_training(self), self._unchanged_by_errors(goes_on=incremental) as transaction:
            run = None if resume_from is None else resuming.adopt(self, resume_from)
            train = self._prepare(X, y, sample_weight, sets or {}, callbacks, classes, incremental, rows, run)
            self.n_iter_ = 0 if run is None else run["epoch"]
            try:
                with interrupts.held():
                    train(transaction)
            finally:
                self._network.rng = None  # every fit starts from `random_state`
        return self

    def _prepare(self, X, y, sample_weight, sets, callbacks, classes, incremental, rows, run):
        """Check everything, build the network, and return the function that trains it."""
        callbacks = _checks.check_callbacks(callbacks)
        sizes = hidden_sizes(self.hidden_layer_sizes)
        goes_on = self.warm_start or incremental or run is not None
        first = not hasattr(self, "coefs_") or not goes_on
        about = (X, y, sample_weight)
        X, y = self._validate(X, y, first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if rows is not None:
            y, sample_weight = y[rows], None if sample_weight is None else sample_weight[rows]
        if sample_weight is not None:
            _checks.check_weight_signs(sample_weight)
        self._learn_targets(y, classes, incremental, first)
        output = self._settle(y)
        weights = self._weigh_classes(y, sample_weight)
        self._build(X, [*sizes, self.n_outputs_], output, first)
        target, metrics = self._as_target(self._encode(y)), self._find_metrics(y)
        if rows is not None:  # the kernels index targets and weights by row numbers of X
            target, weights = _spread(target, rows, X.shape[0]), _spread(weights, rows, X.shape[0])
        data = X, target, y, weights, sample_weight
        optimizer = choose_optimizer(self)
        if self._is_lbfgs:
            _checks.check_lbfgs(self, sets)
            return FullBatch(self, optimizer, data, about, callbacks=callbacks, metrics=metrics).run
        state, sets = self._remember(optimizer, incremental or run is not None), given(self, sets, metrics)
        how = dict(incremental=incremental, sets=sets, callbacks=callbacks, rows=rows, metrics=metrics)
        return StochasticFit(self, optimizer, state, data, about, resumed=run, **how).run

    def _build(self, X, sizes, output, first):
        """Build the network: with new weights at first, with those of `coefs_` later."""
        _checks.check_measurable(output, self._loss, self.n_outputs_, f"loss={self.loss!r}", "out_activation")
        network = describe(self, sizes, output)
        if first:
            network.build(X.shape[1], np.float32 if X.dtype in (np.float32, np.uint8) else np.float64)
            _checks.copy_weights(network.coefs_, self.coefs_init, "coefs_init")
            _checks.copy_weights(network.intercepts_, self.intercepts_init, "intercepts_init")
        else:
            learned = [np.shape(w)[-1] for w in self.coefs_[:-1]]
            if sizes[:-1] != learned:
                _checks.refuse(
                    f"hidden_layer_sizes is {tuple(sizes[:-1])}, but the weights that warm_start and "
                    f"partial_fit go on with are those of {tuple(learned)}: set it back, or fit with "
                    "warm_start=False to begin anew"
                )
            network.lay_out(X.shape[1], np.asarray(self.coefs_[0]).dtype)
            _checks.copy_weights(network.coefs_, self.coefs_, "coefs_")
            _checks.copy_weights(network.intercepts_, self.intercepts_, "intercepts_")
            before = getattr(self, "_network", network)  # there is none if a user has set `coefs_` himself
            network.n_epochs_ = before.n_epochs_  # schedules count over the life of the weights
        _checks.check_finite_in(X, "X", network.params.dtype)
        self._attach(network)
        self.n_layers_, self.out_activation_ = len(sizes) + 1, output.name
        fresh = {"t_": 0, "history_": {}, "best_iter_": None}
        if not self._is_lbfgs:
            fresh |= {"loss_curve_": [], "_no_improvement_count": 0}
            early = self.early_stopping
            fresh |= {"validation_scores_": [] if early else None, "best_loss_": None if early else np.inf}
            fresh |= {"best_validation_score_": -np.inf if early else None}
        for name, value in fresh.items():
            if first or getattr(self, name, None) is None:
                setattr(self, name, value)

    def _as_target(self, target):
        """Return targets in the dtype of the weights; labels stay labels."""
        if target.dtype == np.int64 and target.ndim == 1:
            return target
        target = np.ascontiguousarray(target, self._network.params.dtype)
        return target.reshape(len(target), -1)

    def _remember(self, optimizer, incremental):
        """Return what the optimizer keeps between steps: from the last `partial_fit`, or new."""
        about = optimizer, self._network.plan.n_params, self._network.params.dtype
        optimizer_state = getattr(self, "_optimizer", None)
        if not incremental or optimizer_state is None or not optimizer_state.fits(*about):
            optimizer_state = OptimizerState(*about)
        self._optimizer = optimizer_state
        return optimizer_state

    def _find_metrics(self, y):
        """Return {name: Metric} for `metrics`."""
        found = resolve(self.metrics, self, y)
        _checks.check_metric_names(found)
        return found

    def _read(self, X, y):
        """Return this estimator's answers for X as metrics take them; they are computed once."""
        classes = self.classes_ if self._is_classifier and y.ndim == 1 else None
        return EstimatorReading(Answers(self, X), slice(None), y, classes)

    def _weigh_classes(self, y, sample_weight):
        return sample_weight

    def _mean_weight(self, weights, sample_weight, incremental):
        """Return what a sample counts on average; 0 stands for the mean of each batch."""
        return 0.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.warm_start:  # training goes on in the dtype of its weights
            tags.transformer_tags.preserves_dtype = []
        return tags


def _spread(values, rows, n):
    """Return `n` values, those given at their `rows`; None stays None."""
    if values is None:
        return None
    whole = np.zeros((n, *values.shape[1:]), values.dtype)
    whole[rows] = values
    return whole
