"""Write the golden files of the formats as they are now: once for each version of a format, and never again.

``PYTHONPATH=tests python tests/files/golden/write.py`` puts them beside itself, as ``v1-network.safetensors``
and the like. Each holds a few rows and what the model that was saved made of them.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np

from fastmlp import (
    Concatenate,
    Dense,
    Dropout,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
    save,
)
from fastmlp.activations import LeakyReLU
from fastmlp.formats.description import FORMAT_VERSION
from fastmlp.initializers import Uniform
from fastmlp.losses import Huber
from fastmlp.optimizers import RMSprop
from fastmlp.schedules import Cosine, Warmup

FOLDER = Path(__file__).parent
X = np.linspace(-1, 1, 24).reshape(8, 3) ** 3
Y = np.array([0, 1, 1, 0, 1, 0, 0, 1])


def network(dtype=None):
    model = Network(random_state=3, dtype=dtype, input_scale=0.5)
    model.add(Dropout(0.1))
    first = model.add(Dense(4, LeakyReLU(0.2), l1=0.1, initializer=Uniform(-0.3, 0.3), name="first"))
    model.add(Dense(3, "gelu", use_bias=False, max_norm=2.0, trainable=False))
    model.add(Dropout(0.3, name="dropped"))
    model.add(Concatenate([first, "dropped"], name="both"))
    model.add(Dense(2, "identity", l2=0.01))
    optimizer = RMSprop(Warmup(Cosine(0.01, 20)), momentum=0.5, clip_norm=1.0)
    return model.fit(X, X[:, :2], epochs=9, loss=Huber(0.7), optimizer=optimizer, batch_size=4)


def models():
    """Return a model of each kind, by name."""
    text = np.array(["no", "yes", "vielleicht", "sí"], object)
    several = np.column_stack([Y, 1 - Y, Y])
    options = dict(max_iter=5, random_state=0)
    return {
        "network": network(),
        "network32": network("float32"),
        "classifier": MLPClassifier((4,), ["tanh"], **options).fit(X, text[np.arange(8) % 4]),
        "binary": MLPClassifier((), loss="hinge", class_weight={False: 1, True: 2.5}, **options).fit(
            X, Y > 0
        ),
        "multilabel": MLPClassifier((3,), early_stopping=True, **options).fit(X, several),
        "regressor": MLPRegressor(solver="lbfgs", n_iter_no_change=np.inf, **options).fit(X, X[:, 0]),
        "perceptron": Perceptron(record="epoch", max_iter=5).fit(X, text[Y + 1]),
        "linear": LinearPerceptron(max_iter=5, random_state=0).fit(X, X[:, 0]),
        "tanh": TanhPerceptron(max_iter=5, beta=0.5, random_state=0).fit(X, X[:, 0]),
    }


def outputs(model):
    """Return what a model says of X, in numbers that tell it from others."""
    say = next(getattr(model, name) for name in ("decision_function", "predict") if hasattr(model, name))
    return np.asarray(say(X), np.float64)


def main():
    for name, model in models().items():
        metadata = {"outputs": outputs(model), "labels": np.asarray(model.predict(X))}
        version = f"v{FORMAT_VERSION}-{name}"
        save(model, FOLDER / f"{version}.safetensors", metadata=metadata, training_state=name == "network")
        (FOLDER / f"{version}.pickle").write_bytes(pickle.dumps((model, metadata), protocol=4))
    model.metadata = metadata
    save(model, FOLDER / f"v{FORMAT_VERSION}-tanh.dill")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
