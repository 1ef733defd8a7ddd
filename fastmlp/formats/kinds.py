"""Which classes are described, and by what: they say it themselves, so that nothing here knows them."""

from importlib import import_module

from .. import _checks

MODULES = {
    "Network": "fastmlp.network.network",
    "MLPClassifier": "fastmlp.estimators.mlp",
    "MLPRegressor": "fastmlp.estimators.mlp",
    "Perceptron": "fastmlp.estimators.perceptron",
    "LinearPerceptron": "fastmlp.estimators.delta_rule",
    "TanhPerceptron": "fastmlp.estimators.delta_rule",
}
_KNOWN: dict[type, tuple] = {}  # (describe, restore) of each class


def register(cls, describe, restore):
    """Say how models of a class are described, and how one is made what a description says."""
    _KNOWN[cls] = describe, restore


def name_of(model):
    """Return the name of a model's class; that of one made from ours, whose name may be anything, is ours."""
    return next(cls.__name__ for cls in type(model).__mro__ if cls in _KNOWN)


def describe(model, training=False):
    """Return the Description of a model.

    Parameters
    ----------
    model : Network or estimator
        Of one of our classes, not of one made from them.
    training : bool, default=False
        Whether to say what training goes on from.

    Raises
    ------
    TypeError
        It is of another class, or has what no data can describe, such as a user's own loss.
    """
    if type(model) not in _KNOWN:
        _checks.refuse_for_file("the model", model)
    return _KNOWN[type(model)][0](model, training)


def model_of(description):
    """Return the model that a description describes."""
    name = _checks.check_choice("kind", description.kind, {name: name for name in MODULES})
    cls = getattr(import_module(MODULES[name]), name)
    model = object.__new__(cls)
    _KNOWN[cls][1](model, description)
    return model
