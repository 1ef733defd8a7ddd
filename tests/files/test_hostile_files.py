"""Files that are damaged, or lie about what they hold: refused by one error, at once, with nothing run."""

import json
import os
import pickle
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from files.test_description import MODELS, X, Y

from fastmlp import Dense, MLPClassifier, Network, Perceptron, TanhPerceptron, load, read_info, save
from fastmlp.exceptions import ModelFileError
from fastmlp.formats import packing, reading, safetensors
from fastmlp.network import described

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*max_iter")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.safetensors"


def small():
    return Network([Dense(2, "tanh", input_dim=3), Dense(1)], random_state=0).build()


def signed(header, data=b"", version=1):
    """Return a file whose header has the CRC-32 that belongs to it."""
    model = header.pop("model")
    model = model if isinstance(model, str) else json.dumps(model)
    first = {"__metadata__": {"fastmlp": str(version), "crc32": "0" * 8, "model": model}}
    text = header.pop("text", None) or json.dumps({**first, **header}, separators=(",", ":"))
    return sign(text.encode()) + data


def sign(text):
    length = len(text).to_bytes(8, "little")
    place = safetensors.HEAD.match(text).end()
    text = text[:place] + b"0" * 8 + text[place + 8 :]
    crc = f"{zlib.crc32(length + text):08x}".encode()
    return length + text[:place] + crc + text[place + 8 :]


def parts(contents):
    """Return the entries of a file's arrays, what it says of its model, and its arrays' bytes."""
    n = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + n])
    return header, json.loads(header.pop("__metadata__")["model"]), contents[8 + n :]


def forged(path, change, model=None):
    """Write a model's file, changed by `change(entries, fields, data)`, which may return other data."""
    save(model or small(), path)
    header, fields, data = parts(path.read_bytes())
    changed = change(header, fields, data)
    if isinstance(changed, bytes):
        data = changed
        places = {name: slice(*said["data_offsets"]) for name, said in header.items()}
        fields["crc32"] = {name: f"{zlib.crc32(data[place]):08x}" for name, place in places.items()}
    path.write_bytes(signed({**header, "model": fields}, data))


def assert_refused(path, match):
    """See that a file is refused by what is wrong, within a second and no memory beyond its own size."""
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(ModelFileError, match=match) as caught:
        load(path)
    took, (_, most) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(caught.value).startswith(str(path)) and len(str(caught.value)) < len(str(path)) + 1000
    assert took < 1 and most < 5_000_000 + 60 * os.path.getsize(path)


def test_a_file_cut_anywhere_is_refused(path):
    save(small(), path)
    contents = path.read_bytes()
    for n in (*range(0, len(contents) - 100, 7), *range(len(contents) - 100, len(contents))):
        path.write_bytes(contents[:n])
        with pytest.raises(ModelFileError, match=r"truncated or altered|is empty"):
            load(path)


def test_a_flipped_bit_is_found(path):
    save(small(), path)
    contents = path.read_bytes()
    for i, byte in enumerate(contents):
        for bit in range(8) if i < 80 else (i % 8,):
            path.write_bytes(contents[:i] + bytes([byte ^ 1 << bit]) + contents[i + 1 :])
            with pytest.raises(ModelFileError):
                load(path)


def test_bytes_after_the_last_array(path):
    save(small(), path)
    with open(path, "ab") as file:
        file.write(b"\0")
    assert_refused(path, "89 bytes follow its header, expected 88")


FOREIGN = {
    "empty": (b"", "it is empty"),
    "pickle": (pickle.dumps(X), "begins as a pickle"),
    "zip": (b"PK\x03\x04" + b"\0" * 90, "begins as a zip archive"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "begins as an HDF5 file"),
    "gzip": (b"\x1f\x8b" + b"\0" * 90, "packed by gzip"),
    "dill": (b"fastmlp\0" + b"\0" * 90, r"\.dill files do: give it that suffix"),
    "text": (b"weights: 1 2 3\n" * 9, "is no safetensors file"),
    "other safetensors": (b"\x10\0\0\0\0\0\0\0" + b'{"__metadata__"}', "not one that fastmlp.save wrote"),
    "no header": (b"\x10\0\0\0\0\0\0\0" + b"nothing of a kind", "or no model that fastmlp.save wrote"),
    "header of 1 byte": (b"\1\0\0\0\0\0\0\0{", "is no safetensors file"),
}


