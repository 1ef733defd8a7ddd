"""Whole numbers as users give them: what is taken works, what is not is refused by the parameter's name."""

import copy
import dataclasses
import inspect
from numbers import Integral

import numpy as np
import pytest
from sklearn.utils._param_validation import Interval

from fastmlp import (
    SGD,
    Dense,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
    callbacks,
    fit_many,
    noise,
    schedules,
)
from fastmlp.model_selection import cross_validate

X = np.random.RandomState(0).standard_normal((20, 3))
Y = (X[:, 0] > 0).astype(int)
NEVER = [-(10**30), -(2**63) - 1, "3", 2.5, np.nan, [1], object()]
PERHAPS = [10**30, 2**63, 10**400, True, 1.0, np.int8(3), np.uint8(200), None, np.array(3)]
pytestmark = pytest.mark.filterwarnings("ignore")


def told(name, call, value):
    """Return whether `value` was taken; where it was not, it was refused by name."""
    try:
        call(value)
    except (ValueError, TypeError) as error:
        assert name in str(error), f"{value!r}: {error}"
        return False
    except ExceptionGroup as errors:
        assert name in str(errors.exceptions[0]), f"{value!r}: {errors.exceptions[0]}"
        return False
    return True


ESTIMATORS = (Perceptron, LinearPerceptron, TanhPerceptron, MLPClassifier, MLPRegressor)
WHOLE = [
    (kind, name)
    for kind in ESTIMATORS
    for name, allowed in kind._parameter_constraints.items()
    if any(isinstance(one, Interval) and one.type is Integral for one in allowed)
]


@pytest.mark.parametrize(("kind", "name"), WHOLE, ids=lambda one: getattr(one, "__name__", one))
def test_of_estimators(kind, name):
    for value in NEVER + PERHAPS:
        if name == "max_iter" and isinstance(value, int) and value > 1:  # is taken, and goes on for long
            continue
        if name == "hidden_layer_sizes" and (
            isinstance(value, list) or (type(value) is int and value > 2**60)
        ):
            continue  # a list is right; what does not fit into memory is told by the layer's name

        def fit(value):
            kind(**{"max_iter": 2} | {name: value}).fit(X, Y)

        taken = told(name, fit, value)
        assert not (taken and any(value is never for never in NEVER)), value


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_set_between_two_calls_of_partial_fit(kind):
    """scikit-learn looks at no parameter there; what is not understood is refused by name all the same."""
    fitted = kind(max_iter=2).fit(X, Y)
    for name in kind().get_params():
        if name == "verbose":
            continue
        for value in NEVER + PERHAPS:
            if value is True or (isinstance(value, int) and value > 2**60):  # count where reals are asked for
                continue

            def fit(value, name=name):
                copy.deepcopy(fitted).set_params(**{name: value}).partial_fit(X, Y)

            told(name, fit, value)


def net():
    return Network([Dense(4, "tanh"), Dense(1)], random_state=0)


CALLS = {
    "units": lambda v: Dense(v),
    "input_dim": lambda v: Dense(2, input_dim=v),
    "n_features": lambda v: net().build(v),
    "batch_size": lambda v: net().fit(X, Y, epochs=1, batch_size=v),
    "n_threads": lambda v: net().fit(X, Y, epochs=1, n_threads=v),
    "measure_every": lambda v: net().fit(X, Y, epochs=1, metrics=["mse"], measure_every=v),
    "epochs": lambda v: net().fit(X, Y, epochs=v),
    "shuffle": lambda v: net().fit(X, Y, epochs=1, shuffle=v),
    "random_state": lambda v: Network([Dense(2)], random_state=v),
    "n_threads of predict": lambda v: net().build(3).predict(X, n_threads=v),
    "n_threads of fit_many": lambda v: fit_many([net()], X, Y, n_threads=v, epochs=1),
    "epochs of fit_many": lambda v: fit_many([net()], X, Y, epochs=v),
    "batch_size of fit_many": lambda v: fit_many([net()], X, Y, epochs=1, batch_size=v),
    "cv": lambda v: cross_validate(MLPRegressor(hidden_layer_sizes=2, max_iter=2), X, Y, cv=v),
    "n_copies": lambda v: noise.noisy_copies(X, v, 0.1),
}


@pytest.mark.parametrize("name", CALLS)
def test_of_calls(name):
    for value in NEVER + PERHAPS:
        if name == "n_copies" and isinstance(value, int) and value > 1:
            continue  # is taken, and too large for memory
        taken = told(name.split()[0], CALLS[name], value)
        assert not (taken and any(value is never for never in NEVER)), value


FIELDS = [
    (kind, field.name)
    for kind in vars(schedules).values()
    if inspect.isclass(kind) and dataclasses.is_dataclass(kind)
    for field in dataclasses.fields(kind)
    if field.name in ("n_epochs", "every", "patience")
]


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda one: getattr(one, "__name__", one))
def test_of_schedules(kind, name):
    needed = {
        field.name: 2 if field.name == "every" else 0.1
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING
    }
    for value in NEVER + PERHAPS:

        def fit(value):
            net().fit(X, Y, epochs=2, optimizer=SGD(kind(**needed | {name: value})))

        taken = told(name, fit, value)
        assert not (taken and any(value is never for never in NEVER)), value


COUNTED = [
    (kind, name)
    for kind in vars(callbacks).values()
    if inspect.isclass(kind)
    for name, about in inspect.signature(kind).parameters.items()
    if name in ("every", "patience", "keep", "start_from_epoch")
]


@pytest.mark.parametrize(("kind", "name"), COUNTED, ids=lambda one: getattr(one, "__name__", one))
def test_of_callbacks(kind, name, tmp_path):
    path = [tmp_path / "it.safetensors"] if "path" in inspect.signature(kind).parameters else []
    for value in NEVER + PERHAPS:

        def fit(value):
            net().fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[kind(*path, **{name: value})])

        taken = told(name, fit, value)
        assert not (taken and any(value is never for never in NEVER)), value
