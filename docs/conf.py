"""Settings of the documentation's build; ``make docs`` runs it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

import numpydoc.docscrape_sphinx  # noqa: E402, F401  makes warnings of its own filters before ours
from prepared_sources import prepare  # noqa: E402

import hebbsim  # noqa: E402

project = "hebbsim"
author = "the hebbsim developers"
copyright = author
version = release = hebbsim.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "name_role",
    "public_names",
    "rule_directive",
]
prepare(HERE)
exclude_patterns = ["_build", "extensions", "templates", "gallery/*.py", "tutorials/*.py"]
exclude_patterns += ["**/sg_execution_times.rst", "sg_execution_times.rst", "**/GALLERY_HEADER.rst"]
templates_path = ["templates"]
default_role = "name"
smartquotes_action = "qe"  # options of commands begin with two dashes
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"brian2\..*")]  # known with HEBBSIM_DOCS_LINKS alone

# The inventories of other projects lie on their servers, which a build must not need:
# HEBBSIM_DOCS_LINKS=1 make docs links to them.
intersphinx_mapping = {}
if os.environ.get("HEBBSIM_DOCS_LINKS"):
    intersphinx_mapping = {
        "brian2": ("https://brian2.readthedocs.io/en/stable/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "torch": ("https://docs.pytorch.org/docs/stable/", None),
    }

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's parameters say more
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["_build/examples", "../examples/tutorials"],
    "gallery_dirs": ["gallery", "tutorials"],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py",
    "within_subsection_order": "FileNameSortKey",
    "reset_argv": "prepared_sources.arguments_of",
    "reset_modules": ("matplotlib", "prepared_sources.start_anew"),
    "parallel": os.cpu_count(),
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": "True",
    "min_reported_time": 1,
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
}

html_theme = "furo"
html_title = "hebbsim"
html_static_path = ["assets"]
html_favicon = "assets/favicon.svg"
html_css_files = ["hebbsim.css"]
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0a5f8a", "color-brand-content": "#0a5f8a"},
    "dark_css_variables": {"color-brand-primary": "#6fb9e0", "color-brand-content": "#6fb9e0"},
}
