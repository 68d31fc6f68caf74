# %% [markdown]
# # Lesson 1: the additive model
#
# **You will learn**
#
# - how a few hinges make a curve, and a few curves make a prediction;
# - what the model does where a value is missing, and why that can be better than filling it in;
# - when a gap in one feature should change the curve of another;
# - how to take a prediction apart into terms that add up to it exactly.
#
# Nothing has to be prepared: the data are generated here. The formulas are collected in [](../book/method.md).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from biam import BIAMRegressor, plotting
from biam.basis import FeatureBasis, quantile_knots
from biam.corruption import mask_values

# %% tags=["parameters"]
n_rows = 1500
noise = 0.5
seed = 0

# %% [markdown]
# ## A hinge
#
# A **hinge** is zero up to a knot $\eta$ and then rises with slope one,
#
# $$
# h(x; \eta) = \max(0, x - \eta).
# $$ (l1-hinge)
#
# One hinge is of little use. Several of them, each with its own coefficient, make any broken line: at every knot the slope changes by the coefficient of that hinge.

# %%
x = torch.linspace(-1, 1, 201, dtype=torch.float64)
basis = FeatureBasis("hinge", torch.tensor([-1.0, -0.3, 0.2, 0.6], dtype=torch.float64))
columns = basis.columns(x)
coefficients = torch.tensor([1.0, -2.5, 3.0, -1.0], dtype=torch.float64)
print("values and hinges:", tuple(columns.shape))

# %% alt="Four grey hinges that start at different knots, and their sum, a blue line that rises, falls, rises again and flattens"
plotting.hinges(x, columns, coefficients)
plt.show()

# %% [markdown]
# The grey lines are the four hinges times their coefficients, the blue line is their sum. Its slope between two knots is the sum of the coefficients to its left:

# %%
curve = columns @ coefficients
slopes = (curve[[50, 100, 150, 200]] - curve[[45, 95, 145, 195]]) / (x[50] - x[45])
assert torch.allclose(slopes, coefficients.cumsum(0))
slopes.numpy().round(2)

# %% [markdown]
# The knots are not chosen by hand. They are placed at quantiles of the observed values, so that each piece of the line rests on equally many rows:

# %%
rng = np.random.default_rng(seed)
skewed = rng.exponential(size=1000)
knots = quantile_knots(skewed, 5)
assert np.allclose(np.diff(np.searchsorted(np.sort(skewed), knots)), 250, atol=1)
knots.round(2)

# %% [markdown]
# :::{admonition} Question
# The last knot sits on the largest value that was seen. What does the curve do beyond it, in new rows?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# It goes on as a straight line, with the sum of all coefficients as slope; to the left of the first knot it stays constant. The step basis of `BIAM-H`, $h(x; \eta) = 1$ where $x > \eta$, stays constant on both sides. Which one is right is a question about the world, not about the basis.
# :::
#
# ## Curves that add up
#
# We generate a table with four features. The target uses three of them, each through a curve of its own, plus noise.

# %%
X = pd.DataFrame(rng.uniform(-1, 1, (n_rows, 4)), columns=["x1", "x2", "x3", "x4"])
parts = pd.DataFrame({"x1": 2 * X["x1"], "x2": 4 * X["x2"] ** 2, "x3": 2 * np.sin(3 * X["x3"])})
y = parts.sum(axis=1) + noise * rng.normal(size=n_rows)
train, test = slice(0, 800), slice(1000, n_rows)

# %% [markdown]
# An additive model learns one **shape function** $f_j$ per feature, a sum of hinges as in {eq}`eq-shape`, and adds them up:
#
# $$
# f(x) = \beta_0 + f_1(x_1) + f_2(x_2) + f_3(x_3) + f_4(x_4).
# $$ (l1-additive)
#
# Fitting it is one call. The default solver chooses how smooth each curve is ([](how_biam_x_works.ipynb) shows how).

# %%
est = BIAMRegressor(random_state=seed).fit(X[train], y[train])
error = float(((est.predict(X[test]) - y[test]) ** 2).mean())
assert error < 1.25 * noise**2
print(f"mean squared error {error:.3f}, of the noise alone {noise**2:.3f}")

# %% [markdown]
# The error on new rows is close to that of the noise, below which no model can go. What was learned is in a table, a row for each knot of each curve, with the ends of a 95 % band. Every figure is drawn from it:

# %%
est.shape_functions_.head(3).astype({"x": float}).round(2)

# %% [markdown]
# Only differences along a curve mean anything: a constant could be moved from one curve to another. So each curve is **centred**, zero on average over the training rows. We centre the truth in the same way and draw both.

