"""Models as data: what is described is the model again, and what no data can describe is refused by name."""

import copy
import pickle

import numpy as np
import pytest

from fastmlp import (
    L1L2,
    Concatenate,
    Dense,
    Dropout,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
)
from fastmlp.activations import LeakyReLU, Tanh
from fastmlp.exceptions import ModelFileError
from fastmlp.formats import description as forms
from fastmlp.formats.kinds import describe, model_of
from fastmlp.initializers import Uniform
from fastmlp.losses import Huber
from fastmlp.optimizers import SGD, RMSprop
from fastmlp.schedules import Cosine, Warmup

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*max_iter")
X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(int)
TEXT = np.array(["no", "yes", "maybe"])[(X[:, 0] > 0) + 1 * (X[:, 1] > 1)]


def network(**options):
    """A network with all that there is: skip connections, dropout, names, a frozen layer, no bias."""
    model = Network(random_state=3, **options)
    model.add(Dropout(0.1))
    first = model.add(Dense(5, LeakyReLU(0.2), l1=0.1, initializer=Uniform(-0.3, 0.3), name="first"))
    second = model.add(Dense(4, "gelu", use_bias=False, max_norm=2.0, trainable=False, initializer="zeros"))
    model.add(Dropout(0.3, name="dropped"), after=second)
    model.add(Concatenate([first, "dropped"], name="both"))
    model.add(Dense(2, "identity", l2=0.01))
    return model


def trained(**options):
    y = np.column_stack([X[:, 0], X[:, 1]])
    optimizer = RMSprop(Warmup(Cosine(0.01, 20)), momentum=0.5, clip_norm=1.0)
    return network(**options).fit(X, y, epochs=3, loss=Huber(0.7), optimizer=optimizer)


MODELS = {
    "network": trained,
    "network float32": lambda: trained(dtype="float32", input_scale=0.5),
    "network with a penalty": lambda: trained(reg=L1L2(0.01, 0.02)),
    "network unbuilt": network,
    "network empty": Network,
    "network built": lambda: network().build(3),
    "classifier": lambda: MLPClassifier((4,), max_iter=3, tol=0.0, random_state=0).fit(X, TEXT),
    "classifier binary": lambda: MLPClassifier((4, 3), "tanh", max_iter=3, early_stopping=True).fit(X, Y > 0),
    "classifier multilabel": lambda: MLPClassifier((), max_iter=3).fit(X, np.column_stack([Y, 1 - Y, Y])),
    "classifier hinge": lambda: MLPClassifier([4], LeakyReLU(0.1), loss="hinge", max_iter=3, dropout=0.2).fit(
        X, Y
    ),
    "classifier unfitted": lambda: MLPClassifier(solver=SGD(Cosine(0.1)), class_weight={"a": 1.0, 2: 3.0}),
    "classifier of our names": lambda: MLPClassifier(class_weight={"fastmlp": 1.0, None: {"fastmlp": 2}}),
    "regressor": lambda: MLPRegressor(solver="lbfgs", max_iter=5, activation=Tanh).fit(X, X[:, :2]),
    "perceptron": lambda: Perceptron(record="epoch", max_iter=5).fit(X, TEXT),
    "linear": lambda: LinearPerceptron(max_iter=5).fit(X, X[:, 0]),
    "tanh": lambda: TanhPerceptron(max_iter=5, beta=0.5, activation="logistic").fit(X, X[:, 0]),
}


