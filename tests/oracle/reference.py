"""The kernels' oracle: whole networks and trainings in plain float64 NumPy, one line per idea.

Nothing here is fast and nothing is shared with the kernels but the layout of `Plan` and `Job`.
Letters: A outputs of layers, Z before the activation, D gradients of the loss by Z.
"""

from types import SimpleNamespace

import numpy as np
from oracle.formulas import (
    activate,
    activation_backward,
    dropout_mask,
    extended,
    loss_and_delta,
    philox,
    precision,
    update,
)  # fmt: skip

from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, Status

__all__ = [
    "activate",
    "activation_backward",
    "dense",
    "extended",
    "loss_and_gradient",
    "philox",
    "predict",
    "train",
    "update",
]


def records(array):
    """Rows of a structured array as dictionaries, whose fields are found many times as fast."""
    return [dict(zip(array.dtype.names, row, strict=True)) for row in array.tolist()]


def edges_of(plan, layer):
    return records(plan.edges[layer["first_edge"] : layer["first_edge"] + layer["n_edges"]])


def forward(plan, params, x, masks=None):
    """Z and A of every layer, for the rows of x (n, n_features)."""
    masks, Z, A = masks or {}, [], []
    outputs = {INPUT: x * masks.get(INPUT, 1.0)}
    for k, layer in enumerate(records(plan.layers)):
        inputs = np.concatenate([outputs[edge["source"]] for edge in edges_of(plan, layer)], axis=1)
        bias = plan.bias(params, k)
        z = inputs @ plan.weights(params, k).astype(precision.real) + (0.0 if bias is None else bias)
        Z.append(z)
        A.append(activate(Activation(layer["activation"]), layer["slope"], z))
        outputs[k] = A[k] * masks.get(k, 1.0)
    return Z, A, outputs


def predict(plan, params, x, layer=-1, logits=False):
    Z, A, _ = forward(plan, params, x)
    return Z[layer] if logits else A[layer]


def penalty(plan, params, kind=""):
    total = 0.0
    for k, layer in enumerate(records(plan.layers)):
        l1, l2 = layer[kind + "l1"], layer[kind + "l2"]
        if l1 or l2:
            W = plan.weights(params, k).astype(precision.real)
            total += 0.5 * l2 * (W**2).sum() + l1 * np.abs(W).sum()
    return total


def loss_and_gradient(job, params, x, y, w, masks=None):
    """Loss of one batch and its gradient; `gradient_scale` acts on the data's part only."""
    plan, run = job.plan, job.run[0]
    Z, _, outputs = forward(plan, params, x, masks)
    divisor = (run["mean_weight"] * len(x) or w.sum() or np.inf) if run["average"] else 1.0
    layers, last = records(plan.layers), len(plan.layers) - 1
    losses, delta = loss_and_delta(job, layers[last], Z[last], y)
    loss = (run["loss_scale"] * (w * losses).sum() + penalty(plan, params)) / divisor
    counts = bool(np.isfinite(divisor))  # a batch without weight learns nothing
    loss += counts * penalty(plan, params, "mean_")
    D = {last: delta * w[:, None] * run["gradient_scale"]}
    gradient = np.zeros(plan.n_params, precision.real)
    for k in range(last, -1, -1):
        layer = layers[k]
        if k < last:
            back = D[k] * (masks or {}).get(k, 1.0)
            D[k] = activation_backward(Activation(layer["activation"]), layer["slope"], Z[k], back)
        W, dW = plan.weights(params, k).astype(precision.real), plan.weights(gradient, k)
        for edge in edges_of(plan, layer):
            source, rows = edge["source"], slice(edge["row"], edge["row"] + edge["width"])
            dW[rows] = outputs[source].T @ D[k]
            if source != INPUT:
                D[source] = D.get(source, 0.0) + D[k] @ W[rows].T
        if layer["l1"] or layer["l2"]:
            dW += layer["l2"] * W + layer["l1"] * np.sign(W)
        if layer["bias"] >= 0:
            plan.bias(gradient, k)[:] = D[k].sum(axis=0)
    gradient /= divisor
    for k, layer in enumerate(layers):
        if layer["mean_l1"] or layer["mean_l2"]:
            W = plan.weights(params, k).astype(precision.real)
            plan.weights(gradient, k)[...] += counts * (layer["mean_l2"] * W + layer["mean_l1"] * np.sign(W))
    return loss, gradient


def cap_norms(plan, params):
    for k, layer in enumerate(plan.layers):
        if layer["max_norm"] > 0:
            W = plan.weights(params, k)
            W *= np.minimum(1.0, layer["max_norm"] / np.maximum(np.linalg.norm(W, axis=0), 1e-300))


