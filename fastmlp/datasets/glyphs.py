"""Ten digits, drawn on 7 rows of 5 pixels for this package."""

import numpy as np

from ._bunch import pair

# One line of drawing per pixel row, the digits side by side.
DRAWING = """
.###.  ..#..  ####.  #####  #..#.  #####  ...##  #####  .###.  .####
##.##  .##..  ....#  ....#  #..#.  #....  .##..  #...#  #...#  #...#
#...#  #.#..  ....#  ....#  #..#.  #....  #....  ...#.  #...#  #...#
#...#  ..#..  .###.  .####  #####  #####  ####.  ...#.  #####  .####
#...#  ..#..  #....  ....#  ...#.  ....#  #...#  ..#..  #...#  ....#
##.##  ..#..  #....  ....#  ...#.  ....#  #...#  ..#..  #...#  ...#.
.###.  #####  #####  #####  ...#.  ####.  .###.  ..#..  .###.  ###..
"""


def load_glyphs(*, as_bunch=False):
    """Return ten digit glyphs of 7 x 5 pixels.

    Parameters
    ----------
    as_bunch : bool, default=False
        Return scikit-learn's ``Bunch`` with ``data`` (flattened, shape (10, 35)), ``images``,
        ``target``, ``target_names`` and ``DESCR`` instead of a pair.

    Returns
    -------
    X : ndarray of shape (10, 7, 5), uint8
        1 where a pixel is set, else 0. A network takes them flattened: ``X.reshape(10, 35)``.
    y : ndarray of shape (10,), uint8
        The digits 0 to 9.

    Examples
    --------
    >>> from fastmlp.datasets import load_glyphs
    >>> X, y = load_glyphs()
    >>> print("\\n".join("".join(".#"[pixel] for pixel in row) for row in X[7]))
    #####
    #...#
    ...#.
    ...#.
    ..#..
    ..#..
    ..#..
    """
    lines = [line.split() for line in DRAWING.split("\n") if line]
    X = np.array([[[pixel == "#" for pixel in line[k]] for line in lines] for k in range(10)], np.uint8)
    y = np.arange(10, dtype=np.uint8)
    about, names = "Ten digits drawn on 7 x 5 pixels, 1 where a pixel is set.", [str(k) for k in y]
    return pair(X, y, as_bunch, data=X.reshape(10, 35), images=X, target_names=names, DESCR=about)
