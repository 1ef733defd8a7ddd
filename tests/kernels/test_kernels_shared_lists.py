"""Lists of non-zeros that a few samples share: results are those of dense rows, at every edge."""

import numpy as np
import pytest
from oracle.jobs import chain, check_listed, check_refused, compare_slices, make_job, train

from fastmlp import SGD, Dense, Network
from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, Listing, Loss, Optimizer, Regime, Status, build_plan

N = 43


def images(n_features, dtype=np.float64, n=N):
    """Rows whose non-zeros overlap; some rows are empty, and some features never met."""
    random = np.random.RandomState(3)
    lit = random.uniform(size=n_features) < 0.4
    x = random.randint(1, 256, size=(n, n_features)) * (random.uniform(size=(n, n_features)) < 0.7) * lit
    x[5] = x[8:12] = 0
    return x.astype(dtype)


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.setattr(training, "choose_listing", lambda job, regime: Listing.SHARED)


def check(kernels, job, factor=1000):
    check_listed(kernels, job, Listing.SHARED, factor)


@pytest.mark.parametrize("n_features", [1, 2, 15, 16, 17, 33, 64, 100, 1100])
def test_widths_of_the_input(kernels, shared, n_features):
    """Up to several cuts."""
    plan = chain(n_features, (16, 3), (Activation.TANH, Activation.SOFTMAX))
    rows = Rows(images(n_features, kernels.dtype), 1 / 255)
    check(kernels, make_job(kernels.dtype, plan, N, Loss.CATEGORICAL_CROSS_ENTROPY, x=rows, batch_size=20))


@pytest.mark.parametrize("width", [1, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33])
@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.ADAM])
def test_widths_of_the_layer(kernels, shared, width, optimizer):
    """Beyond what registers have room for each row has a list of its own."""
    plan = chain(
        50, (width, 2), (Activation.TANH, Activation.IDENTITY), l2=0.01 * (optimizer == Optimizer.ADAM)
    )
    rows = Rows(images(50, kernels.dtype), 1 / 255)
    check(kernels, make_job(kernels.dtype, plan, N, x=rows, batch_size=18, optimizer=optimizer))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 20, 33, 43])
def test_batches_that_do_not_fill_their_groups(kernels, shared, batch_size):
    plan = chain(40, (12, 3), (Activation.LOGISTIC, Activation.SOFTMAX))
    rows = Rows(images(40, kernels.dtype), 1 / 255)
    job = make_job(
        kernels.dtype, plan, N, Loss.CATEGORICAL_CROSS_ENTROPY, x=rows, batch_size=batch_size, weighted=True
    )
    check(kernels, job)


@pytest.mark.parametrize("options", [{}, dict(dropout=0.4)], ids=["", "dropout"])
@pytest.mark.parametrize("batch_size", [3, 7, 16, 43])
@pytest.mark.parametrize("classes", [3, 70])
def test_classes(kernels, shared, classes, batch_size, options):
    """Samples of a class share lists; each keeps its label, its weight and its draws of dropout."""
    plan = chain(
        40, (12, classes), (Activation.LOGISTIC, Activation.SOFTMAX), **options, last=dict(dropout=0)
    )
    rows = Rows(images(40, kernels.dtype), 1 / 255)
    loss = Loss.CATEGORICAL_CROSS_ENTROPY
    job = make_job(kernels.dtype, plan, N, loss, x=rows, batch_size=batch_size, labels=True, weighted=True)
    check(kernels, job)


def test_batches_beyond_a_chunk(kernels, shared):
    plan = chain(40, (12, 3), (Activation.LOGISTIC, Activation.SOFTMAX))
    rows = Rows(images(40, kernels.dtype, 2060), 1 / 255)
    check(
        kernels,
        make_job(
            kernels.dtype, plan, 2060, Loss.CATEGORICAL_CROSS_ENTROPY, x=rows, batch_size=2050, labels=True
        ),
    )


ROWS = {
    "uint8": lambda: images(40, np.uint8),
    "float32": lambda: images(40, np.float32),
    "float64": lambda: images(40),
    "columns first": lambda: np.asfortranarray(images(40)),
    "every second column": lambda: np.repeat(images(40), 2, axis=1)[:, ::2],
    "backwards": lambda: images(40)[::-1],
}


