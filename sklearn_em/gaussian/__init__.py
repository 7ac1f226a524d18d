"""A component family: Gaussian log densities, statistics and maximum-likelihood estimates; no mixing weights."""
