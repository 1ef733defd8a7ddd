"""Ctrl-C wherever it may come: all stops, nothing is torn apart, nothing is made of a part."""

import dis
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from oracle.own import Cube
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier as TheirClassifier

import fastmlp
from fastmlp import (
    Dense,
    LinearPerceptron,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
    batched_matmul,
    fit_many,
)
from fastmlp.kernels import interrupts, training
from fastmlp.model_selection import cross_validate
from fastmlp.noise import noisy_copies

OURS = str(Path(fastmlp.__file__).parent)
X = np.random.RandomState(0).standard_normal((60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
FOREVER = 10**6

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def idle():
    """Whether no thread works for a twentieth of a second."""
    began = time.process_time()
    time.sleep(0.05)
    return time.process_time() - began < 0.03


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No thread, no handler and no mark is left, and nobody works."""
    before = threading.active_count()
    yield
    until = time.perf_counter() + 5
    while threading.active_count() > before and time.perf_counter() < until:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert interrupts.here.held is None and interrupts.here.stop is None
    assert any(idle() for _ in range(20))  # BLAS threads spin for a while when they are done


# after these Python looks for signals (in a call of a Python function, at its begin)
LOOKS = {
    dis.opmap[name] for name in ("RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD") if name in dis.opmap
}


def pressed_at(place, function):
    """Call a function and press Ctrl-C at the n-th place in our code where Python looks for signals.

    Returns
    -------
    raised : bool
        Whether KeyboardInterrupt came out of it.
    reached : bool
        Whether there was such a place.
    """
    left, before = place, {}

    def trace(frame, event, argument):
        nonlocal left
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            last = before.get(frame)
            before[frame] = frame.f_lasti
            if last is not None and frame.f_code.co_code[last] in LOOKS:
                left -= 1
                if left == 0:
                    sys.settrace(None)
                    before.clear()
                    signal.raise_signal(signal.SIGINT)
        elif event == "return":
            before.pop(frame, None)
        return trace

    sys.settrace(trace)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function()
        return False, left <= 0
    except KeyboardInterrupt:
        return True, True
    finally:
        sys.settrace(None)


def everywhere(make, check, step=1):
    """Press Ctrl-C at each `step`-th place of a run; `check` what is left of each."""
    place, found = 1, set()
    while True:
        run = make()
        raised, reached = pressed_at(place, run)
        if not reached:
            assert place > 50
            return found
        found.add(raised)
        check(run, raised)
        place += step


class Watch:
    def on_epoch_end(self, state):
        pass


class FitNetwork:
    """A network's fit whose every epoch is one step."""

    def __init__(self, activation="tanh", **options):
        self.options = dict(epochs=4, batch_size=None, optimizer="adam", loss="mse") | options
        self.network = Network([Dense(5, activation), Dense(1)], random_state=0).build(4)

    def __call__(self):
        self.network.fit(X, Y, **self.options)


def whole(run, raised):
    """The weights, moments and history are those of the steps that were made, and training goes on."""
    network = run.network
    n_steps = 0 if network.learning.optimizer_state is None else network.learning.optimizer_state.step
    reference = FitNetwork().network
    if n_steps:
        reference.fit(X, Y, **run.options | {"epochs": n_steps, "callbacks": (), "metrics": ()})
    np.testing.assert_array_equal(network.params, reference.params)
    assert {len(curve) for curve in network.history_.values()} <= {n_steps, n_steps - 1}
    for one in (network, reference):
        one.fit(X, Y, **run.options | {"callbacks": (), "metrics": ()})
    np.testing.assert_array_equal(network.params, reference.params)


@pytest.mark.parametrize(
    "options",
    [dict(n_threads=2), dict(n_threads=2, callbacks=[Watch()], metrics=["mse"]), dict(callbacks=[Watch()])],
    ids=["threads", "watched", "one thread"],
)
def test_network_fit_everywhere(options):
    found = everywhere(lambda: FitNetwork(**options), whole, 3)
    assert found == {True, False}  # before training it is raised; in training the fit ends with a warning


def test_own_formula_everywhere():
    def make():
        return FitNetwork(Cube(), epochs=3)

    def check(run, raised):
        memory, other = run.network.learning.optimizer_state, make()
        n_steps = 0 if memory is None else memory.step
        if n_steps:
            other.network.fit(X, Y, **other.options | {"epochs": n_steps})
        np.testing.assert_array_equal(run.network.params, other.network.params)

    assert everywhere(make, check, 5) == {True, False}


ESTIMATORS = [
    MLPClassifier((5,), max_iter=3, random_state=0),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, early_stopping=True, n_threads=2, random_state=0),
    MLPClassifier((5,), max_iter=3, solver="lbfgs", random_state=0),
    Perceptron(max_iter=3),
    LinearPerceptron(max_iter=3, record="epoch", random_state=0),
    TanhPerceptron(max_iter=3, random_state=0),
]


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda m: type(m).__name__)
def test_estimators_everywhere(model):
    """An interrupted fit leaves a model that predicts and says so, or none."""

    def make():
        fresh = clone(model)
        return partial(fresh.fit, X, Y)

    def check(run, raised):
        fresh = run.func.__self__
        assert raised or hasattr(fresh, "n_iter_")
        if hasattr(fresh, "n_iter_"):
            assert fresh.interrupted_ or raised or fresh.n_iter_ == 3
            assert np.isfinite(fresh.predict(X)).all()
            if hasattr(fresh, "loss_curve_"):
                assert len(fresh.loss_curve_) == fresh.n_iter_
        assert not fresh.set_params(max_iter=2).fit(X, Y).interrupted_

    assert everywhere(make, check, 7) == {True, False}


