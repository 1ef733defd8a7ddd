"""A table's file before it is a table: how it is packed and encoded, and the line that Excel puts first."""

import codecs
import gzip
import re
import zlib
from typing import NamedTuple

MAGIC = {b"PK": "a zip archive or an Excel file", b"PAR1": "a Parquet file"}
PACKED = b"\x1f\x8b"  # by gzip
EXCELS = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)  # the line that says the separator


class Source(NamedTuple):
    """A file of text lines.

    Attributes
    ----------
    path : path-like
    encoding : str
    packed : bool
        Whether its bytes are packed by gzip.
    separator : str or None
        The sign between columns, if the first line is but that.
    """

    path: object
    encoding: str
    packed: bool = False
    separator: str | None = None

    def open(self):
        """Return the file as text, open, at its first line of the table."""
        opened = gzip.open if self.packed else open
        file = opened(self.path, "rt", encoding=self.encoding, newline="")
        if self.separator is not None:
            file.readline()
        return file

    @property
    def for_pandas(self):
        """How `pandas.read_csv` reads it."""
        compression = "gzip" if self.packed else None
        return dict(encoding=self.encoding, compression=compression, skiprows=int(self.separator is not None))


def look(path, encoding, notes):
    """Return the Source that a file is, by its first bytes; raise where it is no text.

    Parameters
    ----------
    path : path-like
    encoding : str or None
        None: UTF-8, or UTF-16 where the file begins with its mark.
    notes : list of str
        What was noticed is appended to it.
    """
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        raise ValueError(f"{path} is empty")
    packed = start.startswith(PACKED)
    if packed:
        notes.append("the file is packed by gzip")
        try:
            with gzip.open(path) as file:
                start = file.read(4)
                while file.read(2**20):  # to its end, where its sum stands
                    pass
        except (OSError, EOFError, zlib.error):
            raise ValueError(f"{path} is packed by gzip, and damaged: get it anew") from None
        if not start:
            raise ValueError(f"{path} is packed by gzip, and empty")
    for magic, what in MAGIC.items():
        if start.startswith(magic):
            raise ValueError(f"{path} is no CSV file but {what}: save the table as CSV")
    if encoding is None and start.startswith(codecs.BOM_UTF8):
        notes.append("the file begins with a byte order mark, which is left away")
    if encoding is None and start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"
        notes.append("the file is in UTF-16")
    source = Source(path, encoding or "utf-8-sig", packed)
    with source.open() as file:
        said = EXCELS.fullmatch(file.readline(16))
    return source if said is None else source._replace(separator=said[1])
