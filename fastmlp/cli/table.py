"""Tables as they come: CSV read by pandas, once encoding, separator and rows are known to be sound."""

import codecs
import csv
from typing import NamedTuple

from .. import _checks
from . import notation
from .command import some

SEPARATORS = ",;\t|"
MISSING = ("?",)  # beside what pandas takes for missing: nothing, NA, NaN, null, None and the like
MAGIC = {b"PK": "a zip archive or an Excel file", b"\x1f\x8b": "packed by gzip", b"PAR1": "a Parquet file"}
DECIMAL_COMMA = r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?"


class Table(NamedTuple):
    """A table and what was noticed while it was read.

    Attributes
    ----------
    frame : DataFrame
        Columns are numbers, or texts.
    commas : bool
        Whether decimal commas may be meant: the separator is another.
    notes : list of str
    """

    frame: object
    commas: bool
    notes: list


def pandas():
    """Import pandas."""
    try:
        import pandas
    except ImportError:
        raise ImportError("tables are read by pandas: pip install 'fastmlp[cli]'") from None
    return pandas


def read(path, *, separator=None, encoding=None, texts=(), least=0.9):
    """Return the Table in a CSV file, whose first line names the columns.

    Parameters
    ----------
    path : path-like
    separator : str, default=None
        None: the one that splits the first lines into equally many fields.
    encoding : str, default=None
        None: UTF-8, with or without a byte order mark.
    texts : collection of str
        Names of columns to be read as texts, whatever they look like.
    least : float, default=0.9
        The share of a column's texts that must be numbers for them to be read as such.
    """
    pd, notes = pandas(), []
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        raise ValueError(f"{path} is empty")
    for magic, what in MAGIC.items():
        if start.startswith(magic):
            raise ValueError(f"{path} is no CSV file but {what}: save the table as CSV")
    if start.startswith(b"\xef\xbb\xbf") and encoding is None:
        notes.append("the file begins with a byte order mark, which is left away")
    if encoding is None and start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"
        notes.append("the file is in UTF-16")
    encoding = encoding or "utf-8-sig"
    try:
        separator = separator or _separator(path, encoding)
        names = _scan(path, encoding, separator, notes)
    except UnicodeError as error:
        found = f" ({error.reason} at byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise ValueError(
            f"{path} is not text in {encoding.removesuffix('-sig').upper()}{found}: save it so, or say its "
            "encoding, such as --encoding latin-1"
        ) from None
    except LookupError:
        raise ValueError(
            f"--encoding {encoding!r} is none that Python knows, such as utf-8 or latin-1"
        ) from None
    if separator != ",":
        notes.append(f"columns are separated by {SEPARATOR_NAMES.get(separator, repr(separator))}")
    how = dict(sep=separator, encoding=encoding, header=0, names=names, index_col=False, low_memory=False)
    how |= dict(na_values=MISSING, skipinitialspace=True, compression=None)
    frame = pd.read_csv(path, dtype=dict.fromkeys(set(texts) & set(names), str), **how)
    rest = [name for name in names if name not in texts and not _is_number(frame[name])]
    if rest:  # as they are written: pandas makes True of "true"
        frame[rest] = pd.read_csv(path, dtype=str, usecols=rest, **how)[rest]
    commas, spelled = separator != ",", frame[rest]
    if commas and notation.has_commas(map(_different, spelled.items())):  # then 1.234 may mean 1234
        decimals = [name for name in names if name not in texts and pd.api.types.is_float_dtype(frame[name])]
        spelled = pd.read_csv(path, dtype=str, usecols=[*rest, *decimals], **how)[[*rest, *decimals]]
    for name, (numbers, noticed) in notation.rewrite(dict(map(_different, spelled.items())), commas).items():
        column = spelled[name].str.strip()
        there = column.notna() & ~column.isin(notation.MISSING)
        wrong = column[there & ~column.isin(numbers)]
        if len(wrong) > (1 - least) * there.sum():
            continue
        frame[name] = pd.to_numeric(column.map(numbers))
        notes += [f"{name}: {what}" for what in sorted(noticed)]
        if len(wrong):
            notes.append(
                f"{name}: {len(wrong)} of {there.sum()} are no numbers, as {some(wrong)}: taken as missing"
            )
    return Table(frame, commas, notes)


