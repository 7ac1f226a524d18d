"""Covariances taken apart into volume, shape and orientation: Sigma_k = lambda_k D_k A_k D_k^T.

References
----------
Banfield and Raftery (1993), "Model-based Gaussian and non-Gaussian clustering", equation 2.
"""

from typing import NamedTuple

import numpy as np

from sklearn_em.gaussian.covariance.orientation import common_axes
from sklearn_em.gaussian.covariance.structure import Orientation


class CovarianceDecomposition(NamedTuple):
    """Volume, shape and orientation of each component.

    Attributes
    ----------
    volume : ndarray of shape (n_components,)
        The geometric mean of the variances along the axes, in squared units of the data: the p-th root of the
        determinant.
    shape : ndarray of shape (n_components, n_features)
        The variances along the axes in units of the volume; their product is 1.
    orientation : ndarray of shape (n_components, n_features, n_features)
        The axes, as orthonormal columns: the covariance is volume * orientation @ diag(shape) @ orientation.T. The
        features' own, in their order, where the structure lies along them; the same for all components, in the order of
        their mean spread, where they share it; each component's by decreasing variance elsewhere.
    """

    volume: np.ndarray
    shape: np.ndarray
    orientation: np.ndarray


def decompose(orientation: Orientation, matrices: np.ndarray) -> CovarianceDecomposition:
    """Take covariance matrices (K, p, p) apart, along axes of the given kind."""
    if orientation is Orientation.OWN:
        variances, axes = np.linalg.eigh(matrices)
        variances, axes = variances[:, ::-1], axes[:, :, ::-1]
    else:
        common = np.eye(matrices.shape[1]) if orientation is Orientation.AXES else common_axes(matrices)
        variances = np.einsum("ij,kil,lj->kj", common, matrices, common)
        if orientation is Orientation.COMMON:
            order = np.argsort(-np.log(variances).mean(axis=0), kind="stable")
            variances, common = variances[:, order], common[:, order]
        axes = np.repeat(common[None], len(matrices), axis=0)
    # Either direction of an axis is right: the one in which its largest coordinate is positive.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    volume = np.exp(np.log(variances).mean(axis=1))
    return CovarianceDecomposition(volume, variances / volume[:, None], axes * np.sign(largest))
