# %% [markdown]
# # Lesson 6: fitting without clean rows
#
# **You will learn**
#
# - what BIAM-X assumes about wrong labels when no meta row says what right ones look like;
# - where that finds them, where it declines, and where Huber's loss does better;
# - why it cannot work for labels that are wrong in a system, and what a few meta rows change;
# - when two flip rates can be read from the labels alone;
# - how good the list of likely wrong labels is, beside cleanlab's.
#
# `fit(X, y)` is all that most people have. The model of wrong labels is then on its own; [](how_biam_x_works.ipynb) shows how it looks with meta rows.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import HuberRegressor
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from biam import BIAMClassifier, BIAMRegressor
from biam.plotting.style import BLUE, GREEN, GREY, OCHRE, VERMILLION, axes, dress, figure, legend

# %%
# cleanlab looks for a progress bar that this page does not show.
with warnings.catch_warnings(action="ignore"):
    from cleanlab.rank import get_label_quality_scores

# %% tags=["parameters"]
n_rows, n_fresh = 1000, 2000
noise = 0.3
n_draws = 3
seed = 0

# %% [markdown]
# ## Numbers: errors that stand apart
#
# An additive truth, honest noise, and a share of labels with gross errors, thirty times as wide. Four fits on the same hinges:
#
# - `equal`: no row is doubted (`weighting="equal"`);
# - `Huber`: every error counts, large ones less {cite:p}`huber1964`, scikit-learn's on the same kind of hinges;
# - `BIAM-X`: `fit(X, y)`, a mixture of honest and wrong errors;
# - `true labels`: the limit. BIAM-X on the labels before they were spoilt.

# %%
rng = np.random.default_rng(seed)
draws = []
for _ in range(n_draws):
    X = rng.uniform(-1, 1, (n_rows + n_fresh, 5))
    truth = 2 * X[:, 0] + 3 * X[:, 1] ** 2 + np.sin(5 * X[:, 2])
    honest, size = noise * rng.normal(size=n_rows), rng.normal(size=n_rows)
    draws.append((X, truth, honest, rng.random(n_rows), size))

# %%
hinges = SplineTransformer(10, degree=1, extrapolation="linear")
learners = {
    "equal": BIAMRegressor(weighting="equal", random_state=0),
    "Huber": make_pipeline(hinges, HuberRegressor(max_iter=1000)),
    "BIAM-X": BIAMRegressor(random_state=0),
}

# %%
rates, told = [0.0, 0.1, 0.3, 0.5, 0.7], []
for rate in rates:
    for X, truth, honest, chance, size in draws:
        y = truth[:n_rows] + honest
        spoilt = y + np.where(chance < rate, 100 * noise * size / 3, 0)
        labels = dict.fromkeys(learners, spoilt) | {"true labels": y}
        for name, given in labels.items():
            fit = learners.get(name, learners["BIAM-X"]).fit(X[:n_rows], given)
            error = ((fit.predict(X[n_rows:]) - truth[n_rows:]) ** 2).mean()
            told.append({"share": rate, "fit": name, "error": error})
gross = pd.DataFrame(told).groupby(["share", "fit"])["error"].mean().unstack()

# %% alt="Squared error over the share of wrong labels, logarithmic. Equal weights are worst from a tenth on. Huber's loss rises steadily and breaks down at seven tenths. BIAM-X stays close to the fit on the true labels throughout"
looks = {
    "equal": (GREY, "s-."),
    "Huber": (OCHRE, "^--"),
    "BIAM-X": (BLUE, "o-"),
    "true labels": (GREEN, ":"),
}
ax = axes(2.8)
for name, (colour, line) in looks.items():
    ax.plot(rates, gross[name], line, color=colour, label=name, ms=5)
ax.set(yscale="log", xlabel="share of wrong labels", ylabel="squared error")
legend(ax)
plt.show()

