# %% [markdown]
# # Real data, numbers
#
# The same question as on the [page before](table_real_classification.ipynb), for eight real data sets whose target is a number: how do our learner and the published loop do beside rivals in fair settings, when training targets are wrong or values are missing not at random?
#
# :::{important}
# All stored numbers on this page are a **quick run**: at most 1,000 rows of each data set, and seed 42 alone. One seed on one data set is one draw, and eight data sets are few: the critical difference below is wide, and few methods can be told apart.
# `biam reproduce real-regression --profile full` takes all rows, five seeds and seven kinds of damage; it needs about half a day on four cores.
# :::

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam import plotting
from biam.experiments.ranks import average_ranks, blocks, cliques, critical_difference, friedman
from biam.experiments.report import load_results
from biam.experiments.sets import describe_sets
from biam.experiments.stored import provenance, recompute

# %% [markdown]
# ## Recomputed just now
#
# Diabetes, the one set of the table that comes with scikit-learn, with 20 % of the training targets shifted.

# %%
now = recompute("real-regression", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round(4)

# %% [markdown]
# ## How it is done
#
# Test and meta rows, gaps and rivals are as in the [table of classes](table_real_classification.ipynb). Targets are divided by the standard deviation of the training targets after their mean is taken off, so that an error of 1 is that of the training mean.
# `noise20` adds a draw from $N(1, 0.5)$, in training deviations, to 20 % of the training targets: a bias, not only a blur. `mnar20` hides 20 % of the values, large ones more often, in all three parts. `clean` adds nothing.

# %%
sets = pd.read_csv(f"{stored}/real_sets.csv").query("task == 'regression'")
here = describe_sets(["diabetes"]).iloc[0].drop(["dataset", "positives"])
assert (sets.set_index("dataset").loc["diabetes", here.index] == here).all()
assert len(sets) == 8
HTML(sets.drop(columns=["task", "positives"]).to_html(index=False, float_format="%.3f"))

# %% [markdown]
# The file is made by the command on the [page before](table_real_classification.ipynb); its row of diabetes was counted again just now.
#
# ## The stored quick run
#
# Mean squared error over the data sets of each damage.

# %%
results = load_results(stored, "real-regression")
results[["dataset", "damage"]] = results["scenario"].str.rsplit("/", n=1, expand=True)
assert set(results["dataset"]) == set(sets["dataset"])
assert set(results["profile"]) == {"quick"}
assert len(blocks(results, "mse")) == 24
per_set = results.assign(scenario=results["dataset"])
mse, mae = (average_ranks(per_set, metric) for metric in ("mse", "mae"))
order = mse["method"]

# %%
means = results.pivot_table(
    index="method", columns=["metric", "damage"], values="value", sort=False
)
HTML(means["mse"].loc[order].to_html(float_format="%.3f"))

# %%
wide = results[results["metric"] == "mse"].pivot_table(
    index="method", columns="dataset", values="value", sort=False
)
HTML(wide.loc[order].to_html(float_format="%.3f"))

# %% [markdown]
# ## Ranks
#
# The error of each data set is averaged over its damages, then methods are ranked, and ranks are averaged over the eight sets.

# %%
cd = critical_difference(len(mse), len(sets))
assert (mse["n_blocks"] == 8).all()
friedman(per_set, "mse")

# %% alt="Average ranks"
plotting.critical_difference_plot(mse, cd, cliques(mse, cd))
plt.show()

# %%
parts = {
    d: average_ranks(part, "mse").set_index("method")["rank"]
    for d, part in results.groupby("damage", sort=False)
}
HTML(pd.DataFrame(parts).loc[order].to_html(float_format="%.1f"))

# %% alt="diff"
plotting.set_differences(results, "mse", "BIAM-X", "BIAM-X-no-meta")
plt.show()

# %% alt="diff"
plotting.set_differences(results, "mse", "BIAM-X", "CatBoost")
plt.show()

# %%
provenance("real-regression", stored)
