"""Nets side by side in vector lanes: bit for bit what each becomes alone."""

import numpy as np
import pytest
from oracle.jobs import chain, clone, concatenation, make_job

from fastmlp.kernels import ensemble, training
from fastmlp.kernels.job import Job, Rows
from fastmlp.kernels.plan import Activation, Loss, Optimizer, Status

N = 23
OUTPUT = {
    Loss.HALF_SQUARED_ERROR: Activation.TANH,
    Loss.BINARY_CROSS_ENTROPY: Activation.LOGISTIC,
    Loss.CATEGORICAL_CROSS_ENTROPY: Activation.SOFTMAX,
    Loss.HUBER: Activation.IDENTITY,
    Loss.HINGE: Activation.IDENTITY,
}


@pytest.fixture
def compiled(kernels):
    if not hasattr(kernels.module, "train_ensemble"):
        pytest.skip("this backend trains nets one by one")
    return kernels


def family(like, n, change=()):
    """Jobs like one, with weights, learning rates and orders of their own; `change`: k to what differs."""
    jobs = []
    for k in range(n):
        options = {name: value for name, value in like.options().items() if name != "learning_rate"}
        own = dict(change).get(k, {})
        weights = np.random.RandomState(100 + k).normal(size=like.plan.n_params) * 0.5
        rates = own.pop("rates", (0.03 + 0.01 * k, 0.02))
        subset = own.pop("subset", None)
        if subset is not None:
            options["n_samples"] = len(subset)
        jobs.append(
            Job(
                like.plan,
                weights.astype(like.params.dtype),
                like.rows,
                like.y,
                rates=rates,
                subset=subset,
                sample_weight=like.sample_weight,
                random_state=np.random.RandomState(k),
                **(options | own),
            )
        )
    return jobs


def train_ensemble(jobs, on_stall=lambda job: False):
    statuses = {}

    def on_end(k, status):
        statuses[k] = status
        if status == Status.STALLED and on_stall(jobs[k]):
            jobs[k].run["no_improvement"] = 0
            return True
        return False

    width = ensemble.width(jobs[0].params.dtype)
    for first in range(0, len(jobs), width):
        some = jobs[first : first + width]
        ensemble.train(some, lambda k, status, first=first: on_end(first + k, status))
    return [statuses[k] for k in range(len(jobs))]


def assert_same(compiled, like, n=None, change=(), **how):
    n = compiled.module.lanes() + 3 if n is None else n
    together = family(like, n, change)
    alone = [clone(job) for job in together]
    has_zeros = bool((like.rows.data == 0).any())
    keys = {ensemble.key(job, lambda: has_zeros) for job in together}
    assert len(keys) == 1 and None not in keys
    statuses = train_ensemble(together, **how)
    for k, (ours, theirs) in enumerate(zip(together, alone, strict=True)):
        status = training.run(theirs)
        assert statuses[k] == status, k
        for name in ("params", "losses", "order"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), f"{name} of {k}")
        for name in ("step", "epoch", "batch", "no_improvement", "best_loss"):
            assert ours.run[name] == theirs.run[name], (name, k)
        if status != Status.DIVERGED:
            np.testing.assert_array_equal(ours.state, theirs.state)
            assert ours.run["loss_sum"] == theirs.run["loss_sum"]
        assert ours.random_state.randint(2**31) == theirs.random_state.randint(2**31)
    return together


