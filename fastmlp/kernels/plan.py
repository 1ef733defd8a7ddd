"""A network as flat memory: what both backends read.

A `Plan` is a structured array with one row per layer, a second one with one row per edge
(which earlier layer, or the network's input, feeds which rows of a layer's weights), and the
length of ONE flat parameter vector. Weights are stored (n_in, n_out), layer after layer, each
followed by its bias: ``W_0, b_0, W_1, b_1, ...``. Gradients and optimizer state have the same
layout.

Codes and records are declared in ``records.py``.
"""

from typing import NamedTuple

import numpy as np

from .cached import cached_property
from .records import EDGE, INPUT, LAYER, RUN, Activation, Listing, Loss, Optimizer, Regime, Status

__all__ = [
    "EDGE", "INPUT", "LAYER", "N_STATES", "RUN", "Activation", "Listing", "Loss", "Optimizer", "Plan",
    "Regime", "Status", "build_plan",
]  # fmt: skip

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


class _Plan(NamedTuple):
    layers: np.ndarray
    edges: np.ndarray
    n_features: int
    n_params: int
    input_dropout: float = 0.0


class Plan(_Plan):
    """The flat description of a network. What is asked of it again and again is looked up once.

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
    n_outputs : int
        Units of the last layer.
    widest : int
        Columns of the input, or units of the largest layer.
    drops : bool
        Whether anything is dropped in training.
    needs_batches : bool
        Whether training does what only the mini-batch regime can.
    trainable : list of bool
        Whether each layer learns.
    is_smooth : bool
        Whether no layer's activation is a step, which has no gradient.
    """

    @cached_property
    def n_outputs(self):
        return self.layers["n_out"].item(-1)

    @cached_property
    def widest(self):
        return max(self.n_features, *self.layers["n_out"].tolist())

    @cached_property
    def drops(self):
        return bool(self.input_dropout) or self._says("dropout")

    @cached_property
    def needs_batches(self):
        return self.drops or self._says("l1") or self._says("mean_l1") or self._says("max_norm")

    @cached_property
    def trainable(self):
        return [not frozen for frozen in self.layers["frozen"].tolist()]

    @cached_property
    def is_smooth(self):
        return Activation.STEP not in self.layers["activation"].tolist()

    def _says(self, name):
        """Whether a field is other than 0 in any layer; for few layers a list is faster."""
        return any(self.layers[name].tolist())

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

    def edges_of(self, k):
        """The edges that end in layer `k`, in the order of its weights' rows."""
        first = int(self.layers[k]["first_edge"])
        return self.edges[first : first + int(self.layers[k]["n_edges"])]

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
        ``l1``, ``l2``, ``mean_l1``, ``mean_l2``, ``max_norm``, ``trainable`` (bool; a layer that is not has
        no penalties). The last layer is the output.
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
        for name in ("l1", "l2", "mean_l1", "mean_l2", "max_norm"):
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
        edges["is_last"][of_source[0]] = 1
        edges["is_first"][of_source[-1]] = 1
    for records in layers, edges:  # the kernels trust them
        records.setflags(write=False)
    plan = Plan(layers, edges, int(n_features), int(offset), float(input_dropout))
    for name in ("n_outputs", "widest", "drops", "needs_batches", "trainable", "is_smooth"):
        getattr(plan, name)  # now, not in the first fit
    return plan
