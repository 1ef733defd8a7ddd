"""batched_matmul against NumPy in float64: every backend, sizes around every edge, layouts, errors."""

import doctest
from itertools import product

import numpy as np
import pytest

from fastmlp import batched, batched_matmul

EDGES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18)
SHAPES = [
    *((m, k, n) for m in EDGES for k, n in ((1, 1), (2, 3), (5, 9), (17, 1), (16, 33), (3, 16))),
    *((m, k, n) for n in EDGES for m, k in ((1, 1), (1, 40), (4, 4), (7, 33), (9, 3))),
    *((n, n, n) for n in (*EDGES, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 66)),
    *((3, k, n) for k in (95, 96, 97, 383, 384, 385, 767, 768, 769) for n in (5, 16, 70)),
    (13, 100, 129), (1, 200, 1), (1, 5, 129), (1, 33, 300), (70, 130, 1),
    (1, 130, 70), (2, 64, 64), (64, 64, 2), (100, 1, 100),
]  # fmt: skip
LAYOUTS = {
    "C": lambda x: x,
    "columns": lambda x: x.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "gaps": lambda x: spread(x, (1, 1, 2)),
    "row gaps": lambda x: spread(x, (1, 2, 1)),
    "stack gaps": lambda x: spread(x, (3, 1, 1)),
    "stack last": lambda x: np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0),
    "backward": lambda x: x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "backward rows": lambda x: x[:, ::-1].copy()[:, ::-1],
}


def spread(x, steps):
    """A copy of x with gaps of NaN between its elements."""
    memory = np.full([n * step for n, step in zip(x.shape, steps, strict=True)], np.nan, x.dtype)
    view = memory[tuple(slice(None, None, step) for step in steps)]
    view[...] = x
    return view


@pytest.fixture
def backend(kernels):
    """The kernels that `batched_matmul` uses while the test runs."""
    return kernels


def stacks(dtype, shape, count=3, seed=0):
    m, k, n = shape
    random = np.random.RandomState(seed)
    return random.normal(size=(count, m, k)).astype(dtype), random.normal(size=(count, k, n)).astype(dtype)


def assert_product(C, A, B, err_msg=""):
    """C is A B as closely as rounding allows."""
    A, B = A.astype(np.float64), B.astype(np.float64)
    assert C.shape == np.matmul(A, B).shape
    scale = np.matmul(np.abs(A), np.abs(B)).max(initial=0) * np.finfo(C.dtype).eps
    limit = scale * (4 + 2 * A.shape[-1] ** 0.5)
    np.testing.assert_allclose(C, A @ B, rtol=0, atol=limit, err_msg=err_msg)


def test_sizes(backend):
    for shape in SHAPES:
        A, B = stacks(backend.dtype, shape)
        before = A.copy(), B.copy()
        assert_product(batched_matmul(A, B), A, B, f"{shape}")
        assert (A == before[0]).all() and (B == before[1]).all()


@pytest.mark.parametrize(
    "shape", [(2, 2, 2), (5, 7, 9), (16, 16, 16), (17, 33, 20), (1, 20, 9), (9, 20, 1), (70, 9, 66)]
)
def test_layouts(backend, shape):
    A, B = stacks(backend.dtype, shape)
    for a, b, c in product(LAYOUTS, LAYOUTS, LAYOUTS):
        out = LAYOUTS[c](np.full((3, shape[0], shape[2]), 3, backend.dtype))
        assert batched_matmul(LAYOUTS[a](A), LAYOUTS[b](B), out) is out
        assert_product(out, A, B, f"A {a}, B {b}, out {c}")


def test_nothing_is_written_beyond_the_result(backend):
    for shape in SHAPES[::3]:
        A, B = stacks(backend.dtype, shape)
        m, _, n = shape
        for columns in (False, True):
            memory = np.full((5, n + 3, m + 2) if columns else (5, m + 2, n + 3), 7, backend.dtype)
            out = memory.swapaxes(1, 2)[1:4, 1:-1, 1:-2] if columns else memory[1:4, 1:-1, 1:-2]
            batched_matmul(A, B, out)
            assert_product(out, A, B, f"{shape}")
            out[...] = 7
            assert (memory == 7).all(), shape


def test_nothing_is_read_beyond_the_factors(backend):
    """What lies next to the factors is NaN."""
    for shape in SHAPES[::3]:
        A, B = stacks(backend.dtype, shape)
        outer = []
        for x in (A, B):
            memory = np.full([n + 2 for n in x.shape], np.nan, backend.dtype)
            memory[1:-1, 1:-1, 1:-1] = x
            outer.append(memory[1:-1, 1:-1, 1:-1])
        assert_product(batched_matmul(*outer), A, B, f"{shape}")


