"""Progress bars on standard error, where that is a terminal."""

import sys


class Silent:
    """What is told of progress where nobody sees it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, n=1):
        pass

    set_description_str = set_postfix_str = update


def progress(total, unit, what):
    """Return a bar: a context with `update`, `set_description_str` and `set_postfix_str`.

    Parameters
    ----------
    total : int or None
        How often `update` is called; None where that is not known.
    unit, what : str
        What is counted, and what goes on.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        return Silent()
    return tqdm(total=total, unit=unit, desc=what, file=sys.stderr, disable=None, leave=False)
