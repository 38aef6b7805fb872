"""Sphinx settings of `make site`. The sources are all Markdown pages of the repository, read from its top folder."""

project = "payrec"
author = "the payrec authors"
copyright = author
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "data/README.md"]
exclude_patterns = [".*", "build", "out", "dist", "src", "benchmarks", "app", "notebooks", "scripts", "locks"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "payrec"
html_show_copyright = False
html_copy_source = False
pygments_style = "default"
