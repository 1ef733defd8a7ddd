"""Models that every export is tried on: activations and slopes, skip connections, targets of all kinds."""

import functools
import warnings

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
    activations,
    losses,
)

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 5)) * 2
NAMES = ['he said "no"', "*/ int main(void) { return 1; } /*", "a\nb", "??/\n", "%s%n{0}\\", "ünï ☃", "a/b",
         "\\", "x", "\'\'\'", "0", "a" * 500, "__import__('os').abort()"]  # fmt: skip
SLOPES = (1.0, 0.3, 2.5)


@functools.cache
def networks(dtype):
    """Return {name: network}: each activation in the middle and at the end of one with skip connections."""
    found = {}
    for cls in activations.BUILT_IN:
        for slope in SLOPES if cls.of_slope(0.3) != cls.of_slope(0.4) else SLOPES[:1]:
            function = cls.of_slope(slope)
            model = Network(random_state=len(found), dtype=dtype, input_scale=-0.25)
            inner = activations.Tanh() if function.name == "softmax" else function
            model.add(Dense(6, inner, name=NAMES[len(found) % len(NAMES)]))
            dropped = model.add(Dropout(0.5))
            second = model.add(Dense(4, "softplus", use_bias=False))
            both = model.add(Concatenate(["input", second, dropped], name='"*/'))
            last = model.add(Dense(3, "tanh"), after=both)
            model.add(Dense(2, function), after=[last, "input"])
            model.build(5)
            for bias in model.intercepts_:
                if bias is not None:
                    bias[:] = RNG.standard_normal(len(bias)) / 4
            found[f"{function.name} {slope}"] = model
    deep = Network([Dense(7, "elu") for _ in range(12)], random_state=1, dtype=dtype)
    deep.add(Dense(1))
    edge = Network([Dense(2, "step", use_bias=False)], dtype=dtype, random_state=0).build(5)
    edge.set_weights([np.zeros((5, 2))])
    return found | {
        "deep": deep.build(5),
        "step at 0": edge,
        "one": Network([Dense(1)], random_state=2, dtype=dtype).build(5),
    }


def targets():
    """Return {name: y} of every kind of classes."""
    side = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    return {
        "binary": np.where(side > 0, -3, 7), "two strings": np.array(NAMES[:2])[np.minimum(side, 1)],
        "multiclass": side * 10, "strings": np.array(NAMES)[(side * 4 + (X[:, 2] > 0)) % len(NAMES)],
        "objects": np.array(["no", "yes", "??/"], object)[side], "flags": side > 1, "floats": side * 1.0,
        "multilabel": np.c_[side > 0, side > 1, X[:, 2] > 0].astype(int), "one class": np.full(60, 4),
    }  # fmt: skip


@functools.cache
def classifiers(dtype):
    """Return {name: fitted classifier}: each kind of targets by each way to read outputs."""
    ways = {
        "": {}, "logistic": dict(out_activation=activations.Logistic(0.7)),
        "softmax": dict(out_activation="softmax"), "identity": dict(out_activation="identity"),
        "tanh": dict(out_activation="tanh", loss="squared_error"), "hinge": dict(loss="hinge"),
        "mse": dict(loss=losses.MeanSquaredError()),
    }  # fmt: skip
    found = {}
    for task, y in targets().items():
        for way, options in ways.items():
            refused = (way == "hinge" and task == "multilabel") or (
                way == "softmax" and task in ("binary", "two strings", "flags", "one class", "multilabel")
            )
            if not refused:
                model = MLPClassifier((4,), max_iter=3, random_state=0, learning_rate_init=0.1, **options)
                found[f"{task} {way}".strip()] = fitted(model, y, dtype)
    for task in ("binary", "strings"):
        found[f"perceptron {task}"] = fitted(Perceptron(max_iter=3), targets()[task], dtype)
    return found


def with_sly_names(dtype, signs):
    """Return a classifier whose classes have names of signs that code is made of, and of these only."""
    rng = np.random.RandomState(1)
    names = ["".join(rng.choice(list(signs), rng.randint(1, 9))) for _ in range(50)]
    return fitted(MLPClassifier((8,), max_iter=2, random_state=0), np.resize(names, 60), dtype)


@functools.cache
def regressors(dtype):
    """Return {name: fitted model of values}."""
    one, two = X[:, 0] + X[:, 1] ** 2, np.c_[X[:, 0], np.abs(X[:, 1])]
    return {
        "one": fitted(MLPRegressor(hidden_layer_sizes=(4,), max_iter=3), one, dtype),
        "two": fitted(MLPRegressor(hidden_layer_sizes=(4, 3), max_iter=3, activation="gelu"), two, dtype),
        "poisson": fitted(MLPRegressor("poisson", (4,), max_iter=3), np.abs(one), dtype),
        "linear": fitted(LinearPerceptron(max_iter=3), one, dtype),
        "sigmoid": fitted(TanhPerceptron(max_iter=3, beta=0.4), one, dtype),
        "logistic": fitted(TanhPerceptron(max_iter=3, activation="logistic"), one - 100, dtype),
        "unscaled": fitted(TanhPerceptron(max_iter=3, scale_targets=False), np.tanh(one), dtype),
    }


def fitted(model, y, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.set_params(random_state=0).fit(X.astype(dtype), y)


def close(found, expected, tolerance):
    """Assert that numbers are as far apart, by the largest of them, as they may be."""
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)
