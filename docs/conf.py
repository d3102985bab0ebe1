"""Sphinx's settings. What can be read off the code is written by `pages` before the build begins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import nogd
from pages import write_pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "nogd"
author = "The nogd authors"
copyright = author  # noqa: A001
release = nogd.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:exc", r"\w+"),
    ("py:attr", r"\w+"),
]  # ":raises NAME:" and ":cvar NAME:" are no links
default_role = "code"  # docstrings write code between single backticks, as Markdown does

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"

html_theme = "furo"
html_title = f"nogd {release}"
html_static_path = ["_static"]
html_css_files = ["colours.css", "nogd.css"]
html_show_sourcelink = False
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Write the generated pages once Sphinx knows where it works."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir)))
