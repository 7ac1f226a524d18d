"""The registry of covariance structures: a new structure is one file here and one line below."""

from sklearn_em.gaussian.covariance.diag import DIAG
from sklearn_em.gaussian.covariance.full import FULL
from sklearn_em.gaussian.covariance.spherical import SPHERICAL
from sklearn_em.gaussian.covariance.structure import Structure, SymmetryGroup
from sklearn_em.gaussian.covariance.tied import TIED

STRUCTURES: dict[str, Structure] = {structure.name: structure for structure in (FULL, TIED, DIAG, SPHERICAL)}

__all__ = ["STRUCTURES", "Structure", "SymmetryGroup"]
