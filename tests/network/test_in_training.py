"""One fit of a model at a time; copies made meanwhile are like any model; what fails builds nothing."""

import copy
import pickle
import sys
import threading

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError

from fastmlp import (
    Dense,
    InTrainingError,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
    fit_many,
)

X = np.random.RandomState(0).randn(60, 4)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class At:
    """A callback that calls a function at the end of one epoch."""

    def __init__(self, function, epoch=1):
        self.function, self.epoch = function, epoch

    def on_epoch_end(self, state):
        if state.epoch == self.epoch:
            self.found = self.function(state)


def network(seed=0):
    return Network([Dense(5, "tanh"), Dense(1, "logistic")], random_state=seed)


def classifier(**options):
    return MLPClassifier((5,), max_iter=4, random_state=0, **options)


MODELS = [network, classifier, lambda: classifier(solver="lbfgs"), lambda: MLPRegressor(max_iter=4)]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_made_in_training_checks_its_input(make, copied):
    model, at = make(), At(lambda state: copied(state.model))
    model.fit(csr_matrix(X), Y, callbacks=[at])
    bad = X.copy()
    bad[3, 2] = np.nan
    for given, message in ((bad, "NaN"), (X[:, :3], "3|columns"), (X[0], "1D|dimension")):
        for x in (given, csr_matrix(given)) if given.ndim == 2 else (given,):
            with pytest.raises(ValueError, match=message):
                at.found.predict(x)
    assert at.found.predict(X).shape == model.predict(X).shape


@pytest.mark.parametrize("make", [network, classifier, lambda: classifier(solver="lbfgs")])
def test_a_copy_made_in_training_can_be_trained(make):
    model, at = make(), At(lambda state: copy.deepcopy(state.model))
    model.fit(X, Y, callbacks=[at])
    one, other = copy.deepcopy(at.found).fit(X, Y), at.found.fit(X, Y)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_a_checkpoint_goes_on_as_the_model_did():
    """A network copied after 3 of 7 epochs is one that was trained for 3: weights, moments, count, draws."""
    for options in (dict(batch_size=8), dict(batch_size=1), dict(optimizer="momentum", batch_size=1)):
        at = At(lambda state: copy.deepcopy(state.model), epoch=3)
        network().fit(X, Y, epochs=7, callbacks=[at], **options)
        alone = network().fit(X, Y, epochs=3, **options)
        assert at.found.history_["loss"] == alone.history_["loss"]
        assert at.found.learning.optimizer_state.step == alone.learning.optimizer_state.step > 0
        for model in (at.found, alone):
            model.fit(X, Y, epochs=4, **options)
        np.testing.assert_array_equal(at.found.params, alone.params)