# %%
assert (gross["BIAM-X"] < 5 * gross["true labels"]).all()
assert (gross["Huber"] / gross["BIAM-X"]).loc[0.1:].min() > 2
assert (gross["equal"] > 20 * gross["BIAM-X"]).loc[0.1:].all()
gross.round(4)

# %% [markdown]
# Gross errors are the easy case: nothing honest looks like them. BIAM-X is at most five times the limit, with seven wrong labels in ten; Huber's loss, which cannot drop a row but only count it less, is more than twice as far off from the first tenth on, and at seven in ten it has lost the majority.
#
# ## Numbers: errors that run together
#
# Now every wrong label, one in five, is too high by the same distance. How far must it be?

# %%
distances, told = [1, 2, 3, 4, 6, 8, 12], []
for distance in distances:
    for X, truth, honest, chance, _ in draws:
        wrong = chance < 0.2
        y = truth[:n_rows] + honest + distance * noise * wrong
        fits = {k: learner.fit(X[:n_rows], y) for k, learner in learners.items()}
        off = {k: fit.predict(X[n_rows:]) - truth[n_rows:] for k, fit in fits.items()}
        errors = {k: (e**2).mean() for k, e in off.items()}
        doubted = fits["BIAM-X"].weights_ < 0.5
        found = {"found": doubted[wrong].mean(), "false": doubted[~wrong].mean()}
        told.append({"distance": distance, **errors, **found})
apart = pd.DataFrame(told).groupby("distance").mean()

# %% alt="Two panels over the distance of wrong labels in deviations of the noise. Left, squared error: up to two deviations all three fits are alike, at three and a little beyond Huber's loss is best, from six on BIAM-X is ten times better and back where it began. Right, share of wrong labels found: none up to three deviations, some at four, all from six on"
left, right = figure(2.8).subplots(1, 2)
for name in learners:
    colour, line = looks[name]
    dress(left).plot(apart.index, apart[name], line, color=colour, label=name, ms=4)
dress(right).plot(apart.index, apart["found"], "o-", color=BLUE, ms=4)
left.set(yscale="log", xlabel="distance", ylabel="squared error")
right.set(xlabel="distance", ylabel="wrong labels found")
spot = {"loc": "outside upper center", "ncols": 3, "frameon": False, "labelcolor": GREY}
plt.gcf().legend(*left.get_legend_handles_labels(), **spot)
plt.show()

# %%
near, far = apart.loc[:3], apart.loc[6:]
assert (near["BIAM-X"] / near["equal"] - 1).abs().max() < 0.05 and near["found"].max() < 0.01
assert apart.loc[3, "Huber"] < 0.8 * apart.loc[3, "BIAM-X"]
assert (far["Huber"] > 4 * far["BIAM-X"]).all() and far["found"].min() > 0.95
assert (far["BIAM-X"] < 1.2 * gross.loc[0, "true labels"]).all() and apart["false"].max() < 0.02
apart.round(4)

# %% [markdown]
# Up to three deviations BIAM-X **declines**: one lopsided heap of errors may as well be honest, and then the mean is what is asked for, so it weighs all rows alike. Huber's loss always leans to the median. If the errors on one side are wrong labels, that is better, as here at three deviations; if they are honest, it is biased.
# Further out there are two heaps, and the wrong labels are found one by one: at six deviations nearly all of them. The error falls back to what it was without wrong labels, while that of Huber's loss stays where it is. Hardly any right label is ever doubted.
#
# ## Numbers: wrong in a system
#
# Errors give themselves away because they are not what the **curves** predict. So a system in the errors is the end of it. In the next table every label with $x_1 > 1/2$ is too high by one. This is the same table as that of a world in which the truth has a step there and all labels are right. Nothing in it can tell which of the two it is from.

# %%
X, truth, honest, *_ = draws[0]
wrong = X[:n_rows, 0] > 0.5
y = truth[:n_rows] + honest + wrong
believed = BIAMRegressor(random_state=0).fit(X[:n_rows], y)
meta = slice(n_rows, n_rows + 100)
y_meta = truth[meta] + noise * rng.normal(size=100)
anchored = BIAMRegressor(random_state=0).fit(X[:n_rows], y, X[meta], y_meta)
fits = {"without meta rows": believed, "with 100 meta rows": anchored}

