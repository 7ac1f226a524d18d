"""Colours and markers that all pictures share.

References
----------
Okabe and Ito (2008), "Color Universal Design": eight colours that the colour-blind can tell apart.
"""

from typing import Any

# The pale yellow and the black of the axes come last.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8")
GREY = "#808080"
INK = "#404040"


def colour(index: int) -> str:
    """Return the colour of a component or line; there are eight."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Return a marker that tells apart components of the same colour."""
    return MARKERS[index // len(COLOURS) % len(MARKERS)]


def key(label: str, **style: Any) -> Any:
    """Return an entry of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **style)
