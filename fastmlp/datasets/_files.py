"""Where the files of the larger data sets are found, and how they are downloaded.

The order is: the folder that the caller names (then only there), the folder ``FASTMLP_DATA``, the
cache (``FASTMLP_CACHE``, else the system's cache folder), a download into the cache. Every file has
a pinned SHA-256; one that differs is refused, and downloaded again where it lies in the cache.
"""

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from ._sources import SOURCES

TIMEOUT = 15  # seconds without an answer from a mirror before the next one is tried


def find(source, name, folder=None, *, download=True):
    """Return the path of one file of a data set, verified.

    Raises
    ------
    FileNotFoundError
        The file is nowhere and cannot be downloaded; the message says how to provide it.
    ValueError
        A file of that name is there but its contents differ from the pinned ones.
    """
    path = find_local(source, name, folder)
    if path is not None:
        return path
    if folder is not None:
        raise FileNotFoundError(
            f"{source.title}: no {name} in {folder}, nor in its subfolder {source.folder}"
        )
    return _find_cached(source, name, download)


def find_local(source, name, folder=None):
    """Return the path of a file in `folder`, else in ``FASTMLP_DATA``, or None."""
    root = folder if folder is not None else os.environ.get("FASTMLP_DATA")
    if not root:
        return None
    named, shared = Path(root) / source.folder / name, Path(root) / name
    for path in (named, shared):
        if not path.is_file():
            continue
        expected = source.files.get(name)
        found = sha256(path) if expected else None
        if found == expected:
            return path
        # MNIST and Fashion-MNIST name their files alike: the other one's file is no damaged file of this one
        if any(found in other.files.values() for other in SOURCES):
            continue
        raise ValueError(
            f"{path} is not {source.title}'s: its SHA-256 is {found}, expected {expected}. "
            f"It is truncated or altered; replace it by {(*source.mirrors, 'the original ')[0]}{name}"
        )
    return None


def cache_folder():
    """Return the folder that downloads are kept in, or None where it cannot be told."""
    if os.environ.get("FASTMLP_CACHE"):
        return Path(os.environ["FASTMLP_CACHE"])
    try:
        import pooch
    except ImportError:
        return None
    return pooch.os_cache("fastmlp")


def sha256(path):
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find_cached(source, name, download):
    cache, reasons = cache_folder(), []
    cached = cache / source.folder / name if cache else None
    if cached and cached.is_file():
        if sha256(cached) == source.files[name]:
            return cached
        reasons.append(f"{cached} is truncated or altered")
    if not download:
        raise FileNotFoundError(_how_to_provide(source, name, cache, [*reasons, "download=False"]))
    try:
        import pooch
    except ImportError:
        reasons.append("downloads need pooch: pip install fastmlp[data]")
        raise FileNotFoundError(_how_to_provide(source, name, cache, reasons)) from None
    for mirror in source.mirrors:
        try:
            pooch.retrieve(
                mirror + name,
                known_hash=source.files[name],
                fname=name,
                path=cached.parent,
                downloader=_Resume(cached.with_name(name + ".part")),
            )
            return cached
        except (OSError, ValueError) as error:  # no connection, or contents that differ from the pinned ones
            reasons.append(f"{mirror}: {error}")
    raise FileNotFoundError(_how_to_provide(source, name, cache, reasons))


class _Resume:
    """A downloader for pooch that goes on where a broken download stopped.

    What has arrived stays in `part` until the file is complete; pooch then checks it and puts it in
    place in one step.
    """

    def __init__(self, part):
        self.part = part

    def __call__(self, url, output_file, _):
        have = self.part.stat().st_size if self.part.is_file() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                resumed = answer.status == 206
                total = int(answer.headers.get("Content-Length") or 0) + (have if resumed else 0)
                with open(self.part, "ab" if resumed else "wb") as file:
                    shutil.copyfileobj(answer, file, 1 << 20)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise
            self.part.unlink()  # nothing is missing from it, yet it was not taken: begin again
            return self(url, output_file, _)
        # urlopen reports a connection that closed early only by the missing bytes
        if total and self.part.stat().st_size < total:
            raise ConnectionError(f"only {self.part.stat().st_size} of {total} bytes arrived")
        os.replace(self.part, output_file)


def _how_to_provide(source, name, cache, reasons):
    where = f", or into {cache / source.folder}" if cache else ""
    failed = " and could not be downloaded" if source.mirrors else ""
    return (
        f"{source.title}: {name} was not found{failed}. To provide it, put "
        f"{', '.join(source.files)} into a folder named {source.folder} and set FASTMLP_DATA to the folder "
        f"above it, pass folder=...{where}.\nTried: " + "; ".join(reasons)
    )
