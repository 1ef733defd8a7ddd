"""What differs from a checkpoint is refused by name, before anything is changed."""

from functools import partial

import numpy as np
import pytest
from oracle.resuming import Checkpoint, Counts, as_loaded, same

from fastmlp import L2, LBFGS, SGD, Adam, Dense, Dropout, Network, callbacks

RNG = np.random.RandomState(0)
X, Y = RNG.randn(40, 5), RNG.rand(40)
WEIGHTS = RNG.rand(40)


def network(units=4, activation="tanh", random_state=0, dtype=None, input_scale=1.0, reg=None, **options):
    layers = [Dense(units, activation, **options), Dropout(0.1), Dense(1)]
    return Network(layers, random_state=random_state, dtype=dtype, input_scale=input_scale, reg=reg)


def fit(model, x=X, y=Y, **options):
    return model.fit(x, y, **{"epochs": 6, "batch_size": 8, "optimizer": SGD(0.1), **options})


@pytest.fixture(scope="module")
def checkpoint():
    kept = Checkpoint(3)
    fit(network(), sample_weight=WEIGHTS, metrics=["mse"], callbacks=[Counts(9), kept])
    return kept.model


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (partial(network, 5), {}, "n_out of dense_1 is 5 in the network, and 4 in the checkpoint"),
        (partial(network, activation="relu"), {}, r"activation of dense_1 is ReLU\(\) in .*Tanh"),
        (partial(network, l2=0.1), {}, "l2 of dense_1 is 0.1"),
        (partial(network, reg=L2(0.1)), {}, r"reg is L2\(lam=0.1\) in the network, and None in"),
        (partial(network, trainable=False), {}, "frozen of dense_1 is 1"),
        (partial(network, random_state=7), {}, "random_state is 7 in the network, and 0 in"),
        (partial(network, dtype="float32"), {}, "dtype is float32 in the network, and float64 in"),
        (partial(network, input_scale=0.5), {}, "input_scale is 0.5"),
        (lambda: Network([Dense(4, "tanh"), Dense(1)], random_state=0), {}, "dropout of dense_1 is 0.0"),
        (lambda: Network([Dense(1)], random_state=0), {}, "layers is 1 in the network, and 2 in"),
        (network, dict(x=X[:, :4]), "x has 4 columns but the network expects 5"),
        (network, dict(x=X[:30], y=Y[:30], sample_weight=WEIGHTS[:30]), "n_samples is 30 in this fit"),
        (network, dict(x=X + 1e-9), "x holds other values, or another dtype, than"),
        (network, dict(x=X[::-1]), "x holds other values"),
        (network, dict(x=X.astype(np.float32)), "x holds other values, or another dtype"),
        (network, dict(y=Y[::-1]), "y holds other values"),
        (network, dict(sample_weight=None), "sample_weight holds other values"),
        (network, dict(batch_size=9), "batch_size is 9 in this fit, and 8 in the checkpoint"),
        (network, dict(shuffle=False), "shuffle is False"),
        (network, dict(epochs=7), "epochs is 7 in this fit, and 6 in the checkpoint"),
        (network, dict(epochs=0), "epochs is 0 in this fit, and 6 in the checkpoint"),
        (network, dict(loss="huber"), r"loss is Huber\(.*\) in this fit, and MeanSquaredError\(.*\) in"),
        (network, dict(optimizer=SGD(0.2)), "optimizer is SGD.learning_rate=0.2.*and SGD.learning_rate=0.1"),
        (network, dict(optimizer=Adam()), "optimizer is Adam"),
        (network, dict(optimizer=SGD(abs)), "optimizer is SGD.learning_rate=abs"),
        (network, dict(optimizer=LBFGS()), "the optimizer LBFGS takes no Dropout"),
        (network, dict(measure_every=2), "measure_every is 2 in this fit, and 1 in the checkpoint"),
        (partial(network, use_bias=False), {}, "use_bias of dense_1 is False in the network, and True in"),
        (partial(network, name="first"), {}, "name of layer 1 is first in the network, and dense_1 in"),
        (network, dict(metrics=()), "fit measured mse at each epoch's end, this one .* nothing"),
        (network, dict(metrics=["mae"]), "measured mse .* this one measures mae"),
        (network, dict(validation_data=(X, Y)), "validation_data is .*val"),
        (network, dict(callbacks=[]), "resume_from: Counts of the checkpoint's fit must be among"),
        (network, dict(callbacks=[Counts(9), callbacks.EarlyStopping("mse")]), "and EarlyStopping beside it"),
    ],
)  # fmt: skip
def test_what_differs_is_refused_by_name(checkpoint, make, options, words):
    model = make().build(5)
    before = model.__getstate__()
    given = dict(sample_weight=WEIGHTS, metrics=["mse"], callbacks=[Counts(9)], resume_from=checkpoint)
    with pytest.raises(ValueError, match=words):
        fit(model, **{**given, **options})
    assert same(model.__getstate__(), before)
    assert model.history_ == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(patience=3), "patience is 3 in this EarlyStopping, and 2 in the checkpoint"),
        (dict(min_delta=0.5), "min_delta is 0.5 in this EarlyStopping, and 0.0 in"),
        (dict(mode="max"), "direction is 1 in this EarlyStopping, and -1 in"),
        (dict(restore_best=False), "restore_best is False in this EarlyStopping, and True in"),
        (dict(monitor="mse"), "monitor is mse in this EarlyStopping, and loss in"),
        (dict(mode="min"), None),
    ],
)
def test_early_stopping_goes_on_as_it_was_set(options, words):
    def stopping(**options):
        return callbacks.EarlyStopping(**{"monitor": "loss", "patience": 2, **options})

    kept = Checkpoint(3)
    whole = fit(network(), metrics=["mse"], callbacks=[stopping(), kept])
    model = network().build(5)
    before = model.__getstate__()
    given = dict(metrics=["mse"], callbacks=[stopping(**options)], resume_from=kept.model)
    if words is None:
        assert same(fit(model, **given).params, whole.params)
        return
    with pytest.raises(ValueError, match=words):
        fit(model, **given)
    assert same(model.__getstate__(), before)


