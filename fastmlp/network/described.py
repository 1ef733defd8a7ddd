"""A network as a Description, and a network made what a description says."""

import copy

from .. import _checks
from ..activations import get as activation_of
from ..formats import plain
from ..formats.description import OWN, Description, Layer, versions
from ..formats.plain import meant, word
from ..kernels.memory import aligned_zeros
from ..layers import INPUT, Concatenate, Dense, Dropout
from ..losses import get as loss_of
from ..optimizers import get as optimizer_of
from . import checkpoint
from .history import History
from .preparation import Learning

MOST_LAYERS, MOST_READS = 1_000, 20_000  # what is beyond takes seconds to lay out
KEPT = ("topology", "plan", "_params", "rng", "random_state", "dtype", "input_scale", "learning", "curves",
        "n_epochs_", "interrupted_", "unfinished", "_native")  # fmt: skip
OF_DENSE = ("input_dim", "use_bias", "initializer", "bias_initializer", "l1", "l2", "max_norm", "trainable")


def describe(network, training=False, keep=False):
    """Return the Description of a network.

    Parameters
    ----------
    network : Network
        Another thread may train it.
    training : bool, default=False
        Whether to say what training goes on from.
    keep : bool, default=False
        Whether a user's own objects stay as they are, for pickles.
    """
    state = dict(vars(network))
    topology, plan, params = state["topology"], state["plan"], state["_params"]
    if params is None:
        plan = None  # another thread lays it out at this moment
    elif not keep:
        params = params.copy()  # another thread may train them between the check sum and the file
    dtype, learning = state["dtype"], state["learning"]
    parameters = dict(random_state=state["random_state"], dtype=dtype and dtype.name)
    if topology.reg is not None:
        parameters["reg"] = topology.reg
    described = tuple(_topology(topology, keep))
    if not keep:
        _check_extent(described)
    fitted = {
        "n_epochs_": state["n_epochs_"], "interrupted_": state.get("interrupted_", False),
        "history_": state["curves"].copy(),
        "target_range": learning.target_range,
    }  # fmt: skip
    own = {name: value for name, value in state.items() if name not in KEPT}
    if keep:
        fitted[OWN] = own
    else:
        _checks.check_nothing_else(own)
    return Description(
        kind="Network",
        parameters=plain.plain(parameters, "", keep),
        n_features=None if plan is None else plan.n_features,
        input_dropout=0.0 if plan is None else plan.input_dropout,
        input_scale=state["input_scale"],
        dtype=None if plan is None else params.dtype.name,
        layers=tuple(_layers(topology, plan, params, keep)),
        topology=described,
        params=None if plan is None else params,
        loss=learning.loss and plain.plain(learning.loss, "loss", keep),
        optimizer=learning.optimizer and plain.plain(learning.optimizer, "optimizer", keep),
        output={"task": "values"},
        fitted=fitted,
        versions=versions(),
        training=_training(network, state) if training else None,
    )


def _layers(topology, plan, params, keep):
    for k, layer in enumerate(topology.dense):
        said = {name: plain.plain(getattr(layer, name), f"{layer.name}.{name}", keep) for name in OF_DENSE}
        said |= {"named": not layer._named, "dropout": 0.0}
        sources, weights, bias = (), None, None
        if plan is not None:
            sources, said["dropout"] = (
                tuple(plan.edges_of(k)["source"].tolist()),
                float(plan.layers[k]["dropout"]),
            )
            weights, bias = plan.weights(params, k), plan.bias(params, k)
        activation = plain.plain(layer.activation, f"{layer.name}.activation", keep)
        yield Layer(layer.name, layer.units, activation, sources, weights, bias, said)


def _topology(topology, keep):
    for layer, sources in zip(list(topology.layers), list(topology.sources), strict=True):
        said = {"kind": type(layer).__name__, "sources": list(sources)}
        if type(layer) not in (Dense, Dropout, Concatenate):  # a class of a user's
            said["layer"] = layer if keep else _checks.refuse_for_file(f"layer {layer.name}", layer)
        elif not isinstance(layer, Dense):
            said |= {"name": layer.name, "named": not layer._named}
            said |= {"rate": layer.rate} if isinstance(layer, Dropout) else {}
        yield said


def _training(network, state):
    """Return what training goes on from, all of it as it was when the network's attributes were looked at."""
    still = object.__new__(type(network))
    vars(still).update(state)
    return {**checkpoint.of_network(still), "run": checkpoint.unfinished_run(network)}


