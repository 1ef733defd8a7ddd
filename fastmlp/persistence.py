"""Models as files.

A file is a header of 52 bytes (`HEADER`: a magic word, the format's version, the length and the
SHA-256 of the contents) followed by the model as dill writes it. The header is checked before
anything is unpickled: a file of another kind, of a later version, cut short or damaged is refused.
"""

import errno
import hashlib
import os
import secrets
import shutil
import stat
import struct
from contextlib import suppress
from pathlib import Path

from . import _checks

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

MAGIC = b"fastmlp\0"
FORMAT = 1
HEADER = struct.Struct("<8sIQ32s")  # magic, format, length, SHA-256


def save(model, path):
    """Write a model to a file, all of it or nothing.

    Parameters
    ----------
    model : Network or estimator
        Trained or not; a scikit-learn estimator around one too, such as a Pipeline.
    path : str or path-like
        A new name, or a regular file, which is replaced only when the new one is complete. What a link
        points to is written, not the link.

    Raises
    ------
    TypeError
        `model` is something else.
    ImportError
        dill is not installed: ``pip install fastmlp[persist]``.
    OSError
        The file cannot be written, or `path` is a folder, a device, a pipe or a socket; what is there is left
        as it was.

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
    path = _writable(path)
    contents = _dill().dumps(_checks.check_model(model))
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
        The file is not trusted, is no fastmlp model, is of another format, is damaged, or holds what this
        installation cannot read.
    """
    contents = _read_contents(Path(path))
    if trusted is not True:
        raise ValueError(
            f"{path} holds a model written by dill, and loading it can run code. "
            "If you trust where the file comes from, say so: load(path, trusted=True)"
        )
    dill = _dill()
    try:
        model = dill.loads(contents)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read ({type(error).__name__}: {error}): it needs the versions of Python and "
            "fastmlp that wrote it, and every module whose objects it holds; where these are, it is damaged"
        ) from error
    if not _checks.is_model(model):
        raise ValueError(f"{path} holds no model but {type(model).__name__}: fastmlp.save did not write it")
    return model


def write_atomically(path, *pieces):
    """Write bytes to a file so that no reader ever sees a part of them, not even after a power cut.

    `path` is a `_writable` one. What saves that were killed have left of the same name is removed.
    """
    own = f".{path.name[:40]}."
    _sweep(path.parent, own)
    file, temporary = _open_temporary(path, own)
    try:
        with file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, temporary)
            if fcntl is not None:
                os.replace(temporary, path)
        if fcntl is None:  # a file that is open cannot be renamed there
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # the new name itself is on the disk only once its folder is
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _open_temporary(path, own):
    """Return a new file beside `path`, locked while it is open, and its path."""
    while True:
        temporary = path.with_name(f"{own}{secrets.token_hex(8)}.tmp")
        file = open(temporary, "xb")
        if fcntl is not None:
            with suppress(OSError):  # some network drives have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return file, temporary
        file.close()  # another save took it for a dead one before it was locked


def _sweep(folder, own):
    """Remove temporary files whose names begin with `own`, where those who wrote them are gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(own) and entry.name.endswith(".tmp") and entry.is_file():
                with suppress(OSError):  # among others: it is locked
                    if fcntl is None:
                        os.unlink(entry.path)
                        continue
                    with open(entry.path, "rb") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(entry.path)


def _what(path):
    """Return what a path is, "file" for a regular one; None where there is nothing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    kinds = {
        stat.S_IFREG: "file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe (FIFO)",
        stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "no regular file")


def _writable(path):
    """Return the path that links lead to: a regular file, or nothing yet."""
    try:
        resolved = Path(path).resolve()
    except RuntimeError as error:  # links in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    if (what := _what(resolved)) not in (None, "file"):
        raise OSError(f"path must be a new name or a regular file; {path} is {what}, and is left as it is")
    return resolved


def _read_contents(path):
    if (what := _what(path)) not in (None, "file"):
        raise ValueError(f"{path} is not a fastmlp model but {what}: expected a file written by fastmlp.save")
    with open(path, "rb") as file:
        header = file.read(HEADER.size)
        if not header.startswith(MAGIC) or len(header) < HEADER.size:
            raise ValueError(f"{path} is not a fastmlp model: expected a file written by fastmlp.save")
        _, version, length, digest = HEADER.unpack(header)
        if version > FORMAT:
            raise ValueError(
                f"{path} has format {version}, this fastmlp reads up to {FORMAT}: update fastmlp to load it"
            )
        there = os.fstat(file.fileno()).st_size - HEADER.size
        whole = version == FORMAT and there == length
        contents = file.read(length) if whole else b""
    if not whole or hashlib.sha256(contents).digest() != digest:
        raise ValueError(
            f"{path} is truncated or altered: it holds {there} of {length} bytes, or not those that "
            "were written; save the model again"
        )
    return contents


def _dill():
    try:
        import dill
    except ImportError:
        raise ImportError("saving and loading models needs dill: pip install fastmlp[persist]") from None
    return dill