# %% alt="Curve of the first feature. Without meta rows it follows the wrong labels: a line with a step at one half. With a hundred meta rows it is nearly the straight line of the truth"
ax = axes(2.6)
for (name, fit), colour in zip(fits.items(), (VERMILLION, BLUE), strict=True):
    curve = fit.shape_functions_.query("feature == 'x0'").sort_values("x")
    middle = np.interp(0, curve["x"], curve["effect"])
    ax.plot(curve["x"], curve["effect"] - middle, color=colour, label=name)
ax.plot([-1, 1], [-2, 2], ":", color=GREY, label="truth")
ax.set(xlabel="$x_1$", ylabel="effect")
legend(ax, 3)
plt.show()

# %%
error = {k: ((f.predict(X[n_rows:]) - truth[n_rows:]) ** 2).mean() for k, f in fits.items()}
assert believed.weights_.min() > 0.99 and anchored.weights_[wrong].mean() < 0.1
assert error["without meta rows"] > 5 * error["with 100 meta rows"]
print("squared error: " + ", ".join(f"{k} {v:.3f}" for k, v in error.items()))
print("labels, with meta rows:", anchored.details_["weighting"])

# %% [markdown]
# No label is doubted, and the curve has the step. With a hundred trusted rows the error is less than a fifth. Here they are so much better than the others that the solver goes on with them alone.
# If your labels may be wrong in a system (one sensor, one clinic, one annotator), no setting helps; a few checked rows do.
#
# ## Classes: can flips be seen at all?
#
# A true 0 is written as 1 at a rate $a$, a true 1 as 0 at a rate $b$. The labels then follow
#
# $$
# P(y = 1 \mid x) = a + (1 - a - b)\, p(x),
# $$ (l6-flips)
#
# with $p$ the chance of a true 1. Only the left side can be seen. It lies between $a$ and $1 - b$, and comes near these ends only where $p$ comes near 0 and 1: rows whose true class is beyond doubt show the rates {cite:p}`scott2013`. So it depends on the strength $s$ of the signal, $p = 1 / (1 + e^{-s\,z})$. We flip three true zeros in ten, and one true 1 in twenty, and ask first how well a model **without** flips can imitate this: a straight line in $z$.

# %%
strengths, planted, z = [0.5, 1, 2, 4, 8], np.array([0.3, 0.05]), np.linspace(-2, 2, 201)
imitated = {}
for strength in strengths:
    q = planted[0] + (1 - planted.sum()) / (1 + np.exp(-strength * z))
    line = np.polyval(np.polyfit(z, np.log(q / (1 - q)), 1), z)
    imitated[strength] = np.abs(q - 1 / (1 + np.exp(-line))).max()
assert imitated[0.5] < 0.02 and imitated[8] > 0.2
pd.Series(imitated, name="largest difference in chance").round(3).to_frame()

# %% [markdown]
# A weak signal with flips is, to within two hundredths, a still weaker one without, and a curve may bend where this line may not. A strong one cannot be imitated. Now the fits, on two draws:

# %%
worlds, n = [], 2 * n_rows
for _ in range(2):
    X = rng.uniform(-1, 1, (n + n_fresh, 5))
    score = X[:, 0] + 1.5 * X[:, 1] ** 2 - 0.5 + 0.7 * np.sin(4 * X[:, 2])
    for strength in strengths:
        p = 1 / (1 + np.exp(-strength * score))
        true = (rng.random(n) < p[:n]).astype(int)
        flipped = rng.random(n) < planted[true]
        worlds.append((strength, X, p, true, flipped))

