"""What is said of each row, piece by piece, put together in one array."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sklearn_em.data.readers import release_pages


def gathered(blocks: Iterable[np.ndarray], n_rows: int, out: np.ndarray | None = None) -> np.ndarray:
    """Return blocks (b, ...), n_rows rows in all, as one array, in `out` if it is given.

    Raises
    ------
    ValueError
        If `out` has another shape, or a type that cannot hold the blocks.
    """
    begin = 0
    for block in blocks:
        if out is None:
            if len(block) == n_rows:
                return block
            out = np.empty((n_rows, *block.shape[1:]), dtype=block.dtype)
        elif begin == 0:
            _check_out(out, (n_rows, *block.shape[1:]), block.dtype)
        end = begin + len(block)
        out[begin:end] = block
        if isinstance(out, np.memmap):
            release_pages(out, begin, end)
        begin = end
    assert out is not None
    return out


def _check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if not isinstance(out, np.ndarray) and not hasattr(out, "__setitem__"):
        raise ValueError(f"out is a {type(out).__name__}; give an array of shape {shape}.")
    if tuple(out.shape) != shape:
        raise ValueError(f"out has shape {tuple(out.shape)}; the result has shape {shape}, give an array of it.")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise ValueError(f"out has dtype {out.dtype}, which cannot hold the result's {dtype}; give an array that can.")
