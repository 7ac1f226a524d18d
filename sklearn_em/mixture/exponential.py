"""exp of many numbers of at most 0, in place.

NumPy has a vectorised exp of float64 for AVX-512 alone. Elsewhere it calls the C library number by number, and in a
pass with few features or simple covariances takes half of the time. There it pays to have exp in a few products of
whole arrays, which every processor vectorises:

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
    if x.size < _MANY or _numpy_has_its_own():
        np.exp(x, out=x)
        return
    # Numerator and denominator, times _STEP^3, are even + odd and even - odd.
    even, odd = np.empty((2, *x.shape)) if scratch is None else scratch
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
def _numpy_has_its_own() -> bool:
    """Tell whether NumPy's own exp of float64 is vectorised on this processor; not by timing, which would vary."""
    for core in ("numpy._core", "numpy.core"):
        try:
            return bool(import_module(f"{core}._multiarray_umath").__cpu_features__.get("AVX512F"))
        except (ImportError, AttributeError):
            pass  # The former is where NumPy 2 has it, the latter NumPy 1; neither is promised.
    return False
