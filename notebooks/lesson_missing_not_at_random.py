# %% [markdown]
# # Lesson: values that are missing because of what they are
#
# **You will learn**
#
# - how a variational autoencoder becomes an imputer: the importance-weighted bound, and what its samples are good for;
# - why filling gaps from what is seen goes wrong when high values hide themselves;
# - what a model of the mask adds, and what it finds;
# - why the result rests on an assumption that no data can check.
#
# The other lessons leave gaps to the additive model, which gives "missing" a coefficient of its own. That is right for prediction. Here we want the values themselves.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal
from torch.nn.functional import softplus

from biam.experiments.hidden import make_gaussian, make_ring
from biam.experiments.imputing import MECHANISMS, energy_distance, rmse
from biam.imputation import MIWAEImputer, NotMIWAEImputer
from biam.plotting.imputation import error_lines, imputed_points

# %% tags=["parameters"]
seed = 0
steps = 300

# %% [markdown]
# ## The data, and what is hidden of it
#
# Two correlated normal columns. A value of the first is hidden when it lies above the mean: it is missing **because of what it is**. The second is always seen.

# %%
data = make_gaussian(500, random_state=seed)
holes, gone = data.holes, data.missing[:, 0]
print(
    f"{gone.sum()} of {len(holes)} values of x0 are hidden; the highest one seen is {np.nanmax(holes[:, 0]):.2f}"
)

# %% [markdown]
# ## From an autoencoder to a bound
#
# A deep latent-variable model says that a row $x$ comes from a few numbers $z$ that nobody sees: $z \sim N(0, I)$, then $x \sim p_\theta(x \mid z)$, a **decoder**. Its likelihood is an integral over $z$ that has no closed form. A variational autoencoder {cite:p}`kingma2014` learns an **encoder** $q(z \mid x)$ beside it, a guess of the $z$ behind a row, and maximises a lower bound.
#
# With gaps, only what is seen of a row can be explained: $p_\theta(x_o \mid z)$; the encoder sees zeros in the gaps. MIWAE {cite:p}`mattei2019` takes $K$ guesses and averages their weights:
#
# $$
# L_K = \mathbb{E} \log \frac1K \sum_{k=1}^K w_k, \qquad w_k = \frac{p_\theta(x_o \mid z_k)\, p(z_k)}{q(z_k \mid x_o)}, \qquad z_k \sim q(z \mid x_o).
# $$ (mnar-bound)
#
# With $K = 1$ it is the bound of a variational autoencoder. $L_K$ never exceeds the log-likelihood of what is seen, and it rises with $K$. With a linear decoder the model is probabilistic PCA, whose likelihood *is* known, so we can watch:

# %%
options = {"decoder": "linear", "standardise": False, "lr": 0.02, "max_iter": steps}
options |= {"random_state": seed, "progress": False}
miwae = MIWAEImputer(**options).fit(holes)
W, b = (part.detach().double().numpy() for part in miwae.model_.decoder[0].parameters())
sigma = miwae.min_scale + softplus(miwae.model_.likelihood.raw_scale).item()
S = W @ W.T + sigma**2 * np.eye(2)

# %%
exact = np.where(
    gone,
    multivariate_normal(b[1], S[1, 1]).logpdf(holes[:, 1]),
    multivariate_normal(b, S).logpdf(np.nan_to_num(holes)),
).mean()
bounds = pd.DataFrame(index=[1, 2, 5, 10, 50, 200, 1000], columns=["bound"], dtype=float)
for K in bounds.index:
    bounds.loc[K, "bound"] = miwae.set_params(n_importance=K).score(holes)
bounds["log-likelihood"] = exact
assert (bounds["bound"].diff().dropna() > -0.01).all() and bounds["bound"].max() < exact + 0.01
assert bounds["bound"].loc[1] < exact - 0.005

# %% alt="Bound against the number of samples K on a logarithmic axis: it rises and settles at the exact log-likelihood, a flat line"
error_lines(bounds, xlabel="samples K", ylabel="nats per row", log=True)
plt.show()

