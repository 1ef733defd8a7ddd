"""``python out_of_memory.py FOLDER [OPERATION ...]``, with allocation.c preloaded: what goes wrong.

Each operation is tried again and again, the first, second, third ... allocation failing (that one alone, or
all from it on), until none is left to fail. Counted are those that NumPy makes for the numbers of arrays, and
the kernels': where Python's own objects find no memory, NumPy crashes.
"""

import ctypes
import inspect
import json
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np

from fastmlp import (
    Dense,
    FitError,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
    fit_many,
    load,
    save,
)
from fastmlp.model_selection import cross_validate

X = np.random.RandomState(0).standard_normal((30, 4))
Y = (X[:, 0] > 0).astype(int)
LOOSE = ("early stopping", "fit with validation")  # cut off between an epoch and what is measured of it
PASSING = (
    "seconds",
    "interrupted_",
    "max_iter",
    "_native",
    "_unread",
    "_lock",
)  # no part of what was learned
EPOCHS = 3


def network(units=5):
    return Network([Dense(units, "tanh"), Dense(1)], random_state=0)


def of(kind, **options):
    return lambda: kind(max_iter=EPOCHS, random_state=0, **options)


def fitted(make, **options):
    return lambda: make().fit(X, Y, **options)


def fit(model, epochs=EPOCHS, **options):
    if isinstance(model, Network):
        return model.fit(X, Y, epochs=epochs, batch_size=8, **options)
    return model.set_params(max_iter=epochs).fit(X, Y)


def many(models, epochs=EPOCHS, **options):
    return fit_many(models, X, Y, epochs=epochs, **options)


def watched(model, epochs=EPOCHS):
    return fit(model, epochs, optimizer="adam", validation_data=(X, Y))


def written(model, suffix):
    """Save a model; return what is in the file."""
    path = Path(sys.argv[1]) / f"model{suffix}"
    save(model, path)
    return None if suffix == ".npz" else load(path, trusted=True)


def file(suffix):
    """Return a function that returns the path of a file with a model."""

    def path():
        written(mlp().fit(X, Y), suffix)
        return str(Path(sys.argv[1]) / f"model{suffix}")

    return path


def other_optimizer(model, epochs=EPOCHS):
    return fit(model, epochs, optimizer="sgd")


def folds(model):
    return cross_validate(model, X, Y, cv=2, repeats=1, random_state=0).scores["test"]["accuracy"]


mlp = of(MLPClassifier, hidden_layer_sizes=(5,))
OPERATIONS = {  # how a model is made, and what is done to it
    "fit": (lambda: network().build(4), fit),
    "fit of a new network": (network, fit),
    "fit of another optimizer": (fitted(network, optimizer="adam"), other_optimizer),
    "fit with validation": (lambda: network().build(4), watched),
    "fit of a wide network": (lambda: network(200).build(4), fit),
    "predict": (fitted(network), lambda m: m.predict(np.repeat(X, 50, axis=0))),  # a row needs none
    "gradients": (fitted(network), lambda m: m.gradients(X, Y)),
    "classifier": (mlp, fit),
    "fit again": (fitted(mlp), fit),
    "partial_fit": (fitted(mlp), lambda m: m.partial_fit(X, Y)),
    "early stopping": (of(MLPClassifier, early_stopping=True, validation_fraction=0.3), fit),
    "regressor": (of(MLPRegressor, hidden_layer_sizes=(5,)), fit),
    "predict_proba": (fitted(mlp), lambda m: m.predict_proba(X)),
    "perceptron": (of(Perceptron, tol=None), lambda m: m.fit(X, Y)),
    "perceptron again": (fitted(of(Perceptron, warm_start=True)), lambda m: m.partial_fit(X, Y)),
    "tanh": (of(TanhPerceptron), lambda m: m.fit(X, Y)),
    "decision": (fitted(of(Perceptron)), lambda m: m.decision_function(X)),
    "side by side": (lambda: [network(), network(), network().fit(X, Y)], lambda m: many(m, batch_size=1)),
    "in threads": (lambda: [network(), network()], lambda m: many(m, batch_size=4, n_threads=2)),
    "save": (fitted(mlp), lambda m: written(m, ".safetensors")),
    "save, dill": (fitted(mlp), lambda m: written(m, ".dill")),
    "load": (file(".safetensors"), load),
    "load, dill": (file(".dill"), lambda path: load(path, trusted=True)),
    "load, npz": (fitted(mlp), lambda m: m.load_weights(file(".npz")()) and None),
    "cross_validate": (mlp, folds),
}  # fmt: skip


