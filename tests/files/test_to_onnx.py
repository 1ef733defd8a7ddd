"""ONNX graphs: ONNX Runtime predicts what the model does, by the names that skl2onnx gives scikit-learn's."""

import exported_models as models
import numpy as np
import pytest
from oracle.own import Cube

from fastmlp import Dense, MLPClassifier, Network, save

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def session(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return onnxruntime.InferenceSession(path)


def run(path, x):
    return session(path).run(None, {"X": x})


def described(values):
    return [(value.name, value.type, value.shape) for value in values]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values(tmp_path, dtype):
    """All activations and slopes, layers that read several others, deep nets, single neurons."""
    x, path = models.X.astype(dtype), tmp_path / "m.onnx"
    for name, model in (models.networks(dtype) | models.regressors(dtype)).items():
        model.to_onnx(path)
        (found,) = run(path, x)
        expected = model.predict(x).reshape(len(x), -1)
        assert found.dtype == expected.dtype == dtype and found.shape == expected.shape, name
        models.close(found, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_classes(tmp_path, dtype):
    """Every way to read outputs, of every kind of targets."""
    x, path = models.X.astype(dtype), tmp_path / "m.onnx"
    for name, model in models.classifiers(dtype).items():
        model.to_onnx(path)
        labels, values = run(path, x)
        expected = model.predict(x)
        assert labels.dtype == (object if model.classes_.dtype.kind in "UO" else np.int64), name
        np.testing.assert_array_equal(labels, expected, name)
        if hasattr(model, "predict_proba"):
            models.close(values, model.predict_proba(x), TOLERANCE[dtype])
            far = 1e4 * x  # where all are next to 0, the strongest still counts
            models.close(run(path, far)[1], model.predict_proba(far), 1e-5)
        else:
            scores = model.decision_function(x)
            if scores.ndim == 1 and values.shape[1] == 2:
                scores = np.c_[-scores, scores] if "hinge" not in name else scores
            if "hinge" in name and scores.ndim == 1:
                values = values[:, -1] - (values[:, 0] if values.shape[1] == 2 else 0)
            models.close(values, scores, TOLERANCE[dtype]) if "one class" not in name else None
        assert values.dtype == dtype


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_from_0(tmp_path, dtype):
    """Nothing overflows that does not in the model, and small numbers keep their digits."""
    path = tmp_path / "m.onnx"
    z = np.r_[np.linspace(-700, 700, 57), 1e-9, -1e-9, 1e-4, -1e-4, 0, -9.7, 5.5]
    for name in ("elu", "selu", "softplus", "gelu", "silu", "logistic", "tanh", "leaky_relu", "relu", "step"):
        model = Network([Dense(1, name, use_bias=False)], dtype=dtype, random_state=0).build(1)
        model.set_weights([np.ones((1, 1))])
        model.to_onnx(path)
        x = z[:, None].astype(dtype)
        found, expected = run(path, x)[0], model.predict(x)
        composed = dtype == "float64" and name in ("softplus", "elu", "selu")
        least = 0 if composed else TOLERANCE[dtype] / 100
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=least)


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass", "strings", "flags", "floats", "multilabel"])
@pytest.mark.filterwarnings("ignore")
def test_as_skl2onnx(tmp_path, task, zipmap):
    """Names and types of inputs and outputs, and what they hold, are those of scikit-learn's twin."""
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.neural_network import MLPClassifier as Theirs

    x, y, path = models.X.astype("float32"), models.targets()[task], tmp_path / "m.onnx"
    theirs = Theirs((4,), max_iter=3).fit(x, y)
    ours = MLPClassifier((4,), max_iter=3).fit(x, y)
    ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
    ours.to_onnx(path, zipmap=zipmap)
    graph = skl2onnx.to_onnx(theirs, x[:1], options={id(theirs): {"zipmap": zipmap}})
    first, second = session(path), onnxruntime.InferenceSession(graph.SerializeToString())
    assert described(first.get_inputs()) == described(second.get_inputs())
    names = [each[:2] for each in described(first.get_outputs())]
    assert names == [each[:2] for each in described(second.get_outputs())]
    (labels, values), (their_labels, their_values) = (each.run(None, {"X": x}) for each in (first, second))
    assert labels.dtype == their_labels.dtype
    np.testing.assert_array_equal(labels, their_labels)
    if zipmap:
        assert [list(each) for each in values] == [list(each) for each in their_values]
        values, their_values = ([list(v.values()) for v in each] for each in (values, their_values))
    np.testing.assert_allclose(values, their_values, atol=1e-5)


def test_shapes_are_said(tmp_path):
    """Those of outputs too: a program may ask before it runs."""
    path, found = tmp_path / "m.onnx", {}
    n_strings = len(np.unique(models.targets()["strings"]))
    for name in ("binary", "strings", "multilabel", "binary hinge", "perceptron binary"):
        models.classifiers("float32")[name].to_onnx(path)
        found[name] = [shape for _, _, shape in described(session(path).get_outputs())]
    assert found == {
        "binary": [[None], [None, 2]], "strings": [[None], [None, n_strings]],
        "multilabel": [[None, 3], [None, 3]], "binary hinge": [[None], [None, 2]],
        "perceptron binary": [[None], [None, 2]],
    }  # fmt: skip
    models.regressors("float64")["two"].to_onnx(path)
    assert described(session(path).get_outputs()) == [("variable", "tensor(double)", [None, 2])]
    models.networks("float64")["deep"].to_onnx(path)
    assert described(session(path).get_outputs()) == [("outputs", "tensor(double)", [None, 1])]


def test_maps_of_double_precision(tmp_path):
    """Maps hold single precision, whatever the weights are: ONNX has no others."""
    model, path = models.classifiers("float64")["strings"], tmp_path / "m.onnx"
    model.to_onnx(path, zipmap=True)
    maps = run(path, models.X)[1]
    assert list(maps[0]) == list(model.classes_)
    found = [list(each.values()) for each in maps]
    np.testing.assert_allclose(found, model.predict_proba(models.X), atol=1e-6)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_a_map_of_the_only_class(tmp_path, loss):
    path, y = tmp_path / "m.onnx", np.full(len(models.X), "only")
    model = models.fitted(MLPClassifier((2,), loss=loss, max_iter=2), y, "float64")
    model.to_onnx(path, zipmap=True)
    labels, maps = run(path, models.X)
    assert set(labels) == {"only"} and all(list(each) == ["only"] for each in maps)
    if loss == "log_loss":
        found = [each["only"] for each in maps]
        np.testing.assert_allclose(found, model.predict_proba(models.X)[:, 0], atol=1e-6)


@pytest.mark.parametrize("input_dtype", ["uint8", "float32", "float64"])
def test_inputs_of_another_dtype(tmp_path, input_dtype):
    """Bytes as they are, scaled within; the weights stay what they are."""
    path = tmp_path / "m.onnx"
    x = np.random.RandomState(0).randint(0, 256, (20, 5)).astype(input_dtype)
    for dtype in ("float32", "float64"):
        model = Network([Dense(4, "tanh"), Dense(2)], input_scale=1 / 255, dtype=dtype, random_state=0).build(
            5
        )
        model.to_onnx(path, input_dtype=input_dtype)
        found = run(path, x)[0]
        assert found.dtype == dtype
        models.close(found, model.predict(x), TOLERANCE[dtype])
    with pytest.raises(ValueError, match="input_dtype must be one of float32, float64, uint8; got 'int8'"):
        model.to_onnx(path, input_dtype="int8")


def test_names_are_text_only(tmp_path):
    """No name of a layer is a name in the graph."""
    path = tmp_path / "m.onnx"
    layers = [
        Dense(2, name="X"),
        Dense(2, name="outputs"),
        Dense(2, name="Gemm_1"),
        Dense(1, name="weights_0"),
    ]
    model = Network(layers, random_state=0).build(3)
    save(model, path)
    np.testing.assert_allclose(run(path, models.X[:, :3])[0], model.predict(models.X[:, :3]), rtol=1e-12)
    with open(path, "rb") as file:
        graph = onnx.load(file)
    assert graph.producer_name == "fastmlp" and graph.ir_version == 8


def test_old_runtimes_have_its_operators(tmp_path):
    """Those of 2022: opset 17 of ONNX, 3 of its machine learning operators."""
    path = tmp_path / "m.onnx"
    models.classifiers("float64")["strings logistic"].to_onnx(path, zipmap=True)
    versions = {each.domain: each.version for each in onnx.load(path).opset_import}
    assert versions == {"": 17, "ai.onnx.ml": 3}


def test_what_onnx_cannot_say(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    with pytest.raises(
        ValueError, match="to_onnx takes built-in activations only; got 'cube', your own: write"
    ):
        Network([Dense(1, Cube())], random_state=0).build(2).to_onnx(path)
    with pytest.raises(ValueError, match="to_onnx needs a network with weights"):
        Network([Dense(1)]).to_onnx(path)
    y = np.where(models.X[:, 0] > 0, np.uint64(2**63 + 9), np.uint64(1))
    with pytest.raises(ValueError, match=r"to_onnx takes classes that are .*; got 92\d*17:"):
        models.fitted(MLPClassifier((2,), max_iter=2), y, "float64").to_onnx(path)
    y = np.where(models.X[:, 0] > 0, "\ud800", "b").astype(object)
    with pytest.raises(ValueError, match="to_onnx takes names of classes in Unicode; got"):
        models.fitted(MLPClassifier((2,), max_iter=2), y, "float64").to_onnx(path)
    monkeypatch.setattr("fastmlp.formats.onnx_graph.MOST_BYTES", 100)
    with pytest.raises(ValueError, match="to_onnx takes weights of up to 2 GB; got 168 bytes: save"):
        Network([Dense(3, "softmax")], random_state=0).build(6).to_onnx(path)
    assert not path.exists()
