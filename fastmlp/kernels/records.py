"""Codes, records and limits that Python and the kernels share: declared here, and nowhere else.

``setup.py`` writes them for Cython (`as_cython`) when the kernels are built; Numba reads them as they are.
Records hold 8-byte fields only, so that a C compiler and NumPy lay them out alike. What C made of them is
asked of every compiled module before it is used (`declared`), so that one of an older build is refused.

This file imports nothing of the package: ``setup.py`` reads it before there is one.
"""

from enum import IntEnum

import numpy as np

INPUT = -1  # the source of an edge that starts at the network's input
CHUNK = 1024  # samples that lie in the workspace at once: a slice may end after them, in the midst of a batch
TINY_WIDTH = 64  # the widest layer of the tiny regime, and of an ensemble
ENSEMBLE_PARAMS = 4096  # of the largest nets of an ensemble


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
    SOFTMAX_CROSS_ENTROPY = 9  # categorical, of a softmax of the outputs, whatever these are


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


class RowKind(IntEnum):
    """What rows of the input hold. All from CSR_F32 on are CSR."""

    F32 = 0
    F64 = 1
    U8 = 2
    CSR_F32 = 3
    CSR_F64 = 4


class Status(IntEnum):
    """Why `train` returned."""

    RUNNING = 0  # the budget is used up: call again
    EPOCH_END = 1  # Python asked to be called at every epoch's end
    FINISHED = 2  # all epochs done
    STALLED = 3  # no improvement for more than n_iter_no_change epochs
    DIVERGED = 4  # the loss is not finite; parameters are those of the last epoch's start
    BAD_ROWS = 5  # from `training.run`: the input, which was to be checked, holds NaN or infinity


class Record(IntEnum):
    """When a single neuron's weights are recorded."""

    NOTHING = 0
    EPOCHS = 1  # at each epoch's end
    UPDATES = 2  # step rule: after each change; otherwise after each sample


def _fields(integers, floats):
    return np.dtype(
        [(name, np.int64) for name in integers.split()] + [(name, np.float64) for name in floats.split()],
        align=True,  # so that NumPy tells where a record is off alignment
    )


LAYER = _fields(
    # weights, bias: offsets into the parameter vector (bias -1: the layer has none)
    # frozen: neither weights nor bias move, nor what an optimizer knows of them
    "n_in n_out activation weights bias first_edge n_edges frozen",
    # l1, l2: added to the sum of a batch's losses, mean_l1, mean_l2: to their mean; as l1 |w| + l2 w^2 / 2
    "slope dropout l1 l2 mean_l1 mean_l2 max_norm",
)

EDGE = _fields(
    # columns `width` of `source` (layer index or INPUT) meet weight rows from `row` on;
    # is_first/is_last: this edge is the first/last of its source to be met on the way back
    "source width row is_first is_last",
    "",
)

RUN = _fields(
    # the data
    "n_samples n_features n_outputs labels "
    # where training stands: `epoch` and `batch` are what comes next, `step` counts updates
    "epoch n_epochs batch step budget status "
    # what is done
    "batch_size shuffle regime sparse optimizer loss average epsilon_corrected n_threads "
    # halves: online, in two parts whatever the number of threads; n_active: threads that take part in the
    # next slice, or 0 for all
    "halves n_active "
    # rates_per_epoch: 1, or how many learning rates serve the steps of an epoch (see rates.py)
    "stop_each_epoch no_improvement n_iter_no_change seed check_rows rates_per_epoch",
    "learning_rate momentum beta_1 beta_2 epsilon weight_decay clip_value clip_norm "
    "loss_parameter label_smoothing loss_scale gradient_scale input_scale input_dropout "
    # mean_weight: what a sample of a batch counts in the divisor; 0: its own weight
    "tol best_loss loss_sum mean_weight",
)

# rule: an Activation, STEP, IDENTITY, LOGISTIC or TANH; slope is its own. position: the next sample's place
# in the order. n_steps: changes (step rule) or samples so far. bias_step: factor of the bias's steps, 0 for
# no bias. kept_bias: at the epoch's start. positive_weight, negative_weight: of the classes (step rule).
# error_scale multiplies the sum of squared errors. An epoch's error below epsilon ends the run, and so do
# n_iter_no_change epochs whose mean loss is no better than the best one's by tol (-inf: never).
NEURON = _fields(
    "n_samples n_features rule shuffle seed epoch n_epochs position budget record capacity "
    "n_recorded first_epoch n_errors n_iter_no_change no_improvement mistakes n_steps stop_each_epoch",
    "eta bias kept_bias bias_step slope positive_weight negative_weight error_scale epsilon "
    "tol best_loss loss_sum error_sum",
)

RECORDS = {"Layer": LAYER, "Edge": EDGE, "Run": RUN, "Neuron": NEURON}
LIMITS = {
    "INPUT": INPUT,
    "CHUNK": CHUNK,
    "TINY_WIDTH": TINY_WIDTH,
    "ENSEMBLE_PARAMS": ENSEMBLE_PARAMS,
}
PREFIXES = {
    Activation: "", Loss: "", Optimizer: "", Regime: "", Listing: "", RowKind: "ROWS_", Status: "",
    Record: "RECORD_",
}  # fmt: skip


def _codes():
    """All names that C knows, with their numbers."""
    return LIMITS | {f"{prefix}{code.name}": int(code) for kind, prefix in PREFIXES.items() for code in kind}


def declared():
    """Numbers of all codes, and where each field of each record lies."""
    found = _codes()
    for name, record in RECORDS.items():
        found[name] = record.itemsize
        for field, (kind, offset, *_) in record.fields.items():
            found[f"{name}.{field} {kind}"] = offset
    return found


def as_cython():
    """The same as Cython source, with a function `declared` that tells what C made of it."""
    lines = ["# Written by setup.py from records.py.", "", "cdef enum:"]
    lines += [f"    {name} = {number}" for name, number in _codes().items()]
    told = [f'        "{name}": {name},' for name in _codes()]
    for name, record in RECORDS.items():
        lines += ["", f"cdef struct {name}:"]
        told.append(f'        "{name}": sizeof({name}),')
        for field, (kind, *_) in record.fields.items():
            lines.append(f"    {'double' if kind == np.float64 else 'int64_t'} {field}")
            told.append(f'        "{name}.{field} {kind}": <char *>&of_{name}.{field} - <char *>&of_{name},')
    lines += [
        "",
        "def declared():",
        '    """Numbers of all codes, and where each field of each record lies."""',
    ]
    lines += [f"    cdef {name} of_{name}" for name in RECORDS]
    return "\n".join([*lines, "    return {", *told, "    }", ""])
