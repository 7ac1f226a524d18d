"""Covariances of a few factors and noise: Sigma_k = W_k W_k^T + Psi_k, for more features than matrices can bear."""

from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral
from typing import Any, Literal

import numpy as np

from sklearn_em.gaussian.covariance.forms import ill_defined
from sklearn_em.gaussian.covariance.low_rank import LowRank
from sklearn_em.gaussian.covariance.structure import (
    FACTOR_ATTRIBUTES,
    Attributes,
    Orientation,
    Structure,
    SymmetryGroup,
)
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


@dataclass(frozen=True)
class Factor:
    """Mixture of factor analysers, a value of `covariance_type`.

    Each component is explained by a few factors and independent noise, Sigma_k = W_k W_k^T + Psi_k with loadings W_k of
    shape (n_features, n_factors) and diagonal Psi_k. It has about n_features * (n_factors + 1) parameters per
    component, where a full covariance has n_features^2 / 2.

    Parameters
    ----------
    n_factors : int, default=1
        The number of factors of each component, at least 1 and less than the number of features. With one less than
        the number of features it is as good as "full".
    noise : {"own", "common"}, default="own"
        Whether each component has noise variances of its own, or all have the same.

    Raises
    ------
    ValueError
        If a parameter is not valid. That there are more features than factors is checked by `fit`.

    See Also
    --------
    sklearn.decomposition.FactorAnalysis : The special case of one component.

    Notes
    -----
    The M-step is the exact maximum over loadings and noise together. Where noise would go to 0 (a Heywood case: a
    factor that is one of the features) it stays at 1e-8 of the feature's variance.

    References
    ----------
    Ghahramani and Hinton (1996), "The EM algorithm for mixtures of factor analyzers"; McNicholas and Murphy (2008),
    "Parsimonious Gaussian mixture models", where noise="own" is UUU and noise="common" is UCU.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_em import Factor, GaussianMixtureEM
    >>> X = load_wine().data
    >>> mixture = GaussianMixtureEM(3, covariance_type=Factor(n_factors=2), random_state=0).fit(X)
    >>> mixture.factor_loadings_.shape, mixture.noise_variances_.shape
    ((3, 13, 2), (3, 13))
    """

    n_factors: int = 1
    noise: Literal["own", "common"] = "own"

    def __post_init__(self) -> None:
        if not isinstance(self.n_factors, Integral) or isinstance(self.n_factors, bool) or self.n_factors < 1:
            raise ValueError(f"n_factors is {self.n_factors!r}; give the number of factors, an integer of 1 or more.")
        if self.noise not in ("own", "common"):
            raise ValueError(
                f'noise is {self.noise!r}; give "own", noise variances for each component, or "common", the same for '
                "all."
            )

    @property
    def structure(self) -> Structure:
        """What the package knows it by."""
        return _structure(self)


class FactorStructure(Structure):
    """A structure that is published as loadings and noise variances."""

    form: LowRank

    def __reduce__(self) -> tuple[Any, ...]:
        return _structure, (Factor(self.form.n_factors, "common" if self.form.one_noise else "own"),)

    @property
    def is_closed(self) -> bool:
        """Whether whatever can be stored obeys the structure."""
        return True

    def check(self, n_features: int) -> None:
        """Raise ValueError where there are not more features than factors."""
        q = self.form.n_factors
        if q >= n_features:
            fewer = "decrease n_factors, or use" if n_features > 1 else "use"
            raise ValueError(
                f"covariance_type has n_factors={q}, but X has n_features={n_features}; there must be fewer factors "
                f'than features: {fewer} covariance_type="full".'
            )

    def published(self, covariances: np.ndarray, precision_cholesky: np.ndarray, n_features: int) -> Attributes:
        """Return loadings and noise variances."""
        noise = covariances[:, :, -1]
        arrays = covariances[:, :, :-1], noise[0] if self.form.one_noise else noise
        return dict(zip(FACTOR_ATTRIBUTES, arrays, strict=True))

    def published_shapes(self, n_components: int, n_features: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of both."""
        noise = (n_features,) if self.form.one_noise else (n_components, n_features)
        shapes = (n_components, n_features, self.form.n_factors), noise
        return dict(zip(FACTOR_ATTRIBUTES, shapes, strict=True))

    def covariances_of(self, attributes: Attributes, n_features: int) -> np.ndarray:
        """Return [W, Psi]."""
        loadings, noise = (np.asarray(attributes[name], dtype=float) for name in FACTOR_ATTRIBUTES)
        noise = np.broadcast_to(noise, loadings.shape[:2])
        return np.concatenate([loadings, noise[:, :, None]], axis=2)

    def factors_of(self, attributes: Attributes, n_features: int) -> np.ndarray:
        """Return [A, d]."""
        return self.form.precision_cholesky(self.covariances_of(attributes, n_features))


@lru_cache(maxsize=64)
def _structure(factor: Factor) -> Structure:
    q, one_noise = int(factor.n_factors), factor.noise == "common"
    form = LowRank(q, one_noise)

    def estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
        variance = scatter.diagonal(axis1=1, axis2=2)
        if not (pooled := variance.sum(axis=0) if one_noise else variance).min() > 0:
            raise ill_defined(np.flatnonzero(~(pooled > 0).all(axis=-1, keepdims=one_noise)))
        return form.nearest(scatter / mass[:, None, None], mass, previous)

    def n_parameters(n_components: int, n_features: int) -> int:
        p = n_features
        # The loadings but for a rotation; no more in all than free matrices have.
        noises = 1 if one_noise else n_components
        factors = n_components * (p * q - q * (q - 1) // 2) + noises * p
        return min(factors, n_components * p * (p + 1) // 2)

    return FactorStructure(
        name="factor",
        code="UCU" if one_noise else "UUU",
        geometry="Ellipsoids along a few directions of each component's own, and noise along the features"
        + (", the same for all." if one_noise else "."),
        form=form,
        moments=FULL_MOMENTS,
        shared=False,
        orientation=Orientation.OWN,
        group=SymmetryGroup.RESCALING,
        estimate=estimate,
        n_parameters=n_parameters,
        min_rows=lambda n_features: 2 if one_noise else q + 2,
    )
