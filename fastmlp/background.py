"""What is drawn on, and what stands out from it: light or dark; matplotlib, imported when it is needed."""


def pyplot():
    """Import matplotlib when something is drawn, not before."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("drawing needs matplotlib: pip install fastmlp[plot]") from None
    return plt


def is_dark(ax):
    """Return whether what is drawn into `ax` stands on a dark background."""
    from matplotlib.colors import to_rgb, to_rgba

    under = [ax.get_facecolor()] if ax.axison else []
    under += [ax.figure.get_facecolor(), ax.figure.canvas.figure.get_facecolor()]  # a part's, the whole's
    seen = next((to_rgb(colour) for colour in under if to_rgba(colour)[3] > 0.5), None)
    red, green, blue = seen or (1.0 - c for c in to_rgb(pyplot().rcParams["text.color"]))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5


def ink(ax):
    """Return the colour of text and lines that stand out from the background of `ax`."""
    return "#e6e6e6" if is_dark(ax) else "black"


def faint(ax):
    """Return the colour of text that steps back."""
    return "#a8a8a8" if is_dark(ax) else "#595959"
