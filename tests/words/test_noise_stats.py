"""The battery of tests/stats.py on fewer values, and that it notices what is wrong."""

import numpy as np
import pytest
import stats as battery
from scipy.special import ndtri

N = 1 << 20
FEWER = 1 << 18  # enough for what is plainly wrong


def smallest(results):
    """Return the smallest p-value, and its name."""
    return min((p, name) for name, _, p in results)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_normal_and_independent(dtype):
    results = list(battery.judge(battery.stream(dtype), N, 256 // np.dtype(dtype).itemsize))
    results += battery.judge_seeds(dtype, 1 << 16)
    assert len(results) > 100
    assert smallest(results) > (1e-4, "")


def shrunk(z):
    return z * 0.98


def shifted(z):
    return z + 0.02


def of_16_bits(z):
    """Tails end at 4.2 sigma."""
    return ndtri((np.floor(np.random.default_rng(0).random(z.size) * 65536) + 0.5) / 65536)


def heavy(z):
    """Every twenty-thousandth value is beyond 5 sigma, where one in 1.7 million belongs."""
    z[::20_000] = 5.1
    return z


def echo(lag):
    def function(z):
        z[lag:] = 0.02 * z[:-lag] + (1 - 0.02**2) ** 0.5 * z[lag:]
        return z

    return function


def same_size(z):
    """Neighbours in size, of independent signs: uncorrelated, but not independent."""
    z[1::64] = np.abs(z[::64]) * np.sign(z[1::64])
    return z


def one_bad_lane(z):
    z[5::64] *= 1.2
    return z


@pytest.mark.parametrize(
    "flaw", [shrunk, shifted, of_16_bits, heavy, echo(1), echo(48), echo(3500), same_size, one_bad_lane]
)
def test_the_battery_notices(flaw):
    draw = battery.stream("float32")
    results = battery.judge(lambda first, n, key: flaw(draw(first, n, key)), FEWER, 64)
    assert smallest(results) < (battery.SMALLEST, "")


@pytest.mark.parametrize("ignored", ["key", "first"])
def test_the_battery_notices_streams_that_are_alike(ignored):
    draw = battery.stream("float32")

    def flawed(first, n, key):
        return draw(0 if ignored == "first" else first, n, 0 if ignored == "key" else key)

    found = [name for name, _, p in battery.judge(flawed, 1 << 16, 64) if p < battery.SMALLEST]
    assert found and all(name.startswith("key" if ignored == "key" else "counter") for name in found)
