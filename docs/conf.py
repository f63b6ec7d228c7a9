"""The documentation as a site: `make docs` builds it into build/docs, without a warning.

The repository is the source folder: READMEs beside the code are pages too, and one link works on GitHub and here.
"""

from __future__ import annotations

import os

project = "fer-edge"
copyright = "its contributors, MIT licence"  # noqa: A001 (Sphinx's name)
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "models/**README.md",
    "container/README.md",
    "requirements/README.md",
    "rigs/README.md",
    "edge/fer_edge/*/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
exclude_patterns = [".*", "build", "dist"]
# A page without a place in the menu is a warning, as is a link without a target; make docs takes warnings for errors.

myst_heading_anchors = 4
myst_links_external_new_tab = False
default_role = "code"  # a docstring's `name`

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "fer-edge"
html_baseurl = os.environ.get("DOCS_ADDRESS", "")
html_extra_path = ["index.html"]  # from the site's root to docs/index.html
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # which a browser may not fetch from a folder
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]

linkcheck_timeout = 10
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