# %%
centred = (parts.assign(x4=0.0) - parts[train].mean()).fillna(0.0)
truth = centred.melt(var_name="feature", value_name="effect")
truth = truth.assign(x=X.melt()["value"]).sort_values("x")

# %% alt="Four panels with fitted curves in blue and true curves dashed: a line, a parabola, a sine wave and, for x4, a flat line; each pair lies on top of the other"
plotting.shape_functions(est.shape_functions_, truth=truth, data=X[train])
plt.show()

# %% [markdown]
# Blue is the fit with its band, dashed grey the truth; the histogram at the foot shows where the rows are.

# %%
fitted = est.explain(X[test])[["x1", "x2", "x3", "x4"]]
gap = np.abs(fitted.to_numpy() - centred[test].to_numpy()).mean(axis=0)
assert gap.max() < 0.2
dict(zip(X.columns, gap.round(2).tolist(), strict=True))

# %% [markdown]
# On average over new rows, no curve is off by more than 0.2, and the feature without any effect has a curve close to zero.
#
# ## A missing value has an effect of its own
#
# Now we hide 30 % of $x_1$, and large values more often than small ones. In practice that is common: people with a high income leave the question open, a sensor fails when it is hot. Such gaps are called *not missing at random*.

# %%
hidden = mask_values(X.to_numpy(), 0.3, mechanism="mnar", columns=[0], random_state=seed + 10)
seen = pd.DataFrame(hidden.values, columns=X.columns)
missing = hidden.mask[:, 0]
print(f"missing: {missing.mean():.1%}")

# %% [markdown]
# Filling in the mean would say that a hidden value is an ordinary one. BIAM says nothing about the value. Where $x_j$ is missing ($m_j = 1$), its curve is switched off, and a coefficient of its own, the **missing effect**, is added instead:
#
# $$
# f(x, m) = \beta_0 + \sum_j (1 - m_j)\, f_j(x_j) + \sum_j \beta^{\mathrm{miss}}_j \, m_j .
# $$ (l1-missing)
#
# What should it learn? On average, a hidden row owes its target to the $f_1$ of the values that were hidden. Against the average seen row, that is
#
# $$
# \beta^{\mathrm{miss}}_1 \approx \mathbb{E}[f_1 \mid m_1 = 1] - \mathbb{E}[f_1 \mid m_1 = 0].
# $$ (l1-offset)

# %%
est = BIAMRegressor(random_state=seed).fit(seen[train], y[train])
expected = parts["x1"][missing].mean() - parts["x1"][~missing].mean()
learned = float(est.missing_effects_["effect"][0])
assert abs(learned - expected) < 0.1
print(f"missing effect {learned:.2f}, by the formula {expected:.2f}")

# %% alt="The curve of x1 as a rising line with a diamond to its right at the height of the missing effect, marked with its value and 30 percent missing; three more curves"
plotting.shape_functions(est.shape_functions_, est.missing_effects_, data=seen[train])
plt.show()

# %% [markdown]
# The missing effect is drawn beside its curve, on the same scale, with the share of rows that have the gap.
# It lies well above zero, as a gap here is a sign of a large value, and agrees with the formula to a tenth.
#
# :::{admonition} Exercise
# Hide values completely at random instead (`mechanism="mcar"`). What does {eq}`l1-offset` say about the missing effect, and what does the fit say?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# The two averages are then equal, so the effect is zero up to chance. A missing effect that is clearly not zero is evidence that the gaps are informative.
# :::
#
# ## A gap that changes another curve
#
# When $x_1$ is missing, its term falls to one number. If another feature carries a trace of $x_1$, the model could do better: let that feature speak for $x_1$ while $x_1$ is away. That is the last term of {eq}`eq-model`, the **missing interaction**:
#
# $$
# \sum_{j, k} m_j \, f_{jk}(x_k), \qquad f_{jk}(x_k) = \sum_t \alpha_{jkt}\, h(x_k; \eta_{kt}).
# $$ (l1-interaction)
#
# We make $x_4$ a noisy twin of $x_1$. It still has no effect of its own. (Pairs, surfaces of two features, are turned off here: a surface of $x_1$ and $x_4$ is zero where $x_1$ is missing, and could do the same work from the other side.)

# %%
twin = seen.assign(x4=X["x1"] + 0.2 * rng.normal(size=n_rows))
options = {"pairs": False, "random_state": seed}
plain = BIAMRegressor(interactions=False, **options).fit(twin[train], y[train])
full = BIAMRegressor(interactions=True, **options).fit(twin[train], y[train])
errors = [float(((e.predict(twin[test]) - y[test]) ** 2).mean()) for e in (plain, full)]
assert errors[1] < 0.9 * errors[0]
print("mean squared error without {:.3f}, with interactions {:.3f}".format(*errors))