def test_fit_many_everywhere():
    """It is raised, unless all was done; no network stays in training."""
    networks = []

    def make():
        networks[:] = [Network([Dense(3, "tanh"), Dense(1)], random_state=k).build(4) for k in range(4)]
        each = [dict(batch_size=1), dict(batch_size=1), dict(batch_size=7), dict(callbacks=[Watch()])]
        return lambda: fit_many(networks, X, Y, parameters=each, epochs=3, n_threads=2)

    def check(run, raised):
        assert raised
        for network in networks:
            assert np.isfinite(network.params).all()
            network.fit(X, Y)

    assert everywhere(make, check, 7) == {True}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_validate_everywhere(n_jobs):
    """There is no result of a part, whatever the estimator makes of it."""
    for model in (MLPClassifier((3,), max_iter=3, random_state=0), TheirClassifier((3,), max_iter=3)):
        everywhere(
            lambda model=model: partial(cross_validate, model, X, Y, cv=2, repeats=1, n_jobs=n_jobs),
            lambda run, raised: raised or pytest.fail("a result, and no KeyboardInterrupt"),
            29,
        )


CALLS = [
    lambda network: network.predict(X.tolist(), n_threads=2),  # a few rows of an array are one call
    lambda network: network.gradients(X, Y),
    lambda network: network.train_on_batch(X, Y),
    lambda network: noisy_copies(X, 3, 0.1, n_threads=2),
    lambda network: batched_matmul(np.ones((300, 30, 30)), np.ones((300, 30, 30)), n_threads=2),
]


@pytest.mark.parametrize("call", CALLS, ids=["predict", "gradients", "batch", "noise", "matmul"])
def test_calls_everywhere(call, monkeypatch):
    monkeypatch.setattr(training, "PIECE", 100)
    network = Network([Dense(300, "tanh"), Dense(1)], random_state=0).build(4)
    place = 1
    while True:
        _, reached = pressed_at(place, lambda: call(network))
        if not reached:
            assert place > 10
            break
        place += 1


def pressed_after(seconds, function, error=KeyboardInterrupt):
    """Press Ctrl-C some time after the begin of a call; return how long after that it ended."""
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(seconds, press)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if error is None:
            with suppress(KeyboardInterrupt):  # where it came before training
                timer.start()
                function()
                assert [str(one.message) for one in told] == ["Training interrupted by user."]
        else:
            with pytest.raises(error):
                timer.start()
                function()
    timer.join()
    return time.perf_counter() - pressed[0]


def test_presses_at_random_moments():
    """28 of them once left 54 threads at work."""
    network = Network([Dense(64, "tanh"), Dense(64, "tanh"), Dense(1)], random_state=0, dtype="float32")
    random = np.random.RandomState(0)
    network.fit(X, Y, batch_size=None, n_threads=3)
    for _ in range(28):
        options = dict(batch_size=None, n_threads=3, epochs=FOREVER)
        assert pressed_after(random.uniform(0, 0.03), partial(network.fit, X, Y, **options), None) < 1
    assert network.interrupted_
    assert not network.fit(X, Y).interrupted_


