"""A block of complete rows as a worker holds it: scaled, about the centre, with its features."""

import numpy as np

from sklearn_em.gaussian.features import Moments


class FeatureBuffer:
    """Room for one block after another as a worker needs it.

    Attributes
    ----------
    rows : ndarray of shape (p, b)
        The scaled rows of the current block; only if asked for.
    z : ndarray of shape (p, b)
        The same less the centre; the last part of `phi`.
    phi : ndarray of shape (F, b)
        The features; only if there are moments to sum.
    """

    def __init__(self, moments: Moments | None, n_features: int, length: int, with_rows: bool):
        self._moments = moments
        self._rows = np.empty((n_features, length)) if with_rows else None
        if moments is not None:
            self._room = np.empty((moments.length(n_features) + moments.n_spare(n_features), length))
            self._room[0] = 1.0
        self._n_rows = -1

    def load(self, rows: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> None:
        """Take `rows` (b, p) times `scale` (p,), about `centre` (p,)."""
        if len(rows) != self._n_rows:
            self._cut(*rows.shape)
        if self._rows is not None:
            np.multiply(rows.T, scale[:, None], out=self.rows)
        if self._moments is None:
            return
        if self._rows is None:
            np.multiply(rows.T, scale[:, None], out=self.z)
            self.z -= centre[:, None]
        else:
            np.subtract(self.rows, centre[:, None], out=self.z)
        self._fill()

    def _cut(self, b: int, p: int) -> None:
        """Cut the room for b rows: most blocks are of one length, and views cost as much as short work on them."""
        self._n_rows = b
        if self._rows is not None:
            self.rows = self._rows[:, :b]
        if self._moments is not None:
            room, length = self._room[:, :b], self._moments.length(p)
            self.phi = room[:length]
            self.z = self.phi[-p:]
            self._fill = self._moments.filler(room[length - p :], self.phi[1:-p])
