"""Whole trainings against the reference: optimizers, regimes, graphs, penalties, noise."""

import itertools

import numpy as np
import pytest
from oracle.jobs import chain, clone, concatenation, expected_of, make_job, regimes_of, train

from fastmlp.kernels import dispatch, training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, Regime, Status, build_plan

STEPPING = [optimizer for optimizer in Optimizer if optimizer != Optimizer.GRADIENT]
N = 23


def compare(kernels, job, factor=2000, **how):
    expected = expected_of(job)
    result, status = train(job, **how)
    assert status == expected.status
    np.testing.assert_array_equal(result.order, expected.order)
    n = len(expected.losses)
    np.testing.assert_allclose(
        result.losses[:n], expected.losses, rtol=factor * kernels.eps, atol=factor * kernels.eps
    )
    kernels.assert_close(result.params, expected.params, factor)
    return result


def classifier(kernels, optimizer=Optimizer.SGD, widths=(9, 6, 4), **options):
    activations = (Activation.TANH, Activation.LOGISTIC, Activation.SOFTMAX)[-len(widths) :]
    plan = chain(7, widths, activations, **options.pop("layers", {}))
    options = dict(optimizer=optimizer, momentum=0.8, epsilon=1e-3) | options
    return make_job(kernels.dtype, plan, N, Loss.CATEGORICAL_CROSS_ENTROPY, **options)


@pytest.mark.parametrize("optimizer", STEPPING, ids=lambda o: o.name)
def test_trajectory(kernels, optimizer):
    for batch_size in (1, 2, 5, N - 1, N):
        job = classifier(kernels, optimizer, batch_size=batch_size, epsilon=1e-2)
        if optimizer == Optimizer.RPROP and batch_size == 1:
            job.run["n_epochs"] = 1  # made for whole batches: from one sample to the next its signs are noise
        compare(kernels, job)