def test_the_same_goes_on(checkpoint):
    model = fit(
        network(), sample_weight=WEIGHTS, metrics=["mse"], callbacks=[Counts(9)], resume_from=checkpoint
    )
    assert len(model.loss_curve_) == 6


def test_models_without_a_fit_to_go_on_with():
    model = fit(network(), callbacks=[callbacks.WeightRecorder()])
    with pytest.raises(
        ValueError, match=r"this Network holds no fit that has not ended; write one by ModelCh"
    ):
        fit(network(), resume_from=model)
    model = fit(network().build(5), resume_from=None)
    plain = Network([Dense(1)], random_state=0).fit(X, Y, optimizer="lbfgs", epochs=3)
    with pytest.raises(
        ValueError, match=r"a fit by LBFGS cannot go on .* begin a new search from the weights"
    ):
        Network([Dense(1)], random_state=0).fit(X, Y, optimizer="lbfgs", epochs=3, resume_from=plain)
    with pytest.raises(FileNotFoundError):
        fit(network(), resume_from="no such file")


def test_a_checkpoint_is_used_up(checkpoint):
    """A model that was trained since is no checkpoint any more."""
    kept = Checkpoint(3)
    fit(network(), callbacks=[kept])
    fit(kept.model, epochs=1)
    with pytest.raises(ValueError, match="holds no fit that has not ended"):
        fit(network(), resume_from=kept.model)


def test_the_checkpoint_itself_is_left_as_it_was():
    kept = Checkpoint(3)
    whole = fit(network(), callbacks=[kept])
    for _ in range(2):
        np.testing.assert_array_equal(fit(network(), resume_from=kept.model).params, whole.params)
    np.testing.assert_array_equal(fit(kept.model, resume_from=kept.model).params, whole.params)


class Half:
    def on_epoch_end(self, state):
        pass

    def get_state(self):
        return {}


def test_callbacks_that_give_a_state_must_take_one():
    with pytest.raises(TypeError, match="must have both get_state and set_state, or neither"):
        fit(network(), callbacks=[Half()])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(order=np.zeros(40, int)), "the order of the samples is not one of this fit"),
        (dict(order=np.arange(41)), "the order of the samples"),
        (dict(order=np.arange(-1, 39)), "the order of the samples"),
        (dict(epoch=-1), "epoch must be between 0 and"), (dict(epoch=7), "epoch must be between 0 and 6"),
        (dict(step=-1), "step must be between 0 and"),
        (dict(status=4), "no fit stops with status 4"),
        (dict(rates=np.ones(3)), "the learning rates are not"),
        (dict(rates=np.array([np.nan])), "the learning rates are not"),
        (dict(seed=1 << 70), "seed must be"),
        (dict(random_state={"bit_generator": "PCG64"}), "the generator cannot go on"),
    ],
)  # fmt: skip
def test_a_state_that_cannot_be_is_refused(change, words):
    """Kernels follow the order of the samples: what a damaged file says of it must not reach them."""
    kept = Checkpoint(3, lambda state: state["run"].update(change))
    fit(network(), callbacks=[kept])
    with pytest.raises((ValueError, TypeError), match=words):
        fit(network(), resume_from=kept.model)


RUN = ["epoch", "step", "seed", "no_improvement", "status", "best_loss", "stopped", "random_state", "order",
       "rates", "names", "callbacks", "about"]  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_a_state_of_other_kinds_is_refused(name):
    """Whatever a file says, nothing but an error comes of it that a reader of files tells of."""
    kept = Checkpoint(3)
    fit(network(), callbacks=[kept])
    assert kept.model.unfinished.keys() == set(RUN)
    for value in (
        "gone",
        "x",
        None,
        [],
        {},
        [1],
        np.zeros((2, 2)),
        np.array([]),
        1 << 70,
        np.nan,
        -1,
        object,
    ):
        if isinstance(value, type(kept.model.unfinished[name])):
            continue

        def change(state, value=value):
            if value == "gone":
                del state["run"][name]
            state["run"][name] = value

        with pytest.raises((ValueError, TypeError)):
            fit(network(), resume_from=as_loaded(kept.model, change))


@pytest.mark.parametrize("other", [1, None, [], {}, ("loss",)])
def test_names_that_are_no_texts_are_refused(other):
    kept = Checkpoint(3)
    fit(network(), callbacks=[kept])
    with pytest.raises(ValueError, match="the names of a fit that had not ended cannot be"):
        as_loaded(kept.model, lambda state: state["run"].update(names=["loss", other]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(arrays=np.zeros((1, 3))), "the optimizer's state must be float64 of shape"),
        (dict(arrays=None), "the optimizer's state must be"), (dict(step=-1), "step must be between 0"),
        (dict(step=1 << 70), "step must be between 0"),
    ],
)  # fmt: skip
def test_an_optimizers_state_must_fit(change, words):
    model = fit(network(), optimizer="adam")
    with pytest.raises(ValueError, match=words):
        as_loaded(model, lambda state: state["optimizer_state"].update(change))
