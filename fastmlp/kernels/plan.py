"""A network as flat memory: what both backends read.

A `Plan` is a structured array with one row per layer, a second one with one row per edge
(which earlier layer, or the network's input, feeds which rows of a layer's weights), and the
length of ONE flat parameter vector. Weights are stored (n_in, n_out), layer after layer, each
followed by its bias: ``W_0, b_0, W_1, b_1, ...``. Gradients and optimizer state have the same
layout.

The dtypes below hold only 8-byte fields, so that a C compiler and NumPy lay them out alike; the
compiled modules declare the same structs in ``types.pxi`` and a test compares the two.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

INPUT = -1  # the source of an edge that starts at the network's input


class Activation(IntEnum):
    """Activation codes. `slope` is the layer's own parameter of the function."""

    IDENTITY = 0
    LOGISTIC = 1  # 1 / (1 + exp(-slope z))
    TANH = 2  # tanh(slope z)
    RELU = 3
    LEAKY_RELU = 4  # slope z below 0
    ELU = 5  # slope (exp(z) - 1) below 0
    SELU = 6
    SOFTPLUS = 7
    GELU = 8  # exact: z Phi(z)
    SILU = 9
    STEP = 10  # 1 where z >= 0 else 0; forward only
    SOFTMAX = 11
    EXP = 12


class Loss(IntEnum):
    """Loss codes: the loss of one sample, summed over its outputs.

    `Run.loss_scale` multiplies the reported value, `Run.gradient_scale` the gradient.
    """

    HALF_SQUARED_ERROR = 0  # (a - y)^2 / 2
    BINARY_CROSS_ENTROPY = 1  # from logits where the output is logistic or identity
    CATEGORICAL_CROSS_ENTROPY = 2  # from logits where the output is softmax or identity
    HINGE = 3  # sum_j max(0, z_j - z_y + margin), j != y
    SQUARED_HINGE = 4
    ABSOLUTE_ERROR = 5
    HUBER = 6  # loss_parameter: delta
    QUANTILE = 7  # loss_parameter: the quantile
    POISSON = 8  # half deviance; from logits where the output is exp


class Optimizer(IntEnum):
    """Optimizer codes. GRADIENT stores the gradient and changes no parameter."""

    GRADIENT = 0
    SGD = 1
    MOMENTUM = 2
    NESTEROV = 3
    ADAM = 4
    AMSGRAD = 5
    ADAGRAD = 6
    RMSPROP = 7
    RPROP = 8


N_STATES = {
    Optimizer.GRADIENT: 0,
    Optimizer.SGD: 0,
    Optimizer.MOMENTUM: 1,
    Optimizer.NESTEROV: 1,
    Optimizer.ADAM: 2,
    Optimizer.AMSGRAD: 3,
    Optimizer.ADAGRAD: 1,
    Optimizer.RMSPROP: 2,
    Optimizer.RPROP: 2,
}


class Regime(IntEnum):
    """How a training step is carried out; chosen in `training.py` from the sizes."""

    BATCH = 0  # two phases, register-blocked products
    ONLINE = 1  # one sample a step, fused passes over weight rows
    TINY = 2  # samples in vector lanes


class Listing(IntEnum):
    """How the non-zeros of a sparse input are listed (``run["sparse"]``); chosen in `training.py`."""

    DENSE = 0  # not at all
    LISTS = 1  # each row's
    SHARED = 2  # those of a few rows together, where the kernels can


class Status(IntEnum):
    """Why `train` returned."""

    RUNNING = 0  # the budget is used up: call again
    EPOCH_END = 1  # Python asked to be called at every epoch's end
    FINISHED = 2  # all epochs done
    STALLED = 3  # no improvement for more than n_iter_no_change epochs
    DIVERGED = 4  # the loss is not finite; parameters are those of the last epoch's start
    BAD_ROWS = 5  # from `training.run`: the input, which was to be checked, holds NaN or infinity


def _fields(integers, floats):
    return np.dtype(
        [(name, np.int64) for name in integers.split()] + [(name, np.float64) for name in floats.split()],
        align=True,  # so that NumPy tells where a record is off alignment
    )


LAYER = _fields(
    # weights, bias: offsets into the parameter vector (bias -1: the layer has none)
    # frozen: neither weights nor bias move, nor what an optimizer knows of them
    "n_in n_out activation weights bias first_edge n_edges frozen",
    "slope dropout l1 l2 max_norm",
)

EDGE = _fields(
    # columns `width` of `source` (layer index or INPUT) meet weight rows from `row` on;
    # opens/closes: this edge is the first/last of its source to be met on the way back
    "source width row opens closes",
    "",
)

