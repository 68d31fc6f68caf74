# %% [markdown]
# # What did not hold
#
# Four things that the published tables suggest, and that the same tables, run again with company, do not show. The numbers below are read from the stored runs, and each sentence stands under a cell that checks it.

# %% tags=["parameters"]
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd

from biam.experiments.report import load_results, report
from biam.experiments.stability import stable_cells
from biam.experiments.summary import wins
from biam.plotting.scores import score_panels

# %% [markdown]
# ## 1. Missing-by-feature interactions do not pay in E2

# %%
e2 = load_results(stored, "e2")
table = wins(e2, "mse", "BIAM-I", "BIAM")
assert (table["BIAM-I"] < table["BIAM"]).all()
table

# %% [markdown]
# `BIAM-I`, the model **without** interactions between a missing value and the other features, has the lower mean error in all five scenarios of E2.
# The features there are independent: when one is missing, no other tells anything about it, and 1,000 extra coefficients fit noise.

# %% alt="One panel per scenario of E2: test error of BIAM with and without missing interactions, and of BIAM-X; the variant without them lies to the left."
score_panels(e2, "mse", ["BIAM", "BIAM-I", "BIAM-X", "meta-only"], log=True)
plt.show()

# %% [markdown]
# **For a user:** missing interactions need a reason, such as features that inform one another. Our default learner screens them, and keeps what the marginal likelihood supports ([](how_biam_x_works.ipynb)).
#
# ## 2. The clean rows alone beat the published loop
#
# The loop learns its weights on clean rows that its rivals never see. What if one simply fits the same additive model to those clean rows, and throws the others away?

# %%
scores = {"e1": "mse", "e3": "f1_macro", "e4": "mse", "e5": "f1_macro"}
parts = [
    wins(load_results(stored, name), metric, "meta-only", "BIAM").assign(table=name)
    for name, metric in scores.items()
]
alone = pd.concat(parts, ignore_index=True)[
    ["table", "scenario", "seeds", "wins", "meta-only", "BIAM"]
]
alone.round(4)

# %%
regression = alone[alone["table"].isin(["e1", "e4"])]
classes = alone[alone["table"].isin(["e3", "e5"])]
assert (regression["meta-only"] < regression["BIAM"]).all()
assert (classes["meta-only"] > classes["BIAM"]).all()

# %% [markdown]
# In **every** scenario of E1, E3, E4 and E5 the model on the clean rows alone has the better mean: lower error in regression, higher macro-F1 in classification.
# The loop was not beaten by a cleverer method. It was beaten by ignoring the rows it was built to make use of.

# %% alt="One panel per scenario of E1: test error on a logarithmic axis of the published loop, of the clean rows alone, of our learner and of a rival with the clean rows; the clean rows alone lie far left of the loop."
e1 = load_results(stored, "e1")
score_panels(
    e1, "mse", ["BIAM", "BIAM2", "meta-only", "BIAM-X", "SAM+meta", "EBM-main+meta"], log=True
)
plt.show()

# %% [markdown]
# **For a user:** with 240 trusted rows, first fit those alone. A weighting method earns its place by what it adds. Ours uses all rows, and is compared with the clean rows alone on every page.

# %%
table = wins(e1, "mse", "BIAM-X", "meta-only")
e4 = wins(load_results(stored, "e4"), "mse", "BIAM-X", "meta-only")
both = pd.concat([table.assign(table="e1"), e4.assign(table="e4")], ignore_index=True)
assert (both["BIAM-X"] < both["meta-only"]).all()
ratio = (both["BIAM-X"] / both["meta-only"]).set_axis(both["scenario"])
assert 0.8 < ratio["highdim"] < 0.9 and 0.7 < ratio["smalln"] < 0.8
few = both["scenario"].isin(["highdim", "smalln"])
assert (both.loc[~few, ["BIAM-X", "meta-only"]] < 0.001).all(axis=None)
both[["table", "scenario", "seeds", "wins", "BIAM-X", "meta-only"]].round(5)

# %% [markdown]
# It adds most where the clean rows do not suffice: with 50 features its error is lower by more than a tenth, with 300 rows by more than a fifth. In the other scenarios both errors are below 0.001.

# %% [markdown]
# ## 3. Single numbers of a chaotic loop
#
# The same random draws, once in float32 and once in float64:

# %%
blocks = [f"e{k}" for k in range(1, 8)]
cells = pd.concat([stable_cells(load_results(stored, name)) for name in blocks], ignore_index=True)
share = cells.groupby(["table", "method"], sort=False)["stable"].mean().unstack()
share.round(2)

# %%
clean = cells[
    (cells["table"] == "e1") & (cells["scenario"] == "clean") & (cells["method"] == "BIAM")
]
ratio = clean[["float32", "float64"]].max(axis=1) / clean[["float32", "float64"]].min(axis=1)
assert share.loc["e6", "BIAM"] < 0.2
assert ratio.max() > 1.1
clean.round(4)

# %% [markdown]
# On clean data the error of the loop differs by more than a tenth between the two precisions for some seed, and in E6 almost no cell of BIAM agrees with itself.
#
# **For a user:** a difference between two methods that is smaller than the difference between two precisions is no difference.
#
# ## 4. Claims of the README

