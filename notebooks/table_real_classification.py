# %% [markdown]
# # Real data, two classes
#
# Nothing like this table was published for BIAM. It asks how our learner and the published loop do on 33 real data sets with two classes, beside rivals in fair settings, when training labels are wrong, a class is rare, or values are missing not at random.
#
# :::{important}
# All stored numbers on this page are a **quick run**: at most 1,000 rows of each data set, and seed 42 alone. On one data set a quarter of 1,000 rows is a small test and one seed is one draw, so single differences mean little.
# What can be read is the comparison over all 33 sets. `biam reproduce real-classification --profile full` takes all rows, five seeds and eight kinds of damage; it needs a day or more on four cores.
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
from biam.experiments.stored import recompute

# %% [markdown]
# ## Recomputed just now
#
# Breast cancer, the one set of the table that comes with scikit-learn, with 20 % wrong training labels.

# %%
now = recompute("real-classification", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now[now["metric"].isin(["auroc", "accuracy", "log_loss"])].round(4)

# %% [markdown]
# ## How it is done
#
# - **Test rows** are those of the official split, else a quarter. They are the same whatever the damage, and their labels are as found.
# - **Meta rows** are 5 per cent of the training part, at least 10 and at most 300, taken out before any damage. With 1,000 rows that is 38 at most, and on small sets 10: few.
# - **Gaps in the data stay gaps.** Each method handles them its own way; none sees an imputed table made by us.
# - **Damage**, to the training rows: `noise20` turns 20 % of the labels, `imb20` thins the rarer class to 1:20. `mnar20` hides 20 % of the values, large ones more often, in all three parts. `clean` adds nothing.
#   `imb20` is run where it makes a set rarer and leaves enough rows, 14 of 33 sets.
# - **Rivals** are tuned on the training rows ([](rivals.ipynb)); all are in their fair setting here, and `+meta` marks those that also get the meta rows and are calibrated on them. `meta-only` is the additive model on the meta rows alone, `BIAM-X-no-meta` ours without meta rows.
#
# ## The data sets
#
# The file shown here is made, where the data are, with
#
# ```bash
# python -c "from biam.experiments.sets import describe_sets; describe_sets().to_csv('book/results/real_sets.csv', index=False)"
# ```
#
# `missing` is the share of empty cells as found, `positives` the share of class 1.

# %%
sets = pd.read_csv(f"{stored}/real_sets.csv").query("task == 'binary'")
here = describe_sets(["breast-cancer"]).iloc[0]
same = sets.set_index("dataset").loc["breast-cancer"]
assert (same == here.drop("dataset")).all()
assert len(sets) == 33
HTML(sets.drop(columns="task").to_html(index=False, float_format="%.3f"))

# %% [markdown]
# ## The stored quick run

# %%
results = load_results(stored, "real-classification")
results[["dataset", "damage"]] = results["scenario"].str.rsplit("/", n=1, expand=True)
assert set(results["dataset"]) == set(sets["dataset"])
assert set(results["profile"]) == {"quick"}
complete = blocks(results, "auroc")
sizes = results.drop_duplicates("scenario").groupby("damage", sort=False).size()
assert len(complete) == sizes.sum()
sizes.to_frame("data sets").T

# %% [markdown]
# ### Means per damage
#
# Means over the data sets of each damage (so `imb20` is a mean over other sets than `clean`). Accuracy is high wherever a class is rare, for a model that never names it too.

# %%
means = results.pivot_table(
    index="method", columns=["metric", "damage"], values="value", sort=False
)
order = average_ranks(results.assign(scenario=results["dataset"]), "auroc")["method"]
HTML(means.loc[order, ["auroc", "accuracy", "log_loss"]].to_html(float_format="%.3f"))

# %% [markdown]
# ## Ranks over all data sets
#
# For each data set the metric is averaged over its damages, the methods are ranked, and ranks are averaged over the 33 sets {cite:p}`demsar2006`. The damages of one set share their test rows, so they do not count as sets of their own.
# Two methods differ, at the 5 % level with all pairs compared, if their ranks are further apart than the critical difference; a bar joins those that are not. It is wide: 20 methods on 33 sets.

# %%
per_set = results.assign(scenario=results["dataset"])
auroc, log_loss = (average_ranks(per_set, metric) for metric in ("auroc", "log_loss"))
cd = critical_difference(len(auroc), len(sets))
assert (auroc["n_blocks"] == 33).all() and (log_loss["n_blocks"] == 33).all()
assert max(friedman(per_set, m).p_value for m in ("auroc", "log_loss")) < 1e-6

# %% alt="Average ranks"
plotting.critical_difference_plot(auroc, cd, cliques(auroc, cd))
plt.show()

# %% alt="Average ranks"
plotting.critical_difference_plot(log_loss, cd, cliques(log_loss, cd))
plt.show()

# %% [markdown]
# The same by damage:

# %%
parts = {
    (m, d): average_ranks(part, m).set_index("method")["rank"]
    for d, part in results.groupby("damage", sort=False)
    for m in ("auroc", "log_loss")
}
by_damage = pd.DataFrame(parts).loc[order].sort_index(axis=1, level=0, sort_remaining=False)
HTML(by_damage.to_html(float_format="%.1f"))

# %%
best = {
    metric: average_ranks(results, metric).set_index("method")["wins"]
    for metric in ("auroc", "log_loss")
}
HTML(pd.DataFrame(best).loc[order].to_html())
