"""Network: layers are added, then it is trained and used."""

import numpy as np

from .. import _checks, optimizers, penalties
from .. import metrics as measures
from ..formats import kinds
from ..formats.description import as_state, of_state
from ..kernels import interrupts, numpy_backend, training
from ..kernels.dispatch import in_use
from ..kernels.memory import aligned_zeros, owned
from ..layers import Dense
from . import checkpoint, lbfgs, reading, summary
from .described import describe, restore
from .epoch_end import EpochEnd
from .evaluation import EpochMetrics, EvaluationSet
from .exported import Exported
from .fit import is_native
from .history import History
from .in_training import in_training, is_ours, writing
from .preparation import (
    Learning,
    checked_late,
    choose_loss,
    drawing,
    new_run,
    prepare,
    rows_of,
    samples_of,
    training_rows,
    unchanged_by_errors,
)
from .topology import Topology


class Network(Exported):
    """A feed-forward network of layers.

    Parameters
    ----------
    layers : sequence of Layer, default=()
        Added in order; more can follow by `add`.
    random_state : int, RandomState or None, default=None
        Seeds initial weights, shuffles and dropout. The same seed gives the same network as scikit-learn's
        MLP.
    dtype : {"float32", "float64"}, default=None
        Of the weights. None follows the first data: float16, float32 and uint8 give float32, all else
        float64.
    input_scale : float, default=1.0
        Multiplies every input; 1/255 takes uint8 images as they are.
    reg : L1, L2 or L1L2, default=None
        Penalty on all weights, added once to the mean loss, as ``L2(1e-3)``; see `fastmlp.penalties` for how
        it differs from `Dense`'s l1 and l2.

    Attributes
    ----------
    layers : tuple of Layer
        They stay as they were made, but for `trainable`; a layer that another network had was copied.
    plan : Plan or None
        The flat description; None before the network is built.
    params : ndarray of shape (n_params,)
        All weights and biases, flat. An array that is put in its place is taken as it is where it has the
        same dtype and layout, else converted; it must have as many numbers, all of them finite.
    history_ : dict of list
        By epoch, since the weights were drawn: loss, learning_rate (of the epoch's last step), seconds and
        what was asked for, NaN for the epochs of fits that did not ask for it.
    loss_curve_ : list of float
        ``history_["loss"]``.
    n_epochs_ : int
        Epochs since the weights were drawn, which `schedules` count: those of every `fit`, and one for each
        `train_on_batch`.
    interrupted_ : bool
        Whether Ctrl-C ended the last fit.

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

    interrupted_ = False
    _native = False  # whether kernels know all activations of what is built
    unfinished = None  # where a fit stood that a file was written in: see `checkpoint.py`

    @_checks.told
    def __init__(self, layers=(), *, random_state=None, dtype=None, input_scale=1.0, reg=None):
        self.begin(random_state, dtype, input_scale, reg)
        for layer in _checks.check_sequence("layers", layers, "layers"):
            self.add(layer)

    def begin(self, random_state, dtype, input_scale, reg=None):
        """Become a network without layers."""
        self.random_state = random_state
        self.rng = _checks.check_random_state(random_state)
        self.dtype = _checks.check_dtype(dtype)
        self.input_scale = _checks.check_scale(input_scale)
        self.plan = self._params = None
        self.learning, self.curves = Learning(), History()
        self.n_epochs_ = 0
        self.topology = Topology(penalties.get(reg))

    def __getstate__(self):
        return as_state(describe(self, training=True, keep=True))

    def __setstate__(self, state):
        restore(self, of_state(state, type(self).__name__), keep=True)

    def __repr__(self):
        return summary.constructor(self)

    @_checks.told
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
            _checks.refuse("the network has weights already; add all layers before fit() or build()")
        return self.topology.add(layer, after)

    @property
    def layers(self):
        return tuple(self.topology.layers)

    @property
    def reg(self):
        """The penalty on all weights, or None."""
        return self.topology.reg

    @property
    def functions(self):
        """The activation of each layer that has weights."""
        return self.topology.functions

    @property
    def params(self):
        return self._params

    @params.setter
    def params(self, given):
        if given is self._params or (given is None and self.plan is None):
            self._params = given
            return
        self.built("params")
        given, in_callback = _checks.check_params(given, self._params), is_ours(self)
        with writing(self):
            if in_callback:  # the running fit keeps its array: the values are copied into it
                self.own_params()[:] = given
            else:
                self._params = given

    def own_params(self):
        """Return the parameters to write to: copied first where their memory may only be read."""
        self._params = owned(self._params)
        return self._params

    @property
    def n_params(self):
        """Number of weights and biases."""
        return self.built("n_params").n_params

    @property
    def n_inputs(self):
        """Columns of the input, or None where neither data nor a layer has told."""
        return self.topology.input_dim if self.plan is None else self.plan.n_features

    @property
    def history_(self):
        return self.curves.lists

    @property
    def loss_curve_(self):
        return self.history_.get("loss", [])

    @property
    def coefs_(self):
        """Weights of each layer, (n_in, n_out): views."""
        plan = self.built("coefs_")
        return [plan.weights(self.params, k) for k in range(len(plan.layers))]

    @property
    def intercepts_(self):
        """Biases of each layer, (n_out,) or None: views."""
        plan = self.built("intercepts_")
        return [plan.bias(self.params, k) for k in range(len(plan.layers))]

    @_checks.told
    def build(self, n_features=None, dtype=None):
        """Lay out the network and draw its initial weights; `fit` does it by itself.

        Parameters
        ----------
        n_features : int, default=None
            Columns of the input; None where the first layer says `input_dim`.
        dtype : {"float32", "float64"}, default=None
            None: the network's own, else float64.
        """
        with drawing(self):
            if self.plan is None:
                self.draw(n_features, dtype)
            wanted = None if self.dtype is not None else dtype  # the network's own comes first
            _checks.check_built(self.plan.n_features, self.params.dtype, n_features, wanted)
        return self

    def draw(self, n_features=None, dtype=None):
        """Lay out the network and draw its initial weights, for whoever has its training to himself."""
        if n_features is None and (n_features := self.topology.input_dim) is None:
            _checks.refuse("n_features is not known; pass it, or give the first layer input_dim")
        self.lay_out(n_features, dtype)
        before = None
        for layer, weights, bias in zip(self.topology.dense, self.coefs_, self.intercepts_, strict=True):
            last = layer is self.topology.layers[-1]
            drawn = layer.draw(len(weights), self.rng, weights.dtype, before if last else None)
            weights[...], drawn = drawn
            if bias is not None:
                bias[:] = drawn
            before = layer.activation

    def lay_out(self, n_features, dtype=None):
        """Lay out a network that has no weights with all of them 0."""
        if self.plan is not None:
            _checks.refuse("the network has weights, which would be lost; make a new Network")
        plan = self.topology.compile(_checks.check_int("n_features", n_features))
        dtype = self.dtype or _checks.check_dtype(dtype) or np.float64
        self.take_plan(plan, aligned_zeros(plan.n_params, dtype))
        return self

    def take_plan(self, plan, params):
        """Take a layout and the parameters that are laid out so."""
        self._native = is_native(self.functions)
        self.plan, self._params, self.n_epochs_ = plan, params, 0

    def obey_layers(self):
        """Take over which layers are `trainable`, which may change at any time; weights stay in place."""
        if self.plan.trainable != [layer.trainable for layer in self.topology.dense]:
            self.plan = self.topology.compile(self.plan.n_features)

    @_checks.told
    def fit(
        self,
        x,
        y,
        *,
        epochs=1,
        batch_size=32,
        loss=None,
        optimizer=None,
        shuffle=True,
        sample_weight=None,
        validation_data=None,
        metrics=(),
        measure_every=1,
        callbacks=(),
        n_threads=None,
        verbose=0,
        resume_from=None,
    ):
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
            How much each sample counts. A batch's gradient, and the loss of the history, are divided by the
            batch's size times the mean of all weights.
        validation_data : tuple (x, y) or (x, y, sample_weight), or dict of these, default=None
            Adds val_loss, and each metric as ``val_...``, to the history; of sets by name, as in
            ``{"noise 0.3": (x, y)}``, ``"noise 0.3_loss"`` and so on.
        metrics : names or functions of (y_true, y_pred), default=()
            "accuracy", "mse", "sse", "mae", "r2", scikit-learn's, or your own, see `fastmlp.metrics`;
            measured at each epoch's end, by the weights of the samples.
        measure_every : int, default=1
            Metrics and validation data are measured at every so many epochs, and at the last; the history
            holds NaN for the others.
        callbacks : sequence, default=()
            See `fastmlp.callbacks`.
        n_threads : int, default=None
            None: the cores that may be used, where the work is worth it. Results do not depend on it.
        verbose : int, default=0
            1 prints a line for each epoch; 2 adds the samples a second and GFLOP/s, as if no input were 0.
        resume_from : str, path-like or Network, default=None
            Go on with a fit that was ended, from a file that `callbacks.ModelCheckpoint` wrote or what was
            loaded of it: weights, history and all else become those of the checkpoint, and the fit ends as if
            it had never been interrupted, with the same bits. Everything else must be given as then.

        Returns
        -------
        self : Network

        Notes
        -----
        What is refused is refused before the first epoch, and leaves the network as it was: metrics are
        tried once, and callbacks told of the begin. A fit that an error in a callback or a metric ends, or
        Ctrl-C, leaves the weights, the optimizer's memory and the history of the steps that were made.

        A network is trained by one fit at a time: another one, `train_on_batch` or `set_weights`, in a thread
        or a callback of its own, is refused. Other threads may predict meanwhile.
        """
        asked = _checks.check_run(epochs, batch_size, shuffle, n_threads)
        verbose = _checks.check_verbose(verbose)
        resumes = resume_from is not None
        watched = bool(metrics or callbacks or verbose or validation_data is not None or resumes)
        late = checked_late(x, epochs, watched)
        with in_training(self), unchanged_by_errors(self, late or resumes) as transaction:
            resumed = checkpoint.adopt(self, resume_from) if resumes else None
            prepared = prepare(self, x, y, loss, optimizer, sample_weight, late)
            callbacks = callbacks if callbacks == () else _checks.check_callbacks(callbacks)
            told = callbacks, verbose, _checks.check_int("measure_every", measure_every)
            epoch_end = self._watch(prepared, y, epochs, metrics, validation_data, told) if watched else None
            if epochs == 0 and not resumes:
                return self
            checks = dict(check_rows=int(late), put_back=transaction.put_back) if late else {}
            run = new_run(self, prepared, **asked, **checks)
            if resumes:
                epoch_end.resume(resumed, run)
            with interrupts.held():
                (epoch_end or self.curves).follow(run, transaction)
        return self

    def _watch(self, prepared, y, epochs, metrics, validation_data, told):
        """Return what tells of each epoch of a fit that somebody watches."""
        callbacks, verbose, every = told
        measure = EpochMetrics(self, prepared, y, metrics, validation_data)
        return EpochEnd(self, self, self.curves, epochs, measure, callbacks, verbose, every=every)

    @_checks.told
    def train_on_batch(self, x, y, *, loss=None, optimizer=None, sample_weight=None):
        """Make one update on the samples given; return their loss before it.

        Schedules count it as an epoch. `sample_weight` counts as it is, for the mean of the weights that
        follow is not known: gradient and loss are divided by the number of samples.
        """
        with in_training(self), unchanged_by_errors(self) as transaction:
            prepared = prepare(self, x, y, loss, optimizer, sample_weight)
            if isinstance(prepared.learning.optimizer, optimizers.LBFGS):
                _checks.refuse("train_on_batch takes no LBFGS, which needs all data; use fit(x, y)")
            once = dict(n_epochs=1, batch_size=None, shuffle=False, n_threads=1)
            run = new_run(self, prepared, mean_weight=1.0, **once)
            with interrupts.held():
                transaction.commit(run)
                return float(run.run().job.losses[0])

    def predict(self, x, *, n_threads=None):
        """Return the outputs for each row of `x`, shape (n, n_outputs)."""
        if n_threads is not None and not (type(n_threads) is int and n_threads > 0):
            n_threads = _checks.check_optional_int("n_threads", n_threads)
        found = self.few_outputs(x)
        if found is None:
            rows = rows_of(self, x, finite=False)
            found = self.outputs(rows, n_threads=n_threads, check_rows=True)
            if found is None:
                _checks.not_finite(rows, "x", self.params.dtype)
        return found

    def predict_classes(self, x, *, n_threads=None):
        """Return the class of each row of `x`, int64 of shape (n,).

        The number of the strongest of several outputs; behind one output 0 and 1, or -1 and 1 where the
        network was trained on these. Where a sample may have several labels, compare `predict` with 0.5.
        """
        outputs, learned = self.predict(x, n_threads=n_threads), self.learning
        return reading.classes(
            outputs, self.functions[-1], choose_loss(self, training=False), learned.target_range
        )

    @_checks.told
    def score(self, x, y, *, sample_weight=None):
        """Return the accuracy on some data, or R² where the targets are values: as scikit-learn's `score`.

        Outputs tell classes where the loss or the output activation says so (softmax, cross-entropies,
        hinge), and where the targets are labels or two numbers.
        """
        data = EvaluationSet(self, x, y, sample_weight, choose_loss(self, training=False), {})
        return data.score()

    def activations(self, x, layer, *, n_threads=None):
        """Return the outputs of one layer, by its name, itself, or its index among the Dense layers."""
        dense = self.topology.dense
        given = [each for each in self.topology.given if isinstance(each, Dense)]
        found = [
            k for k, each in enumerate(dense) if layer is each or layer is given[k] or layer == each.name
        ]
        if isinstance(layer, str) and not found:
            _checks.check_choice("layer", layer, [each.name for each in dense])
        if not found:
            found = [_checks.check_int("layer", layer, -len(dense), len(dense) - 1) % len(dense)]
        return self.outputs(
            rows_of(self, x), layer=found[0], n_threads=_checks.check_optional_int("n_threads", n_threads)
        )

    @_checks.told
    def evaluate(self, x, y, *, metrics=(), loss=None, sample_weight=None):
        """Return the loss (without penalties) and each metric on some data, as a dict."""
        loss = choose_loss(self, loss, training=False)
        return EvaluationSet(self, x, y, sample_weight, loss, measures.get(metrics)).measure()

    @_checks.told
    def gradients(self, x, y, *, loss=None, sample_weight=None):
        """Return the loss's gradients on some data, penalties included, in the order of `get_weights`.

        They are those of prediction: nothing is dropped, and no weight is changed. All are NaN where the loss
        is not finite.
        """
        with drawing(self):
            if self.plan is None:
                training_rows(self, x)
            loss = choose_loss(self, loss)
            rows, y, weights = samples_of(self, x, y, loss, sample_weight)
        value, gradient = lbfgs.objective(self, rows, y, weights, loss)(self.params.copy())
        if not np.isfinite(value):
            gradient.fill(np.nan)
        return self._split(gradient)

    def get_weights(self):
        """Return copies of all weights and biases: W_0, b_0, W_1, b_1, ..."""
        return [a.copy() for a in self._split(self.params)]

    def set_weights(self, weights):
        """Set all weights and biases, in the order of `get_weights`; the optimizer's memory is kept."""
        with writing(self), unchanged_by_errors(self):
            if self.plan is None:
                self.draw(None if self.n_inputs is not None else _checks.check_first_weights(weights))
            own = self._split(self.own_params())
            weights = _checks.check_weight_arrays(weights, own)
            for a, given in zip(own, weights, strict=True):
                a[...] = given
        return self

    def summary(self, print_fn=print):
        """Print each layer with what it reads, its shape and its parameters."""
        print_fn(summary.summary(self))

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
        from .drawing import draw

        return draw(self.topology, None if self.plan is None else self.plan.n_features, ax)

    def _described(self, what):
        self.built(what)
        return describe(self, keep=True)

    def _take_weights(self, arrays):
        self.set_weights(arrays)

    def plot_graph(self, loss=None, ax=None):
        """Draw the network as a graph of whole layers: inputs, weights, products, activations.

        Parameters
        ----------
        loss : str or loss, default=None
            With it the graph ends in the loss, penalties of layers added.
        ax : matplotlib Axes, default=None
            None: those of a new figure, as large as the graph needs.

        Returns
        -------
        ax : matplotlib Axes

        See Also
        --------
        fastmlp.graph : graphs of single numbers, with their gradients.
        """
        from .block_graph import draw

        return draw(self.topology, self.n_inputs, loss, ax)

    def _split(self, flat):
        plan = self.built("weights")
        arrays = [f(flat, k) for k in range(len(plan.layers)) for f in (plan.weights, plan.bias)]
        return [a for a in arrays if a is not None]

    def built(self, what):
        """Return the Plan, which is there once there are weights; `what` is what needs them."""
        return _checks.not_built(what) if self.plan is None else self.plan

    def few_outputs(self, x, layer=-1, logits=False):
        """Return a layer's outputs for a few rows of a plain array by one call; None: go by `outputs`."""
        plan, params = self.plan, self._params
        if plan is None or not self._native:
            return None
        return in_use[params.dtype].predict_few(plan, params, x, self.input_scale, layer, logits)

    def outputs(self, rows, layer=-1, logits=False, n_threads=None, check_rows=False):
        """Return a layer's outputs for Rows; `logits`: before its activation.

        Rows are not checked; or where it is asked for, None is returned if they are not finite.
        """
        own = None
        if not self._native:  # a user's functions may not be thread-safe
            own, n_threads = numpy_backend.Kernels(self.params.dtype, self.functions), 1
        asked = dict(layer=layer, logits=logits, n_threads=n_threads, check_rows=check_rows)
        return training.predict(self.plan, self._params, rows, backend=own, **asked)

    def loss_of(self, loss, logits, y, sample_weight=None):
        """Return the loss, without penalties, of the last layer's `logits` against checked targets."""
        output, z = self.functions[-1], logits.astype(np.float64)
        each = loss.each(output, y, z, output.value(z))
        if not loss.average:
            return float(each.sum() if sample_weight is None else np.dot(each, sample_weight))
        return float(np.average(each, weights=sample_weight))


kinds.register(Network, describe, restore)
