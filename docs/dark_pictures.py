"""Pictures of the gallery in both styles: a block that draws is run once more, on a dark background.

So such a block of a script must be one that can run twice, and that trains nothing.
"""

import contextlib
import io
import re

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import matplotlib_scraper

from fastmlp.plots import style

IMAGE = re.compile(r":class: (sphx-glr-(?:single|multi)-img)")


def in_both_styles(block, block_vars, gallery_conf):
    """Return the pictures of a script's block, each for light pages and for dark ones; see sphinx-gallery."""
    if not plt.get_fignums():
        return matplotlib_scraper(block, block_vars, gallery_conf)
    light = matplotlib_scraper(block, block_vars, gallery_conf)
    with style("dark"), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(block.content, block_vars["src_file"], "exec"), dict(block_vars["example_globals"]))
        dark = matplotlib_scraper(block, block_vars, gallery_conf)
    return IMAGE.sub(r":class: \1 only-light", light) + IMAGE.sub(r":class: \1 only-dark", dark)
