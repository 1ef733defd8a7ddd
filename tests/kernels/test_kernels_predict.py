"""Predictions by one call, and those that look at the rows they read."""

from threading import Thread

import numpy as np
import pytest
from oracle.jobs import chain, make_job
from scipy import sparse

from fastmlp import Dense, Network
from fastmlp.kernels import dispatch, training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, build_plan

FEATURES = 21
PLAN = chain(FEATURES, (70, 9, 4), (Activation.TANH, Activation.RELU, Activation.SOFTMAX))


def some_rows(n, dtype=np.float32, density=1.0):
    random = np.random.RandomState(0)
    x = random.randint(1, 9, (n, FEATURES)) * (random.uniform(size=(n, FEATURES)) < density)
    return x.astype(dtype)


def few(kernels, x, *options, scale=1.0, plan=PLAN):
    params = make_job(kernels.dtype, plan).params
    return kernels.module.predict_few(plan, params, x, scale, *options)


@pytest.fixture
def compiled(kernels):
    if kernels.name == "numpy":
        assert few(kernels, some_rows(1)) is None
        pytest.skip("all rows go by `predict`")
    return kernels


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("n", [1, 3, 69])
def test_few_rows_are_predicted_as_by_the_long_way(compiled, dtype, n):
    params, x = make_job(compiled.dtype, PLAN).params, some_rows(n, dtype)
    for view in (
        x,
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        x[::-1],
        np.broadcast_to(x[0], x.shape),
    ):
        for layer, logits in ((-1, False), (-1, True), (1, False), (0, True)):
            for scale in (1.0, 0.3):
                found = few(compiled, view, layer, logits, scale=scale)
                expected = training.predict(PLAN, params, Rows(view, scale), layer=layer, logits=logits)
                np.testing.assert_array_equal(found, expected)
                assert found.dtype == compiled.dtype and found.flags.carray and found.base is None


class Own(np.ndarray):
    """An array that may not be what it seems."""


