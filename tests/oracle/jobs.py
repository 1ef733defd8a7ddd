"""Small training jobs for the kernel tests."""

import copy

import numpy as np
from oracle import reference

from fastmlp.kernels import training
from fastmlp.kernels.job import Job, Rows
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, Regime, Status, build_plan

ONE_HOT = (Loss.CATEGORICAL_CROSS_ENTROPY, Loss.SOFTMAX_CROSS_ENTROPY, Loss.HINGE, Loss.SQUARED_HINGE)


def chain(n_features, widths, activations, last=None, **extra):
    """A plan of layers in a row; `extra` goes to every layer, `last` to the last one."""
    specs = [
        dict(n_out=width, sources=[k - 1], activation=activation, **extra)
        for k, (width, activation) in enumerate(zip(widths, activations, strict=True))
    ]
    specs[-1] |= last or {}
    return build_plan(n_features, specs)


def concatenation(n_features, n_outputs, activation=Activation.IDENTITY):
    """A plan in which layers see several earlier layers and the input."""
    specs = [
        dict(n_out=5, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=3, sources=[INPUT, 0], activation=Activation.LOGISTIC, slope=0.7),
        dict(n_out=4, sources=[1, INPUT, 0], activation=Activation.ELU, slope=0.5, bias=False),
        dict(n_out=n_outputs, sources=[2, 0, INPUT], activation=activation),
    ]
    return build_plan(n_features, specs)


def make_job(
    dtype, plan, n=23, loss=Loss.HALF_SQUARED_ERROR, draw=0, x=None, labels=False, weighted=False, **options
):
    """A job on random data, number `draw`, that suits the loss; most inputs are 0 in every third column."""
    random = np.random.RandomState(draw)
    if x is None:
        x = random.normal(size=(n, plan.n_features))
        x[:, ::3] *= random.uniform(size=x[:, ::3].shape) < 0.2
        x = x.astype(dtype)
    rows = x if isinstance(x, Rows) else Rows(x)
    k = plan.n_outputs
    if loss in ONE_HOT:
        y = random.randint(k, size=n)
        y = y if labels else np.eye(k)[y].astype(dtype)
    elif loss == Loss.BINARY_CROSS_ENTROPY:
        y = random.randint(2, size=(n, k)).astype(dtype)
    elif loss == Loss.POISSON:
        y = random.poisson(2.0, size=(n, k)).astype(dtype)
    else:
        y = random.normal(size=(n, k)).astype(dtype)
    params = (random.normal(size=plan.n_params) * 0.5).astype(dtype)
    weight = random.uniform(0.1, 2.0, size=n) if weighted else None
    options = dict(n_epochs=3, batch_size=5, shuffle=1, optimizer=Optimizer.SGD, rates=(0.05, 0.02)) | options
    return Job(
        plan,
        params,
        rows,
        y,
        sample_weight=weight,
        random_state=np.random.RandomState(draw + 1),
        loss=loss,
        **options,
    )


def regimes_of(kernels):
    """The ways in which a backend makes steps: NumPy's are the same whatever the regime."""
    return (Regime.BATCH,) if kernels.name == "numpy" else tuple(Regime)


def clone(job):
    """A job of its own on copies of all that training changes."""
    other = copy.copy(job)
    for name in ("run", "params", "state", "gradient", "order", "losses", "backup", "random_state"):
        setattr(other, name, copy.deepcopy(getattr(job, name)))
    other.counts = memoryview(other.run.view(np.int64))
    return other


_EXPECTED = {}


def expected_of(job):
    """`reference.train(job)`, computed once for all backends."""
    draws = job.random_state.get_state()[1] if job.run["shuffle"][0] else None
    plan, x = job.plan, reference.dense(job.rows)
    arrays = (
        plan.layers, plan.edges, job.run, job.params, job.state, job.order, job.y, job.sample_weight,
        job.rates, draws, x,
    )  # fmt: skip
    key = tuple(None if a is None else (a.shape, a.dtype.str, a.tobytes()) for a in arrays)
    if key not in _EXPECTED:
        _EXPECTED[key] = reference.train(job)
    return _EXPECTED[key]


def train(job, **how):
    """Train a clone by `training.run`; return it and the status."""
    job = clone(job)
    status = training.run(job, **how)
    return job, status


def check_listed(kernels, job, listing, factor):
    """Train in mini-batches that list their input as told: numbers are the reference's, bits any threads'."""
    expected = expected_of(job)
    result, _ = train(job, regime=Regime.BATCH)
    assert result.run["sparse"][0] == listing
    kernels.assert_close(result.params, expected.params, factor)
    np.testing.assert_allclose(result.losses, expected.losses, rtol=factor * kernels.eps)
    for n_threads in (2, 3):
        again, _ = train(job, regime=Regime.BATCH, n_threads=n_threads)
        np.testing.assert_array_equal(again.params, result.params)
        np.testing.assert_array_equal(again.losses, result.losses)
    return result


def check_refused(job, row, **how):
    """Train on rows in their order, one of which is not finite: the batch that reads it is the last, at most.

    Of infinity, whose tanh is 1, no loss would tell.
    """
    before = job.params.copy()
    result, status = train(job, **how)
    assert status == Status.BAD_ROWS
    assert result.run["epoch"] == 0 and result.run["step"] <= row // job.run["batch_size"]
    np.testing.assert_array_equal(result.params, before)


def compare_slices(monkeypatch, job, budget, n_threads=1, **how):
    """Training in slices of so many batches has the bits of training in one."""
    whole, _ = train(job, **how)
    monkeypatch.setattr(training, "first_budget", lambda job: budget)
    monkeypatch.setattr(training, "next_budget", lambda before, began, pace: budget)
    cut, _ = train(job, n_threads=n_threads, **how)
    np.testing.assert_array_equal(cut.params, whole.params)
    np.testing.assert_array_equal(cut.losses, whole.losses)