# %%
strengths = full.interactions_
assert strengths["term"][0] == "x1 missing × x4"
assert strengths["strength"][0] > 1.5 * strengths["strength"][1]
strengths.round(2)

# %% [markdown]
# With the interaction the error falls by more than a tenth, and the strongest interaction is the one that was planted: the curve of $x_4$ changes when $x_1$ is missing.
# To see how, we ask for the contributions on a grid of $x_4$, once with $x_1$ given and once without.

# %%
grid = pd.DataFrame({"x1": 0.0, "x2": 0.0, "x3": 0.0, "x4": np.linspace(-1, 1, 41)})
given = full.explain(grid)["x4"]
gone = full.explain(grid.assign(x1=np.nan))
gone = gone[["x4", "x1 missing", "x1 missing × x4"]].sum(axis=1)
curves = pd.DataFrame({"x1 given": given, "x1 missing": gone}).assign(x=grid["x4"])
curves = curves.melt("x", var_name="feature", value_name="effect")

# %% alt="Two panels: the curve of x4 is flat while x1 is given, and a rising line while x1 is missing"
plotting.shape_functions(curves, unit="effect of x4")
plt.show()

# %%
rise = curves.groupby("feature")["effect"].agg(np.ptp)
assert rise["x1 missing"] > 2.5 and rise["x1 given"] < 1.0
rise.round(2).to_dict()

# %% [markdown]
# While $x_1$ is there, its twin has little to say. While it is away, the curve of $x_4$ rises by more than two and a half from end to end. (The lost curve itself rises by 4; a noisy twin gives back a part of it.)
#
# Interactions are not free. With independent features there is nothing to pass on, and they only add noise. The default, `interactions="auto"`, tests which ones the data ask for, and what it lets in has to live under a penalty of its own. We compare it with no interactions at all, on the table with independent features and on the one with the twin:

# %%
compared = pd.DataFrame(columns=["found", "strongest", "error", "error without"], dtype=float)
for name, table in (("independent", seen), ("twin", twin)):
    none, auto = (
        BIAMRegressor(interactions=kind, **options).fit(table[train], y[train])
        for kind in (False, "auto")
    )
    found = auto.interactions_["strength"]
    errors = [((e.predict(table[test]) - y[test]) ** 2).mean() for e in (auto, none)]
    compared.loc[name] = [len(found), found.max(), *errors]

# %%
ratio = compared["error"] / compared["error without"]
assert abs(ratio["independent"] - 1) < 0.02 and ratio["twin"] < 0.9
strongest = compared["strongest"]
assert (
    compared.loc["independent", "found"] == 1 and strongest["independent"] < 0.3 * strongest["twin"]
)
compared.round(3)

# %% [markdown]
# With the twin the default does what the full set does. With independent features one false alarm comes through the test, whose bound lets in one per table by chance. Its penalty keeps it small, less than a third of the real one, and the error changes by less than 2 %. Read weak interactions with caution.
#
# ## A prediction, taken apart
#
# Every term of the model is a number per row, and the numbers of a row add up to its prediction. This holds exactly, not approximately, since nothing else is in the model.

# %%
assert full.details_["weighting"] == "equal" and (full.weights_ == 1).all()
terms = full.explain(twin[test])
assert np.allclose(terms.sum(axis=1), full.predict(twin[test]), rtol=0, atol=1e-10)
row = int(np.flatnonzero(missing[test])[0])
terms.iloc[row][terms.iloc[row].abs() > 0.005].round(2).to_dict()

# %% alt="Waterfall from the average to the prediction of one row: bars for each term, some to the left and some to the right"
plotting.waterfall(terms.iloc[row], twin[test].iloc[row])
plt.show()

# %% [markdown]
# This row has no $x_1$, so it has no term of that name; the missing effect and the missing interactions stand in.
# Where a missing interaction with $x_4$ is in the model, the missing effect alone is no longer "the effect of the gap": read the two together.
#
# :::{admonition} Question
# Which rows have the smallest number of non-zero terms in this model?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# Rows in which nothing is missing: an intercept and one term per feature.
# :::
#
# ## Take-away
#
# - A shape function is a weighted sum of hinges on quantile knots. The model adds one per feature.
# - A gap switches its curve off and a missing effect on. The effect shows whether gaps are informative.
# - Missing interactions let other features speak for the one that is missing. They need a reason: features that know something about one another.
# - Contributions add up to the prediction.
#
# All rows had the same say so far: without clean rows the default takes labels for wrong only where they stand apart, and here it did not. In the [next lesson](lesson_2_weighting_network.ipynb) rows get weights, and the weights are learned.
