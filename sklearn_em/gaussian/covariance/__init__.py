"""The registry of covariance structures: a new structure is one file here and one line below."""

from sklearn_em.gaussian.covariance.diag import DIAG
from sklearn_em.gaussian.covariance.eev import EEV
from sklearn_em.gaussian.covariance.eve import EVE
from sklearn_em.gaussian.covariance.evi import EVI
from sklearn_em.gaussian.covariance.evv import EVV
from sklearn_em.gaussian.covariance.factor import Factor
from sklearn_em.gaussian.covariance.full import FULL
from sklearn_em.gaussian.covariance.spherical import SPHERICAL
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.covariance.tied import TIED
from sklearn_em.gaussian.covariance.tied_diag import TIED_DIAG
from sklearn_em.gaussian.covariance.tied_spherical import TIED_SPHERICAL
from sklearn_em.gaussian.covariance.vee import VEE
from sklearn_em.gaussian.covariance.vei import VEI
from sklearn_em.gaussian.covariance.vev import VEV
from sklearn_em.gaussian.covariance.vve import VVE

# From the fewest parameters to the most.
_ALL = (
    TIED_SPHERICAL,
    SPHERICAL,
    TIED_DIAG,
    VEI,
    EVI,
    DIAG,
    TIED,
    VEE,
    EVE,
    VVE,
    EEV,
    VEV,
    EVV,
    FULL,
)

STRUCTURES: dict[str, Structure] = {structure.name: structure for structure in _ALL}
# Every structure also goes by its code.
BY_NAME_OR_CODE: dict[str, Structure] = STRUCTURES | {structure.code: structure for structure in _ALL}


def structure_of(covariance_type: str | Factor) -> Structure:
    """Return the structure of a value of the parameter `covariance_type`."""
    return covariance_type.structure if isinstance(covariance_type, Factor) else BY_NAME_OR_CODE[covariance_type]


__all__ = ["BY_NAME_OR_CODE", "STRUCTURES", "Factor", "Orientation", "Structure", "SymmetryGroup", "structure_of"]
