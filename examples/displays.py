"""Looking at a mixture
====================

Three displays show a model, how it was chosen, and how it was found: `SelectionDisplay`, `GaussianMixtureDisplay` and
`ConvergenceDisplay`. As scikit-learn's, each is made by `from_estimator`, and draws on axes that you give by `ax=`.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

from sklearn_em import (
    ConvergenceDisplay,
    GaussianMixtureDisplay,
    GaussianMixtureEM,
    GaussianMixtureIC,
    SelectionDisplay,
)

# %%
# Which number of components, and which structure? One line for each of the fourteen structures; lower is better, and
# the winner has a ring. Hollow markers are spurious solutions, which are not chosen.

X = load_iris(as_frame=True).data
estimator = GaussianMixtureEM(random_state=0)
search = GaussianMixtureIC(estimator, n_components=range(1, 7), covariance_type="all").fit(X)
print("lowest BIC:", *search.best_params_.values())
SelectionDisplay.from_estimator(search)
plt.show()

# %%
# BIC takes two components: it asks for the density, not for the species. Here is a mixture of three, in all pairs of
# features. Rows have the colour of their component, and are faint where that is uncertain. Each ellipse holds a half,
# or 95 %, of its component. Each panel shows the exact marginal of the mixture.

mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)
print("certain rows:", (mixture.predict_proba(X).max(axis=1) > 0.95).sum(), "of", len(X))
GaussianMixtureDisplay.from_estimator(mixture, X)
plt.show()

# %%
# A mixture of two features has boundaries that can be drawn: where another component becomes the most probable.
# Contours of the density hold 10, 30, 50, 70, 90 and 99 % of the mass.

petals = X[["petal length (cm)", "petal width (cm)"]]
of_petals = GaussianMixtureEM(3, random_state=0).fit(petals)
GaussianMixtureDisplay.from_estimator(of_petals, petals, ellipses=False, density=True, boundaries=True)
plt.show()

# %%
# One feature is drawn as the weighted densities of the components, which add up to the line on top.

GaussianMixtureDisplay.from_estimator(mixture, X, features="petal length (cm)")
plt.show()

# %%
# How the fit climbed. The dashed line is the limit by whose distance the fit is stopped.

ConvergenceDisplay.from_estimator(mixture)
plt.show()

# %%
# The distance to the limit, on a log axis, shows how fast: where plain EM goes its steady pace, the acceleration jumps.

_, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
for ax, acceleration in zip(axes, [None, "squarem"], strict=True):
    fit = GaussianMixtureEM(4, acceleration=acceleration, tol=1e-8, random_state=0).fit(X)
    ConvergenceDisplay.from_estimator(fit, ax=ax, distance=True)
    ax.set_title(f"acceleration={acceleration}: {fit.n_iter_} iterations")
plt.show()