# %% [markdown]
# (At a thousand samples the two are the same up to the chance in the draws.)
#
# The same weights impute. Divided by their sum they say how likely each guess is, and the weighted mean of the decoder's answers estimates $\mathbb{E}[x_m \mid x_o]$, the best guess for squared error. That is `transform`. Drawing guesses with these chances gives **several** completed tables, `sample`.
#
# ## What it cannot know
#
# Among the rows that show both columns, MIWAE learns how x0 follows from x1, and applies it to the others. But those rows were selected by x0:

# %%
filled = {"MIWAE": miwae.transform(holes)}
errors = {name: rmse(data.X, table, data.missing) for name, table in filled.items()}
errors["zero for every gap"] = rmse(data.X, 0 * data.X, data.missing)
errors["oracle"] = rmse(data.X[:, :1], data.truth["oracle"][:, None], data.missing[:, :1])
assert errors["MIWAE"] > 0.99 * errors["zero for every gap"] > 2 * errors["oracle"]
pd.Series(errors, name="RMSE of hidden values").round(3).to_frame()

# %% [markdown]
# **No better than filling in zeros.** The oracle knows the true distribution and that hidden values are above zero; no method can be better on average.
#
# ## A model of the mask
#
# not-MIWAE {cite:p}`ipsen2021` adds one factor to the weights: the chance $p_\phi(s \mid x_o, x_m)$ of the mask $s$ that we see, given values we do not see. So it draws the gaps, too, and
#
# $$
# w_k = \frac{p_\phi(s \mid x_o, x_{m,k})\, p_\theta(x_o \mid z_k)\, p(z_k)}{q(z_k \mid x_o)}, \qquad x_{m,k} \sim p_\theta(x_m \mid z_k).
# $$ (mnar-mask)
#
# We tell it that high values hide (`missing="high"`), but not where, nor how sharply: $\text{logit } p(s_j = 1) = -W_j (x_j - b_j)$ with $W_j > 0$ is learned with the rest.

# %%
aware = NotMIWAEImputer(mask_model="self-masking-known", missing="high", **options).fit(holes)
filled["not-MIWAE"] = aware.transform(holes)
errors["not-MIWAE"] = rmse(data.X, filled["not-MIWAE"], data.missing)
assert errors["not-MIWAE"] < 0.66 < 0.9 < errors["MIWAE"]
grid = np.column_stack([np.linspace(-2, 2, 9), np.zeros(9)])
chance = aware.predict_mask(grid)[:, 0]
pd.DataFrame({"x0": grid[:, 0], "chance that it is hidden": chance.round(2)}).T

# %%
assert chance[0] < 0.05 and chance[-1] > 0.95
pd.Series(errors, name="RMSE of hidden values").sort_values().round(3).to_frame()

# %% alt="Three panels of x1 against x0, rows seen in grey on the left half: the hidden rows as they were fill the right half; MIWAE puts them on a line left of zero, not-MIWAE on a curve to the right of zero"
imputed_points(
    data.X[~gone], {name: table[gone] for name, table in filled.items()}, data.X[gone], columns=3
)
plt.show()

# %% [markdown]
# MIWAE fills the gaps into the range it has seen. not-MIWAE finds the other half, and comes near the oracle.
#
# A single guess is a point on a curve: the mean of what the value could be. Draws show the rest.

# %% alt="Three panels of x1 against x0: hidden rows as they were, one draw of MIWAE, one draw of not-MIWAE; the draws scatter like data, those of not-MIWAE in the right half"
draws = {name: fit.sample(holes, 5) for name, fit in (("MIWAE", miwae), ("not-MIWAE", aware))}
imputed_points(
    data.X[~gone], {name: d[0][gone] for name, d in draws.items()}, data.X[gone], columns=3
)
plt.show()

# %%
distance = {
    name: np.mean([energy_distance(table[gone], data.X[gone]) for table in d])
    for name, d in draws.items()
}
assert distance["not-MIWAE"] < 0.2 * distance["MIWAE"]
pd.Series(distance, name="energy distance of draws to the hidden rows").round(2).to_frame() + 0.0

# %% [markdown]
# :::{admonition} Question
# Each gap has a mean and a spread. For which uses would you want draws and not means?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# For anything but the value itself: a variance, a quantile, a correlation, a test. Means are less spread than data, so a table filled with means looks surer than it is. Fit the analysis to each of several drawn tables and pool the results.
# :::
#
# ## Where the mean says nothing
#
# On a ring, hidden in its upper quarter, x0 could be on either branch. The best guess for squared error is the middle, where no point ever lies. RMSE cannot tell a good model from a bad one here; draws can. We give not-MIWAE the mechanism itself: hidden between the diagonals, above.

