"""How Sphinx builds these pages: ``make docs``."""

import sys
from pathlib import Path

import fastmlp

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # what the pages are made by, and the benchmarks' own report

project = "fastmlp"
author = copyright = "The fastmlp developers"
release = version = fastmlp.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx_llm.txt",
    "site_pages",
]
exclude_patterns = ["_build", "gallery/**.ipynb", "gallery/**.py", "**/sg_execution_times.rst", "sg_*.rst"]
templates_path = ["_templates"]
myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 3
smartquotes = False  # in docstrings quotes are of code
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions

# API: a page for each object
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc's sections say types, shapes and defaults
numpydoc_show_class_members = False
default_role = "py:obj"  # what docstrings have in backticks is code, and a link where it is a name

# Gallery: every script in a folder of examples is run, and each page of the API lists those that use it
GROUPS = ["neurons", "glyphs", "one_digit", "mnist", "images", "cifar", "graphs"]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/examples/\w+/\w+\.py",
    "doc_module": ("fastmlp",),
    "backreferences_dir": "gallery/used",
    "subsection_order": [f"../examples/{name}" for name in GROUPS] + ["*"],
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),  # scripts print what is to be read
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "plot_gallery": "True",
    "image_srcset": ["2x"],  # sharp on phones
    "image_scrapers": ("dark_pictures.in_both_styles",),
}

# Texts for language models: each page as Markdown, listed in llms.txt
llms_txt_build_parallel = False  # after the pages, whose examples are then not run twice
llms_txt_description = "Small and middle-sized neural networks on the CPU, behind scikit-learn's contract."

html_theme = "pydata_sphinx_theme"
html_title = "fastmlp"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["fastmlp.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "performance": [], "experiments": []}  # they have no pages below them
html_context = {"default_mode": "auto"}  # as the reader's system has it
