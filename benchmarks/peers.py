"""Time one EM pass (E-step, M-step, log-likelihood) of other packages and of sklearn_em, on the same data and start.

Run: python benchmarks/peers.py [--quick] [--rounds 5] [--markdown FILE]

The peers are optional; one that is not there is left out with a sentence that says what to install. All go through
their public interfaces, in float64, on all cores and without regularisation. The time of one pass is the slope
between a run of few passes and one of many, so that setting up does not count; rounds of all peers alternate, and the
median is shown, followed by its ratio to that of sklearn_em: above 1 is slower than sklearn_em. That a peer computed
the same is shown by the mean log-likelihood of its parameters after the many passes, which one piece of code
evaluates for all.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from problems import correlated
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from timing import seconds

from sklearn_em import GaussianMixtureEM

CASES = [
    ("full", 100_000, 2, 3),
    ("full", 100_000, 8, 10),
    ("full", 100_000, 16, 16),
    ("full", 100_000, 16, 64),
    ("full", 50_000, 32, 32),
    ("diag", 100_000, 8, 10),
    ("diag", 100_000, 16, 64),
]
FEW, MANY = 2, 12
SLOW = 20  # seconds of many passes, from which on one round has to do
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SOURCE = Path(__file__).with_name("peers_armadillo.cpp")


@dataclass(frozen=True)
class Parameters:
    """A mixture: covariances are (K, p, p) for "full" and (K, p) for "diag"."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


@dataclass(frozen=True)
class Peer:
    """A package: `run(X, covariance_type, start, passes)` returns the seconds of the fit, and where it ended."""

    name: str
    version: str
    remark: str
    run: Callable[[np.ndarray, str, Parameters, int], tuple[float, Parameters]]


def make_start(X: np.ndarray, covariance_type: str, n_components: int) -> Parameters:
    """Return random rows as means, each with the covariance of all rows.

    That is far from an optimum, where peers that cannot be told to go on would stop.
    """
    rows = np.random.default_rng(0).choice(len(X), n_components, replace=False)
    covariance = np.cov(X.T)
    if covariance_type == "diag":
        covariance = covariance.diagonal()
    weights = np.full(n_components, 1 / n_components)
    return Parameters(weights, X[rows], np.repeat(covariance[None], n_components, axis=0))


def mean_log_likelihood(X: np.ndarray, mixture: Parameters) -> float:
    """Evaluate parameters with SciPy, which is none of the peers."""
    log_joint = np.empty((len(X), len(mixture.weights)))
    for k, (mean, covariance) in enumerate(zip(mixture.means, mixture.covariances, strict=True)):
        log_joint[:, k] = np.log(mixture.weights[k]) + multivariate_normal(mean, covariance).logpdf(X)
    return float(logsumexp(log_joint, axis=1).mean())


