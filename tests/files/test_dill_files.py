"""Models as .dill files: the round trip, what is refused, and that nothing is ever half written."""

import hashlib
import os
import pickle
import socket
import stat
import subprocess
import sys

import numpy as np
import pytest

from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, load, save
from fastmlp.exceptions import ModelFileError
from fastmlp.formats import description, pickled, writing

dill = pytest.importorskip("dill")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(int)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.dill"


def trained_network():
    model = Network(random_state=0)
    model.add(Dense(units=4, activation="tanh", input_dim=3))
    model.add(Dense(units=1, activation="logistic"))
    return model.fit(X, Y[:, None].astype(float), epochs=3, loss="mse", batch_size=8)


def small(units=1):
    """An untrained model, told from others by its number of units."""
    return Network([Dense(units, input_dim=1)], random_state=0).build()


def units(path):
    return load(path, trusted=True).layers[0].units


def classifier():
    return MLPClassifier((4,), max_iter=3, tol=0.0, random_state=0).fit(X, Y)


def regressor():
    return MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, tol=0.0, random_state=0).fit(X, X[:, 0])


class Unserialisable:
    def __reduce__(self):
        raise RuntimeError("cannot be written")


class RunsCode:
    def __reduce__(self):
        return os.putenv, ("FASTMLP_TEST_RAN", "1")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("make", [trained_network, classifier, regressor])
def test_round_trip(make, path):
    model = make()
    save(model, path)
    again = load(path, trusted=True)
    assert type(again) is type(model)
    assert np.array_equal(again.predict(X), model.predict(X))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_training_goes_on_alike_after_loading(path):
    model = MLPClassifier((4,), max_iter=3, tol=0.0, random_state=0, warm_start=True).fit(X, Y)
    save(model, path)
    again = load(path, trusted=True)
    model.partial_fit(X, Y)
    again.partial_fit(X, Y)
    for a, b in zip(model.coefs_, again.coefs_, strict=True):
        assert np.array_equal(a, b)


def test_untrusted_file_is_not_loaded(path, monkeypatch):
    save(small(), path)
    monkeypatch.setattr(pickled, "_dill", lambda: pytest.fail("dill was used"))
    for options in ({}, {"trusted": False}, {"trusted": "no"}):
        with pytest.raises(ModelFileError, match=r"can run code.*trusted=True"):
            load(path, **options)


def test_foreign_files_are_refused_before_anything_runs(path, monkeypatch):
    monkeypatch.setattr(pickled, "_dill", lambda: pytest.fail("dill was used"))
    code = pickle.dumps(RunsCode())
    for contents in (b"", b"PK\x03\x04", code, pickled.MAGIC, b"\x00" * 200):
        path.write_bytes(contents)
        with pytest.raises(ModelFileError, match=r"is no \.dill file of fastmlp\.save"):
            load(path, trusted=True)


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer"])
def test_damaged_file_is_refused(path, damage):
    save(small(), path)
    data = path.read_bytes()
    flipped = data[:80] + bytes([data[80] ^ 4]) + data[81:]
    path.write_bytes({"cut": data[:-1], "flipped": flipped, "longer": data + b"x"}[damage])
    with pytest.raises(ModelFileError, match="truncated or altered"):
        load(path, trusted=True)


def test_later_format_is_refused(path):
    save(small(), path)
    data = path.read_bytes()
    fields = list(pickled.HEADER.unpack_from(data))
    fields[1] = pickled.FORMAT + 1
    path.write_bytes(pickled.HEADER.pack(*fields) + data[pickled.HEADER.size :])
    with pytest.raises(ModelFileError, match=f"format {pickled.FORMAT + 1}.*update fastmlp"):
        load(path, trusted=True)


def test_missing_file(path):
    with pytest.raises(FileNotFoundError):
        load(path, trusted=True)


