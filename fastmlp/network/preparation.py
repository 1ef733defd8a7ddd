"""What is settled before a network is trained or measured; where that fails, the network is as before."""

from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from .. import _checks, losses, optimizers
from ..kernels import dispatch
from ..kernels.job import ROW_DTYPES, Rows
from ..optimizer_state import OptimizerState
from .fit import Fit
from .in_training import in_training
from .lbfgs import LBFGSFit
from .reading import target_range

_ROW_DTYPES = frozenset(ROW_DTYPES)
CHECKED_LATE = 1 << 20  # inputs of so many bytes are searched for NaN while training reads them


class Learning(NamedTuple):
    """What a network learns by, kept from one fit to the next.

    Replaced as a whole and never changed, so that whoever reads it has parts that belong together.
    """

    loss: object = None
    optimizer: object = None
    optimizer_state: object = None
    target_range: tuple | None = None  # needed for some outputs only: see `reading.target_range`


class Prepared(NamedTuple):
    """What a run works on, as the kernels take it."""

    rows: Rows
    y: np.ndarray
    sample_weight: np.ndarray | None
    learning: Learning


class unchanged_by_errors:
    """Put a network back as it was where something is raised inside, unless its training has begun.

    Parameters
    ----------
    network : Network
    with_optimizer_state : bool, default=False
        Whether the optimizer's memory may be written to before it is known that all is right.
    """

    def __init__(self, network, with_optimizer_state=False):
        self.network, self.run = network, None
        learning = network.learning
        if with_optimizer_state:
            learning = learning._replace(optimizer_state=deepcopy(learning.optimizer_state))
        self.state = {
            "plan": network.plan, "params": network.params, "learning": learning,
            "n_epochs_": network.n_epochs_, "curves": network.curves, "unfinished": network.unfinished,
        }  # fmt: skip
        self.drawn = network.rng.get_state() if with_optimizer_state or network.plan is None else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        if kind is not None and not (self.run is not None and self.run.begun):
            self.put_back()
        self.run = None  # which may refer to this object, and would keep its input until garbage is collected

    def commit(self, run):
        """From where this run has begun, the network keeps what it has become."""
        self.run = run

    def put_back(self):
        """Forget weights that were drawn, and the loss and the optimizer that were chosen."""
        for name, value in self.state.items():
            setattr(self.network, name, value)
        if self.drawn is not None:
            self.network.rng.set_state(self.drawn)


@contextmanager
def drawing(network):
    """Let a network that has no weights get them inside; where something fails, it has none again."""
    if network.plan is not None:
        yield
        return
    with in_training(network), unchanged_by_errors(network):
        yield


def checked_late(x, epochs, watched):
    """Return whether NaN is to be looked for while training reads x, not in a pass of its own.

    Where Python sees epochs (`watched`), it would see what was made of NaN before the check.
    """
    return epochs > 0 and not watched and getattr(x, "nbytes", 0) >= CHECKED_LATE


def training_rows(network, x, finite=True):
    """Return `x` as Rows to train on; a network without weights is built for them."""
    rows = rows_of(network, x) if finite and network.plan is not None else None
    if rows is None or rows.n_rows == 0:
        rows = _checks.check_rows(x, network.n_inputs, scale=network.input_scale, n_min=1, finite=False)
        if network.plan is None:
            single = getattr(x, "dtype", None) in (np.float16, np.float32, np.uint8)
            network.draw(rows.n_features, np.float32 if single else np.float64)
        if finite:
            _checks.check_finite_rows(rows, dtype=network.params.dtype)
    network.obey_layers()
    return rows


def settle(network, rows, y, loss=None, optimizer=None):
    """Settle on loss and optimizer, which the network keeps; return the targets as the kernels take them."""
    loss = choose_loss(network, loss)
    known, plan, dtype = network.learning, network.plan, network.params.dtype
    y = _checks.check_targets(y, rows.n_rows, plan.n_outputs, dtype, loss)
    optimizer = known.optimizer or optimizers.Adam() if optimizer is None else optimizers.get(optimizer)
    if isinstance(optimizer, optimizers.LBFGS):
        _checks.check_lbfgs_network(plan)
        optimizer_state = None
    elif known.optimizer_state is not None and known.optimizer_state.fits(optimizer, plan.n_params, dtype):
        optimizer_state = known.optimizer_state
    else:
        optimizer_state = OptimizerState(optimizer, plan.n_params, dtype)
    seen = target_range(y, network.functions[-1], loss, known.target_range)
    network.learning = Learning(loss, optimizer, optimizer_state, seen)
    return y


def prepare(network, x, y, loss=None, optimizer=None, sample_weight=None, late=False):
    """Check all that a fit was given; `late`: the values of x are checked by the training that reads them."""
    rows = training_rows(network, x, finite=not late)
    y = settle(network, rows, y, loss, optimizer)
    weights = None
    if sample_weight is not None:
        weights = _checks.check_sample_weight(sample_weight, rows.n_rows)
    if late and network.learning.optimizer_state is None:  # L-BFGS does not check its input while it reads it
        _checks.check_finite_rows(rows, dtype=network.params.dtype)
    return Prepared(rows, y, weights, network.learning)


def new_run(network, prepared, n_epochs, **options):
    """Return the run that trains a network on what was prepared: a LBFGSFit, or a Fit with these options."""
    rows, y, weights, (loss, optimizer, optimizer_state, _) = prepared
    about = dict(loss=loss, optimizer=optimizer, n_epochs=n_epochs, sample_weight=weights)
    if optimizer_state is None:
        return LBFGSFit(network, rows, y, **about)
    options |= about
    return Fit(network, rows, y, optimizer_state=optimizer_state, **options)


def rows_of(network, x, name="x", finite=True):
    """Return `x` as Rows to predict, finite ones where that is asked for; plain arrays take a short way."""
    n_features = (network.plan or network.built("predict")).n_features
    if type(x) is np.ndarray and x.dtype in _ROW_DTYPES and x.ndim == 2 and x.shape[1] == n_features:
        rows = Rows(x, network.input_scale)
        if not finite or dispatch.kernels(network.params.dtype).all_finite(rows):
            return rows
    scale, dtype = network.input_scale, network.params.dtype
    return _checks.check_rows(x, n_features, name=name, scale=scale, dtype=dtype, finite=finite)


def samples_of(network, x, y, loss, sample_weight=None, of=""):
    """Return rows, targets and weights to measure a network on, at least one of each.

    `of`: what they are part of, for messages, as in " of validation_data".
    """
    rows = rows_of(network, x, f"x{of}")
    if rows.n_rows == 0:
        _checks.refuse(f"x{of} must hold at least 1 sample; got none")
    n_outputs, dtype = network.plan.n_outputs, network.params.dtype
    targets = _checks.check_targets(y, rows.n_rows, n_outputs, dtype, loss, f"y{of}")
    return rows, targets, _checks.check_sample_weight(sample_weight, rows.n_rows, f"sample_weight{of}")


def choose_loss(network, loss=None, training=True):
    """Return the loss asked for, else that of the fit before, else the one of the output activation."""
    plan, functions = network.plan or network.built("loss"), network.functions
    output = functions[-1]
    if loss is None:
        loss = network.learning.loss or losses.OF_OUTPUT.get(output.name, "mse")
    loss = losses.get(loss)
    if training and not plan.is_smooth:
        _checks.check_learnable(functions)
    _checks.check_measurable(output, loss, plan.n_outputs)
    return loss
