"""What a stranger is told: which name was meant, and what to do instead."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import (
    LBFGS,
    SGD,
    Adam,
    Concatenate,
    Dense,
    Dropout,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Network,
    Perceptron,
    RMSprop,
    activations,
    batched_matmul,
    callbacks,
    check_gradient,
    fit_many,
    initializers,
    losses,
    optimizers,
    schedules,
)
from fastmlp.model_selection import cross_validate
from fastmlp.noise import add_gaussian_noise

X = np.random.RandomState(0).standard_normal((20, 3))
Y, LABELS = np.eye(3)[np.arange(20) % 3], np.arange(20) % 3


NA = type("NAType", (), {})()  # pandas' word for what is missing


def net(units=3, output="identity"):
    return Network([Dense(4, "tanh"), Dense(units, output)], random_state=0)


NAMES = [
    *((dict(loss=given), meant) for given, meant in (
        ("cce", "'categorical_crossentropy'"), ("bce", "'binary_crossentropy'"),
        ("svm", "'hinge' or 'squared_hinge'"), ("BCEWithLogitsLoss", "'binary_crossentropy'"),
        ("crossentropy", "'categorical_crossentropy' or 'binary_crossentropy'"), ("MSE", "'mse'"),
        ("sparse_categorical_crossentropy", "'categorical_crossentropy'"),
        ("mean_absolute_error", "'mae' or 'absolute_error'"), ("SmoothL1Loss", "'huber'"),
        ("pinball", "'quantile'"),
        ("CrossEntropyLoss", "'categorical_crossentropy' or 'softmax_crossentropy'"),
        ("catagorical_crossentropy", "'categorical_crossentropy'"), ("l2", "'mse'"),
    )),
    *((dict(optimizer=given), meant) for given, meant in (
        ("Adm", "'adam' or 'adamw'"), ("RMSProp", "'rmsprop'"), ("nag", "'nesterov'"), ("L-BFGS", "'lbfgs'"),
        ("gradient_descent", "'sgd'"),
    )),
    (dict(metrics=["acc"]), "'accuracy'"), (dict(metrics=["r2_score"]), "'r2'"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "meant"), NAMES, ids=str)
def test_names_of_other_libraries(options, meant):
    with pytest.raises(ValueError, match=f"must be one of .*; got .*: did you mean {meant}\\?$"):
        net().fit(X, Y, **options)


@pytest.mark.parametrize(
    ("declare", "meant"),
    [
        (lambda: Dense(3, "lrelu"), "'leaky_relu'"), (lambda: Dense(3, "Sigmoid"), "'sigmoid'"),
        (lambda: Dense(3, "logistc"), "'logistic'"), (lambda: Dense(3, "leakyrelu"), "'leaky_relu'"),
        (lambda: Dense(3, initializer="glorot"), "'glorot_uniform' or 'glorot_normal'"),
        (lambda: Dense(3, initializer="kaiming_uniform_"), "'kaiming_uniform'"),
        (lambda: Dense(3, bias_initializer="zero"), "'zeros'"),
    ],
)  # fmt: skip
def test_names_in_layers(declare, meant):
    with pytest.raises(ValueError, match=f"did you mean {meant}\\?$"):
        declare()


def test_nothing_is_guessed_where_nothing_is_near():
    with pytest.raises(ValueError, match=r"; got 'xyz'$"):
        net().fit(X, Y, loss="xyz")
    with pytest.raises(ValueError, match=r"optimizer must be one of .*; got 'made of text'$"):
        net().fit(X, Y, optimizer="made of text")


ARGUMENTS = [
    (lambda: SGD(lr=0.1), "SGD takes no argument 'lr': did you mean 'learning_rate'? It takes learning_rate"),
    (lambda: Adam(beta1=0.9), "Adam takes no argument 'beta1': did you mean 'beta_1'?"),
    (lambda: Adam(betas=(0.9, 0.99)), "did you mean 'beta_1' or 'beta_2'?"),
    (lambda: RMSprop(rho=0.9), "did you mean 'decay'?"),
    (lambda: Momentum(momentun=0.9), "did you mean 'momentum'?"),
    (lambda: SGD(0.1, decay=0.1), "did you mean 'weight_decay'?"),
    (lambda: SGD(0.1, momentum=0.9), "take an optimizer that has it, as Momentum(learning_rate=0.01, mom"),
    (lambda: SGD(0.1, nesterov=True), "take Nesterov(learning_rate=0.01, momentum=0.9)."),
    (lambda: net().fit(X, Y, test_data=(X, Y)), "did you mean 'validation_data'?"),
    (lambda: callbacks.ModelCheckpoint("m", save_best_only=True), "name what is best, as in monitor='val_"),
    (lambda: LBFGS(history_size=5), "LBFGS takes no argument 'history_size'. It takes tol, max_fun, ftol"),
    (lambda: Dense(10, input_shape=(3,)), "Dense takes no argument 'input_shape': did you mean 'input_dim'?"),
    (lambda: Dense(10, kernel_initializer="zeros"), "did you mean 'initializer'?"),
    (lambda: Dense(10, kernel_regularizer=0.1), "did you mean 'l2' or 'l1'?"),
    (lambda: Dense(in_features=3, units=4), "did you mean 'input_dim'?"),
    (lambda: Dropout(p=0.5), "Dropout takes no argument 'p': did you mean 'rate'?"),
    (lambda: Concatenate(layers=["input"]), "did you mean 'sources'?"),
    (lambda: losses.Quantile(tau=0.5), "did you mean 'quantile'?"),
    (lambda: activations.LeakyReLU(negative_slope=0.1), "did you mean 'slope'?"),
    (lambda: initializers.Normal(stddev=0.1), "did you mean 'std'?"),
    (lambda: Network(seed=0), "Network takes no argument 'seed': did you mean 'random_state'?"),
    (lambda: Network(input_shape=3), "give the number of inputs to the first layer, as in Dense(..., input"),
    (lambda: net().fit(X, Y, lr=0.1), "Network.fit takes no argument 'lr': it belongs to the opt"),
    (lambda: net().fit(X, Y, n_epochs=3), "did you mean 'epochs'?"),
    (lambda: net().fit(X, Y, max_iter=3), "did you mean 'epochs'?"),
    (lambda: net().fit(X, Y, validation_split=0.1), "hold rows out yourself and give them as valid"),
    (lambda: net().fit(X, Y, class_weight={}), "give each sample the weight of its class"),
    (lambda: net().fit(X, Y, nonsense=1), "Network.fit takes no argument 'nonsense'. It takes x, y, epochs,"),
    (lambda: net().train_on_batch(X, Y, learning_rate=1), "takes no argument 'learning_rate': it belongs to"),
    (lambda: net().evaluate(X, Y, weights=1), "did you mean 'sample_weight'?"),
    (lambda: net().build(input_dim=3), "Network.build takes no argument 'input_dim'"),
    (lambda: MLPClassifier(lr=0.1), "MLPClassifier takes no argument 'lr': did you mean 'learning_rate_ini"),
    (lambda: MLPRegressor(epochs=3), "did you mean 'max_iter'?"),
    (lambda: MLPRegressor(optimizer="adam"), "did you mean 'solver'?"),
    (lambda: schedules.Cosine(lr=0.1, n_epochs=3), "Cosine takes no argument 'lr': did you mean 'rate'?"),
    (lambda: schedules.StepDecay(0.1, step_size=3), "did you mean 'every'?"),
    (lambda: callbacks.EarlyStopping(min_dleta=0.1), "did you mean 'min_delta'?"),
    (lambda: callbacks.ModelCheckpoint("m", period=3), "did you mean 'every'?"),
    (lambda: callbacks.ModelCheckpoint("m", max_to_keep=3), "did you mean 'keep'?"),
    (lambda: callbacks.ModelCheckpoint("m", save_weights_only=True), "training_state=False leaves out what"),
    (lambda: callbacks.ModelCheckpoint("m", verbosity=3), "takes no argument 'verbosity'. It takes path"),
    (lambda: net().fit(X, Y, ckpt_path="m"), "did you mean 'resume_from'?"),
    (lambda: net().fit(X, Y, initial_epoch=4), "one that was cut off, resume_from=path"),
    (lambda: Perceptron(lr=1.0), "Perceptron takes no argument 'lr': did you mean 'eta0'?"),
    (lambda: LinearPerceptron(epochs=3), "did you mean 'max_iter'?"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "answer"), ARGUMENTS)
def test_arguments_of_other_libraries(call, answer):
    with pytest.raises(TypeError) as caught:
        call()
    assert answer in str(caught.value)


def test_a_users_own_arguments_are_left_alone():
    class Steep(activations.Tanh):
        def __init__(self, **options):
            super().__init__(slope=options["steepness"])

    assert Dense(3, Steep(steepness=2.0)).activation.given.slope == 2.0


def test_labels_for_a_loss_that_knows_none():
    for y in (LABELS.astype(float), LABELS[:, None]):
        with pytest.raises(
            ValueError,
            match=r"output layer has 3 units and the loss 'mse' takes a target for each.* "
            r"loss='categorical_crossentropy' .*, or give one-hot rows: np.eye\(3\)\[y\]; where they",
        ):
            net().fit(X, y, loss="mse")
    with pytest.raises(
        ValueError, match="y has 1 column but the output layer has 3 units; give the last layer 1 unit"
    ):
        net().fit(X, X[:, 0], loss="mse")
    with pytest.raises(ValueError, match=r"^y of validation_data holds one number for each sample"):
        net().fit(X, Y, loss="mse", validation_data=(X, LABELS.astype(float)))


def test_validation_data_is_named():
    for data, message in (
        ((X[:, :2], Y), "x of validation_data has 2 columns but the network expects 3"),
        ((X, Y[:-1]), "y of validation_data must hold one row for each of the 20 samples"),
        ((X, Y * np.nan), "y of validation_data holds NaN"),
        ((X, Y, -np.ones(20)), "sample_weight of validation_data must not be negative"),
        ({"noisy": (X, Y[:, :2])}, r"y of validation_data\['noisy'\] has 2 columns"),
    ):
        with pytest.raises(ValueError, match=message):
            net().fit(X, Y, validation_data=data)


def test_what_needs_weights_says_so():
    model = net()
    for name in ("coefs_", "intercepts_", "n_params", "to_numpy"):
        with pytest.raises(ValueError, match=f"{name} needs a network with weights; call fit"):
            getattr(model, name)()
    for use in (lambda: model.get_weights(), lambda: model.predict(X), lambda: model.evaluate(X, Y)):
        with pytest.raises(ValueError, match="needs a network with weights"):
            use()


def test_a_network_shows_its_layers():
    model = Network([Dense(4, "relu", l2=0.1), Dense(1)], random_state=3, dtype="float32", input_scale=0.5)
    model.add(Concatenate([model.layers[0], "input"], name="both"), after=["dense_1", "input"])
    assert repr(model) == (
        "Network([Dense(units=4, activation=ReLU(), l2=0.1, name='dense_1'), Dense(units=1, name='dense_2'), "
        "Concatenate(['dense_1', 'input'], name='both')], random_state=3, dtype='float32', input_scale=0.5)"
    )
    assert repr(Network()) == "Network([])"
    assert repr(Dense(3, use_bias=False)) == "Dense(units=3, use_bias=False)"


def test_messages_are_of_one_line():
    """Whatever was given: arrays are told by their shape."""
    large = np.zeros((30, 30))
    for call in (
        lambda: batched_matmul(X[:, :3], X[:3], out=large.tolist()),
        lambda: add_gaussian_noise(X, 0.1, out=[large, large]),
        lambda: Dense(large),
        lambda: Dense(3, name=large),
        lambda: net().fit(X, Y, epochs=large),
        lambda: net().fit(X, Y, loss=large),
        lambda: net().fit(X, Y, optimizer=large),
        lambda: net().fit(X, Y, callbacks=[large]),
        lambda: net().set_weights([large.tolist()]),
        lambda: Network(random_state=large),
        lambda: Network([large]),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    with pytest.raises(TypeError, match=r"epochs must be an int; got ndarray of shape \(30, 30\) of type"):
        net().fit(X, Y, epochs=large)


def test_classes_stand_for_objects_wherever_they_can():
    options = dict(epochs=3, optimizer=Adam, loss=losses.Huber, callbacks=callbacks.ProgressBar)
    expected = net().fit(X, Y, epochs=3, optimizer=Adam(), loss=losses.Huber())
    np.testing.assert_array_equal(net().fit(X, Y, **options).params, expected.params)
    assert Dense(3, activations.ELU, initializer=initializers.He) is not None
    needs = "which needs arguments"
    for call, message in (
        (lambda: Network([Dense]), f"layer must be an object; got the class Dense, {needs}"),
        (lambda: net().fit(X, Y, callbacks=[callbacks.ModelCheckpoint]), f"class ModelCheckpoint, {needs}"),
        (lambda: net().fit(X, Y, optimizer=MLPClassifier), "optimizer must be one of"),
        (lambda: SGD(schedules.Cosine), f"learning_rate must be an object; got the class Cosine, {needs}"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_a_warning_names_the_users_line():
    """However deep it arises, and whoever stands between."""
    huge = np.full((4, 1), 1e200)

    def user(call):
        with pytest.warns(Warning) as caught:
            call()
        return [warning.filename for warning in caught]

    for call in (
        lambda: Network([Dense(1)]).fit(huge, huge, epochs=2, optimizer=SGD(1.0), loss="mse"),
        lambda: MLPRegressor(hidden_layer_sizes=3, max_iter=1).fit(X, X[:, 0]),
        lambda: MLPRegressor(hidden_layer_sizes=3, max_iter=1, batch_size=50).fit(X, X[:, 0]),
        lambda: make_pipeline(StandardScaler(), MLPClassifier((3,), max_iter=1)).fit(X, LABELS),
        lambda: Perceptron(max_iter=1, tol=1e-9).fit(X, LABELS > 0),
        lambda: LinearPerceptron(eta0=1e200).fit(X, X[:, 0]),
        lambda: fit_many([MLPClassifier((units,), max_iter=2) for units in (3, 30)], X, LABELS, n_threads=2),
        lambda: cross_validate(MLPClassifier((3,), max_iter=2), X, LABELS, n_jobs=1),
        lambda: cross_validate(MLPClassifier((3,), max_iter=2), X, LABELS, n_jobs=2),
    ):
        files = user(call)
        assert files and set(files) == {__file__}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Network().fit(X, Y), r"the network has no layers; add some: Network\(\["),
        (lambda: Network([Dense(3), Dropout(0.1)]).fit(X, Y), r"output; got Dropout\(.*: add one"),
        (lambda: net(3, "softmax").fit(X, np.array(["a", "b", "c"])[LABELS]),
         r"y must hold the numbers of classes, 0 to 2; got dtype <U1: number them by classes, y = np.uni"),
        *((lambda loss=loss: net(3).fit(X, np.array(["a", "b", "c"])[LABELS], loss=loss),
           r"y must hold the numbers of classes, 0 to 2; got dtype <U1: number them by classes")
          for loss in ("mse", "sse", "delta_rule", "hinge")),
        *((lambda loss=loss: net(3).fit(X, np.array(["a", "b", "c"])[LABELS], loss=loss),
           r"y must hold numbers; got dtype <U1: encode text as numbers first") for loss in ("mae", "huber")),
        (lambda: net().fit(np.array([[1.0, 2, NA]] * 20, object), Y),
         "x must hold numbers; got missing values: impute or drop these samples first"),
        (lambda: net().fit(np.array([[1.0, "a", NA]] * 20, object), Y), "x must .*encode text as numbers"),
        (lambda: net().fit(X, Y, validation_data=[(X, Y), (X[:9], Y[:9])]),
         r"or a dict .* by name; got a list of 2 pairs: name them, .\"a\": .x, y., "),
        (lambda: MLPClassifier().fit(X, LABELS, validation_data=((X, LABELS), (X, LABELS), (X, LABELS))),
         "got a tuple of 3 pairs: name them"),
        (lambda: Dense(3, np.tanh), "which lacks name, value, derivative: did you mean 'tanh'"),
        (lambda: Dense(3, None), "got None, .*: did you mean 'identity'"),
        (lambda: net().fit(X, Y, callbacks=callbacks.EarlyStopping()), "'val_loss', which needs valid"),
        (lambda: net().build(3).activations(X, "nope"), "layer must be one of dense_1, dense_2; got 'nope'"),
        (lambda: check_gradient("mse"), "y must be given: mse is a loss, which needs targets"),
        (lambda: net().fit(X, Y, optimizer=optimizers.Optimizer()), "; got Optimizer.*, whose update is"),
        (lambda: net().fit(X, Y, loss=losses.Loss), r"loss Loss\(\) must have a name, a text .*; got None"),
        (lambda: MLPClassifier(loss="cross_entropy").fit(X, LABELS), "instead: did you mean 'log_loss'"),
        (lambda: MLPRegressor(loss="mse").fit(X, Y), "Got 'mse' instead: did you mean 'squared_error'"),
        (lambda: MLPRegressor(solver="Adam").fit(X, Y), "Got 'Adam' instead: did you mean 'adam'"),
        (lambda: MLPRegressor(activation="lrelu").fit(X, Y), "did you mean 'leaky_relu'"),
        (lambda: MLPRegressor(solver="xyz").fit(X, Y), r"Got 'xyz' instead\.$"),
        (lambda: Dense(3, bias_initializer="ones"), "^bias_initializer must be one of constant, "),
        (lambda: Dense(3, bias_initializer=[0]), "^bias_initializer must be one of constant, .*lacks __call"),
        (lambda: setattr(net().build(3), "params", np.full(net().build(3).n_params, np.nan)),
         "params must be finite in float64; got NaN"),
        (lambda: net().fit(X, csr_matrix(Y)), "one row for each .*; got csr_matrix .*: pass y.toarray"),
        (lambda: net().fit(X, None), "y must hold one row for each .* samples; got None"),
        (lambda: SGD(10**400), "learning_rate must be a finite number in .*; got inf"),
        (lambda: losses.Huber(-(10**400)), "delta must be a finite number in .*; got -inf"),
        (lambda: callbacks.EarlyStopping(restore_best="no"), "restore_best must be True or False; got 'no'"),
        (lambda: callbacks.CSVLogger("never", append="no"), "append must be True or False; got 'no'"),
        (lambda: callbacks.ProgressBar(min_interval="1"), "min_interval must be a number; got '1'"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_what_to_do(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_an_optimizer_with_steps_of_its_own_is_refused():
    """It would be trained by the built-in one's; other constants are another matter."""

    class Clipped(Adam):
        def update(self, w, g, state, rate, t):
            super().update(w, np.sign(g), state, rate, t)

    class Slow(Adam):
        def __init__(self):
            super().__init__(1e-5)

    with pytest.raises(TypeError, match=r"got .*Clipped.*, whose update is its own: for steps of your"):
        net().fit(X, Y, optimizer=Clipped(0.1))
    expected = net().fit(X, Y, optimizer=Adam(1e-5)).params
    np.testing.assert_array_equal(net().fit(X, Y, optimizer=Slow).params, expected)
    twice = net().fit(X, Y, optimizer=Slow).fit(X, Y, optimizer=Slow)  # with one memory
    expected = net().fit(X, Y, optimizer=Adam(1e-5)).fit(X, Y)
    np.testing.assert_array_equal(twice.params, expected.params)


