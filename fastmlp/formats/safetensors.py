"""Models as safetensors files: numbers and text only, so that nothing of them can be run.

A file is the length of its header (8 bytes), the header (JSON that names the arrays, their dtypes, shapes and
places), and the arrays one after another. Any safetensors library reads it. Our own part is
``__metadata__``: ``fastmlp``, the version of this format; ``crc32`` of length and header (with zeros in its
own place); ``model``, JSON again: a `Description`, packed as `packing` says, and the CRC-32 of each array.

The header is trusted in nothing before it is checked: its size and depth before it is parsed, its CRC-32, and
that the arrays fill the file, each as its dtype and shape say. An array is read once, when what it is for is
known, so that no more memory is taken than the file is long.
"""

import json
import re
import zlib
from math import prod

import numpy as np

from .. import _checks
from ..exceptions import ModelFileError
from ..kernels.memory import aligned_bytes
from .description import Description, Layer
from .packing import pack, unpack
from .reading import first_bytes, opened, read_exactly, read_into

FORMAT = 1
HEAD = re.compile(rb'\{"__metadata__":\{"fastmlp":"(\d{1,9})","crc32":"')
CODES = {
    "BOOL": "?", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4",
    "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
DTYPES = {name: np.dtype(code) for name, code in CODES.items()}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MOST_HEADER = 1 << 24  # bytes: a network of 1000 layers takes a twentieth of it
MOST_MARKS = 300_000  # commas and opening brackets: each may take a hundred bytes when it is parsed
MOST_BYTES = 1 << 60  # of an array, and numbers along one of its axes
DEEPEST, MOST_AXES = 100, 8
FIELDS = {name for name in Description._fields if name != "params"}  # which follow from the layers
CUT = "is truncated or altered"


def write(description):
    """Return the pieces of the file of a description."""
    arrays, fields = {}, {name: getattr(description, name) for name in sorted(FIELDS)}
    fields["layers"] = [layer._asdict() for layer in description.layers]
    _checks.check_finite_layers(description.layers, ValueError)
    fields = {name: pack(value, name, arrays) for name, value in fields.items()}
    fields["crc32"] = {name: f"{zlib.crc32(array):08x}" for name, array in arrays.items()}
    model = json.dumps(fields, allow_nan=False, separators=(",", ":"))
    _checks.check_header_depth(_is_too_deep(model.encode()), DEEPEST)
    header = {"__metadata__": {"fastmlp": str(FORMAT), "crc32": "0" * 8, "model": model}}
    arrays, end = dict(sorted(arrays.items(), key=lambda pair: -pair[1].itemsize)), 0  # each is aligned so
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        dtype = NAMES[array.dtype]
        _checks.check_n_axes(name, array.ndim, MOST_AXES)
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text = bytearray(text + b" " * (-len(text) % 8))
    _checks.check_header_size(_is_too_long(text), MOST_HEADER, MOST_MARKS)
    place = HEAD.match(text).end()
    text[place : place + 8] = _crc_of_header(text, place)
    return [
        len(text).to_bytes(8, "little"),
        text,
        *(array.reshape(-1).view(np.uint8) for array in arrays.values()),
    ]


def read(path):
    """Return the Description in a file.

    Raises
    ------
    ModelFileError
        It is none: damaged, of another kind, of a later version, or lying about itself.
    OSError
        It cannot be opened or read.
    """
    with opened(path) as (file, size):
        return read_from(file, size)


def read_from(file, size):
    """Return the Description in a file of `size` bytes, as `opened` has opened it."""
    fields, take, arrays = read_header(file, size)
    params, views = _flat(arrays)
    fields = {name: unpack(value, lambda name: take(name, views.get(name))) for name, value in fields.items()}
    if arrays:
        raise ModelFileError(f"holds arrays that no model has: {', '.join(list(arrays)[:3])}")
    layers = fields["layers"] = tuple(Layer(**layer) for layer in fields["layers"])
    _checks.check_finite_layers(layers, ModelFileError)
    found = Description(**fields)
    in_place = all(found.arrays.get(name) is view for name, view in views.items())
    return found._replace(params=params) if in_place and len(found.arrays) == len(views) else found


def _flat(arrays):
    """Return memory for all weights and biases, as a network has them, and of each the place in it."""
    names = [f"layers.{k}.{what}" for k in range(len(arrays)) for what in ("weights", "bias")]
    named = {name: arrays[name] for name in names if name in arrays}
    if len({dtype for dtype, _, _ in named.values()}) != 1:
        return None, {}
    dtype, sizes = next(iter(named.values()))[0], [prod(shape) for _, shape, _ in named.values()]
    params = aligned_bytes(sum(sizes) * dtype.itemsize).view(dtype)
    views, end = {}, 0
    for (name, (_, shape, _)), n in zip(named.items(), sizes, strict=True):
        views[name], end = params[end : end + n].reshape(shape), end + n
    return params, views


def read_header(file, size):
    """Return what a file's header says, checked.

    Returns
    -------
    fields : dict
        Those of a Description, packed.
    take : callable
        Returns the array of a name, once, in memory that is given or new, and takes it off
    arrays : dict
        Of those that nobody took dtype, shape and place, by name.
    """
    text = _header(file, size)
    header = _parse(text)
    metadata = header.pop("__metadata__")
    fields = _parse(metadata["model"].encode())
    arrays, end = {}, 0
    spans = sorted(header.items(), key=lambda pair: pair[1]["data_offsets"])
    for name, said in spans:
        dtype, shape, (begin, stop) = DTYPES[said["dtype"]], said["shape"], said["data_offsets"]
        whole = all(type(n) is int and 0 <= n < MOST_BYTES for n in (*shape, begin, stop))
        if len(shape) > MOST_AXES or not whole:
            raise ModelFileError(f"is damaged: {name} has the shape {str(shape)[:80]}")
        if begin != end or stop - begin != prod(shape) * dtype.itemsize:
            raise ModelFileError(
                f"is damaged: {name} lies at bytes {begin} to {stop}, expected from {end} on, and "
                f"{prod(shape) * dtype.itemsize} bytes for its shape and dtype"
            )
        arrays[name], end = (dtype, shape, begin), stop
    there = size - file.tell()
    if there != end:
        raise ModelFileError(f"{CUT}: {there} bytes follow its header, expected {end}; save the model again")
    crcs, start = fields.pop("crc32"), file.tell()
    if fields.keys() != FIELDS:
        raise ModelFileError(f"is damaged: what it says of its model is {', '.join(fields)[:500]}")

    def take(name, array=None):
        if name not in arrays:
            raise ModelFileError(f"is damaged: it names {name!r}, which is not there, or twice")
        dtype, shape, begin = arrays.pop(name)
        array = np.empty(shape, dtype) if array is None else array
        file.seek(start + begin)
        read_into(file, array.reshape(-1).view(np.uint8))
        if crcs[name] != f"{zlib.crc32(array):08x}":
            raise ModelFileError(f"{CUT}: the CRC-32 of {name} is another; save the model again")
        return array

    return fields, take, arrays


def _header(file, size):
    """Return the bytes of a file's header, which are those that were written."""
    prefix = bytes(file.read(8) or b"")
    n = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or n > size - 8 or n < 2:
        what = first_bytes(prefix)
        raise ModelFileError(f"is no safetensors file, or {CUT.removeprefix('is ')}{what}")
    if n > MOST_HEADER:
        raise ModelFileError(f"has a header of {n} bytes; at most {MOST_HEADER} are read")
    text = read_exactly(file, n)
    found = HEAD.match(text)
    if found is None:
        other = "is a safetensors file, but not one" if text.startswith(b"{") else f"{CUT}, or no model"
        raise ModelFileError(f"{other} that fastmlp.save wrote")
    version, place = int(found[1]), found.end()
    if version > FORMAT:
        raise ModelFileError(
            f"has format {version}, this fastmlp reads up to {FORMAT}: update fastmlp to load it"
        )
    if text[place : place + 8] != _crc_of_header(text, place) or version < 1:
        raise ModelFileError(f"{CUT}: the CRC-32 of its header is another; save the model again")
    if _is_too_long(text):
        raise ModelFileError(f"has a header of more than {MOST_MARKS} values: no model needs as many")
    return text


def _crc_of_header(text, place):
    """Return the CRC-32 of a header in hexadecimal; in its own place it counts as zeros."""
    crc = zlib.crc32(len(text).to_bytes(8, "little"))
    for piece in (text[:place], b"0" * 8, text[place + 8 :]):
        crc = zlib.crc32(piece, crc)
    return f"{crc:08x}".encode()


def _is_too_long(text):
    """Return whether a header has more to parse than any model needs."""
    return len(text) > MOST_HEADER or sum(map(text.count, (b",", b"[", b"{"))) > MOST_MARKS


def _parse(text):
    """Return what JSON says; names are unique, and nothing is nested deeper than any model is."""
    if _is_too_deep(text):
        raise ModelFileError(f"is damaged: its header is nested deeper than {DEEPEST} levels")
    return json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)


def _is_too_deep(text):
    """Return whether brackets of JSON are nested deeper than those of any model."""
    codes = np.frombuffer(text.replace(rb"\\", b"").replace(rb"\"", b""), np.uint8)
    steps = ((codes == 91) | (codes == 123)).astype(np.int8) - ((codes == 93) | (codes == 125))
    steps[np.logical_xor.accumulate(codes == 34)] = 0  # brackets within texts
    return np.cumsum(steps, dtype=np.int32).max(initial=0) > DEEPEST


def _unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ModelFileError("is damaged: its header holds a name twice")
    return found


def _no_constant(name):
    raise ModelFileError(f"is damaged: its header holds {name}, which JSON has not")
