"""A mixture as a table for people, with one line per component."""

from collections.abc import Mapping
from html import escape
from math import floor, log10
from typing import Any

import numpy as np

from sklearn_em.mixture import MixtureParameters

# A line of a terminal. The means of features for which it has no room are left out, and counted.
_WIDTH = 105
_LONGEST_NAME = 13
_DIGITS = 4
# A mean is worth reading to this part of a standard deviation.
_RESOLUTION = 0.01
_MOST_DECIMALS = 6
_LONGEST_NUMBER = 1e10

# A heading and a cell per line.
Column = tuple[str, list[str]]


class Summary(str):
    """A text that shows itself without quotes, and as HTML in notebooks.

    Attributes
    ----------
    html : str
    """

    html: str

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.html


def summarise(params: MixtureParameters, attributes: Mapping[str, Any], has_noise: bool) -> Summary:
    """Return the table of a mixture's parameters, under what its fitted attributes, if any, say about the fit."""
    gaussians = params.gaussians
    K, p = gaussians.means.shape
    structure, form = gaussians.structure, gaussians.structure.form
    volume = np.exp(-2 / p * form.log_det(gaussians.precision_cholesky, p))
    weights = np.append(params.weights, params.noise_weight) if has_noise else params.weights
    columns = [("component", [*map(str, range(K)), "noise"][: len(weights)]), ("weight", _numbers(weights))]
    found = attributes.get("diagnostics_")
    columns += [] if found is None else [("mass", _numbers(found.mass))]
    columns += [("volume", _numbers(np.broadcast_to(volume, K)))]
    columns += [] if found is None else [("certain", _numbers(found.certain_share))]

    deviation = np.sqrt(form.diagonal(gaussians.covariances, p)).min(axis=0)
    names = attributes.get("feature_names_in_", [f"x{j}" for j in range(p)])
    means = [(str(names[j]), _means(gaussians.means[:, j], deviation[j])) for j in range(min(p, _WIDTH))]
    means = means[: _how_many_fit(columns, means)]
    for _, cells in columns + means:
        # All that is known of the noise is its weight.
        cells += [""] * (len(weights) - len(cells))
    title = f"{_counted(K, 'component')}, {_counted(p, 'feature')}"
    facts = {"structure": f"{_both_names(structure.name, structure.code)}. {structure.geometry}"}
    facts |= _facts_of_fit(attributes)
    if len(means) < p:
        facts["not shown"] = f"the means of {_counted(p - len(means), 'feature')}"
    summary = Summary(_text(title, facts, columns, means))
    summary.html = _html(title, facts, columns, means)
    return summary


def _facts_of_fit(attributes: Mapping[str, Any]) -> dict[str, str]:
    facts = {}
    if "converged_" in attributes:
        why = f" ({attributes['status_'].name.lower()})" if "status_" in attributes else ""
        how = "converged" if attributes["converged_"] else f"not converged{why}"
        facts["fit"] = f"{how} after {_counted(attributes['n_iter_'], 'iteration')}"
    if "lower_bound_" in attributes:
        facts["objective"] = f"{attributes['lower_bound_']:.7g} per unit of weight"
    return facts


def _both_names(name: str, code: str) -> str:
    return name if name == code else f"{name} ({code})"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _numbers(values: np.ndarray) -> list[str]:
    """Return numbers with as many decimals as the largest needs, and small ones as powers of ten."""
    size = floor(log10(values.max() or 1))
    if not -_DIGITS <= size < log10(_LONGEST_NUMBER):
        return [f"{value:.{_DIGITS - 1}e}" for value in values]
    decimals = max(_DIGITS - 1 - size, 0)
    return [f"{value:.1e}" if 0 < value < 10.0 ** (1 - decimals) else f"{value:.{decimals}f}" for value in values]


def _means(means: np.ndarray, deviation: float) -> list[str]:
    """Return means (K,) with the digits that a standard deviation gives a meaning."""
    finest = floor(log10(_RESOLUTION * deviation))
    largest = max(float(np.abs(means).max()), 10.0**finest)
    if -finest > _MOST_DECIMALS or largest >= _LONGEST_NUMBER:
        decimals = min(max(floor(log10(largest)) - finest, 2), 15)
        return [f"{mean:z.{decimals}e}" for mean in means]
    return [f"{mean:z.{max(-finest, 0)}f}" for mean in means]


def _short(names: list[str]) -> list[str]:
    """Return names that are cut where they are long: at the end or, if that makes two alike, in the middle."""
    most = _LONGEST_NAME - 1
    cut = [name if len(name) <= most + 1 else f"{name[:most].rstrip()}…" for name in names]
    if len(set(cut)) == len(set(names)):
        return cut
    return [name if len(name) <= most + 1 else f"{name[: most // 2]}…{name[-most // 2 :]}" for name in names]


def _width(column: Column) -> int:
    heading, cells = column
    return max(len(heading), *map(len, cells))


def _shortened(columns: list[Column]) -> list[Column]:
    return list(zip(_short([name for name, _ in columns]), [cells for _, cells in columns], strict=True))


def _how_many_fit(columns: list[Column], means: list[Column]) -> int:
    """Return how many columns of means have room beside the others; at least one."""
    widths = [_width(column) + 2 for column in _shortened(means)]
    room = _WIDTH - sum(_width(column) + 2 for column in columns)
    return max(int((np.cumsum(widths) <= room).sum()), 1)


def _text(title: str, facts: dict[str, str], columns: list[Column], means: list[Column]) -> str:
    table = columns + _shortened(means)
    widths = [_width(column) for column in table]
    above = sum(width + 2 for width in widths[: len(columns)])
    indent = max(map(len, facts)) + 2
    lines = [f"Gaussian mixture: {title}", *(f"{name:<{indent}}{fact}" for name, fact in facts.items())]
    lines += ["", " " * above + "means"]
    rows = zip(*([heading, *cells] for heading, cells in table), strict=True)
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _html(title: str, facts: dict[str, str], columns: list[Column], means: list[Column]) -> str:
    headings = "".join(f"<th>{escape(name)}</th>" for name, _ in columns + means)
    rows = zip(*(cells for _, cells in columns + means), strict=True)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    notes = "".join(f"<br>{escape(name)}: {escape(fact)}" for name, fact in facts.items())
    return (
        f"<table><caption style='text-align: left'><b>Gaussian mixture: {escape(title)}</b>{notes}</caption>"
        f"<thead><tr><td colspan='{len(columns)}'></td><th colspan='{len(means)}'>means</th></tr>"
        f"<tr>{headings}</tr></thead><tbody>{body}</tbody></table>"
    )
