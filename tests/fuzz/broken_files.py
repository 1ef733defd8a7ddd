"""Bytes of model files that are damaged, or lie: everything follows from one `Draw`."""

import ast
import io
import json
import struct
import zipfile
import zlib

import numpy as np

from fastmlp.formats import safetensors

NUMBERS = (0, 1, -1, 2, 3, 7, 255, 10**4, 10**6, 2**31 - 1, 2**31, 2**40, 2**53, 2**60, 2**63, -(2**63),
           10**30, 0.5, 1e308, -0.0)  # fmt: skip
TEXTS = (
    "", "a", "../../etc/passwd", "/", "\\", "\0", "é" * 50, "x" * 10**4, "__class__", "os.system", "$array",
    "nan", "F64", "F32", "F16", "U8", "BF16", "O", "tanh", "softmax", "adam", "MLPClassifier", "Network",
    "params", "parameters",
)  # fmt: skip
TAGS = ("$array", "$number", "$floats", "$tuple", "$dict", "$texts", "$objects", "$float", "fastmlp")


def damaged(draw, data):
    """Return bytes that a disk or a network has made of others."""
    data = data or b"\0"
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


def hostile_npz(draw, data):
    """Return an .npz file with right checksums whose contents lie."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [[name, archive.read(name)] for name in archive.namelist()]
    for _ in range(draw.one(1, 1, 2)):
        member = draw.one(*members)
        kind = draw.one("header", "header", "header", "name", "data", "drop", "again", "long")
        if kind == "header":
            member[1] = other_header(draw, member[1])
        elif kind == "name":
            member[0] = draw.one(*TEXTS, "layers.9.weights.npy", "arr_0.npy").strip("\0") or "x"
        elif kind == "data":
            member[1] = damaged(draw, member[1])
        elif kind == "drop":
            members.remove(member)
        elif kind == "again":
            members.append(list(member))
        else:
            member[1] += bytes(10**6)
        if not members:
            break
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw.one(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)) as archive:
        for name, contents in members:
            archive.writestr(name, contents)
    return file.getvalue()


def other_header(draw, contents):
    """Return the bytes of an array in .npy's form whose header says something else of it."""
    try:
        header = ast.literal_eval(contents[10 : contents.index(b"\n")].decode())
        shape = list(header["shape"])
    except (ValueError, SyntaxError, KeyError, TypeError):  # it has been damaged already
        return damaged(draw, contents) or contents
    what = draw.one("shape", "shape", "shape", "dtype", "dtype", "order", "tree")
    if what == "shape":
        shape[draw.random.randint(len(shape))] = draw.one(*NUMBERS, *(n + 1 for n in shape if type(n) is int))
        header["shape"] = tuple(draw.one(shape, shape[:1], [*shape, 1], shape[::-1]))
    elif what == "dtype":
        header["descr"] = draw.one(
            "<f8", "<f4", "<f2", ">f8", "|O", "<i8", "|S8", "<U2", "<c16", "<M8[s]", "|V8", [("a", "<f8")]
        )  # fmt: skip
    elif what == "order":
        header["fortran_order"] = draw.one(True, None, 1, "x")
    else:
        change(draw, header)
    text = repr(header).encode(errors="replace")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return contents[:8] + struct.pack("<H", min(len(text), 65535)) + text + contents[128:]


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
