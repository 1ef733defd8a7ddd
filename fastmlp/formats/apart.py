"""HDF5 is read in a process of its own: damaged files can crash its library, or keep it for ever.

The child is given the open file, what is to be in it, and limits of time and memory. It answers with the
arrays, or with what is wrong.
"""

import json
import math
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np

from ..exceptions import ModelFileError
from .description import Layer

CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from fastmlp.formats import apart; "
    "apart.answer(int(sys.argv[2]))"
)
SECONDS, BYTES_A_SECOND = 1, 100e6  # what reading may take, by the child's own clock, and more of large files
SPARE = 1 << 30  # bytes of memory beyond what the arrays take
PATIENCE = 120  # seconds until a child that comes to nothing is given up


def read_apart(file, size, layers):
    """Return the weights in an HDF5 file, as `keras.read` does.

    Raises
    ------
    ModelFileError
        The file is damaged, or does not fit.
    """
    fd, dtype = file.fileno(), layers[0].weights.dtype
    question = {
        "layers": [[layer.name, *layer.weights.shape, layer.bias is not None] for layer in layers],
        "dtype": dtype.name,
        "size": size,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", CODE, json.dumps(sys.path), str(fd)],
            input=json.dumps(question).encode(),
            env=os.environ | {"HDF5_PLUGIN_PRELOAD": "::"},  # no code of filters, which HDF5 would look for
            pass_fds=(fd,), capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise _lost(f"took more than {PATIENCE} seconds") from error
    told, _, data = done.stdout.partition(b"\n")
    if told == b"MemoryError":
        raise MemoryError(f"weights in a file of {size} bytes")
    if told == b"ModelFileError":
        raise ModelFileError(data.decode())
    shapes = [array.shape for layer in layers for array in (layer.weights, layer.bias) if array is not None]
    if done.returncode or told != b"arrays" or len(data) != dtype.itemsize * sum(map(math.prod, shapes)):
        raise _lost(f"ended with {done.returncode} {done.stderr[-300:].decode(errors='replace')}".strip())
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(np.frombuffer(data, dtype), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _lost(what):
    return ModelFileError(f"cannot be read: HDF5's library {what}: it is damaged, or of another kind")


def answer(fd):
    """Read the file of a descriptor and write the answer to standard output: what the child does."""
    from . import keras

    question = json.load(sys.stdin)
    nothing = np.zeros((), question["dtype"])  # takes the place of weights: a shape and a dtype
    layers = [
        Layer(
            name, units, {}, (), np.broadcast_to(nothing, (n_in, units)),
            np.broadcast_to(nothing, units) if biased else None, {},
        )
        for name, n_in, units, biased in question["layers"]
    ]  # fmt: skip
    out = sys.stdout.buffer
    try:
        keras.load_library()
        _limit(question["size"], sum(layer.weights.nbytes for layer in layers))
        with open(fd, "rb", buffering=0) as file:
            arrays = keras.read_here(file, layers)
    except (ModelFileError, MemoryError) as error:
        out.write(f"{type(error).__name__}\n{error}".encode())
        return
    out.write(b"arrays\n")
    for array in arrays:
        out.write(np.ascontiguousarray(array).data)


def _limit(size, n_bytes):
    """Set limits to the memory of this process, and to the time that it computes from now on."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    seconds = math.ceil(used + SECONDS + size / BYTES_A_SECOND)
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else open(os.devnull) as file:
        pages = int((file.read() or "0").split()[0])
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, pages * resource.getpagesize() + 4 * n_bytes + SPARE if pages else None),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # of systems that do not let it
            if most is not None:
                resource.setrlimit(what, (most, most))