@pytest.mark.parametrize(("contents", "match"), FOREIGN.values(), ids=FOREIGN)
def test_files_of_other_kinds_are_told(path, contents, match):
    path.write_bytes(contents)
    assert_refused(path, match)


def entry(name="layers.0.bias", **changes):
    def change(header, fields, data):
        header[name] |= changes

    return change


def field(name, value):
    def change(header, fields, data):
        *places, last = name.split(".")
        for place in places:
            fields = fields[int(place) if isinstance(fields, list) else place]
        if isinstance(fields, list):
            last = int(last)
        fields[last] = value

    return change


def data(begin, new):
    return lambda header, fields, data: data[:begin] + new + data[begin + len(new) :]


def more_arrays(n):
    def change(header, fields, data):
        header |= {f"a{i}": dict(dtype="U8", shape=[0], data_offsets=[88, 88]) for i in range(n)}
        fields["crc32"] |= {f"a{i}": "00000000" for i in range(n)}

    return change


def swapped(header, fields, data):
    """Let layers of one shape have each other's biases, so that they do not lie as their names say."""
    one, other = fields["layers"]
    one["bias"], other["weights"] = other["weights"], one["bias"]


def array_twice(header, fields, data):
    fields["metadata"] = [{"$array": "layers.0.weights"}] * 3


