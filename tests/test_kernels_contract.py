"""What all backends must agree on before anything is computed: names, codes, layouts, random streams."""

import numpy as np
import pytest
import reference

from fastmlp.kernels import dispatch, plan

FUNCTIONS = (
    "workspace_bytes", "prepare", "train", "work", "dismiss", "predict", "all_finite", "shuffle", "activate",
    "activation_gradient", "update", "multiply", "multiply_tn", "lanes", "struct_sizes",
    "add_noise", "normals", "learn", "neuron_bytes", "matmul_stack",
)  # fmt: skip


def test_every_backend_has_every_function(kernels):
    missing = [name for name in FUNCTIONS if not callable(getattr(kernels.module, name, None))]
    assert missing == []


def test_structs_are_laid_out_as_in_plan(kernels):
    assert tuple(kernels.module.struct_sizes()) == (
        plan.LAYER.itemsize,
        plan.EDGE.itemsize,
        plan.RUN.itemsize,
    )


def test_records_hold_words_without_gaps():
    for record in (plan.LAYER, plan.EDGE, plan.RUN):
        assert [record.fields[name][1] for name in record.names] == list(range(0, record.itemsize, 8))


def test_vectors_are_whole_powers_of_two(kernels):
    lanes = kernels.module.lanes()
    assert lanes in (1, 2, 4, 8, 16)
    assert lanes * kernels.dtype.itemsize in (kernels.dtype.itemsize, 16, 32, 64)


def test_numba_is_loaded_only_when_asked_for():
    import subprocess
    import sys

    code = "import sys, fastmlp.kernels.dispatch, fastmlp.kernels.training; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_unknown_backend_is_refused():
    with pytest.raises(ImportError, match="avx1024"):
        dispatch.load("avx1024", np.dtype(np.float32))


def test_shuffle_is_that_of_random_state(kernels):
    ours, theirs = np.random.RandomState(0), np.random.RandomState(0)
    for n in (0, 1, 2, 3, 4, 5, 17, 255, 256, 257, 4096):
        order, expected = np.arange(n), np.arange(n)
        for _ in range(3):
            kernels.module.shuffle(order, ours)
            theirs.shuffle(expected)
            np.testing.assert_array_equal(order, expected)
        assert ours.randint(2**31) == theirs.randint(2**31)


def test_shuffle_draws_from_other_bit_generators(kernels):
    ours, theirs = (np.random.RandomState(np.random.PCG64(5)) for _ in range(2))
    order, expected = np.arange(100), np.arange(100)
    kernels.module.shuffle(order, ours)
    theirs.shuffle(expected)
    np.testing.assert_array_equal(order, expected)


def test_reference_philox_gives_the_published_answers():
    words = 0xFFFFFFFF
    known = [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((words,) * 4, (words,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ]
    for counter, key, answer in known:
        assert tuple(reference.philox(counter, key)) == answer
