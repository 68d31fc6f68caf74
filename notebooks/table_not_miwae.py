# ---
# jupyter:
#   biam:
#     needs: [banknote/data_banknote_authentication.txt, concrete/Concrete_Data.xls, wine-quality/winequality-red.csv, wine-quality/winequality-white.csv, yeast/yeast.data]
# ---

# %% [markdown]
# # High values hidden: six UCI sets
#
# not-MIWAE {cite:p}`ipsen2021` fits a latent-variable model together with a model of the mask. Its Table 1 hides, in the first half of the features of six sets, every value above the feature's mean, and asks for it back.
#
# Features are standardised by their complete values, as in the paper, and the rows that are imputed are those the method is fitted to. The score is the root mean squared error over the hidden values: lower is better.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
from IPython.display import HTML

from biam.experiments.catalogue import TABLES
from biam.experiments.hidden import SETS
from biam.experiments.report import load_results
from biam.experiments.stated_imputation import PAPER, beside, spread_table
from biam.experiments.stored import provenance, recompute

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("not-miwae", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## What was run
#
# The stored run is one seed, and not all methods:

# %%
results = load_results(stored, "not-miwae")
assert set(results["seed"]) == {42} and set(results["profile"]) == {"quick"}
left_out = {m.name for m in TABLES["not-miwae"].methods} - set(results["method"])
print("not run yet:", ", ".join(sorted(left_out)))

# %% [markdown]
# So there is no spread over runs below, and nothing is said of the methods left out. `biam reproduce not-miwae --profile full --jobs 2` has all of them, five runs of the deep ones, and other cut-offs than the mean.
#
# ## Is it the paper's recipe?
#
# Filling in the mean of what is seen has no chance in it and no settings. If our masks are those of the paper, it gives the paper's row.

# %%
rows = beside(stored, "not-miwae")
rows = rows[rows["scenario"].isin(list(SETS))]
table = rows.pivot_table(index="method", columns="scenario", values="ours", sort=False)
paper = rows.pivot_table(index="method", columns="scenario", values=PAPER, sort=False)
off = (table - paper).loc["mean"].abs()
assert (off.drop("yeast") <= 0.0101).all() and 0.03 < off["yeast"] < 0.05
others = rows.set_index(["scenario", "method"]).loc[("yeast", "mean"), "Cuevas & Lopetegui"]
assert round(table.loc["mean", "yeast"], 2) == others
off.round(4).to_frame("mean row, |ours less the paper's|").T

# %% [markdown]
# It does on five sets. **On Yeast it does not**: another reproduction, a course report of Cuevas and Lopetegui, has our number there, so the paper's Yeast table, or the half of it that is hidden, seems to be another one.
#
# ## Published beside reproduced
#
# `not-MIWAE-PPCA:known` has a linear decoder and a mask model in which each value hides itself, with a chance that rises with the value; how fast and from where is learned.

# %%
HTML(spread_table(rows))

# %%
known = "not-MIWAE-PPCA:known"
gap = (table - paper).loc[known]
assert (gap.drop(["white", "yeast"]).abs() <= 0.05).all()
assert 0.05 < gap["white"] < 0.06 and gap["yeast"] > 0.25
assert table.loc[known, "breast"] <= 0.77
gap.round(3).to_frame("ours less the paper's").T

# %%
rivals = table.loc[["MICE", "missForest", "KNN"]]
lead = rivals.min() - table.loc[known]
assert (lead > 0.2).all(), lead
assert (rivals < 1).sum(axis=None) == 1 and rivals.loc["MICE", "breast"] < 1
lead.round(2).to_frame("best of MICE, missForest, KNN less not-MIWAE").T

# %% [markdown]
# - On four of the six sets it is within 0.05 of the paper. On **White it misses that narrowly, on Yeast by far**. We train for 1,500 steps of 128 rows, the paper for 100,000 of 16.
# - It is below MICE, missForest and nearest neighbours on all six, by more than 0.2. They take the gaps as missing at random; here a hidden value is high, and with one exception, MICE on Breast, their errors are above 1.
#
# ## Draws or decoder means?
#
# The paper averages the decoder's means, $\sum_k \alpha_k \mathbb{E}[x_m \mid z_k]$. That forgets that, given $z_k$, the mask still says something about $x_m$. We average the draws that the weights were computed with, which converges to $\mathbb{E}[x_m \mid x_o, s]$. Both are in the stored run:

# %%
both = results[results["metric"].isin(["rmse", "rmse_decoder"]) & (results["method"] == known)]
estimates = both.pivot_table(index="metric", columns="scenario", values="value", sort=False)
assert (estimates.loc["rmse"] < estimates.loc["rmse_decoder"]).all()
estimates.round(3)

# %% [markdown]
# The draws are better on every set.
#
# ## Does the mask model know the mask?
#
# Share of entries, over the columns with gaps, whose mask is predicted right from the complete values. The paper does not say which columns its Table A1 counts, so the two need not agree.

# %%
masks = beside(stored, "not-miwae", "mask_accuracy")
assert masks["ours"].min() > 0.9
HTML(spread_table(masks))

# %% [markdown]
# ## Where the numbers come from

# %%
provenance("not-miwae", stored)
