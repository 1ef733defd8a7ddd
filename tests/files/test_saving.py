"""save and load by suffix: what is saved is loaded alike, whatever it is made of."""

import os
import pickle
import threading

import numpy as np
import pytest
from files.test_description import MODELS, REFUSED, X, Y, assert_alike, network, same, trained

from fastmlp import Dense, MLPClassifier, Network, Perceptron, load, read_info, save
from fastmlp.exceptions import ModelFileError
from fastmlp.formats import safetensors
from fastmlp.formats.kinds import model_of

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*max_iter")


def small():
    return Network([Dense(1, input_dim=1)], random_state=0).build()


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("name", ["m.safetensors", "m", "M.SafeTensors", "m.dill"])
def test_what_is_saved_is_loaded_alike(make, name, tmp_path):
    model, path = make(), tmp_path / name
    if name.endswith("dill"):
        pytest.importorskip("dill")
    save(model, path)
    assert_alike(load(path, trusted=name.endswith("dill")), model)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["m.pkl", "m.fastmlp", "m.v2", "m.safetensors.gz"])
def test_other_suffixes_are_answered(name, tmp_path):
    for call in (lambda path: save(small(), path), load):
        with pytest.raises(ValueError, match=r"path must end in one of \.safetensors, .*\.dill; got '.*'"):
            call(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_link_without_suffix_is_what_it_leads_to(tmp_path):
    pytest.importorskip("dill")
    (tmp_path / "latest").symlink_to("m.dill")
    save(small(), tmp_path / "latest")
    with pytest.raises(ModelFileError, match="trusted=True"):
        load(tmp_path / "latest")
    assert load(tmp_path / "m.dill", trusted=True).n_params == 2


@pytest.mark.parametrize(("what", "make"), REFUSED.items(), ids=REFUSED)
def test_what_is_no_data_is_not_saved(what, make, tmp_path):
    with pytest.raises((TypeError, ValueError), match=rf"{what}.*\.dill"):
        save(make(), tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == []


def test_metadata_comes_back(tmp_path):
    path = tmp_path / "m.safetensors"
    metadata = {
        "note": "día\n\"'\\ \ud800", "$tuple": 3, "n": 10**30, "list": [1.5, None, True],
        "pair": (1, float("nan")), "nested": {1: {"a": np.float32(2)}},
        "array": np.arange(6, dtype=np.int16).reshape(2, 3), "floats": [0.1] * 20,
        "texts": np.array([["a", "bcd"]]), "objects": np.array([None, "a", 1.0, (2,)], object)[:, None],
        "empty": [[], {}, (), np.empty((0, 3))], "a.0": np.ones(1), "a": [np.zeros(2)],
    }  # fmt: skip
    save(small(), path, metadata=metadata)
    info = read_info(path)
    assert same(info["metadata"], metadata)
    assert info["kind"] == "Network" and not info["has_training_state"]
    assert set(info["versions"]) == {"fastmlp", "numpy", "python"}
    save(small(), path, training_state=True)
    assert read_info(path)["has_training_state"] and read_info(path)["metadata"] == {}


@pytest.mark.parametrize("name", ["$float", "$array", "$dict", "$", "fastmlp"])
def test_names_in_metadata_that_mean_something_to_us(tmp_path, name):
    metadata = {name: "nan", "a": {name: "activation"}}
    save(small(), tmp_path / "m.safetensors", metadata=metadata)
    assert read_info(tmp_path / "m.safetensors")["metadata"] == metadata
    save(MLPClassifier(class_weight={name: 1.0}), tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").class_weight == {name: 1.0}


def test_texts_that_are_numpys(tmp_path):
    """As grids of parameters, and class weights by ``np.unique(y)``, hold them."""
    path, (a, b) = tmp_path / "m.safetensors", np.array(["a", "b"])
    y = np.array([a, b], object)[Y]
    for model in (
        MLPClassifier((3,), activation=np.str_("tanh"), max_iter=2, class_weight={a: 1.0, b: 2.0}),
        Perceptron(max_iter=2, class_weight={a: np.float64(1), b: 2.0}),
    ):
        save(model.fit(X, y), path, metadata={"a": a, "b": {b: [a]}}, training_state=True)
        again = load(path)
        assert same(again.get_params(), model.get_params())
        assert same(again.classes_, model.classes_)
        assert same(read_info(path)["metadata"], {"a": a, "b": {b: [a]}})


def nested(depth, kind=list):
    value = 0
    for _ in range(depth):
        value = kind([value])
    return value


def endless():
    value = {}
    value["a"] = [value]
    return value


BEYOND_READING = {
    "deep lists": (nested(99), r"nested deeper than 100 levels.*metadata flatter"),
    "deep tuples": (nested(60, tuple), "nested deeper than 100 levels"),
    "beyond the stack": (nested(3000), "nested without end, or too deep"),
    "itself": (endless(), "nested without end"),
    "axes": (np.zeros((1,) * 9), r"metadata\.a must have 8 axes at most in a file; got 9"),
    "digits": (10**5000, r"metadata\.a must be below 2\*\*14000 in a file"),
}


@pytest.mark.parametrize(("value", "match"), BEYOND_READING.values(), ids=BEYOND_READING)
def test_what_could_not_be_read_is_not_written(value, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        save(small(), tmp_path / "m.safetensors", metadata={"a": value})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "value",
    [nested(98), nested(48, tuple), np.zeros((1,) * 8), 10**4000],
    ids=["deep lists", "deep tuples", "axes", "digits"],
)
def test_what_just_can_be_read(value, tmp_path):
    save(small(), tmp_path / "m.safetensors", metadata={"a": value})
    assert same(read_info(tmp_path / "m.safetensors")["metadata"], {"a": value})


def test_parameters_that_hold_themselves(tmp_path):
    model = MLPClassifier(class_weight=endless())
    with pytest.raises(ValueError, match="nested without end"):
        save(model, tmp_path / "m.safetensors")


def test_names_in_metadata_that_meet_in_one_path(tmp_path):
    metadata = {"a.b": np.zeros(1), "a": {"b": np.ones(2), "b_": np.ones(3)}, "": np.ones(4)}
    save(small(), tmp_path / "m.safetensors", metadata=metadata)
    assert same(read_info(tmp_path / "m.safetensors")["metadata"], metadata)


@pytest.mark.parametrize(
    "metadata",
    [[1], "text", {1: 2}, {"a": {1, 2}}, {"a": print}, {"a": np.array([1j])}, {"a": np.array([b"a"])}],
)
def test_metadata_that_is_no_data(metadata, tmp_path):
    with pytest.raises(TypeError, match="metadata"):
        save(small(), tmp_path / "m.safetensors", metadata=metadata)
    assert os.listdir(tmp_path) == []


def test_dill_has_no_place_for_metadata(tmp_path):
    with pytest.raises(ValueError, match="no metadata"):
        save(small(), tmp_path / "m.dill", metadata={})


LABELS = {
    "text": np.array(["b", "a"])[Y],
    "wide text": np.array(["b", "a"], "<U40")[Y],
    "object": np.array(["b", "aa"], object)[Y],
    "bool": Y == 1,
    "int8": Y.astype(np.int8) - 1,
    "uint64": Y.astype(np.uint64) + np.uint64(2**63),
    "int64": Y * 2**60,
    "float": Y * 2.0,
    "float32": Y.astype(np.float32),
    "big-endian": Y.astype(">i4"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_all_kinds(labels, tmp_path):
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, labels)
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.classes_.dtype == model.classes_.dtype.newbyteorder("=")
    found, expected = again.predict(X), model.predict(X)
    assert found.dtype == expected.dtype.newbyteorder("=") and found.tolist() == expected.tolist()


def test_feature_names_and_parameters_of_all_kinds(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "größe", "c.0"])
    parameters = dict(
        hidden_layer_sizes=[np.int64(3)], n_iter_no_change=np.inf, alpha=np.float32(0.1), max_iter=2,
        class_weight={0: 1.0, 1: 2.5}, coefs_init=None, tol=0, activation=["tanh"], verbose=np.bool_(False),
        random_state=np.random.RandomState(4), validation_fraction=np.float64(0.2),
    )  # fmt: skip
    model = MLPClassifier(**parameters).fit(frame, Y)
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    rng, other = parameters.pop("random_state"), again.get_params()["random_state"]
    assert rng.rand() == other.rand()
    assert same({name: again.get_params()[name] for name in parameters}, parameters)
    assert again.feature_names_in_.tolist() == list(frame.columns)
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame[["c.0", "a", "größe"]])


def test_training_goes_on_where_the_file_says(tmp_path):
    path, y = tmp_path / "m.safetensors", np.column_stack([X[:, 0], Y])
    model = network().fit(X, y, epochs=3)
    save(model, path, training_state=True)
    kept = load(path)
    save(model, path)
    fresh = load(path)
    for each in (model, kept, fresh):
        each.fit(X, y, epochs=2)
    assert np.array_equal(kept.params, model.params) and kept.loss_curve_ == model.loss_curve_
    assert not np.array_equal(fresh.params, model.params) and len(fresh.loss_curve_) == 5


def test_the_library_alone_reads_what_is_written(tmp_path):
    library = pytest.importorskip("safetensors")
    path = tmp_path / "m.safetensors"
    for make in MODELS.values():
        model = make()
        save(model, path, training_state=True)
        described = safetensors.read(path)
        with library.safe_open(path, "np") as file:
            assert file.metadata()["fastmlp"] == str(safetensors.FORMAT)
            for name, array in described.arrays.items():
                assert same(file.get_tensor(name), array)
    save(small(), path, metadata={"\ud800": np.ones(2), "?": np.zeros(2)})
    with library.safe_open(path, "np") as file:
        assert {"metadata.?", "metadata.?_"} < set(file.keys())
    assert same(read_info(path)["metadata"], {"\ud800": np.ones(2), "?": np.zeros(2)})
    save(MLPClassifier((4, 3), max_iter=2, random_state=0).fit(X, Y), path)
    with library.safe_open(path, "np") as file:
        assert [name for name in sorted(file.keys()) if name.startswith("layers")] == [
            "layers.0.bias", "layers.0.weights", "layers.1.bias", "layers.1.weights", "layers.2.bias",
            "layers.2.weights",
        ]  # fmt: skip


def test_weights_are_read_to_where_the_network_has_them(tmp_path):
    model, path = trained(), tmp_path / "m.safetensors"
    save(model, path)
    found = safetensors.read(path)
    assert found.params is model_of(found).params is not None
    assert np.array_equal(found.params, model.params) and found.params.ctypes.data % 64 == 0
    assert found.params.flags.writeable and all(
        np.shares_memory(a, found.params) for a in found.arrays.values()
    )


def test_files_are_small(tmp_path):
    model = Network([Dense(300, "relu", input_dim=784), Dense(10, "softmax")], dtype="float32").build()
    save(model, tmp_path / "m.safetensors")
    assert os.path.getsize(tmp_path / "m.safetensors") < model.params.nbytes + 4000


def test_a_pipeline_goes_into_dill_only(tmp_path):
    from sklearn.pipeline import make_pipeline

    with pytest.raises(TypeError, match=r"the model is Pipeline.*\.dill"):
        save(make_pipeline(MLPClassifier()), tmp_path / "m.safetensors")


def test_dumps_of_others_are_loaded_alike():
    for library in ("pickle", "dill", "cloudpickle"):
        module = pytest.importorskip(library)
        for make in MODELS.values():
            model = make()
            assert_alike(pickle.loads(module.dumps(model)), model)


def test_joblib_maps_weights_into_memory(tmp_path):
    joblib = pytest.importorskip("joblib")
    for make in MODELS.values():
        model = make()
        joblib.dump(model, tmp_path / "m.joblib")
        assert_alike(joblib.load(tmp_path / "m.joblib"), model)
        again = joblib.load(tmp_path / "m.joblib", mmap_mode="r")
        assert_alike(again, model)
    shared = joblib.load(tmp_path / "m.joblib", mmap_mode="r")
    assert isinstance(shared, type(model))


def test_weights_that_a_user_has_set_are_saved(tmp_path):
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, Y)
    model.coefs_ = [a + 1.0 for a in model.coefs_]
    save(model, tmp_path / "m.safetensors")
    assert np.array_equal(load(tmp_path / "m.safetensors").coefs_[0], model.coefs_[0])
    neuron = Perceptron(max_iter=2).fit(X, Y)
    neuron.coef_ = neuron.coef_.astype(int)
    with pytest.raises(ValueError, match="coef_ and intercept_ must be floats"):
        save(neuron, tmp_path / "neuron.safetensors")


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_skops_knows_all_types_but_our_own(make):
    skops = pytest.importorskip("skops.io")
    model = make()
    contents = skops.dumps(model)
    own = f"{type(model).__module__}.{type(model).__name__}"
    assert skops.get_untrusted_types(data=contents) == [own]
    assert_alike(skops.loads(contents, trusted=[own]), model)


def test_skops_keeps_what_keys_are():
    """Of itself it makes texts of bools, and of each text True."""
    skops = pytest.importorskip("skops.io")
    own = ["fastmlp.estimators.mlp.MLPClassifier"]
    for keys in (
        (True, False),
        (1, 2),
        ("a", "b"),
        tuple(np.unique([True, False])),
        (np.str_("a"), "fastmlp"),
    ):
        model = MLPClassifier(class_weight=dict(zip(keys, (1.0, 2.0), strict=True)))
        contents = skops.dumps(model)
        assert skops.get_untrusted_types(data=contents) == own
        assert same(skops.loads(contents, trusted=own).class_weight, model.class_weight)


def test_files_that_are_saved_while_another_thread_trains_are_whole(tmp_path):
    model = Network([Dense(2000, "relu"), Dense(1)], random_state=0).build(3)
    ends, path = threading.Event(), tmp_path / "m.safetensors"

    class UntilTold:
        def on_epoch_end(self, state):
            return ends.is_set()

    thread = threading.Thread(
        target=model.fit, args=(X, X[:, 0]), kwargs=dict(epochs=10**6, batch_size=1, callbacks=[UntilTold()])
    )
    thread.start()
    try:
        found = set()
        for _ in range(50):
            save(model, path)
            found.add(load(path).params.tobytes())
    finally:
        ends.set()
        thread.join()
    assert len(found) > 5


@pytest.mark.parametrize("suffix", [".safetensors", ".dill", ".npz"])
def test_a_folder_that_is_missing_is_told_by_the_path_that_was_asked_for(tmp_path, suffix):
    path = tmp_path / "nowhere" / f"model{suffix}"
    with pytest.raises(FileNotFoundError) as raised:
        save(small(), path)
    assert raised.value.filename == str(path.resolve())


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="Linux has it")
def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(OSError, match="/proc/self/mem"):
        load("/proc/self/mem")