@pytest.mark.parametrize(
    "leading",
    [
        ((), ()), ((), (3,)), ((3,), ()), ((1,), (3,)), ((3,), (1,)), ((2, 3), (2, 3)), ((2, 1), (3,)),
        ((2, 1, 4), (3, 1)), ((4, 1, 2), (1, 3, 1)), ((1, 1), (1,)), ((0,), (1,)), ((2, 0, 3), (3,)),
    ],
)  # fmt: skip
def test_leading_dimensions_broadcast(backend, leading):
    random = np.random.RandomState(0)
    for m, k, n in ((2, 2, 2), (3, 5, 4), (1, 9, 1), (5, 40, 20)):
        A = random.normal(size=(*leading[0], m, k)).astype(backend.dtype)
        B = random.normal(size=(*leading[1], k, n)).astype(backend.dtype)
        assert_product(batched_matmul(A, B), A, B)
        turned = [x.swapaxes(-1, -2).copy().swapaxes(-1, -2) for x in (A, B)]
        assert_product(batched_matmul(*turned), A, B)


def test_strides_of_zero(backend):
    A, B = stacks(backend.dtype, (5, 6, 7))
    for x in (A[:1], A[:, :1], A[:, :, :1]):
        x = np.broadcast_to(x, A.shape)
        assert_product(batched_matmul(x, B), x, B)
    for x in (B[:1], B[:, :1], B[:, :, :1]):
        x = np.broadcast_to(x, B.shape)
        assert_product(batched_matmul(A, x), A, x)


def test_many_dimensions(backend):
    A, B = stacks(backend.dtype, (2, 3, 4), 64)
    A, B = A.reshape((2,) * 6 + (2, 3)), B.reshape((2,) * 6 + (3, 4))
    A, B = A.transpose(5, 3, 1, 0, 2, 4, 6, 7), B.transpose(2, 0, 1, 5, 4, 3, 6, 7)
    assert_product(batched_matmul(A, B), A, B)


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0), (0, 0, 0), (40, 0, 70), (1, 0, 1)])
def test_empty(backend, shape):
    for count in (0, 1, 3):
        A, B = stacks(backend.dtype, shape, count)
        C = np.full((count, shape[0], shape[2]), np.nan, backend.dtype)
        assert batched_matmul(A, B, C) is C
        assert C.shape == (count, shape[0], shape[2]) and (C == 0).all()