RUN = _fields(
    # the data
    "n_samples n_features n_outputs labels "
    # where training stands: `epoch` and `batch` are what comes next, `step` counts updates
    "epoch n_epochs batch step budget status "
    # what is done
    "batch_size shuffle regime sparse optimizer loss average epsilon_corrected n_threads "
    # rates_per_epoch: 1, or how many learning rates serve the steps of an epoch (see rates.py)
    "stop_each_epoch no_improvement n_iter_no_change seed check_rows rates_per_epoch",
    "learning_rate momentum beta_1 beta_2 epsilon weight_decay clip_value clip_norm "
    "loss_parameter label_smoothing loss_scale gradient_scale input_scale input_dropout "
    # mean_weight: what a sample of a batch counts in the divisor; 0: its own weight
    "tol best_loss loss_sum mean_weight",
)


class Plan(NamedTuple):
    """The flat description of a network.

    Attributes
    ----------
    layers : ndarray of LAYER, shape (n_layers,)
    edges : ndarray of EDGE, shape (n_edges,)
    n_features : int
        Columns of the network's input.
    n_params : int
        Length of the flat parameter vector.
    input_dropout : float
        Dropout rate on the network's input.
    """

    layers: np.ndarray
    edges: np.ndarray
    n_features: int
    n_params: int
    input_dropout: float = 0.0

    @property
    def n_outputs(self):
        return int(self.layers[-1]["n_out"])

    def without_training(self):
        """The same network without what is done in training only: dropout, and limits of weights."""
        if not self.input_dropout and not any(map(any, self.layers[["dropout", "max_norm"]].tolist())):
            return self
        layers = self.layers.copy()
        layers["dropout"] = layers["max_norm"] = 0.0
        return self._replace(layers=layers, input_dropout=0.0)

    @property
    def spans(self):
        """The slice of the parameter vector that each layer's weights and bias take."""
        starts = self.layers["weights"].tolist()
        return [slice(a, b) for a, b in zip(starts, [*starts[1:], self.n_params], strict=True)]

    def weights(self, flat, k):
        """View of layer `k`'s weights, shape (n_in, n_out), in a flat vector."""
        layer = self.layers[k]
        start, n_in, n_out = int(layer["weights"]), int(layer["n_in"]), int(layer["n_out"])
        return flat[start : start + n_in * n_out].reshape(n_in, n_out)

    def bias(self, flat, k):
        """View of layer `k`'s bias, shape (n_out,), or None where it has none."""
        start = int(self.layers[k]["bias"])
        return None if start < 0 else flat[start : start + int(self.layers[k]["n_out"])]


def build_plan(n_features, specs, input_dropout=0.0):
    """Lay out a network.

    Parameters
    ----------
    n_features : int
    specs : sequence of dict
        One per layer, in an order in which sources come first: ``n_out`` and ``sources`` (layer
        indices or INPUT), and optionally ``activation``, ``slope``, ``bias`` (bool), ``dropout``,
        ``l1``, ``l2``, ``max_norm``, ``trainable`` (bool; a layer that is not has no penalties). The last
        layer is the output.
    input_dropout : float, default=0.0

    Returns
    -------
    Plan
    """
    layers = np.zeros(len(specs), LAYER)
    edges = np.zeros(sum(len(spec["sources"]) for spec in specs), EDGE)
    offset = e = 0
    for k, spec in enumerate(specs):
        layer = layers[k]
        layer["n_out"] = n_out = spec["n_out"]
        layer["activation"] = spec.get("activation", Activation.IDENTITY)
        layer["slope"] = spec.get("slope", 1.0)
        layer["dropout"] = spec.get("dropout", 0.0)
        layer["frozen"] = not spec.get("trainable", True)
        for name in ("l1", "l2", "max_norm"):
            layer[name] = 0.0 if layer["frozen"] else spec.get(name, 0.0)
        layer["first_edge"], layer["n_edges"] = e, len(spec["sources"])
        row = 0
        for source in spec["sources"]:
            width = n_features if source == INPUT else layers[source]["n_out"]
            edges[e]["source"], edges[e]["width"], edges[e]["row"] = source, width, row
            row += int(width)
            e += 1
        layer["n_in"] = row
        layer["weights"] = offset
        offset += row * n_out
        if spec.get("bias", True):
            layer["bias"] = offset
            offset += n_out
        else:
            layer["bias"] = -1
    for source in range(len(specs) - 1):
        of_source = np.flatnonzero(edges["source"] == source)
        edges["closes"][of_source[0]] = 1
        edges["opens"][of_source[-1]] = 1
    for records in layers, edges:  # the kernels trust them
        records.setflags(write=False)
    return Plan(layers, edges, int(n_features), int(offset), float(input_dropout))
