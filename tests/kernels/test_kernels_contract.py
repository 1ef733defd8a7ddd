"""What all backends must agree on before anything is computed: names, codes, layouts, random streams."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from oracle import reference
from oracle.jobs import chain, make_job

from fastmlp.kernels import contract, dispatch, records, training
from fastmlp.kernels.plan import Activation, Regime

NATIVE = Path(records.__file__).parent / "native"


def arguments(function):
    """Names and defaults."""
    given = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    return [(p.name, None if p.default is p.empty else p.default) for p in given]


@pytest.mark.parametrize("part", [contract.Kernels, *contract.OPTIONAL])
def test_every_backend_has_the_functions_of_the_contract(kernels, part):
    if part is not contract.Kernels and not contract.offers(kernels.module, part):
        pytest.skip("is optional")
    for name in contract.functions(part):
        assert arguments(getattr(kernels.module, name)) == arguments(getattr(part, name)), name
    assert isinstance(kernels.module.pauses_threads, bool)
    assert isinstance(kernels.module.checks_rows, bool) and isinstance(kernels.module.checks_predicted, bool)


def test_no_backend_has_what_no_part_of_the_contract_names(kernels):
    known = {name for part in (contract.Kernels, *contract.OPTIONAL) for name in contract.functions(part)}
    module = kernels.module
    own = {name for name in dir(module) if name[0] != "_" and callable(getattr(module, name))}
    assert own <= known


def test_another_backend_is_used_inside_only():
    before = dispatch.backend()
    for name in dispatch.available():
        with dispatch.using(name):
            assert dispatch.backend() == name
            assert dispatch.kernels(np.dtype(np.float32)) is dispatch.load(name, np.dtype(np.float32))
        assert dispatch.backend() == before
    with pytest.raises(ImportError, match="avx1024"), dispatch.using("avx1024"):
        pass
    assert dispatch.backend() == before


def imported(files, level):
    """Modules of the kernels' folder that files import; `level` says how deep they lie in it."""
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == level:
                yield from [node.module.split(".")[0]] if node.module else [a.name for a in node.names]


def test_kernels_import_in_no_circle():
    folder = Path(records.__file__).parent
    reads = {path.stem: set(imported([path], 1)) for path in folder.glob("[!_]*.py")}
    for backend in ("numba_backend", "numpy_backend"):
        reads[backend] = set(imported((folder / backend).glob("*.py"), 2))
        reads["dispatch"].add(backend)  # which it loads when asked
    reads["contract"] = set()  # but for type checkers
    done = set()
    while ready := {name for name in reads if name not in done and reads[name] & set(reads) <= done}:
        done |= ready
    assert sorted(set(reads) - done) == []


def load(source):
    """Return what a file of records would declare."""
    found = {}
    exec(compile(source, "records.py", "exec"), found)
    return found


def swapped(source, a, b):
    return source.replace(a, "\0").replace(b, a).replace("\0", b)


RECORDS = Path(records.__file__).read_text()
CHANGES = {
    "rate and momentum": swapped(RECORDS, "learning_rate momentum", "momentum learning_rate"),
    "decays": swapped(RECORDS, "beta_1 beta_2", "beta_2 beta_1"),
    "edges": swapped(RECORDS, "is_first is_last", "is_last is_first"),
    "offsets": swapped(RECORDS, "activation weights bias", "activation bias weights"),
    "a neuron's": swapped(RECORDS, "positive_weight negative_weight", "negative_weight positive_weight"),
    "activations": RECORDS.replace("LOGISTIC = 1 ", "LOGISTIC = 2 ").replace("TANH = 2 ", "TANH = 1 "),
    "optimizers": RECORDS.replace("ADAM = 4", "ADAM = 5").replace("AMSGRAD = 5", "AMSGRAD = 4"),
    "statuses": RECORDS.replace("FINISHED = 2", "FINISHED = 3").replace("STALLED = 3", "STALLED = 2"),
    "a limit": RECORDS.replace("TINY_WIDTH = 64", "TINY_WIDTH = 32"),
    "a field more": RECORDS.replace("mean_weight", "mean_weight more"),
}


def test_codes_and_records_are_compiled_as_they_are_declared(kernels):
    assert kernels.module.declared() == records.declared()


@pytest.mark.parametrize("change", CHANGES)
def test_no_two_fields_or_codes_change_places_unseen(kernels, change):
    changed = load(CHANGES[change])
    assert kernels.module.declared() != changed["declared"]()
    assert records.as_cython() != changed["as_cython"]()


def test_a_module_of_another_build_is_refused(monkeypatch):
    name = dispatch.available()[0]
    if name not in dispatch.COMPILED:
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(dispatch.records, "declared", load(CHANGES["decays"])["declared"])
    dispatch.load.cache_clear()
    try:
        with pytest.raises(ImportError, match=f"the {name} backend was built from other sources"):
            dispatch.load(name, np.dtype(np.float32))
    finally:
        dispatch.load.cache_clear()


def test_what_is_declared_once_is_not_written_again():
    known = {name for name in records.declared() if "." not in name}
    twins = {
        f"{path.name}: {name}"
        for path in Path(records.__file__).parent.rglob("*.pxi")
        for block in re.findall(r"cdef enum:\n((?:    .*\n)+)|cdef struct (\w+):", path.read_text())
        for name in re.findall(r"\w+", re.sub("#.*", "", " ".join(block)))
        if name in known
    }
    assert twins == set()


def test_records_hold_words_without_gaps():
    for record in records.RECORDS.values():
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


def test_regimes_are_told_apart_in_one_place():
    """A new regime is a new file: only the choice of its functions asks for a job's regime."""
    codes = "|".join(code.name for code in records.Regime)
    asks = {
        path.name
        for path in NATIVE.rglob("*.pxi")
        if re.search(rf"\b({codes}|run\.regime)\b", re.sub(r"#.*", "", path.read_text()))
    }
    assert asks == {"slice.pxi"}
    for name in (code.name.lower() for code in records.Regime):
        assert f"cdef Regime {name}_regime()" in (NATIVE / "training" / f"{name}.pxi").read_text()


def test_a_backend_without_threads_trains_in_one(kernels):
    job = make_job(kernels.dtype, chain(5, (4, 3), (Activation.TANH, Activation.IDENTITY)), batch_size=23)
    training.prepare(job, 3, Regime.BATCH)
    threaded = training.shares_out(kernels.module)
    assert job.run["n_threads"] == (3 if threaded else 1)
    assert threaded == (kernels.name != "numpy")
