"""No change alters a bit of the results unnoticed: see `bits.py`, which also writes the file anew."""

import functools
import json

import bits
import pytest

from fastmlp.kernels import dispatch

RECORDED = json.loads(bits.FILE.read_text())


@functools.cache
def found(backend):
    return bits.measured(backend)


def recorded(backend):
    """What was recorded of a backend, where its bits can be compared here."""
    if backend not in RECORDED:
        pytest.skip("no bits of this backend were recorded")
    record = RECORDED[backend]
    here = bits.circumstances(backend)[0]
    if here != record["always"]:
        pytest.skip(f"recorded with {record['always']}, here {here}")
    return record


def test_every_case_is_recorded():
    """Run python -m tests.bits --write after adding a case."""
    assert {frozenset(record["bits"]) for record in RECORDED.values()} == {frozenset(bits.CASES)}


@pytest.mark.parametrize("dtype", ("float32", "float64"))
@pytest.mark.parametrize("backend", dispatch.available())
def test_bits_are_those_recorded(backend, dtype):
    record, some = recorded(backend), bits.circumstances(backend)[1]
    other = {
        name
        for name, (_, depends) in bits.CASES.items()
        if depends
        and not (depends == bits.ESTIMATES and dtype == "float64")
        and record["some"][depends] != some[depends]
    }
    place = ("float32", "float64").index(dtype)
    wrong = [
        name
        for name in bits.CASES
        if name not in other and found(backend)[name].split()[place] != record["bits"][name].split()[place]
    ]
    assert not wrong
    if other:
        pytest.skip(f"all others are equal; recorded with {record['some']}, here {some}: {sorted(other)}")
