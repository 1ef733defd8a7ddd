"""How the kernels are compiled: small C functions that reach each other by address.

Numba optimises a function again inside each of its callers. Heavy functions are therefore leaves: C functions
with fixed signatures, compiled once per dtype and cached on disk where that can be. Their addresses lie in
the record of a call, and callers reach them by these: `call(c.multiply, ...)`.
"""

import contextlib
import ctypes
import importlib
import os
import zlib
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_name
from numba import cfunc, config, njit, types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic, models, register_model

from ..records import NEURON
from .lanes import FEATURES
from .memory import records


def cache_folder():
    """Where Numba keeps compiled code: beside these files, or in the user's own folder; None: nowhere."""

    def probe():
        pass

    try:
        return Path(njit(cache=True)(probe).stats.cache_path)
    except RuntimeError:  # neither can be written: everything is compiled anew in each process
        return None


def sources():
    """A number that tells of the text of all files here, and in the folder above."""
    here, known = Path(__file__).parent, 0
    for path in sorted((*here.glob("*.py"), *here.parent.glob("*.py"))):
        known = zlib.crc32(path.read_bytes(), known)
    return f"{known:08x}"


def drop_stale(folder):
    """Delete what was compiled of other sources."""
    for path in folder.glob("*.nb[ci]"):
        if f"-{SOURCES}-" not in path.name:
            with contextlib.suppress(OSError):
                path.unlink()


def own_name(function, real):
    """A function of the same code, named for one element type, a CPU and the sources that are being run.

    Numba asks nothing but when the file was written that a function is in, not what of other files it
    reaches. And it numbers what it keeps of a function, and does not look who else does so at that time: one
    process would be given what another has compiled for other types, or for its own CPU.
    """
    cpu = zlib.crc32(repr((config.CPU_NAME or get_host_cpu_name(), FEATURES)).encode())
    new = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    new.__qualname__ = f"{function.__name__}-{real}-{cpu:08x}-{SOURCES}"
    return new


if config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError(
        "the numba backend needs Numba's compiler: unset NUMBA_DISABLE_JIT, or set FASTMLP_BACKEND=numpy"
    )
SOURCES = sources()
CACHE = cache_folder()
if CACHE is not None:
    drop_stale(CACHE)
if hasattr(os, "register_at_fork"):  # a child forked while a thread compiles would wait for that for ever
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )
OPTIONS = dict(cache=CACHE is not None, error_model="numpy")
# What leaves are made of: compiled into them, and kept with them on disk.
PART: dict[str, Any] = dict(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
FUSED = {"contract"}  # products and sums may be rounded once, together
kernel = njit(**PART)
inline = njit(forceinline=True, **PART)
fused = njit(forceinline=True, fastmath=FUSED, **PART)
summed = njit(forceinline=True, fastmath=FUSED | {"reassoc"}, **PART)  # in any order

# How a job is trained (`manner`): in mini-batches, or online; a small net online, alone, or several side by
# side; in small batches whose samples lie side by side; or, if it is one of the smallest, in registers.
BATCH, ALONE, NETS, SAMPLES, REGISTERS = range(5)
TRAINING = BATCH, ALONE, NETS, SAMPLES, REGISTERS
# Further kinds of calls: predictions; with rows listed by their non-zeros, in training too; with losses that
# samples side by side have no own function for.
PREDICTION, LISTS, LEARNED_LISTS, LOSSES = range(5, 9)
FILES = (
    "context activation loss optimizer products rows philox gaussian forward backward epochs sharing samples "
    "registers online train neuron"
)
LEAVES: dict = {}  # name: function, template, what LLVM may do with sums
REACHED: dict = {}  # names of those that other leaves call: the kinds of calls that take them, () for all


def entry(template, fastmath=False):
    """Register a C function that Python calls: by letters of `TYPES`, arguments -> result."""

    def register(function):
        LEAVES[function.__name__] = (function, template, fastmath)
        return function

    return register


def leaf(template, fastmath=False, of=()):
    """Register a C function that other leaves call, or Python; in calls of some kinds only, where given."""

    def register(function):
        REACHED[function.__name__] = frozenset(of)
        return entry(template, fastmath)(function)

    return register


# What a letter stands for: the Numba type, which may depend on the element type, and the one of ctypes.
TYPES = {
    "i": (types.int64, ctypes.c_int64),
    "d": (types.float64, ctypes.c_double),
    "w": (types.CPointer(types.int64), ctypes.c_void_p),
    "x": (types.CPointer(types.int32), ctypes.c_void_p),
    "f": (types.CPointer(types.float64), ctypes.c_void_p),
    "u": (records("Neuron", NEURON), ctypes.c_void_p),
    "p": (types.CPointer, ctypes.c_void_p),
    "r": (lambda real: real, {types.float32: ctypes.c_float, types.float64: ctypes.c_double}),
}  # fmt: skip


def numba_type(letter, real):
    """The Numba type of a letter."""
    found = TYPES[letter][0]
    return found if isinstance(found, types.Type) else found(real)


@cache
def signature_of(name, real):
    """Argument types and return type of a leaf."""
    arguments, result = LEAVES[name][1].split("->")
    return tuple(numba_type(letter, real) for letter in arguments), numba_type(result, real)


def compile_leaf(name, real):
    """The C function of a leaf for one element type, as a ctypes function that takes addresses."""
    function, template, fastmath = LEAVES[name]
    arguments, result = signature_of(name, real)
    function = own_name(function, real)
    try:
        compiled = cfunc(result(*arguments), fastmath=fastmath, **OPTIONS)(function)
    except Exception:  # what is kept on disk may be damaged, and there may be no room for more
        if not OPTIONS["cache"]:
            raise
        for path in CACHE.glob(f"*.{function.__qualname__}-*"):
            with contextlib.suppress(OSError):
                path.unlink()
        compiled = cfunc(result(*arguments), fastmath=fastmath, **OPTIONS | {"cache": False})(function)
    c_types = [TYPES[letter][1] for letter in template.replace("->", "")]
    *c_arguments, c_result = [kind[real] if isinstance(kind, dict) else kind for kind in c_types]
    return compiled, ctypes.CFUNCTYPE(c_result, *c_arguments)(compiled.address)


def register_all():
    """Import every file that has leaves."""
    for name in FILES.split():
        importlib.import_module(f".{name}", __package__)


class Leaf(types.Type):
    """The address of a leaf."""

    def __init__(self, name, real):
        self.leaf, self.real = name, real
        super().__init__(name=f"Leaf({name}, {real})")


@register_model(Leaf)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.IntType(64))


@intrinsic
def call(typingctx, leaf, *given):
    """Call a leaf."""
    wanted, result = signature_of(leaf.leaf, leaf.real)

    def codegen(context, builder, sig, args):
        values = cgutils.unpack_tuple(builder, args[1])
        arguments = [context.cast(builder, *each) for each in zip(values, sig.args[1], wanted, strict=True)]
        kind = ir.FunctionType(context.get_value_type(result), [a.type for a in arguments])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), arguments)

    return result(leaf, types.StarArgTuple.from_types(given)), codegen
