"""Every kind of input rows gives what the same numbers give as a plain array, and none is changed."""

import numpy as np
import pytest
from oracle import reference
from oracle.jobs import chain, check_refused, clone, concatenation, expected_of, make_job, train
from scipy import sparse

from fastmlp.kernels import training
from fastmlp.kernels.job import Rows
from fastmlp.kernels.plan import INPUT, Activation, Loss, Optimizer, Regime, Status, build_plan

N, FEATURES = 37, 21


def numbers(dtype=np.float64, density=0.3):
    random = np.random.RandomState(0)
    x = random.randint(1, 256, size=(N, FEATURES)) * (random.uniform(size=(N, FEATURES)) < density)
    x[:, 4] = 0
    x[6] = 0
    return x.astype(dtype)


def read_only(x):
    x.flags.writeable = False
    return x


def memory_mapped(x, folder):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def wide_csr(x):
    matrix = sparse.csr_matrix(x)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


def shuffled_csr(x):
    """Columns out of order, and one number stored as a sum of two."""
    data, indices, indptr = [], [], [0]
    for row in x:
        places = np.flatnonzero(row)[::-1]
        data += list(row[places])
        indices += list(places)
        if len(places):
            data[-1] -= 1
            data.append(1.0)
            indices.append(places[-1])
        indptr.append(len(data))
    return sparse.csr_matrix((np.array(data, x.dtype), indices, indptr), shape=x.shape)


