"""One of many fits: its model, its options, and the data that all share."""

import inspect
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import numpy as np

from .. import _checks, optimizers
from ..kernels.cached import cached_property
from ..kernels.memory import insist
from ..kernels.plan import Status
from ..layers import Dense
from ..network.in_training import in_training
from ..network.network import Network
from ..network.preparation import Prepared, new_run, settle, training_rows, unchanged_by_errors

FIT_OPTIONS = {
    name: parameter.default
    for name, parameter in inspect.signature(Network.fit).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
}
# what `Network.fit` can be asked for without Python at each epoch's end
NATIVE = frozenset(("epochs", "batch_size", "loss", "optimizer", "shuffle", "sample_weight"))


class Data:
    """The data that all fits share.

    Attributes
    ----------
    given : tuple
        x and y as the user gave them: what estimators take.
    n : int
        Samples.
    """

    def __init__(self, x, y):
        self.given = _checks.check_sparse(x, "x"), y
        shape = getattr(x, "shape", None)
        self.n = (shape if isinstance(shape, tuple) and shape else np.atleast_1d(x).shape)[0]

    def convert(self):
        """Check and convert once what every network would for itself."""
        x, y = self.given
        rows = _checks.check_rows(x, n_min=1)
        if rows.is_sparse:
            x = x.tocsr()
            self.x = type(x)((rows.data, rows.indices, rows.indptr), shape=x.shape)  # checked and sorted
        else:
            self.x = rows.data
            if not hasattr(x, "dtype") and self.x.dtype != np.float64:
                self.x = self.x.astype(np.float64)  # networks take lists and tables as double precision
        self.y = _checks.as_array(y, "y")
        self._of_dtype, self._weights, self._fits = {}, {}, set()

    def targets(self, dtype):
        """Return y in the dtype of a network's weights; integers, which may be labels, as they are."""
        if self.y.dtype.kind != "f":
            return self.y
        if dtype not in self._of_dtype:
            self._of_dtype[dtype] = np.ascontiguousarray(self.y, dtype)
        return self._of_dtype[dtype]

    def check_fits(self, dtype):
        """Raise where x, which is finite, is not in the dtype of a network's weights."""
        if dtype not in self._fits:
            _checks.check_finite_in(self.x, "x", dtype)
            self._fits.add(dtype)

    def weights(self, given, subset):
        """Return checked sample weights; the same array for the same `given`."""
        if id(given) not in self._weights:
            self._weights[id(given)] = given, _checks.check_sample_weight(given, self.n)
        found = self._weights[id(given)][1]
        if found is not None and subset is not None:
            _checks.check_sample_weight(found[subset], len(subset))
        return found

    @cached_property
    def has_zeros(self):
        """Whether an input is 0."""
        return np.count_nonzero(self.x) < self.x.size


class Task:
    """One fit.

    Attributes
    ----------
    index : int
        Its place among all fits.
    model : Network or estimator
        None where it could not be built.
    parameters : dict
        The entry that the user gave for this fit.
    options : dict
        Of its `fit`.
    subset : ndarray or None
        The rows to train on.
    error : Exception or None
    fit : Fit or None
        Where the fit needs no Python at each epoch's end, once `start` was called.
    """

    def __init__(self, index, n_tasks, parameters, options, subset):
        self.index = index
        self.name = f"fit {index} of {n_tasks}" + (f", {parameters}" if parameters else "")
        self.parameters, self.options, self.subset = parameters, options, subset
        self.model = self.error = self.fit = self.transaction = self._ours = None

    @contextmanager
    def errors(self):
        """Keep what goes wrong inside."""
        try:
            yield
        except Exception as error:
            error.add_note(f"in {self.name}")
            self.error = error

    @cached_property
    def is_native(self):
        """Whether it is a network that runs without Python at each epoch's end."""
        asked = {
            name for name, value in self.options.items() if name not in NATIVE and value not in (None, (), 0)
        }
        if asked or not isinstance(self.model, Network) or type(self.model).fit is not Network.fit:
            return False
        optimizer = self.options.get("optimizer") or self.model.learning.optimizer
        return not (
            optimizer == "lbfgs" or optimizer is optimizers.LBFGS or isinstance(optimizer, optimizers.LBFGS)
        )

    @property
    def shared(self):
        """Ids of what other fits must not use at the same time."""
        of_model = getattr(self.model, "rng", None) or getattr(self.model, "random_state", None)
        ids = {id(self.model), *(id(one) for one in self.options.get("callbacks") or ())}
        return ids | {id(of_model)} if isinstance(of_model, np.random.RandomState) else ids

    def cost(self, data):
        """Return about how much work it is, in multiply-adds; an estimator's is not known."""
        if not isinstance(self.model, Network):
            return 0
        wide = [data.x.shape[1], *(layer.units for layer in self.model.layers if isinstance(layer, Dense))]
        n_params = sum(a * b for a, b in pairwise(wide))
        epochs = self.options.get("epochs", 1)
        n = data.n if self.subset is None else len(self.subset)
        return n_params * n * epochs if isinstance(epochs, int) else 0

    def start(self, data):
        """Check the options and lay out the fit, as `Network.fit` does; the network is ours until `end`."""
        network, asked = self.model, FIT_OPTIONS | self.options
        run = _checks.check_run(asked["epochs"], asked["batch_size"], asked["shuffle"])
        with ExitStack() as stack:
            stack.enter_context(in_training(network))
            with unchanged_by_errors(network) as self.transaction:
                # `Data.convert` has checked for NaN already
                rows = training_rows(network, data.x, finite=False)
                data.check_fits(network.params.dtype)
                y = settle(
                    network, rows, data.targets(network.params.dtype), asked["loss"], asked["optimizer"]
                )
                weights = data.weights(asked["sample_weight"], self.subset)
                if run["n_epochs"] == 0:
                    return
                prepared = Prepared(rows, y, weights, network.learning)
                self.fit = new_run(network, prepared, subset=self.subset, **run)
            self._ours = stack.pop_all()

    def end(self):
        """Record what came of a fit that was started, and let go of its network."""
        if self._ours is not None:
            ours, self._ours = self._ours, None
            with ours:
                if not (self.fit.begun or self.fit.interrupted):
                    self.transaction.put_back()
                self.model.curves.extend_later(insist(lambda: self.fit.curves))

    def run(self, data):
        """Train from start to end."""
        with self.errors():
            if self.is_native:
                if self.fit is None:
                    self.start(data)
                if self.fit is not None:
                    try:
                        self.fit.run(warn=False)
                    finally:
                        self.end()
                return
            options = dict(self.options)
            x, y = (data.x, data.y) if isinstance(self.model, Network) else data.given
            if self.subset is not None:
                x, y = _take(x, self.subset), _take(y, self.subset)
                if options.get("sample_weight") is not None:
                    options["sample_weight"] = np.asarray(options["sample_weight"])[self.subset]
            self.model.fit(x, y, **options)

    def warn(self):
        """Tell of a divergence, naming this fit."""
        if self.fit is not None and self.error is None and self.fit.status == Status.DIVERGED:
            _checks.warn_diverged(*self.fit.divergence, self.name)


def _take(array, rows):
    if type(array) is np.ndarray or getattr(array, "format", None) == "csr":
        return array[rows]
    from sklearn.utils import _safe_indexing

    return _safe_indexing(array, rows)