# %%
told = []
for strength, X, p, true, flipped in worlds:
    y, q = np.where(flipped, 1 - true, true), p[n:]
    tried = {"equal": ("equal", y), "BIAM-X": ("posterior", y), "true labels": ("equal", true)}
    for name, (weighting, labels) in tried.items():
        fit = BIAMClassifier(weighting=weighting, random_state=0).fit(X[:n], labels)
        said = fit.predict_proba(X[n:])[:, 1]
        excess = (q * np.log(q / said) + (1 - q) * np.log((1 - q) / (1 - said))).mean()
        told.append({"strength": strength, "fit": name, "excess": excess})
        told[-1] |= dict(zip("ab", fit.details_["noise"]["flip_rates"], strict=True))
flips = pd.DataFrame(told).pivot_table(index="strength", columns="fit")

# %% alt="Two panels over the strength of the signal. Left, log-loss above the least possible: with equal weights it grows with the signal; BIAM-X is the same for weak signals and falls to near that of the true labels for strong ones. Right, flip rates found: zero for weak signals, close to the dashed planted rates for strong ones"
left, right = figure(2.8).subplots(1, 2)
for name in ("equal", "BIAM-X", "true labels"):
    colour, line = looks[name]
    dress(left).plot(strengths, flips["excess"][name], line, color=colour, label=name, ms=4)
for rate, colour, share in zip("ab", (BLUE, VERMILLION), planted, strict=True):
    dress(right).plot(strengths, flips[rate]["BIAM-X"], "o-", color=colour, ms=4)
    right.axhline(share, color=colour, ls=":", lw=1)
left.set(xlabel="strength", ylabel="excess log-loss", ylim=(0, None))
right.set(xlabel="strength", ylabel="flip rates found", ylim=(0, None))
plt.gcf().legend(*left.get_legend_handles_labels(), **spot)
plt.show()

# %%
excess, found = flips["excess"], flips[["a", "b"]].xs("BIAM-X", axis=1, level="fit")
assert (excess.loc[:1, "BIAM-X"] == excess.loc[:1, "equal"]).all() and (
    found.loc[:1] == 0
).all().all()
assert (excess.loc[4:, "BIAM-X"] < 0.2 * excess.loc[4:, "equal"]).all()
assert (found.loc[4:] - planted).abs().to_numpy().max() < 0.05
excess.join(found).round(3)

# %% [markdown]
# `excess` is the log-loss on fresh rows above the least that is possible. For weak signals BIAM-X declines once more: flips would have to pay for their two rates, and do not. Both fits then are a twentieth above the least, and no method could know better from these labels. For strong ones the two rates are found to within a twentieth, and the loss is less than a fifth of that of equal weights.
#
# ## The list of likely wrong labels
#
# `numpy.argsort(est.weights_)` lists the labels to look at first. Two tables at strength 4, one with the rates from above and one with even rates. Beside it is cleanlab's quality score of labels {cite:p}`northcutt2021`, from cross-validated chances of the same additive model, plain and with its correction for classes that are more often wrong. The best possible list knows the flip rates and the chance of each row.

# %%
rows, lists = [], {}
_, X, p, true, _ = worlds[3]
plain = BIAMClassifier(weighting="equal", random_state=0)
for name, (a, b) in {"lopsided": planted, "even": (0.15, 0.15)}.items():
    flipped = rng.random(n) < np.array([a, b])[true]
    y = np.where(flipped, 1 - true, true)
    scores = {"BIAM-X": BIAMClassifier(random_state=0).fit(X[:n], y).weights_}
    chances = cross_val_predict(plain, X[:n], y, cv=5, method="predict_proba")
    scores["cleanlab"] = get_label_quality_scores(y, chances)
    scores["cleanlab, corrected"] = get_label_quality_scores(y, chances, adjust_pred_probs=True)
    odds = np.where(y, (1 - b) * p[:n] / (a * (1 - p[:n])), (1 - a) * (1 - p[:n]) / (b * p[:n]))
    lists[name] = (flipped, scores | {"best possible": odds})

# %%
rows = []
for name, (flipped, scores) in lists.items():
    for by, score in scores.items():
        first = flipped[np.argsort(score)[:100]].mean()
        rows.append((name, by, average_precision_score(flipped, -score), first))
