"""The reference site: `sphinx-build -W -n -c docs . build/docs`, from the project's folder.

The source is the repository itself, so the pages in docs/, the notebooks and the results of the
benchmarks lie where they lie on a code host, and a link between any two of them is one link for both.
What is made from the code is written before reading: docs/api/, docs/equations.md and
docs/commands.md (`_ext/generate.py`). Nothing is executed but imports, and nothing is downloaded:
the notebooks show their committed outputs, and MathJax comes from a package.
"""

import importlib.util
import os
import sys
from pathlib import Path

import maade_np

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
os.environ.setdefault("COLUMNS", "90")

project = "maade_np"
author = "the authors of maade_np"
version = release = maade_np.__version__
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**",
    "tutorials/README.md",
    "tutorials/[0-9][0-9]_*.ipynb",
    "benchmarks/results/**.md",
]
exclude_patterns = [".git", ".venv*", "build", "dist", "runs", "docs/commands.md"]
suppress_warnings = ["myst.header"]  # tables of results may begin below the first level

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "generate",
    "crosslinks",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

myst_enable_extensions = ["dollarmath", "amsmath", "html_image", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"

autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "py:obj"  # `name` is a link where it names something (see crosslinks.py)
add_module_names = False
toc_object_entries_show_parents = "hide"
python_display_short_literal_types = True

# tex-svg.js is MathJax with its fonts in one file
mathjax_package = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"displayAlign": "center"}}

html_theme = "furo"
html_title = f"maade_np {version}"
html_static_path = ["_static", str(Path(mathjax_package) / "static" / "mathjax" / "tex-svg.js")]
html_css_files = ["site.css"]
html_extra_path = ["_root"]
html_copy_source = False
html_show_copyright = False
html_show_sourcelink = False
