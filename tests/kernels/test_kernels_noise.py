"""Gaussian noise in the kernels: bit for bit the reference's, on every backend, at any place of a stream."""

import numpy as np
import pytest
from oracle import noise as reference_noise

ALL = (-np.inf, np.inf)
RNG = np.random.default_rng(5)
KEYS = (0, 0x9E3779B97F4A7C15, 2**64 - 1)


@pytest.fixture(params=[0, 1, 2], ids=["edges", "one word at an edge", "random"])
def words(request):
    """Words (n, 4, 16) for which something could go wrong, and others."""
    edges = [0, 1, 2, 0xFFFF, 0x10000, 0x1FFFFFFF, 0x20000000, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000]
    edges += [0xB504F333, 0xB504F334, 0xBFFFFFFF, 0xC0000000, 0xFFFFFF7F, 0xFFFFFF80, 0xFFFFFFFE, 0xFFFFFFFF]
    if request.param == 0:
        return RNG.choice(edges, (200, 4, 16)).astype(np.uint32)
    words = RNG.integers(0, 1 << 32, (500, 4, 16), np.uint32)
    if request.param == 1:
        np.put_along_axis(words, RNG.integers(0, 4, (500, 1, 16)), RNG.choice(edges, (500, 1, 16)), axis=1)
    return words


def test_values_are_the_reference_s_bit_for_bit(kernels, words):
    out = np.empty((len(words), 256 // kernels.dtype.itemsize), kernels.dtype)
    kernels.module.normals(words, out)
    np.testing.assert_array_equal(out, reference_noise.normals(words, kernels.dtype))


def test_values_are_those_of_the_formula(kernels, words):
    if np.finfo(np.longdouble).nmant <= 52 and kernels.dtype == np.float64:
        pytest.skip("extended precision is double precision here")
    out = np.empty((len(words), 256 // kernels.dtype.itemsize), kernels.dtype)
    kernels.module.normals(words, out)
    expected = reference_noise.formula(words, kernels.dtype)
    pairs = np.moveaxis(expected.reshape(len(words), -1, 2, 16), 2, 0)
    radius = np.maximum(np.hypot(*pairs), kernels.eps).repeat(2, axis=1).reshape(expected.shape)
    # 1 / radius: a draw just below 1 is rounded, and the square of the radius is twice what it is below 1
    allowed = kernels.eps * (4 * radius + 1 / radius)
    assert (np.abs(out - expected) <= allowed).all()
    assert np.isfinite(out).all() and (out != 0).all()


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 4095, 4097])
def test_a_stream_goes_on_from_any_place(kernels, n):
    for key, first in zip(KEYS, (0, 5000 - n // 2, (64 << 28) - 70), strict=True):
        source, out = RNG.normal(size=n).astype(kernels.dtype), np.full(n + 2, 7, kernels.dtype)
        kernels.module.add_noise(source, out[1:-1], 1, 1, first, key, 0.5, *ALL)
        expected = source + reference_noise.stream(first, n, key, kernels.dtype, 0.5)
        np.testing.assert_array_equal(out[1:-1], expected)
        assert out[0] == out[-1] == 7
        kernels.module.add_noise(source, source, 1, 1, first, key, 0.5, *ALL)
        np.testing.assert_array_equal(source, expected)


@pytest.mark.parametrize("width, n_copies", [(1, 3), (5, 1), (35, 7), (64, 2), (5000, 2), (3, 3000)])
def test_rows_are_repeated(kernels, width, n_copies):
    rows = RNG.normal(size=(3, width)).astype(kernels.dtype)
    expected = np.repeat(rows, n_copies, axis=0).ravel()
    out = np.empty_like(expected)
    kernels.module.add_noise(rows, out, width, n_copies, 5, 1, 0.0, *ALL)
    np.testing.assert_array_equal(out, expected)
    kernels.module.add_noise(rows, out, width, n_copies, 5, 1, 2.0, -0.5, 1.5)
    noise = reference_noise.stream(5, out.size, 1, kernels.dtype, 2.0)
    np.testing.assert_array_equal(out, np.clip(expected + noise, -0.5, 1.5))


def test_signs_of_zeros_are_kept(kernels):
    source = np.array([0.0, -0.0] * 40, kernels.dtype)
    out = np.empty_like(source)
    kernels.module.add_noise(source, out, 1, 1, 0, 0, 0.0, *ALL)
    np.testing.assert_array_equal(np.signbit(out), np.signbit(source))


def test_huge_sigma_and_values(kernels):
    sigma = float(np.finfo(kernels.dtype).max) / 16
    out = np.empty(640, kernels.dtype)
    kernels.module.add_noise(np.zeros_like(out), out, 1, 1, 0, 3, sigma, *ALL)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out, reference_noise.stream(0, 640, 3, kernels.dtype, sigma))