def parts(value, at="", found=None):
    """Return all numbers and words that an object holds, by where they are."""
    found = {} if found is None else found
    if isinstance(value, Network):
        value.history_  # noqa: B018  # is read late
    if isinstance(value, np.ndarray):
        found[at] = value.shape, value.tobytes()
    elif isinstance(value, np.random.RandomState):
        found[at] = pickle.dumps(value.get_state())
    elif isinstance(value, (list, tuple)):
        if len(value):  # an epoch that was not made leaves an empty curve
            found[at] = len(value)
        for i, part in enumerate(value):
            parts(part, f"{at}.{i}", found)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in PASSING:
                parts(part, f"{at}.{name}", found)
    elif type(value).__module__.startswith("fastmlp"):
        parts(vars(value), at, found) if hasattr(value, "__dict__") else None
    elif isinstance(value, (int, float, str, bytes)):
        found[at] = value
    return found


class Memory:
    """What allocation.c does."""

    def __init__(self):
        self.library = ctypes.CDLL(None)
        self.library.count_caller.argtypes = [ctypes.c_void_p] * 2
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, rights, *_, path = line.split(maxsplit=5)
            if "x" in rights and any(name in path for name in ("_multiarray_umath", "fastmlp/kernels")):
                self.library.count_caller(*(int(end, 16) for end in span.split("-")))

    def failing(self, n, for_good, function):
        """Call a function; return what it returns, what it raises, and whether an allocation failed."""
        self.library.fail_allocation(n, for_good)
        try:
            found, error = function(), None
        except BaseException as raised:
            found, error = None, raised
        return found, error, bool(self.library.end_of_failures())


def is_allowed(error):
    """Whether it says that there is no memory; some of NumPy's functions fail without a word."""
    if isinstance(error, FitError):
        return all(is_allowed(one) for one in error.exceptions)
    numpys = isinstance(error, SystemError) and "without exception set" in str(error)
    return isinstance(error, MemoryError) or numpys


def snapshot(models):
    return [parts(model) for model in (models if isinstance(models, list) else [models])]


def stages(make, function):
    """Return what each model may be: as before, or trained for one epoch, two ... as asked."""
    found, trains = [snapshot(make())], "epochs" in inspect.signature(function).parameters
    for epochs in range(1, EPOCHS + 1) if trains else [None]:
        models = make()
        function(models, epochs) if trains else function(models)
        found.append(snapshot(models))
    return list(zip(*found, strict=True))


def wrong(memory, name):
    """Yield what does not hold of an operation, and at last how many allocations it makes."""
    make, function = OPERATIONS[name]
    allowed, expected = stages(make, function), parts(function(make()))
    for for_good in (False, True):
        n, failed = 0, True
        while failed:
            n += 1
            models = make()
            found, error, failed = memory.failing(n, for_good, lambda m=models: function(m))
            where = f"{n}{' and later' * for_good}"
            if error is None and parts(found) != expected:
                yield f"{where}: another result"
            if error is not None and not is_allowed(error):
                yield f"{where}: {error!r}"
            if (
                for_good or name in LOOSE
            ):  # where there is none for what was learned to be written down, the model still works
                function(models)
                continue
            for now, stages_ in zip(snapshot(models), allowed, strict=True):
                if now not in stages_:
                    yield f"{where}: neither as before nor trained for less: {differences(now, stages_)}"
    yield n


def differences(now, stages_):
    """Return where a model is not as the stage that it is most alike."""
    each = ([at for at in now.keys() | one.keys() if now.get(at) != one.get(at)] for one in stages_)
    return sorted(min(each, key=len))[:6]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    network().fit(X, Y)  # loads the kernels
    memory, told = Memory(), {}
    for name in sys.argv[2:] or OPERATIONS:
        print(name, file=sys.stderr, flush=True)
        told[name] = list(wrong(memory, name))
    print(json.dumps(told))