def _different(item):
    """Return the name of a column, and its different texts."""
    name, column = item
    return name, column.dropna().str.strip().unique().tolist()


SEPARATOR_NAMES = {";": "semicolons", "\t": "tabs", "|": "bars"}


def _is_number(column):
    types = pandas().api.types
    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column)


def _separator(path, encoding):
    """Return the sign that splits the first lines into equally many fields, the most of them."""
    best = (0, ",")
    for sign in SEPARATORS:
        with open(path, newline="", encoding=encoding) as file:
            rows = [row for row, _ in zip(csv.reader(file, delimiter=sign), range(20), strict=False) if row]
        lengths = {len(row) for row in rows}
        if len(lengths) == 1 and (n := lengths.pop()) > max(1, best[0]):
            best = (n, sign)
    return best[1]


def _scan(path, encoding, separator, notes):
    """Return the names of the columns; raise where a line has more or fewer fields than there are names."""
    names = None
    with open(path, newline="", encoding=encoding) as file:
        reader = csv.reader(file, delimiter=separator, strict=True, skipinitialspace=True)
        try:
            for row in reader:
                if names is None and row:
                    names = [name.strip() for name in row]
                elif row and len(row) != len(names):
                    raise ValueError(
                        f"{path}: line {reader.line_num} has {len(row)} fields, the first line names "
                        f"{len(names)} columns: every line must have as many"
                    )
        except csv.Error as error:
            what = "a quote is opened and not closed" if "end of data" in str(error) else error
            raise ValueError(f"{path} is no CSV file: line {reader.line_num}: {what}") from None
    if not names or any("\0" in name for name in names):
        raise ValueError(f"{path} is no CSV file: its first line names no columns")
    for k, name in enumerate(names):
        if not name:
            names[k] = f"column {k + 1}"
            notes.append(f"column {k + 1} has no name in the first line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: columns must have names of their own; twice there is {', '.join(twice)}")
    return names


def check_column(name, frame, what):
    """Return the name of a column that must be there."""
    if name not in frame.columns:
        known = list(map(str, frame.columns))
        hint = _checks.did_you_mean(name, known)
        shown = ", ".join(known[:20]) + (f", ... ({len(known)})" if len(known) > 20 else "")
        if len(known) == 1:
            hint = "a single one; is it another sign that stands between columns (--separator)?"
        raise ValueError(f"{what} {name!r} is no column of the table; there are {shown}{hint and ': '}{hint}")
    return name


def as_numbers(column, commas):
    """Return a column as floats, NaN for what is none.

    Parameters
    ----------
    column : Series
    commas : bool
        Whether "3,14" is a number.

    Returns
    -------
    values : ndarray of float64
    wrong : list of str
        Some of what is there and is no finite number.
    n_wrong : int
    has_commas : bool
    """
    import numpy as np

    pd = pandas()
    if _is_number(column):
        values, has_commas = column.to_numpy(np.float64, na_value=np.nan, copy=True), False
    else:
        text = column.astype("object").where(column.notna(), None).str.strip()
        with_comma = text.str.fullmatch(DECIMAL_COMMA, na=False).astype(bool) & commas
        has_commas = bool(with_comma.any())
        text = text.where(~with_comma, text.str.replace(",", ".", regex=False))
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
    wrong = ~np.isfinite(values) & column.notna().to_numpy()
    values[wrong] = np.nan
    examples = [str(value) for value in column[wrong].unique()[:3]]
    return values, examples, int(wrong.sum()), has_commas
