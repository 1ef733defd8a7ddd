"""Saves that fail, write halves or are killed at any system call: the old file or the new one, no litter."""

import pytest
from faults import cut_off_saves, preload

pytestmark = preload.needed


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return preload.told("cut_off_saves", "system_calls", tmp_path_factory.mktemp("saves"))


@pytest.mark.parametrize("suffix", cut_off_saves.SUFFIXES)
def test_every_system_call_may_be_the_last(told, suffix):
    if suffix not in told:
        pytest.skip(f"no {cut_off_saves.NEEDS[suffix]}")
    found = told[suffix]
    assert found["wrong"] == []
    assert all(found[fault] > 15 for fault in cut_off_saves.FAULTS)  # the calls of a save
    if suffix in cut_off_saves.KILLS:  # of many, some come in the middle
        assert found["left something"] == [False, True]
