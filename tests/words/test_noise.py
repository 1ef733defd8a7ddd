"""`fastmlp.noise`: what is drawn depends on seed and place alone; what is asked for is done, or nothing."""

import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from oracle import noise as reference_noise

import fastmlp
from fastmlp import noise
from fastmlp.noise import add_gaussian_noise, noisy_copies

RNG = np.random.default_rng(3)
GLYPHS = (RNG.random((10, 7, 5)) < 0.5).astype(np.uint8)


def key_of(seed):
    low, high = np.random.RandomState(seed).randint(0, 2**32, 2, np.uint64).tolist()
    return high << 32 | low


def expected_copies(X, n_copies, sigma, seed, dtype):
    """By the reference: every operation in the result's dtype."""
    rows = np.repeat(np.asarray(X), n_copies, axis=0).astype(dtype)
    return rows + reference_noise.stream(0, rows.size, key_of(seed), dtype, sigma).reshape(rows.shape)


def test_seeds_give_what_they_always_gave():
    """Known answers: these bits are promised for every machine and version."""
    drawn = add_gaussian_noise(np.zeros(1000, np.float32), 1.0, random_state=42)
    assert zlib.crc32(drawn.astype("<f4").tobytes()) == 0x0A64E946
    drawn = add_gaussian_noise(np.zeros(1000), 1.0, random_state=42)
    assert zlib.crc32(drawn.astype("<f8").tobytes()) == 0x2D705829


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_stand_side_by_side(dtype):
    noisy = noisy_copies(GLYPHS, 100, 0.3, random_state=1, dtype=dtype)
    assert noisy.shape == (1000, 7, 5) and noisy.dtype == dtype
    np.testing.assert_array_equal(noisy, expected_copies(GLYPHS, 100, 0.3, 1, dtype))
    means = noisy.reshape(10, 100, 7, 5).mean(axis=1)
    assert np.abs(means - GLYPHS).max() < 0.3 / 10 * 5


@pytest.mark.parametrize("n_threads", [None, 1, 2, 3, 7, 100])
@pytest.mark.parametrize("piece", [7, 64, 1000, 1 << 18])
def test_neither_threads_nor_pieces_matter(monkeypatch, n_threads, piece):
    monkeypatch.setattr(noise, "PIECE", piece)
    shapes = [((3, 4, 11), 5), ((2, 3, 5, 17), 1), ((1, 800), 3), ((900,), 2), ((40, 3), 31), ((2, 1), 2000)]
    for shape, n_copies in shapes:
        X = RNG.normal(size=shape)
        for given in (X, np.asfortranarray(X), X.astype(np.float32), np.repeat(X, 2, axis=-1)[..., ::2]):
            noisy = noisy_copies(given, n_copies, 0.7, random_state=5, n_threads=n_threads, dtype=np.float32)
            np.testing.assert_array_equal(noisy, expected_copies(given, n_copies, 0.7, 5, np.float32))


def test_backends_agree_bit_for_bit(kernels):
    X = RNG.normal(size=(33, 35)).astype(kernels.dtype)
    for n_copies, sigma in ((1, 0.3), (40, 2.5)):
        noisy = noisy_copies(X, n_copies, sigma, random_state=8, n_threads=2)
        np.testing.assert_array_equal(noisy, expected_copies(X, n_copies, sigma, 8, kernels.dtype))


@pytest.mark.parametrize(
    "given", ["bool", "uint8", "int8", "int64", "float16", "float32", "float64", ">f4", ">f8"]
)
def test_dtypes(given):
    X = GLYPHS.astype(given)
    found = add_gaussian_noise(X, 0.5, random_state=0)
    assert found.dtype == (np.float64 if given in ("float64", ">f8") else np.float32)
    np.testing.assert_array_equal(found, expected_copies(GLYPHS, 1, 0.5, 0, found.dtype))
    assert add_gaussian_noise(X, 0.5, dtype="float64").dtype == np.float64
    assert add_gaussian_noise(X, 0.5, out=np.empty(X.shape)).dtype == np.float64


def test_lists_and_objects_of_numbers():
    assert add_gaussian_noise([[1, 2], [3, 4]], 0.1).dtype == np.float32
    assert add_gaussian_noise(np.array([1.5, 2], object), 0.1).dtype == np.float64


def test_zero_sigma_copies_exactly():
    X = np.array([0.0, -0.0, 1e-42, 3e38, -1.5], np.float32)
    copies = noisy_copies(X, 3, 0, random_state=0)
    assert copies.tobytes() == np.repeat(X, 3).tobytes()
    np.testing.assert_array_equal(noisy_copies(X, 3, 0, clip=(-1, 1)), np.clip(np.repeat(X, 3), -1, 1))


def test_clip():
    noisy = add_gaussian_noise(np.full(10_000, 0.5), 1.0, clip=(0, 1), random_state=0)
    plain = add_gaussian_noise(np.full(10_000, 0.5), 1.0, random_state=0)
    np.testing.assert_array_equal(noisy, np.clip(plain, 0, 1))
    half = add_gaussian_noise(np.full(10_000, 0.5), 1.0, clip=(0, np.inf), random_state=0)
    np.testing.assert_array_equal(half, np.maximum(plain, 0))