def run_estimator(
    make: Callable[..., GaussianMixture | GaussianMixtureEM],
    X: np.ndarray,
    covariance_type: str,
    start: Parameters,
    passes: int,
) -> tuple[float, Parameters]:
    """Run an estimator with scikit-learn's interface. A tolerance of 0 ends neither before `passes` passes."""
    covariances = start.covariances
    mixture = make(
        len(start.weights),
        covariance_type=covariance_type,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(covariances) if covariance_type == "full" else 1 / covariances,
        reg_covar=0.0,
        tol=0.0,
        max_iter=passes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        taken = seconds(lambda: mixture.fit(X))
    return taken, Parameters(mixture.weights_, mixture.means_, mixture.covariances_)


def run_pomegranate(X: np.ndarray, covariance_type: str, start: Parameters, passes: int) -> tuple[float, Parameters]:
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    torch.set_num_threads(CORES)
    torch.set_default_dtype(torch.float64)  # else the weights are summed in float32, whatever the data are
    normals = [
        Normal(torch.tensor(mean), torch.tensor(covariance), covariance_type=covariance_type)
        for mean, covariance in zip(start.means, start.covariances, strict=True)
    ]
    # Rounding may let the log-likelihood fall, so that a tolerance of 0 could end the fit early.
    mixture = GeneralMixtureModel(normals, priors=torch.tensor(start.weights), max_iter=passes, tol=-np.inf)
    rows = torch.from_numpy(X)
    taken = seconds(lambda: mixture.fit(rows))
    means = np.stack([normal.means.numpy() for normal in normals])
    covariances = np.stack([normal.covs.numpy() for normal in normals])
    return taken, Parameters(mixture.priors.numpy(), means, covariances)


def run_tgmm(X: np.ndarray, covariance_type: str, start: Parameters, passes: int) -> tuple[float, Parameters]:
    import tgmm
    import torch

    torch.set_num_threads(CORES)
    mixture = tgmm.GaussianMixture(
        len(start.weights),
        covariance_type=covariance_type,
        init_weights=torch.tensor(start.weights),
        init_means=torch.tensor(start.means),
        init_covariances=torch.tensor(start.covariances),
        reg_covar=0.0,
        tol=1e-300,  # has to be positive
        max_iter=passes,
        device="cpu",
    )
    rows = torch.from_numpy(X)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*did not converge", UserWarning)
        taken = seconds(lambda: mixture.fit(rows))
    return taken, Parameters(mixture.weights_.numpy(), mixture.means_.numpy(), mixture.covariances_.numpy())


def armadillo(folder: Path) -> Peer | None:
    """Compile the program that runs Armadillo, into the folder; return None if that fails."""
    compiler, program = shutil.which("g++"), folder / "armadillo"
    if compiler is None:
        return None
    # Armadillo's own loops do the work of a pass, so it does not matter which BLAS it is linked with.
    options = ["-O3", "-march=native", "-fopenmp"]
    command = [compiler, *options, str(SOURCE), "-o", str(program), "-larmadillo"]
    if subprocess.run(command, capture_output=True).returncode:
        return None

    def call(*arguments: object) -> str:
        return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout

    def run(X: np.ndarray, covariance_type: str, start: Parameters, passes: int) -> tuple[float, Parameters]:
        arrays = {"weights": start.weights, "means": start.means, "covariances": start.covariances}
        for name, array in {"rows": X, **arrays}.items():
            array.tofile(folder / name)
        taken = float(call(folder, covariance_type, X.shape[1], len(start.weights), passes))
        ends = [np.fromfile(folder / name).reshape(array.shape) for name, array in arrays.items()]
        return taken, Parameters(*ends)

    return Peer("Armadillo", call(), f"C++, g++ {' '.join(options)}", run)


def find_peers(folder: Path) -> tuple[list[Peer], list[str]]:
    """Return the peers that are there, sklearn_em first, and a sentence for each that is not."""
    plain_em = partial(GaussianMixtureEM, acceleration=None)
    peers = [
        Peer("sklearn_em", version("sklearn-em"), "NumPy", partial(run_estimator, plain_em)),
        Peer("scikit-learn", version("scikit-learn"), "NumPy", partial(run_estimator, GaussianMixture)),
    ]
    missing = []
    found = armadillo(folder)
    if found is None:
        missing.append("Armadillo is left out: install g++ and libarmadillo-dev (as Debian names them).")
    else:
        peers.append(found)
    for name, run in (("pomegranate", run_pomegranate), ("tgmm", run_tgmm)):
        try:
            peers.append(Peer(name, version(name), f"PyTorch {version('torch')}", run))
        except PackageNotFoundError:
            missing.append(f"{name} is left out: pip install torch {name}.")
    return peers, missing


def time_case(
    X: np.ndarray, covariance_type: str, n_components: int, peers: list[Peer], rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each peer the milliseconds of a pass, and how much higher than ours the log-likelihood ends."""
    start = make_start(X, covariance_type, n_components)
    # These runs also warm up: libraries are loaded and threads started before anything is timed.
    first = [peer.run(X, covariance_type, start, MANY) for peer in peers]
    ends = np.array([mean_log_likelihood(X, end) for _, end in first])
    slopes = np.full((rounds, len(peers)), np.nan)
    for i_round in range(rounds):
        for i, peer in enumerate(peers):
            if i_round == 0 or first[i][0] < SLOW:
                few, many = (peer.run(X, covariance_type, start, passes)[0] for passes in (FEW, MANY))
                slopes[i_round, i] = 1e3 * (many - few) / (MANY - FEW)
    return np.nanmedian(slopes, axis=0), ends - ends[0]


def cells(case: tuple[str, int, int, int], times: np.ndarray) -> list[str]:
    """Return one row of the table."""
    ours, *others = times
    return [*map(str, case), f"{ours:.1f}", *(f"{other:.1f} ({other / ours:.1f}×)" for other in others)]


def as_text(row: list[str]) -> str:
    """Align one row of the table."""
    return " ".join(cell.rjust(width) for cell, width in zip(row, [9, 7, 3, 3] + [17] * len(row), strict=False))


def as_markdown(table: list[list[str]], notes: list[str]) -> str:
    """Return the table, whose first row is the header, and the notes below it."""
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    rule = f"|{' ---: |' * len(table[0])}"
    return "\n".join([head, rule, *rows, "", *(f"- {note}" for note in notes), ""])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of the small cases")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where to write the table as Markdown as well")
    arguments = parser.parse_args()
    cases = [case for case in CASES if case[2] * case[3] < 100] if arguments.quick else CASES
    rounds = 1 if arguments.quick else arguments.rounds
    with tempfile.TemporaryDirectory() as folder:
        peers, missing = find_peers(Path(folder))
        table = [["structure", "N", "p", "K", *(peer.name for peer in peers)]]
        print(
            f"Milliseconds of one EM pass on {CORES} cores, and the ratio to {peers[0].name}",
            as_text(table[0]),
            sep="\n",
        )
        differences = []
        for case in cases:
            covariance_type, n, p, n_components = case
            X = correlated(n, p, n_components)
            times, difference = time_case(X, covariance_type, n_components, peers, rounds)
            table.append(cells(case, times))
            print(as_text(table[-1]), flush=True)
            differences.append(difference)
    largest = np.abs(differences).max(axis=0)
    notes = [f"{peers[0].name} {peers[0].version} ({peers[0].remark})"] + [
        f"{peer.name} {peer.version} ({peer.remark}): mean log-likelihood after {MANY} passes within {end:.0e} of ours"
        for peer, end in zip(peers[1:], largest[1:], strict=True)
    ]
    print(*notes, *missing, sep="\n")
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(table, notes + missing), encoding="utf-8")


if __name__ == "__main__":
    main()
