"""Numbers as people write them: 1,234.5 or 1.234,5 or 1 234,5; with % or a currency; a dash where none is.

Which of them a column means is told by all of its values, and where they do not say, by the other columns.
Texts become numbers as Python reads them, once, before rows are parted into those to train on and others.
"""

import re

MISSING = (
    "-",
    "--",
    "\u2013",
    "\u2014",
    ".",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NUM!",
    "#NAME?",
)  # among numbers only
MONEY = r"[$€£¥]|EUR|USD|GBP|CHF|JPY"
SIGNS = re.compile(
    rf"(?P<minus>[-+\u2212]?)\s*(?:{MONEY})?\s*(?P<number>[-+\u2212]?\d.*?)\s*(?:(?:{MONEY})|(?P<percent>%))?"
)
PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
DOT = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")  # 1,234,567.8
COMMA = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")  # 1.234.567,8
COMMA_ALONE = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
SPACED = re.compile(r"[-+]?[1-9]\d{0,2}([ '\u2019\u00a0\u202f]\d{3})+([.,]\d+)?")
EITHER = re.compile(r"[-+]?[1-9]\d{0,2}[.,]\d{3}")  # 1,234: of either kind


class Column:
    """The different texts of a column, and what they tell of how its numbers are written.

    Parameters
    ----------
    texts : iterable of str
    """

    def __init__(self, texts):
        self.bare, self.signs = {}, set()
        for text in texts:
            found = SIGNS.fullmatch(text)
            bare = text
            if found:
                bare = (found["minus"] + found["number"]).replace("\u2212", "-")
                self.signs.add("percent" if found["percent"] else "none" if bare == text else "other")
            self.bare[text] = bare
        values = [bare for bare in self.bare.values() if not EITHER.fullmatch(bare)]
        self.dots = any(DOT.fullmatch(v) or ("." in v and PLAIN.fullmatch(v)) for v in values)
        self.commas = any(COMMA.fullmatch(v) or COMMA_ALONE.fullmatch(v) for v in values)

    @property
    def point(self):
        """The decimal sign that the values themselves tell; None where they tell none, or both."""
        return None if self.dots == self.commas else "." if self.dots else ","

    def numbers(self, point, commas):
        """Return {text: the number as Python writes it} of those that are numbers, and what was noticed.

        Parameters
        ----------
        point : {".", ",", None}
            The decimal sign of the table; None: what is written stands.
        commas : bool
            Whether a comma is decimal where nothing tells otherwise.
        """
        point = self.point or (None if self.dots and self.commas else point)
        groups, found, noticed = {".": DOT, ",": COMMA}.get(point), {}, set()
        for text, bare in self.bare.items():
            if text in MISSING:
                noticed.add("dashes and the like are missing values")
            elif groups and groups.fullmatch(bare):
                found[text] = bare.replace("," if point == "." else ".", "").replace(",", ".")
                noticed.add("commas part thousands" if point == "." else "dots part thousands")
            elif SPACED.fullmatch(bare):
                found[text] = re.sub(r"[ '\u2019\u00a0\u202f]", "", bare).replace(",", ".")
                noticed.add("thousands stand apart")
            elif PLAIN.fullmatch(bare):
                found[text] = bare
            elif COMMA_ALONE.fullmatch(bare) and (commas or point == ","):
                found[text] = bare.replace(",", ".")
                noticed.add("decimal commas")
        if "percent" in self.signs:
            noticed.add("percent signs are left away")
        if "other" in self.signs:
            noticed.add("signs beside the numbers are left away")
        return found, noticed


def has_commas(columns):
    """Return whether some of the columns, each a name and different texts, hold numbers with commas."""
    bare = (text for _, texts in columns for text in Column(texts).bare.values() if "," in text)
    return any(kind.fullmatch(text) for text in bare for kind in (COMMA_ALONE, COMMA, DOT))


def rewrite(columns, commas):
    """Return {name: (numbers, noticed)} of the columns whose texts are numbers in another notation.

    Parameters
    ----------
    columns : dict of iterable of str
        The different texts of each column, by its name.
    commas : bool
        Whether a comma is decimal where nothing tells otherwise.

    Returns
    -------
    dict of (dict of str, set of str)
        What each text becomes, and what was noticed; a text that is no number is not among them.
    """
    known = {name: Column(texts) for name, texts in columns.items()}
    told = {column.point for column in known.values()} - {None}
    point = told.pop() if len(told) == 1 else None if told or commas else "."
    result = {}
    for name, column in known.items():
        if "percent" in column.signs and len(column.signs) > 1:
            continue  # 5 % and 0.05 in one column: nobody knows
        numbers, noticed = column.numbers(point, commas)
        plain = not noticed or (commas and noticed == {"decimal commas"})
        if numbers and not plain:
            result[name] = numbers, noticed
    return result
