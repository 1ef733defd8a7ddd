"""Layers stay as they were made, and each network has its own."""

import copy
import pickle

import numpy as np
import pytest

from fastmlp import (
    LBFGS,
    SGD,
    AMSGrad,
    Concatenate,
    Dense,
    Dropout,
    Network,
    activations,
    initializers,
    losses,
    schedules,
)
from fastmlp.activations import ReLU

X, Y = np.random.RandomState(0).standard_normal((2, 20, 3))


def built():
    return Network([Dropout(0.2), Dense(4, "tanh", l2=0.1, name="first"), Dense(3)], random_state=0).build(3)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (1, "activation", ReLU()), (1, "l2", 0.0), (1, "units", 5), (1, "name", "second"),
        (1, "dropout", 0.1), (1, "use_bias", False), (1, "initializer", None),
        (0, "rate", 0.0), (2, "max_norm", 1.0),
    ],
)  # fmt: skip
def test_what_a_layer_was_made_with_cannot_be_changed(layer, name, value):
    model = built()
    before, shown, outputs = repr(model.layers), [], model.predict(X)
    for each in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        with pytest.raises(AttributeError, match=f"{name} of .* cannot be set: a layer stays as it was made"):
            setattr(each.layers[layer], name, value)
        with pytest.raises(AttributeError, match="cannot be set"):
            delattr(each.layers[layer], name)
        each.summary(shown.append)
        np.testing.assert_allclose(each.to_numpy()(X), outputs, rtol=1e-12)
    assert repr(model.layers) == before and shown[0] == shown[1] == shown[2]


def test_the_remedy_is_named():
    with pytest.raises(AttributeError, match=r"units of a Dense .* make a new Dense\(...\)"):
        Dense(3).units = 4
    with pytest.raises(AttributeError, match=r"units of first .* Only trainable may be changed"):
        built().layers[1].units = 4
    with pytest.raises(AttributeError, match="append"):
        built().layers.append(Dense(3))
    with pytest.raises(AttributeError, match="append"):
        Concatenate(["input"]).sources.append("more")


def test_trainable_may_be_changed():
    model = built()
    for layer in model.layers:
        layer.trainable = False
        assert layer.trainable is False
        layer.trainable = 1
        assert layer.trainable is True
    with pytest.raises(TypeError, match="trainable must be True or False; got 'no'"):
        model.layers[1].trainable = "no"


def test_a_layer_of_another_network_is_copied():
    """Its settings, not its name where the network gave it; both networks find it by the object given."""
    hidden, last = Dense(4, "tanh"), Dense(3)
    first = Network([hidden, last], random_state=0).fit(X, Y, epochs=2)
    assert first.layers == (hidden, last) and hidden.name == "dense_1"
    second = Network([Dense(2)], random_state=0)
    added = second.add(hidden, after="input")
    second.add(Concatenate([hidden, "dense_1"]))
    with pytest.raises(ValueError, match="in the network already"):
        second.add(hidden)
    second.add(last)
    assert added is second.layers[1] is not hidden and (added.name, last.name) == ("dense_2", "dense_2")
    assert second.layers[3].name == "dense_4" and (added.units, added.activation) == (4, hidden.activation)
    added.trainable = False
    assert hidden.trainable
    second.fit(X, Y)
    np.testing.assert_array_equal(second.activations(X, hidden), second.activations(X, "dense_2"))
    again = Network([hidden, last], random_state=0).fit(X, Y, epochs=2)
    np.testing.assert_array_equal(again.params, first.params)


def test_a_refused_layer_is_still_free():
    layer = Dense(3, name="one")
    with pytest.raises(ValueError, match="two layers are named 'one'"):
        Network([Dense(2, name="one"), layer])
    assert Network([layer]).layers[0] is layer


def test_a_copy_is_free_and_takes_its_name_from_the_next_network():
    first = Network([Dense(2, "relu"), Dense(3, name="kept")])
    auto, kept = (copy.copy(layer) for layer in first.layers)
    assert (auto.name, kept.name) == (None, "kept") and auto.units == 2
    assert Network([kept, auto]).layers == (kept, auto) and auto.name == "dense_2"


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (ReLU(), "slope"), (activations.Tanh(), "slope"), (losses.MeanSquaredError(), "average"),
        (losses.Huber(), "delta"), (SGD(), "learning_rate"), (AMSGrad(), "beta_1"), (SGD(), "momentum"),
        (initializers.He(), "normal"), (schedules.Cosine(0.1, 5), "rate"),
        (schedules.Cosine(0.1, 5), "per_step"),
        (LBFGS(), "tol"),
    ],
)  # fmt: skip
def test_what_layers_and_fits_are_told_by_stays_as_it_was_made(made, name):
    before = repr(made)
    with pytest.raises(AttributeError, match="cannot"):
        setattr(made, name, 0.5)
    assert (
        repr(made) == before and repr(copy.deepcopy(made)) == repr(pickle.loads(pickle.dumps(made))) == before
    )


def test_a_users_class_may_keep_what_it_likes():
    class Counting(ReLU):
        def __init__(self):
            self.calls = 0

        def value(self, z):
            self.calls += 1
            return super().value(z)

    f = Counting()
    Network([Dense(4, f), Dense(3)], random_state=0).fit(X, Y)
    assert f.calls > 0
