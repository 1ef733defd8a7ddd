"""Models as dill files: whatever Python objects a model holds, code of a user's own included.

A header of 52 bytes (`HEADER`: a magic word, the format's version, the length and the SHA-256 of the
contents) is followed by the model as dill writes it. The header is checked before anything is unpickled.
"""

import hashlib
import struct

from .. import _checks
from ..exceptions import ModelFileError
from .reading import first_bytes, opened, read_exactly

MAGIC = b"fastmlp\0"
FORMAT = 1
HEADER = struct.Struct("<8sIQ32s")  # magic, format, length, SHA-256


def write(model):
    """Return the pieces of the file of a model, or of a scikit-learn estimator around one."""
    contents = _dill().dumps(_checks.check_model(model))
    digest = hashlib.sha256(contents).digest()
    return [HEADER.pack(MAGIC, FORMAT, len(contents), digest), contents]


def read(path, trusted=False):
    """Return the model in a file.

    Raises
    ------
    ModelFileError
        It is none that can be loaded here, or it is not trusted.
    """
    with opened(path) as (file, size):
        header = bytes(file.read(HEADER.size))
        if not header.startswith(MAGIC) or len(header) < HEADER.size:
            raise ModelFileError(f"is no .dill file of fastmlp.save{_other(header)}")
        _, version, length, digest = HEADER.unpack(header)
        if version > FORMAT:
            raise ModelFileError(f"has format {version}, this fastmlp reads up to {FORMAT}: update fastmlp")
        there = size - HEADER.size
        if version < 1 or there != length:
            raise ModelFileError(
                f"is truncated or altered: it has format {version}, and {there} of {length} bytes; save the "
                "model again"
            )
        if trusted is not True:
            raise ModelFileError(
                "holds a model written by dill, and loading it can run code. If you trust where the file "
                "comes from, say so: load(path, trusted=True)"
            )
        contents = read_exactly(file, length)
    if hashlib.sha256(contents).digest() != digest:
        raise ModelFileError(f"{path} is truncated or altered: its SHA-256 is another; save the model again")
    dill = _dill()
    try:
        model = dill.loads(contents)
    except MemoryError:
        raise
    except ModelFileError as error:  # a model of a later version
        raise ModelFileError(f"{path}: {error}") from error
    except Exception as error:
        raise ModelFileError(
            f"{path} cannot be read ({type(error).__name__}: {error}): it needs every module whose objects "
            "it holds, and versions of Python and fastmlp that go with those that wrote it; where these are "
            "there, it is damaged"
        ) from error
    if not _checks.is_model(model):
        raise ModelFileError(
            f"{path} holds no model but {type(model).__name__}: fastmlp.save did not write it"
        )
    return model


def _other(header):
    other = first_bytes(header)
    return "" if header.startswith(MAGIC) else other


def _dill():
    try:
        import dill
    except ImportError:
        raise ImportError(".dill files need dill: pip install fastmlp[persist]") from None
    return dill