def test_random_states():
    X = np.zeros(50)
    first = add_gaussian_noise(X, 1.0, random_state=7)
    np.testing.assert_array_equal(first, add_gaussian_noise(X, 1.0, random_state=np.int64(7)))
    state = np.random.RandomState(7)
    np.testing.assert_array_equal(first, add_gaussian_noise(X, 1.0, random_state=state))
    second = add_gaussian_noise(X, 1.0, random_state=state)
    assert not np.isin(first, second).any()
    expected = np.random.RandomState(7)
    expected.randint(0, 2**32, 4, np.uint64)
    assert state.randint(1 << 30) == expected.randint(1 << 30)  # two words a call
    one, other = np.random.default_rng(7), np.random.default_rng(7)
    for _ in range(2):
        np.testing.assert_array_equal(
            add_gaussian_noise(X, 1.0, random_state=one), add_gaussian_noise(X, 1.0, random_state=other)
        )
    assert one.integers(1 << 30) == other.integers(1 << 30)
    assert not np.isin(add_gaussian_noise(X, 1.0), add_gaussian_noise(X, 1.0)).any()


@pytest.mark.parametrize("shape", [(0,), (0, 7, 5), (4, 0), (0, 0)])
def test_nothing_to_do(shape):
    assert noisy_copies(np.empty(shape), 3, 1.0).shape == (3 * shape[0], *shape[1:])
    assert add_gaussian_noise(np.empty(shape, np.uint8), 1.0).shape == shape


def test_in_place_and_into_out():
    X = RNG.normal(size=(300, 35))
    expected = add_gaussian_noise(X, 0.5, random_state=2)
    out = np.empty_like(X)
    assert add_gaussian_noise(X, 0.5, random_state=2, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert add_gaussian_noise(X, 0.5, random_state=2, out=X) is X
    np.testing.assert_array_equal(X, expected)
    out = np.empty((600, 35), np.float32)
    assert noisy_copies(X, 2, 0.5, random_state=2, out=out) is out
    np.testing.assert_array_equal(out, expected_copies(X, 2, 0.5, 2, np.float32))


def test_files_and_read_only_input(tmp_path):
    np.save(tmp_path / "x.npy", GLYPHS)
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        noisy_copies(X, 3, 0.5, random_state=0), noisy_copies(GLYPHS, 3, 0.5, random_state=0)
    )


