"""Damaged and hostile model files for the fuzzer: refused by `ModelFileError`, or the model that was saved.

Damage is what disks and networks do: bytes that are changed, missing, doubled. Whatever is loaded then must
be bit for bit what was saved. A hostile file is one whose checksums are right and whose contents are not:
names, types, shapes and places that lie. What is loaded then may be another model, but it is one: finite,
and safe to predict with and to train. Nothing takes a second, or memory beyond what files of a few KB need.
"""

import atexit
import os
import pickle
import tempfile
import time
from contextlib import contextmanager, redirect_stdout
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import fuzz.cases
import numpy as np
from fuzz.broken_files import damaged, hostile, hostile_npz
from fuzz.networks import Broken, check

from fastmlp import (
    Adam,
    Dense,
    Dropout,
    MLPClassifier,
    MLPRegressor,
    Network,
    Perceptron,
    TanhPerceptron,
    load,
    save,
)
from fastmlp.exceptions import ModelFileError
from fastmlp.formats import keras
from fastmlp.formats.reading import opened

try:
    import resource
except ImportError:  # Windows
    resource = None

X = np.random.RandomState(0).standard_normal((12, 3))
Y = (X[:, 0] > 0).astype(int)
MOST_SECONDS = 1.0  # for one file
MOST_MEMORY = 1 << 28  # bytes beyond what the process has


def network(**options):
    layers = [Dense(4, "tanh", l2=0.1), Dropout(0.2), Dense(3, "relu", trainable=False), Dense(2)]
    return Network(layers, random_state=0, **options)


def models():
    few = dict(max_iter=3, random_state=0)
    yield network().fit(X, np.eye(2)[Y], epochs=2, optimizer=Adam(0.01)), {}
    yield network(dtype="float32").fit(X, np.eye(2)[Y], epochs=2), dict(training_state=True)
    yield network(), dict(metadata={"by": "us", "of": np.arange(4), "at": (1, 2.5, None)})
    yield MLPClassifier((4,), **few).fit(X, np.array(["no", "yes"])[Y]), dict(training_state=True)
    yield (
        MLPClassifier((3, 2), early_stopping=True, validation_fraction=0.4, **few).fit(X, np.arange(12) % 3),
        {},
    )
    yield MLPRegressor(hidden_layer_sizes=(3,), **few).fit(X, X[:, :2]), {}
    yield Perceptron(**few).fit(X, Y), {}
    yield TanhPerceptron(**few).fit(X, X[:, 0]), {}


class Kind(NamedTuple):
    """Files of one format.

    Attributes
    ----------
    suffix : str
    read : callable
        Takes a path, and returns what the file holds.
    lies : callable or None
        Takes a Draw and the bytes of a file, and returns those of a hostile one.
    files : list of (bytes, bytes)
        Whole files, and what is read of them, pickled.
    """

    suffix: str
    read: object
    lies: object
    files: list


def read_weights(path):
    return network().build(3).load_weights(path).get_weights()


@cache
def saved():
    """Return the kinds of files, with some of each."""
    tensors, dill = Kind(".safetensors", load, hostile, []), Kind(".dill", trusting, None, [])
    npz, h5 = Kind(".npz", read_weights, hostile_npz, []), Kind(".h5", read_h5, None, [])
    h5_new = Kind(".weights.h5", read_h5, None, [])
    with tempfile.TemporaryDirectory() as folder:
        for number, (model, options) in enumerate(models()):
            kinds = [(tensors, options), (dill, {})]
            if number == 0:
                kinds += [(npz, {}), *([(h5, {}), (h5_new, {})] if find_spec("h5py") else [])]
            for kind, given in kinds:
                path = Path(folder) / f"model{kind.suffix}"
                save(model, path, **given)
                kind.files.append((path.read_bytes(), pickle.dumps(kind.read(path))))
    return [kind for kind in (tensors, dill, npz, h5, h5_new) if kind.files]


def trusting(path):
    return load(path, trusted=True)


def read_h5(path):
    """Read in a forked child, as `formats.apart` does in a new one, which is slower; a crash is a refusal."""
    answer, question = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
        try:
            layers = network().build(3)._described("load_weights").layers
            with opened(Path(path)) as (file, _):
                found = pickle.dumps(keras.read_here(file, layers))
        except ModelFileError as error:
            found = pickle.dumps(error)
        except BaseException as error:
            found = pickle.dumps(Broken(f"{type(error).__name__}: {error}"))
        with os.fdopen(question, "wb") as file:
            file.write(found)
        os._exit(0)
    os.close(question)
    with os.fdopen(answer, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    found = pickle.loads(told) if told else ModelFileError(f"{path} cannot be read: the child has died")
    if isinstance(found, Exception):
        raise found
    return found


@contextmanager
def limited():
    """A block in which the process gets little more memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MOST_MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@cache
def folder():
    """Return a folder of this process, in memory where there is such a one."""
    made = tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    atexit.register(made.cleanup)
    return made.name


def trial(seed, backend=None, dtype=None):
    """Read one file."""
    with limited():
        outcome(seed)


def outcome(seed):
    """Read one file; return whether it was "refused" or "loaded"."""
    draw = fuzz.cases.Draw(seed)
    tensors, dill, npz, *h5 = saved()
    kind = draw.one(*(tensors,) * 17, dill, npz, npz)
    if h5 and draw.maybe(0.005, True):  # a fork takes long
        kind = draw.one(*h5)
    data, expected = draw.one(*kind.files)
    lies = kind.lies is not None and draw.maybe(0.7, True)
    given = kind.lies(draw, data) if lies else damaged(draw, data)
    path = f"{folder()}/{'lies' if lies else 'damage'}{kind.suffix}"
    with open(path, "wb") as file:
        file.write(given)
    found, took = reading(kind, path)
    if took > MOST_SECONDS and kind not in h5:  # again: something else may have had the processor
        took = min(took, reading(kind, path)[1])
        check(f"reading took {took:.1f} s", took < MOST_SECONDS)
    if found is None:
        return "refused"
    if not lies:
        check("a damaged file was loaded as another model", pickle.dumps(found) == expected)
    elif kind is tensors:
        use(found, trains=draw.maybe(0.1, True, False))
    else:
        check("numbers that are not finite were loaded", all(np.isfinite(each).all() for each in found))
    return "loaded"


def reading(kind, path):
    """Return what a file holds, None where it is refused, and how long that took."""
    began = time.perf_counter()
    try:
        found = kind.read(path)
    except ModelFileError as error:
        check(f"the message does not name the file: {error}", path in str(error))
        found = None
    return found, time.perf_counter() - began


def use(model, trains):
    """Predict and train with what a hostile file has made: errors are right, crashes are not."""
    n = getattr(model, "n_inputs", None) or getattr(model, "n_features_in_", 3)
    if not isinstance(n, int) or not 0 < n < 10**4:
        return
    x = np.zeros((12, int(n)))
    with redirect_stdout(None):  # some are told to be verbose
        for act in (model.predict, partial(train, model))[: 1 + trains]:
            try:
                act(x)
            except MemoryError:
                raise
            except Exception:  # says what is wrong, in its own words
                continue


def train(model, x):
    if isinstance(model, Network):
        return model.fit(x, np.zeros((len(x), model.plan.n_outputs)), epochs=1)
    return model.set_params(max_iter=1).fit(x, Y)