@pytest.mark.parametrize("optimizer", training.ONLINE_OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("loss", training.TINY_LOSSES, ids=lambda code: code.name)
def test_regimes_agree(kernels, optimizer, loss):
    """Each regime is forced upon a job that it can do; `batch_size` 1 is what ONLINE is for."""
    output = {0: Activation.TANH, 1: Activation.LOGISTIC, 2: Activation.SOFTMAX, 9: Activation.RELU}[
        int(loss)
    ]
    penalties = (({}, True), (dict(l2=0.1), False), (dict(l2=0.1), True), (dict(mean_l2=0.1), False),
                 (dict(l2=0.1, mean_l2=0.05), True))  # fmt: skip
    for batch_size, (penalty, weighted) in itertools.product((1, 6, N), penalties):
        plan = chain(7, (9, 6, 4), (Activation.RELU, Activation.TANH, output), **penalty)
        options = dict(optimizer=optimizer, batch_size=batch_size, weighted=weighted, epsilon=1e-3)
        job = make_job(kernels.dtype, plan, N, loss, **options)
        for regime in regimes_of(kernels):
            if regime != Regime.ONLINE or batch_size == 1:
                compare(kernels, job, regime=regime)


@pytest.mark.parametrize("optimizer", (Optimizer.SGD, Optimizer.ADAM), ids=lambda o: o.name)
@pytest.mark.parametrize("n_inputs, width", [(2, 2), (2, 3), (2, 4), (3, 3)])
def test_nets_in_registers(kernels, n_inputs, width, optimizer):
    """As with more hidden units that stay 0, which is no longer a net in registers.

    Bit for bit but with SGD, whose steps multiply in another order there, and NumPy, whose sums of products
    depend on their number.
    """
    both = (Activation.TANH, Activation.RELU, Activation.IDENTITY), (*Activation,)[: Activation.RELU + 1]
    for activations, (n, batch_size), weighted in itertools.product(
        itertools.product(*both), ((4, 4), (3, 2), (13, 4), (13, 8), (13, 5), (16, 16)), (False, True)
    ):
        small, large = (chain(n_inputs, (w, 1), activations) for w in (width, 5))
        options = dict(optimizer=optimizer, batch_size=batch_size, momentum=0.8, n_epochs=9, epsilon=1e-3)
        job = make_job(kernels.dtype, small, n, weighted=weighted, draw=3, **options)
        other = make_job(kernels.dtype, large, n, weighted=weighted, draw=3, x=job.rows, **options)
        other.params[:] = 0
        shared = []
        for k, units in enumerate((width, 1)):
            W, b = large.weights(np.arange(large.n_params), k), large.bias(np.arange(large.n_params), k)
            rows = n_inputs if k == 0 else width
            shared += [*W[:rows, :units].ravel(), *b[:units]]
        other.params[shared] = job.params
        for name in ("y", "sample_weight"):
            setattr(other, name, getattr(job, name))
        (ours, status), (theirs, _) = train(job), train(other)
        assert status == Status.FINISHED
        same = optimizer != Optimizer.SGD and kernels.name != "numpy"
        close = 0.0 if same else 100 * kernels.eps
        for a, b in (
            (ours.losses, theirs.losses),
            (ours.params, theirs.params[shared]),
            (ours.state, theirs.state[:, shared]),
            (ours.backup, theirs.backup[shared]),
        ):
            np.testing.assert_allclose(a, b, rtol=close, atol=close)


def whole_batches(kernels, n_inputs, width, scale, draw):
    """A job of a net in registers, each step of which is made on all samples: weights times a scale."""
    plan = chain(n_inputs, (width, 1), (Activation.TANH, Activation.TANH))
    options = dict(batch_size=4, shuffle=0, n_epochs=60, rates=(0.05,))
    job = make_job(kernels.dtype, plan, 4, draw=draw, **options)
    job.params *= scale
    return job


@pytest.mark.parametrize("n_inputs, width", [(2, 2), (2, 3), (2, 4), (3, 3)])
def test_whole_batches_in_registers(kernels, n_inputs, width):
    """tanh near where it was in the step before, elsewhere, and beyond what is kept of it."""
    for scale, draw in itertools.product((0.01, 1.0, 3.0, 20.0), range(4)):
        job = whole_batches(kernels, n_inputs, width, scale, draw)
        compare(kernels, job)


@pytest.mark.parametrize("n_inputs, width", [(1, 1), (2, 2), (2, 3), (3, 4)])
@pytest.mark.parametrize("n", range(1, 5))
def test_epochs_of_one_batch(kernels, n_inputs, width, n):
    """All functions, also those that are not 0 where there is no neuron; batches larger than the data."""
    functions = (*Activation,)[: Activation.RELU + 1]
    for k, activations in enumerate(itertools.product(functions, functions)):
        plan = chain(n_inputs, (width, 1), activations, slope=(1.0, 0.7)[k % 2])
        options = dict(batch_size=(n, 6)[k % 2], shuffle=k % 3 > 0, average=k % 5 > 0, weighted=k % 4 > 1)
        compare(kernels, make_job(kernels.dtype, plan, n, draw=k, n_epochs=7, **options))


def test_nets_in_registers_diverge(kernels):
    """The parameters are then those before the epoch that went wrong, as its loss shows, or only they do."""
    plan = chain(2, (2, 1), (Activation.IDENTITY,) * 2)
    for rate in (50.0, float(np.finfo(kernels.dtype).max)):
        options = dict(batch_size=4, n_epochs=200, rates=(rate,), shuffle=0, average=0)
        result, status = train(make_job(kernels.dtype, plan, 4, **options))
        n_done = int(result.run["epoch"][0])
        assert status == Status.DIVERGED and n_done < 20 and np.isfinite(result.params).all()
        before = make_job(kernels.dtype, plan, 4, **options | dict(n_epochs=max(1, n_done)))
        if n_done:
            before = train(before)[0]
        np.testing.assert_array_equal(result.params, before.params)
        np.testing.assert_array_equal(result.backup, before.params)
        np.testing.assert_array_equal(result.losses[:n_done], before.losses[:n_done])


def test_calls_of_nets_in_registers(kernels):
    """Bits do not depend on where one call of the kernels ends and another one begins."""
    for scale in (1.0, 20.0):
        job = whole_batches(kernels, 2, 2, scale, 1)
        whole, _ = train(job)
        cut = clone(job)
        backend = training.prepare(cut)
        while cut.run["epoch"] < 60:
            cut.run["budget"] = 1 + cut.run["epoch"] % 4
            backend.train(cut)
        backend.dismiss(cut)
        np.testing.assert_array_equal(cut.params, whole.params)
        np.testing.assert_array_equal(cut.losses, whole.losses)


def test_tanh_in_registers(kernels):
    """Within 4.2 ulp: told by the loss of an output that is a hidden neuron's, against the right targets."""
    if kernels.name not in dispatch.COMPILED:
        pytest.skip("there only the compiled kernels have such nets apart")
    plan = chain(2, (2, 1), (Activation.TANH, Activation.IDENTITY))
    sizes = [*2.0 ** np.arange(-12, 4.25, 0.25), *np.arange(1, 20, 2) / 32]  # where cubics end, too
    for size in sizes:
        for z in np.linspace(size, 1.18 * size, 40).reshape(-1, 4) * np.array([1, -1, 1, -1]):
            x = np.stack([z, 0 * z], axis=1).astype(kernels.dtype)
            job = make_job(kernels.dtype, plan, 4, x=x, batch_size=4, shuffle=0, n_epochs=1)
            job.params[:] = 0
            plan.weights(job.params, 0)[0, 0] = plan.weights(job.params, 1)[0, 0] = 1
            job.y[:] = np.tanh(x[:, :1].astype(np.float64))
            loss = train(job)[0].losses[0]
            # half the mean square of four errors, none of which is larger than all of them
            assert np.sqrt(2 * loss) <= 4.2 * np.spacing(abs(job.y).min()), z


@pytest.mark.parametrize("mean_weight", [0.0, 0.6])
@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_batches_without_weight(kernels, regime, mean_weight):
    """Loss and gradient are 0; those of the penalty stay where a batch is divided by the mean weight."""
    functions = (Activation.RELU, Activation.TANH, Activation.SOFTMAX)
    plan = chain(7, (9, 6, 4), functions, l2=0.1, mean_l2=0.02)
    options = dict(shuffle=0, weighted=True, mean_weight=mean_weight, epsilon=1e-2)
    for optimizer in (Optimizer.SGD, Optimizer.ADAM):
        for batch_size in (1,) if regime == Regime.ONLINE else (3, 17):
            job = make_job(
                kernels.dtype,
                plan,
                N,
                Loss.CATEGORICAL_CROSS_ENTROPY,
                optimizer=optimizer,
                batch_size=batch_size,
                **options,
            )
            job.sample_weight[3:9] = job.sample_weight[17:] = 0
            compare(kernels, job, regime=regime)


@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_regimes_on_graphs(kernels, regime):
    plan = concatenation(6, 3, Activation.SOFTMAX)
    job = make_job(
        kernels.dtype,
        plan,
        N,
        Loss.CATEGORICAL_CROSS_ENTROPY,
        optimizer=Optimizer.MOMENTUM,
        batch_size=1 if regime == Regime.ONLINE else 5,
    )
    compare(kernels, job, regime=regime)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("regime", Regime, ids=lambda r: r.name)
def test_chosen_rows(kernels, regime, weighted):
    """Some rows of the data, one of them twice, are trained on where they lie, as a copy of them would be."""
    chosen = np.array([22, 3, 3, 0, 17, 11, 8, 21, 14, 5, 9])
    for batch_size in (1,) if regime == Regime.ONLINE else (1, 4, 11):
        job = classifier(kernels, batch_size=batch_size, weighted=weighted, subset=chosen)
        result = compare(kernels, job, regime=regime)
        copied = clone(job)
        copied.rows, copied.y, copied.subset = Rows(job.rows.data[chosen]), job.y[chosen], None
        copied.sample_weight = job.sample_weight[chosen] if weighted else None
        copied.order[:] = np.arange(len(chosen))
        alone, _ = train(copied, regime=regime)
        np.testing.assert_array_equal(result.params, alone.params)
        np.testing.assert_array_equal(result.losses, alone.losses)


def test_tiny_batches_and_outputs(kernels):
    """Batches around a vector's lanes and parts of it; outputs taken four, two and one at a time."""
    outputs = itertools.cycle((Activation.TANH, Activation.LOGISTIC, Activation.RELU, Activation.ELU))
    for n_outputs, batch_size in itertools.product((1, 2, 3, 4, 5), (2, 3, 4, 5, 8, 9, 16, 17, 33)):
        plan = chain(
            3, (6, n_outputs), (Activation.TANH, next(outputs)), slope=0.7, l2=0.1 * (n_outputs == 2)
        )
        job = make_job(kernels.dtype, plan, 37, batch_size=batch_size, weighted=n_outputs > 3, rates=(0.02,))
        compare(kernels, job, regime=Regime.TINY)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_layers_none_of_which_moves(kernels, n_threads):
    """Threads have samples to share, and no weights."""
    specs = [dict(n_out=9, sources=[k - 1], activation=Activation.TANH, trainable=False) for k in range(2)]
    job = make_job(kernels.dtype, build_plan(5, specs), N, n_epochs=2)
    result = compare(kernels, job, regime=Regime.BATCH, n_threads=n_threads)
    np.testing.assert_array_equal(result.params, job.params)


def test_a_source_that_is_listed_twice(kernels):
    specs = [
        dict(n_out=5, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=3, sources=[0, INPUT, 0, INPUT], activation=Activation.IDENTITY),
    ]
    for regime in (Regime.BATCH, Regime.TINY):
        compare(kernels, make_job(kernels.dtype, build_plan(6, specs), N), regime=regime)


@pytest.mark.parametrize("widths", [(1,), (3,), (1, 1), (2, 1), (33, 17), (64, 65), (130, 5), (134, 7)])
def test_sizes(kernels, widths):
    for n_features, batch_size in itertools.product((1, 2, 31, 65), (1, 7, N)):
        plan = chain(n_features, widths, [Activation.TANH] * len(widths))
        job = make_job(
            kernels.dtype, plan, N, batch_size=batch_size, optimizer=Optimizer.MOMENTUM, rates=(0.003,)
        )
        compare(kernels, job)


@pytest.mark.parametrize(
    "layers, options",
    [
        (dict(l2=0.2), {}),
        (dict(l1=0.05, l2=0.1), dict(weighted=True)),
        (dict(l1=0.05), dict(average=0, rates=(0.005,))),
        (dict(mean_l2=0.1), {}),
        (dict(mean_l1=0.02, l2=0.1), dict(weighted=True)),
        (dict(mean_l1=0.02, mean_l2=0.1), dict(average=0, rates=(0.005,))),
        (dict(mean_l2=0.1), dict(clip_norm=0.3)),
        (dict(max_norm=0.7), {}),
        (dict(bias=False), {}),
        ({}, dict(weight_decay=0.1)),
        ({}, dict(clip_norm=0.05)),
        (dict(l2=0.2), dict(clip_norm=0.3)),
        ({}, dict(clip_value=0.01)),
        ({}, dict(weighted=True)),
        ({}, dict(average=0, weighted=True, rates=(0.005,))),
        (dict(dropout=0.3), {}),
        ({}, dict(input_dropout=0.25)),
        (dict(dropout=0.5, l2=0.1), dict(input_dropout=0.1, seed=-(2**40) - 3)),
        ({}, dict(epsilon_corrected=1)),
    ],
    ids=lambda part: "-".join(part) or "plain",
)
@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.ADAM], ids=lambda o: o.name)
def test_options(kernels, layers, options, optimizer):
    for batch_size in (1, 5):
        job = classifier(kernels, optimizer, layers=layers, batch_size=batch_size, **options)
        if "dropout" in layers:
            records = job.plan.layers.copy()
            records["dropout"][-1] = 0.0
            job.plan = job.plan._replace(layers=records)
        compare(kernels, job)


