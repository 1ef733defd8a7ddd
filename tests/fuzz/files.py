"""Damaged and hostile model files for the fuzzer: refused by `ModelFileError`, or the model that was saved.

Damage is what disks and networks do: bytes that are changed, missing, doubled. Whatever is loaded then must
be bit for bit what was saved. A hostile file is one whose checksums are right and whose contents are not:
names, types, shapes and places that lie. What is loaded then may be another model, but it is one: finite,
and safe to predict with and to train. Nothing takes a second, or memory beyond what files of a few KB need.
"""

import atexit
import json
import os
import pickle
import struct
import tempfile
import time
import zlib
from contextlib import contextmanager, redirect_stdout
from functools import cache, partial
from pathlib import Path

import fuzz.cases
import numpy as np
from fuzz.networks import check

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
from fastmlp.formats import safetensors

try:
    import resource
except ImportError:  # Windows
    resource = None

X = np.random.RandomState(0).standard_normal((12, 3))
Y = (X[:, 0] > 0).astype(int)
MOST_SECONDS = 1.0  # for one file
MOST_MEMORY = 1 << 28  # bytes beyond what the process has
NUMBERS = (0, 1, -1, 2, 3, 7, 255, 10**4, 10**6, 2**31 - 1, 2**31, 2**40, 2**53, 2**60, 2**63, -(2**63),
           10**30, 0.5, 1e308, -0.0)  # fmt: skip
TEXTS = (
    "", "a", "../../etc/passwd", "/", "\\", "\0", "é" * 50, "x" * 10**4, "__class__", "os.system", "$array",
    "nan", "F64", "F32", "F16", "U8", "BF16", "O", "tanh", "softmax", "adam", "MLPClassifier", "Network",
    "params", "parameters",
)  # fmt: skip
TAGS = ("$array", "$number", "$floats", "$tuple", "$dict", "$texts", "$objects", "$float", "fastmlp")


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


def parts(model):
    """Return what a model is, as bytes."""
    return pickle.dumps(model)


@cache
def saved():
    """Return files of all kinds, by suffix: their bytes, and the model as it is loaded."""
    found = {".safetensors": [], ".dill": []}
    with tempfile.TemporaryDirectory() as folder:
        for model, options in models():
            for suffix, given in ((".safetensors", options), (".dill", {})):
                path = Path(folder) / f"model{suffix}"
                save(model, path, **given)
                found[suffix].append((path.read_bytes(), parts(load(path, trusted=True))))
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


def damaged(draw, data):
    """Return bytes that a disk or a network has made of others."""
    random, n = draw.random, len(data)
    for _ in range(draw.one(1, 1, 1, 2, 5)):
        at = random.randint(n)
        kind = draw.one("flip", "flip", "cut", "add", "drop", "double", "zeros", "noise", "swap", "word")
        size = min(draw.one(1, 2, 8, 64, 512), n - at)
        if kind == "flip":
            data = data[:at] + bytes([data[at] ^ 1 << random.randint(8)]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "add":
            data += random.bytes(size)
        elif kind == "drop":
            data = data[:at] + data[at + size :]
        elif kind == "double":
            data = data[: at + size] + data[at:]
        elif kind in ("zeros", "noise"):
            data = data[:at] + (bytes(size) if kind == "zeros" else random.bytes(size)) + data[at + size :]
        elif kind == "swap":
            other = random.randint(n)
            a, b = sorted((at, other))
            data = data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]
        else:
            word = struct.pack("<q", draw.one(*(w for w in NUMBERS if type(w) is int and abs(w) < 2**63)))
            data = data[:at] + word + data[at + 8 :]
        n = len(data)
        if n == 0:
            break
    return data


