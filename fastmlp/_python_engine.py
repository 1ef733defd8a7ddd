"""The training loop in NumPy, for activations and losses that only Python knows.

It reads and writes the same Job as the kernels and follows the same formulas, so that a user's own formula
gives what a built-in one of the same mathematics gives.
"""

import numpy as np

from ._philox import dropout_mask
from .activations import backward as through
from .kernels import dispatch, interrupts, rates
from .kernels.plan import INPUT, Status
from .losses import gradients, values


def gather(rows, samples, dtype):
    """Return samples as a dense array, scaled as the rows say."""
    if rows.is_sparse:
        x = np.zeros((len(samples), rows.n_features), dtype)
        for i, s in enumerate(samples):
            where = slice(rows.indptr[s], rows.indptr[s + 1])
            np.add.at(x[i], rows.indices[where], rows.data[where])
    else:
        x = rows.data[samples].astype(dtype)
    return x * dtype.type(rows.scale)


def forward(plan, activations, params, x, mask=None):
    """Return the inputs, weighted sums and activations of every layer.

    Parameters
    ----------
    plan : Plan
    activations : sequence of Activation
    params : ndarray of shape (n_params,)
    x : ndarray of shape (n, n_features)
    mask : callable, default=None
        From a layer's index (INPUT for the input) to its dropout mask, or None.
    """
    masks = {}

    def dropped(source):
        values = x if source == INPUT else outputs[source]
        rate = plan.input_dropout if source == INPUT else plan.layers[source]["dropout"]
        if mask is None or rate == 0:
            return values
        if source not in masks:
            masks[source] = mask(source, values.shape[1], rate).astype(x.dtype)
        return values * masks[source]

    inputs, sums, outputs = [], [], []
    for k, layer in enumerate(plan.layers):
        edges = plan.edges[layer["first_edge"] : layer["first_edge"] + layer["n_edges"]]
        inputs.append(np.hstack([dropped(int(e["source"])) for e in edges]))
        z = inputs[k] @ plan.weights(params, k)
        if layer["bias"] >= 0:
            z += plan.bias(params, k)
        sums.append(z)
        outputs.append(activations[k].value(z))
    return inputs, sums, outputs, masks


def backward(plan, activations, params, passed, d_output):
    """Return the gradient, laid out as `params`; `d_output` is that of the last weighted sums."""
    inputs, sums, outputs, masks = passed
    gradient = np.zeros_like(params)
    d_outputs = [np.zeros_like(a) for a in outputs]
    for k in reversed(range(len(plan.layers))):
        last = k == len(plan.layers) - 1
        d = d_output if last else through(activations[k], sums[k], outputs[k], d_outputs[k])
        np.matmul(inputs[k].T, d, out=plan.weights(gradient, k))
        layer = plan.layers[k]
        if layer["bias"] >= 0:
            plan.bias(gradient, k)[:] = d.sum(axis=0)
        d_inputs = d @ plan.weights(params, k).T
        for e in plan.edges[layer["first_edge"] : layer["first_edge"] + layer["n_edges"]]:
            source = int(e["source"])
            if source != INPUT:
                part = d_inputs[:, e["row"] : e["row"] + e["width"]]
                d_outputs[source] += part * masks[source] if source in masks else part
    return gradient


def loss_and_gradient(plan, activations, loss, params, x, y, weights, mask=None, mean_weight=0.0):
    """Return a batch's loss and gradient, penalties included; of weights that are all 0, zeros."""
    passed = forward(plan, activations, params, x, mask)
    total = 1.0
    if loss.average:
        total = (len(x) * mean_weight or weights.sum()) or np.inf
    output = activations[-1], y, passed[1][-1], passed[2][-1]
    value = float(np.dot(weights, values(loss, *output)))
    d = gradients(loss, *output) * weights[:, None]
    gradient = backward(plan, activations, params, passed, d.astype(params.dtype))
    for k, layer in enumerate(plan.layers):
        w = plan.weights(params, k)
        value += 0.5 * layer["l2"] * float(np.vdot(w, w)) + layer["l1"] * float(np.abs(w).sum())
        plan.weights(gradient, k)[...] += layer["l2"] * w + layer["l1"] * np.sign(w)
    return value / total, gradient / params.dtype.type(total)


def run(job, activations, loss, on_epoch=None):
    """Train as `fastmlp.kernels.training.run` does."""
    run, update = job.run[0], dispatch.kernels(job.params.dtype).update
    n, size, n_knots = int(run["n_samples"]), int(run["batch_size"]), int(run["rates_per_epoch"])
    n_batches = -(-n // size)
    while run["epoch"] < run["n_epochs"]:
        epoch = int(run["epoch"])
        np.copyto(job.backup, job.params)
        if run["shuffle"]:
            job.random_state.shuffle(job.order)
        total = 0.0
        for batch, first in enumerate(range(0, n, size)):
            interrupts.check_stop()
            run["learning_rate"] = rates.of_batch(job.rates, n_knots, epoch, batch, n_batches)
            value = _step(job, activations, loss, update, np.arange(first, min(first + size, n)))
            if not np.isfinite(value):
                np.copyto(job.params, job.backup)
                return Status.DIVERGED
            total += value * (min(size, n - first) if run["average"] else 1)
        if not (np.isfinite(job.params).all() and np.isfinite(job.state).all()):
            np.copyto(job.params, job.backup)
            return Status.DIVERGED
        job.losses[epoch] = total / n if run["average"] else total
        run["epoch"] = epoch + 1
        stalled = _count_stall(run, job.losses[epoch])
        if on_epoch is not None and on_epoch(job):
            return Status.EPOCH_END
        if stalled:
            return Status.STALLED
    return Status.FINISHED


def _step(job, activations, loss, update, positions):
    run, plan = job.run[0], job.plan
    samples = job.order[positions]
    weights = np.ones(len(samples)) if job.sample_weight is None else job.sample_weight[samples]

    def mask(source, n_units, rate):
        return dropout_mask(int(run["seed"]), int(run["epoch"]), source, positions, n_units, float(rate))

    x = gather(job.rows, samples, job.params.dtype)
    value, gradient = loss_and_gradient(
        plan, activations, loss, job.params, x, job.y[samples], weights, mask, float(run["mean_weight"])
    )
    if not np.isfinite(value):
        return value
    frozen = [held for k, held in enumerate(plan.spans) if plan.layers["frozen"][k]]
    before = [(held, job.params[held].copy(), job.state[:, held].copy()) for held in frozen]
    for held in frozen:
        gradient[held] = 0
    if run["clip_value"] > 0:
        np.clip(gradient, -run["clip_value"], run["clip_value"], out=gradient)
    if run["clip_norm"] > 0:
        gradient *= min(1.0, float(run["clip_norm"]) / max(float(np.linalg.norm(gradient)), 1e-300))
    if len(job.gradient):
        job.gradient[:] = gradient
    update(job.run, job.params, gradient, job.state)
    for held, params, state in before:
        job.params[held], job.state[:, held] = params, state
    run["step"] += 1
    for k, layer in enumerate(plan.layers):
        if layer["max_norm"] > 0:
            w = plan.weights(job.params, k)
            length = np.sqrt((w * w).sum(axis=0))
            w *= np.minimum(1.0, layer["max_norm"] / np.maximum(length, 1e-300)).astype(w.dtype)
    return value


def _count_stall(run, loss):
    run["no_improvement"] = run["no_improvement"] + 1 if loss > run["best_loss"] - run["tol"] else 0
    run["best_loss"] = min(run["best_loss"], loss)
    return run["no_improvement"] > run["n_iter_no_change"]
