"""Files that are written: all of one or nothing, and no litter of those whose writer was killed."""

import errno
import os
import re
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from ..kernels.interrupts import held
from .reading import kind_of

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]


def writable(path):
    """Return the path that links lead to: a regular file, or nothing yet."""
    try:
        resolved = Path(path).resolve()
    except RuntimeError as error:  # links in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    try:
        mode = resolved.stat().st_mode
    except FileNotFoundError:
        return resolved
    if not stat.S_ISREG(mode):
        what = kind_of(mode)
        raise OSError(f"path must be a new name or a regular file; {path} is {what}, and is left as it is")
    return resolved


def write_atomically(path, *pieces):
    """Write bytes to a file so that no reader ever sees a part of them, not even after a power cut.

    `path` is a `writable` one. What saves that were killed have left of the same name is removed. Ctrl-C
    waits until the file is there: between any two lines it could leave the temporary one behind.
    """
    with held():
        _write(path, pieces)


def _write(path, pieces):
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
        try:
            file = open(temporary, "xb")
        except OSError as error:
            error.filename = str(path)  # what was asked for
            raise
        try:
            if fcntl is not None:
                with suppress(OSError):  # some network drives have no locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            if temporary.exists():
                return file, temporary
        except BaseException:
            temporary.unlink(missing_ok=True)
            file.close()
            raise
        file.close()  # another save took it for a dead one before it was locked


def _sweep(folder, own):
    """Remove temporary files whose names begin with `own`, where those who wrote them are gone."""
    ours = re.compile(re.escape(own) + r"[0-9a-f]{16}\.tmp")
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):  # among others: it is locked
                    if fcntl is None:
                        os.unlink(entry.path)
                        continue
                    with open(entry.path, "rb") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(entry.path)
