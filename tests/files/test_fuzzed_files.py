"""A fixed sample of the fuzzer's damaged and hostile model files; `make fuzz` reads more."""

from collections import Counter

import pytest
from fuzz import files, trials

from fastmlp.kernels import dispatch

SAMPLE = 10_000
PARTS = 4


@pytest.mark.skipif(files.resource is None, reason="memory cannot be limited here")
@pytest.mark.parametrize("part", range(PARTS))
def test_files_are_refused_or_what_was_saved(part):
    backend, wrong, loaded = dispatch.backend(), {}, Counter()
    for seed in range(part, SAMPLE, PARTS):
        found = trials.attempt("files", seed, backend, "float64")
        loaded[found] += 1
        if isinstance(found, Exception):
            wrong[seed] = found
    assert wrong == {}
