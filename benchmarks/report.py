"""What a section of the benchmarks returns, and how it is shown: as text while it runs, as Markdown in the report."""

import argparse
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sklearn.exceptions import ConvergenceWarning

Cell = str | int | float


@dataclass(frozen=True)
class Verdict:
    """What was asked of a figure, and what it is."""

    asked: str
    measured: float
    met: bool

    def __str__(self) -> str:
        return f"asked {self.asked}; measured {shown(self.measured)}: {'met' if self.met else 'NOT MET'}"


@dataclass(frozen=True)
class Table:
    """Figures as plain data.

    Attributes
    ----------
    title : str
    what : str
        The sentence that says what is measured.
    columns : sequence of str
    rows : sequence of sequences of str, int or float
    verdicts : sequence of Verdict
    """

    title: str
    what: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    verdicts: Sequence[Verdict] = ()


Section = Callable[[bool], Iterable[Table]]


def at_least(name: str, value: float, bound: float) -> Verdict:
    """Judge a figure that is to be large."""
    return Verdict(f"{name} >= {bound:g}", value, value >= bound)


def at_most(name: str, value: float, bound: float) -> Verdict:
    """Judge a figure that is to be small."""
    return Verdict(f"{name} <= {bound:g}", value, value <= bound)


def shown(cell: Cell) -> str:
    """Return what stands in a cell: three digits of a float are more than the noise leaves."""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if 100 <= abs(cell) < 1e6 else f"{cell:.3g}"


def text(table: Table) -> str:
    """Return the table for a terminal."""
    lines = [list(table.columns), *([shown(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([f"== {table.title}", table.what, "", *body, "", *map(str, table.verdicts), ""])


def markdown(table: Table) -> str:
    """Return the table for the report."""
    rows = ["| " + " | ".join(map(shown, row)) + " |" for row in table.rows]
    head = ["| " + " | ".join(table.columns) + " |", "|" + "---:|" * len(table.columns)]
    return "\n".join([f"## {table.title}", "", table.what, "", *head, *rows, "", *(f"- {v}" for v in table.verdicts)])


def run(section: Section, quick: bool) -> list[Table]:
    """Run a section, and print each table when it is there."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    tables = []
    for table in section(quick):
        print(text(table), flush=True)
        tables.append(table)
    return tables


def main(section: Section, description: str) -> None:
    """Run one section as a script."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and problems")
    run(section, parser.parse_args().quick)
