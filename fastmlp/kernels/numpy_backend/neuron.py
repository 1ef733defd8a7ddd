"""One neuron that learns online, a sample at a time: see `fastmlp.kernels.neuron` for the record.

The step rule is scikit-learn's Perceptron bit for bit: whether a sample is wrong, and by how much, is decided
by a sum in the order of the features, of rounded products, in double precision.
"""

import numpy as np

from ..plan import Activation, Status
from ..records import Record
from . import tables


def learn(neuron):
    """Run a neuron.Neuron for up to run["budget"] samples; return the `Status`."""
    u = neuron.run[0]
    n, rule = int(u["n_samples"]), Activation(int(u["rule"]))
    f = tables.ACTIVATIONS[rule](float(u["slope"]))
    for _ in range(int(u["budget"])):
        if u["record"] and u["n_recorded"] >= u["capacity"]:
            break
        if u["position"] == 0:
            if u["epoch"] - u["first_epoch"] >= u["n_errors"]:
                break
            _begin_epoch(neuron)
        row = int(neuron.order[u["position"]])
        with np.errstate(all="ignore"):
            if rule == Activation.STEP:
                _step(neuron, row)
            else:
                _graded_step(neuron, row, f)
        u["position"] += 1
        if u["position"] >= n and (status := _end_epoch(neuron)) != Status.RUNNING:
            return status
    return Status.RUNNING


def _begin_epoch(neuron):
    u = neuron.run[0]
    if u["shuffle"]:
        shuffle_by_seed(neuron.order, int(u["seed"]))
    neuron.kept[:] = neuron.w
    u["kept_bias"] = u["bias"]
    u["loss_sum"] = u["error_sum"] = u["mistakes"] = 0


def shuffle_by_seed(order, seed):
    """Shuffle as scikit-learn's SGD does: Fisher-Yates upwards, by a 32-bit xorshift of its own."""
    seed, n = seed & 0xFFFFFFFF or 1, len(order)
    for i in range(n - 1):
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
        j = i + (seed & 0x7FFFFFFF) % (n - i)
        order[i], order[j] = order[j], order[i]


def _values(neuron, row):
    """Return which weights a row meets, and its values."""
    rows = neuron.rows
    if not rows.is_sparse:
        return slice(None), rows.data[row]
    where = slice(rows.indptr[row], rows.indptr[row + 1])
    return rows.indices[where], rows.data[where]


def _ordered_sum(products):
    """Add in double precision, one after another; rounded to the dtype of the products."""
    total = products.astype(np.float64).cumsum()
    return float(products.dtype.type(total[-1])) if len(total) else 0.0


def _record(neuron):
    u = neuron.run[0]
    neuron.history[u["n_recorded"], :-1] = neuron.w
    neuron.history[u["n_recorded"], -1] = u["bias"]
    u["n_recorded"] += 1


def _step(neuron, row):
    """One sample by the step rule: where t (w x + b) <= 0, w += eta t x. A target of 0 is passed over."""
    u, w, real = neuron.run[0], neuron.w, neuron.w.dtype.type
    target = float(neuron.target[row])
    if target == 0:
        return
    where, x = _values(neuron, row)
    z = (_ordered_sum(w[where] * x) + float(u["bias"])) * target
    if not z <= 0:
        return
    u["loss_sum"] -= z
    factor = real(u["positive_weight"] if target > 0 else u["negative_weight"])
    if neuron.sample_weight is not None:
        factor = real(factor * neuron.sample_weight[row])
    update = float(u["eta"]) * target * float(factor)
    if update == 0:
        return
    u["mistakes"] += 1
    # scikit-learn adds in double precision to float32 weights
    w[where] = w[where].astype(np.float64) + x.astype(np.float64) * float(real(update))
    u["bias"] += update * float(u["bias_step"])
    u["n_steps"] += 1
    if u["record"] == Record.UPDATES:
        _record(neuron)


def _graded_step(neuron, row, f):
    """One sample by the delta rule: w += eta (t - y) f'(z) x, y = f(z), z = w x + b."""
    u, w = neuron.run[0], neuron.w
    where, x = _values(neuron, row)
    z = np.array([[np.dot(w[where], x) + float(u["bias"])]], w.dtype)
    y = f.value(z)
    slope = float(f.backward(z, y, np.ones_like(z))[0, 0])
    error = float(neuron.target[row]) - float(y[0, 0])
    factor = 1.0 if neuron.sample_weight is None else float(neuron.sample_weight[row])
    u["loss_sum"] += 0.5 * error * error
    u["error_sum"] += factor * error * error
    update = float(u["eta"]) * error * slope * factor
    if update != 0:
        w[where] += w.dtype.type(update) * x
        u["bias"] += update * float(u["bias_step"])
    u["n_steps"] += 1
    if u["record"] == Record.UPDATES:
        _record(neuron)


def _end_epoch(neuron):
    """Write the epoch's error; return a status."""
    u = neuron.run[0]
    if not (np.isfinite(u["bias"]) and np.isfinite(u["error_sum"]) and np.isfinite(neuron.w).all()):
        neuron.w[:] = neuron.kept
        u["bias"] = u["kept_bias"]
        return Status.DIVERGED
    loss = u["loss_sum"] / u["n_samples"]
    error = float(u["mistakes"]) if u["rule"] == Activation.STEP else u["error_sum"] * u["error_scale"]
    neuron.last_errors[u["epoch"] - u["first_epoch"]] = error
    u["epoch"] += 1
    u["position"] = 0
    if u["record"] == Record.EPOCHS:
        _record(neuron)
    worse = u["tol"] != -np.inf and loss > u["best_loss"] - u["tol"]
    u["no_improvement"] = u["no_improvement"] + 1 if worse else 0
    u["best_loss"] = min(u["best_loss"], loss)
    if u["no_improvement"] >= u["n_iter_no_change"]:
        return Status.STALLED
    if u["epoch"] >= u["n_epochs"] or error < u["epsilon"]:
        return Status.FINISHED
    return Status.EPOCH_END if u["stop_each_epoch"] else Status.RUNNING
