"""How Sphinx builds these pages: ``make docs``."""

import fastmlp

project = "fastmlp"
author = copyright = "The fastmlp developers"
release = version = fastmlp.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
numpydoc_show_class_members = False
# scikit-learn's own: their texts link into its pages
autodoc_default_options = {
    "members": True,
    "exclude-members": "set_fit_request, set_partial_fit_request, set_score_request, get_metadata_routing",
}
myst_heading_anchors = 3
