"""Threads, forked processes and memory: what may be done side by side gives the same bits as alone."""

import functools
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest

from fastmlp import (
    Dense,
    Dropout,
    MLPClassifier,
    MLPRegressor,
    Momentum,
    Network,
    Perceptron,
    fit_many,
    load,
    save,
)
from fastmlp.exceptions import InTrainingError
from fastmlp.kernels import threads, training
from fastmlp.kernels.cached import cached_property

X = np.random.RandomState(0).standard_normal((300, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def net(seed, units=12):
    return Network([Dense(units, "tanh"), Dropout(0.1), Dense(1)], random_state=seed).build(4, "float32")


MAKERS = [
    lambda k: net(k).fit(X, Y, epochs=5, batch_size=1 + k % 3, optimizer=("sgd", "adam")[k % 2]),
    lambda k: net(k, 150).fit(X, Y, epochs=3, batch_size=64, n_threads=2),
    lambda k: MLPClassifier((5,), max_iter=4, tol=0, random_state=k).fit(X, Y),
    lambda k: MLPClassifier((5,), max_iter=4, solver="lbfgs", random_state=k).fit(X, Y),
    lambda k: Perceptron(max_iter=4, random_state=k).fit(X, Y),
]


@pytest.mark.parametrize("make", MAKERS, ids=["network", "threads", "classifier", "lbfgs", "perceptron"])
def test_eight_threads_fit_eight_models(make):
    alone = [make(k).predict(X) for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for a, model in zip(alone, pool.map(make, range(8)), strict=True):
                np.testing.assert_array_equal(model.predict(X), a)


def test_eight_threads_ask_one_model():
    """Predictions, also while a copy is trained; one row and many, in threads of their own too."""
    model = MLPClassifier((40, 30), max_iter=3, tol=0, random_state=0).fit(X, Y)
    expected = model.predict_proba(X)
    rows = [model.predict_proba(X[i : i + 1]) for i in range(30)]
    wrong = []

    def ask(k):
        for i in range(60):
            wrong.append(not np.array_equal(model.predict_proba(X), expected))
            wrong.append(not np.array_equal(model.predict_proba(X[i % 30 : i % 30 + 1]), rows[i % 30]))
            wrong.append(not np.array_equal(model._network.predict(X, n_threads=1 + k % 3), expected_raw))

    expected_raw = model._network.predict(X)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert len(wrong) == 8 * 60 * 3 and not any(wrong)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("busy", [False, True])
def test_forked_children_fit(busy):
    """A parent has fitted, or even fits, in threads; its child's fits give the same bits."""
    makers = MAKERS[:3]
    expected = [make(1).predict(X) for make in makers]
    stop = threading.Event()

    def work():
        while not stop.is_set():
            MAKERS[1](5)

    threads = [threading.Thread(target=work) for _ in range(2 * busy)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            child = os.fork()
            if child == 0:
                right = False
                try:
                    right = all(
                        np.array_equal(make(1).predict(X), a)
                        for make, a in zip(makers, expected, strict=True)
                    )
                finally:
                    os._exit(0 if right else 1)
            until = time.perf_counter() + 60
            while True:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    break
                if time.perf_counter() > until:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    pytest.fail("the child hangs")
                time.sleep(0.01)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


GLOBAL = np.random.mtrand._rand  # NumPy's own, from which estimators without a seed draw
SHUFFLED = np.random.RandomState(0).uniform(-1, 1, (5000, 4))


def fit_alone(stream):
    model = MLPRegressor(
        hidden_layer_sizes=(64,), max_iter=2, random_state=None if stream is GLOBAL else stream
    )
    model.fit(SHUFFLED, SHUFFLED[:, 0])


def fit_side_by_side(stream):
    networks = [Network([Dense(4, "tanh"), Dense(1)], random_state=stream) for _ in range(4)]
    fit_many(networks, SHUFFLED, SHUFFLED[:, 0], epochs=4, batch_size=1, n_threads=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("stream", [GLOBAL, np.random.RandomState(3)], ids=["global", "own"])
@pytest.mark.parametrize("fit", [fit_alone, fit_side_by_side])
def test_forked_children_draw_from_the_streams_of_fits(fit, stream):
    """A child that is forked while a thread holds the lock of a fit's stream does not wait for it."""
    fit(stream)  # what is compiled is compiled now
    stop, lock = threading.Event(), stream._bit_generator.lock

    def work():
        while not stop.is_set():
            fit(stream)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(3):
            until = time.perf_counter() + 60
            while lock.acquire(blocking=False):
                lock.release()
                assert time.perf_counter() < until, "no kernel takes the lock"
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(20)
                stream.random_sample()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_may_train_what_a_thread_of_its_parent_trains():
    """It has none of the threads that train, so no model is in training there."""
    model, begun, go_on = net(0), threading.Event(), threading.Event()

    class Wait:
        def on_epoch_end(self, state):
            begun.set()
            go_on.wait(60)

    thread = threading.Thread(target=model.fit, args=(X, Y), kwargs=dict(callbacks=[Wait()]))
    thread.start()
    try:
        assert begun.wait(60)
        with pytest.raises(InTrainingError):
            model.set_weights(model.get_weights())
        child = os.fork()
        if child == 0:
            right = False
            try:
                signal.alarm(60)
                model.set_weights(model.get_weights())
                right = True
            finally:
                os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        go_on.set()
        thread.join()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_slices_end_within_large_batches(dtype, n_threads, monkeypatch):
    """A slice of one chunk of 1024 samples at a time gives the bits of one that takes all batches."""
    x = np.random.RandomState(1).standard_normal((5000, 20)).astype(dtype)
    y = np.tanh(x[:, :1])

    def fitted(**options):
        network = Network([Dense(30, "relu"), Dropout(0.2), Dense(1)], random_state=0, dtype=dtype)
        network.fit(x, y, epochs=3, n_threads=n_threads, **options)
        return network.params, network.loss_curve_, network.gradients(x, y)[0]

    for options in (
        dict(batch_size=None, optimizer="adam"),
        dict(batch_size=2100, optimizer="sgd"),
        dict(batch_size=1500, optimizer=Momentum(0.01, clip_norm=0.1)),
    ):
        expected = fitted(**options)
        with monkeypatch.context() as patch:
            patch.setattr(training, "first_budget", lambda job: 1)
            patch.setattr(training, "SLICE", 0.0)
            for a, b in zip(fitted(**options), expected, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads are not told which core to take")
def test_a_thread_that_begins_is_sent_to_another_core(monkeypatch):
    """It may be on any of its cores again at once; one that has ended or has one core only is left alone."""
    asked, cores = [], os.sched_getaffinity(0)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, cores: asked.append((thread, cores)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: cores | {here, 1 << 20})
    monkeypatch.setattr(threads, "current_core", lambda: here)
    here, go, started = min(cores), threading.Event(), []
    threads.start(started, go.wait, [(10,)])
    name = started[0].native_id
    assert asked == [(name, cores - {here} | {1 << 20}), (name, cores | {here, 1 << 20})]
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {here})
    threads.send_away(name)
    monkeypatch.undo()
    go.set()
    threads.join(started)
    assert len(asked) == 2
    threads.send_away(name)
    assert os.sched_getaffinity(0) == cores


@pytest.mark.skipif(threads.current_core() < 0, reason="nobody says on which core a thread runs")
def test_a_thread_that_begins_may_be_on_all_cores():
    found, go = [], threading.Event()

    def look():
        go.wait(10)
        found.append(os.sched_getaffinity(0))

    threads.start(started := [], look, [()])
    go.set()
    threads.join(started)
    assert found == [os.sched_getaffinity(0)] and threads.current_core() in found[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_process_forked_in_a_fit():
    """It has none of the fit's other threads, and waits for none."""
    code = """
import os, warnings
import numpy as np
from fastmlp import Dense, Network
warnings.simplefilter("ignore")  # Python 3.12 and later warn of threads
x = np.random.RandomState(0).standard_normal((3000, 50)).astype("float32")
model = Network([Dense(100, "tanh"), Dense(1)], random_state=0)
class Forks:
    child = None
    def on_epoch_end(self, state):
        if state.epoch == 2:
            self.child = os.fork()
            if self.child == 0:
                raise ValueError
forks = Forks()
try:
    model.fit(x, x[:, 0], epochs=4, batch_size=500, n_threads=2, callbacks=[forks])
except ValueError:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(forks.child, 0)[1]), len(model.loss_curve_))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["7", "4"], done.stderr


def test_a_process_whose_number_changes_waits_for_its_threads():
    """A fit whose threads were left to themselves would take their memory from them, and crash."""
    code = """
import itertools
from unittest import mock
import numpy as np
from fastmlp import Dense, Network
x = np.random.RandomState(0).standard_normal((3000, 100)).astype("float32")
for number in (dict(side_effect=itertools.count(100)), dict(side_effect=OSError)):
    for _ in range(30):
        with mock.patch("os.getpid", **number):
            model = Network([Dense(512, "relu"), Dense(512, "relu"), Dense(10, "softmax")], random_state=0)
            model.fit(x, np.arange(3000) % 10, epochs=2, batch_size=200, n_threads=3)
print("fitted")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["fitted"], (done.returncode, done.stderr)


def test_nobody_waits_for_who_looks_something_up():
    """A child forked meanwhile would wait for ever: so two do at once, and no class has it otherwise."""
    together = threading.Barrier(2)

    class Asked:
        @cached_property
        def value(self):
            together.wait(10)
            return 1

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda asked: asked.value, [Asked(), Asked()])) == [1, 1]
    found = [value for name, module in list(sys.modules.items()) if name.startswith("fastmlp.")
             for kind in vars(module).values() if isinstance(kind, type)
             for value in vars(kind).values() if isinstance(value, functools.cached_property)]  # fmt: skip
    assert len(found) > 5
    assert all(type(value) is cached_property for value in found)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not limited so")
def test_where_the_system_allows_no_thread():
    """Kernels start threads themselves: where that fails the calling thread does all."""
    code = """
import hashlib, resource, sys, threading
import numpy as np
from fastmlp import Dense, Network
x = np.random.RandomState(0).standard_normal((300, 50)).astype("float32")
def fitted(n_threads):
    model = Network([Dense(100, "tanh"), Dense(1)], random_state=0)
    model.fit(x, x[:, 0], epochs=2, batch_size=100, n_threads=n_threads)
    return hashlib.sha256(model.params.tobytes()).hexdigest()
alone = fitted(1)
threading.stack_size(1 << 32)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), resource.RLIM_INFINITY))
try:
    threading.Thread(target=print).start()
    sys.exit("a thread has started")
except RuntimeError:
    print(fitted(3) == alone)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True"], done.stderr


def test_an_error_in_one_of_many_fits():
    """The others are done as alone, and its own model has the steps that were made."""

    class Fails:
        def on_epoch_end(self, state):
            if state.epoch == 2:
                raise ValueError("as meant")

    networks, alone = [net(k) for k in range(4)], [net(k) for k in range(4)]
    each = [dict(), dict(callbacks=[Fails()], epochs=9), dict(batch_size=1), dict(batch_size=7)]
    with pytest.raises(ExceptionGroup) as caught:
        fit_many(networks, X, Y, parameters=each, epochs=3, n_threads=2)
    assert [str(error) for error in caught.value.exceptions] == ["as meant"]
    assert caught.value.exceptions[0].__notes__[-1].startswith("in fit 1 of 4")
    for k, (network, own) in enumerate(zip(networks, alone, strict=True)):
        own.fit(X, Y, **({"epochs": 3} | each[k] | ({"callbacks": (), "epochs": 2} if k == 1 else {})))
        np.testing.assert_array_equal(network.params, own.params)
        assert network.loss_curve_ == own.loss_curve_
        for one in (network, own):
            one.fit(X, Y, epochs=2)
        np.testing.assert_array_equal(network.params, own.params)


def resident():
    """Bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_stays_flat(tmp_path):
    """Of 1000 fits, predictions and loads nothing remains."""
    saved = tmp_path / "model"
    save(net(0, 200).fit(X, Y), saved)
    classifier = partial(MLPClassifier, (200,), max_iter=1, random_state=0)

    def some(n):
        for k in range(n):
            net(k, 200).fit(X, Y, batch_size=100, n_threads=1 + k % 2)
            load(saved, trusted=True).predict(X)
            if k % 10 == 0:
                classifier().fit(X, Y)
                fit_many([net(1), net(2)], X, Y, batch_size=1, n_threads=2)
        gc.collect()
        return resident()

    first = some(100)
    assert some(900) - first < 6e6  # a model and what it is trained in take 20 KB


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX signals")
@pytest.mark.parametrize("to", ["group", "worker"])
def test_ctrl_c_of_processes(to):
    """Folds in processes of their own: no result, whoever was interrupted, and no process is left."""
    code = f"""
import os, signal, threading, time, joblib, numpy as np
from fastmlp import MLPRegressor
from fastmlp.model_selection import cross_validate
from sklearn.linear_model import LinearRegression
x = np.random.RandomState(0).standard_normal((3000, 4)); y = x[:, 0]
def children():
    me = os.getpid()
    return [int(p) for p in open(f"/proc/{{me}}/task/{{me}}/children").read().split()]
def press():
    print("pressed", flush=True)
    if {to!r} == "group":
        os.killpg(0, signal.SIGINT)
    else:
        for one in children():
            os.kill(one, signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
with joblib.parallel_config("loky", n_jobs=2):
    cross_validate(LinearRegression(), x, y, repeats=1)  # starts the workers
    threading.Timer(1.0, press).start()
    try:
        model = MLPRegressor(hidden_layer_sizes=(9,), max_iter=10**6, tol=0, n_iter_no_change=10**6)
        cross_validate(model, x, y, every=None)
        print("a result")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, start_new_session=True
    )
    assert done.stdout.split() == ["pressed", "interrupted"], done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("handler", ["", "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"])
def test_sigterm_ends_a_fit(handler):
    """At once; where a handler raises, when the threads have stopped."""
    code = f"""
import signal, sys, threading, os, time
import numpy as np
from fastmlp import Dense, Network
{handler}
x = np.random.RandomState(0).standard_normal((3000, 50)).astype("float32")
model = Network([Dense(100, "tanh"), Dense(1)], random_state=0).build(50, "float32")
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
try:
    model.fit(x, x[:, 0], epochs=10**6, batch_size=500, n_threads=2)
except SystemExit:
    assert [t for t in threading.enumerate() if t is not threading.main_thread()] == []
    assert np.isfinite(model.params).all() and model.learning.optimizer_state.step > 0
    raise
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == (7 if handler else -signal.SIGTERM), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="joblib's multiprocessing forks")
@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_processes_of_joblib(backend):
    """Fits in processes of their own, begun after the parent has fitted in threads, have the same bits."""
    expected = [make(1).predict(X) for make in MAKERS]
    tasks = [joblib.delayed(fit_and_predict)(k) for k in range(len(MAKERS))]
    for a, b in zip(joblib.Parallel(2, backend=backend)(tasks), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def fit_and_predict(k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MAKERS[k](1).predict(X)
