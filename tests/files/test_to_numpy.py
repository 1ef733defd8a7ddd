"""Models as code that needs nothing but NumPy."""

import subprocess
import sys

import exported_models as models
import numpy as np
import pytest
from oracle.own import Cube

from fastmlp import Dense, MLPClassifier, Network, Perceptron, activations, save


def alone(source):
    """Run a source on its own; return what it defines."""
    found = {}
    exec(source, found)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values(dtype):
    x = models.X.astype(dtype)
    for name, model in (models.networks(dtype) | models.regressors(dtype)).items():
        function, expected = model.to_numpy(), model.predict(x)
        found = function(x)
        assert found.dtype == dtype and found.shape == expected.shape, name
        models.close(found, expected, 1e-6 if dtype == "float32" else 1e-13)
        np.testing.assert_array_equal(alone(function.source)["predict"](x), found, name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_classes(dtype):
    x = models.X.astype(dtype)
    for name, model in models.classifiers(dtype).items():
        function, expected = model.to_numpy(), model.predict(x)
        found, own = function(x), alone(function.source)
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected, name)
        np.testing.assert_array_equal(own["predict"](x), expected, name)
        assert hasattr(function, "predict_proba") == hasattr(model, "predict_proba"), name
        if hasattr(model, "predict_proba"):
            models.close(function.predict_proba(x), model.predict_proba(x), 1e-6)
            np.testing.assert_array_equal(own["predict_proba"](x), function.predict_proba(x))
            far = 1e4 * x
            models.close(function.predict_proba(far), model.predict_proba(far), 1e-5)


def test_it_is_a_module_that_imports_numpy_only(tmp_path):
    model = models.classifiers("float64")["strings"]
    save(model, tmp_path / "own.py")
    np.save(tmp_path / "x.npy", models.X)
    code = (
        "import numpy, sys; sys.modules['fastmlp'] = sys.modules['sklearn'] = None; import own\n"
        "print(ascii(own.predict(numpy.load('x.npy')).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == ascii(model.predict(models.X).tolist())


def test_names_are_text():
    model = models.with_sly_names("float64", "\"'\\/*?=(\n\r\t%{}<>#;ü☃\U0001f600a0 _\x00\ud800)[]")
    found = alone(model.to_numpy().source)
    assert found["classes"].tolist() == list(model.classes_) and model.to_numpy().source.isascii()


class Sly(str):
    """A label whose form is code."""

    def __repr__(self):
        return "__import__('os').abort()"


class SlyNumber(float):
    def __repr__(self):
        return "__import__('os').abort()"


def test_no_value_becomes_code():
    """Labels, slopes and scales of classes of a user's own are written as what they are."""
    y = np.array([Sly("a"), Sly("b")], object)[(models.X[:, 0] > 0).astype(int)]
    for model in (
        MLPClassifier((8,), max_iter=60, random_state=0),
        Perceptron(),
    ):  # which keeps them as they are
        source = models.fitted(model, y, "float64").to_numpy().source
        assert "abort" not in source and set(alone(source)["predict"](models.X)) == {"a", "b"}
    assert type(model.classes_[0]) is Sly
    model = Network(
        [Dense(1, activations.LeakyReLU(SlyNumber(0.2)))], input_scale=SlyNumber(0.5), random_state=0
    ).build(5)
    source = model.to_numpy().source
    assert "abort" not in source
    np.testing.assert_allclose(alone(source)["predict"](models.X), model.predict(models.X))


def test_what_it_does_not_know():
    with pytest.raises(ValueError, match="to_numpy takes built-in activations only; got 'cube', your own"):
        Network([Dense(1, Cube())], random_state=0).build(2).to_numpy()