ranked = pd.DataFrame(rows, columns=["flips", "list", "average precision", "in first 100"])
ranked = ranked.pivot(index="list", columns="flips")
ranked.round(2)

# %% alt="Two panels, precision over recall of the list of likely wrong labels. With lopsided flips BIAM-X runs along the best possible curve, cleanlab is far below and its corrected score in between. With even flips all run together"
colours = {"BIAM-X": BLUE, "cleanlab": OCHRE, "cleanlab, corrected": VERMILLION}
lines = dict(zip([*colours, "best possible"], ["-", "--", "-.", ":"], strict=True))
panels = figure(3.2).subplots(1, 2, sharey=True)
for ax, (name, (flipped, scores)) in zip(panels, lists.items(), strict=True):
    for by, line in lines.items():
        precision, recall, _ = precision_recall_curve(flipped, -scores[by])
        ax.plot(recall[:-20], precision[:-20], line, color=colours.get(by, GREY), label=by)
    label = "precision" if ax is panels[0] else None
    ax.set(xlabel=f"recall, {name} flips", ylabel=label, ylim=(0, 1.02))
    dress(ax)
plt.gcf().legend(*ax.get_legend_handles_labels(), **{**spot, "ncols": 2})
plt.show()

# %%
area, first = ranked["average precision"], ranked["in first 100"]
assert (area.loc["BIAM-X"] > 0.95 * area.loc["best possible"]).all() and (
    first.loc["BIAM-X"] > 0.85
).all()
assert area.loc["BIAM-X", "lopsided"] > 1.05 * area.loc["cleanlab, corrected", "lopsided"]
assert area.loc["cleanlab, corrected", "lopsided"] > 1.2 * area.loc["cleanlab", "lopsided"]
assert area["even"].drop("best possible").max() < 1.03 * area["even"].drop("best possible").min()

# %% [markdown]
# Of the first hundred labels on BIAM-X's list more than 85 are wrong, in both tables, and the list as a whole is within a twentieth of the best possible. When flips are lopsided a 1 deserves more suspicion than a 0, which the rates know; cleanlab's correction goes part of the way. When they are even there is nothing to choose between the three.
#
# A good order does not make a good count, though. How many labels are wrong, and how many are flagged?

# %%
rows = {}
for name, (flipped, scores) in lists.items():
    weights = scores["BIAM-X"]
    flagged = weights < 0.5
    rows[name] = {"wrong": flipped.sum(), "counted": (1 - weights).sum(), "flagged": flagged.sum()}
    rows[name] |= {"precision": flipped[flagged].mean(), "recall": flagged[flipped].mean()}
counts = pd.DataFrame(rows).T
assert (counts["precision"] > 0.75).all() and counts["recall"].between(0.3, 0.6).all()
assert (counts["counted"] / counts["wrong"]).between(0.6, 1.0).all()
counts.round(2)

# %% [markdown]
# More than three flagged labels of four are wrong (`weights_` below one half). Less than six wrong ones in ten are flagged: near the border between the classes a flip cannot be told from chance, and the best list has the same trouble. The sum of the doubts counts too few as well. Take it as a lower bound, and read the list from the top for as long as it pays.
#
# :::{admonition} Exercise
# Set `noise` to 0.6 in the parameters cell and run the page again, up to the second picture. At which distance are wrong labels found now, in deviations of the noise, and in units of the target?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# In deviations it is still about four. In units of the target it is twice as far. What counts is whether two heaps of errors can be told apart, and honest noise sets their width.
# :::
#
# ## Take-away
#
# - Without meta rows, a label is wrong if it stands apart: far from the curve, or against a class that is beyond doubt.
# - Where nothing stands apart, the solver declines and says so: `details_["weighting"]` is "equal". Huber's loss leans to the median there, for better or worse.
# - Errors in a system are invisible. Check a few rows by hand, and pass them as meta rows.
# - The list is good at its top, and short: it leaves out what nobody can know.
