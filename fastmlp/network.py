"""Network: layers are added, then it is trained and used."""

from contextlib import contextmanager, nullcontext
from copy import deepcopy
from functools import partial

import numpy as np

from . import _checks, _describe, _lbfgs, _metrics, _python_engine, losses, optimizers, schedules
from ._compile import Graph
from ._fit import Fit, is_native
from ._monitor import Measure, Monitor, extend
from .kernels import dispatch, training
from .kernels.job import ROW_DTYPES, Rows, aligned_zeros
from .layers import Dense

_ROW_DTYPES = frozenset(ROW_DTYPES)
CHECKED_LATE = 1 << 20  # bytes of input from which on NaN is looked for while training reads it


class Network:
    """A feed-forward network of layers.

    Parameters
    ----------
    layers : sequence of Layer, default=()
        Added in order; more can follow by `add`.
    random_state : int, RandomState or None, default=None
        Seeds initial weights, shuffles and dropout. The same seed gives the same network as scikit-learn's
        MLP.
    dtype : {"float32", "float64"}, default=None
        Of the weights. None follows the first data: float32 and uint8 give float32, all else float64.
    input_scale : float, default=1.0
        Multiplies every input; 1/255 takes uint8 images as they are.

    Attributes
    ----------
    layers : tuple of Layer
        They stay as they were made, but for `trainable`; a layer that another network had was copied.
    plan : Plan or None
        The flat description; None before the network is built.
    params : ndarray of shape (n_params,)
        All weights and biases, flat.
    history_ : dict of list
        By epoch, since the weights were drawn: loss, learning_rate, seconds and what was asked for.
    loss_curve_ : list of float
        ``history_["loss"]``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import Dense, Network
    >>> x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    >>> y = np.array([-1.0, 1.0, 1.0, -1.0])
    >>> model = Network(random_state=1)
    >>> _ = model.add(Dense(units=4, activation="tanh", input_dim=2))
    >>> _ = model.add(Dense(units=1, activation="tanh"))
    >>> model = model.fit(x, y, epochs=1000, loss="mse", optimizer="adam", batch_size=4)
    >>> np.sign(model.predict(x)).ravel()
    array([-1.,  1.,  1., -1.])
    """

    def __init__(self, layers=(), *, random_state=None, dtype=None, input_scale=1.0):
        self.random_state = random_state
        self.rng = _checks.check_random_state(random_state)
        self.dtype = _checks.check_dtype(dtype)
        self.input_scale = _checks.check_real("input_scale", input_scale, low=-np.inf)
        self.plan = self.params = self._memory = self._optimizer = self._loss = None
        self._history, self._unread = {}, None
        self._graph = Graph()
        for layer in _checks.check_sequence("layers", layers, "layers"):
            self.add(layer)

    def add(self, layer, after=None):
        """Add a layer.

        Parameters
        ----------
        layer : Dense, Dropout or Concatenate
        after : layer, name, "input", or a list of these, default=None
            What it reads; None: the layer added before it.

        Returns
        -------
        layer : Layer
        """
        if self.plan is not None:
            _checks.network_error("the network has weights already; add all layers before fit() or build()")
        return self._graph.add(layer, after)

    @property
    def layers(self):
        return tuple(self._graph.layers)

    @property
    def functions(self):
        """The activation of each layer that has weights."""
        return [layer.activation for layer in self._graph.dense]

    @property
    def n_params(self):
        """Number of weights and biases."""
        return self._built("n_params").n_params

    @property
    def history_(self):
        if self._unread is not None:
            curves, self._unread = self._unread, None
            extend(self._history, curves.lists())
        return self._history

    @property
    def loss_curve_(self):
        return self.history_.get("loss", [])

    @property
    def coefs_(self):
        """Weights of each layer, (n_in, n_out): views."""
        return [self._built("coefs_").weights(self.params, k) for k in range(len(self.plan.layers))]

    @property
    def intercepts_(self):
        """Biases of each layer, (n_out,) or None: views."""
        return [self._built("intercepts_").bias(self.params, k) for k in range(len(self.plan.layers))]

    def build(self, n_features=None, dtype=None):
        """Lay out the network and draw its initial weights; `fit` does it by itself.

        Parameters
        ----------
        n_features : int, default=None
            Columns of the input; None where the first layer says `input_dim`.
        dtype : {"float32", "float64"}, default=None
            None: the network's own, else float64.
        """
        if self.plan is not None:
            return self
        if n_features is None and (n_features := self._graph.input_dim) is None:
            _checks.network_error("n_features is not known; pass it, or give the first layer input_dim")
        self.lay_out(n_features, dtype)
        before = None
        for layer, weights, bias in zip(self._graph.dense, self.coefs_, self.intercepts_, strict=True):
            last = layer is self._graph.layers[-1]
            weights[...], drawn = layer.draw(len(weights), self.rng, before if last else None)
            if bias is not None:
                bias[:] = drawn
            before = layer.activation
        return self

    def lay_out(self, n_features, dtype=None):
        """Lay out the network with all weights 0."""
        self.plan = self._graph.compile(_checks.check_int("n_features", n_features))
        dtype = self.dtype or _checks.check_dtype(dtype) or np.float64
        self.params = aligned_zeros(self.plan.n_params, dtype)
        self._native = is_native(self.functions)
        return self

    def fit(self, x, y, *, epochs=1, batch_size=32, loss=None, optimizer=None, shuffle=True,
    sample_weight=None,
            validation_data=None, metrics=(), callbacks=(), n_threads=None, verbose=0):  # fmt: skip
        """Train from the current weights on.

        Parameters
        ----------
        x : array-like or CSR matrix of shape (n, n_features)
            float32, float64 and uint8 are read in place, never copied; memory maps too.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets; integer labels where the loss knows classes.
        epochs : int, default=1
        batch_size : int or None, default=32
            None takes all samples at once.
        loss : str or loss, default=None
            See `fastmlp.losses`. None: the one of the fit before, else the one that belongs to the output
            activation (softmax: categorical cross-entropy, logistic: binary, exp: Poisson, others: "mse").
        optimizer : str or optimizer, default=None
            See `fastmlp.optimizers`. None: the one of the fit before, else Adam. Its memory (momentum and the
            like) is kept from fit to fit while nothing but the learning rate changes.
        shuffle : bool, default=True
            Shuffle the samples at each epoch's start.
        sample_weight : array-like of shape (n,), default=None
        validation_data : tuple (x, y) or (x, y, sample_weight), default=None
            Adds val_loss, and each metric as ``val_...``, to the history.
        metrics : names or functions of (y_true, y_pred), default=()
            "accuracy", "mse", "sse", "mae", "r2", or your own; measured at each epoch's end.
        callbacks : sequence, default=()
            See `fastmlp.callbacks`.
        n_threads : int, default=None
            None: the cores that may be used, where the work is worth it. Results do not depend on it.
        verbose : int, default=0
            1 prints a line for each epoch.

        Returns
        -------
        self : Network
        """
        run = _checks.check_run(epochs, batch_size, shuffle, n_threads)
        late = getattr(x, "nbytes", 0) >= CHECKED_LATE and epochs > 0 and validation_data is None
        late = late and not (metrics or callbacks or verbose)  # what Python would see before the check
        before = self._before(late)
        with self._all_or_nothing(before):
            rows, y_given = self._training_rows(x, finite=not late), y
            loss, y = self._prepare(loss, optimizer, rows, y)
            sample_weight = _checks.check_sample_weight(sample_weight, rows.n_rows)
            measure = Measure(self, _metrics.get(metrics), (x, y_given), validation_data)
            monitor = Monitor(self, self, self.history_, epochs, measure or None, callbacks, bool(verbose))
            rates = schedules.rates(getattr(self._optimizer, "learning_rate", 1.0), epochs)
            if late and isinstance(self._optimizer, optimizers.LBFGS):
                _checks.check_finite_rows(rows)
        if epochs == 0:
            return self
        monitor.begin()
        if isinstance(self._optimizer, optimizers.LBFGS):
            own = self._optimizer
            limits = dict(max_iter=epochs, max_fun=own.max_fun, tol=own.tol, ftol=own.ftol)
            _lbfgs.minimize(self, rows, y, sample_weight, loss, on_step=monitor.record, **limits)
            monitor.end()
            return self
        optimizer = self._optimizer
        fit = Fit(
            self, rows, y, loss=loss, optimizer=optimizer, memory=self._memory, sample_weight=sample_weight,
            rates=rates, check_rows=int(late), **run, **schedules.watch(optimizer),
        )  # fmt: skip
        with self._all_or_nothing(before) if late else nullcontext():
            fit.run(monitor if monitor.per_epoch else None, partial(schedules.slow_down, optimizer))
        if monitor.per_epoch:
            monitor.end()
        else:
            self._unread = fit.curves
        return self

    def train_on_batch(self, x, y, *, loss=None, optimizer=None, sample_weight=None):
        """Make one update on the samples given; return their loss before it."""
        with self._all_or_nothing():
            rows = self._training_rows(x)
            loss, y = self._prepare(loss, optimizer, rows, y)
            if isinstance(self._optimizer, optimizers.LBFGS):
                _checks.network_error("train_on_batch takes no LBFGS, which needs all data; use fit(x, y)")
            sample_weight = _checks.check_sample_weight(sample_weight, rows.n_rows)
        fit = Fit(
            self, rows, y, loss=loss, optimizer=self._optimizer, memory=self._memory, n_epochs=1,
            batch_size=None, shuffle=False, n_threads=1, sample_weight=sample_weight,
        ).run()  # fmt: skip
        return float(fit.job.losses[0])

    def predict(self, x, *, n_threads=None):
        """Return the outputs for each row of `x`, shape (n, n_outputs)."""
        return self.outputs(self._rows(x), n_threads=_checks.check_threads(n_threads))

    def activations(self, x, layer, *, n_threads=None):
        """Return the outputs of one layer, by its name, itself, or its index among the Dense layers."""
        dense = self._graph.dense
        given = [each for each in self._graph.given if isinstance(each, Dense)]
        found = [
            k for k, each in enumerate(dense) if layer is each or layer is given[k] or layer == each.name
        ]
        if not found:
            found = [_checks.check_int("layer", layer, -len(dense), len(dense) - 1) % len(dense)]
        return self.outputs(self._rows(x), layer=found[0], n_threads=_checks.check_threads(n_threads))

    def evaluate(self, x, y, *, metrics=(), loss=None, sample_weight=None):
        """Return the loss (without penalties) and each metric on some data, as a dict."""
        loss = self._choose_loss(loss, training=False)
        rows, targets, weights = self._data(x, y, loss, sample_weight)
        logits = self.outputs(rows, logits=True)
        found = {"loss": self.loss_of(loss, logits, targets, weights)}
        predicted = self.functions[-1].value(logits)
        return found | {
            name: float(function(y, predicted)) for name, function in _metrics.get(metrics).items()
        }

    def gradients(self, x, y, *, loss=None, sample_weight=None):
        """Return the loss's gradients on some data, penalties included, in the order of `get_weights`."""
        with self._all_or_nothing():
            self._training_rows(x)
            loss = self._choose_loss(loss)
            rows, y, weights = self._data(x, y, loss, sample_weight)
        return self._split(_lbfgs.objective(self, rows, y, weights, loss)(self.params)[1])

    def get_weights(self):
        """Return copies of all weights and biases: W_0, b_0, W_1, b_1, ..."""
        return [a.copy() for a in self._split(self.params)]

    def set_weights(self, weights):
        """Set all weights and biases, in the order of `get_weights`; the optimizer's memory is kept."""
        with self._all_or_nothing():
            if self.plan is None:
                known = self._graph.input_dim is not None
                self.build(None if known else _checks.check_first_weights(weights))
            own = self._split(self.params)
            weights = _checks.check_weight_arrays(weights, [a.shape for a in own])
        for a, given in zip(own, weights, strict=True):
            a[...] = given
        return self

    def summary(self, print_fn=print):
        """Print each layer with what it reads, its shape and its parameters."""
        print_fn(_describe.summary(self))

    def plot(self, ax=None):
        """Draw the layers and what each reads; the weights need not be there yet.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None: those of a new figure, as large as the network needs.

        Returns
        -------
        ax : matplotlib Axes
        """
        from ._drawing import draw

        return draw(self._graph, None if self.plan is None else self.plan.n_features, ax)

    def to_numpy(self):
        """Return the trained network as a function of NumPy alone.

        Returns
        -------
        function : callable
            From an array of shape (n, n_features) to outputs of shape (n, n_outputs). Its `source` is Python
            code that needs nothing but NumPy, weights included.
        """
        self._built("to_numpy")
        return _describe.to_numpy(self)

    def _split(self, flat):
        plan = self._built("weights")
        arrays = [f(flat, k) for k in range(len(plan.layers)) for f in (plan.weights, plan.bias)]
        return [a for a in arrays if a is not None]

    def _built(self, what):
        return _checks.not_built(what) if self.plan is None else self.plan

    def _rows(self, x):
        """Return `x` as Rows; plain arrays take a short way, for one row is predicted in microseconds."""
        n_features = self._built("predict").n_features
        if type(x) is np.ndarray and x.dtype in _ROW_DTYPES and x.ndim == 2 and x.shape[1] == n_features:
            rows = Rows(x, self.input_scale)
            if dispatch.kernels(self.params.dtype).all_finite(rows):
                return rows
        return _checks.check_rows(x, n_features, scale=self.input_scale)

    def _training_rows(self, x, finite=True):
        n_features = self._graph.input_dim if self.plan is None else self.plan.n_features
        rows = _checks.check_rows(x, n_features, scale=self.input_scale, n_min=1, finite=finite)
        single = getattr(x, "dtype", None) in (np.float16, np.float32, np.uint8)
        self.build(rows.n_features, np.float32 if single else np.float64)
        if not self.params.flags.writeable:
            self.params = self.params.copy()
        return rows

    def _before(self, memory=False):
        """Return what a refused call must leave as it is; the optimizer's memory copied where asked for."""
        names = ("plan", "params", "_loss", "_optimizer", "_memory")
        before = {name: getattr(self, name) for name in names}
        if memory:
            before["_memory"] = deepcopy(self._memory)
        return before, self.rng.get_state() if memory or self.plan is None else None

    @contextmanager
    def _all_or_nothing(self, before=None):
        """Where input is refused, forget what was begun: weights drawn, loss and optimizer chosen."""
        state, drawn = before or self._before()
        try:
            yield
        except Exception:
            vars(self).update(state)
            if drawn is not None:
                self.rng.set_state(drawn)
            raise

    def _data(self, x, y, loss, sample_weight):
        """Return rows, targets and weights, at least one of each."""
        rows = self._rows(x)
        if rows.n_rows == 0:
            _checks.network_error("x must hold at least 1 sample; got none")
        targets = _checks.check_targets(y, rows.n_rows, self.plan.n_outputs, self.params.dtype, loss)
        return rows, targets, _checks.check_sample_weight(sample_weight, rows.n_rows)

    def _prepare(self, loss, optimizer, rows, y):
        """Settle on loss and optimizer; return the loss and the targets as the kernels take them."""
        loss = self._choose_loss(loss)
        y = _checks.check_targets(y, rows.n_rows, self.plan.n_outputs, self.params.dtype, loss)
        optimizer = self._optimizer or optimizers.Adam() if optimizer is None else optimizers.get(optimizer)
        if isinstance(optimizer, optimizers.LBFGS):
            _checks.check_lbfgs_network(self.plan)
        known = self._optimizer is not None and optimizers.same_but_rate(self._optimizer, optimizer)
        if not known and not isinstance(optimizer, optimizers.LBFGS):
            self._memory = optimizers.Memory(optimizer, self.plan.n_params, self.params.dtype)
        self._loss, self._optimizer = loss, optimizer
        return loss, y

    def _choose_loss(self, loss, training=True):
        n_outputs, output = self._built("loss").n_outputs, self.functions[-1]
        if loss is None:
            loss = self._loss or losses.OF_OUTPUT.get(output.name, "mse")
        loss = losses.get(loss)
        if training:
            _checks.check_trainable(self.functions, loss, n_outputs)
        else:
            _checks.check_measurable(output, loss, n_outputs)
        return loss

    def outputs(self, rows, layer=-1, logits=False, n_threads=None):
        """Return a layer's outputs for Rows, unchecked; `logits`: before its activation."""
        if self._native:
            return training.predict(
                self.plan, self.params, rows, layer=layer, logits=logits, n_threads=n_threads
            )
        x = _python_engine.gather(rows, np.arange(rows.n_rows), self.params.dtype)
        _, sums, outputs, _ = _python_engine.forward(self.plan, self.functions, self.params, x)
        return (sums if logits else outputs)[layer]

    def loss_of(self, loss, logits, y, sample_weight=None):
        """Return the loss, without penalties, of the last layer's `logits` against checked targets."""
        output, z = self.functions[-1], logits.astype(np.float64)
        each = losses.values(loss, output, y, z, output.value(z))
        if not getattr(loss, "average", True):
            return float(each.sum() if sample_weight is None else np.dot(each, sample_weight))
        return float(np.average(each, weights=sample_weight))
