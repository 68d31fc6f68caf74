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
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam.experiments.catalogue import TABLES
from biam.experiments.hidden import SETS
from biam.experiments.report import load_results
from biam.experiments.stated_imputation import PAPER, beside, spread_table
from biam.experiments.stored import provenance, recompute
from biam.plotting.imputation import error_lines

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("not-miwae", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## What was run
#
# The number of runs of each method on each set. Chance has no part in the cheap rivals and next to none in the forests: one run of them.

# %%
results = load_results(stored, "not-miwae")
rmse = results[(results["metric"] == "rmse") & results["scenario"].isin(list(SETS))]
runs = rmse.pivot_table(
    index="method", columns="scenario", values="seed", aggfunc="nunique", sort=False, fill_value=0
)
known = "not-MIWAE-PPCA:known"
deep = [name for name in runs.index if "MIWAE" in name and name != "not-MIWAE:agnostic"]
assert len(deep) == 6 and (runs.loc[deep] == 5).all(axis=None)
runs.reindex([method.name for method in TABLES["not-miwae"].methods], fill_value=0)

# %% [markdown]
# Each fit takes 1,500 steps, the paper's 100,000. Ours are of 128 rows with a linear decoder and of 32 with a flexible one, the paper's of 16; and ours have gradients that do not shake an encoder that is right {cite:p}`tucker2019`.
#
# :::{note}
# Data are the same for all seeds, so there is no other draw to set things on. Step sizes and the number of steps were chosen by the bound, at seed 101, on White, Yeast, Breast and Concrete; their errors were printed beside it and seen.
# :::
#
# ## Is it the paper's recipe?
#
# Filling in the mean of what is seen has no chance in it and no settings. If our masks are those of the paper, it gives the paper's row.

# %%
rows = beside(stored, "not-miwae")
whole = rows[rows["scenario"] == "yeast-8"].set_index("method")
rows = rows[rows["scenario"].isin(list(SETS))]
table = rows.pivot_table(index="method", columns="scenario", values="ours", sort=False)
paper = rows.pivot_table(index="method", columns="scenario", values=PAPER, sort=False)
off = (table - paper).loc["mean"].abs()
assert (off <= 0.0101).all()
off.round(4).to_frame("mean row, |ours less the paper's|").T

# %% [markdown]
# It does on all six, **if Yeast loses its last column**. The set has eight: half of them is four. Half of seven is three, and only so are the paper's rows met. Its script drops the last column of a file as the class; from a table without class it would drop a feature.

# %%
both = pd.DataFrame(
    {"paper": paper["yeast"], "seven columns": table["yeast"], "eight columns": whole["ours"]}
).loc[["mean", "MICE", "PPCA"]]
assert ((both["seven columns"] - both["paper"]).abs() < 0.01).all()
assert ((both["eight columns"] - both["paper"]).abs() > 0.02).all()
course = whole.loc[["mean", "MICE"], ["ours", "Cuevas & Lopetegui"]]
assert (course.diff(axis=1).iloc[:, 1].abs() < 0.01).all()
both.round(3)

# %% [markdown]
# A course report of Cuevas and Lopetegui has the numbers of eight columns.
#
# ## Published beside reproduced
#
# `not-MIWAE-PPCA:known` has a linear decoder and a mask model in which each value hides itself, with a chance that rises with the value; how fast and from where is learned. `self` is not told that it rises; `agnostic` lets every value hide every other.

# %%
HTML(spread_table(rows))

# %%
gap = (table - paper).loc[known]
assert (gap <= 0.05).all() and set(gap.index[gap < -0.05]) == {"concrete", "yeast"}
assert table.loc[known, "breast"] <= 0.77
gap.round(3).to_frame("ours less the paper's").T

# %%
rivals = table.loc[["MICE", "missForest", "KNN"]]
lead = rivals.min() - table.loc[known]
assert (lead > 0.2).all(), lead
assert (rivals < 1).sum(axis=None) == 1 and rivals.loc["MICE", "breast"] < 1
lead.round(2).to_frame("best of MICE, missForest, KNN less not-MIWAE").T

# %% [markdown]
# - On no set is it more than 0.05 above the paper, and on Concrete and Yeast it is below by more: the next section says why.
# - It is below MICE, missForest and nearest neighbours on all six, by more than 0.2. They take the gaps as missing at random; here a hidden value is high, and with one exception, MICE on Breast, their errors are above 1.
#
# ## What the mask model is worth

# %%
above = table - table.loc[known]
assert (table - paper).loc["MIWAE"].abs().max() < 0.12
assert above.loc["MIWAE"].min() > 0.5
assert above.loc["not-MIWAE-PPCA:self"].max() < 0.06
assert above.loc["not-MIWAE-PPCA:agnostic"].min() > 0.08
assert (above.loc["not-MIWAE:known"] < 0).sum() == 1
above.loc[["MIWAE", "not-MIWAE-PPCA:self", "not-MIWAE-PPCA:agnostic", "not-MIWAE:known"]].round(2)

# %% [markdown]
# Errors less those of `not-MIWAE-PPCA:known`.
#
# - MIWAE, which has no mask model, is within 0.12 of the paper's row on all six sets, and above by more than 0.5.
# - Not to be told the direction costs at most 0.06. To let every value hide every other costs more, on each set.
# - A flexible decoder with the same mask model is better on Concrete alone.
#
# ## Draws or decoder means?
#
# The paper averages the decoder's means, $\sum_k \alpha_k \mathbb{E}[x_m \mid z_k]$. That forgets that, given $z_k$, the mask still says something about $x_m$. We average the draws that the weights were computed with, which converges to $\mathbb{E}[x_m \mid x_o, s]$. Both are in the stored run:

# %%
both = results[results["metric"].isin(["rmse", "rmse_decoder"]) & (results["method"] == known)]
both = both[both["scenario"].isin(list(SETS))]
estimates = both.pivot_table(index="metric", columns="scenario", values="value", sort=False)
assert (estimates.loc["rmse"] < estimates.loc["rmse_decoder"]).all()
published = estimates.loc["rmse_decoder"] - paper.loc[known]
assert (published.abs() <= 0.05).sum() >= 5
estimates.loc["paper"] = paper.loc[known]
estimates.round(3)

# %% [markdown]
# The draws are better on every set. With the decoder's means, which is what the paper reports, five of six sets are within 0.05 of it; on White ours are higher.
#
# A higher bound is not always a lower error. On Concrete, which has not settled in 1,500 steps:

# %%
runs = results[(results["scenario"] == "concrete") & (results["method"] == known)]
runs = runs.pivot_table(index="seed", columns="metric", values="value", sort=False)
assert runs["bound"].corr(runs["rmse"]) > 0.9
runs[["bound", "rmse", "rmse_decoder"]].round(3)

# %% [markdown]
# The higher the bound of a run, the nearer it is to the paper, from below. More steps would bring us closer to the paper, and further from the hidden values.
#
# ## Does the mask model know the mask?
#
# Share of entries, over the columns with gaps, whose mask is predicted right from the complete values. The paper does not say which columns its Table A1 counts, so the two need not agree.

# %%
masks = beside(stored, "not-miwae", "mask_accuracy")
masks = masks[masks["scenario"].isin(list(SETS))]
accuracy = masks[masks["method"] == known].set_index("scenario")["ours"]
assert accuracy.min() > 0.9
HTML(spread_table(masks))

# %% [markdown]
# ## Other cut-offs
#
# Appendix E of the paper hides what lies above the mean plus a share of the standard deviation. The higher the cut-off, the fewer are hidden and the further out they are. One run of each.

# %%
sweep = results[results["scenario"].str.contains("sd") | results["scenario"].isin(list(SETS))]
sweep = sweep[(sweep["metric"] == "rmse") & (sweep["seed"] == 42)]
parts = sweep["scenario"].str.removesuffix("sd").str.split("+", expand=True)
sweep = sweep.assign(dataset=parts[0], cutoff=parts[1].astype(float).fillna(0.0))
lines = sweep[sweep["method"] == known].pivot_table(
    index="cutoff", columns="dataset", values="value", sort=False
)

# %% alt="Error of not-MIWAE against the cut-off, a line per set: it rises on red and white wine, falls on banknote and concrete, and hardly moves on yeast and breast"
error_lines(lines, xlabel="cut-off, standard deviations above the mean", ylabel="RMSE")
plt.show()

# %%
rmse = sweep.pivot_table(index=["dataset", "cutoff"], columns="method", values="value", sort=False)
lead = (rmse["MICE"] - rmse[known]).dropna()
assert lead.min() > 0.19
lead.unstack("cutoff").sort_index(axis=1).round(2).rename_axis(columns="MICE less not-MIWAE")

# %% [markdown]
# It stays below MICE at every cut-off on every set, by 0.2 or more. On Banknote and Concrete its error falls as less is hidden; on Red and White it rises: what is hidden then lies far out in a long tail.

# %%
drop = lines.loc[1.0] - lines.loc[0.0]
assert (drop[["banknote", "concrete"]] < -0.2).all() and (drop[["red", "white"]] > 0.5).all()
drop.round(2).to_frame("error at the highest cut-off less that at the mean").T

# %% [markdown]
# ## A hundred thousand rows
#
# `NotMIWAEImputer(random_state=0)` with its defaults, fitted to 100,000 rows of 50 columns, of which half hide what is above their mean, and all rows filled. Once, with one thread, on a machine of two cores full of other work.

# %%
size = pd.read_csv(f"{stored}/not-miwae-size.csv").iloc[0]
assert (size["rows"], size["columns"]) == (100_000, 50)
assert size["fit_seconds"] + size["transform_seconds"] < 600
assert size["rmse"] < 0.5 * size["rmse_mean_fill"]
size.drop("commit").astype(float).round(2).to_frame("once").T

# %% [markdown]
# Less than 10 minutes by the clock, and far less of processor time. Most memory goes into filling; to fill in parts takes less.
#
# ## Where the numbers come from

# %%
provenance("not-miwae", stored)
