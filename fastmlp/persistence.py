"""Models as files.

A file is a header of 52 bytes (`HEADER`: a magic word, the format's version, the length and the
SHA-256 of the contents) followed by the model as dill writes it. The header is checked before
anything is unpickled: a file of another kind, of a later version, cut short or damaged is refused.
"""

import hashlib
import os
import secrets
import shutil
import struct
from pathlib import Path

MAGIC = b"fastmlp\0"
FORMAT = 1
HEADER = struct.Struct("<8sIQ32s")  # magic, format, length, SHA-256


def save(model, path):
    """Write a model to a file, all of it or nothing.

    Parameters
    ----------
    model : Network or estimator
        Trained or not.
    path : str or path-like
        An existing file is replaced only when the new one is complete.

    Raises
    ------
    ImportError
        dill is not installed: ``pip install fastmlp[persist]``.
    OSError
        The file cannot be written; an existing one is left as it was.

    See Also
    --------
    load : Read the model back.

    Examples
    --------
    >>> import os, tempfile
    >>> from fastmlp import Dense, Network, load, save
    >>> model = Network([Dense(units=1, activation="tanh", input_dim=2)], random_state=0).build()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, os.path.join(folder, "model.fastmlp"))
    ...     again = load(os.path.join(folder, "model.fastmlp"), trusted=True)
    >>> again.n_params
    3
    """
    contents = _dill().dumps(model)
    header = HEADER.pack(MAGIC, FORMAT, len(contents), hashlib.sha256(contents).digest())
    write_atomically(path, header, contents)


def load(path, *, trusted=False):
    """Read a model that `save` wrote.

    The file holds Python objects written by dill, and loading it can run any code that its author
    put in. Load only files from where you would also run a program, with the same versions of
    Python and fastmlp that wrote them.

    Parameters
    ----------
    path : str or path-like
    trusted : bool, default=False
        Must be True, to say that the file's origin is trusted.

    Returns
    -------
    model : Network or estimator

    Raises
    ------
    ValueError
        The file is not trusted, is no fastmlp model, is of a later format, or is damaged.
    """
    contents = _read_contents(path)
    if trusted is not True:
        raise ValueError(
            f"{path} holds a model written by dill, and loading it can run code. "
            "If you trust where the file comes from, say so: load(path, trusted=True)"
        )
    return _dill().loads(contents)


def write_atomically(path, *pieces):
    """Write bytes to a file so that no reader ever sees a part of them, not even after a power cut."""
    path = Path(path).resolve()  # replaces what a link points to, not the link
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # the new name itself is on the disk only once its folder is
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read_contents(path):
    with open(path, "rb") as file:
        header, contents = file.read(HEADER.size), file.read()
    if not header.startswith(MAGIC) or len(header) < HEADER.size:
        raise ValueError(f"{path} is not a fastmlp model: expected a file written by fastmlp.save")
    _, version, length, digest = HEADER.unpack(header)
    if version > FORMAT:
        raise ValueError(
            f"{path} has format {version}, this fastmlp reads up to {FORMAT}: update fastmlp to load it"
        )
    if len(contents) != length or hashlib.sha256(contents).digest() != digest:
        raise ValueError(
            f"{path} is truncated or altered: it holds {len(contents)} of {length} bytes, or not those that "
            "were written; save the model again"
        )
    return contents


def _dill():
    try:
        import dill
    except ImportError:
        raise ImportError("saving and loading models needs dill: pip install fastmlp[persist]") from None
    return dill