@pytest.mark.parametrize("optimizer", training.ONLINE_OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("loss", OUTPUT, ids=lambda code: code.name)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_optimizers(compiled, optimizer, loss, weighted):
    plan = chain(3, (10, 2), (Activation.TANH, OUTPUT[loss]))
    x = np.random.RandomState(0).normal(size=(N, 3)).astype(compiled.dtype)
    options = dict(optimizer=optimizer, batch_size=1, weighted=weighted, weight_decay=0.01, loss_scale=0.7)
    assert_same(compiled, make_job(compiled.dtype, plan, N, loss, x=x, **options))


WIDTHS = [(1,), (2, 1), (3, 3), (5, 4, 3), (16, 8), (17, 9), (33, 2), (40, 64, 1), (64, 31, 33)]


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_shapes(compiled, widths):
    """Widths around every way in which a row of outputs is cut; inputs with zeros."""
    activations = (Activation.LOGISTIC, Activation.RELU, Activation.TANH)[-len(widths) :]
    for n_features in (1, 3, 4, 9):
        job = make_job(compiled.dtype, chain(n_features, widths, activations), N, batch_size=1, average=0)
        assert_same(compiled, job, n=3)


@pytest.mark.parametrize(
    "activation", [a for a in Activation if a not in (Activation.STEP, Activation.SOFTMAX)]
)
def test_activations(compiled, activation):
    plan = chain(4, (5, 3), (activation, activation), slope=0.6)
    assert_same(compiled, make_job(compiled.dtype, plan, N, batch_size=1, rates=(1e-3,)), n=4)


@pytest.mark.parametrize("optimizer", training.ONLINE_OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("weighted", [False, True])
def test_penalties(compiled, optimizer, weighted):
    """Sums of squares by 64 padded rows at a time: fewer, as many, and more."""
    for n_features, widths in ((3, (10, 1)), (64, (5, 2)), (63, (17, 33))):
        plan = chain(n_features, widths, (Activation.TANH, Activation.IDENTITY), l2=0.01, mean_l2=0.003)
        plan.layers.setflags(write=True)
        plan.layers["l2"][1] = 0.002
        x = np.random.RandomState(0).normal(size=(N, n_features)).astype(compiled.dtype)
        options = dict(optimizer=optimizer, batch_size=1, weighted=weighted, n_epochs=2)
        assert_same(compiled, make_job(compiled.dtype, plan, N, x=x, **options), n=3)


def test_layers_with_several_sources(compiled):
    assert_same(compiled, make_job(compiled.dtype, concatenation(6, 2), N, batch_size=1))


@pytest.mark.parametrize("options", [{"labels": True}, {"labels": True, "label_smoothing": 0.1}], ids=str)
def test_labels(compiled, options):
    plan = chain(4, (7, 5), (Activation.TANH, Activation.SOFTMAX))
    job = make_job(compiled.dtype, plan, N, Loss.CATEGORICAL_CROSS_ENTROPY, batch_size=1, **options)
    assert_same(compiled, job, n=4)


@pytest.mark.parametrize("kind", ["uint8", "other float", "columns apart", "rows backwards"])
def test_rows_of_any_kind(compiled, kind):
    random, plan = np.random.RandomState(3), chain(4, (6, 1), (Activation.TANH, Activation.IDENTITY))
    x = random.normal(size=(N, 4)).astype(compiled.dtype)
    if kind == "uint8":
        x = random.randint(0, 256, (N, 4)).astype(np.uint8)
    elif kind == "other float":
        x = x.astype(np.float64 if compiled.dtype == np.float32 else np.float32)
    elif kind == "columns apart":
        x = np.repeat(x, 3, axis=1)[:, ::3]
    else:
        x = x[::-1]
    rows = Rows(x, 1 / 255 if kind == "uint8" else 0.3)
    job = make_job(compiled.dtype, plan, N, x=rows, batch_size=1, input_scale=rows.scale)
    assert_same(compiled, job, n=3)


@pytest.mark.parametrize("budget", [1, 7, 1000])
def test_ragged_runs(compiled, budget, monkeypatch):
    """Nets differ in epochs, samples and stops; calls end anywhere."""
    monkeypatch.setattr(training, "first_budget", lambda job: budget)
    if budget < 1000:
        monkeypatch.setattr(training, "SLICE", 0.0)  # a call never grows
    random = np.random.RandomState(5)
    change = {
        0: {"n_epochs": 1},
        1: {"n_epochs": 9, "tol": 1.0, "n_iter_no_change": 2},
        2: {"subset": np.array([3])},
        3: {"subset": random.permutation(N)[:11], "n_epochs": 4},
        4: {"subset": random.randint(N, size=40)},
        5: {"shuffle": 0, "rates": (0.05, 0.01, 0.002)},
        6: {"n_epochs": 0},
    }
    plan = chain(3, (4, 2), (Activation.TANH, Activation.IDENTITY))
    job = make_job(compiled.dtype, plan, N, batch_size=1, optimizer=Optimizer.ADAM)
    jobs = assert_same(compiled, job, n=8, change=change)
    assert jobs[1].run["status"] == Status.STALLED and jobs[1].run["epoch"] < 9


def test_a_stalled_net_may_go_on(compiled):
    plan = chain(3, (4, 2), (Activation.TANH, Activation.IDENTITY))
    job = make_job(compiled.dtype, plan, N, batch_size=1, n_epochs=9, tol=1.0, n_iter_no_change=2)
    together = family(job, 3)
    alone = [clone(one) for one in together]
    train_ensemble(together, on_stall=lambda one: True)
    for ours, theirs in zip(together, alone, strict=True):
        while training.run(theirs) == Status.STALLED:
            theirs.run["no_improvement"] = 0
        assert ours.run["epoch"] == 9
        np.testing.assert_array_equal(ours.params, theirs.params)
        np.testing.assert_array_equal(ours.losses, theirs.losses)


@pytest.mark.parametrize("loss", [Loss.HALF_SQUARED_ERROR, Loss.POISSON], ids=lambda code: code.name)
def test_one_diverges(compiled, loss):
    """The others do not notice."""
    output = Activation.IDENTITY if loss == Loss.HALF_SQUARED_ERROR else Activation.EXP
    plan = chain(3, (4, 2), (Activation.IDENTITY, output))
    job = make_job(compiled.dtype, plan, N, loss, batch_size=1, n_epochs=6, rates=(1e-3,))
    change = {1: {"rates": (1e-3, 1e-3, 1e9)}, 4: {"rates": (1e9,)}}
    change |= {k: {"rates": (1e-3,)} for k in (0, 2, 3)}
    jobs = assert_same(compiled, job, n=5, change=change)
    assert [int(j.run["status"][0]) for j in jobs] == [2, 4, 2, 2, 4]
    assert all(np.isfinite(j.params).all() for j in jobs)


def test_what_is_trained_alone(compiled):
    """A key only for what an ensemble can do."""
    plan = chain(3, (4, 2), (Activation.TANH, Activation.IDENTITY))

    def key(has_zeros=False, plan=plan, **options):
        options = {"batch_size": 1} | options
        return ensemble.key(make_job(compiled.dtype, plan, N, **options), lambda: has_zeros)

    assert key() is not None
    assert key(batch_size=2) is None
    assert key(optimizer=Optimizer.RMSPROP) is None
    assert key(clip_norm=1.0) is None
    assert key(True, optimizer=Optimizer.SGD) is not None and key(True, optimizer=Optimizer.MOMENTUM) is None
    for extra in ({"max_norm": 2.0}, {"l1": 0.1}, {"dropout": 0.5}):
        assert key(plan=chain(3, (4, 2), (Activation.TANH, Activation.IDENTITY), **extra)) is None
    assert key(plan=chain(3, (65, 2), (Activation.TANH, Activation.IDENTITY))) is None
    assert key(plan=chain(64, (64, 2), (Activation.TANH, Activation.IDENTITY))) is None
    assert key(momentum=0.5) != key(momentum=0.6)


def test_what_cannot_share_lanes_is_refused(compiled):
    plan = chain(3, [4, 1], [Activation.TANH, Activation.IDENTITY])
    width = compiled.module.lanes()

    def jobs(n_jobs, **last):
        like = make_job(compiled.dtype, plan, n=9, batch_size=1)
        made = [clone(like) for _ in range(n_jobs - 1)]
        return [*made, make_job(compiled.dtype, plan, **(dict(n=9, batch_size=1, x=like.rows) | last))]

    train_ensemble(jobs(2))
    for some, message in (
        (jobs(width + 1), f"at most {width} nets"),
        (jobs(2, n=90, x=None), "n_rows"),
        (jobs(2, x=None), "same X"),
        (jobs(2, weighted=True), "same X and weights"),
        (jobs(2, optimizer=Optimizer.ADAM), "n_states"),
    ):
        with pytest.raises(ValueError, match=message):
            ensemble.train(some, lambda k, status: False)
