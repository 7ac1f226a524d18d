"""What a covariance structure has to say; one file of this folder per structure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from sklearn_em.gaussian.covariance.forms import Form
from sklearn_em.gaussian.features import Moments

# Fitted attributes by name.
Attributes = Mapping[str, np.ndarray]
MATRIX_ATTRIBUTES = ("covariances_", "precisions_", "precisions_cholesky_")
# The letters of a code, the strictest first: identity, equal, variable.
_FREEDOM = "IEV"
FACTOR_ATTRIBUTES = ("factor_loadings_", "noise_variances_")


class Orientation(Enum):
    """Along what the axes of the components lie; the value is a description."""

    AXES = "along the features"
    COMMON = "along directions that all components share"
    OWN = "along directions of each component's own"


class SymmetryGroup(Enum):
    """The maps of the data under which the estimates follow the data; the value is a description."""

    INVERTIBLE = "any invertible linear map"
    RESCALING = "rescaling of each feature"
    ROTATION = "rotations and one common scale"


@dataclass(frozen=True, eq=False)
class Structure:
    """The shape that the covariances of all components obey.

    Attributes
    ----------
    name : str
        The value of `covariance_type`.
    code : str
        The code of volume, shape and orientation (Equal, Variable, Identity) of Banfield and Raftery (1993),
        "Model-based Gaussian and non-Gaussian clustering"; of loadings, noise and its shape (Constrained or not, U)
        of McNicholas and Murphy (2008), "Parsimonious Gaussian mixture models", for factors.
    geometry : str
        A sentence for people.
    form : Form
        How a covariance is stored.
    moments : Moments
        The second moments from which `estimate` works.
    shared : bool
        Whether all components have the same covariance.
    orientation : Orientation
        Along what the axes of the components lie.
    group : SymmetryGroup
        The maps under which the structure is closed.
    estimate : callable
        `(scatter, mass, n_features, previous) -> covariances`: scatter about each component's mean in the layout of
        `moments`, one entry per component (or one pooled entry where `shared`), the mass of each component, all
        positive, and covariances to go on from where the maximum has no closed form, or None.
    n_parameters : callable
        `(n_components, n_features) -> int`: the number of free parameters of all covariances.
    min_rows : callable
        `(n_features) -> int`: on fewer distinct rows than this, a component's covariance is singular.

    References
    ----------
    Celeux and Govaert (1995), "Gaussian parsimonious clustering models", table 1 and section 3.
    """

    name: str
    code: str
    geometry: str
    form: Form
    moments: Moments
    shared: bool
    orientation: Orientation
    group: SymmetryGroup
    estimate: Callable[[np.ndarray, np.ndarray, int, np.ndarray | None], np.ndarray]
    n_parameters: Callable[[int, int], int]
    min_rows: Callable[[int], int]

    def __reduce__(self) -> tuple[Any, ...]:
        # Known by name, so that it is the same object wherever it is sent: structures are compared by identity.
        from sklearn_em.gaussian.covariance import structure_of

        return structure_of, (self.name,)

    @property
    def one_scale(self) -> bool:
        """Whether the structure looks the same from every side, so that all features must be scaled alike."""
        return self.group is SymmetryGroup.ROTATION

    def is_special_case_of(self, other: "Structure") -> bool:
        """Whether covariances that obey this structure obey the other one too; False where the codes do not tell."""
        if self is other or not set(self.code + other.code) <= set(_FREEDOM):
            return False
        pairs = zip(self.code, other.code, strict=True)
        return all(_FREEDOM.index(mine) <= _FREEDOM.index(theirs) for mine, theirs in pairs)

    def natural_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of `covariances_` and `precisions_`, in the form's natural form."""
        shape = self.form.natural_shape(n_components, n_features)
        return shape[1:] if self.shared else shape

    def to_natural(self, array: np.ndarray, n_features: int) -> np.ndarray:
        """Turn a natural array as used inside, with its leading axis, into the shape the user sees."""
        return array.reshape(self.natural_shape(len(array), n_features))

    def from_natural(self, array: np.ndarray, n_features: int) -> np.ndarray:
        """Undo `to_natural`."""
        inside = self.form.natural_shape(1, n_features)[1:] or (1,)
        return array.reshape(-1, *inside)

    @property
    def is_closed(self) -> bool:
        """Whether whatever can be stored obeys the structure."""
        return self.shared or "E" not in self.code

    def check(self, n_features: int) -> None:
        """Raise ValueError where the structure makes no sense with so many features."""

    def published(self, covariances: np.ndarray, precision_cholesky: np.ndarray, n_features: int) -> Attributes:
        """Return the attributes by which the user sees the covariances."""
        precisions = self.form.precisions(precision_cholesky)
        arrays = covariances, precisions, precision_cholesky
        return {name: self.to_natural(a, n_features) for name, a in zip(MATRIX_ATTRIBUTES, arrays, strict=True)}

    def published_shapes(self, n_components: int, n_features: int) -> dict[str, tuple[int, ...]]:
        """Return the attributes that are the truth, from which the others follow, and their shapes."""
        return {"precisions_cholesky_": self.natural_shape(n_components, n_features)}

    def covariances_of(self, attributes: Attributes, n_features: int) -> np.ndarray:
        """Return the covariances that the published attributes say."""
        return self.from_natural(np.asarray(attributes["covariances_"], dtype=float), n_features)

    def factors_of(self, attributes: Attributes, n_features: int) -> np.ndarray:
        """Return the factors of the precisions that the published attributes say."""
        return self.from_natural(np.asarray(attributes["precisions_cholesky_"], dtype=float), n_features)
