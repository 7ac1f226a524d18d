"""Filling the gaps in a table of sensors
======================================

What the missing readings probably were, and how sure that is. `fit` takes the table as it is, with NaN for what is
missing; nothing is filled in before.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer

from sklearn_em import GaussianMixtureEM

# %%
# A plant runs in one of three modes: idle, normal, full load. Six sensors are read two thousand times; in each mode
# they vary about other values and go together in another way. 30 % of all readings are lost at random.

SENSORS = ["power", "flow", "speed", "temperature", "pressure", "vibration"]
MODES = ["idle", "normal", "full load"]

rng = np.random.default_rng(1)
means = np.array([
    [20.0, 15.0, 310.0, 48.0, 4.0, 0.4],
    [55.0, 32.0, 900.0, 60.0, 6.5, 0.9],
    [80.0, 38.0, 1500.0, 85.0, 6.0, 2.0],
])  # fmt: skip
deviations = np.array([
    [6.0, 5.0, 60.0, 4.0, 0.6, 0.10],
    [9.0, 5.0, 150.0, 5.0, 0.9, 0.25],
    [7.0, 4.0, 250.0, 8.0, 0.9, 0.50],
])  # fmt: skip
modes = rng.choice(3, size=2000, p=[0.5, 0.3, 0.2])
complete = np.empty((2000, 6))
for k in range(3):
    loadings = rng.normal(size=(6, 2))  # two causes move all sensors
    n_rows = np.sum(modes == k)
    causes, own = rng.normal(size=(n_rows, 2)), rng.normal(size=(n_rows, 6))
    spread = np.sqrt(np.sum(loadings**2, axis=1) + 0.3)
    complete[modes == k] = means[k] + deviations[k] * (causes @ loadings.T + np.sqrt(0.3) * own) / spread
gappy = np.where(rng.random(complete.shape) < 0.3, np.nan, complete)
gaps = np.isnan(gappy)
print(f"gaps: {gaps.sum()} of {gaps.size} readings, {np.sum(gaps.any(axis=1))} of {len(gaps)} rows")

# %%
# Four ways to fill the gaps:
#
# - the mean of the sensor (scikit-learn's `SimpleImputer`);
# - a linear regression on the other sensors, round and round until nothing changes (`IterativeImputer`);
# - one Gaussian, which is such a regression, with all its parameters found together;
# - three Gaussians: what is observed of a row says which mode it is from, and each mode has a regression of its own.
#
# The table compares with the readings that were lost: the root mean squared error of each sensor in units of its
# standard deviation. Filling in the mean has about 1.

mixture = GaussianMixtureEM(3, random_state=0).fit(gappy)
filled = {
    "mean": SimpleImputer().fit_transform(gappy),
    "IterativeImputer": IterativeImputer(max_iter=30, tol=0.01, random_state=0).fit_transform(gappy),
    "one Gaussian": GaussianMixtureEM(1).fit(gappy).impute(gappy),
    "three Gaussians": mixture.impute(gappy),
}
errors = {}
columns = "{:<18}" + len(SENSORS) * "{:>13}" + "{:>8}"
print(columns.format("filled in by", *SENSORS, "all"))
for name, table in filled.items():
    squares = ((table - complete) / complete.std(axis=0)) ** 2
    errors[name] = squares[gaps].mean() ** 0.5
    each = [squares[gaps[:, j], j].mean() ** 0.5 for j in range(len(SENSORS))]
    print(columns.format(name, *(f"{value:.2f}" for value in [*each, errors[name]])))

# %%
# Each point is a gap: what was lost against what was filled in, all sensors in standard deviations from their means.

COLOURS = ["#0072B2", "#E69F00", "#009E73"]  # Okabe-Ito, colour-blind safe
MARKERS = ["o", "^", "s"]

figure = plt.figure(figsize=(12, 4.9), dpi=100, layout="constrained")
row = np.broadcast_to(modes[:, None], gaps.shape)[gaps]
middle, unit = complete.mean(axis=0), complete.std(axis=0)
order = np.random.default_rng(0).permutation(len(row))  # so that no mode hides the others
shown = ["mean", "IterativeImputer", "three Gaussians"]
for axes, name in zip(figure.subplots(1, 3, sharex=True, sharey=True), shown, strict=True):
    x, y = (((table - middle) / unit)[gaps] for table in (complete, filled[name]))
    for part in np.array_split(order, 10):
        for k, marker in enumerate(MARKERS):
            own = part[row[part] == k]
            axes.scatter(x[own], y[own], s=9, c=COLOURS[k], marker=marker, alpha=0.6, linewidths=0)
    axes.axline((0, 0), slope=1, color="black", linewidth=1)
    axes.set(title=f"{name}: error {errors[name]:.2f}", xlabel="the reading that was lost")
    axes.set(aspect="equal", xlim=(-2.5, 4), ylim=(-2.5, 4))
figure.axes[0].set_ylabel("what was filled in")
looks = zip(MODES, MARKERS, COLOURS, strict=True)
handles = [Line2D([], [], ls="", marker=marker, color=colour, label=name) for name, marker, colour in looks]
handles.append(Line2D([], [], color="black", lw=1, label="as it was"))
figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)

# %%
# A filled-in value looks as certain as a reading. `impute(X, n_draws=99)` gives 99 tables instead, in which gaps hold
# draws from what they could be. The fifth smallest and the fifth largest of 99 draws bound a 90 % interval; so many of
# the lost readings lie in theirs. The parameters are taken as if they were exactly known, so with few rows intervals
# are a little too short.

draws = np.sort(mixture.impute(gappy, n_draws=99, random_state=0), axis=0)
held = ((draws[4] <= complete) & (complete <= draws[-5]))[gaps]
print(f"90 % intervals that hold the lost reading: {100 * held.mean():.1f} %")
plt.show()
