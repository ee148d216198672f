"""The documentation site, built without a network connection: ``python -m sphinx -W -n docs docs/_build``.

Pages are the Markdown files as they are. What lists something is generated: the tables of contents from ``index.md``,
the reference from the registry, the application and the public names.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from docs.sitegen import generated, links, references

project = "tensorar"
copyright = "the tensorar developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "tensorar"
html_copy_source = False
html_domain_indices = False
# a table of names begins each page; the members of all classes in every navigation tree would take half of the time
toc_object_entries = False
exclude_patterns = ["_build", "results", "sitegen"]

# notebooks are stored with their outputs
nb_execution_mode = "off"
myst_heading_anchors = 4

# docstrings: sections in Google's style
napoleon_custom_sections = [("Options", "params_style")]
autosummary_ignore_module_all = False
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

# every reference to tensorar must resolve (-n); those to other projects would need the network
nitpick_ignore_regex = [(r"py:.*", r"(?!tensorar\.).*")]


def setup(app):
    """Write the generated pages, and connect what makes plain Markdown a site."""
    generated.write_pages(DOCS / "generated")
    app.connect("source-read", links.prepare)
    app.connect("missing-reference", references.resolve)
