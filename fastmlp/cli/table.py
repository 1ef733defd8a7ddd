"""Tables as they come: CSV read by pandas, once encoding, separator and rows are known to be sound."""

import csv
from typing import NamedTuple

from .. import _checks
from . import notation
from .command import some
from .source import look

SEPARATORS = ",;\t|"
MISSING = ("?",)  # beside what pandas takes for missing: nothing, NA, NaN, null, None and the like
DECIMAL_COMMA = r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?"
CODE = r"\s*0\d+\s*"  # 01 or 00123: no number is written so, but a code is
FEWEST_CODES = (
    0.01  # of a column's values, for it to be a column of codes: 5 % of Germany's postcodes begin with 0
)


class Table(NamedTuple):
    """A table and what was noticed while it was read.

    Attributes
    ----------
    frame : DataFrame
        Columns are numbers, or texts.
    commas : bool
        Whether decimal commas may be meant: the separator is another.
    notes : list of str
    codes : set of str
        Names of columns of texts that may look like numbers, but some of them begin with 0.
    """

    frame: object
    commas: bool
    notes: list
    codes: frozenset = frozenset()


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
    try:
        source = look(path, encoding, notes)
        separator = separator or source.separator or _separator(source)
        names = _scan(source, separator, notes)
    except UnicodeError as error:
        found = f" ({error.reason} at byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        named = (encoding or ("utf-16" if "the file is in UTF-16" in notes else "utf-8")).upper()
        raise ValueError(
            f"{path} is not text in {named}{found}: save it so, or say its encoding, such as "
            "--encoding latin-1"
        ) from None
    except LookupError:
        raise ValueError(
            f"--encoding {encoding!r} is none that Python knows, such as utf-8 or latin-1"
        ) from None
    if separator != ",":
        notes.append(f"columns are separated by {SEPARATOR_NAMES.get(separator, repr(separator))}")
    how = dict(sep=separator, header=0, names=names, index_col=False, low_memory=False)
    how |= dict(na_values=MISSING, skipinitialspace=True) | source.for_pandas
    frame = pd.read_csv(path, dtype=dict.fromkeys(set(texts) & set(names), str), **how)
    rest = [name for name in names if name not in texts and not _is_number(frame[name])]
    written = [*rest, *(name for name in names if name not in texts and _is_whole(frame[name]))]
    codes = set()
    if written:  # as they are written: pandas makes True of "true", and 1 of "01"
        spelled = pd.read_csv(path, dtype=str, usecols=written, **how)
        codes = {name for name in written if _are_codes(spelled[name])}
        rest = [name for name in written if name in rest or name in codes]
        frame[rest] = spelled[rest]
        notes += [f"{name}: texts, for some are no numbers but begin with 0" for name in sorted(codes)]
    commas, spelled = separator != ",", frame[[name for name in rest if name not in codes]]
    if commas and notation.has_commas(map(_different, spelled.items())):  # then 1.234 may mean 1234
        decimals = [name for name in names if name not in texts and pd.api.types.is_float_dtype(frame[name])]
        spelled = pd.read_csv(path, dtype=str, usecols=[*spelled, *decimals], **how)[[*spelled, *decimals]]
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
    return Table(frame, commas, notes, codes)


def _different(item):
    """Return the name of a column, and its different texts."""
    name, column = item
    return name, column.dropna().str.strip().unique().tolist()


SEPARATOR_NAMES = {";": "semicolons", "\t": "tabs", "|": "bars"}


def _is_number(column):
    types = pandas().api.types
    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column)


def _is_whole(column):
    """Whether all numbers of a column are whole, as codes may be: 01 is 1 here."""
    return pandas().api.types.is_integer_dtype(column) or (
        pandas().api.types.is_float_dtype(column) and bool((column.dropna() % 1 == 0).all())
    )


def _are_codes(column):
    """Whether texts are codes rather than numbers: those that begin with 0 are more than a slip."""
    there = column.dropna()
    n = there.str.fullmatch(CODE).sum()
    return n > 0 and n >= FEWEST_CODES * len(there)


def _separator(source):
    """Return the sign that splits the first lines into equally many fields, the most of them."""
    best = (0, ",")
    for sign in SEPARATORS:
        with source.open() as file:
            rows = [row for row, _ in zip(csv.reader(file, delimiter=sign), range(20), strict=False) if row]
        lengths = {len(row) for row in rows}
        if len(lengths) == 1 and (n := lengths.pop()) > max(1, best[0]):
            best = (n, sign)
    return best[1]


def _scan(source, separator, notes):
    """Return the names of the columns; raise where a line has more or fewer fields than there are names."""
    names, path = None, source.path
    with source.open() as file:
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