def same(a, b):
    """Whether two values are alike, types and bits included."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):  # of files mapped into memory too
        return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if isinstance(a, float):
        return repr(a) == repr(b)
    return a == b


def assert_alike(one, other):
    assert type(one) is type(other)
    a, b = describe(one), describe(other)
    for name in a._fields:
        mine, its = getattr(a, name), getattr(b, name)
        assert same(mine, its), (name, mine, its)
    if not isinstance(one, Network):
        assert set(vars(one)) - {"_optimizer"} == set(vars(other)) - {"_optimizer"}
        assert same({**one.get_params()}, other.get_params()) or repr(one) == repr(other)
    if (a.layers and a.params is not None) or hasattr(one, "coef_"):
        assert np.array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_model_is_what_it_was_described_as(make):
    model = make()
    assert_alike(model, model_of(describe(model)))


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_copies_are_alike(make, through):
    model = make()
    assert_alike(model, through(model))


def test_layers_are_described_for_whoever_computes():
    model = trained()
    found = describe(model)
    first, second, last = found.layers
    assert [layer.sources for layer in found.layers] == [(-1,), (0,), (0, 1)]
    assert first.activation == {"fastmlp": "activation", "name": "leaky_relu", "slope": 0.2}
    assert second.bias is None and second.options["dropout"] == 0.3 and found.input_dropout == 0.1
    assert last.weights.shape == (9, 2) and np.shares_memory(last.weights, found.params)
    assert found.loss == {"fastmlp": "loss", "name": "huber", "delta": 0.7}
    rate = found.optimizer["learning_rate"]
    assert (rate["fastmlp"], rate["name"], rate["then"]["name"]) == ("schedule", "warmup", "cosine")


class Own:
    name = "own"

    def value(self, *arguments):
        return arguments[-1] * 1.0

    def derivative(self, *arguments):
        return np.ones_like(arguments[-1])


class OwnDense(Dense):
    pass


class OwnNetwork(Network):
    pass


class OwnLoss:
    name = "own"

    def value(self, y, a):
        return ((y - a) ** 2).sum(axis=1)

    def derivative(self, y, a):
        return 2 * (a - y)


def own_attribute():
    model = MLPClassifier()
    model.note = 1
    return model


def own_attribute_of_a_network():
    model = Network()
    model.note = 1
    return model


REFUSED = {
    "'note' is no attribute that": own_attribute_of_a_network,
    r"dense_1\.activation": lambda: Network([Dense(1, Own(), input_dim=3)]),
    r"dense_1\.initializer": lambda: Network([Dense(1, initializer=lambda shape, rng: rng.rand(*shape))]),
    "layer owndense_1": lambda: Network([OwnDense(1)]),
    "the model": OwnNetwork,
    "loss is": lambda: Network([Dense(3)]).fit(X, X, loss=OwnLoss()),
    r"optimizer\.learning_rate": lambda: Network([Dense(3)]).fit(X, X, optimizer=SGD(lambda epoch: 0.1)),
    "metrics": lambda: MLPClassifier(metrics=[Y.mean]),
    "random_state": lambda: MLPClassifier(random_state=np.random.RandomState(np.random.PCG64(0))),
    r"activation\[1\]": lambda: MLPClassifier(activation=["tanh", Own()]),
    "'note' is no attribute of MLPClassifier": own_attribute,
}


@pytest.mark.parametrize(("what", "make"), REFUSED.items(), ids=REFUSED)
def test_what_no_data_can_describe_is_refused_by_name(what, make):
    model = make()
    with pytest.raises((TypeError, ValueError), match=rf"{what}.*\.dill"):
        describe(model)
    dill = pytest.importorskip("dill")
    for again in (dill.loads(dill.dumps(model)), copy.deepcopy(model)):
        assert type(again).__name__ == type(model).__name__


def test_pickles_of_models_hold_primitives_and_arrays():
    plain = (type(None), bool, int, float, str, np.ndarray)

    def check(value, where):
        if type(value) in (list, tuple):
            for i, each in enumerate(value):
                check(each, f"{where}[{i}]")
        elif type(value) is dict:
            for name, each in value.items():
                check(each, f"{where}[{name!r}]")
        else:
            assert type(value) in plain, (where, value)

    for make in MODELS.values():
        check(make().__getstate__(), "state")


@pytest.mark.parametrize("make", [trained, MODELS["classifier"], MODELS["perceptron"]])
def test_versions_of_pickles(make, monkeypatch):
    model = make()
    pickled = pickle.dumps(model)
    monkeypatch.setattr(forms, "FORMAT_VERSION", 2)
    with pytest.warns(UserWarning, match=f"this {type(model).__name__} was pickled .* in version 1 .*anew"):
        assert_alike(pickle.loads(pickled), model)
    newer = pickle.dumps(model)
    monkeypatch.setattr(forms, "FORMAT_VERSION", 1)
    with pytest.raises(ModelFileError, match=r"version 2, known up to 1\): update fastmlp"):
        pickle.loads(newer)
    for version in ({}, {"format_version": 0}, {"format_version": "1"}, {"format_version": True}):
        with pytest.raises(ModelFileError, match=r"by fastmlp an early version.*pickle it anew"):
            model.__setstate__({**version, "a": 1})


def test_random_state_of_a_users_own_is_shared_as_before():
    rng = np.random.RandomState(5)
    one, other = Network(random_state=rng), MLPClassifier(random_state=rng)
    pair = copy.deepcopy((one, other))
    assert pair[0].rng is pair[0].random_state is pair[1].random_state is not rng
    again = model_of(describe(one))
    assert again.rng is again.random_state is not rng and again.rng.rand() == rng.rand()


@pytest.mark.parametrize("make", [trained, MODELS["classifier"], MODELS["perceptron"]])
def test_attributes_of_a_users_own_stay_as_they_are_in_copies(make):
    model, log = make(), []
    log.append(log)  # which holds itself
    model.log, model.about = log, {"fastmlp": "a user's word"}
    assert copy.copy(model).log is log
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.log[0] is again.log and again.about == model.about
