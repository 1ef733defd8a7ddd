"""Weights alone, as NumPy and Keras keep them: there and back, and never other numbers than were written."""

import copy
import io
import os
import random
import sys
import zipfile
from pathlib import Path

import exported_models as models
import numpy as np
import pytest

from fastmlp import Concatenate, Dense, MLPClassifier, Network, load, save
from fastmlp.exceptions import ModelFileError
from fastmlp.formats import apart, keras, kinds, npz

h5py = pytest.importorskip("h5py")

SUFFIXES = [".npz", ".weights.h5", ".h5", ".hdf5"]


@pytest.fixture(autouse=True)
def here(request, monkeypatch):
    """Read in this process, which is quicker, but where a test is of those that are read apart."""
    if "children" not in request.fixturenames:
        monkeypatch.setattr(keras, "read_apart", lambda file, size, layers: keras.read_here(file, layers))


@pytest.fixture
def children():
    """Read HDF5 in a process of its own, as usual."""


def net(dtype="float32", random_state=0, names=("first", "out"), bias=True):
    model = Network(random_state=random_state, dtype=dtype)
    first = model.add(Dense(4, "tanh", name=names[0]))
    model.add(Dense(2, name=names[1], use_bias=bias), after=[first, "input"])
    return model.build(3)


def same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back(tmp_path, suffix, dtype):
    """Networks with any names and graphs, estimators, single neurons; the same bits."""
    zoo = models.networks(dtype)
    for name in ("gelu 1.0", "softmax 1.0", "deep", "one"):
        model, path = zoo[name], tmp_path / f"w{suffix}"
        save(model, path)
        other = copy.deepcopy(model)
        other.set_weights([0 * a for a in model.get_weights()])
        assert other.load_weights(path) is other
        same(model, other)
    x = models.X.astype(dtype)
    zoo = models.classifiers(dtype) | models.regressors(dtype)
    for name in ("strings", "perceptron binary", "perceptron strings", "two", "linear", "sigmoid"):
        model = zoo[name]
        expected = model.predict(x)
        model.save_weights(path)
        other = copy.deepcopy(model)
        if hasattr(model, "coefs_"):
            other.coefs_ = [0 * a for a in model.coefs_]
        else:
            other.coef_ = 0 * model.coef_
        np.testing.assert_array_equal(other.load_weights(path).predict(x), expected)


def test_npz_is_numpys(tmp_path):
    """NumPy alone reads and writes them; arrays by number, as np.savez has them, are read too."""
    model, path = net(), tmp_path / "w.npz"
    model.save_weights(path)
    with np.load(path, allow_pickle=False) as found:
        assert found.files == ["layers.0.weights", "layers.0.bias", "layers.1.weights", "layers.1.bias"]
        np.testing.assert_array_equal(found["layers.1.weights"], model.coefs_[1])
    for write in np.savez, np.savez_compressed:
        write(path, *[np.asfortranarray(a.astype(">f8")) for a in model.get_weights()])
        same(net(random_state=1).load_weights(path), model)


def test_layout_of_keras_3(tmp_path):
    path = tmp_path / "w.weights.h5"
    model = net()
    model.save_weights(path)
    with h5py.File(path) as file:
        assert sorted(file) == ["layers"] and sorted(file["layers"]) == ["dense", "dense_1"]
        assert file["layers/dense_1/vars"].attrs["name"] == b"out"
        np.testing.assert_array_equal(file["layers/dense_1/vars/0"], model.coefs_[1])
        np.testing.assert_array_equal(file["layers/dense/vars/1"], model.intercepts_[0])


def test_layout_of_keras_2(tmp_path):
    path, model = tmp_path / "w.h5", net()
    model.save_weights(path)
    with h5py.File(path) as file:
        assert file.attrs["layer_names"].tolist() == [b"first", b"out"]
        assert file.attrs["backend"] and file.attrs["keras_version"]
        assert file["out"].attrs["weight_names"].tolist() == [b"out/kernel:0", b"out/bias:0"]
        np.testing.assert_array_equal(file["out/out/kernel:0"], model.coefs_[1])
    net(names=("a/b", "a_b")).save_weights(path)  # HDF5 takes / for a folder
    with h5py.File(path) as file:
        assert file.attrs["layer_names"].tolist() == [b"dense_0", b"dense_1"]


