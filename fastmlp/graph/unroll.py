"""A network written out as a graph, for one sample."""

from dataclasses import dataclass, field

import numpy as np

from .. import _checks, losses
from ..activations import Identity, Softmax
from ..kernels.plan import INPUT
from .functions import activate, log_softmax, softmax, total
from .node import Node, Operation, apply


@dataclass
class Unrolled:
    """A network as a graph.

    Attributes
    ----------
    inputs : list of Node
    parameters : list of ndarray of Node
        Weights and biases as `Network.get_weights` orders and shapes them.
    logits : list of Node
        The last layer's weighted sums.
    outputs : list of Node
    loss : Node or None
        Penalties included.
    """

    inputs: list
    parameters: list
    logits: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    loss: Node | None = None

    def gradients(self):
        """Return the loss's gradients, as `Network.gradients` does."""
        if self.loss is None:
            _checks.refuse("gradients need a loss; pass the target: unroll(network, x, y)")
        self.loss.backward()
        return [np.array([node.gradient for node in a.flat]).reshape(a.shape) for a in self.parameters]


def unroll(network, x, y=None, *, loss=None):
    """Write a small network out as a graph of scalars, for one sample.

    Parameters
    ----------
    network : Network
        With weights. Dropout is left out, as in prediction.
    x : array-like of shape (n_features,)
    y : float, int or array-like of shape (n_outputs,), default=None
        The sample's target, or its label; None: the graph ends at the outputs.
    loss : str or loss, default=None
        None: that of the last fit, else the one that belongs to the output activation, as in `Network.fit`.
        Cross-entropies follow from the logits, as everywhere: a probability that rounds to 0 makes them
        large, not infinite. Behind "half_squared_error" the graph holds the half sum of squares, whose
        gradient that loss follows.

    Returns
    -------
    Unrolled

    Examples
    --------
    >>> from fastmlp import Dense, Network
    >>> from fastmlp.graph import unroll
    >>> network = Network([Dense(2, "tanh", input_dim=2), Dense(1)], random_state=0).build()
    >>> graph = unroll(network, [1.0, -1.0], 0.5)
    >>> [a.shape for a in graph.gradients()]
    [(2, 2), (2,), (2, 1), (1,)]
    """
    plan, functions = network.built("unroll"), network.functions
    read = dict(scale=network.input_scale, dtype=network.params.dtype)
    rows = _checks.check_rows(np.reshape(x, (1, -1)), plan.n_features, **read)
    inputs = [Node(float(v) * rows.scale, f"x{i}") for i, v in enumerate(rows.data[0])]
    graph = Unrolled(inputs, [])
    reached = {INPUT: inputs}
    for k, function in enumerate(functions):
        sums = _weighted_sums(plan, network.params, k, reached, graph.parameters)
        if isinstance(function, Softmax):
            reached[k] = softmax(sums)
        elif isinstance(function, Identity):
            reached[k] = sums
        else:
            reached[k] = [activate(z, function) for z in sums]
        for j, node in enumerate(reached[k]):
            node.named(f"y{j}" if k == len(functions) - 1 else f"h{k}.{j}")
    graph.logits, graph.outputs = sums, reached[k]
    if y is not None:
        loss = losses.get(loss or network.learning.loss or losses.OF_OUTPUT.get(functions[-1].name, "mse"))
        _checks.check_learnable(functions)
        _checks.check_measurable(functions[-1], loss, plan.n_outputs)
        target = np.reshape(y, (1,)) if np.ndim(y) == 0 else np.reshape(y, (1, -1))
        target = _checks.check_targets(target, 1, plan.n_outputs, np.float64, loss)
        own = _loss(loss, functions[-1], graph, target)
        graph.loss = _add_penalties(plan, own, graph.parameters).named("loss")
    return graph


def _weighted_sums(plan, params, k, reached, parameters):
    """Return the weighted sums of layer k; its weights and bias are appended to `parameters`."""
    given = [node for e in plan.edges_of(k) for node in reached[int(e["source"])]]
    weights, bias = plan.weights(params, k), plan.bias(params, k)
    W = _nodes(f"W{k}", weights)
    b = np.array([]) if bias is None else _nodes(f"b{k}", bias)
    parameters.extend([W] if bias is None else [W, b])
    products = [[a * w for a, w in zip(given, column, strict=True)] for column in W.T]
    return [total([*terms, *b[j : j + 1]]) for j, terms in enumerate(products)]


def _nodes(name, array):
    """Return nodes for the numbers of an array, in an array of its shape."""
    nodes = np.empty(array.shape, object)
    for index, number in np.ndenumerate(array):
        nodes[index] = Node(float(number), f"{name}[{','.join(map(str, index))}]")
    return nodes


def _loss(loss, output, graph, target):
    """Return the loss's node: in elementary steps where it has few, else as one node."""
    y, a = target[0], graph.outputs
    squared = {losses.MeanSquaredError: 1.0 / len(a), losses.HalfSquaredError: 0.5, losses.SumOfSquares: 1.0}
    squared[losses.DeltaRule] = 0.5
    if type(loss) in squared:
        scale = squared[type(loss)]
        squares = total((p - Node(float(t), f"t{j}")) ** 2 for j, (p, t) in enumerate(zip(a, y, strict=True)))
        return squares if scale == 1.0 else scale * squares
    of_softmax = type(loss) is losses.SoftmaxCrossentropy
    if loss.label_smoothing == 0.0 and (of_softmax or loss.takes_logits(output)):
        logits = list(a) if of_softmax else [_times(output.slope, z) for z in graph.logits]
        if of_softmax or type(loss) is losses.CategoricalCrossentropy:
            shares = losses.one_hot(target, len(a))[0]
            return -total(_times(float(t), p) for p, t in zip(log_softmax(logits), shares, strict=True) if t)
        if type(loss) is losses.BinaryCrossentropy:
            return total(_binary(float(t), z) for t, z in zip(y, logits, strict=True))
    return _as_one_node(loss, output, graph, target)


def _binary(t, z):
    """Return -t log p - (1 - t) log(1 - p) for p = 1 / (1 + e^-z), of which neither may round to 0."""
    if t == 1.0:
        return activate(-z, "softplus")
    return activate(z, "softplus") - _times(t, z) if t else activate(z, "softplus")


def _times(factor, node):
    return node if factor == 1.0 else factor * node


def _as_one_node(loss, output, graph, target):
    """Return any loss, a user's own included, as one node behind the logits or the outputs."""
    logits = loss.takes_logits(output)

    def value(*numbers):
        row = np.array([numbers])
        return loss.each(output, target, row, row)[0]

    def partials(f, *numbers):
        row = np.array([numbers])
        return loss.backward(output, target, row, row)[0] if logits else loss.derivative(target, row)[0]

    return apply(Operation(loss.name, value, partials), *(graph.logits if logits else graph.outputs))


def _add_penalties(plan, loss, parameters):
    """Return loss + l2 / 2 sum W^2 + l1 sum |W| over the layers that have such penalties, of either kind."""
    weights = iter([a for a in parameters if a.ndim == 2])
    terms = [loss]
    for layer in plan.layers:
        W = next(weights).ravel()
        l1, l2 = (float(layer[name] + layer[f"mean_{name}"]) for name in ("l1", "l2"))
        if l2:
            terms.append(0.5 * l2 * total(w**2 for w in W))
        if l1:
            terms.append(l1 * total(abs(w) for w in W))
    return total(terms)
