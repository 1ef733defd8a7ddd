"""Steps, epochs and slices of a training, as the compiled kernels make them."""

import numpy as np

from .. import rates
from ..plan import Optimizer, Status
from .passes import gather, loss_and_gradient
from .philox import dropout_mask


def train(job, activations, loss, update):
    """Run up to run["budget"] batches; return the `Status`. Goes on where the last call stopped.

    Parameters
    ----------
    job : Job
    activations : sequence
        Of each layer.
    loss
        See `tables.LOSSES`.
    update : callable
        Of the run record, parameters, gradient and optimizer's state: one step.
    """
    run = job.run[0]
    n, size = int(run["n_samples"]), int(run["batch_size"])
    n_batches = -(-n // size)
    run["status"] = Status.FINISHED if run["epoch"] >= run["n_epochs"] else Status.RUNNING
    for _ in range(int(run["budget"])):
        if run["status"] != Status.RUNNING:
            break
        if run["batch"] == 0:
            _begin_epoch(job)
        batch = int(run["batch"])
        positions = np.arange(batch * size, min(batch * size + size, n))
        # overflow ends the run below, as in the other backends, without NumPy's warnings
        with np.errstate(all="ignore"):
            run["learning_rate"] = rates.of_batch(
                job.rates, int(run["rates_per_epoch"]), int(run["epoch"]), batch, n_batches
            )
            value = _step(job, activations, loss, update, positions)
        if not np.isfinite(value) or (batch == n_batches - 1 and not _stays_finite(job)):
            run["step"] -= bool(np.isfinite(value))  # the step that diverged is not counted
            np.copyto(job.params, job.backup)
            run["status"] = Status.DIVERGED
            break
        run["batch"] += 1
        run["loss_sum"] += value * (len(positions) if run["average"] else 1)
        if run["batch"] == n_batches:
            _end_epoch(job)
    return Status(int(run["status"]))


def _begin_epoch(job):
    run = job.run[0]
    np.copyto(job.backup, job.params)
    if run["shuffle"] and job.random_state is not None:
        job.random_state.shuffle(job.order)
    run["loss_sum"] = 0


def _stays_finite(job):
    """Whether parameters and the optimizer's state are finite: a step that ruins them may show in no loss."""
    if job.run["optimizer"][0] == Optimizer.GRADIENT:
        return True
    return bool(np.isfinite(job.params).all() and np.isfinite(job.state).all())


def _end_epoch(job):
    """Write the history and decide whether to go on."""
    run = job.run[0]
    loss = run["loss_sum"] / run["n_samples"] if run["average"] else run["loss_sum"]
    job.losses[run["epoch"]] = loss
    run["epoch"] += 1
    run["batch"] = 0
    run["no_improvement"] = run["no_improvement"] + 1 if loss > run["best_loss"] - run["tol"] else 0
    run["best_loss"] = min(run["best_loss"], loss)
    if run["no_improvement"] > run["n_iter_no_change"]:
        run["status"] = Status.STALLED
    elif run["epoch"] >= run["n_epochs"]:
        run["status"] = Status.FINISHED
    elif run["stop_each_epoch"]:
        run["status"] = Status.EPOCH_END


def _step(job, activations, loss, update, positions):
    """Make one update on the samples at these places of the order; return their loss before it."""
    run = job.run[0]
    plan = job.plan._replace(input_dropout=float(run["input_dropout"]))
    samples = job.order[positions]
    weights = np.ones(len(samples)) if job.sample_weight is None else job.sample_weight[samples]

    def mask(source, n_units, rate):
        return dropout_mask(int(run["seed"]), int(run["epoch"]), source, positions, n_units, float(rate))

    x = gather(job.rows, samples, job.params.dtype, float(run["input_scale"]))
    divisor = 1.0
    if run["average"]:
        divisor = (len(samples) * float(run["mean_weight"]) or weights.sum()) or np.inf
    value, gradient = loss_and_gradient(
        plan, activations, loss, job.params, x, job.y[samples], weights, divisor, mask
    )
    if not np.isfinite(value):
        return value
    frozen = [held for k, held in enumerate(plan.spans) if plan.layers["frozen"][k]]
    before = [(held, job.params[held].copy(), job.state[:, held].copy()) for held in frozen]
    if run["optimizer"] != Optimizer.GRADIENT:
        for held in frozen:
            gradient[held] = 0
    if run["clip_value"] > 0:
        np.clip(gradient, -run["clip_value"], run["clip_value"], out=gradient)
    if run["clip_norm"] > 0:
        length = float(np.linalg.norm(gradient.astype(np.float64)))
        gradient *= min(1.0, float(run["clip_norm"]) / max(length, 1e-300))
    if len(job.gradient):
        job.gradient[:] = gradient
    if run["optimizer"] != Optimizer.GRADIENT:
        update(job.run, job.params, gradient, job.state)
        for held, params, state in before:
            job.params[held], job.state[:, held] = params, state
        _cap_norms(plan, job.params)
    run["step"] += 1
    return value


def _cap_norms(plan, params):
    """Shorten the weights into a neuron where they are longer than the layer's max_norm."""
    for k, layer in enumerate(plan.layers):
        if layer["max_norm"] > 0:
            w = plan.weights(params, k)
            length = np.sqrt((w * w).sum(axis=0))
            w *= np.minimum(1.0, layer["max_norm"] / np.maximum(length, 1e-300)).astype(w.dtype)
