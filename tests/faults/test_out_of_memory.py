"""Where memory runs out: MemoryError or success, and a model that is as before or trained for less."""

import pytest
from faults import out_of_memory, preload

pytestmark = preload.needed


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return preload.told("out_of_memory", "allocation", tmp_path_factory.mktemp("out_of_memory"))


@pytest.mark.parametrize("operation", out_of_memory.OPERATIONS)
def test_every_allocation_may_fail(told, operation):
    *wrong, n_allocations = told[operation]
    assert wrong == []
    assert n_allocations > 1  # the last number is that of an operation in which none was left to fail
