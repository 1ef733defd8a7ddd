"""The optimizer that an estimator's parameters stand for."""

import inspect
from dataclasses import fields
from functools import cache

from sklearn.utils._param_validation import HasMethods

from .. import _checks, optimizers

# parameters of estimators that an optimizer object has of its own, or that stand for its learning rate
OPTIONS = ("momentum", "beta_1", "beta_2", "epsilon", "weight_decay", "clip_norm")
OF_OBJECTS = ("learning_rate", "learning_rate_init", "power_t", "nesterovs_momentum", *OPTIONS)
OF_LBFGS = ("tol", "max_fun")


class OptimizerConstraint(HasMethods):
    """scikit-learn's check of a parameter: an optimizer, or the class of one."""

    def __init__(self):
        super().__init__("options")

    def is_satisfied_by(self, value):
        kinds = optimizers.Optimizer, optimizers.LBFGS
        return issubclass(value, kinds) if isinstance(value, type) else isinstance(value, kinds)

    def __str__(self):
        return "an optimizer of fastmlp.optimizers"


def is_lbfgs(solver):
    """Return whether a solver takes all data at once."""
    return solver == "lbfgs" or isinstance(solver, optimizers.LBFGS) or solver is optimizers.LBFGS


def choose_optimizer(estimator):
    """Return the optimizer that `solver` and the parameters beside it stand for.

    An object has parameters of its own, and those beside it must be left as they are. A name takes those
    beside it that were changed, where it knows them.
    """
    solver = estimator.solver
    if not isinstance(solver, str):
        with _checks.part_of("solver"):
            own = optimizers.get(solver)
        names = (*OF_OBJECTS, *OF_LBFGS) if is_lbfgs(own) else OF_OBJECTS
        if changed := _changed(estimator, names):
            kind, beside = type(own).__name__, ", ".join(f"{k}={v!r}" for k, v in changed.items())
            _checks.refuse(
                f"solver={kind}(...) says its own learning rate and options, so that {beside} beside it "
                f"would be ignored: leave {', '.join(changed)} at the default, and give {kind} what you want"
            )
        return own
    if is_lbfgs(solver):
        return optimizers.LBFGS(tol=estimator.tol, max_fun=estimator.max_fun)
    rate = _checks.check_made("learning_rate", estimator.learning_rate)
    rate = rate if callable(rate) else estimator.learning_rate_init
    kind = _checks.check_choice("solver", solver, optimizers.OPTIMIZERS)
    if solver == "sgd" and estimator.momentum > 0:  # scikit-learn's has momentum
        kind = optimizers.Nesterov if estimator.nesterovs_momentum else optimizers.Momentum
    known = {field.name for field in fields(kind)}
    options = _changed(estimator, [name for name in OPTIONS if name in known])
    if solver == "adam":
        options["epsilon_corrected"] = False  # as scikit-learn's
    return kind(rate, **options)


def _changed(estimator, names):
    """Return those parameters that are not as they are by default."""
    defaults = _defaults(type(estimator))
    given = {name: getattr(estimator, name) for name in names if name in defaults}
    return {
        name: value
        for name, value in given.items()
        if value is not defaults[name] and value != defaults[name]
    }


@cache
def _defaults(kind):
    return {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}