@pytest.mark.parametrize("kind", ROWS)
def test_kinds_of_rows(kernels, shared, kind):
    plan = chain(40, (12, 2), (Activation.TANH, Activation.IDENTITY))
    x = ROWS[kind]()
    before = x.copy()
    check(kernels, make_job(kernels.dtype, plan, N, x=Rows(x, 1 / 255), batch_size=13))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("options", [dict(clip_norm=0.1), dict(input_dropout=0.3)], ids=lambda o: "-".join(o))
def test_beside_other_options(kernels, shared, options):
    """With dropout of the input each row has a list of its own."""
    plan = chain(40, (12, 2), (Activation.TANH, Activation.IDENTITY), max_norm=1.5)
    rows = Rows(images(40, kernels.dtype), 1 / 255)
    check(kernels, make_job(kernels.dtype, plan, N, x=rows, batch_size=13, **options))


@pytest.mark.parametrize("sources", [[INPUT, 0], [0, INPUT]], ids=str)
def test_input_that_meets_two_layers(kernels, shared, sources):
    """There each row has a list of its own."""
    specs = [
        dict(n_out=6, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=8, sources=sources, activation=Activation.TANH),
        dict(n_out=2, sources=[1], activation=Activation.IDENTITY),
    ]
    rows = Rows(images(40, kernels.dtype), 1 / 255)
    check(kernels, make_job(kernels.dtype, build_plan(40, specs), N, x=rows, batch_size=13))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 3, 17, 31, 32, 39, 42])
def test_a_row_that_is_not_finite(kernels, shared, column, value):
    """It is found wherever it is: in whole vectors, and in what follows the last one."""
    x = images(43, kernels.dtype)
    x[17, column] = value
    plan = chain(43, (12, 2), (Activation.TANH, Activation.IDENTITY))
    job = make_job(kernels.dtype, plan, N, x=Rows(x), batch_size=13, check_rows=1, shuffle=0)
    check_refused(job, 17, regime=Regime.BATCH)


@pytest.mark.parametrize("value", [np.nan, -np.inf, -0.02])
@pytest.mark.parametrize("weight", [0, 200])
@pytest.mark.parametrize("place", [0, 9, 17, 42])
def test_sums_tell_whether_to_look_at_rows(kernels, shared, value, weight, place):
    """That all weights of a number are 0 hides nothing; one that is finite may have sums that are not."""
    x = images(43, kernels.dtype)
    x[place, 20] = value * np.finfo(kernels.dtype).max if abs(value) < 1 else value
    plan = chain(43, (12, 2), (Activation.TANH, Activation.IDENTITY))
    job = make_job(
        kernels.dtype, plan, N, x=Rows(x), batch_size=13, n_epochs=1, check_rows=1, shuffle=0, rates=(0.0,)
    )
    job.params[20 * 12 : 21 * 12] = weight
    if value == -0.02:
        assert train(job, regime=Regime.BATCH)[1] == Status.FINISHED
    else:
        check_refused(job, place, regime=Regime.BATCH)


def test_infinity_before_a_layer_that_does_not_move(kernels, shared):
    """No loss and no weight would ever tell of it."""
    x = images(43, kernels.dtype)
    x[17, 20] = np.inf
    plan = chain(
        43, (12, 2), (Activation.TANH, Activation.IDENTITY), trainable=False, last={"trainable": True}
    )
    job = make_job(kernels.dtype, plan, N, x=Rows(x), batch_size=13, check_rows=1, shuffle=0)
    check_refused(job, 17, regime=Regime.BATCH)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [2.0, -8.0])
def test_a_row_that_is_not_finite_once_it_is_scaled(kernels, shared, scale, dtype):
    x = images(43, dtype)
    x[17, 20] = min(float(np.finfo(dtype).max), float(np.finfo(kernels.dtype).max)) * 0.6
    plan = chain(43, (12, 2), (Activation.TANH, Activation.IDENTITY))
    job = make_job(kernels.dtype, plan, N, x=Rows(x, scale), batch_size=13, check_rows=1, shuffle=0)
    if np.dtype(dtype).itemsize >= kernels.dtype.itemsize:
        check_refused(job, 17, regime=Regime.BATCH)
    else:
        assert train(job, regime=Regime.BATCH)[1] == Status.FINISHED


LARGE_STEPS = {
    "plain descent": {},
    "with a penalty": dict(l2=0.3, l1=0.01),
    "clipped": dict(optimizer=Optimizer.MOMENTUM, clip_norm=0.01),
}


