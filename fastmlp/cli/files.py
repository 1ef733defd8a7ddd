"""Where results go: refused before anything is computed where they cannot be written, whole or not at all."""

import errno
import io
import os
from pathlib import Path

from ..formats.writing import writable, write_atomically


def new_folder(path):
    """Return a folder, made where there is none, that can be written to."""
    path.mkdir(parents=True, exist_ok=True)
    _check_folder(path)
    return path


def new_file(path, *others):
    """Return the path of a file to come, whose folder can be written to, and which is none of `others`."""
    path = Path(path)
    if writable(path) in [Path(other).resolve() for other in others]:
        raise ValueError(f"{path} is read or written already: it would be lost")
    _check_folder(path.parent)
    return path


def write(path, content):
    """Write bytes to a file, all or none; return its path."""
    write_atomically(writable(path), content)
    return path


def png(figure):
    """Return a figure as PNG, on white."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=144, bbox_inches="tight", facecolor="white")
    return picture.getvalue()


def _check_folder(path):
    for wrong, number in ((not path.is_dir(), errno.ENOENT), (not os.access(path, os.W_OK), errno.EACCES)):
        if wrong:
            raise OSError(number, os.strerror(number), str(path))
