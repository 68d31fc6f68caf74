# %% [markdown]
# # The sibling model: MAM on six scenarios
#
# The Meta Additive Model {cite:p}`zhang2026mam` weighs training rows by their loss, as BIAM does, and puts a group lasso on the features.
# Its public repository prints one number per scenario for MAM, and for ERM, the same loop with all weights one. There are 2,000 training rows, as many clean meta rows, as many clean test rows, and 100 features.
#
# - Regression, eight informative features: **every** training label carries noise, a mixture of mean zero (`eps_A`), one of mode zero and mean four (`eps_B`), or heavy tails (`eps_C`).
# - Classification, two informative features: 15 % of the training rows are of the rare class, or 15 % of the labels are flipped, or both. With both, **30 %** of the labels are flipped.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam.experiments.catalogue import TABLES
from biam.experiments.report import load_curves, load_results, report
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import score_table, wins
from biam.plotting.epochs import epoch_panels
from biam.plotting.scores import score_panels

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("mam", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## Published beside reproduced

# %%
rows = report(stored, ["mam"])
assert (rows["verdict"] == "met").all(), rows[rows["verdict"] != "met"]
assert len(rows) == 18
columns = ["scenario", "method", "metric", "paper", "reproduced", "verdict"]
HTML(rows[columns].to_html(index=False, float_format="%.4f"))

# %%
mam = load_results(stored, "mam")
loops = mam[mam["method"].isin(["MAM", "ERM"])]
assert loops.groupby("method")["seed"].nunique().eq(6).all()
flips = {scenario.name: scenario.params.get("flip") for scenario in TABLES["mam"].scenarios}
assert flips["imbalance+corruption"] == 0.3

# %% [markdown]
# **All 18 numbers are met**, at the one seed (1) for which they are printed. Our run has five more seeds of MAM and ERM.
#
# ## How the printed score is chosen
#
# The public run looks at the **test rows** after the first epoch and then every 50 epochs, and prints the best of these looks. A user has no test labels.
# What a user could do is take the look with the smallest loss on the meta rows, or the last epoch.

# %%
curves = load_curves(stored, "mam")
tests = curves[(curves["method"] == "MAM") & curves["curve"].str.startswith("test_")]
looks = tests.groupby(["scenario", "seed"]).size().unstack()
assert (looks.loc[["eps_A", "eps_B", "eps_C"]] == 21).all(axis=None)
assert (looks.drop(["eps_A", "eps_B", "eps_C"]) == 11).all(axis=None)

# %%
rules = {"": "MAM:best look", "by_meta_": "MAM:by meta rows", "last_": "MAM:last epoch"}
names = {key + score: name for key, name in rules.items() for score in ("mse", "accuracy")}
chosen = loops[(loops["method"] == "MAM") & loops["metric"].isin(names)]
chosen = chosen.assign(
    method=chosen["metric"].map(names), metric=chosen["metric"].str.extract("(mse|accuracy)")[0]
)
others = mam[(mam["method"] != "MAM") & mam["metric"].isin(["mse", "accuracy"])]
both = pd.concat([chosen, others], ignore_index=True)
HTML(score_table(both, "mse"))

# %%
HTML(score_table(both, "accuracy"))

# %%
best, last = (
    chosen[chosen["method"] == name].set_index(["scenario", "seed"])["value"].sort_index()
    for name in ("MAM:best look", "MAM:last epoch")
)
assert 0.14 < (best["imbalance_0.15"] - last["imbalance_0.15"]).mean() < 0.17
assert (last["eps_A"] > 2 * best["eps_A"]).all()
by_meta = wins(both, "accuracy", "MAM:best look", "MAM:by meta rows").set_index("scenario")
gap = by_meta["MAM:best look"] - by_meta["MAM:by meta rows"]
assert gap["imbalance_0.15"] > 0.02 and gap["imbalance+corruption"] > 0.05
assert gap["corruption_0.15"] < 0.003

# %% [markdown]
# Mean ± standard deviation over six seeds for MAM, ERM and Lasso, two for the others, one for `EBM-main`; bold is the best of those with six seeds, not of all.
#
# - **The printed score is the best of 21 looks** (regression) **or 11** (classification) **at the test rows.**
# - After the last epoch `imbalance_0.15` has lost about 15 points of accuracy, and the error in `eps_A` has more than doubled.
# - Choosing by the meta rows costs nothing in regression and next to nothing with flipped labels; it costs more than two points under imbalance and more than five with both.

# %%
by_meta = wins(both, "mse", "MAM:best look", "MAM:by meta rows").set_index("scenario")
assert (by_meta["MAM:by meta rows"] < 1.01 * by_meta["MAM:best look"]).all()

# %% alt="One panel per regression scenario of MAM, logarithmic mse on the clean test rows: BIAM-X and meta-only lie furthest to the left, then MAM by three rules of choosing the epoch, then ERM and the rivals."
methods = [*rules.values(), "ERM", "BIAM-X", "meta-only", "Lasso", "EBM-main", "HGB", "HGB+meta"]
score_panels(both, "mse", methods, log=True)
plt.show()

# %% alt="One panel per classification scenario of MAM, accuracy on the clean test rows: HGB+meta, BIAM-X and meta-only lie furthest to the right; with both imbalance and flips HGB+meta is behind the other two, and MAM, ERM and rivals without meta rows are far to the left."
score_panels(both, "accuracy", methods)
plt.show()

# %% [markdown]
# ## The clean rows alone
#
# MAM is given 2,000 clean meta rows, as many as there are noisy ones. `meta-only` is an additive model fitted to them, and to nothing else.

# %%
printed, honest = (
    pd.concat([wins(both, metric, "meta-only", rule) for metric in ("mse", "accuracy")])
    for rule in ("MAM:best look", "MAM:by meta rows")
)
assert (honest["wins"] == honest["seeds"]).all()
assert (printed["wins"] == printed["seeds"]).all() and (printed["seeds"] == 2).all()
printed.round(4)

# %%
ours = pd.concat([wins(both, metric, "BIAM-X", "meta-only") for metric in ("mse", "accuracy")])
ours = ours.set_index("scenario")
ratio = (ours["BIAM-X"] / ours["meta-only"]).loc[["eps_A", "eps_B", "eps_C"]]
assert ratio.between(0.99, 1.01).all()
gain = (ours["BIAM-X"] - ours["meta-only"]).loc[list(flips)[3:]].round(5)
assert (gain > 0).to_list() == [False, True, False] and gain.between(-0.005, 0.01).all()
assert (ours["wins"] == 0).to_list() == [False, False, False, True, False, True]
boost = wins(both, "accuracy", "HGB+meta", "BIAM-X").set_index("scenario")
lead = boost["HGB+meta"] - boost["BIAM-X"]
assert 0 < lead["imbalance_0.15"] < 0.005 and -0.02 < lead["corruption_0.15"] < -0.015
assert lead["imbalance+corruption"] < -0.025

# %% [markdown]
# - **The clean rows alone beat the printed MAM in all six scenarios**, at both seeds that were run, and so they do when its epoch is chosen by the meta rows.
# - Our own learner gains little from the noisy rows here: `BIAM-X` is within 1 % of `meta-only` in regression. In classification it is a point above it with flipped labels alone, at both seeds, and below it, by less than half a point, with imbalance, with flips and without.
# - Gradient boosting with the meta rows added (`HGB+meta`) is less than half a point ahead of `BIAM-X` with imbalance alone, and one and a half to two points behind with flips alone. With both it is more than two and a half points behind.
#
# With so many clean rows these scenarios do not show what weighting is for. [](table_ablations.ipynb) has few of them.
#
# ## Over the epochs

# %% alt="A row of two panels per scenario, at seed 1: test score and meta loss of MAM and ERM over the epochs; the look with the best test score and the one with the smallest meta loss are marked on MAM."
epoch_panels(curves[curves["seed"] == 1])
plt.show()

# %%
erm = loops[loops["method"] == "ERM"]
erm = erm.pivot_table(index=["scenario", "seed"], columns="metric", values="value")
spread = (erm["mse"] / (1 - erm["r2"])).dropna()
steps = curves[(curves["method"] == "ERM") & (curves["curve"] == "test_mse")]
early = steps[steps["x"].between(2, 500)].groupby(["scenario", "seed"])["value"].min()
late = steps[steps["x"] > 500].groupby(["scenario", "seed"])["value"].max()
assert (early > spread).all()
assert list(late.index[late > 0.8 * spread]) == [("eps_C", 3407)]
assert spread["eps_C", 3407] < 0.1 < spread.drop(("eps_C", 3407)).min()

# %% [markdown]
# **ERM's step is unstable in regression.** Until the rate falls tenfold after 500 of 1,000 epochs, its error is above that of a constant prediction (the variance of the test labels), at every look and with every seed. After that it is below, but for one run of `eps_C`, where an extreme label sets the scale of all others.
# MAM's weights are below one, so the same rate gives it shorter steps: this part of the printed gap is not about which rows count.
#
# ## Variables kept

# %%
counts = ["variables_kept", "true_kept", "true_in_top", "by_meta_variables_kept"]
kept = mam[mam["metric"].isin(counts)].pivot_table(
    index=["scenario", "method"], columns="metric", values="value", sort=False
)
informative = pd.Series({name: 8 if name.startswith("eps") else 2 for name in flips})
last = mam[(mam["method"] == "MAM") & (mam["metric"].isin(counts))].set_index("scenario")
assert (last["value"][last["metric"] == "variables_kept"] == 100).all()
top = last["value"][last["metric"] == "true_in_top"]
assert (top == informative[top.index]).all()
kept[counts].round(1)

# %%
chosen_kept = last["value"][last["metric"] == "by_meta_variables_kept"].groupby(level=0).mean()
assert chosen_kept.idxmin() == "imbalance_0.15" and 80 < chosen_kept.min() < 90
assert (chosen_kept.drop("imbalance_0.15") > 98).all()
lasso = mam[(mam["method"] == "Lasso") & mam["scenario"].isin(["eps_A", "eps_B", "eps_C"])]
assert lasso["value"][lasso["metric"] == "variables_kept"].mean() < 25

# %% [markdown]
# - **"100 of 100 kept" means that nothing is selected**: after the last epoch no group of coefficients is zero, in any scenario, with any seed. A prediction uses every feature.
# - At the epoch chosen by the meta rows it is much the same; the fewest are kept under imbalance, between 80 and 90 on average.
# - As a ranking the norms work: the informative features have the **largest** norms in all six scenarios and with all six seeds (`true_in_top`).
# - A Lasso on the raw features keeps fewer than 25 in regression on average, and finds about seven of the eight.
#
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce mam --profile full --jobs 2`.

# %%
provenance("mam", stored)
