# %% [markdown]
# # Wrong labels on income and credit
#
# Four sets with two classes: Adult (with its own gaps), German credit, Taiwan default and HELOC. 0, 20 or 30 % of the training labels are flipped, whatever the class; test labels are as found. The protocol is that of [](table_real_classification.ipynb), with fewer methods and more rows.
#
# Half of the methods are given clean meta rows (5 % of the training part, at most 300): `BIAM-X`, and the rivals marked `+meta`, which train with them and are calibrated by them. They are compared with one another; so are those without.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam.experiments.ranks import average_ranks
from biam.experiments.report import load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import score_table
from biam.experiments.tables.flips import DATASETS
from biam.plotting.robustness import metric_by_rate

# %% [markdown]
# ## Recomputed just now
#
# Breast cancer, which comes with scikit-learn, with 20 % of the training labels flipped.

# %%
now = recompute("flips", stored, profile=profile)
small = now[now["metric"].isin(["auroc", "log_loss"])]
small.drop(columns="equal").round(4)

# %% [markdown]
# ## The stored run
#
# AUROC on the test rows, mean ± standard deviation over the seeds.

# %%
flips = load_results(stored, "flips")
ranked = flips[flips["scenario"].str.split("/").str[0].isin(DATASETS)]
damage = ranked["scenario"].str.split("/").str[1]
n_seeds = ranked.groupby("scenario")["seed"].nunique()
assert len(n_seeds) == 12 and (n_seeds == n_seeds.iloc[0]).all()
f"{n_seeds.iloc[0]} seeds, profile {ranked['profile'].iloc[0]}"

# %%
HTML(score_table(ranked[damage == "clean"], "auroc"))

# %%
HTML(score_table(ranked[damage == "noise20"], "auroc"))

# %%
HTML(score_table(ranked[damage == "noise30"], "auroc"))

# %% [markdown]
# ## Average ranks
#
# Over the four sets, by AUROC and by log-loss; 1 is best. With four problems no difference of ranks is significant by itself.

# %%
without = ["BIAM-X-no-meta", "EBM-main", "CatBoost", "cleanlab"]
with_meta = ["BIAM-X", "EBM-main+meta", "CatBoost+meta", "cleanlab+meta"]
parts = [
    average_ranks(ranked[damage == kind], metric, names).assign(damage=kind, metric=metric)
    for names in (without, with_meta)
    for metric in ("auroc", "log_loss")
    for kind in ("clean", "noise20", "noise30")
]
ranks = pd.concat(parts)
ranks.pivot_table(index="method", columns=["metric", "damage"], values="rank", sort=False).round(2)

# %% alt="Mean AUROC over the four sets against the share of flipped labels, for methods without clean rows."
rates = damage.map({"clean": 0.0, "noise20": 0.2, "noise30": 0.3})
lines = ranked.assign(x=rates)[ranked["metric"] == "auroc"]
lines = lines.groupby(["method", "seed", "x"], as_index=False)["value"].mean()
metric_by_rate(lines, metric="AUROC", xlabel="flipped labels", methods=without).set_ylim(None, None)
plt.show()

# %% alt="Mean AUROC over the four sets against the share of flipped labels, for methods with clean rows."
metric_by_rate(lines, metric="AUROC", xlabel="flipped labels", methods=with_meta)
plt.show()

# %% [markdown]
# ## Where the numbers come from

# %%
provenance("flips", stored)