KINDS = {
    "float64": lambda folder: numbers(),
    "float32": lambda folder: numbers(np.float32),
    "uint8": lambda folder: numbers(np.uint8),
    "dense-float32": lambda folder: numbers(np.float32, 0.9),
    "fortran": lambda folder: np.asfortranarray(numbers()),
    "fortran-uint8": lambda folder: np.asfortranarray(numbers(np.uint8)),
    "strided": lambda folder: np.repeat(np.repeat(numbers(np.float32), 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda folder: np.ascontiguousarray(numbers()[::-1, ::-1])[::-1, ::-1],
    "repeated-row": lambda folder: np.broadcast_to(numbers()[3], (N, FEATURES)),
    "unaligned-rows": lambda folder: np.pad(numbers(np.uint8), ((0, 0), (1, 2)))[:, 1:-2],
    "read-only": lambda folder: read_only(numbers(np.float32)),
    "memory-mapped": lambda folder: memory_mapped(numbers(np.uint8), folder),
    "csr-float64": lambda folder: sparse.csr_matrix(numbers()),
    "csr-float32": lambda folder: sparse.csr_matrix(numbers(np.float32)),
    "csr-int64": lambda folder: wide_csr(numbers()),
    "csr-unsorted": lambda folder: shuffled_csr(numbers()),
    "csr-array": lambda folder: sparse.csr_array(numbers(np.float32)),
    "csr-empty": lambda folder: sparse.csr_matrix((N, FEATURES), dtype=np.float64),
}


def snapshot(x):
    parts = (x.data, x.indices, x.indptr) if sparse.issparse(x) else (x,)
    return [part.copy() for part in parts]


@pytest.fixture(params=KINDS)
def given(request, tmp_path):
    x = KINDS[request.param](tmp_path)
    before = snapshot(x)
    yield x
    for now, then in zip(snapshot(x), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_training(kernels, given):
    plan = chain(FEATURES, (34, 4), (Activation.TANH, Activation.SOFTMAX))
    rows = Rows(given, scale=1 / 255)
    for optimizer, batch_size in ((Optimizer.SGD, 1), (Optimizer.ADAM, 5), (Optimizer.SGD, N)):
        job = make_job(
            kernels.dtype,
            plan,
            N,
            Loss.CATEGORICAL_CROSS_ENTROPY,
            x=rows,
            optimizer=optimizer,
            batch_size=batch_size,
            n_epochs=2,
            epsilon=1e-3,
            rates=(0.1,),
        )
        expected = expected_of(job)
        result, _ = train(job)
        kernels.assert_close(result.params, expected.params, 1000)
        np.testing.assert_allclose(result.losses, expected.losses, rtol=1000 * kernels.eps)


@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.parametrize(
    "options", [dict(input_dropout=0.3), dict(clip_norm=0.1), {}], ids=lambda o: "-".join(o)
)
def test_listed_and_dense_rows_agree(kernels, flag, options):
    """`run["sparse"]` chooses between lists of non-zeros and dense products; results are the same."""
    plan = chain(FEATURES, (34, 4), (Activation.TANH, Activation.SOFTMAX), l2=0.01, mean_l2=0.002)
    for x in (numbers(np.float32), sparse.csr_matrix(numbers(np.float32))):
        if flag == 0 and sparse.issparse(x):
            continue
        job = make_job(
            kernels.dtype,
            plan,
            N,
            Loss.CATEGORICAL_CROSS_ENTROPY,
            x=Rows(x, 1 / 255),
            batch_size=8,
            **options,
        )
        expected = expected_of(job)
        job = clone(job)
        backend = training.prepare(job, 1, Regime.BATCH)
        job.run["sparse"] = flag
        backend.prepare(job)
        job.run["budget"] = 10**6
        backend.train(job)
        kernels.assert_close(job.params, expected.params, 1000)


def test_sparse_input_of_a_graph(kernels):
    plan = concatenation(FEATURES, 3)
    for x in (numbers(np.float32), sparse.csr_matrix(numbers(np.float32))):
        job = make_job(kernels.dtype, plan, N, x=Rows(x, 1 / 255), batch_size=6, rates=(0.02,))
        expected = expected_of(job)
        result, _ = train(job, regime=Regime.BATCH)
        kernels.assert_close(result.params, expected.params, 1000)


def test_prediction(kernels, given):
    plan = chain(FEATURES, (18, 9, 4), (Activation.TANH, Activation.GELU, Activation.SOFTMAX))
    job = make_job(kernels.dtype, plan, N, x=np.zeros((N, FEATURES)))
    rows, before = Rows(given, scale=1 / 255), job.params.copy()
    x = reference.dense(rows)
    job.params.flags.writeable = False
    for layer, logits in ((-1, False), (-1, True), (1, False), (1, True), (0, False)):
        expected = reference.predict(plan, job.params, x, layer, logits)
        out = training.predict(plan, job.params, rows, layer=layer, logits=logits)
        assert out.dtype == kernels.dtype
        kernels.assert_close(out, expected, 60)
        for first, n in ((0, 1), (5, 1), (3, 16), (N - 17, 17), (N, 0), (0, 0)):
            part = np.full((n, expected.shape[1]), np.nan, kernels.dtype)
            kernels.module.predict(plan, job.params, rows, part, first, n, layer, logits)
            kernels.assert_close(part, expected[first : first + n], 60)
    np.testing.assert_array_equal(job.params, before)


def test_prediction_of_no_rows(kernels):
    plan = chain(3, (2,), (Activation.IDENTITY,))
    params = np.ones(plan.n_params, kernels.dtype)
    for x in (np.zeros((0, 3)), sparse.csr_matrix((0, 3))):
        assert training.predict(plan, params, Rows(x)).shape == (0, 2)


def test_prediction_through_a_graph(kernels):
    plan = concatenation(FEATURES, 3, Activation.LOGISTIC)
    job = make_job(kernels.dtype, plan, 300)
    for layer in range(len(plan.layers)):
        expected = reference.predict(plan, job.params, reference.dense(job.rows), layer)
        kernels.assert_close(training.predict(plan, job.params, job.rows, layer=layer), expected, 60)


def wide_rows(kind, n=150, n_features=130):
    """Rows of which a fifth is not 0, as float32, uint8, columns of float64; the last of them dense."""
    random = np.random.RandomState(4)
    x = random.randint(1, 5, (n, n_features)) * (random.uniform(size=(n, n_features)) < 0.2)
    x[-3:] += 1
    return np.asfortranarray(x, np.float64) if kind == "columns" else x.astype(kind)


@pytest.mark.parametrize("kind", ["float32", "uint8", "columns"])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_prediction_is_the_same_listed_or_not_in_blocks_or_alone(kernels, kind, scale):
    """Wide first layers list the non-zeros of blocks that have few, in several cuts; no bit depends on it."""
    specs = [
        dict(n_out=256, sources=[INPUT], activation=Activation.TANH),
        dict(n_out=70, sources=[INPUT, 0], activation=Activation.RELU),
        dict(n_out=3, sources=[1, INPUT], activation=Activation.IDENTITY),
    ]
    rows = Rows(wide_rows(kind), scale=scale)
    job = make_job(kernels.dtype, build_plan(130, specs), x=rows, n=rows.n_rows)
    for layer in (-1, 0):
        expected = reference.predict(job.plan, job.params, reference.dense(rows), layer)
        out = training.predict(job.plan, job.params, rows, layer=layer)
        kernels.assert_close(out, expected, 400)
        for first, n in [(147, 3), (10, 137), (140, 7), *((i, 1) for i in (0, 5, 149))]:
            part = np.empty((n, expected.shape[1]), kernels.dtype)
            kernels.module.predict(job.plan, job.params, rows, part, first, n, layer)
            np.testing.assert_array_equal(part, out[first : first + n])


def test_prediction_writes_nothing_beyond_its_rows(kernels):
    plan = chain(5, (3, 2), (Activation.TANH, Activation.IDENTITY))
    job = make_job(kernels.dtype, plan, 19)
    memory = np.full((25, 2), 7.0, kernels.dtype)
    kernels.module.predict(plan, job.params, job.rows, memory[3:22], 0, 19)
    assert (memory[:3] == 7).all() and (memory[22:] == 7).all() and not (memory[3:22] == 7).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_finite(kernels, bad, dtype):
    for n in (1, 2, 15, 16, 17, 63, 64, 65):
        x = np.ones((3, n), dtype)
        x[0, 0] = min(np.finfo(dtype).max, np.finfo(kernels.dtype).max)
        views = [x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]]
        for view in views:
            assert kernels.module.all_finite(Rows(view))
        assert kernels.module.all_finite(Rows(sparse.csr_matrix(x)))
        for place in {0, n // 2, n - 1}:
            for view in views:
                broken = view.copy(order="K")
                broken[2, place] = bad
                assert not kernels.module.all_finite(Rows(broken))
                assert not kernels.module.all_finite(Rows(sparse.csr_matrix(broken)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, -1.0, 8.0, -8.0, 0.125])
def test_all_finite_where_they_are_read(kernels, dtype, scale):
    """What is finite, but not once it is scaled and of the kernels' dtype, does not count as finite."""
    x = np.ones((3, 17), dtype)
    most = min(float(np.finfo(dtype).max), float(np.finfo(kernels.dtype).max) / abs(scale))
    for sign in (1, -1):
        x[1, 9] = sign * most
        above = x.copy()
        with np.errstate(over="ignore"):
            above[1, 9] = np.nextafter(x[1, 9], dtype(sign * np.inf))
        for kind in (np.asarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], sparse.csr_matrix):
            assert kernels.module.all_finite(Rows(kind(x), scale))
            assert not kernels.module.all_finite(Rows(kind(above), scale))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("value", [np.nan, -np.inf, -0.02])
@pytest.mark.parametrize("features", [7, 70, 300])
@pytest.mark.parametrize("weight", [0, 200])
def test_rows_are_checked_online(kernels, kind, value, features, weight):
    """That all weights of a number are 0 hides nothing, nor does an activation that makes 1 of infinity.

    A number that is finite may have sums that are not.
    """
    x = np.zeros((9, features), kernels.dtype)
    x[:, 3] = 0.5
    x[5, 4] = value * np.finfo(kernels.dtype).max if abs(value) < 1 else value
    plan = chain(features, (8, 2), (Activation.TANH, Activation.IDENTITY))
    options = dict(batch_size=1, n_epochs=1, check_rows=1, shuffle=0, rates=(0.0,))
    job = make_job(kernels.dtype, plan, 9, x=Rows(kind(x)), **options)
    job.params[4 * 8 : 5 * 8] = weight
    result, status = train(job, regime=Regime.ONLINE)
    assert status == (Status.FINISHED if value == -0.02 else Status.BAD_ROWS)
    assert result.run["step"][0] == 9 if value == -0.02 else result.run["step"][0] <= 5


@pytest.mark.parametrize("features", [191, 192, 193, 263, 448, 784])
@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.MOMENTUM, Optimizer.ADAM])
def test_rows_that_are_listed_in_parts(kernels, features, optimizer):
    """Rows that lie as the kernels read them are listed in parts, others at once: the bits are the same."""
    random = np.random.RandomState(features)
    x = random.normal(size=(11, features)) * (random.uniform(size=(11, features)) < 0.2)
    x[4] = 0
    x[6] = random.normal(size=features)
    x = x.astype(kernels.dtype)
    plan = chain(features, (24, 3), (Activation.LOGISTIC, Activation.SOFTMAX))
    options = dict(batch_size=1, optimizer=optimizer, loss=Loss.CATEGORICAL_CROSS_ENTROPY)
    results = []
    for rows in (x, np.asfortranarray(x), sparse.csr_matrix(x)):
        job = make_job(kernels.dtype, plan, 11, x=Rows(rows), **options)
        results.append(train(job, regime=Regime.ONLINE)[0].params)
    np.testing.assert_array_equal(results[1], results[0])
    kernels.assert_close(results[2], results[0], 500)
    if optimizer == Optimizer.SGD:
        kernels.assert_close(results[0], expected_of(job).params, 500)


