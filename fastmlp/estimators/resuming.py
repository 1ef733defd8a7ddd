"""Where an estimator's training stands, as plain data, and how it goes on from there."""

from copy import deepcopy
from dataclasses import replace
from numbers import Integral, Real

import numpy as np

from .. import _checks
from ..network import checkpoint
from ..optimizer_state import OptimizerState
from .solver import choose_optimizer, is_lbfgs

# attributes that training goes on from, beside the network's
KEPT = (
    "t_",
    "n_iter_",
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "best_iter_",
    "_no_improvement_count",
    "_best",
)
# parameters that change no bit, or matter at the start only
FREE = ("n_threads", "verbose", "warm_start", "coefs_init", "intercepts_init")


def training_state(estimator):
    """Return what a fitted estimator's training goes on from."""
    est, network = estimator, estimator._network
    return {
        "attributes": {name: _plain(getattr(est, name)) for name in KEPT if hasattr(est, name)},
        "history": {name: np.array(curve, np.float64) for name, curve in est.history_.items()},
        "optimizer_state": _optimizer_state(est),
        "n_epochs": network.n_epochs_,
        "run": checkpoint.unfinished_run(est),
    }


def _plain(value):
    """Return an attribute as plain data."""
    if isinstance(value, list):
        return np.array(value, np.float64)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _optimizer_state(est):
    """Return what the optimizer keeps, where one of these parameters can go on with it."""
    kept, network = getattr(est, "_optimizer", None), est._network
    if kept is None or is_lbfgs(est.solver):
        return None
    if not kept.fits(choose_optimizer(est), network.plan.n_params, network.params.dtype):
        return None
    rate = kept.optimizer.learning_rate  # the first one's: it may have been changed since
    return kept.as_data() | {"initial_rate": None if callable(rate) else float(rate)}


def set_training_state(estimator, state):
    """Let a fitted estimator go on from what `training_state` has returned."""
    est, network, kept = estimator, estimator._network, state["optimizer_state"]
    for name in KEPT:
        if name in state["attributes"]:
            value = state["attributes"][name]
            value = value.tolist() if isinstance(value, np.ndarray) else value
            setattr(est, name, tuple(value) if name == "_best" else value)
    est.history_ = {name: curve.tolist() for name, curve in state["history"].items()}
    if kept is not None:
        optimizer = choose_optimizer(est)
        if kept["initial_rate"] is not None:
            optimizer = replace(optimizer, learning_rate=kept["initial_rate"])
        est._optimizer = OptimizerState.of_data(optimizer, network.plan.n_params, network.params.dtype, kept)
    network.n_epochs_, network.unfinished = int(state["n_epochs"]), state["run"]


def adopt(estimator, source):
    """Put an estimator where a checkpoint says that training stood; return the run that is to go on.

    Parameters
    ----------
    estimator
    source : str, path-like or estimator
        A file, or what was loaded of one.
    """
    est, other = estimator, _checks.check_resumable(source, type(estimator), checkpoint.load)
    _checks.check_same("the estimator", _parameters(other), _parameters(est))
    run = getattr(getattr(other, "_network", None), "unfinished", None)
    _checks.check_unfinished(other, run, is_lbfgs(other.solver))
    own = est.get_params(deep=False)
    fitted = {name: value for name, value in other.__getstate__().items() if name not in own}
    fitted = deepcopy({name: value for name, value in fitted.items() if _is_fitted(name)})
    vars(est).update(fitted)
    for name in [name for name in vars(est) if _is_fitted(name) and name not in (*own, *fitted)]:
        del vars(est)[name]
    est._attach(est._network)
    return run


def _is_fitted(name):
    """Whether an attribute of an estimator comes from a fit."""
    return name.endswith("_") or (
        name.startswith("_") and not name.startswith(("_skl", "_parent", "_metadata"))
    )


def _parameters(est):
    """Return the parameters that must be the same, as they can be compared and shown."""
    given = est.get_params(deep=False)
    seed = given.pop("random_state")
    found = {name: _checks.described(value) for name, value in given.items() if name not in FREE}
    return found | {"random_state": int(seed) if isinstance(seed, Integral) else None}