x = some_rows(2)
OTHER = {
    "a list": x.tolist(),
    "a subclass": x.view(Own),
    "masked": np.ma.masked_equal(x, 3),
    "one dimension": x[0],
    "three dimensions": x[None],
    "a column too few": x[:, 1:],
    "no rows": x[:0],
    "integers": x.astype(np.int64),
    "half precision": x.astype(np.float16),
    "complex": x.astype(complex),
    "signed bytes": x.astype(np.int8),
    "truths": x > 3,
    "objects": x.astype(object),
    "foreign bytes": x.astype(x.dtype.newbyteorder()),
    "off alignment": np.frombuffer(b"." + x.tobytes(), np.float32, x.size, 1).reshape(x.shape),
    "CSR": sparse.csr_matrix(x),
    "many": np.broadcast_to(x[0], ((1 << 24) // PLAN.n_params + 1, FEATURES)),
    "very many": np.broadcast_to(x[0], (1 << 50, FEATURES)),
}


@pytest.mark.parametrize("what", OTHER)
def test_what_is_no_plain_array_of_few_rows_goes_the_long_way(compiled, what):
    assert few(compiled, x) is not None
    assert few(compiled, OTHER[what]) is None


def test_no_layer_is_predicted_that_is_not_there(compiled):
    assert few(compiled, x, 2) is not None
    assert few(compiled, x, 3) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, "large when scaled"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows_that_are_not_finite_go_the_long_way(compiled, bad, dtype):
    scale = 1.0
    if bad == "large when scaled":
        scale, bad = 4.0, np.finfo(min(np.dtype(dtype), compiled.dtype, key=lambda d: d.itemsize)).max / 2
        if np.dtype(dtype).itemsize < compiled.dtype.itemsize:
            pytest.skip("is finite where it is read")
    for n, row in ((1, 0), (3, 0), (3, 2)):
        for column in (0, 16, FEATURES - 1):
            given = some_rows(n, dtype)
            assert few(compiled, given, scale=scale) is not None
            given[row, column] = bad
            assert few(compiled, given, scale=scale) is None


def test_threads_predict_side_by_side(compiled):
    """Scratch memory that is kept for the next prediction is nobody else's meanwhile."""
    params, found = make_job(compiled.dtype, PLAN).params, []

    def predict(rows, expected):
        outs = (compiled.module.predict_few(PLAN, params, rows, 1.0) for _ in range(100))
        found.extend(np.array_equal(out, expected) for out in outs)

    each = [np.roll(some_rows(300), k, axis=1) for k in range(4)]
    threads = [Thread(target=predict, args=(rows, few(compiled, rows))) for rows in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 400 and all(found)


def test_a_net_is_not_taken_for_one_that_lay_in_its_place(compiled):
    for n_out in range(1, 40):
        plan = chain(FEATURES, (n_out,), (Activation.TANH,))
        params = make_job(compiled.dtype, plan).params
        expected = training.predict(plan, params, Rows(x, 1.0))
        np.testing.assert_array_equal(few(compiled, x, plan=plan), expected)


KINDS = {
    "in place": (1.0, np.asarray, 1.0),
    "scaled": (1.0, np.asarray, 0.5),
    "columns": (1.0, np.asfortranarray, 1.0),
    "listed": (0.15, np.asarray, 1.0),
    "listed columns": (0.15, np.asfortranarray, 1.0),
    "CSR": (0.15, sparse.csr_matrix, 1.0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_looked_at_while_they_are_read(kernels, kind, dtype):
    """All rows of a call and no others, wherever blocks and the threads' pieces begin."""
    density, make, scale = KINDS[kind]
    params, n = make_job(kernels.dtype, PLAN).params, 700
    given = some_rows(n, dtype, density)
    rows = Rows(make(given), scale)
    expected = training.predict(PLAN, params, rows)
    for n_threads in (1, 2):
        found = training.predict(PLAN, params, rows, n_threads=n_threads, check_rows=True)
        np.testing.assert_array_equal(found, expected)
    for row, column in ((0, 0), (127, 20), (128, 3), (255, 7), (256, 19), (n - 1, 20), (n - 1, 0)):
        broken = given.copy()
        broken[row, column] = np.inf if row % 2 else np.nan
        rows = Rows(make(broken), scale)
        for n_threads in (1, 2):
            assert training.predict(PLAN, params, rows, n_threads=n_threads, check_rows=True) is None
            assert training.predict(PLAN, params, rows, n_threads=n_threads) is not None
        if not kernels.module.checks_predicted:
            continue
        out = np.empty((n, 4), kernels.dtype)
        for first, m in ((row, 1), (0, row), (0, row + 1), (row + 1, n - row - 1), (max(row - 3, 0), 4)):
            m = min(m, n - first)
            finite = kernels.module.predict(PLAN, params, rows, out[:m], first, m, check_rows=True)
            assert finite is not (first <= row < first + m)
            assert kernels.module.predict(PLAN, params, rows, out[:m], first, m) is True


@pytest.mark.parametrize("n_features", [31, 64, 65, 130, 1090])
def test_rows_of_any_length_are_listed_for_all_cuts_as_for_none(kernels, n_features):
    """A wide layer's weights are cut into 64 features or fewer; a row alone is listed as a whole."""
    plan = chain(n_features, (256, 3), (Activation.TANH, Activation.IDENTITY))
    params = (np.random.RandomState(1).normal(size=plan.n_params) * 0.05).astype(kernels.dtype)
    given = np.random.RandomState(2).uniform(0.5, 1, (40, n_features)).astype(kernels.dtype)
    given[np.random.RandomState(3).uniform(size=given.shape) > 0.2] = 0
    given[3], given[5, ::64], given[6, 63::64] = 0, 1, 1
    found = training.predict(plan, params, Rows(given))
    for i in range(len(given)):
        np.testing.assert_array_equal(
            training.predict(plan, params, Rows(given[i : i + 1])), found[i : i + 1]
        )


@pytest.mark.parametrize("width", [63, 64, 100, 128, 300])
@pytest.mark.parametrize("n_features", [30, 97, 400])
def test_many_rows_meet_copied_panels_of_weights_as_few_meet_the_weights(kernels, n_features, width):
    """Listed rows, dense ones between them; the weights of whole panels, of more, and of fewer columns."""
    plan = chain(n_features, (width, 3), (Activation.TANH, Activation.IDENTITY))
    params = (np.random.RandomState(1).normal(size=plan.n_params) * 0.05).astype(kernels.dtype)
    given = np.random.RandomState(2).uniform(0.5, 1, (650, n_features)).astype(kernels.dtype)
    given[np.random.RandomState(3).uniform(size=given.shape) > 0.2] = 0
    given[200:256], given[300] = 1, 0
    for layer in (0, 1):
        found = training.predict(plan, params, Rows(given), layer=layer, n_threads=1)
        for i in range(0, 650, 50):
            few = training.predict(plan, params, Rows(given[i : i + 50]), layer=layer)
            np.testing.assert_array_equal(found[i : i + 50], few)


@pytest.mark.parametrize("sources", [[INPUT, 0], [0, INPUT]], ids=str)
def test_many_listed_rows_that_meet_two_layers(kernels, sources):
    specs = [
        dict(n_out=70, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=80, sources=sources, activation=Activation.TANH),
    ]
    plan = build_plan(90, specs)
    params = (np.random.RandomState(1).normal(size=plan.n_params) * 0.05).astype(kernels.dtype)
    given = np.random.RandomState(2).uniform(0.5, 1, (600, 90)).astype(kernels.dtype)
    given[np.random.RandomState(3).uniform(size=given.shape) > 0.2] = 0
    found = training.predict(plan, params, Rows(given), n_threads=1)
    for i in range(0, 600, 50):
        few = training.predict(plan, params, Rows(given[i : i + 50]))
        np.testing.assert_array_equal(found[i : i + 50], few)


@pytest.mark.parametrize("n, n_threads", [(2 * training.PREDICTED - 1, None), (2 * training.PREDICTED, 3)])
def test_few_rows_are_not_shared_out_whatever_their_work(n, n_threads, monkeypatch):
    """They are one piece and what is left of another: threads would wait for the one that has it."""
    asked = []
    monkeypatch.setattr(training, "MIN_WORK", 1)
    monkeypatch.setattr(training, "usable_cores", lambda: 3)
    monkeypatch.setattr(training, "share_out", lambda work, pieces, n_threads: asked.append(n_threads))
    training.predict(
        PLAN, np.zeros(PLAN.n_params, np.float32), Rows(np.zeros((n, PLAN.n_features), np.float32))
    )
    assert asked == ([n_threads] if n_threads else [])


@pytest.mark.parametrize("n", [256, 1000, 10000, 10001])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("most", [1, 300, 552, 5000])
def test_pieces_for_threads_are_all_rows_once_and_end_small(n, n_threads, most):
    cut = list(training.pieces(n, n_threads, most))
    assert [a for a, _ in cut] == [0, *(b for _, b in cut[:-1])] and cut[-1][1] == n
    sizes = [b - a for a, b in cut]
    assert max(sizes) <= max(most, training.PREDICTED) and sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= training.PREDICTED


def test_one_row_is_predicted_by_what_the_network_is_now():
    """By its weights, scale, dtype and backend at the time, however they came to be."""
    model = Network([Dense(6, "tanh", input_dim=3), Dense(2)], random_state=0, dtype="float32").build()
    x = np.array([[1, 2, 3]], np.uint8)

    def formula():
        (w, v), (b, c) = model.coefs_, model.intercepts_
        return np.tanh((x * model.input_scale) @ w.astype(float) + b) @ v.astype(float) + c

    def is_right():
        return np.allclose(model.predict(x), formula(), rtol=1e-5)

    first = model.predict(x)
    assert is_right()
    model.set_weights([w + 1 for w in model.get_weights()])
    assert is_right() and not np.allclose(model.predict(x), first)
    model.coefs_[0][...] *= 0.3
    assert is_right()
    model.params = np.linspace(-1, 1, model.n_params)
    assert is_right() and model.predict(x).dtype == np.float32
    model.input_scale = 0.1
    assert is_right()
    model.layers[0].trainable = False
    model.fit(np.repeat(x, 5, axis=0), np.ones((5, 2)), epochs=2)
    assert is_right()
    for name in dispatch.available():
        with dispatch.using(name):
            assert is_right()
