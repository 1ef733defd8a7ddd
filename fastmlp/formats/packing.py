"""Plain data as JSON and named arrays, and back: types and bits survive.

What JSON has no word for is an object with one name that begins with ``$``: ``{"$tuple": [...]}``,
``{"$float": "nan"}``, ``{"$dict": [[key, value], ...]}`` where a key is no text or begins with ``$``,
``{"$array": name}`` (an array), ``{"$number": name}`` (a NumPy number), ``{"$text": text}`` (a NumPy text),
``{"$floats": name}`` (a list of floats), ``{"$texts": [width, shape, [...]]}`` (an array of texts),
``{"$objects": [shape, [...]]}`` (an array of anything).
"""

import math

import numpy as np

from .. import _checks

NUMBERS = frozenset("?bBhHiIlLqQefd")
MANY = 8  # floats from which on a list of them is an array
ROOM = 1 << 20  # characters that an array of texts may take beyond 64 for each that it holds


def pack(value, name, arrays):
    """Return a value as JSON has it.

    Parameters
    ----------
    value : object
    name : str
        What it is; arrays in it are named after it.
    arrays : dict of ndarray
        Those that belong to it are put here.
    """
    kind = type(value)
    if kind is int:
        return _checks.check_digits(name, value)
    if value is None or kind in (bool, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        if len(value) >= MANY and all(type(each) is float for each in value):
            return {"$floats": _put(np.array(value), name, arrays)}
        return [pack(each, f"{name}.{i}", arrays) for i, each in enumerate(value)]
    if kind is tuple:
        return {"$tuple": [pack(each, f"{name}.{i}", arrays) for i, each in enumerate(value)]}
    if kind is dict:
        if all(type(key) is str and key[:1] != "$" for key in value):
            return {key: pack(each, f"{name}.{key}", arrays) for key, each in value.items()}
        pairs = enumerate(value.items())
        return {"$dict": [pack(list(pair), f"{name}.{i}", arrays) for i, pair in pairs]}
    if isinstance(value, np.generic) and value.dtype.char in NUMBERS:
        return {"$number": _put(np.asarray(value), name, arrays)}
    if kind is np.str_:
        return {"$text": str(value)}
    if kind is np.ndarray and value.dtype.char in NUMBERS:
        return {"$array": _put(value, name, arrays)}
    if kind is np.ndarray and value.dtype.kind == "O":
        items = [pack(each, f"{name}.{i}", arrays) for i, each in enumerate(value.ravel().tolist())]
        return {"$objects": [list(value.shape), items]}
    if kind is np.ndarray and value.dtype.kind == "U":
        items, width = value.ravel().tolist(), value.dtype.itemsize // 4
        longest = max(map(len, items), default=0)
        if not _fits(width, items):
            width = longest
        if _fits(width, items):
            return {"$texts": [width, list(value.shape), items]}
    return _checks.refuse_for_file(name, value)


def _put(array, name, arrays):
    """Name an array, of C's order and little-endian numbers; return its name."""
    name = name.encode(errors="replace").decode()  # other libraries refuse what is no Unicode
    while name in arrays:  # keys such as "a.b" may make two paths one name
        name += "_"
    arrays[name] = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return name


def _fits(width, items):
    """Return whether an array of texts is not much larger than they are."""
    return width * len(items) <= ROOM + 64 * sum(map(len, items))


def unpack(value, take):
    """Return what `pack` was given; `take` returns the array of a name, once."""
    if type(value) is list:
        return [unpack(each, take) for each in value]
    if type(value) is not dict:
        return value
    (first, *others) = value or [""]
    if first[:1] != "$":
        return {key: unpack(each, take) for key, each in value.items()}
    if others:
        raise ValueError(f"{first} stands beside {', '.join(others)}: it must be alone")
    return FORMS[first](value[first], take)


def _float(value, _):
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[value]


def _floats(name, take):
    array = take(name)
    if array.dtype != np.float64 or array.ndim != 1:
        raise ValueError(f"{name} must be a vector of float64")
    return array.tolist()


def _number(name, take):
    array = take(name)
    if array.ndim:
        raise ValueError(f"{name} must be a single number")
    return array[()]


def _text(value, _):
    if type(value) is not str:
        raise ValueError("a NumPy text must be a text")
    return np.str_(value)


def _texts(value, _):
    width, shape, items = value
    if not all(type(text) is str and len(text) <= width for text in items) or not _fits(width, items):
        raise ValueError("an array of texts holds others, or is wider than they are")
    return np.array(items, f"<U{width}").reshape(_shape(shape, items))


def _objects(value, take):
    shape, items = value
    array = np.empty(len(items), object)
    for i, each in enumerate(items):
        array[i] = unpack(each, take)
    return array.reshape(_shape(shape, items))


def _shape(shape, items):
    """Return a shape, which must be that of so many items; NumPy would fill in a -1."""
    if math.prod(_checks.check_int("shape", n, 0, len(items)) for n in shape) != len(items):
        raise ValueError(f"{len(items)} items have no shape {shape}")
    return shape


FORMS = {
    "$float": _float, "$floats": _floats, "$number": _number, "$text": _text, "$texts": _texts,
    "$objects": _objects,
    "$array": lambda name, take: take(name),
    "$tuple": lambda items, take: tuple(unpack(list(items), take)),
    "$dict": lambda pairs, take: dict(unpack(list(pairs), take)),
}  # fmt: skip