@pytest.mark.parametrize("units", [3, 8, 16, 24, 32, 40, 64, 72])
def test_lists_of_any_length_online(kernels, units):
    """Lists are filled up with zeros, so that a narrow layer meets several rows of weights at a time."""
    random = np.random.RandomState(units)
    x = np.zeros((12, 30))
    for i in range(12):
        x[i, random.permutation(30)[:i]] = random.uniform(0.5, 1, i)
    plan = chain(30, (units, 3), (Activation.LOGISTIC, Activation.SOFTMAX))
    options = dict(batch_size=1, optimizer=Optimizer.SGD, loss=Loss.CATEGORICAL_CROSS_ENTROPY, n_epochs=2)
    for rows in (x, x.astype(kernels.dtype), sparse.csr_matrix(x)):
        job = make_job(kernels.dtype, plan, 12, x=Rows(rows), **options)
        result, _ = train(clone(job), regime=Regime.ONLINE)
        kernels.assert_close(result.params, expected_of(job).params, 500)


def test_all_finite_of_bytes_and_of_nothing(kernels):
    for x in (np.ones((4, 5), np.uint8), np.ones((0, 5)), sparse.csr_matrix((3, 4)), np.ones((2, 0))):
        assert kernels.module.all_finite(Rows(x))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("value, scale", [(np.nan, 1), (-np.inf, 1), (0.6, 2), (-0.9, 1)])
def test_rows_whose_non_zeros_are_listed_are_checked(kernels, kind, value, scale):
    """A number may be as large as the dtype has them, but not too large once it is scaled."""
    x = np.zeros((9, 70), kernels.dtype)
    x[:, 3] = 0.5
    x[5, 40] = value * np.finfo(kernels.dtype).max if abs(value) < 1 else value
    plan = chain(70, (8, 2), (Activation.TANH, Activation.IDENTITY))
    options = dict(batch_size=1, n_epochs=1, check_rows=1, shuffle=0)
    job = make_job(kernels.dtype, plan, 9, x=Rows(kind(x), scale), **options)
    if value == -0.9:
        assert train(job)[1] == Status.FINISHED
    else:
        check_refused(job, 5)