NAN = np.array([np.nan]).tobytes()
SIZES = r"expected from|expected 88"
NO_WORD = r"expected (activation|initializer) as data"
HOSTILE = {
    "shape larger than its bytes": (entry(shape=[3]), SIZES),
    "shape of terabytes": (entry(shape=[1 << 40]), SIZES),
    "shape beyond 64 bits": (entry(shape=[1 << 70]), "has the shape"),
    "shape whose product wraps around": (entry(shape=[1 << 32, 1 << 32, 2]), SIZES),
    "terabytes of none": (entry("layers.0.bias", shape=[0, 1 << 59, 1 << 59], data_offsets=[48, 48]), SIZES),
    "negative shape": (entry(shape=[-2]), "has the shape"),
    "shape of a float": (entry(shape=[2.0]), "has the shape"),
    "shape of a bool": (entry(shape=[True]), "has the shape"),
    "shape of many axes": (entry(shape=[1] * 40 + [2]), "has the shape"),
    "shape that is none": (entry(shape=None), "no model"),
    "dtype that is unknown": (entry(dtype="F128"), "KeyError.*F128"),
    "dtype of objects": (entry(dtype="O"), "KeyError"),
    "dtype of half the size": (entry(dtype="F32"), SIZES),
    "dtype of the same size": (entry(dtype="I64"), "must be of the shapes.*float64"),
    "no dtype": (lambda header, fields, data: header["layers.0.bias"].pop("dtype") and None, "no model"),
    "overlap": (entry(data_offsets=[40, 56]), SIZES),
    "hole": (entry("layers.1.bias", data_offsets=[88, 96]), SIZES),
    "beyond the end": (entry("layers.1.bias", data_offsets=[80, 1 << 50]), SIZES),
    "places of floats": (entry(data_offsets=[48.0, 64.0]), "has the shape"),
    "one place": (entry(data_offsets=[48]), "no model"),
    "entry that is a list": (lambda header, fields, data: header.update(a=[1]), "no model"),
    "an array of its own": (more_arrays(1), "arrays that no model has: a0"),
    "many arrays": (more_arrays(40_000), r"arrays that no model has|more than \d+ values"),
    "100 000 arrays": (more_arrays(100_000), r"has a header of more than \d+ values"),
    "an array that is not there": (field("layers.0.bias", {"$array": "b"}), "'b', which is not there"),
    "arrays that change places": (swapped, "must be of the shapes"),
    "an array used twice": (array_twice, "which is not there, or twice"),
    "an array without CRC": (lambda header, fields, data: fields["crc32"].pop("layers.0.bias"), "KeyError"),
    "NaN weights": (data(0, NAN), r"weights that are not finite in layer 0"),
    "infinite bias": (data(80, np.array([np.inf]).tobytes()), "bias that are not finite in layer 1"),
    "no fields": (lambda header, fields, data: fields.pop("fitted"), "what it says of its model"),
    "another field": (field("params", None), "what it says of its model"),
    "kind": (field("kind", "os.system"), "kind must be one of"),
    "kind that is a list": (field("kind", []), "kind must be one of"),
    "layers that are none": (field("layers", 3), "no model"),
    "a layer's field": (field("layers.0.code", 1), "TypeError"),
    "units": (field("layers.0.units", 1 << 40), "must be of the shapes"),
    "units that are none": (field("layers.0.units", 0), "units must be at least 1"),
    "weights that are missing": (field("layers.0.weights", None), "arrays that no model has"),
    "features": (field("n_features", 1 << 40), "n_features must be at most"),
    "features of a text": (field("n_features", "3"), "n_features must be an int"),
    "dtype of the weights": (field("dtype", "float32"), "must be of the shapes.*float32"),
    "dtype that is a text": (field("dtype", "object"), "dtype must be"),
    "no dtype of the weights": (field("dtype", None), "dtype must be given"),
    "activation": (field("layers.0.activation", {"fastmlp": "activation", "name": "exec"}), "KeyError.*exec"),
    "word that is none": (field("layers.0.activation", {"fastmlp": "os", "name": "system"}), NO_WORD),
    "slope": (field("layers.0.activation.slope", -1.0), "slope must be"),
    "slope in quotes": (field("layers.0.activation.slope", "1"), "slope must be"),
    "a loss": (field("layers.0.activation", {"fastmlp": "loss", "name": "mse"}), NO_WORD),
    "a schedule": (
        field("layers.0.options.initializer", {"fastmlp": "schedule", "name": "constant", "rate": 1.0}),
        NO_WORD,
    ),
    "an option": (field("layers.0.options.l2", -3.0), "l2 must be"),
    "source that is later": (field("topology.$tuple.0.sources", [1]), "sources must be between -1 and -1"),
    "no sources": (field("topology.$tuple.0.sources", []), "must read one or more layers"),
    "source twice": (field("topology.$tuple.1.sources", [0, 0]), "must read one or more layers, each once"),
    "layer that nobody reads": (field("topology.$tuple.1.sources", [-1]), "feeds no other layer"),
    "kind of a layer": (field("topology.$tuple.0.kind", "Attention"), "KeyError.*name"),
    "object for a layer": (field("topology.$tuple.0.layer", 1), "layer|attribute"),
    "a layer's name twice": (field("layers.1.name", "dense_1"), "each layer must have a name of its own"),
    "a layer's name": (field("layers.1.name", 7), "each layer must have a name of its own"),
    "parameter": (field("parameters.n_jobs", 1), "TypeError.*n_jobs"),
    "scale": (field("input_scale", {"$float": "nan"}), "input_scale must be"),
    "attribute": (field("fitted.predict", 1), "'predict' is no attribute that a file may set"),
    "private attribute": (field("fitted._native", True), "'_native' is no attribute"),
    "epochs": (field("fitted.n_epochs_", -1), "n_epochs_ must be at least 0"),
    "history": (field("fitted.history_", {"a": [1], "b": []}), "history_ must hold"),
    "range": (field("fitted.target_range", [1]), "no model"),
    "form that is unknown": (field("metadata", {"$eval": "1"}), r"KeyError.*\$eval"),
    "form beside a name": (field("metadata", {"$float": "nan", "a": 1}), "must be alone"),
    "float": (field("metadata", {"$float": "1"}), "KeyError"),
    "number of several": (field("layers.0.bias", {"$number": "layers.0.bias"}), "must be a single number"),
    "floats of a matrix": (field("layers.0.weights", {"$floats": "layers.0.weights"}), "must be a vector"),
    "texts too wide": (field("metadata", {"$texts": [10**9, [1], ["a"]]}), "wider than they are"),
    "texts too long": (field("metadata", {"$texts": [1, [1], ["ab"]]}), "wider than they are"),
    "NumPy text of a number": (field("metadata", {"$text": 1}), "must be a text"),
    "texts of numbers": (field("metadata", {"$texts": [1, [1], [1]]}), "holds others"),
    "texts of another shape": (field("metadata", {"$texts": [1, [-1], ["a"]]}), "shape must be between"),
    "objects of another shape": (field("metadata", {"$objects": [[2, 2], [1, 2, 3]]}), "have no shape"),
    "dict of lists": (field("metadata", {"$dict": [[[], 1]]}), "unhashable"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "match"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_lies_is_refused(path, change, match):
    forged(path, change)
    assert_refused(path, match)


HARMLESS = {
    "a path for a name": field("layers.0.name", "../../etc/passwd\0"),
    "a path in metadata": field("metadata", {"../a": "/etc/passwd"}),
    "brackets in texts": field("metadata", {"a": "[" * 500, "\\": '\\"[[['}),
    "code in texts": field("metadata", {"__class__": "__import__('os').abort()"}),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_bad_is_loaded(path, change):
    forged(path, change)
    assert load(path).n_params == 11


def fitted(**options):
    return MLPClassifier((3,), max_iter=2, random_state=0, **options).fit(X, Y)


def neuron():
    return TanhPerceptron(max_iter=2).fit(X, Y)


def without(name):
    def change(header, fields, data):
        *places, last = name.split(".")
        for place in places:
            fields = fields[place]
        del fields[last]

    return change


OF_ESTIMATORS = {
    "classes of another number": (fitted, field("classes", {"$array": "classes3"}), "which is not there"),
    "classes in a matrix": (
        lambda: MLPClassifier((3,), max_iter=2).fit(X, np.array(["a", "b"])[Y]),
        field("classes", {"$texts": [1, [1, 2], ["a", "b"]]}), "classes_ must be a vector",
    ),
    "classes that are none": (fitted, field("classes", None), "arrays that no model has|do not go with"),
    "classes of texts": (fitted, field("classes", {"$texts": [1, [3], ["a", "b", "c"]]}), "arrays that no"),
    "number of outputs": (fitted, field("fitted.n_outputs_", 2), "do not go with n_outputs_=2"),
    "no number of outputs": (fitted, field("fitted.n_outputs_", None), "n_outputs_ cannot be None"),
    "task": (fitted, field("output.task", "values"), "do not go with"),
    "a method": (fitted, field("fitted.predict", 3), "'predict' is no attribute of MLPClassifier"),
    "a class": (fitted, field("fitted.__class__", 3), "'__class__' is no attribute"),
    "parameter": (fitted, field("parameters.n_jobs", 3), "has no parameter 'n_jobs'"),
    "losses of epochs": (fitted, field("fitted.loss_curve_", ["a"]), "loss_curve_ must be a list of numbers"),
    "history": (fitted, field("fitted.history_", {"loss": 3}), "history_ must hold"),
    "epochs": (fitted, field("fitted.n_iter_", 2.5), "n_iter_ cannot be 2.5"),
    "seed of zeros": (
        lambda: fitted().set_params(random_state=np.random.RandomState(0)),
        lambda header, fields, data: data[: (at := header["parameters.random_state.key"]["data_offsets"])[0]]
        + bytes(2496) + data[at[1]:],
        "624 numbers of uint32, not all of them 0",
    ),
    "place in the seed": (
        lambda: fitted().set_params(random_state=np.random.RandomState(0)),
        field("parameters.random_state.pos", 10**6), "pos must be between 0 and 624",
    ),
    "units of neurons": (
        lambda: Perceptron(max_iter=2).fit(X, Y), field("n_features", 4), "must be floats of the shapes",
    ),
    "function of a neuron": (
        neuron, field("fitted._fitted_function.$tuple.0", {"fastmlp": "activation", "name": "relu"}),
        "_fitted_function must be an activation and its limits",
    ),
    "function that is none": (neuron, field("fitted._fitted_function.$tuple.0", "tanh"), "_fitted_function"),
    "limit of a function": (neuron, field("fitted._fitted_function.$tuple.2", -1.0), "_fitted_function must"),
    "limits of a function": (neuron, field("fitted._fitted_function", {"$tuple": []}), "no model"),
    "no function": (neuron, without("fitted._fitted_function"), "missing, or too many: _fitted_function"),
    "no targets' range": (neuron, without("fitted.target_range_"), "missing, or too many: target_range_"),
    "targets' range": (
        neuron, field("fitted.target_range_", {"$tuple": [0.0, None]}), "target_range must be",
    ),
    "half a range of targets": (neuron, field("fitted.target_range_", {"$tuple": [0.0]}), "no model"),
    "targets' range that is NaN": (
        neuron, field("fitted.target_range_.$tuple.1", {"$float": "nan"}), "target_range must be",
    ),
    "neurons without classes": (
        lambda: Perceptron(max_iter=2).fit(X, np.where(Y, "a", "b")), field("classes", None),
        "too many: classes_",
    ),
    "neurons with classes": (
        neuron, field("classes", {"$texts": [1, [2], ["a", "b"]]}), "too many: classes_",
    ),
    "how targets were coded": (fitted, without("output.sparse_input"), "KeyError.*sparse_input"),
    "how targets were coded, as a text": (fitted, field("output.sparse_input", "no"), "sparse_input must be"),
    "epochs beyond counting": (fitted, field("fitted.n_iter_", 1 << 63), "n_iter_ must be between 0 and"),
    "epochs below 0": (fitted, field("fitted._no_improvement_count", -1), "_no_improvement_count must be"),
    "no count of samples": (neuron, without("fitted.t_"), "missing, or too many: t_"),
    "best value": (
        lambda: fitted(early_stopping=True, monitor="val_loss"),
        field("fitted._best", {"$tuple": ["val_loss", None]}), "_best must be",
    ),
    "a long name": (fitted, field("layers.0.bias", {"$array": "a" * 100_000}), r"names 'a{100,600}\.\.\."),
    "names": (fitted, field("feature_names", {"$objects": [[2], ["a", "b"]]}), "3 names of features"),
    "features": (fitted, field("n_features", 4), "n_features|shapes"),
    "no features": (fitted, field("n_features", None), "no number of features"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "change", "match"), OF_ESTIMATORS.values(), ids=OF_ESTIMATORS)
def test_an_estimators_file_that_lies_is_refused(path, make, change, match):
    forged(path, change, make())
    assert_refused(path, match)


def rewritten(path, old, new):
    """Change the text of a header, and sign it anew where it still is one of ours."""
    save(small(), path)
    contents = path.read_bytes()
    n = int.from_bytes(contents[:8], "little")
    text, rest = contents[8 : 8 + n], contents[8 + n :]
    assert old in text
    text = text.replace(old, new, 1)
    signable = safetensors.HEAD.match(text)
    path.write_bytes((sign(text) if signable else len(text).to_bytes(8, "little") + text) + rest)


DEEP = b"[" * 50_000 + b"]" * 50_000
TEXTS = {
    "name twice": (b'"layers.0.bias":{"dtype"', b'"layers.0.bias":{"dtype":"F64","dtype"', "a name twice"),
    "array twice": (
        b'"layers.0.bias":',
        b'"layers.0.bias":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},"layers.0.bias":',
        "a name twice",
    ),
    "NaN": (b"[2]", b"[NaN]", "NaN, which JSON has not"),
    "deep": (b"[2]", DEEP, "nested deeper than 100 levels"),
    "deep and open": (b"[2]", b"[" * 200_000, "nested deeper than 100 levels"),
    "deep within the model": (rb'\"metadata\":{}', rb'\"metadata\":' + DEEP, "nested deeper than 100 levels"),
    "digits without end": (b"[2]", b"[" + b"9" * 1_000_000 + b"]", "ValueError"),
    "no UTF-8": (b"layers.0.bias", b"layers.0.\xff\xfe", "UnicodeDecodeError"),
    "no JSON": (b"[2]", b"[2", "JSONDecodeError"),
    "more than JSON": (b"}}", b"}}}}", "JSONDecodeError"),
    "no end of a text": (b"layers.0.bias\"", b"layers.0.bias", "JSONDecodeError"),
    "quotes without end": (b"[2]", b'"' + rb"\"" * 300_000, "JSONDecodeError"),
    "another name for the model": (b'"model":', b'"mode1":', "KeyError"),
    "version 0": (b'"fastmlp":"1"', b'"fastmlp":"0"', "CRC-32 of its header"),
    "a later version": (b'"fastmlp":"1"', b'"fastmlp":"2"', "has format 2, this .* up to 1: update"),
    "a version of many digits": (b'"fastmlp":"1"', b'"fastmlp":"1000000000"', "not one that fastmlp"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "match"), TEXTS.values(), ids=TEXTS)
def test_a_header_that_is_none_is_refused(path, old, new, match):
    rewritten(path, old, new)
    assert_refused(path, match)


def test_a_header_of_gigabytes_is_not_read(path):
    with open(path, "wb") as file:
        file.write((1 << 39).to_bytes(8, "little"))
        file.truncate(1 << 40)  # holes: it takes no room
    assert_refused(path, r"has a header of 549755813888 bytes; at most \d+ are read")


@pytest.mark.parametrize(("n", "match"), [(60, "may read 20000 others"), (1500, "may have 1000 layers")])
def test_layers_that_stand_for_any_number_of_reads(path, n, match):
    """What Concatenate reads doubles with each that reads two of them."""

    def change(header, fields, data):
        topology = [{"kind": "Dense", "sources": [-1]}]
        for i in range(n):
            sources = [max(0, i - 1), i] if i else [0]
            name = f"c{i}"
            topology.append({"kind": "Concatenate", "name": name, "named": True, "sources": sources})
        fields["topology"] = {"$tuple": [*topology, {"kind": "Dense", "sources": [n]}]}

    forged(path, change)
    assert_refused(path, match)


def test_arrays_are_those_that_the_layers_name_wherever_they_lie(path):
    """Weights are read to where their names say that they belong, unless layers say otherwise."""

    def change(header, fields, data):
        one, other = fields["layers"]
        one["weights"], other["weights"] = other["weights"], one["weights"]
        header["layers.2.weights"] = header.pop("layers.0.weights")
        fields["crc32"]["layers.2.weights"] = fields["crc32"].pop("layers.0.weights")
        other["weights"] = {"$array": "layers.2.weights"}

    model = Network([Dense(3, "tanh", input_dim=3), Dense(3)], random_state=0).build()
    forged(path, change, model)
    again = load(path)
    assert np.array_equal(again.coefs_[0], model.coefs_[1])
    assert np.array_equal(again.coefs_[1], model.coefs_[0])


def test_metadata_may_be_long_but_not_endless(path):
    with pytest.raises(ValueError, match="shorten metadata"):
        save(small(), path, metadata={"a": list(range(400_000))})
    assert not path.exists()
    save(small(), path, metadata={"a": np.arange(400_000), "text": "a[,{" * 1000})
    assert len(read_info(path)["metadata"]["a"]) == 400_000


def test_networks_of_too_many_layers_are_not_saved_for_nobody_could_load_them(path, monkeypatch):
    monkeypatch.setattr(described, "MOST_LAYERS", 1)
    with pytest.raises(ValueError, match=r"may have 1 layers; got 2.*\.dill"):
        save(small(), path)


def test_weights_that_are_not_finite_are_not_saved(path):
    model = small()
    model.coefs_[0][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"weights that are not finite in layer 0 \(dense_1\)"):
        save(model, path)
    assert not path.exists()


def test_texts_that_are_wider_than_they_need_be_become_narrower(path):
    wide = np.array(["a"] * 3, "<U900000")
    uneven = np.array(["a" * 500_000, *["b"] * 100])
    assert packing.unpack(packing.pack(wide, "", {}), None).dtype == "<U1"
    with pytest.raises(TypeError, match="metadata"):
        save(small(), path, metadata={"a": uneven})


def test_a_file_that_becomes_shorter_while_it_is_read(path):
    save(small(), path)
    with reading.opened(path) as (file, size):
        os.truncate(path, size - 8)
        with pytest.raises(ModelFileError, match="is cut short: 8 bytes are missing"):
            safetensors.read_from(file, size)


@pytest.mark.parametrize("make", [*MODELS.values()], ids=[*MODELS])
def test_nothing_is_imported_or_run_by_a_file(make, path):
    save(make(), path, training_state=True)
    assert b"__reduce__" not in path.read_bytes() and b"\x80\x04" not in path.read_bytes()[:20]


def test_pickles_whose_parameters_are_not_those_of_the_layers():
    state = small().__getstate__()
    for params in (np.zeros(3), np.zeros(11, np.float32), None, [0.0] * 11):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            object.__new__(Network).__setstate__({**state, "params": params})


def test_what_the_system_refuses_is_told_as_it_is(path, monkeypatch):
    save(small(), path)

    def fail(error):
        def call(*arguments, **options):
            raise error

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail(PermissionError(13, "Permission denied")))
        with pytest.raises(PermissionError):
            load(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", fail(OSError(5, "Input/output error")))
        with pytest.raises(OSError, match="Input/output"):
            load(path)
    for error in (MemoryError("no room"), OSError(5, "Input/output error")):
        with monkeypatch.context() as patch:
            patch.setattr(safetensors, "read_into", fail(error))
            with pytest.raises(type(error), match=r"no room|Input/output"):
                load(path)
    assert load(path).n_params == 11