def test_long_predictions_stop():
    network = Network([Dense(2000, "tanh"), Dense(2000), Dense(1)], dtype="float32").build(4)
    x = np.zeros((100_000, 4), np.float32)
    for n_threads in (1, 2):
        assert pressed_after(0.1, lambda n=n_threads: network.predict(x, n_threads=n)) < 1


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_steps_of_seconds_stop(optimizer):
    """A slice may end within a batch, where it is large."""
    if not training.kernels(np.dtype(np.float32)).checks_rows:
        pytest.skip("this backend makes whole steps")
    network = Network([Dense(1500, "tanh"), Dense(1500, "tanh"), Dense(1)], dtype="float32").build(4)
    x = np.random.RandomState(0).standard_normal((100_000, 4)).astype(np.float32)
    options = dict(batch_size=None, epochs=3, optimizer=optimizer)
    assert pressed_after(0.5, lambda: network.fit(x, x[:, 0], **options), None) < 1
    assert network.interrupted_ and network.loss_curve_ == []


@pytest.mark.parametrize("kind", ["networks", "estimators"])
def test_fit_many_stops(kind):
    made = [Network([Dense(3), Dense(1)], random_state=k).build(4) for k in range(5)]
    options = dict(epochs=FOREVER, batch_size=1)
    if kind == "estimators":
        made = [
            MLPRegressor(hidden_layer_sizes=(3,), max_iter=FOREVER, tol=0, n_iter_no_change=FOREVER)
            for k in range(5)
        ]
        options = {}
    assert pressed_after(0.3, lambda: fit_many(made, X, Y, n_threads=2, **options)) < 1
    for model in made:
        model.set_params(max_iter=1) if kind == "estimators" else None
        model.fit(X, Y)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_cross_validate_stops(n_jobs, solver):
    options = dict(max_iter=FOREVER, max_fun=FOREVER, tol=0, n_iter_no_change=FOREVER, solver=solver)
    model = MLPRegressor(hidden_layer_sizes=(30,), **options)
    y = np.random.RandomState(0).standard_normal(60)
    assert pressed_after(0.3, lambda: cross_validate(model, X, y, n_jobs=n_jobs, every=None)) < 1


def test_a_failing_fold_stops_the_others():
    class Failing(MLPClassifier):
        def _fit_rows(self, X, y, rows, *others):
            if len(rows) == 40:
                return super()._fit_rows(X, y, rows, *others)
            time.sleep(0.1)
            raise RuntimeError("as meant")

    model = Failing((3,), max_iter=FOREVER, tol=0, n_iter_no_change=FOREVER)
    began = time.perf_counter()
    with pytest.raises(RuntimeError, match="as meant") as caught:
        cross_validate(model, X, Y, cv=[(np.arange(40), [50]), (np.arange(10, 60), [0])], n_jobs=2, repeats=1)
    assert time.perf_counter() - began < 2
    assert caught.value.__notes__ == ["in repeat 0, fold 1 of cross_validate (both from 0)"]


def test_handlers_of_ones_own():
    """A handler that does not raise ends nothing; what another one raises is raised between two steps."""
    network, seen = FitNetwork(epochs=300_000).network, []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        press = partial(signal.pthread_kill, threading.main_thread().ident, signal.SIGINT)
        threading.Timer(0.05, press).start()
        network.fit(X, Y, epochs=100_000, batch_size=None)
        assert seen and not network.interrupted_ and len(network.loss_curve_) == 100_000

        def limit(number, frame):
            raise TimeoutError

        signal.signal(signal.SIGINT, limit)
        assert pressed_after(0.1, lambda: network.fit(X, Y, epochs=FOREVER), TimeoutError) < 1
        assert signal.getsignal(signal.SIGINT) is limit
        assert len(network.loss_curve_) > 100_000
    finally:
        signal.signal(signal.SIGINT, before)


def test_users_code_is_interrupted_at_once():
    class Sleeps:
        def on_epoch_end(self, state):
            time.sleep(30)

    network = FitNetwork().network
    assert pressed_after(0.2, lambda: network.fit(X, Y, epochs=3, callbacks=[Sleeps()]), None) < 1
    assert len(network.loss_curve_) == 1


def test_where_no_thread_can_be_started(monkeypatch):
    """The calling thread does all, and the bits are the same."""
    alone = FitNetwork(n_threads=3)
    alone()

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    found = FitNetwork(n_threads=3)
    found()
    np.testing.assert_array_equal(found.network.params, alone.network.params)
    many = FitNetwork().network
    fit_many([many], X, Y, n_threads=3, **{k: v for k, v in alone.options.items() if k != "n_threads"})
    np.testing.assert_array_equal(many.params, alone.network.params)
