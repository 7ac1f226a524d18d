"""The bound that EM climbs
=========================

The log-likelihood of a mixture has a sum inside the logarithm, so its maximum has no closed form. EM climbs a lower
bound instead, which touches the log-likelihood where it stands and has a maximum that is easily found. Here all but one
parameter of a mixture are known, so that both are curves.
"""

import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp, xlogy
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning

from sklearn_em import FixedParameters, GaussianMixtureEM

# %%
# Half of the points come from N(0, 1), the other half from N(mu, 1), and only mu is not known. The log-likelihood as a
# function of mu, per point:

rng = np.random.default_rng(3)
x = np.concatenate([rng.normal(0, 1, 60), rng.normal(2.5, 1, 60)])


def log_joint(mu):
    """Return log(1/2 N(x_i; mean_k, 1)) of every point and component, (120, 2)."""
    return np.log(0.5) + norm.logpdf(x[:, None], [0.0, mu], 1.0)


def log_likelihood(mu):
    """Return the mean log density of a point."""
    return logsumexp(log_joint(mu), axis=1).mean()


# %%
# For any distribution q of each point over the components the log-likelihood is at least the ELBO, the mean over the
# points of sum_k q_ik (log joint_ik - log q_ik). With q the posterior at some mu it is equal there.


def posterior(mu):
    """Return the probability that point i came from component k if mu is right: the E-step, (120, 2)."""
    joint = log_joint(mu)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def elbo(q, mu):
    """Return the lower bound that q gives, at mu."""
    return np.sum(q * log_joint(mu) - xlogy(q, q), axis=1).mean()


# %%
# Now the package's EM from mu = 0.3, one M-step after the other: `max_iter` says how many, and `fixed` keeps what is
# known. Each time the next mu is where the bound of the last one is highest, and the log-likelihood is higher still.

known = FixedParameters(weights=[0.5, 0.5], means=[[0.0], [np.nan]], covariances=np.ones((2, 1, 1)))
warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is intended here
path = [0.3]
for _ in range(4):
    mixture = GaussianMixtureEM(2, fixed=known, means_init=[[0.0], [path[-1]]], max_iter=1, reg_covar=0)
    path.append(mixture.fit(x[:, None]).means_[1, 0])

grid = np.linspace(-0.5, 4.5, 501)
for old, new in pairwise(path):
    q = posterior(old)
    highest = grid[np.argmax([elbo(q, mu) for mu in grid])]
    print(f"mu {old:.3f} -> {new:.3f}; highest point of the bound on the grid: {highest:.2f}")
    assert np.isclose(elbo(q, old), log_likelihood(old))
    assert all(elbo(q, mu) <= log_likelihood(mu) + 1e-12 for mu in grid)

# %%
# At a dot the E-step has made the bound touch the curve. The M-step goes along the bound to its highest point, the
# cross. From there the next E-step closes the gap to the curve, which is the Kullback-Leibler divergence of q from the
# posterior, and a new bound begins.

COLOURS = ["#0072B2", "#D55E00", "#009E73"]  # Okabe-Ito, colour-blind safe

figure, axes = plt.subplots(figsize=(8, 5), dpi=100, layout="constrained")
axes.plot(grid, [log_likelihood(mu) for mu in grid], color="black", lw=2.5, label="log-likelihood")
for t, colour in enumerate(COLOURS):
    old, new = path[t], path[t + 1]
    q = posterior(old)
    axes.plot(grid, [elbo(q, mu) for mu in grid], color=colour, lw=1.8, label=f"bound of E-step {t + 1}")
    axes.plot(old, log_likelihood(old), "o", color=colour, ms=9, mec="black", zorder=3)
    axes.plot([new, new], [elbo(q, new), log_likelihood(new)], ":", color=colour, lw=2.5)
    axes.plot(new, elbo(q, new), "X", color=colour, ms=9, mec="black", zorder=3)
axes.set(xlabel="mu", ylabel="mean nats per point", ylim=(-2.95, -1.82), xlim=(grid[0], grid[-1]))
axes.set_title("Each bound touches the log-likelihood at a dot; its maximum, the cross, is the next mu", fontsize=11)
axes.legend(loc="upper left", frameon=False)
plt.show()
