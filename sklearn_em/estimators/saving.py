"""The checkpoints of one fit: the one it goes on from, and those it writes as it proceeds."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import scipy
import sklearn
from sklearn.utils import check_random_state

import sklearn_em
from sklearn_em.em import Status
from sklearn_em.estimators import checkpoint_file, fingerprint
from sklearn_em.estimators.checkpoint import Checkpoint
from sklearn_em.starts import Journal, Observer, StartRecord
from sklearn_em.starts.ends import State


class Saving:
    """What a fit is told by its checkpoints, and tells them.

    Parameters
    ----------
    checkpoints : iterable of Checkpoint
        To be written.
    resume_from : str or path-like, optional
        Another one, or one of these, to go on from.

    Attributes
    ----------
    journal : Journal
        How far the fit has come.

    Raises
    ------
    OSError, ValueError
        If a file that is to be read or replaced is not a whole checkpoint.
    """

    def __init__(self, checkpoints: Iterable[Checkpoint], resume_from: str | os.PathLike[str] | None):
        self.journal = Journal({})
        self._resume_from = None if resume_from is None else Path(resume_from)
        self._marks = {Path(one.path): (int(one.every), _mark(Path(one.path))) for one in checkpoints}
        paths = {path for path, (_, mark) in self._marks.items() if mark is not None}
        if self._resume_from is not None:
            paths.add(self._resume_from)
        self._found = {path: checkpoint_file.read(path) for path in paths}
        self._writers: list[_Writer] = []

    def begin(
        self, fingerprint_of_fit: Callable[[], dict[str, Any]], random_state: int | np.random.RandomState | None
    ) -> tuple[list[Observer], np.random.RandomState]:
        """Return who is to look on, and what the fit draws from.

        Parameters
        ----------
        fingerprint_of_fit : callable
            Returns its data and settings, asked for only where there are files; see `fingerprint`.
        random_state : int, RandomState instance or None
            The estimator's.

        Raises
        ------
        ValueError
            If one of the files is of another fit.
        """
        rng = check_random_state(random_state)
        if not self._marks and self._resume_from is None:
            return [self.journal], rng
        fit = fingerprint_of_fit()
        for path, content in self._found.items():
            goes_on = path == self._resume_from
            if differs := fingerprint.difference(content["fit"], fit, may_grow=goes_on):
                raise ValueError(
                    f"The checkpoint {str(path)!r} is of another fit: {differs}; give the same data and settings, or "
                    "another path."
                )
        if self._resume_from is not None:
            found = self._found[self._resume_from]
            if random_state is None:
                # Not the one that all of NumPy's own functions draw from.
                rng = np.random.RandomState()
            rng.set_state(found["random_state"])
            self.journal = Journal(dict(found["states"]))
        content = {"fit": fit, "random_state": rng.get_state(legacy=False)}
        self._writers = [
            _Writer(path, every, mark, content, self.journal) for path, (every, mark) in self._marks.items()
        ]
        # The journal first, so that it knows whatever others are told.
        return [self.journal, *self._writers], rng

    def end_with(self, interrupt: KeyboardInterrupt) -> NoReturn:
        """Write once more, and raise what has interrupted the fit."""
        try:
            for writer in self._writers:
                writer.write()
        except (OSError, ValueError) as error:
            raise interrupt from error
        raise interrupt


# What tells one version of a file from another: where it is on the disk, when it was written, and its size.
_Mark = tuple[int, int, int]


def _mark(path: Path) -> _Mark | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class _Writer(Observer):
    """Writes the journal to one file, unless somebody else has written there since."""

    def __init__(self, path: Path, every: int, mark: _Mark | None, content: dict[str, Any], journal: Journal):
        self._path, self._every, self._mark = path, every, mark
        self._content, self._journal = content, journal
        self._n_unsaved = 0

    def search_begins(self, model: Any) -> None:
        """Take the path, and see that it can be written to; a checkpoint that is there stays until there is more."""
        if self._mark is None:
            self.write()

    def reached(self, state: State, status: Status) -> bool:
        """Write once in a while."""
        self._n_unsaved += 1
        if self._n_unsaved >= self._every:
            self.write()
        return False

    def start_ends(self, record: StartRecord) -> bool:
        """Write the end."""
        if self._n_unsaved:
            self.write()
        return False

    def write(self) -> None:
        """Write all that is known."""
        mark = _mark(self._path)
        if mark is not None and mark != self._mark:
            raise ValueError(
                f"Another fit has written to the checkpoint {str(self._path)!r} while this one was running; give each "
                "fit a path of its own."
            )
        versions = {
            "sklearn_em": sklearn_em.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        }
        states = tuple(sorted(self._journal.states.items()))
        checkpoint_file.write(self._path, {**self._content, "states": states}, versions)
        self._mark, self._n_unsaved = _mark(self._path), 0