def restore(network, description, keep=False):
    """Make a network what a description says.

    Parameters
    ----------
    network : Network
        Made by ``object.__new__``.
    description : Description
        Its vector of parameters, where it has one, becomes the network's.
    keep : bool, default=False
        Whether attributes of a user's own may come with it, as in pickles.
    """
    network.begin(**meant(description.parameters), input_scale=description.input_scale)
    if not keep:
        _check_extent(description.topology)
    _layers_into(network.topology, description)
    if description.n_features is not None:
        network.take_plan(*_laid_out(network, description))
    seen = _fitted_into(network, dict(description.fitted), keep)
    loss = word(description.loss, "loss")
    optimizer = word(description.optimizer, "optimizer")
    network.learning = Learning(loss and loss_of(loss), optimizer and optimizer_of(optimizer), None, seen)
    if description.training is not None:
        checkpoint.put(network, description.training)


def _check_extent(topology):
    """Raise where it would take long to find what the layers of a described network read."""
    _checks.check_n_layers(len(topology), MOST_LAYERS)
    steps = []
    for i, said in enumerate(topology):
        # what Concatenate reads may be Concatenate again: a few of them stand for any number of reads
        sources = _checks.check_sources(said["sources"], i)
        through = [s for s in sources if s >= 0 and topology[s]["kind"] != "Dense"]
        steps.append(1 + len(sources) - len(through) + sum(steps[s] for s in through))
        _checks.check_n_reads(steps[-1], MOST_READS)
    _checks.check_n_reads(sum(steps), MOST_READS)


def _layers_into(topology, description):
    """Give an empty topology its layers."""
    dense, names = iter(description.layers), set()
    for said in description.topology:
        reads = [topology.layers[s].name if s >= 0 else INPUT for s in said["sources"]]
        layer, name = _layer(said, dense, reads)
        _checks.check_new_name(name, names)
        names.add(name)
        topology.put(layer, name, layer, list(said["sources"]))


def _layer(said, dense, reads):
    """Return a layer, in no network yet, and its name there."""
    if "layer" in said:  # of a user's class
        next(dense) if isinstance(said["layer"], Dense) else None
        return copy.copy(said["layer"]), said["layer"].name
    if said["kind"] == "Dense":
        one = next(dense)
        options = {name: one.options[name] for name in OF_DENSE}
        for name in ("initializer", "bias_initializer"):
            options[name] = word(options[name], "initializer")
        name = one.name if one.options["named"] else None
        activation = activation_of(word(one.activation, "activation"))
        return Dense(one.units, activation, name=name, **options), one.name
    name = said["name"] if said["named"] else None
    if said["kind"] == "Dropout":
        return Dropout(said["rate"], name=name), said["name"]
    return _checks.check_choice("kind", said["kind"], {"Concatenate": Concatenate})(reads, name=name), said[
        "name"
    ]


def _laid_out(network, description):
    """Return the flat parameters for a network whose layers are there."""
    plan = network.topology.compile(_checks.check_int("n_features", description.n_features))
    given = [(layer.weights, layer.bias) for layer in description.layers]
    _checks.check_given("dtype", description.dtype, "that of the weights")
    params, dtype = description.params, _checks.check_dtype(description.dtype)
    if params is None or any(weights is not None for weights, _ in given):
        _checks.check_described_weights(plan, given, dtype)
    if params is not None:
        _checks.check_laid_out(plan, params, dtype)
        return plan, params
    params = aligned_zeros(plan.n_params, dtype)
    for k, (weights, bias) in enumerate(given):
        plan.weights(params, k)[...] = weights
        if bias is not None:
            plan.bias(params, k)[...] = bias
    return plan, params


def _fitted_into(network, fitted, keep):
    """Take over what was fitted beside the weights; return the range of the targets."""
    network.n_epochs_ = _checks.check_int("n_epochs_", fitted.pop("n_epochs_"), 0)
    network.interrupted_ = _checks.check_flag("interrupted_", fitted.pop("interrupted_"))
    network.curves = History(_checks.check_history(fitted.pop("history_")))
    seen = _checks.check_range_seen(fitted.pop("target_range"))
    if keep:
        vars(network).update(fitted.pop(OWN, {}))
    _checks.check_nothing_else(fitted)
    return seen
