"""exp of many numbers of at most 0, in place.

NumPy has a vectorised exp of float64 for AVX-512 alone. Elsewhere it calls the C library number by number, which in a
pass with few features or simple covariances takes half of the time. On x86 processors without AVX-512 exp in a few
products of whole arrays, which NumPy vectorises, takes 4 nanoseconds in place of 6 to 10:

    exp(x) = r(x / 2^m)^(2^m),   r(v) = (120 + 60 v + 12 v^2 + v^3) / (120 - 60 v + 12 v^2 - v^3)

r is the Pade approximation of exp that is right to the sixth power. With m = 8 the result is right to 6e-14 near 0,
where it matters, most of it the rounding that squaring doubles; to 5e-13 of itself at -10, 6e-9 at -40 and 7e-7 at -80.

References
----------
Higham (2005), "The scaling and squaring method for the matrix exponential revisited", SIAM Journal on Matrix Analysis
and Applications 26, section 2.
"""

from functools import cache
from importlib import import_module

import numpy as np

_SQUARINGS = 8
_STEP = 2.0**_SQUARINGS
# Of fewer numbers than this exp is done before the calls for the products are made.
_MANY = 2**13


def exp_in_place(x: np.ndarray, scratch: np.ndarray | None = None) -> None:
    """Replace numbers (K, b) between -100 and 0 by their exponentials; `scratch` (2, K, b) spares making room."""
    if x.size < _MANY or not _products_are_faster():
        np.exp(x, out=x)
    elif scratch is not None:
        _by_products(x, scratch)
    else:
        length = max(_MANY // len(x), 1)
        scratch = np.empty((2, len(x), length))
        for start in range(0, x.shape[1], length):
            part = x[:, start : start + length]
            _by_products(part, scratch[:, :, : part.shape[1]])


def _by_products(x: np.ndarray, scratch: np.ndarray) -> None:
    # Numerator and denominator, times _STEP^3, are even + odd and even - odd.
    even, odd = scratch
    np.multiply(x, x, out=even)
    np.add(even, 60 * _STEP**2, out=odd)
    odd *= x
    even *= 12 * _STEP
    even += 120 * _STEP**3
    np.add(even, odd, out=x)
    even -= odd
    x /= even
    for _ in range(_SQUARINGS):
        np.multiply(x, x, out=x)


@cache
def _products_are_faster() -> bool:
    """Tell by the processor, and not by timing, which would vary from run to run: with AVX2 and without AVX-512."""
    for core in ("numpy._core", "numpy.core"):
        try:
            features = import_module(f"{core}._multiarray_umath").__cpu_features__
        except (ImportError, AttributeError):
            continue  # The former is where NumPy 2 has it, the latter NumPy 1; neither is promised.
        return bool(features.get("AVX2") and not features.get("AVX512F"))
    return False
