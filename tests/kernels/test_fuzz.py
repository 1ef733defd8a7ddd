"""A fixed sample of the fuzzer's trials; `make fuzz` runs as many as its minutes hold."""

import pytest
from fuzz import trials as fuzz

from fastmlp.kernels import dispatch


@pytest.mark.parametrize("kind", fuzz.TRAININGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", dispatch.available())
def test_random_trainings(backend, dtype, kind):
    found = {seed: fuzz.attempt(kind, seed, backend, dtype) for seed in range(40)}
    assert {seed: error for seed, error in found.items() if isinstance(error, Exception)} == {}
    assert sum(isinstance(skipped, str) for skipped in found.values()) < 8