def test_nan_and_infinity_propagate_as_in_numpy(backend):
    for shape in ((2, 2, 2), (5, 9, 7), (16, 16, 16), (17, 40, 18), (1, 20, 6), (6, 20, 1), (1, 20, 1)):
        for bad in (np.nan, np.inf, -np.inf):
            A, B = stacks(backend.dtype, shape)
            A[1, -1, shape[1] // 2] = bad
            B[2, 0, -1] = bad
            B[1, shape[1] // 2, 0] = 0
            with np.errstate(invalid="ignore"):
                expected = np.matmul(A, B)
            for a, b in ((A, B), (LAYOUTS["columns"](A), LAYOUTS["columns"](B))):
                np.testing.assert_array_equal(np.isfinite(batched_matmul(a, b)), np.isfinite(expected))
                np.testing.assert_array_equal(np.isnan(batched_matmul(a, b)), np.isnan(expected))


def test_denormals_are_kept(backend):
    tiny = np.finfo(backend.dtype).smallest_subnormal
    A = np.full((3, 4, 4), tiny, backend.dtype)
    np.testing.assert_array_equal(
        batched_matmul(A, np.broadcast_to(np.eye(4, dtype=backend.dtype), A.shape)), A
    )


def test_parts_and_threads_change_no_bit(backend):
    for shape, columns in (
        ((16, 16, 16), ""),
        ((5, 9, 7), ""),
        ((9, 40, 1), ""),
        ((1, 50, 1), ""),
        ((7, 16, 12), "B"),
    ):
        A, B = stacks(backend.dtype, shape, 2_200_000 // (shape[0] * shape[1] * shape[2]) + 1)
        B = LAYOUTS["columns"](B) if columns else B
        whole = batched_matmul(A, B, n_threads=1)
        assert_product(whole, A, B)
        for n_threads in (2, 3, 7):
            np.testing.assert_array_equal(batched_matmul(A, B, n_threads=n_threads), whole)
        parts, i = np.full_like(whole, np.nan), 0
        for n in (1, 2, 3, 5, len(A) - 11):
            assert backend.module.matmul_stack(A, B, parts, i, n)
            i += n
        np.testing.assert_array_equal(parts, whole)


def test_shared_factor_gives_what_copies_give(backend):
    for shape in ((4, 4, 4), (1, 8, 20), (5, 33, 7), (20, 3, 1)):
        A, B = stacks(backend.dtype, shape, 9)
        for a, b in ((A, B[0]), (A[0], B), (A, LAYOUTS["columns"](B)[0])):
            copies = [np.broadcast_to(x, (9, *x.shape[-2:])).copy() for x in (a, b)]
            if b.flags.c_contiguous or b.ndim == 3:
                np.testing.assert_array_equal(batched_matmul(a, b), batched_matmul(*copies))
            assert_product(batched_matmul(a, b), *copies)


def test_addresses_off_alignment(backend):
    A, B = stacks(backend.dtype, (5, 6, 7))
    off = []
    for x in (A, B, np.empty((3, 5, 7), backend.dtype)):
        memory = np.empty(x.nbytes + 1, np.uint8)
        view = memory[1:].view(x.dtype).reshape(x.shape)
        view[...] = x
        off.append(view)
    assert batched_matmul(*off) is off[2]
    assert_product(off[2], A, B)
    record = np.zeros(3, [("pad", "i1"), ("A", backend.dtype, (5, 6))])
    record["A"] = A
    assert_product(batched_matmul(record["A"], B), A, B)


def test_result_may_share_memory(backend):
    A, B = stacks(backend.dtype, (6, 6, 6), 5)
    expected = batched_matmul(A, B)
    for place in (lambda a, b: a, lambda a, b: b, lambda a, b: a[::-1], lambda a, b: b.swapaxes(1, 2)):
        a, b = A.copy(), B.copy()
        out = place(a, b)
        assert batched_matmul(a, b, out) is out
        np.testing.assert_array_equal(out, expected)
    memory = np.concatenate([A, A])
    assert_product(batched_matmul(memory[:5], B, memory[2:7]), A, B)


def test_large_matrices():
    A, B = stacks(np.float64, (128, 129, 130), 2)
    A[0, 0, 0] = np.inf
    B[0, 0, 0] = 0
    out = np.empty((2, 128, 130))
    assert batched_matmul(A, B, out) is out
    assert np.isnan(out[0, 0, 0])
    assert_product(out[1], A[1], B[1])


@pytest.mark.parametrize(
    "a, b", [("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("f8", "i8"), ("f4", "i2"), ("f4", "i8"), ("f4", "f2"),
             (">f8", "f8"), (">f4", "f4"), ("f8", "?"), ("u1", "f4")]
)  # fmt: skip
def test_dtypes_follow_numpy(a, b):
    A, B = (np.arange(12).reshape(shape).astype(t) for shape, t in (((2, 2, 3), a), ((2, 3, 2), b)))
    C = batched_matmul(A, B)
    assert C.dtype == np.result_type(A, B).newbyteorder("=")
    np.testing.assert_array_equal(C, np.matmul(A, B))


def test_other_input():
    A, B = stacks(np.float64, (2, 3, 4))
    expected = batched_matmul(A, B)
    np.testing.assert_array_equal(batched_matmul(A.tolist(), B.tolist()), expected)
    A.flags.writeable = B.flags.writeable = False
    np.testing.assert_array_equal(batched_matmul(A, B), expected)
    np.testing.assert_array_equal(batched_matmul(A[0], B[0]), expected[0])


@pytest.mark.parametrize(
    "a, b",
    [("i4", "i4"), ("f8", "c16"), ("f2", "f2"), ("g", "f8"), ("O", "f8"), ("U1", "f8"), ("M8[s]", "f8")],
)
def test_dtypes_without_a_kernel_are_refused(a, b):
    with pytest.raises(ValueError, match=r"float32 or float64; got dtypes .* numpy.matmul"):
        batched_matmul(np.zeros((1, 2, 2), a), np.zeros((1, 2, 2), b))


@pytest.mark.parametrize(
    "a, b, message",
    [
        ((3,), (3, 2), "at least 2 dimensions"),
        ((3, 2), (2,), r"v\[..., None\]"),
        ((2, 3), (2, 3), "3 in .* and 2 in"),
        ((2, 2, 3), (3, 3, 2), r"must broadcast; got \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        batched_matmul(np.zeros(a), np.zeros(b))


def test_results_that_do_not_fit_are_refused():
    A, B = stacks(np.float64, (2, 3, 4))
    locked = np.zeros((3, 2, 4))
    locked.flags.writeable = False
    for out, error, message in (
        (np.zeros((3, 2, 5)), ValueError, r"shape \(3, 2, 4\)"),
        (np.zeros((1, 2, 4)), ValueError, "shape"),
        (np.zeros((3, 2, 4), np.float32), ValueError, "dtype float64; got .* float32"),
        (locked, ValueError, "writeable"),
        ([[0.0]], TypeError, "out must be a NumPy array"),
    ):
        with pytest.raises(error, match=message):
            batched_matmul(A, B, out)
    assert (locked == 0).all()
    for n_threads, error in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="n_threads"):
            batched_matmul(A, B, n_threads=n_threads)


def test_example():
    assert doctest.testmod(batched).failed == 0


def test_an_out_that_overlaps_itself_is_refused():
    """Numbers that share a place would be written over each other."""
    A, B = np.ones((3, 2, 2)), np.arange(12.0).reshape(3, 2, 2)
    as_strided = np.lib.stride_tricks.as_strided
    for strides in ((0, 16, 8), (8, 16, 8), (32, 8, 8), (32, -8, 8)):
        with pytest.raises(ValueError, match="out must have a place for each number; got strides"):
            batched_matmul(A, B, out=as_strided(np.zeros(20)[8:], A.shape, strides))
    for out in (np.zeros((2, 2, 3)).T, np.zeros((3, 2, 4))[:, ::-1, ::2]):
        assert np.array_equal(batched_matmul(A, B, out=out), A @ B)
