"""Files of every released version of each format are read, and what they hold computes what it did.

They are written by ``golden/write.py``, once for a version, and stay as they are.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from files.golden.write import outputs
from scipy.special import log_softmax

from fastmlp import load, read_info
from fastmlp.formats import description, pickled, safetensors

FOLDER = Path(__file__).parent / "golden"
NAMES = [
    "binary", "classifier", "linear", "multilabel", "network", "network32", "perceptron", "regressor", "tanh",
]  # fmt: skip
RELEASED = {"safetensors": {1}, "pickle": {1}, "dill": {1}}


def files(suffix):
    return sorted(FOLDER.glob(f"v*.{suffix}"))


def assert_computes(model, metadata):
    exact = 1e-5 if "float32" in repr(model) else 1e-12  # functions differ a little from CPU to CPU
    expected = metadata["outputs"]
    if getattr(model, "out_activation_", None) == "softmax":  # they were logits when version 1 was written
        expected = log_softmax(expected, axis=1)
    assert np.allclose(outputs(model), expected, rtol=exact, atol=exact)
    if metadata["labels"].dtype.kind != "f":
        assert (
            np.asarray(model.predict(np.linspace(-1, 1, 24).reshape(8, 3) ** 3)).tolist()
            == metadata["labels"].tolist()
        )


@pytest.mark.parametrize("path", files("safetensors"), ids=lambda path: path.stem)
def test_safetensors(path):
    model, info = load(path), read_info(path)
    assert type(model).__name__ == info["kind"]
    assert_computes(model, info["metadata"])
    if path.stem.endswith("network"):
        assert info["has_training_state"] and model.n_epochs_ == 9
        assert [layer.name for layer in model.layers][-3:] == ["dropped", "both", "dense_6"]


@pytest.mark.parametrize("path", files("pickle"), ids=lambda path: path.stem)
def test_pickles(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "this .* was pickled by fastmlp")
        model, metadata = pickle.loads(path.read_bytes())
    assert_computes(model, metadata)


@pytest.mark.parametrize("path", files("dill"), ids=lambda path: path.stem)
def test_dill(path):
    pytest.importorskip("dill")
    model = load(path, trusted=True)
    assert_computes(model, model.metadata)


@pytest.mark.parametrize(
    ("suffix", "module"), [("safetensors", safetensors), ("dill", pickled), ("pickle", description)]
)
def test_every_version_has_its_files(suffix, module):
    current = getattr(module, "FORMAT", None) or module.FORMAT_VERSION
    assert RELEASED[suffix] == set(range(1, current + 1))
    for version in RELEASED[suffix]:
        names = {path.stem.removeprefix(f"v{version}-") for path in files(suffix)}
        assert names == ({"tanh"} if suffix == "dill" else set(NAMES))