def as_keras_3(path, model, order=(0, 1), names=("first", "out"), top="layers"):
    """Write a file as Keras 3 does, with layers without weights and the optimizer's variables."""
    with h5py.File(path, "w") as file:
        for i, k in enumerate(order):
            group = file.create_group(f"{top}/dense{f'_{i}' if i else ''}/vars")
            group.attrs["name"] = names[k]
            arrays = [a for a in (model.coefs_[k], model.intercepts_[k]) if a is not None]
            for j, array in enumerate(arrays):
                group[str(j)] = array
        file.create_group(f"{top}/concatenate/vars").attrs["name"] = "concatenate"
        file.create_group(f"{top}/dropout/seed_generator/vars")["0"] = np.zeros(2, np.uint32)
        file.create_group("optimizer/vars")["0"] = np.int32(3)
        file.create_group("vars")


def as_keras_2(path, model, whole, text=str):
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = [text("first"), text("dropout"), text("out")]
        root.create_group("dropout").attrs["weight_names"] = np.array([], float)
        for name, kernel, bias in zip(("first", "out"), model.coefs_, model.intercepts_, strict=True):
            group = root.create_group(name)
            group.attrs["weight_names"] = [text(f"net/{name}/kernel:0"), text(f"net/{name}/bias:0")]
            group[f"net/{name}/kernel:0"], group[f"net/{name}/bias:0"] = kernel, bias


@pytest.mark.parametrize("top", ["layers", "_layer_checkpoint_dependencies"])
def test_files_of_keras_3(tmp_path, top):
    path, model = tmp_path / "w.weights.h5", net()
    as_keras_3(path, model, top=top)
    same(net("float64", 1).load_weights(path), net("float64").set_weights(model.get_weights()))


def test_layers_are_found_by_their_names(tmp_path):
    """Keras numbers layers by its own order of a graph; where names differ, the order counts."""
    model = Network(random_state=0)
    a, b = model.add(Dense(3, name="a")), model.add(Dense(3, name="b"), after="input")
    model.add(Concatenate([a, b]))
    model.add(Dense(3, name="c"))
    path, other = tmp_path / "w.weights.h5", copy.deepcopy(model.build(3))
    weights = model.get_weights()
    as_keras_3(path, model, (1, 0, 2), ("a", "b", "c"))
    other.set_weights([0 * w for w in weights])
    same(other.load_weights(path), model)
    as_keras_3(path, model, (1, 0, 2), ("x", "y", "z"))
    np.testing.assert_array_equal(other.load_weights(path).coefs_[0], model.coefs_[1])


def test_layers_are_counted(tmp_path):
    """dense, dense_1, dense_2, ..., dense_10: not as texts are sorted."""
    model, other = (
        Network([Dense(2, name=f"{name}{i}") for i in range(12)], random_state=seed).build(2)
        for name, seed in (("a", 0), ("b", 1))
    )
    model.save_weights(tmp_path / "w.weights.h5")
    same(other.load_weights(tmp_path / "w.weights.h5"), model)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("text", [str, str.encode])
def test_files_of_keras_2(tmp_path, whole, text):
    path, model = tmp_path / "w.h5", net()
    as_keras_2(path, model, whole, text)
    same(net(random_state=1).load_weights(path), model)


def test_many_layers_of_keras_2(tmp_path):
    """Names of more than 64 KB are spread over several attributes, as Keras does it."""
    layers = [Dense(1, name=f"{'n' * 300}{i}", use_bias=False) for i in range(300)]
    model, path = Network(layers, random_state=0).build(1), tmp_path / "w.h5"
    model.save_weights(path)
    with h5py.File(path) as file:
        assert sorted(file.attrs) == ["backend", "keras_version", "layer_names0", "layer_names1"]
    other = copy.deepcopy(model)
    other.set_weights([0 * w for w in model.get_weights()])
    same(other.load_weights(path), model)


