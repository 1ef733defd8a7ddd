"""Files that are read: regular ones only, no more of them than is looked at, every error by one name."""

import os
import stat
from contextlib import contextmanager

from ..exceptions import ModelFileError

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe (FIFO)", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
MAGIC = {
    b"\x80": "it begins as a pickle does: what such a file holds is code",
    b"fastmlp\0": "it begins as fastmlp's .dill files do: give it that suffix",
    b"PK\x03\x04": "it begins as a zip archive does, such as NumPy's .npz or PyTorch's .pt",
    b"\x89HDF": "it begins as an HDF5 file does, such as Keras's .h5",
    b"\x1f\x8b": "it begins as a file packed by gzip does",
}
MOST_SAID = 600  # characters of what is wrong with a file


def kind_of(mode):
    """Return what a path is by its mode."""
    return KINDS.get(stat.S_IFMT(mode), "no regular file")


@contextmanager
def opened(path):
    """Open a file to read; yield it and its size.

    Inside, whatever shows that it is no model becomes a ModelFileError that begins with its path.
    """
    descriptor = _open(path)
    try:
        found = os.fstat(descriptor)
        _refuse_special(path, found.st_mode)
        file = open(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise
    with file:
        try:
            yield file, found.st_size
        except MemoryError:
            raise
        except OSError as error:  # a read knows no name
            error.filename = error.filename or str(path)
            raise
        except ModelFileError as error:
            what = " ".join(str(error).split())  # may quote names in the file, of any length
            what = what if len(what) <= MOST_SAID else f"{what[:MOST_SAID]}..."
            raise ModelFileError(f"{path} {what}") from error.__cause__
        except Exception as error:  # what is built of a file's contents says what is wrong with them
            what = " ".join(str(error).split())[:MOST_SAID]
            raise ModelFileError(f"{path} holds what is no model ({type(error).__name__}: {what})") from error


def _open(path):
    """Return a descriptor of a path; one that is a pipe or a terminal does not wait for who is at its end."""
    flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_CLOEXEC"))
    try:
        return os.open(path, sum(flags, os.O_RDONLY))
    except FileNotFoundError:
        raise
    except OSError:  # a socket cannot be opened, nor can a folder everywhere
        _refuse_special(path, os.stat(path).st_mode)
        raise


def _refuse_special(path, mode):
    """Raise where a path leads to no regular file."""
    if not stat.S_ISREG(mode):
        raise ModelFileError(f"{path} is not a model file but {kind_of(mode)}: expected a fastmlp model")


def read_exactly(file, n):
    """Return the next `n` bytes."""
    data = bytearray(n)
    read_into(file, data)
    return data


def read_into(file, data):
    """Fill a buffer with the next bytes of a file."""
    view, n = memoryview(data).cast("B"), 0
    while n < len(view):
        got = file.readinto(view[n:])
        if not got:
            raise ModelFileError(f"is cut short: {len(view) - n} bytes are missing; save the model again")
        n += got


def first_bytes(data):
    """Return what a file is by its first bytes, in a few words; nothing where that is not known."""
    if not data:
        return ": it is empty"
    return next((f": {what}" for magic, what in MAGIC.items() if data.startswith(magic)), "")
