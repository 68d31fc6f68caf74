# %% [markdown]
# # E6: planted pairs, regression
#
# Three main effects and three pairs. BIAM2 has its gates set to discover pairs. Except in `int_clean`, 30 % of the labels are shifted and values are missing; in `null_main` no pair is planted.
#
# Every method that learns from clean meta rows has company here: the additive model on the meta rows alone (`meta-only`), and each rival
# in three settings: as the paper ran it, in a fair setting (`-fair`), and with the meta rows added and used for calibration (`+meta`). See [](rivals.ipynb).

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
from IPython.display import HTML

from biam.experiments.report import load_results, report
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means, score_table
from biam.plotting.scores import score_panels

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("e6", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## The stored full run
#
# Mean ± standard deviation over five seeds, on clean test rows.

# %%
results = load_results(stored, "e6")
assert results["seed"].nunique() == 5
HTML(score_table(results, "mse"))

# %% alt="One panel per scenario of E6: mse of ten methods on the clean test rows, a small dot per seed and a marker at the mean."
methods = "BIAM BIAM2 BIAM-X meta-only SAM-fair XGBoost-fair EBM-main-fair SAM+meta HGB+meta EBM-main+meta"
score_panels(results, "mse", methods.split(), log=True)
plt.show()

# %% [markdown]
# ## Which pairs are found
#
# The area under the precision-recall curve of the planted pairs among all 45, ranked by strength. In the scenario without pairs, those of the others count as planted, as in the re-run: a low value is right there.

# %%
HTML(score_table(results, "pair_auprc"))

# %% [markdown]
# ## Beside an independent re-run
#
# The published loop was run once more by others, for two seeds. Where that re-run agrees with itself in float32 and float64 ours must agree with it: errors to a part in a thousand, accuracy to two test rows.
# Where it does not, no single number can be asked for; [](paper_vs_reproduced.ipynb) lists each row.

# %%
rows = report(stored, ["e6"])
rerun = rows[rows["source"] == "re-run"]
assert not (rerun["verdict"] == "not met").any(), rerun[rerun["verdict"] == "not met"]
assert not rerun["verdict"].eq("missing").any()
rerun.groupby(["method", "verdict"], sort=False).size().rename("rows").reset_index()

# %% [markdown]
# ## What the table says

# %%
table = means(results, "mse")
rest = ["int_mcar", "int_mar", "int_mnar"]
assert (
    table.loc["BIAM2", "int_clean"]
    < table.loc[["BIAM", "BIAM-B", "BIAM-I", "BIAM-X"], "int_clean"].min() / 2
)
assert (table.loc["BIAM-X", rest] < table.loc["BIAM2", rest]).all()
auprc = means(results, "pair_auprc")
assert (auprc.loc["EBM-fair"] > auprc.loc["BIAM2"]).all()
assert (auprc.loc["CatBoost"] < auprc.loc["BIAM2"]).all()
assert table.loc["BIAM-X", "int_clean"] > 1.2 * table.loc["SAM-fair", "int_clean"]

# %%
meta = [name for name in table.index if name.endswith("+meta")]
assert (table.loc[meta].min() < table.loc["BIAM-X"]).all()
one = results[
    (results["scenario"] == "int_mcar") & (results["seed"] == 42) & (results["metric"] == "mse")
].set_index("method")["value"]
assert one["EBM"] < one["EBM-fair"]

# %% [markdown]
# - Without noise and gaps the pairs pay: `BIAM2` has less than half the error of any model without pairs.
# - With noise and gaps that is over. `BIAM-X` has the lower error in all three scenarios.
# - EBM ranks the planted pairs higher than `BIAM2` in every scenario, CatBoost lower.
# - `BIAM-X` has no pairs, and in `int_clean` it does worse than plain splines: what the pairs leave over looks to it like wrong labels, and it weighs such rows down.
# - In every scenario some rival with the meta rows is ahead of `BIAM-X`, which has no pairs to offer.
# - EBM as published is run once, for it takes minutes: its finer bins are worth something (`int_mcar`, seed 42).

# %% [markdown]
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce e6 --profile full --jobs 2`.

# %%
provenance("e6", stored)
