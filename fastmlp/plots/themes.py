"""One style for all displays, on light and on dark backgrounds.

Sizes, lines and the grid are the package's; colours of text and background are the user's: those of
matplotlib's ``rcParams``, or what `style` sets for a while. Colours of what is drawn are chosen by the
background of the axes.
"""

import functools
from contextlib import contextmanager

from ..background import is_dark, pyplot

# Ten colours each, of a contrast to the background of 3 to 1 and more, told apart with normal sight and with
# each of three kinds of colour-blindness as Machado, Oliveira and Fernandes (2009) simulate them: OKLab
# distances of 0.1 and more.
ON_LIGHT = (
    "#5b61fe", "#e77604", "#731d17", "#2aa1c7", "#127740",
    "#909881", "#d60d00", "#9a6288", "#5e30c1", "#763e76",
)  # fmt: skip
ON_DARK = (
    "#49cdff", "#fdc03b", "#b83400", "#0a5dff", "#b6d2bb",
    "#938584", "#e05e05", "#983cad", "#b0ae78", "#66686b",
)  # fmt: skip
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X<>"
SIZES = {
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.labelsize": "medium",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.fontsize": "medium",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
PAPER, INK = {"light": "#ffffff", "dark": "#14181e"}, {"light": "#1c1e21", "dark": "#e6e6e6"}
THEMES = {
    theme: {name: PAPER[theme] for name in ("figure.facecolor", "axes.facecolor", "savefig.facecolor")}
    | {name: INK[theme] for name in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
                                     "ytick.color", "axes.titlecolor", "legend.labelcolor")}
    for theme in PAPER
}  # fmt: skip


@contextmanager
def style(theme=None):
    """Draw in the package's style for a while: displays, and pictures of one's own beside them.

    Parameters
    ----------
    theme : {"light", "dark"}, default=None
        Colours of text and background. None: those of matplotlib's ``rcParams``, so that
        ``plt.style.use("dark_background")`` holds.

    Examples
    --------
    >>> from fastmlp.plots import LossCurveDisplay, style
    >>> with style("dark"):
    ...     figure = LossCurveDisplay([0.9, 0.5, 0.3]).plot().figure_
    >>> figure.get_facecolor()[0] < 0.1
    True
    """
    if theme is not None and theme not in THEMES:
        raise ValueError(f"theme must be 'light', 'dark' or None; got {theme!r}")
    with pyplot().rc_context(SIZES | THEMES.get(theme, {})):
        yield


def styled(draw):
    """Let a method draw in the package's style."""

    @functools.wraps(draw)
    def drawn(*args, **options):
        with style():
            return draw(*args, **options)

    return drawn


def colour(k, ax):
    """Return the colour of the k-th line, area or class on the background of `ax`."""
    known = ON_DARK if is_dark(ax) else ON_LIGHT
    return known[k % len(known)]


def of_line(k, ax):
    """Return how the k-th line is drawn: 440 of them are told apart by colour, dashes and marks."""
    options = {"color": colour(k, ax), "linestyle": DASHES[k // 10 % len(DASHES)]}
    if k >= 40:
        options |= {"marker": MARKERS[(k // 40 - 1) % len(MARKERS)], "markevery": 0.1, "markersize": 5}
    return options


def diverging(ax, soft=False):
    """Return a colormap from blue over the background to orange; a soft one lies under samples."""
    from matplotlib.colors import LinearSegmentedColormap

    light = ("#0b3c77", "#3f8fd9", "#ffffff", "#e88a1a", "#8a3a00")
    dark = ("#b5dcff", "#3f8fd9", PAPER["dark"], "#e07a10", "#ffd6a3")
    if soft:
        light, dark = ("#8fbce8", "#ffffff", "#f3b878"), ("#24517f", PAPER["dark"], "#7d4a12")
    return LinearSegmentedColormap.from_list("fastmlp diverging", dark if is_dark(ax) else light)


def sequential(ax):
    """Return a colormap from the background of `ax` to blue."""
    from matplotlib.colors import LinearSegmentedColormap

    light, dark = ("#ffffff", "#5b9bd5", "#0b3c77"), (PAPER["dark"], "#2f6db0", "#cfe8ff")
    return LinearSegmentedColormap.from_list("fastmlp sequential", dark if is_dark(ax) else light)