def test_max_norm_caps_every_unit(kernels):
    result = compare(kernels, classifier(kernels, layers=dict(max_norm=0.5)))
    for k in range(len(result.plan.layers)):
        assert np.linalg.norm(result.plan.weights(result.params, k), axis=0).max() < 0.5 + 4 * kernels.eps


@pytest.mark.parametrize("width", [15, 17, 64, 65, 256, 300])
def test_dropout_of_wide_layers(kernels, width):
    """Units are drawn by vectors, one at a time or several side by side."""
    layers = (Activation.TANH, Activation.IDENTITY)
    plan = chain(5, (width, 2), layers, dropout=0.3, last=dict(dropout=0.0))
    compare(kernels, make_job(kernels.dtype, plan, 20, batch_size=10), regime=Regime.BATCH)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_layers_that_are_all_frozen(kernels, n_threads):
    """Epochs pass though there is nothing to update."""
    plan = chain(5, (20, 2), (Activation.TANH, Activation.IDENTITY), trainable=False)
    job = make_job(kernels.dtype, plan, 20, batch_size=10)
    result, status = train(job, regime=Regime.BATCH, n_threads=n_threads)
    assert status == training.Status.FINISHED
    np.testing.assert_array_equal(result.params, job.params)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_its_share_of_units(kernels, rate):
    """From kernels alone: with inputs and weights 1, the loss's gradient counts the units that were kept."""
    n, width = 400, 50
    specs = [
        dict(n_out=width, sources=[INPUT], activation=Activation.IDENTITY, dropout=rate),
        dict(n_out=1, sources=[0], activation=Activation.IDENTITY),
    ]
    plan = build_plan(1, specs)
    job = make_job(
        kernels.dtype,
        plan,
        n,
        x=np.ones((n, 1), kernels.dtype),
        optimizer=Optimizer.GRADIENT,
        batch_size=n,
        n_epochs=1,
        draw=4,
        seed=4,
    )
    job.params[:] = 0
    plan.weights(job.params, 0)[:] = 1
    job.y[:] = -1  # so that d loss / d output is 1
    result, _ = train(job, regime=Regime.BATCH)
    means = plan.weights(result.gradient, 1)[:, 0]  # of the dropped-out units over the samples
    assert abs(means.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / (n * width))
    assert means.std() > 0


def test_training_takes_no_memory_of_its_own_size_for_the_crew(kernels):
    if kernels.name == "numpy":
        pytest.skip("it lays nothing out")
    job = classifier(kernels)
    for regime in Regime:
        job.run["regime"] = regime
        kernels.module.prepare(job)
        assert 0 < job.workspace.nbytes < 1 << 22
        kernels.module.dismiss(job)


def test_flat_states_of_resumed_jobs(kernels):
    """A job that gets another's parameters, state and step goes on as that one would."""
    job = classifier(kernels, Optimizer.ADAM, n_epochs=4, shuffle=0)
    whole, _ = train(job)
    half = clone(job)
    half.run["n_epochs"] = 2
    half, _ = train(half)
    rest = clone(job)
    rest.params[:], rest.state[:] = half.params, half.state
    rest.rates = job.rates[1:]
    rest.run["n_epochs"], rest.run["step"] = 2, half.run["step"]
    rest, _ = train(rest)
    np.testing.assert_array_equal(rest.params, whole.params)
    np.testing.assert_array_equal(rest.losses[:2], whole.losses[2:])