# %%
rows = report(stored)
claims = rows[
    (rows["source"] == "README") & (rows["table"] != "mam") & (rows["verdict"] != "missing")
]
claims[["table", "scenario", "method", "metric", "paper", "reproduced", "verdict"]].round(3)

# %% [markdown]
# ## 5. Seeds that were looked at
#
# While the rules of BIAM-X were first set (how many false terms may pass, when the label model is believed), its test scores on E1 to E7 were looked at for the seeds 42, 7 and 123. They were then changed on the seeds 101 to 112, and judged once on seeds 201 to 210. After that rules were changed again, on real tables and on the seeds 101 to 112. The solver was judged once on seeds 301 to 310, then its penalties and its curves over tied values were changed, and as it is now it was judged once on seeds **401 to 410, which nobody had looked at**. Those ten are stored beside the tables:

# %%
five = pd.concat([load_results(stored, name) for name in blocks])
fresh = pd.read_csv(f"{stored}/fresh.csv")
assert sorted(fresh["seed"].unique()) == list(range(401, 411))
both = pd.concat([five.assign(seeds="five"), fresh.assign(seeds="fresh")])
both = both[both["method"].isin(["BIAM-X", "meta-only"])]
keys = {"index": ["table", "scenario"], "columns": ["method", "seeds"]}
asked = both[both["metric"].isin(["mse", "f1_macro"])]
means = asked.pivot_table(**keys, values="value", sort=False)
means.round(4)

# %%
own = means["BIAM-X"]
small = (own < 0.001).all(axis=1)
assert small.sum() == 12 and small["e1"].all() and small["e4"].sum() == 6
classes = own.loc[["e3", "e5", "e7"]]
moved = classes["fresh"] - classes["five"]
assert moved.drop(("e7", "clf_null_main")).abs().max() < 0.02
assert -0.05 < moved["e7", "clf_null_main"] < -0.04
ratio = (own["fresh"] / own["five"])[["e2", "e4", "e6"]][~small]
assert ratio.drop([("e6", "int_clean"), ("e6", "int_mnar")]).between(0.95, 1.08).all()
assert ratio["e6", "int_clean"] < 0.6 and 1.1 < ratio["e6", "int_mnar"] < 1.2

# %%
share = means["BIAM-X"] / means["meta-only"]
assert share.loc[("e4", "smalln")].between(0.7, 0.8).all()
pairs = share.loc["e6"].drop("null_main")
assert (pairs["five"] < pairs["fresh"]).sum() == 3
assert pairs["five"].between(0.35, 0.55).all() and pairs["fresh"].between(0.35, 0.65).all()
assert (share.loc[["e3", "e5"]] < 1).sum().to_list() == [8, 7]
goals = {"clf_int_clean": 0.76, "clf_null_main": 0.66}
reached = own.loc["e7"].loc[list(goals)].sub(pd.Series(goals), axis=0)
assert (reached["five"] > 0).all() and (reached["fresh"] < 0).all()
assert (share.loc[["e1", "e2", "e4", "e6"]] < 1).all(axis=None)

# %%
found = both[both["metric"] == "pair_auprc"].pivot_table(**keys, values="value", sort=False)
found = found["BIAM-X"]
assert found.loc[("e6", "int_mnar"), "fresh"] == 1
gaps = found.loc["e7"].drop(["clf_int_clean", "clf_null_main"])
assert gaps["five"].between(0.85, 0.92).all() and gaps["fresh"].between(0.75, 0.9).all()
found.round(3)

# %% [markdown]
# - In E1, and in six of the eight scenarios of E4, the error is below 0.001 with either seeds. In E3, E5 and E7 no mean moves by as much as 0.02, but for E7 without a pair, which is 0.04 to 0.05 lower. In E2, E4 and E6 the fresh errors are 5 % lower to 8 % higher, but for E6 without gaps (four tenths lower) and under MNAR gaps (10 to 20 % higher).
# - **Some results look better than they are.** Where pairs are planted in E6 the error of `BIAM-X` is 0.35 to 0.55 of that of the clean rows alone with the five seeds, and up to 0.65 with the fresh ones. In E7 with gaps the planted pairs are ranked with areas of 0.85 or more with the five seeds, and of 0.75 to 0.9 with the fresh ones. Two goals that we had set, macro-F1 of 0.76 and 0.66 in E7 without gaps and without a pair, are met by the five seeds and missed by the fresh ones.
# - With 300 rows (`smalln`) its error is 0.7 to 0.8 of that of the clean rows alone with either seeds.
# - In classification (E3, E5) the clean rows alone have the higher mean in eight of the ten scenarios with the five seeds, and in seven with the fresh ones: about as good, not better.
# - In regression `BIAM-X` has a lower mean than the clean rows alone in every scenario, with the fresh seeds too.
#
# The fresh numbers are the ones to quote.
# The tables on real data are no clean test of BIAM-X: rules were changed after a look at the test scores of the quick run, on both of its seeds.
