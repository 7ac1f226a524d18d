"""Settings of Sphinx. `python -m sphinx -W --keep-going -b html docs docs/_build` builds the site.

It needs no network: nothing is looked up elsewhere. The reference of the package is written from its folders, and the
gallery from `examples/`, so a new file in either needs no line here.
"""

import importlib
import pkgutil
from pathlib import Path

import sklearn_em

DOCS = Path(__file__).parent

project = "sklearn_em"
copyright = "the sklearn_em developers"
version = release = sklearn_em.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "code"
add_module_names = False

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections say more
numpydoc_show_class_members = False  # the template lists them

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/",  # run every file ...
    "ignore_pattern": r"^em_vs_kmeans\.py$",  # ... but the command of the README, which takes arguments
    "within_subsection_order": "ExampleTitleSortKey",
    "show_memory": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_em"
html_show_sourcelink = False
html_sidebars = {"index": [], "tutorial": []}  # they have no pages below them
html_theme_options = {"navbar_align": "left", "show_prev_next": False, "show_toc_level": 2}

# From what the theory begins with to what a user sees.
FOLDERS = ["em", "gaussian", "mixture", "data", "starts", "estimators", "selection", "display"]


def write_reference() -> None:
    """Write a page per folder of the package: its public names, and what its files say of themselves."""
    found = [module.name for module in pkgutil.iter_modules(sklearn_em.__path__) if module.ispkg]
    folders = sorted(found, key=FOLDERS.index)
    public = {name: getattr(sklearn_em, name) for name in sklearn_em.__all__ if not name.startswith("_")}
    write("index", heading("Reference", "="), REFERENCE, *(f"   {folder}" for folder in folders))
    for folder in folders:
        package = f"sklearn_em.{folder}"
        own = [name for name, value in public.items() if value.__module__.startswith(package + ".")]
        lines = [heading(folder, "="), f".. automodule:: {package}"]
        if own:
            names = (f"   {name}" for name in own)
            lines += ["", ".. currentmodule:: sklearn_em", "", ".. autosummary::", "   :toctree: generated", "", *names]
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, package + "."):
            file = module.name.removeprefix("sklearn_em.").replace(".", "/") + ("/" if module.ispkg else ".py")
            lines += ["", heading(file, "-"), f".. automodule:: {module.name}"]
            if not module.ispkg:
                lines += ["   :members:", f"   :exclude-members: {', '.join(own)}"]
        write(folder, *lines)


def heading(text: str, line: str) -> str:
    """Return a heading of reStructuredText."""
    return f"{text}\n{line * len(text)}\n"


def write(name: str, *lines: str) -> None:
    """Write a page of the reference, if it is not there as it should be."""
    path, text = DOCS / "reference" / f"{name}.rst", "\n".join(lines) + "\n"
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


REFERENCE = """\
The headings are the folders of the package. What a user needs is imported from `sklearn_em`; each folder's page lists
it first. Below it is what the files say of themselves, for readers of the source: these functions may change.

.. toctree::
   :maxdepth: 1
"""


def show_formulas(app, what, name, obj, options, lines: list[str]) -> None:
    """Show the formulas of docstrings as they stand: indented after a blank line, or with bars for absolute values."""
    shown: list[str] = []
    for i, line in enumerate(lines):
        if line.startswith("    ") and i > 1 and not lines[i - 1] and not lines[i - 2].startswith(" "):
            shown += ["::", ""]
        shown.append(line if line.startswith(" ") else line.replace("|", r"\|"))
    lines[:] = shown


def setup(app) -> None:
    """Write the reference, and read docstrings before numpydoc does."""
    write_reference()
    app.connect("autodoc-process-docstring", show_formulas, priority=100)