def refused(model, path, match):
    before = [a.copy() for a in model.get_weights()]
    with pytest.raises(ModelFileError, match=match) as caught:
        model.load_weights(path)
    assert str(caught.value).startswith(str(path))
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_layers(tmp_path, suffix):
    """The message names layer, expected and found shape."""
    path = tmp_path / f"w{suffix}"
    net().save_weights(path)
    wide = Network([Dense(4, name="first"), Dense(7, name="out")], random_state=0).build(3)
    refused(wide, path, r"the weights of layer 'out' must have shape \(4, 7\); got \(7, 2\): build the model")
    refused(Network([Dense(4, name="first")], random_state=0).build(3), path, "must hold .* got ")
    refused(net(bias=False), path, "use_bias=True" if suffix != ".npz" else "must hold 3 arrays, .* got 4:")
    net(bias=False).save_weights(path)
    refused(net(), path, "use_bias=False" if suffix != ".npz" else "got 3, without layers.1.bias:")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_numbers_that_are_none(tmp_path, suffix, value):
    path, arrays = tmp_path / f"w{suffix}", [a.astype(float) for a in net().get_weights()]
    arrays[3][1] = value
    if suffix == ".npz":
        np.savez(path, *arrays)
    else:
        twin = net("float64")
        twin.params = twin.params.copy()
        twin.set_weights([np.where(np.isfinite(a), a, 0) for a in arrays])
        as_keras_2(path, twin, False)
        with h5py.File(path, "a") as file:
            file["out/net/out/bias:0"][1] = value
    refused(
        net(), path, "the bias of layer 'out' must be finite in float32; got NaN, infinity or what is too"
    )


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".weights.h5", ".onnx", ".py", ".h", ".safetensors"])
def test_numbers_that_are_none_are_not_written(tmp_path, suffix):
    model = net()
    model.coefs_[1][0, 0] = np.inf
    with pytest.raises(ValueError, match=r"the model has weights that are not finite in layer 1 \(out\)"):
        save(model, tmp_path / f"w{suffix}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("dtype", [np.int32, np.complex128, "S4"])
def test_no_real_numbers(tmp_path, dtype):
    arrays = net().get_weights()
    arrays[0] = arrays[0].astype(dtype)
    np.savez(tmp_path / "w.npz", *arrays)
    refused(
        net(), tmp_path / "w.npz", "the weights of layer 'first' must be of float16, float32, float64; got"
    )
    as_keras_3(tmp_path / "w.weights.h5", net())
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = arrays[0]
    refused(net(), tmp_path / "w.weights.h5", "must be of float16, float32, float64; got")


def test_half_precision_is_read(tmp_path):
    arrays = [a.astype(np.float16) for a in net().get_weights()]
    np.savez(tmp_path / "w.npz", *arrays)
    same(net(random_state=1).load_weights(tmp_path / "w.npz"), net().set_weights(arrays))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_of_another_kind(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    for contents in (b"", b"x", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80\x04N.", bytes(3000)):
        path.write_bytes(contents)
        refused(net(), path, "cannot be read|holds no weights|must hold")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        net().load_weights(path)
    path.mkdir()
    refused(net(), path, "a folder")


def test_pickles_in_archives_stay_where_they_are(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "went off",))

    arrays = net().get_weights()
    arrays[0] = np.array([Bomb()] * 12, object).reshape(3, 4)
    np.savez(tmp_path / "w.npz", *arrays)
    refused(net(), tmp_path / "w.npz", "must be of float16, float32, float64; got object")
    assert not (tmp_path / "went off").exists()


def test_archives_that_lie(tmp_path):
    """Of shapes and sizes, of members; nothing is allocated for what is not there."""
    path, arrays = tmp_path / "w.npz", net().get_weights()

    def member(shape, data, dtype="<f4"):
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(file, dict(descr=dtype, fortran_order=False, shape=shape))
        return file.getvalue() + data

    def write(first, name="arr_0.npy", more=()):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, first)
            for i, array in enumerate(arrays[1:], 1):
                archive.writestr(f"arr_{i}.npy", member(array.shape, array.tobytes()))
            for each in more:
                archive.writestr(each, b"")

    good = arrays[0].tobytes()
    write(member((3, 4), good))
    same(net(random_state=1).load_weights(path), net())
    for first, match in (
        (member((2**40, 4), good), r"must have shape \(3, 4\); got \(1099511627776, 4\)"),
        (member((3, 4), good[:-1]), "must hold 48 bytes of numbers, and does not"),
        (member((3, 4), good + b"x"), "must hold 48 bytes of numbers, and does not"),
        (member((3, 4), good * 1000), "must hold 48 bytes of numbers, and does not"),
        (member((3, 4), good, "<f8"), "must hold 96 bytes of numbers, and does not"),
        (good, "cannot be read"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "cannot be read"),
        (b"\x93NUMPY\x01\x00\x20\x03" + b"-" * 800, "cannot be read"),
        (b"\x93NUMPY\x09\x00\x00\x00", "cannot be read"),
    ):
        write(first)
        refused(net(), path, match)
    write(member((3, 4), good), more=["../../outside.npy"])
    refused(net(), path, "must hold 4 arrays, .*; got 5")
    with pytest.warns(UserWarning, match="Duplicate"):
        write(member((3, 4), good), more=["arr_1.npy"])
    refused(net(), path, "got 5")
    path.write_bytes(bytes(2**20))
    refused(net(), path, "holds 1048576 bytes, more than the")


def test_files_of_hdf5_that_lead_elsewhere(tmp_path):
    """Into other files, to other places, to shapes that are not there."""
    path, secret = tmp_path / "w.weights.h5", tmp_path / "secret.h5"
    model = net()
    as_keras_3(secret, model)
    raw = tmp_path / "raw"
    raw.write_bytes(model.coefs_[0].tobytes())
    where = "layers/dense/vars/0"

    def write(change):
        as_keras_3(path, model)
        with h5py.File(path, "a") as file:
            kernel = file[where][()]
            del file[where]
            change(file, kernel)

    def virtual(file, kernel):
        layout = h5py.VirtualLayout(kernel.shape, "f4")
        layout[:] = h5py.VirtualSource(secret, where, kernel.shape)
        file.create_virtual_dataset(where, layout)

    def outside(file, kernel):
        file.create_dataset(where, kernel.shape, "f4", external=[(str(raw), 0, 48)])

    for change, match in (
        (lambda f, k: f.__setitem__(where, h5py.ExternalLink(secret, where)), "got ExternalLink"),
        (lambda f, k: f.__setitem__(where, h5py.SoftLink("/layers/dense_1/vars/0")), "got SoftLink"),
        (outside, "an array within"),
        (virtual, "an array within"),
        (lambda f, k: f.create_group(where), "an array within"),
        (lambda f, k: None, "must hold '0' itself; got None"),
        (lambda f, k: f.create_dataset(where, (2**40, 9), "f4", chunks=(1, 1)), r"got \(1099511627776, 9\)"),
        (lambda f, k: [f.__setitem__(f"layers/dense/vars/{i}", k) for i in (0, 2)], "'dense' has 3 arr"),
        (lambda f, k: f.create_dataset("layers/conv2d/vars/0", data=k), "fastmlp has Dense layers only"),
        (lambda f, k: f.__delitem__("layers"), "holds no weights as Keras writes them"),
    ):  # fmt: skip
        write(change)
        refused(net(), path, match)
    for packed in (dict(compression="gzip"), dict(compression="lzf"), dict(shuffle=True, fletcher32=True)):
        write(lambda f, k, packed=packed: f.create_dataset(where, data=k, **packed))
        same(net(random_state=1).load_weights(path), model)
    write(lambda f, k: f.create_dataset(where, data=k, scaleoffset=6))
    refused(net(), path, "packed by a filter that is not known")


def test_too_many_names(tmp_path, monkeypatch):
    monkeypatch.setattr(keras, "MOST_LAYERS", 1)
    for name, write in (("w.h5", lambda path: as_keras_2(path, net(), False)),
                        ("w.weights.h5", lambda path: as_keras_3(path, net()))):  # fmt: skip
        write(tmp_path / name)
        with open(tmp_path / name, "rb") as file, pytest.raises(ModelFileError, match="must hold up to 1 "):
            keras.read_here(file, kinds.describe(net()).layers)


def test_what_keeps_hdf5_for_ever(tmp_path, children):
    """Its library runs round in a damaged heap of texts; the process that reads is ended."""
    path = tmp_path / "w.weights.h5"
    as_keras_3(path, net())
    data = bytearray(path.read_bytes())
    data[data.index(b"GCOL") + 25] ^= 4  # a text of 1029 bytes in a heap of less
    path.write_bytes(data)
    refused(net(), path, "cannot be read: HDF5's library ended with -")


def test_children_answer(tmp_path, children):
    """With weights of each dtype, biased and not, or with what is wrong."""
    for dtype in "float32", "float64":
        path = tmp_path / f"{dtype}.h5"
        model = net(dtype, bias=False)
        model.save_weights(path)
        same(net(dtype, 1, bias=False).load_weights(path), model)
    refused(
        net(),
        path,
        "does not fit: layer 'out' must have weights and bias; got 1 arrays: make it with use_bias",
    )


def test_children_that_come_to_nothing(tmp_path, monkeypatch, children):
    path = tmp_path / "w.h5"
    net().save_weights(path)
    monkeypatch.setattr(apart, "CODE", "import time; time.sleep(60)")
    monkeypatch.setattr(apart, "PATIENCE", 0.2)
    refused(net(), path, r"HDF5's library took more than 0\.2 seconds")
    monkeypatch.setattr(apart, "PATIENCE", 60)
    monkeypatch.setattr(apart, "CODE", "print('arrays')")
    refused(net(), path, "HDF5's library ended with 0")
    monkeypatch.setattr(apart, "CODE", "print('MemoryError')")
    with pytest.raises(MemoryError):
        net().load_weights(path)


def test_without_children(tmp_path, monkeypatch, children):
    """Where a process cannot be given an open file, or there is no interpreter to run."""
    path = tmp_path / "w.h5"
    net().save_weights(path)
    monkeypatch.setattr("sys.executable", "")
    monkeypatch.setattr(apart, "CODE", "raise")
    same(net(random_state=1).load_weights(path), net())


def damaged(data, n, rng):
    """Yield copies of a file: cut at every byte, every byte changed, and `n` with more done to them."""
    for i in range(len(data)):
        yield data[:i]
        yield data[:i] + bytes([data[i] ^ 1 << rng.randrange(8)]) + data[i + 1 :]
    for _ in range(n):
        copy = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            i, m = rng.randrange(len(copy)), rng.choice((1, 2, 4, 8))
            copy[i : i + m] = rng.choice((b"\xff" * m, bytes(m), rng.randbytes(m), data[: 3 * m]))
        yield bytes(copy)


@pytest.mark.parametrize("suffix", [".npz", ".weights.h5", ".h5"])
def test_damage_is_an_error_or_does_no_harm(suffix):
    """No other exception, and never other numbers."""
    model, rng, n_read = net(), random.Random(0), 0
    layers, true = kinds.describe(model).layers, model.get_weights()
    module = npz if suffix == ".npz" else keras
    data = b"".join(module.write(kinds.describe(model), Path(f"w{suffix}")))
    for each in damaged(data, 1000, rng):
        try:
            if module is npz:
                found = npz.read(io.BytesIO(each), len(each), layers)
            else:
                found = keras.read_here(io.BytesIO(each), layers)
        except ModelFileError:
            continue
        n_read += 1
        for a, b in zip(found, true, strict=True):
            np.testing.assert_array_equal(a, b)
    assert n_read < 0.3 * 2 * len(data)


def test_what_has_no_weights_yet(tmp_path):
    for model in Network([Dense(2)]), MLPClassifier():
        for call in model.save_weights, model.load_weights:
            with pytest.raises(ValueError, match=r"needs a network with weights|not fitted yet"):
                call(tmp_path / "w.npz")


def test_missing_libraries_are_named(tmp_path, monkeypatch):
    for name, path, extra in ("h5py", "w.h5", "hdf5"), ("onnx", "w.onnx", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=rf"pip install fastmlp\[{extra}\]"):
            save(net(), tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_suffixes(tmp_path):
    with pytest.raises(
        ValueError, match=r"the suffix of path must be one of \.h5, \.hdf5, \.npz; got '\.txt'"
    ):
        net().save_weights(tmp_path / "w.txt")
    net().save_weights(tmp_path / "w.npz")
    with pytest.raises(
        ValueError, match=r"got '\.npz' of .*: build the model, and model\.load_weights\(path\)"
    ):
        load(tmp_path / "w.npz")
    net().save_weights(tmp_path / "w.h5")
    with pytest.raises(
        ValueError, match=r"got '\.h5' of .*: build the model, and model\.load_weights\(path\)"
    ):
        load(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"\.npz files have no metadata"):
        save(net(), tmp_path / "w.npz", metadata={"a": 1})
    with pytest.raises(ValueError, match=r"\.h5 files hold no training state"):
        save(net(), tmp_path / "w.h5", training_state=True)


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5"])
def test_weights_overwritten_by_zeros_with_their_sum_are_found(tmp_path, name):
    pytest.importorskip("h5py")
    model = Network([Dense(3, input_dim=2)], random_state=0).build()
    path = tmp_path / name
    model.save_weights(path)
    data, weights = path.read_bytes(), model.get_weights()[0].tobytes()
    at, size = data.index(weights), len(weights) + 4  # HDF5's sum follows its array
    path.write_bytes(data[:at] + bytes(size) + data[at + size :])
    with pytest.raises(ModelFileError, match=r"damaged: the .* is not what was written"):
        model.load_weights(path)
