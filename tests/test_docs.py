"""The pages of docs/: the table of structures is the registry's, and snippets print what the page shows."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from sklearn_em.gaussian.covariance import STRUCTURES, Orientation
from sklearn_em.gaussian.covariance import diag as diag_module

HAS_CALLBACKS = find_spec("sklearn.callback") is not None
DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "structures.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [EV][EVI][EVI] \|", line)
]
WORD = {"E": "one", "V": "own"}
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


@pytest.mark.parametrize(
    ("page", "number"),
    [
        ("structures.md", 3),
        ("real_data.md", 9),
        ("from_scikit_learn.md", 2),
        pytest.param("progress.md", 3, marks=pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9")),
    ],
)
def test_snippets_print_what_the_page_shows(page, number, capsys):
    snippets = SNIPPET.findall((DOCS / page).read_text(encoding="utf-8"))
    assert len(snippets) == number
    names = {}  # a page's snippets belong together
    for snippet, printed in snippets:
        exec(snippet, names)
        assert capsys.readouterr().out == printed


def test_quoted_structure_is_the_source():
    quoted = re.search(r"^```python\n(.*?)^```", (DOCS / "extending.md").read_text(encoding="utf-8"), re.M | re.S)[1]
    assert Path(diag_module.__file__).read_text(encoding="utf-8").endswith(quoted)


def test_links_between_pages_lead_somewhere():
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