def hostile(draw, data):
    """Return a safetensors file with right checksums whose contents lie."""
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), bytearray(data[8 + size :])
    metadata = header["__metadata__"]
    model = json.loads(metadata["model"])
    for _ in range(draw.one(1, 1, 1, 2, 4)):
        kind = draw.one("model", "model", "model", "arrays", "numbers", "bytes", "text")
        if kind == "model":
            change(draw, model)
        elif kind == "arrays":
            arrays = {name: value for name, value in header.items() if name != "__metadata__"}
            change(draw, arrays)
            header = {"__metadata__": metadata, **arrays}
        elif kind == "numbers" and body:
            values = (np.nan, np.inf, 1e308, -1e308, 5e-324, -0.0, 1e-310)
            at = draw.random.randint(len(body)) // 8 * 8
            body[at : at + 8] = struct.pack("<d", draw.one(*values))[: len(body) - at]
        elif kind == "bytes":
            body = body[: draw.random.randint(len(body) + 1)] if draw.maybe(0.5, True) else body + bytes(8)
    reseal(model, header, body)
    metadata["model"] = json.dumps(model)
    text = json.dumps(header, separators=(",", ":")).encode(errors="surrogatepass")
    if draw.maybe(0.1, True):
        text = text[:70] + damaged(draw, text[70:])
    return sealed(bytearray(text)) + bytes(body)


def reseal(model, header, body):
    """Write the CRC-32 of each array into a file's own part, where that can be said."""
    if not isinstance(model.get("crc32"), dict):
        return
    for name, said in header.items():
        try:
            begin, end = said["data_offsets"]
            model["crc32"][name] = f"{zlib.crc32(body[begin:end]):08x}"
        except (KeyError, TypeError, ValueError):
            pass


def sealed(text):
    """Return a file's head with the right CRC-32 of the header."""
    found = safetensors.HEAD.match(text)
    if found is not None:
        place = found.end()
        text[place : place + 8] = safetensors._crc_of_header(text, place)
    return len(text).to_bytes(8, "little") + bytes(text)


def change(draw, tree):
    """Change something somewhere in a tree of JSON."""
    holder = tree
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        if not keys:
            return
        key = keys[draw.random.randint(len(keys))]
        inner = holder[key]
        if not (isinstance(inner, (dict, list)) and inner and draw.maybe(0.8, True)):
            break
        holder = inner
    what = draw.one("value", "value", "value", "drop", "key", "near", "again", "tag")
    if what == "drop":
        del holder[key]
    elif what == "near" and type(inner) in (int, float):
        holder[key] = inner + draw.one(1, -1, 0.5, inner)
    elif what == "again" and isinstance(inner, list):
        holder[key] = inner * draw.one(2, 3, 100)
    elif what == "again" and isinstance(holder, list):
        holder.insert(draw.random.randint(len(holder) + 1), inner)
    elif what == "key" and isinstance(holder, dict):
        holder[draw.one(*TEXTS, *keys)] = holder.pop(key)
    elif what == "tag":
        holder[key] = {draw.one(*TAGS): draw.one(inner, value(draw), [inner], [1, [2], [inner]])}
    else:
        holder[key] = value(draw)


def value(draw):
    """Return JSON of any kind."""
    nested = []
    for _ in range(draw.one(1, 50, 150, 900)):
        nested = [nested]
    return draw.one(*NUMBERS, *TEXTS, None, True, False, [], {}, [[]], nested, [1] * draw.one(3, 1000),
                    {"fastmlp": "activation", "name": draw.one("tanh", "no", "softmax")})  # fmt: skip


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
    suffix = draw.maybe(0.95, ".safetensors", ".dill")
    data, expected = draw.one(*saved()[suffix])
    lies = suffix == ".safetensors" and draw.maybe(0.7, True)
    given = hostile(draw, data) if lies else damaged(draw, data)
    path = f"{folder()}/{'lies' if lies else 'damage'}{suffix}"
    with open(path, "wb") as file:
        file.write(given)
    model, took = reading(path)
    if took > MOST_SECONDS:  # again: something else may have had the processor
        took = min(took, reading(path)[1])
    check(f"reading took {took:.1f} s", took < MOST_SECONDS)
    if model is None:
        return "refused"
    if lies:
        use(model, trains=draw.maybe(0.1, True, False))
    else:
        check("a damaged file was loaded as another model", parts(model) == expected)
    return "loaded"


def reading(path):
    """Return the model of a file, None where it is refused, and how long that took."""
    began = time.perf_counter()
    try:
        model = load(path, trusted=True)
    except ModelFileError as error:
        check(f"the message does not name the file: {error}", path in str(error))
        model = None
    return model, time.perf_counter() - began


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