# %%
ring = make_ring(600, random_state=seed)
up = ring.missing[:, 0]
curved = options | {"decoder": "mlp", "latent_size": 2, "standardise": True, "lr": 0.005}
between = MECHANISMS["upper-quarter"]
fits = {
    "MIWAE": MIWAEImputer(**curved),
    "not-MIWAE": NotMIWAEImputer(mask_model="mechanism", mechanism=between, **curved),
}
drawn = {name: fit.fit(ring.holes).sample(ring.holes, 5) for name, fit in fits.items()}

# %%
distance = {
    name: np.mean([energy_distance(table[up], ring.X[up]) for table in d])
    for name, d in drawn.items()
}
assert distance["not-MIWAE"] < 0.3 * distance["MIWAE"]
left = {name: (d[0][up, 0] < 0).mean() for name, d in drawn.items()}
assert 0.35 < left["not-MIWAE"] < 0.65
judged = {"energy distance to the hidden rows": distance, "share of draws on the left": left}
pd.DataFrame(judged).round(2) + 0.0

# %% alt="Three panels of a ring whose upper quarter is hidden: the true points fill the gap of the ring; draws of MIWAE spread to the sides of it, draws of not-MIWAE stay between the diagonals"
imputed_points(ring.X[~up], {name: d[0][up] for name, d in drawn.items()}, ring.X[up], columns=3)
plt.show()

# %% [markdown]
# ## The honest limit
#
# What if we assume another mechanism? Here the slope $W$ of the mask model is **fixed** at several values, from "low values hide" through "chance hides" to "high values hide", with the threshold at zero. For each the rest of the model is fitted to the same table.

# %%
slopes = [-3.0, -1.0, 0.0, 1.0, 3.0, 10.0]
columns = ["mean imputed value", "RMSE", "bound"]
sensitivity = pd.DataFrame(index=slopes, columns=columns, dtype=float)
for slope in slopes:
    mechanism = {"slope": [slope, 0.0], "threshold": [0.0, 0.0]}
    fit = NotMIWAEImputer(mask_model="mechanism", mechanism=mechanism, **options).fit(holes)
    table = fit.transform(holes)
    sensitivity.loc[slope] = (
        table[gone, 0].mean(),
        rmse(data.X, table, data.missing),
        fit.score(holes),
    )

# %% alt="Mean imputed value and RMSE against the assumed slope: the mean rises from below zero to its true value, the error falls"
sensitivity.index.name = "assumed slope"
error_lines(sensitivity[columns[:2]], xlabel="assumed slope W", ylabel="units of x0")
plt.show()

# %%
means = sensitivity["mean imputed value"]
assert means.is_monotonic_increasing and means.iloc[0] < 0 < means.iloc[-1]
assert sensitivity["RMSE"].idxmin() == sensitivity["bound"].idxmax() == 10.0
print(f"true mean of the hidden values {data.X[gone, 0].mean():.2f}")
sensitivity.round(2)

# %% [markdown]
# The same table, and the imputed mean goes from one side of zero to the other **with the assumption alone**. The RMSE tells which is right, but it needs the hidden values.
#
# The bound seems to tell it, too, without them. It can do so only because the model says that the columns are normal: what is seen of x0 is half a bell, and a mask that hides the other half explains that. Had we said that x0 itself has such a shape, chance would explain it as well. So one assumption was traded for another; nothing that is seen can check both.
#
# What helps: knowing how the data were collected; a few gaps filled afterwards; columns that foretell the hidden one. What remains is to say which mechanism was assumed, and to show how much the conclusion moves with it, as above.
#
# ## Take-away
#
# - The importance-weighted bound trains the model on what is seen; the same weights impute, once or many times.
# - If values hide because of what they are, filling from what is seen can be no better than filling zeros.
# - A mask model turns "high values hide" into weights, and recovers much of what is hidden.
# - That sentence is an assumption. Vary it, and report what moves.
#
# [](table_not_miwae.ipynb) has six real tables, [](table_not_miwae_toys.ipynb) the toys with pictures.
