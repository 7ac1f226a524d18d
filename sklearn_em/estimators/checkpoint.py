"""Checkpoint: a fit that was stopped goes on from where it was."""

import os
from dataclasses import dataclass
from numbers import Integral
from typing import Any


@dataclass(frozen=True)
class Checkpoint:
    """Writes how far a fit has come to a file, from which `fit(X, resume_from=path)` goes on.

    It is set on the mixture, `GaussianMixtureEM(...).set_callbacks(Checkpoint(path))`, with any version of
    scikit-learn. A fit that goes on ends where it would have ended had it not been stopped, to the last bit on the same
    machine.

    Parameters
    ----------
    path : str or path-like
        The file, in a folder that exists. It is replaced as a whole: a process that is killed leaves the last complete
        checkpoint, and at worst a file `<path>.<number>.part` beside it.
    every : int, default=10
        The number of passes over all the data between writes. The file is also written when the fit begins, when a
        start ends, and on Ctrl-C.

    Raises
    ------
    TypeError
        If `path` is not the name of a file.
    ValueError
        If `every` is no positive integer. By `fit`, before EM begins: if there is a file at `path` that is no
        checkpoint, is damaged, or is of a fit of other data or settings, which is then left as it is; and if another
        fit writes to the same file, as the fits of a grid search do.
    OSError
        By `fit`: if the file cannot be written. What was there is intact.

    Notes
    -----
    The file is an npz archive of arrays with a JSON header; nothing in it is a pickle. It has the parameters and the
    statistics of every start, so its size does not depend on the number of rows. A checkpoint of the same fit that is
    not resumed from is overwritten.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_em import Checkpoint, GaussianMixtureEM
    >>> X = load_iris().data
    >>> with TemporaryDirectory() as folder:
    ...     path = f"{folder}/iris.npz"
    ...     mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(Checkpoint(path)).fit(X)
    ...     again = GaussianMixtureEM(3, random_state=0).fit(X, resume_from=path)
    >>> again.lower_bounds_ == mixture.lower_bounds_
    True
    """

    path: str | os.PathLike[str]
    every: int = 10

    def __post_init__(self) -> None:
        if not isinstance(self.every, Integral) or isinstance(self.every, bool) or self.every < 1:
            raise ValueError(
                f"every is {self.every!r}; give the number of passes between writes, an integer of 1 or more."
            )
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"path is {self.path!r}; give the name of a file, a string or a path.")

    # What scikit-learn's protocol of callbacks asks for; a fit tells checkpoints more than these are told.

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing."""
