"""An estimator that goes on with a fit where a checkpoint says that it stood."""

from copy import deepcopy
from numbers import Integral

from .. import _checks
from ..network import checkpoint
from .solver import is_lbfgs

# parameters that change no bit, or matter at the start only
FREE = ("n_threads", "verbose", "warm_start", "coefs_init", "intercepts_init")


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
    fitted = {name: value for name, value in vars(deepcopy(other)).items() if _is_fitted(name)}
    vars(est).update(fitted)
    for name in [name for name in vars(est) if _is_fitted(name) and name not in fitted]:
        del vars(est)[name]
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
