"""The pages of docs/: tables say what the source says, and snippets print what the page shows."""

import importlib
import re
from functools import reduce
from importlib.util import find_spec
from pathlib import Path

import pytest

import sklearn_em
from sklearn_em.gaussian.covariance import STRUCTURES, Orientation

PACKAGE = Path(sklearn_em.__file__).parent
DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "structures.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [EV][EVI][EVI] \|", line)
]
WORD = {"E": "one", "V": "own"}
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
SNIPPET = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def number(formula, K, p):
    """The value of a formula in which a space between factors means their product."""
    return eval(re.sub(r"(?<=[\w)]) (?=[\w(])", "*", formula), {"K": K, "p": p})


def test_table_has_every_structure_in_order():
    assert [row[0] for row in ROWS] == [structure.code for structure in STRUCTURES.values()]


@pytest.mark.parametrize(("row", "structure"), zip(ROWS, STRUCTURES.values(), strict=True), ids=list(STRUCTURES))
def test_row_of_the_table(row, structure):
    code, name, volume, shape, orientation, parameters, group, stored, _, rows = row
    assert name.strip("`") == ("" if structure.name == code else structure.name)
    assert volume == WORD[code[0]]
    assert shape == ("round" if code[1] == "I" else WORD[code[1]])
    words = {Orientation.AXES: "features", Orientation.COMMON: "one", Orientation.OWN: "own"}
    assert orientation == ("none" if code[1] == "I" else words[structure.orientation])
    assert group == structure.group.value
    for K, p in [(1, 1), (1, 4), (3, 1), (3, 2), (4, 7)]:
        assert number(parameters, K, p) == structure.n_parameters(K, p)
        assert number(stored, K, p) == structure.natural_shape(K, p)
        assert number(rows, K, p) == structure.min_rows(p)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if "```python" in text])
def test_snippets_print_what_the_page_shows(page, capsys):
    if "sklearn.callback" in PAGES[page] and find_spec("sklearn.callback") is None:
        pytest.skip("scikit-learn before 1.9")
    snippets = SNIPPET.findall(PAGES[page])
    assert len(snippets) == PAGES[page].count("```python")
    names = {}  # a page's snippets belong together
    for snippet, printed in snippets:
        exec(snippet, names)
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("page", PAGES)
def test_links_and_included_files_lead_somewhere(page):
    """What building the pages writes is not there yet; a page of the gallery is an example's."""
    targets = re.findall(r"\]\(([^)#:]+)[^):]*\)|\{literalinclude\} (\S+)", PAGES[page])
    for target in [link or included for link, included in targets]:
        if (example := re.fullmatch(r"auto_examples/(\w+)\.rst", target)) and example[1] != "index":
            assert (DOCS.parent / "examples" / f"{example[1]}.py").exists(), target
        elif not re.fullmatch(r"(auto_examples|reference)/index\.rst", target):
            assert (DOCS / target).exists(), target


def test_every_page_is_in_a_table_of_contents():
    listed = [name for text in PAGES.values() for name in re.findall(r"^(?:\w+ <)?([\w/]+)>?$", text, re.MULTILINE)]
    assert {name.removesuffix(".md") for name in PAGES} <= {"index", *listed}


WAY = re.findall(r"^\d+\. `(\S+)`: (`.+?`)\. ", PAGES["source.md"], re.MULTILINE)


@pytest.mark.parametrize(("file", "names"), WAY)
def test_way_of_a_row_names_what_is_there(file, names):
    module = importlib.import_module("sklearn_em." + file.removesuffix(".py").replace("/", "."))
    source = (PACKAGE / file).read_text(encoding="utf-8")
    for name in re.findall(r"`([\w.]+)`", names):
        first, *inner = name.split(".")
        assert re.search(rf"^(class|def) {first}\b|^{first} = ", source, re.MULTILINE), name
        assert reduce(getattr, inner, getattr(module, first)) is not None


def test_way_of_a_row_goes_through_every_folder_of_a_fit():
    folders = {file.split("/")[0] for file, _ in WAY}
    assert folders == {"estimators", "starts", "mixture", "gaussian", "data", "em"}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_pages_name_are_there(page):
    for name in re.findall(r"`([\w/]+/(?:\w+\.(?:py|md|csv|json))?)`", PAGES[page]):
        assert any((root / name).exists() for root in (PACKAGE, PACKAGE.parent)), name


def test_reference_has_every_folder():
    """The headings of the reference are the folders, and a new one must be given its place among them."""
    folders = re.search(r"^FOLDERS = (\[.*\])$", (DOCS / "conf.py").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} <= set(eval(folders))
