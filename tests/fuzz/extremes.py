"""Numbers at the ends of a dtype for the fuzzer: outputs and losses are the oracle's, whatever goes in."""

import numpy as np
from fuzz import cases
from fuzz.networks import check, close
from oracle import reference
from oracle.jobs import ONE_HOT

from fastmlp.kernels import training
from fastmlp.kernels.job import Job, Rows
from fastmlp.kernels.plan import Activation, build_plan

ROUNDINGS = 3000  # of the largest number on the way of a row


def trial(seed, backend, dtype):
    """Predict, and ask for loss and gradient, from the smallest denormals to what nearly overflows."""
    draw, limits = cases.Draw(seed), np.finfo(dtype)
    loss = draw.one(*cases.OUTPUTS)
    output, k = draw.one(*cases.OUTPUTS[loss]), draw.one(2, 3, 10)
    n, n_features = draw.one(1, 2, 17, 40), draw.one(*cases.WIDTHS)
    plan = build_plan(n_features, cases.graph(draw, k, output)).without_training()
    largest = float(limits.max) ** draw.one(0.02, 0.05, 0.1, 0.2)
    sizes = np.array([0, limits.smallest_subnormal, limits.tiny, limits.eps, 1, largest])
    x = draw.random.choice(sizes, size=(n, n_features)) * draw.random.choice((-1, 1), size=(n, n_features))
    params, rows = draw.random.standard_normal(plan.n_params).astype(dtype), Rows(x.astype(dtype))
    Z, A, _ = reference.forward(plan, params.astype(np.float64), reference.dense(rows))
    size = np.max([np.abs(each).max(axis=1) for each in (*Z, *A)], axis=0)
    sure = size < float(limits.max) ** 0.5  # nothing on the way overflows
    found = training.predict(plan, params, rows)
    allowed = ROUNDINGS * float(limits.eps) * np.maximum(size, 1)[:, None]
    off = np.abs(found.astype(np.float64) - A[-1])[sure]
    check(f"outputs are off by {off.max(initial=0):.3g}", (off <= allowed[sure]).all())
    if output in (Activation.SOFTMAX, Activation.LOGISTIC):
        check("probabilities are not in [0, 1]", ((found >= 0) & (found <= 1)).all())
    if not sure.all():
        return None
    y = cases.targets(draw, loss, n, k, dtype)
    job = Job(plan, params, rows, y, loss=loss, loss_parameter=0.7)
    of_oracle = job, params.astype(np.float64), reference.dense(rows), reference.targets(job), np.ones(n)
    value, gradient = reference.loss_and_gradient(*of_oracle)
    told, found = training.loss_and_gradient(plan, params, rows, y, loss=loss, loss_parameter=0.7)
    if abs(value) < float(limits.max) ** 0.4 and np.abs(gradient).max() < float(limits.max) ** 0.4:
        check("loss or gradient are not finite", np.isfinite(told) and np.isfinite(found).all())
        if loss not in ONE_HOT or np.abs(Z[-1]).max() < 1e4:
            close(
                "losses", told, value, ROUNDINGS * float(limits.eps) * max(1, size.max()) * max(1, abs(value))
            )
    return None
