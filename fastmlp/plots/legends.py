"""Where a legend stands: beside the axes or below them, never on a curve of a neighbour's."""

from weakref import WeakKeyDictionary

from .. import _checks
from ..background import pyplot
from .themes import style

NARROW = 2.2  # inches: wider legends stand below the axes of a figure that we made
SHARE = 0.35  # of the axes' width, in figures that others made
ROWS = 20
LONGEST = 60  # letters of a name
_made: WeakKeyDictionary = WeakKeyDictionary()  # figures of ours: their size without a legend


def axes_or_new(ax, **options):
    """Return `ax`, or the axes of a new figure that makes room for labels and legends by itself."""
    if _checks.check_axes(ax) is not None:
        return ax
    with style():
        figure, ax = pyplot().subplots(layout="constrained", **options)
    _made[figure] = tuple(figure.get_size_inches())
    return ax


def widen(ax, width):
    """Let the axes of a figure that we made be at least so many inches wide, up to 14."""
    if (size := _made.get(ax.figure)) is not None:
        _made[ax.figure] = (min(14.0, max(size[0], width + 0.9)), size[1])
        ax.figure.set_size_inches(_made[ax.figure])


def short(name):
    """Return a name as far as there is room for it."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def legend(ax, title=None, note=""):
    """Put a legend where it covers nothing.

    A figure that we made grows by it. In one that arranges its axes by itself it stands outside too. In
    others there is no room but inside the axes, where matplotlib finds the best place.

    Parameters
    ----------
    title : str, default=None
    note : str, default=""
        What holds for all lines; it follows the title.
    """
    handles, names = ax.get_legend_handles_labels()
    if not handles:
        return
    title = "\n".join(filter(None, (title and short(title), note)))
    for drawn, name in zip(handles, names, strict=True):
        drawn.set_label(short(name))
    figure = ax.figure
    if figure.get_layout_engine() is None:
        ax.legend(title=title, loc="best", frameon=True, framealpha=0.7)
        return
    n_columns = 1 + (len(handles) - 1) // ROWS
    beside = ax.legend(
        title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=n_columns, alignment="left"
    )
    beside.get_title().set_multialignment("left")
    width, height = _inches(beside, figure)
    room = ax.get_window_extent().width / figure.dpi
    own = _made.get(figure)
    if n_columns > 1 or width <= (NARROW if own else SHARE * room):
        if own:
            figure.set_size_inches(own[0] + width, max(own[1], height + 0.3))
        return
    low = ax.get_window_extent().y0 - ax.xaxis.get_tightbbox(figure._get_renderer()).y0
    below = _below(ax, title, low / figure.dpi + 0.08, max(1, int(room / width)))
    if own:
        figure.set_size_inches(own[0], own[1] + _inches(below, figure)[1])


def _below(ax, title, offset, n_columns):
    """Return a legend that begins so many inches below the axes."""
    from matplotlib.transforms import ScaledTranslation

    place = ax.transAxes + ScaledTranslation(0, -offset, ax.figure.dpi_scale_trans)
    how = dict(loc="upper left", bbox_to_anchor=(0.0, 0.0), bbox_transform=place, borderaxespad=0.0)
    below = ax.legend(title=title, ncols=n_columns, alignment="left", **how)
    below.get_title().set_multialignment("left")
    return below


def _inches(drawn, figure):
    box = drawn.get_window_extent(figure._get_renderer())
    return box.width / figure.dpi, box.height / figure.dpi