def test_failing_dump_leaves_the_old_file(path):
    save(small(), path)
    before, broken = path.read_bytes(), small(2)
    broken.extra = Unserialisable()
    with pytest.raises(RuntimeError, match="cannot be written"):
        save(broken, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failing_write_leaves_the_old_file(path, monkeypatch, step):
    save(small(), path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="disk full"):
            save(small(2), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    save(small(2), path)
    assert units(path) == 2


@pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
def test_links_and_modes_are_kept(path):
    save(small(), path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link = path.with_name("latest")
    link.symlink_to(path.name)
    save(small(2), link)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert units(path) == 2


def test_without_dill_the_error_names_the_extra(path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dill", None)
    with pytest.raises(ImportError, match=r"pip install fastmlp\[persist\]"):
        save(small(), path)
    assert not path.exists()


def header(contents, version=pickled.FORMAT):
    digest = hashlib.sha256(contents).digest()
    return pickled.HEADER.pack(pickled.MAGIC, version, len(contents), digest)


@pytest.mark.parametrize("what", [{"a": 1}, [small()], None, Network, MLPClassifier, X, "model"])
def test_only_models_are_saved(path, what):
    with pytest.raises(
        TypeError,
        match=r"one Network or estimator; got (a \w+|the class \w+: pass an instance)$",
    ):
        save(what, path)
    assert os.listdir(path.parent) == []


def test_a_pipeline_is_saved(path):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=300, tol=0.01, random_state=0)).fit(
        X, Y
    )
    save(model, path)
    assert np.array_equal(load(path, trusted=True).predict_proba(X), model.predict_proba(X))


def pipe(path):
    os.mkfifo(path)


def bound_socket(path):
    kept = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(path.parent)  # an address of a socket is short
    try:
        kept.bind(path.name)
    finally:
        os.chdir(here)
        kept.close()


def device(path):
    path.symlink_to(os.ttyname(os.openpty()[1]))  # a terminal: where the check fails, nothing else breaks


SPECIAL = {"folder": os.mkdir, r"pipe \(FIFO\)": pipe, "socket": bound_socket, "device": device}


@pytest.mark.skipif(os.name != "posix", reason="these kinds of files are POSIX's")
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_neither_replaced_nor_read(path, kind):
    SPECIAL[kind](path)
    before = os.stat(path)
    with pytest.raises(OSError, match=f"regular file; .* is a {kind}, and is left as it is"):
        save(small(), path)
    after = os.stat(path)
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert os.listdir(path.parent) == [path.name]
    with pytest.raises(ModelFileError, match=f"is not a model file but a {kind}"):
        load(path, trusted=True)


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_links_lead_to_new_names_but_not_in_circles(path):
    link = path.with_name("latest")
    link.symlink_to(path.name)
    save(small(3), link)
    assert link.is_symlink() and units(path) == 3
    path.unlink()
    path.symlink_to(link.name)
    with pytest.raises(OSError):
        save(small(), path)
    assert path.is_symlink() and link.is_symlink()


def test_a_large_file_of_another_kind_is_not_read(path):
    with open(path, "wb") as file:  # holes: 1 TB that takes no room
        file.truncate(1 << 40)
    with pytest.raises(ModelFileError, match=r"is no \.dill file"):
        load(path, trusted=True)
    with open(path, "r+b") as file:
        file.write(header(b""))
    with pytest.raises(ModelFileError, match="truncated or altered"):
        load(path, trusted=True)


@pytest.mark.parametrize(
    "contents", [b"", b"nothing", pickle.dumps(small())[:-9], b"cno_such_module\nthing\n."]
)
def test_contents_that_cannot_be_read_are_told_so(path, contents):
    path.write_bytes(header(contents) + contents)
    with pytest.raises(ModelFileError, match=r"cannot be read \([A-Za-z]+: .*versions of Python and fastmlp"):
        load(path, trusted=True)


def test_no_memory_is_no_damage(path, monkeypatch):
    def fail(contents):
        raise MemoryError("no room")

    save(small(), path)
    monkeypatch.setattr(dill, "loads", fail)
    with pytest.raises(MemoryError, match="no room"):
        load(path, trusted=True)


def test_contents_that_are_no_model_are_refused(path):
    contents = pickle.dumps([1, 2])
    path.write_bytes(header(contents) + contents)
    with pytest.raises(ModelFileError, match="holds no model but list"):
        load(path, trusted=True)


def test_format_0_was_never_written(path):
    contents = dill.dumps(small())
    path.write_bytes(header(contents, version=0) + contents)
    with pytest.raises(ModelFileError, match="truncated or altered"):
        load(path, trusted=True)


@pytest.mark.skipif(os.name != "posix", reason="a file that is open cannot be removed on Windows")
def test_what_a_killed_save_left_is_removed_by_the_next(path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from fastmlp.formats import writing\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "writing.write_atomically(Path(sys.argv[1]), b'half')"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, path], check=False)
    left = os.listdir(path.parent)
    assert len(left) == 1 and left[0].endswith(".tmp")  # the second has removed the first's
    other, _ = writing._open_temporary(path.with_name("other"), ".other.")
    mine, alive = writing._open_temporary(path, f".{path.name}.")
    with other, mine:
        save(small(), path)
        assert alive.exists() and left[0] not in os.listdir(path.parent)
    assert units(path) == 1
    save(small(2), path)
    assert not alive.exists()
    assert sorted(name.split(".")[1] for name in os.listdir(path.parent)) == ["dill", "other"]


@pytest.mark.skipif(os.name != "posix", reason="names are as long elsewhere, in other units")
def test_names_may_be_as_long_as_the_system_allows(path):
    long = path.with_name("é" * 120 + ".dill")
    save(small(), long)
    assert units(long) == 1


def test_a_model_of_a_later_version_is_told_as_such(path, monkeypatch):
    monkeypatch.setattr(description, "FORMAT_VERSION", 2)
    save(small(), path)
    monkeypatch.setattr(description, "FORMAT_VERSION", 1)
    with pytest.raises(ModelFileError, match=r"model.dill: this Network .*\(version 2, .* update fastmlp$"):
        load(path, trusted=True)