def large(kernels, n_features, l2=0.0, l1=0.0, **options):
    """A job whose batches are worth more than two threads' while."""
    n = 101
    plan = chain(n_features, (16, 3), (Activation.TANH, Activation.SOFTMAX), l2=l2, l1=l1)
    rows = Rows(images(n_features, kernels.dtype, n), 1 / 255)
    return make_job(
        kernels.dtype,
        plan,
        n,
        Loss.CATEGORICAL_CROSS_ENTROPY,
        x=rows,
        batch_size=98,
        n_epochs=2,
        labels=True,
        **options,
    )


@pytest.mark.parametrize("options", LARGE_STEPS.values(), ids=LARGE_STEPS)
def test_several_chains_of_a_cut(kernels, shared, options):
    """Each of which has a penalty and a step of its own."""
    check(kernels, large(kernels, 1500, **options))


@pytest.mark.parametrize(
    "options", [*LARGE_STEPS.values(), dict(optimizer=Optimizer.ADAM)], ids=[*LARGE_STEPS, "Adam"]
)
@pytest.mark.parametrize("n_features", [700, 1100, 1500])
def test_bits_with_more_threads_than_bands(kernels, shared, n_features, options):
    """From three on, each chain of a large batch is a cut, with sums of its own."""
    job = large(kernels, n_features, **options)
    single, _ = train(job, n_threads=1, regime=Regime.BATCH)
    for n_threads in (2, 3, 4):
        several, status = train(job, n_threads=n_threads, regime=Regime.BATCH)
        assert status == Status.FINISHED
        np.testing.assert_array_equal(several.params, single.params)
        np.testing.assert_array_equal(several.losses, single.losses)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("budget", [1, 2, 3])
def test_slices_that_end_between_any_two_batches(kernels, shared, monkeypatch, budget, n_threads):
    """What a batch prepares of the next one is not taken over into another slice."""
    plan = chain(40, (12, 3), (Activation.LOGISTIC, Activation.SOFTMAX))
    job = make_job(
        kernels.dtype, plan, N, Loss.CATEGORICAL_CROSS_ENTROPY,
        x=Rows(images(40, kernels.dtype)), batch_size=9, n_epochs=3,
    )  # fmt: skip
    compare_slices(monkeypatch, job, budget, regime=Regime.BATCH, n_threads=n_threads)


def test_choice():
    """Rows that overlap share lists; sparse rows that do not have their own; dense ones have none."""
    from sklearn.datasets import load_digits

    random = np.random.RandomState(0)
    plan = chain(64, (80, 10), (Activation.LOGISTIC, Activation.SOFTMAX))

    def choice(x, **options):
        job = make_job(np.float32, plan, len(x), x=Rows(x), **options)
        return training.choose_listing(job, Regime.BATCH)

    dark = load_digits().data * (np.arange(64) % 8 // 2 == 1)
    assert choice(dark) == Listing.SHARED
    assert choice(random.normal(size=(500, 64)) * (random.uniform(size=(500, 64)) < 0.1)) == Listing.LISTS
    assert choice(random.normal(size=(500, 64))) == Listing.DENSE
    assert choice(np.zeros((3, 64))) == Listing.LISTS


@pytest.mark.parametrize("width", [6, 64])
@pytest.mark.parametrize(
    ("n", "rate", "value", "weight"),
    [(1000, 0.01, 1, 1), (100, 0.01, 1, 1), (16, 1e-3, 1, 1), (128, 1, 1 / 255, 1), (100, 0.01, 1, 1e-3)],
)
def test_many_small_shares_of_a_step_are_not_rounded_away(n, rate, value, weight, width):
    x = np.zeros((n, 784), np.float32)
    x[:, ::8] = value
    net = Network([Dense(width, initializer=0.4), Dense(1, initializer=0.002)], dtype="float32")
    net.build(784)
    y = net.predict(x).astype(np.float64) + 0.5
    how = dict(loss="half_squared_error", optimizer=SGD(rate), sample_weight=np.full(n, weight))
    net.fit(x, y, epochs=1, batch_size=n, shuffle=False, **how)
    moved = net.get_weights()[0][::8].mean(dtype=np.float64) - np.float32(0.4)
    unit = float(np.spacing(np.float32(0.4)))  # a sample's share has 0.3 to 3.4 of them
    assert moved == pytest.approx(rate * 0.5 * 0.002 * value, rel=0.01, abs=unit / 2)
