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
# While the rules of BIAM-X were first set (how many false terms may pass, when the label model is believed), its test scores on E1 to E7 were looked at for the seeds 42, 7 and 123. They were then changed on the seeds 101 to 112, and judged once on seeds 201 to 210. After that rules were changed again, on real tables and on the seeds 101 to 112. The solver was judged once on seeds 301 to 310, then its penalties and its curves over tied values were changed; once on 401 to 410, then the flip rates, what penalties share and when labels are doubted were changed (on held-out training rows of real tables); an earlier setting of these was seen on 501 to 510. As it is now it was judged once on seeds **701 to 710, which nobody had looked at**. Those ten are stored beside the tables:

# %%
five = pd.concat([load_results(stored, name) for name in blocks])
fresh = pd.read_csv(f"{stored}/fresh.csv")
assert sorted(fresh["seed"].unique()) == list(range(701, 711))
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
far = moved[moved.abs() > 0.02].sort_index()
assert far.round(2).to_dict() == {
    ("e5", "n20_imb50_miss20"): 0.03,
    ("e7", "clf_int_clean"): -0.03,
    ("e7", "clf_null_main"): -0.04,
}

# %%
ratio = (own["fresh"] / own["five"])[["e2", "e4", "e6"]][~small]
assert ratio[["e2", "e4"]].between(1, 1.16).all() and ratio["e6"].between(0.65, 1).all()

# %%
share = means["BIAM-X"] / means["meta-only"]
assert share.loc[("e4", "smalln")].between(0.75, 0.85).all()

# %%
pairs = share.loc["e6"].drop("null_main")
assert pairs.stack().between(0.37, 0.56).all()
assert (share.loc[["e3", "e5"]] < 1).sum().to_list() == [8, 4]
goals = {"clf_int_clean": 0.76, "clf_null_main": 0.66}
reached = own.loc["e7"].loc[list(goals)].sub(pd.Series(goals), axis=0)
assert (reached["five"] > 0).all() and (reached["fresh"] < 0).all()
assert share.loc[("e7", "clf_null_main"), "fresh"] < 1
assert (share.loc[["e1", "e2", "e4", "e6"]] < 1).all(axis=None)

# %%
limits = load_results(stored, "limits")
limits = limits[limits["metric"] == "limit"].groupby("scenario")["value"].mean()
least = pd.Series({name: limits[f"e7/{name}"] for name in own.loc["e7"].index})
risks = (1 - own.loc["e7"]).div(1 - least, axis=0)
assert (risks < 1.25).all(axis=None)
risks.round(2)

# %%
found = both[both["metric"] == "pair_auprc"].pivot_table(**keys, values="value", sort=False)
found = found["BIAM-X"]
assert found.loc[("e6", "int_mnar"), "fresh"] == 1
gaps = found.loc["e7"].drop(["clf_int_clean", "clf_null_main"])
assert gaps["five"].between(0.85, 0.92).all() and gaps["fresh"].between(0.69, 0.75).all()
found.round(3)

# %% [markdown]
# - In E1, and in six of the eight scenarios of E4, the error is below 0.001 with either seeds. In E3, E5 and E7 three means move by more than 0.02: E5 with gaps is 0.03 higher, E7 without gaps 0.03 and without a pair 0.04 lower. In E2 and E4 the fresh errors are as large or up to 16 % larger, in E6 up to a third smaller.
# - **Some results look better than they are.** In E7 with gaps the planted pairs are ranked with areas of 0.85 or more with the five seeds, and of 0.7 to 0.75 with the fresh ones. Two goals that we had set, macro-F1 of 0.76 and 0.66 in E7 without gaps and without a pair, are met by the five seeds and missed by the fresh ones. Goals and scores are near the limit there: one minus macro-F1 is less than 1.25 times that of the Bayes rule ([](table_limits.ipynb)) in every scenario of E7.
# - In E7 without a pair the clean rows alone have the higher macro-F1 with the fresh seeds, by less than 0.01.
# - With 300 rows (`smalln`) its error is 0.75 to 0.85 of that of the clean rows alone with either seeds.
# - In classification (E3, E5) the clean rows alone have the higher mean in eight of the ten scenarios with the five seeds, and in four with the fresh ones: about as good, not better.
# - In regression `BIAM-X` has a lower mean than the clean rows alone in every scenario, with the fresh seeds too.
#
# The fresh numbers are the ones to quote.
# The tables on real data are no clean test of BIAM-X: rules were changed after a look at the test scores of the quick run, on both of its seeds.