@pytest.mark.parametrize("layout", ["uint8", "strided", "wide"])
def test_memory_is_that_of_the_result(layout):
    X = {
        "uint8": lambda: np.zeros((5000, 784), np.uint8),
        "strided": lambda: np.zeros((784, 5000), np.float32).T,
        "wide": lambda: np.zeros((2_000_000, 2))[:, ::-1].T,
    }[layout]()
    add_gaussian_noise(X[:1, :8], 1.0)  # imports
    out = np.empty(X.shape, np.float32)
    tracemalloc.start()
    add_gaussian_noise(X, 1.0, out=out, n_threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20 < out.nbytes


STATE = np.random.RandomState(0)
BAD = [
    (dict(sigma=-0.1), ValueError, r"sigma must be a finite number in \[0"),
    (dict(sigma=np.nan), ValueError, "sigma must be a finite number"),
    (dict(sigma=np.inf), ValueError, "sigma must be a finite number"),
    (dict(sigma=1e38), ValueError, "sigma must be a finite number"),
    (dict(sigma=[0.1, 0.2]), TypeError, "sigma must be a number"),
    (dict(sigma="0.1"), TypeError, "sigma must be a number"),
    (dict(clip=(1, 0)), ValueError, "low <= high"),
    (dict(clip=(0, np.nan)), ValueError, "low <= high"),
    (dict(clip=("0", "1")), ValueError, r"clip must be None or \(low, high\), two numbers"),
    (dict(clip=(0, 10**400)), ValueError, r"clip must be None or \(low, high\), two numbers"),
    (dict(clip=(np.inf, np.inf)), ValueError, "between which there are numbers"),
    (dict(clip=(-np.inf, -np.inf)), ValueError, "between which there are numbers"),
    (dict(dtype="3"), ValueError, "dtype must be float32, float64"),
    (dict(clip=1), ValueError, r"clip must be None or \(low, high\)"),
    (dict(clip=(0, 1, 2)), ValueError, r"clip must be None or \(low, high\)"),
    (dict(n_copies=0), ValueError, "n_copies must be at least 1"),
    (dict(n_copies=2.0), TypeError, "n_copies must be an int"),
    (dict(n_threads=0), ValueError, "n_threads must be at least 1"),
    (dict(dtype=np.int32), ValueError, "dtype must be float32, float64"),
    (dict(dtype=np.float64), ValueError, "out must have shape"),
    (dict(glyphs=np.float32(1)), ValueError, "glyphs must have at least 1 dimension"),
    (dict(glyphs=np.array([[1, np.nan], [0, 0]])), ValueError, "glyphs holds NaN or infinity"),
    (dict(glyphs=np.array([[1, 0], [0, np.inf]], np.float32)), ValueError, "glyphs holds NaN or infinity"),
    (dict(glyphs=np.array([["a", "b"]])), ValueError, "glyphs must hold numbers"),
    (dict(glyphs=np.ones((2, 2)) * 1j), ValueError, "glyphs must hold real numbers"),
    (dict(glyphs=[[0.0], [1.0, 2.0]]), ValueError, "glyphs must be an array; got rows of different lengths"),
    (dict(glyphs=np.zeros((3, 2))), ValueError, r"out must have shape \(6, 2\)"),
    (dict(random_state="seed"), TypeError, "random_state must be"),
    (dict(random_state=-1), ValueError, "random_state must be between"),
]


@pytest.mark.parametrize("change, error, message", BAD, ids=[str(bad[0])[:40] for bad in BAD])
def test_bad_input_leaves_everything_as_it_was(change, error, message):
    out = np.full((4, 2), 7, np.float32)
    given = dict(glyphs=np.zeros((2, 2)), n_copies=2, sigma=0.5, random_state=STATE, out=out) | change
    before = STATE.get_state()
    with pytest.raises(error, match=message):
        noisy_copies(**given)
    assert (out == 7).all()
    assert all(np.array_equal(a, b) for a, b in zip(before, STATE.get_state(), strict=True))


def test_out_that_cannot_be_written():
    X, block = np.zeros((4, 6)), np.zeros((8, 6))
    frozen = np.zeros((4, 6))
    frozen.flags.writeable = False
    for out, message in [
        (np.zeros((6, 4)).T, "C-contiguous"),
        (frozen, "writeable"),
        (np.zeros((4, 6), np.int64), "dtype float64"),
        (np.zeros((4, 5)), r"shape \(4, 6\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            add_gaussian_noise(X, 1.0, out=out, dtype=np.float64)
    with pytest.raises(TypeError, match="out must be a NumPy array"):
        add_gaussian_noise(X, 1.0, out=[[0.0]])
    for shared, n_copies in ((block[1:5], 1), (block[:2], 2), (block[:4, ::-1], 1)):
        with pytest.raises(ValueError, match="shares memory"):
            noisy_copies(shared, n_copies, 1.0, out=block[:4])
    assert not block.any()


def test_sparse_input_is_refused():
    from scipy import sparse

    with pytest.raises(TypeError, match=r"X must be a dense array.*X\.toarray\(\)"):
        add_gaussian_noise(sparse.csr_matrix(np.eye(3)), 1.0)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_what_a_thread_raises_is_raised(monkeypatch, n_threads):
    calls = []

    class Failing:
        @staticmethod
        def add_noise(*arguments):
            calls.append(arguments)
            raise MemoryError("no more")

    monkeypatch.setattr(noise, "kernels", lambda dtype: Failing)
    monkeypatch.setattr(noise, "PIECE", 10)
    with pytest.raises(MemoryError, match="no more"):
        add_gaussian_noise(np.zeros(10_000), 1.0, n_threads=n_threads)
    assert len(calls) <= n_threads


def test_it_is_there_without_being_imported():
    assert "noise" in fastmlp.__all__ and fastmlp.noise is sys.modules["fastmlp.noise"]


def test_sigma_may_be_a_share_of_a_unit():
    X = np.full((200, 50), 100, np.uint8)
    asked = add_gaussian_noise(X, 0.3, unit=255, random_state=0)
    np.testing.assert_array_equal(asked, add_gaussian_noise(X, 0.3 * 255, random_state=0))
    assert abs(asked.std() - 76.5) < 1
    copies = noisy_copies(X, 2, 0.1, unit=255, random_state=0)
    np.testing.assert_array_equal(copies, noisy_copies(X, 2, 25.5, random_state=0))
    for unit in (0, -1, np.nan, "255"):
        with pytest.raises((TypeError, ValueError), match="unit must be"):
            add_gaussian_noise(X, 0.3, unit=unit)


def test_a_share_of_grey_levels_without_a_unit_is_warned_of():
    X = np.full((4, 5), 100, np.uint8)
    with pytest.warns(UserWarning, match=r"values reach 100.*unit=255") as told:
        add_gaussian_noise(X, 0.3, random_state=0)
    assert told[0].filename == __file__
    for quiet in (dict(sigma=30), dict(sigma=0.3, unit=1), dict(sigma=0)):
        add_gaussian_noise(X, random_state=0, **quiet)
    add_gaussian_noise(X // 100, 0.3)
    add_gaussian_noise(X.astype(np.float32), 0.3)
    X[0, 0] = 255
    for dtype in (np.int64, np.int16, np.uint32):  # as a table of grey levels is read
        with pytest.warns(UserWarning, match=r"values reach 255.*unit=255"):
            add_gaussian_noise(X.astype(dtype), 0.3)
        for other in (X // 10, X * 10.0, X - 256.0):  # counts, and what is no byte
            add_gaussian_noise(other.astype(dtype) if (other >= 0).all() else other.astype(np.int64), 0.3)
