"""A network's way forward and back: weighted sums, activations, and the gradient of a loss."""

import numpy as np

from ..plan import INPUT


def gather(rows, samples, dtype, scale):
    """Return samples as a dense array, every value multiplied by `scale` before it is rounded to `dtype`."""
    wide = np.promote_types(rows.data.dtype, dtype)
    if rows.is_sparse:
        x = np.zeros((len(samples), rows.n_features), wide)
        for i, s in enumerate(samples):
            where = slice(rows.indptr[s], rows.indptr[s + 1])
            np.add.at(x[i], rows.indices[where], rows.data[where])
    else:
        x = rows.data[samples].astype(wide)
    return (x * wide.type(scale)).astype(dtype, copy=False)


def by_rows(x, W):
    """Return x @ W, row by row: in one product, BLAS sums a row by where it stands among how many."""
    return (x[:, None, :] @ W)[:, 0]


def forward(plan, activations, params, x, mask=None):
    """Return the inputs, weighted sums and activations of every layer.

    Parameters
    ----------
    plan : Plan
    activations : sequence
        Of each layer: objects with ``value(z)`` and ``backward(z, a, d)``.
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
        inputs.append(np.hstack([dropped(int(e["source"])) for e in plan.edges_of(k)]))
        z = by_rows(inputs[k], plan.weights(params, k))
        if layer["bias"] >= 0:
            z += plan.bias(params, k)
        sums.append(z)
        outputs.append(activations[k].value(z).astype(z.dtype, copy=False))
    return inputs, sums, outputs, masks


def backward(plan, activations, params, passed, d_output):
    """Return the gradient, laid out as `params`; `d_output` is that of the last weighted sums."""
    inputs, sums, outputs, masks = passed
    gradient = np.zeros_like(params)
    d_outputs = [np.zeros_like(a) for a in outputs]
    for k in reversed(range(len(plan.layers))):
        last = k == len(plan.layers) - 1
        d = d_output if last else activations[k].backward(sums[k], outputs[k], d_outputs[k])
        d = d.astype(params.dtype, copy=False)
        np.matmul(inputs[k].T, d, out=plan.weights(gradient, k))
        layer = plan.layers[k]
        if layer["bias"] >= 0:
            plan.bias(gradient, k)[:] = d.sum(axis=0)
        d_inputs = d @ plan.weights(params, k).T
        for e in plan.edges_of(k):
            source = int(e["source"])
            if source != INPUT:
                part = d_inputs[:, e["row"] : e["row"] + e["width"]]
                d_outputs[source] += part * masks[source] if source in masks else part
    return gradient


def loss_and_gradient(plan, activations, loss, params, x, y, weights, divisor=1.0, mask=None):
    """Return a batch's loss and gradient, penalties included, divided by `divisor`.

    Parameters
    ----------
    plan, activations, params, x, mask
        As in `forward`.
    loss
        With ``each(output, y, z, a)``, the loss of each sample, and ``backward(output, y, z, a)``, its
        derivative with respect to the last weighted sums z; `output` is the last activation, a its value.
    y : ndarray of shape (n, n_outputs), or labels (n,)
    weights : ndarray of shape (n,)
    divisor : float
    """
    passed = forward(plan, activations, params, x, mask)
    output = activations[-1], y, passed[1][-1], passed[2][-1]
    value = float(np.dot(weights, loss.each(*output)))
    d = loss.backward(*output) * weights[:, None]
    gradient = backward(plan, activations, params, passed, d)
    whole = divisor if np.isfinite(divisor) else 0.0  # a batch without weight learns nothing
    for k, layer in enumerate(plan.layers):
        w = plan.weights(params, k)
        l1, l2 = (float(layer[name] + layer[f"mean_{name}"] * whole) for name in ("l1", "l2"))
        squares = 0.5 * l2 * float(np.vdot(w, w)) if l2 > 0 else 0.0  # 0 times what overflows would be NaN
        value += squares + (l1 * float(np.abs(w).sum()) if l1 > 0 else 0.0)
        plan.weights(gradient, k)[...] += l2 * w + l1 * np.sign(w)
    return value / divisor, gradient / params.dtype.type(divisor)
