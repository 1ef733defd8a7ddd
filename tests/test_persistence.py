"""Models as files: the round trip, what is refused, and that nothing is ever half written."""

import os
import pickle
import stat

import numpy as np
import pytest

from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, load, persistence, save

dill = pytest.importorskip("dill")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(int)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.fastmlp"


def trained_network():
    model = Network(random_state=0)
    model.add(Dense(units=4, activation="tanh", input_dim=3))
    model.add(Dense(units=1, activation="logistic"))
    return model.fit(X, Y[:, None].astype(float), epochs=3, loss="mse", batch_size=8)


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
    save({"model": 1}, path)
    monkeypatch.setattr(persistence, "_dill", lambda: pytest.fail("dill was used"))
    for options in ({}, {"trusted": False}, {"trusted": "no"}):
        with pytest.raises(ValueError, match=r"can run code.*trusted=True"):
            load(path, **options)


def test_foreign_files_are_refused_before_anything_runs(path, monkeypatch):
    monkeypatch.setattr(persistence, "_dill", lambda: pytest.fail("dill was used"))
    pickled = pickle.dumps(RunsCode())
    for contents in (b"", b"PK\x03\x04", pickled, persistence.MAGIC, b"\x00" * 200):
        path.write_bytes(contents)
        with pytest.raises(ValueError, match="is not a fastmlp model: expected a file written by"):
            load(path, trusted=True)


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer"])
def test_damaged_file_is_refused(path, damage):
    save({"model": list(range(100))}, path)
    data = path.read_bytes()
    flipped = data[:80] + bytes([data[80] ^ 4]) + data[81:]
    path.write_bytes({"cut": data[:-1], "flipped": flipped, "longer": data + b"x"}[damage])
    with pytest.raises(ValueError, match="truncated or altered"):
        load(path, trusted=True)


def test_later_format_is_refused(path):
    save({"model": 1}, path)
    data = path.read_bytes()
    fields = list(persistence.HEADER.unpack_from(data))
    fields[1] = persistence.FORMAT + 1
    path.write_bytes(persistence.HEADER.pack(*fields) + data[persistence.HEADER.size :])
    with pytest.raises(ValueError, match=f"format {persistence.FORMAT + 1}.*update fastmlp"):
        load(path, trusted=True)


def test_missing_file(path):
    with pytest.raises(FileNotFoundError):
        load(path, trusted=True)


def test_failing_dump_leaves_the_old_file(path):
    save({"model": 1}, path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="cannot be written"):
        save({"model": Unserialisable()}, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failing_write_leaves_the_old_file(path, monkeypatch, step):
    save({"model": 1}, path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="disk full"):
            save({"model": 2}, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    save({"model": 2}, path)
    assert load(path, trusted=True) == {"model": 2}


@pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
def test_links_and_modes_are_kept(path):
    save({"model": 1}, path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link = path.with_name("latest")
    link.symlink_to(path.name)
    save({"model": 2}, link)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load(path, trusted=True) == {"model": 2}


def test_without_dill_the_error_names_the_extra(path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dill", None)
    with pytest.raises(ImportError, match=r"pip install fastmlp\[persist\]"):
        save({"model": 1}, path)
    assert not path.exists()
