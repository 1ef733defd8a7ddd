"""Where training stands, as plain data, and how a network goes on from there.

Plain data are dicts, lists, numbers, texts, None and arrays: a file of them holds nothing that could be run.
A network at rest says what its next fit, or `train_on_batch`, goes on from. In a callback it also says where
the fit stands that runs it; see `run_state.py`.
"""

from copy import deepcopy
from numbers import Integral

from .. import _checks
from ..kernels.memory import aligned_zeros
from ..optimizer_state import OptimizerState
from ..optimizers import LBFGS
from .in_training import is_ours, run_of


def of_network(network):
    """Return what a network's training goes on from, beside what it has learned and by what."""
    kept = network.learning.optimizer_state
    return {
        "optimizer_state": None if kept is None else kept.as_data(),
        "random_state": None if network.rng is None else network.rng.get_state(legacy=False),
        "run": unfinished_run(network),
    }


def unfinished_run(model):
    """Return where the fit stands whose callback asks, or the one that a file was read of; else None."""
    run = run_of(model)
    if run is not None and run.run_state is not None and is_ours(model):
        return run.run_state()
    return deepcopy(getattr(model, "_network", model).unfinished)


def put(network, state):
    """Let a network that has its weights, loss and optimizer go on from what `of_network` has returned."""
    plan, learning, kept = network.plan, network.learning, state["optimizer_state"]
    if kept is not None:
        kept = OptimizerState.of_data(learning.optimizer, plan.n_params, network.params.dtype, kept)
    network.learning = learning._replace(optimizer_state=kept)
    if state["random_state"] is not None:
        network.rng = _checks.check_stream(network.rng, state["random_state"])
    network.unfinished = _checks.check_unfinished_run(state["run"])


def adopt(network, source):
    """Put a network where a checkpoint says that training stood; return the run that is to go on from there.

    Parameters
    ----------
    network : Network
    source : str, path-like or Network
        A file, or what was loaded of one.
    """
    other = _checks.check_resumable(source, type(network), load)
    run = _checks.check_unfinished(other, other.unfinished, isinstance(other.learning.optimizer, LBFGS))
    other = deepcopy(other)  # which may be the network itself
    plan, dtype = network.topology.compile(other.plan.n_features), other.params.dtype
    asked = dtype if network.dtype is None else network.dtype
    _checks.check_same("the network", _layout(other, other.plan, dtype), _layout(network, plan, asked))
    params = aligned_zeros(plan.n_params, dtype)
    params[:] = other.params
    network.take_plan(plan, params)
    network.learning, network.curves, network.n_epochs_ = other.learning, other.curves, other.n_epochs_
    put(network, of_network(other))
    return run


def load(path):
    """Return the model in a file."""
    from ..formats.saving import load  # what reads files is imported when first used

    return load(path)


def _layout(network, plan, dtype):
    """Return what makes the weights of two networks mean the same, by name."""
    found = {"layers": len(plan.layers)}
    for k, (layer, function) in enumerate(zip(plan.layers, network.functions, strict=True)):
        name = network.topology.dense[k].name
        found[f"name of layer {k + 1}"] = name
        found[f"activation of {name}"] = _checks.described(function)
        for field in ("n_out", "n_in", "dropout", "l1", "l2", "max_norm", "frozen"):
            found[f"{field} of {name}"] = layer[field].item()
        found[f"use_bias of {name}"] = bool(layer["bias"] >= 0)
    seed = network.random_state
    return found | {
        "sources of layers": plan.edges.tolist(),
        "dropout of the input": plan.input_dropout,
        "input_scale": network.input_scale,
        "reg": _checks.described(network.reg),
        "dtype": dtype.name,
        "random_state": int(seed) if isinstance(seed, Integral) else None,
    }
