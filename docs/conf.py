"""How Sphinx builds these pages: ``make docs``."""

import fastmlp

project = "fastmlp"
author = copyright = "The fastmlp developers"
release = version = fastmlp.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
numpydoc_show_class_members = False
autodoc_default_options = {"members": True}
myst_heading_anchors = 3
