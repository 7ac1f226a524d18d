"""The parameters of the components, as one value."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.statistics import beside

_LEAST_WEIGHT = 1e-6
# Wider than twice what is asked for: rounding decides nothing.
_FAR_FROM = 0.5


@dataclass(frozen=True, eq=False)
class Gaussians:
    """K Gaussian components under one structure, in the units of whoever made them.

    Attributes
    ----------
    structure : Structure
        What the covariances obey.
    means : ndarray of shape (K, p)
    covariances, precision_cholesky : ndarray of shape (G, ...)
        In the structure's form, with G = 1 where the components share one covariance and G = K otherwise.
    """

    structure: Structure
    means: np.ndarray
    covariances: np.ndarray
    precision_cholesky: np.ndarray

    @classmethod
    def from_covariances(cls, structure: Structure, means: np.ndarray, covariances: np.ndarray) -> Self:
        """Factor the covariances; raise DegenerateError if one is singular."""
        return cls(structure, means, covariances, structure.form.precision_cholesky(covariances))

    @classmethod
    def from_precision_cholesky(cls, structure: Structure, means: np.ndarray, precision_cholesky: np.ndarray) -> Self:
        """Start from the factors of the precisions."""
        return cls(structure, means, structure.form.covariances(precision_cholesky), precision_cholesky)

    @classmethod
    def nearest(cls, structure: Structure, means: np.ndarray, matrices: np.ndarray, weights: np.ndarray) -> Self:
        """Return the components nearest to covariance matrices (K, p, p) that need not obey the structure.

        Nearest in the weighted Kullback-Leibler divergence from them: the M-step with these covariances for moments.
        Matrices that obey the structure stay as they are, but for rounding.
        """
        # A component of no weight takes the part of its covariance that is its own from the matrix all the same.
        weights = np.maximum(weights, _LEAST_WEIGHT * weights.max())
        scatter = structure.moments.of_matrices(matrices)
        scatter = beside(weights, scatter) * scatter
        return cls.from_covariances(structure, means, structure.estimate(scatter, weights, means.shape[1], None))

    def under(self, structure: Structure) -> Self:
        """Return the same components under a structure of which theirs is a special case."""
        K, p = self.means.shape
        matrices = np.broadcast_to(self.structure.form.matrices(self.covariances, p), (K, p, p))
        scatter = structure.moments.of_matrices(matrices)
        # The best covariances for these matrices are these matrices, and going on from them keeps them so.
        covariances = structure.estimate(scatter, np.ones(K), p, scatter)
        return type(self).from_covariances(structure, self.means, covariances)

    @property
    def n_components(self) -> int:
        """K."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """p."""
        return self.means.shape[1]

    @cached_property
    def precisions(self) -> np.ndarray:
        """The inverse covariances, (G, ...), in the form's natural form."""
        return self.structure.form.precisions(self.precision_cholesky)

    @cached_property
    def precision_diagonal(self) -> np.ndarray:
        """The diagonals of the inverse covariances, (G, p)."""
        return self.structure.form.precision_diagonal(self.precision_cholesky, self.n_features)

    def narrower(self, variance: np.ndarray, share: float) -> np.ndarray:
        """Return which covariances have a direction of less than `share`, of features in units of `variance`, (G,)."""
        # The smallest eigenvalue is no less than 1 over the trace of the inverse, which is at hand. Mostly that says
        # enough, and with many features eigenvalues take as long as many passes.
        narrow = ~(self.precision_diagonal @ variance * share < _FAR_FROM)
        if narrow.any():
            narrow[narrow] = self.structure.form.narrower(self.covariances[narrow], variance, share)
        return narrow

    def rescale(self, factor: np.ndarray) -> Self:
        """Return the components of features multiplied by `factor` (p,); exact for powers of two."""
        form = self.structure.form
        return replace(
            self,
            means=self.means * factor,
            covariances=form.rescale(self.covariances, factor),
            precision_cholesky=form.rescale_cholesky(self.precision_cholesky, factor),
        )
