"""What is read out of a data set's files, compressed or not: never more than the data set can hold."""

import gzip
import hashlib
import io
import lzma
import math
import tarfile
import zlib

import numpy as np

BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, tarfile.TarError)  # from unpacking


def damaged(path, why):
    """Raise for a file that is not what it should be."""
    raise ValueError(f"{path} is truncated or altered: {why}; replace it")


def read(path, limit):
    """Return the contents of a file, unpacked where its name ends in ``.gz``, of `limit` bytes at most."""
    if not path.is_file():
        damaged(path, "it is no regular file")
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        try:
            data = file.read(limit + 1)  # of a small file that unpacks to gigabytes no more than this
        except BROKEN as error:
            damaged(path, error)
    if len(data) > limit:
        damaged(path, f"it holds more than {limit} bytes")
    return data


def read_idx(path, *largest):
    """Return the array of an IDX file of bytes: two zero bytes, type 8, the number of axes, sizes, data.

    It has as many axes as there are sizes in `largest`; the first is the number of samples, at most that
    many, all others must be as given.
    """
    start = 4 + 4 * len(largest)
    data = read(path, start + math.prod(largest))
    if data[:4] != bytes((0, 0, 8, len(largest))):
        damaged(path, f"it begins with {data[:4].hex(' ')}, expected 00 00 08 {len(largest):02x}")
    if len(data) < start:
        damaged(path, "it ends before its sizes do")
    shape = tuple(np.frombuffer(data, ">u4", len(largest), 4).tolist())
    if not 0 < shape[0] <= largest[0] or shape[1:] != largest[1:]:
        damaged(path, f"its shape is {shape}, expected {largest}")
    if len(data) - start != math.prod(shape):
        damaged(path, f"it holds {len(data) - start} bytes of data, expected {math.prod(shape)}")
    # a copy: an array over `bytes` would be read-only
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def read_members(path, names, limit):
    """Return the contents of some files in a ``.tar.gz``, by name, each of `limit` bytes at most."""
    found = {}
    try:
        with (
            gzip.open(path) as unpacked,
            tarfile.open(fileobj=_Bounded(unpacked, (len(names) + 1) * limit), mode="r|") as archive,
        ):
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in names and member.isreg() and member.size <= limit:
                    found[name] = archive.extractfile(member).read()
    except BROKEN as error:
        damaged(path, error)
    if missing := [name for name in names if name not in found]:
        damaged(path, f"it holds no {missing[0]} of at most {limit} bytes")
    return found


def check_contents(name, data, expected):
    """Return contents whose SHA-256 must be `expected`."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        damaged(name, f"it holds {len(data)} bytes whose SHA-256 is {found}, expected {expected}")
    return data


class _Bounded(io.RawIOBase):
    """A file that ends the reading, by an OSError, beyond a number of bytes."""

    def __init__(self, file, limit):
        self.file, self.left = file, limit

    def read(self, size=-1):
        data = self.file.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(data)
        if self.left < 0:
            raise OSError("it unpacks to more than the data set holds")
        return data
