"""Many models at once: trained by threads that share the data, small networks in the lanes of vectors too."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .. import _checks
from ..exceptions import FitError
from ..kernels.threads import usable_cores
from ..network.network import Network
from .schedule import run
from .task import FIT_OPTIONS, Data, Task


def fit_many(
    models, x, y, *, parameters=None, subsets=None, n_threads=None, errors="raise", group_by=None, **options
):
    """Train many models on the same data, side by side.

    Each model becomes, bit for bit, what ``model.fit(x, y, **options)`` makes of it, one after another,
    whatever the number of threads. All read the same `x` and `y`, which are never pickled. Networks
    that learn from one sample at a time and differ only in weights, learning rate, epochs or samples share
    the lanes of vectors, one network to a lane.

    Parameters
    ----------
    models : sequence of Network or estimators, or callable
        A callable builds a Network from each entry of `parameters`.
    x : array-like or CSR matrix of shape (n, n_features)
    y : array-like of shape (n,) or (n, n_outputs)
    parameters : dict of sequences, or iterable of dict, default=None
        What differs from fit to fit. A dict stands for all combinations, the alphabetically last of its
        names changing fastest, as in scikit-learn's ParameterGrid; an iterable holds one dict for each fit.
        Options of `Network.fit` go there, all else to the callable. Beside a sequence of models: an iterable
        with one dict of options for each.
    subsets : iterable of array-like, default=None
        For each fit the rows to train on, as indices or a mask of shape (n,): the model becomes what
        ``model.fit(x[rows], y[rows])`` makes of it. Networks read the rows where they lie, unless they have
        callbacks, metrics or validation data, print, or learn by L-BFGS. All of `x` must be finite, rows in
        no subset as well, where there are networks.
    n_threads : int, default=None
        None: the cores that may be used.
    errors : {"raise", "return"}, default="raise"
        Where fits fail, all others are done first. Then a FitError is raised that groups the errors and has
        what would have been returned as `models`; or that is returned. In it an error takes its model's
        place.
    group_by : str, default=None
        The name of a parameter that only tells repetitions apart, such as "random_state": fits that are alike
        in all others come back together, as a `Setting`. Needs a callable.
    **options
        Of `fit`, the same for all; `sample_weight` has shape (n,), also where there are subsets.

    Returns
    -------
    models : list
        The fitted models; with a callable, pairs of a dict of parameters and a network; with `group_by` a
        `Setting` for each combination of the other parameters.

    Raises
    ------
    FitError
        An ExceptionGroup: the error of each fit that failed, with a note that says which one.
    KeyboardInterrupt
        By Ctrl-C, once all fits have stopped; models keep the weights after their last step.

    Notes
    -----
    Models that share a RandomState or a callback are trained one after another, in their order. Estimators
    without a random_state draw from NumPy's global stream, in no fixed order.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import Dense, Network, fit_many
    >>> x = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> def build(units, random_state):
    ...     return Network([Dense(units, "tanh"), Dense(1)], random_state=random_state)
    >>> grid = {"units": [3, 10], "random_state": range(5), "optimizer": ["sgd", "adam"]}
    >>> found = fit_many(build, x, x**2, parameters=grid, epochs=50, batch_size=1)
    >>> len(found)
    20
    >>> parameters, network = min(found, key=lambda pair: pair[1].loss_curve_[-1])
    >>> sorted(parameters)
    ['optimizer', 'random_state', 'units']
    """
    n_threads = _checks.check_optional_int("n_threads", n_threads) or usable_cores()
    _checks.check_choice("errors", errors, dict.fromkeys(("raise", "return")))
    data = Data(x, y)
    tasks = make_tasks(models, parameters, subsets, options, data)
    if any(isinstance(task.model, Network) for task in tasks):
        data.convert()
    run(tasks, data, n_threads)
    for task in tasks:
        task.warn()
    found = [task.model if task.error is None else task.error for task in tasks]
    if callable(models):
        found = [(task.parameters, one) for task, one in zip(tasks, found, strict=True)]
    if group_by is not None:
        found = settings(found, _checks.check_grouped(group_by, callable(models), tasks))
    failed = [task.error for task in tasks if task.error is not None]
    try:
        if failed and errors == "raise":
            raise FitError(f"{len(failed)} of {len(tasks)} fits failed; the others are done", failed, found)
        return found
    finally:  # an error keeps the frames that it has come through: see `interrupts.raise_first`
        for task in tasks:
            task.error = None
        del failed, found


class Setting(NamedTuple):
    """The repetitions of one setting.

    Attributes
    ----------
    parameters : dict
        What the repetitions share.
    models : list
        The networks (or, with ``errors="return"``, errors) in the order of their fits.
    """

    parameters: dict
    models: list

    def mean(self, name="loss", epoch=-1):
        """Return the mean over the repetitions of what the history holds under `name` after an epoch.

        NaN where no repetition was fitted, or got so far.
        """
        return float(np.mean(self._values(name, epoch) or np.nan))

    def std(self, name="loss", epoch=-1):
        """Return the standard deviation over the repetitions of the same."""
        return float(np.std(self._values(name, epoch) or np.nan))

    def _values(self, name, epoch):
        models = [model for model in self.models if not isinstance(model, BaseException)]
        known = {key: key for model in models for key in model.history_}
        if known:  # else nothing was learned
            _checks.check_choice("name", name, known)
        curves = [model.history_.get(name, []) for model in models]
        return [curve[epoch] for curve in curves if -len(curve) <= epoch < len(curve)]


def settings(pairs, name):
    """Return a Setting for each group of (parameters, model) that differ in the parameter `name` only."""
    found = []
    for parameters, model in pairs:
        shared = {key: value for key, value in parameters.items() if key != name}
        for setting in found:
            if setting.parameters.keys() == shared.keys() and all(
                value is setting.parameters[key] or bool(np.all(value == setting.parameters[key]))
                for key, value in shared.items()
            ):
                setting.models.append(model)
                break
        else:
            found.append(Setting(shared, [model]))
    return found


def make_tasks(models, parameters, subsets, options, data):
    """Return a Task for each fit; networks that a callable builds are built here, in order."""
    entries = None if parameters is None else list(combinations(parameters))
    if callable(models):
        entries = _checks.check_given("parameters", entries, "what the callable is to build networks from")
        built = [split(entry) for entry in entries]
    else:
        models = list(models) if hasattr(models, "__iter__") else [models]
        models = [_checks.check_model(model, f"models[{k}]") for k, model in enumerate(models)]
        if isinstance(parameters, Mapping):
            _checks.refuse(
                "parameters must be one dict of options for each model where models are given; for all "
                "combinations pass a function that builds a Network instead of the models",
                TypeError,
            )
        entries = _checks.check_as_many("parameters", entries or [{}] * len(models), len(models))
        built = [({}, entry) for entry in entries]
    n = len(entries)
    rows = [None] * n
    if subsets is not None:
        rows = _checks.check_as_many("subsets", list(subsets), n)
        rows = [subset(one, data.n, f"subsets[{k}]") for k, one in enumerate(rows)]
    tasks = []
    for k, (of_model, of_fit) in enumerate(built):
        task = Task(k, n, entries[k], options | of_fit, rows[k])
        if callable(models):
            with task.errors():
                task.model = models(**of_model)
                if not isinstance(task.model, Network):
                    given, task.model = _checks.shown(task.model), None
                    _checks.refuse(f"the callable must return a Network; got {given}", TypeError)
        else:
            task.model = models[k]
        tasks.append(task)
    return tasks


def subset(rows, n, name):
    """Return the rows that one of `subsets` names, none of them by a negative number."""
    found = _checks.as_row_numbers(name, rows, n)
    if not len(found) or found.min() < -n or found.max() >= n:
        got = f"{found.min()} to {found.max()}" if len(found) else "none"
        _checks.refuse(f"{name} must hold row numbers from {-n} to {n - 1}, at least one; got {got}")
    return np.where(found < 0, found + n, found)


def combinations(parameters):
    """Yield the dicts that `parameters` of `fit_many` stands for."""
    if not isinstance(parameters, Mapping):
        for entry in parameters:
            if not isinstance(entry, dict) or not all(isinstance(key, str) for key in entry):
                given = _checks.shown(entry)
                _checks.refuse(
                    f"parameters must be a dict of sequences, or hold dicts; got {given}", TypeError
                )
            yield dict(entry)
        return
    names = sorted(parameters)
    for name in names:
        values = parameters[name]
        if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
            given = _checks.shown(values)
            _checks.refuse(
                f"parameters[{name!r}] must be a sequence of at least one value; got {given}: for one value "
                f"pass [{given}]"
            )
    for values in itertools.product(*(parameters[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def split(entry):
    """Return the part of an entry that builds a network, and the part that `Network.fit` takes."""
    of_fit = {name: value for name, value in entry.items() if name in FIT_OPTIONS}
    return {name: value for name, value in entry.items() if name not in FIT_OPTIONS}, of_fit