def test_an_initializer_that_fails_says_how_it_was_called():
    with pytest.raises(TypeError) as caught:
        Network([Dense(3, initializer=np.ones)]).build(2)
    assert "called with a shape and a RandomState" in caught.value.__notes__[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_class_of_optimizers_as_solver():
    models = [
        MLPRegressor(solver=solver, max_iter=2, random_state=0).set_params(batch_size=7)
        for solver in (Adam, Adam())
    ]
    curves = [model.fit(X, X[:, 0]).loss_curve_ for model in models]
    assert curves[0] == curves[1]


@pytest.mark.parametrize(
    "fit",
    [
        lambda rate: net().fit(X, Y, loss="mse", optimizer=SGD(rate)),
        lambda rate: net().train_on_batch(X, Y, loss="mse", optimizer=SGD(rate)),
        lambda rate: MLPClassifier((3,), solver="sgd", learning_rate=rate).fit(X, LABELS),
        lambda rate: MLPRegressor(hidden_layer_sizes=(3,), solver=SGD(rate)).partial_fit(X, LABELS),
    ],
)
def test_a_schedule_that_fails_is_named(fit):
    with pytest.raises(TypeError, match="missing 1 required positional argument") as caught:
        fit(lambda epoch, rate: rate)
    assert "from the learning rate <function" in caught.value.__notes__[0]
    assert "called with one number, the epoch 0" in caught.value.__notes__[0]


def test_what_is_not_logged_cannot_be_monitored():
    known = r"^monitor must be one of loss, val_loss, val_score; got 'val_f1': a metric is logged once it is"
    with pytest.raises(ValueError, match=known):
        MLPClassifier((3,), early_stopping=True, monitor="val_f1").fit(X, LABELS > 0)
    with pytest.raises(ValueError, match=r"got 'los': did you mean 'loss'\?"):
        net().fit(X, Y, loss="mse", callbacks=[callbacks.EarlyStopping("los")])
    with pytest.raises(ValueError, match=r"got 3: a metric is logged"):
        net().fit(X, Y, loss="mse", callbacks=[callbacks.EarlyStopping(3)])