def dense(rows):
    x = rows.data if not rows.is_sparse else None
    if x is None:
        x = np.zeros((rows.n_rows, rows.n_features))
        for i in range(rows.n_rows):
            part = slice(rows.indptr[i], rows.indptr[i + 1])
            np.add.at(x[i], rows.indices[part], rows.data[part])
    return np.asarray(x, precision.real) * rows.scale


def targets(job):
    """Targets (n, n_outputs) of numbers: one-hot for labels, smoothed where the job says so."""
    y, k, run = job.y, job.plan.n_outputs, job.run[0]
    if y.ndim == 1:
        y = np.eye(k)[y]
    smoothing = run["label_smoothing"]
    share = {Loss.CATEGORICAL_CROSS_ENTROPY: k, Loss.SOFTMAX_CROSS_ENTROPY: k, Loss.BINARY_CROSS_ENTROPY: 2}
    share = share.get(run["loss"])
    y = np.asarray(y, precision.real)
    return y * (1.0 - smoothing) + smoothing / share if share else y


def learning_rate(job, epoch, batch, n_batches):
    """Of a batch: its epoch's, or on the straight lines between knots."""
    n_knots = job.run["rates_per_epoch"][0]
    if n_knots == 1:
        return job.rates[min(epoch, len(job.rates) - 1)]
    return np.interp(n_knots * (epoch + batch / n_batches), np.arange(len(job.rates)), job.rates)


def frozen(plan):
    """The slices of the parameters of layers that must not move."""
    ends = [*plan.layers["weights"][1:], plan.n_params]
    return [
        slice(layer["weights"], end) for layer, end in zip(plan.layers, ends, strict=True) if layer["frozen"]
    ]


def train(job):
    """All epochs of a job that has not begun. The job stays as it is; the result is returned."""
    plan, run = job.plan, job.run[0].copy()
    n, size = int(run["n_samples"]), int(run["batch_size"])
    x, y = dense(job.rows), targets(job)
    weight = np.ones(len(x)) if job.sample_weight is None else job.sample_weight
    w, state, order = job.params.astype(precision.real), job.state.astype(precision.real), job.order.copy()
    random = np.random.RandomState()
    if run["shuffle"]:
        random.set_state(job.random_state.get_state())
    result = SimpleNamespace(params=w, state=state, order=order, losses=[], gradient=None)
    stalled, best = 0, np.inf
    for epoch in range(int(run["n_epochs"])):
        if run["shuffle"]:
            random.shuffle(order)
        start, total = w.copy(), 0.0
        for first in range(0, n, size):
            at = order[first : first + size]
            positions = np.arange(first, first + len(at))
            masks = {}
            for k, p in enumerate(plan.layers["dropout"]):
                if p > 0:
                    width = int(plan.layers[k]["n_out"])
                    masks[k] = dropout_mask(p, run["seed"], positions, width, k, epoch)
            if run["input_dropout"] > 0:
                masks[INPUT] = dropout_mask(
                    run["input_dropout"], run["seed"], positions, plan.n_features, INPUT, epoch
                )
            loss, g = loss_and_gradient(job, w, x[at], y[at], weight[at], masks)
            if not np.isfinite(loss):
                w[:] = start
                result.status = Status.DIVERGED
                return result
            total += loss * len(at) if run["average"] else loss
            if run["optimizer"] != Optimizer.GRADIENT:
                for span in frozen(plan):
                    g[span] = 0
            if run["clip_value"] > 0:
                g = np.clip(g, -run["clip_value"], run["clip_value"])
            if run["clip_norm"] > 0:
                g = g * min(1.0, run["clip_norm"] / max(np.linalg.norm(g), 1e-300))
            result.gradient = g
            kept = w.copy(), state.copy()
            update(run, w, g, state, learning_rate(job, epoch, first // size, -(-n // size)))
            if run["optimizer"] != Optimizer.GRADIENT:
                for span in frozen(plan):
                    w[span], state[:, span] = kept[0][span], kept[1][:, span]
            if run["optimizer"] != Optimizer.GRADIENT:
                cap_norms(plan, w)
            run["step"] += 1
        result.losses.append(total / n if run["average"] else total)
        stalled = stalled + 1 if result.losses[-1] > best - run["tol"] else 0
        best = min(best, result.losses[-1])
        if stalled > run["n_iter_no_change"]:
            result.status = Status.STALLED
            return result
    result.status = Status.FINISHED
    return result