CALLS = {
    "fit": lambda m: m.fit(X, Y),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "fit_many": lambda m: fit_many([m], X, Y),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_fit_in_a_callback_of_a_network(name):
    def attempt(state):
        with pytest.raises((InTrainingError, ExceptionGroup)) as found:
            CALLS[name](state.model)
        error = found.value
        return str(error.exceptions[0] if isinstance(error, ExceptionGroup) else error)

    at, model, alone = At(attempt), network(), network()
    model.fit(X, Y, epochs=3, batch_size=8, callbacks=[at])
    assert "this Network is being trained" in at.found and "copy.deepcopy(model)" in at.found
    alone.fit(X, Y, epochs=3, batch_size=8)
    np.testing.assert_array_equal(model.params, alone.params)  # the refused call has changed nothing
    assert model.loss_curve_ == alone.loss_curve_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_no_fit_in_a_callback_of_an_estimator(solver):
    def attempt(state):
        with pytest.raises(InTrainingError, match="MLPClassifier is being trained by the fit that runs"):
            state.model.fit(X[:, :3], Y)

    model, alone = classifier(solver=solver), classifier(solver=solver).fit(X, Y)
    model.fit(X, Y, callbacks=[At(attempt)])
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    assert model.n_features_in_ == 4


def test_weights_may_be_set_in_a_callback():
    """They are what the next epoch begins with, in every regime."""
    for batch_size in (1, 8, None):
        start = network(1).build(4).get_weights()
        model = network().fit(
            X,
            Y,
            epochs=2,
            batch_size=batch_size,
            shuffle=False,
            optimizer="sgd",
            callbacks=[At(lambda state, w=start: state.model.set_weights(w))],
        )
        other = network(1).build(4).fit(X, Y, epochs=1, batch_size=batch_size, shuffle=False, optimizer="sgd")
        np.testing.assert_array_equal(model.params, other.params)


def elsewhere(function):
    """Call a function in a thread of its own; return what it raised, or None."""
    found = [None]

    def call():
        try:
            function()
        except Exception as error:
            found[0] = error

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_another_thread_may_predict_but_not_train(optimizer):
    def attempt(state):
        model = state.model
        calls = [
            lambda: model.fit(X, Y),
            lambda: model.train_on_batch(X, Y),
            lambda: model.set_weights(model.get_weights()),
        ]
        errors = [elsewhere(call) for call in calls]
        reads = [lambda: model.predict(X), lambda: model.evaluate(X, Y), lambda: model.gradients(X, Y)]
        return errors, [elsewhere(call) for call in reads]

    at, model, alone = At(attempt), network(), network()
    model.fit(X, Y, epochs=3, batch_size=8, optimizer=optimizer, callbacks=[at])
    errors, reads = at.found
    assert reads == [None] * 3
    for error in errors:
        assert type(error) is InTrainingError and "by another thread" in str(error)
    alone.fit(X, Y, epochs=3, batch_size=8, optimizer=optimizer)
    np.testing.assert_array_equal(model.params, alone.params)
    model.fit(X, Y)  # once it has ended, anyone may


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_another_thread_may_not_train_an_estimator(solver):
    def attempt(state):
        return elsewhere(lambda: state.model.fit(X[:, :2], Y)), elsewhere(lambda: state.model.predict(X))

    at = At(attempt)
    classifier(solver=solver).fit(X, Y, callbacks=[at])
    error, of_prediction = at.found
    assert type(error) is InTrainingError and of_prediction is None


@pytest.mark.parametrize(
    "make",
    [classifier, lambda: classifier(solver="lbfgs"), *(
        lambda kind=kind: kind(random_state=0) for kind in (Perceptron, TanhPerceptron, LinearPerceptron)
    )],
)  # fmt: skip
def test_threads_that_fit_one_estimator(make):
    """At two widths: each fit is the whole one, or refused."""
    model, wide = make(), np.hstack([X, X])
    errors = together(lambda: model.fit(X, Y), lambda: model.fit(wide, Y))
    assert {type(error) for error in errors} <= {InTrainingError}
    for x in (X, wide):
        np.testing.assert_array_equal(model.fit(x, Y).predict(x), make().fit(x, Y).predict(x))


@pytest.mark.parametrize("optimizers", [("sgd", "sgd"), ("adam", "momentum"), ("adam", "lbfgs")])
def test_threads_that_fit_one_network(optimizers):
    """Each fit is the whole one, or refused; nobody reads what another one has swapped."""
    model = Network([Dense(80, "tanh"), Dense(1, "logistic")], random_state=0).build(4)
    errors = together(
        *(lambda name=name: model.fit(X, Y, epochs=20, batch_size=4, optimizer=name) for name in optimizers)
    )
    assert {type(error) for error in errors} <= {InTrainingError}
    if "lbfgs" not in optimizers:
        assert len(model.loss_curve_) == 20 * (2 * N_TIMES - len(errors))
    assert np.isfinite(model.params).all()


NEURONS = {
    "perceptron": (lambda: Perceptron(max_iter=3), Y),
    "classes": (lambda: Perceptron(max_iter=3), np.array(["a", "b", "c"])[np.arange(60) % 3]),
    "linear": (lambda: LinearPerceptron(max_iter=3, random_state=0), X[:, 0]),
    "tanh": (lambda: TanhPerceptron(max_iter=3, random_state=0), X[:, 0]),
}


@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_predicts_as_one_fit_says_while_another_is_made(name):
    """Of two fits, with other targets too, the weights and what they mean are never mixed."""
    make, y = NEURONS[name]
    others = [y, Y if name == "classes" else 5 * (y == y[0]) - y if y.dtype.kind == "f" else 1 - y]
    possible = {make().fit(X, one).predict(X).astype(str).tobytes() for one in others}
    model, found = make().fit(X, y), set()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            found.add(model.predict(X).astype(str).tobytes())

    asking = [threading.Thread(target=ask) for _ in range(2)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in asking:
            thread.start()
        for k in range(60):
            model.fit(X, others[k % 2])
    finally:
        stop.set()
        for thread in asking:
            thread.join()
        sys.setswitchinterval(switch)
    assert found <= possible


@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_that_was_never_fitted_says_so_while_it_is(name):
    make, y = NEURONS[name]
    told = []

    class Asks(type(make())):
        def _set_weights(self, coef, intercept):  # in the middle of the fit
            super()._set_weights(coef, intercept)
            told.append(elsewhere(lambda: self.predict(X)))

    model = Asks(**make().get_params())
    model.fit(X, y)
    assert type(told[0]) is NotFittedError
    model.fit(X[:, :3], y)
    assert type(told[1]) is ValueError and "4 features" in str(told[1])
    assert model.predict(X[:, :3]).shape == (60,)


N_TIMES = 15


def together(*functions):
    """Call each function over and over in a thread of its own; return what they raised."""
    errors = []

    def work(function):
        for _ in range(N_TIMES):
            try:
                function()
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_a_fit_that_is_cut_off_frees_the_model():
    def fail(state):
        raise SystemExit

    model = network()
    for _ in range(2):
        with pytest.raises(SystemExit):
            model.fit(X, Y, callbacks=[At(fail)])
    assert model.fit(X, Y).learning.optimizer_state.step == 6  # two steps an epoch, three epochs


def test_what_cannot_be_built_stays_unbuilt():
    """The next build does what the first one could not, with the same draws."""
    fails = True

    def initializer(shape, random_state):
        if fails:
            raise MemoryError
        return random_state.uniform(-1, 1, shape)

    def make():
        return Network([Dense(5, "tanh"), Dense(2, initializer=initializer)], random_state=0)

    calls = [
        lambda m: m.build(4),
        lambda m: m.fit(X, X[:, :2]),
        lambda m: m.train_on_batch(X, X[:, :2]),
        lambda m: m.gradients(X, X[:, :2]),
        lambda m: m.set_weights([np.ones((4, 5)), np.ones(5), np.ones((5, 2)), np.ones(2)]),
    ]
    for call in calls:
        fails, model = True, make()
        with pytest.raises(MemoryError):
            call(model)
        assert model.plan is None and model.params is None
        with pytest.raises(ValueError, match="needs a network with weights"):
            model.predict(X)
        fails = False
        np.testing.assert_array_equal(model.build(4).params, make().build(4).params)


@pytest.mark.parametrize("sizes", [[10**19], [10**14], [2**33, 2**33], [2**62, 4]])
def test_sizes_beyond_any_memory(sizes):
    model = Network([Dense(n) for n in sizes])
    for _ in range(2):
        with pytest.raises(ValueError, match="does not fit into any memory; take fewer units"):
            model.build(4)
        assert model.plan is None and model.params is None


class Meanwhile:
    """Stands for another thread: where it is copied, a model gains an attribute."""

    def __init__(self, model):
        self.model = model

    def __deepcopy__(self, memo):
        self.model.gained = 1.0
        return self

    def __reduce__(self):
        self.model.gained = 1.0
        return (float, ())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize(
    "make",
    [
        lambda: network().fit(X, Y, epochs=1, loss="mse"),
        lambda: classifier().fit(X, Y),
        lambda: Perceptron().fit(X, Y),
    ],
)
def test_a_copy_is_of_one_moment(make, copied):
    """What another thread adds to a model while it is copied is not in the copy, and does not end it."""
    model = make()
    model.meanwhile = Meanwhile(model)
    assert "gained" not in vars(copied(model)) and model.gained == 1.0
