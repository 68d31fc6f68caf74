# %% [markdown]
# # The structure search (BIAM-P)
#
# The probabilistic variant of BIAM asks which **groups** of columns to keep: the curve of a feature ("main"), the effect of its being missing ("missing"), or the curve of one feature where another is missing ("interaction").
# Each group has a gate, a coin that is learned from structures drawn at random; groups whose gate ends at one half or more are kept, and fitted once more.
#
# Its data are its own: ten correlated features, of which the first five have gaps, and a target with planted groups. **No table of its results is public**, so there is nothing to meet here. We report what our reading of its description does.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
from IPython.display import HTML

from biam.datasets.structured import PLANTED, UNCOUNTED
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means, score_table, wins
from biam.plotting.groups import kept_groups
from biam.plotting.scores import score_panels

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("probabilistic", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## Scores
#
# Mean ± standard deviation over five seeds, on 100 clean test rows. The search has two sets of 100 clean rows, one to judge structures and one to stop; every other learner that takes clean rows gets both. `EBM-main-fair` sees the training rows only.

# %%
results = load_results(stored, "probabilistic")
# The name that other tables have for it: main effects, fair setting.
results["method"] = results["method"].replace("EBM", "EBM-main-fair")
assert sorted(results["seed"].unique()) == [11, 22, 33, 44, 55]
HTML(score_table(results, "mse"))

# %%
HTML(score_table(results, "accuracy"))

# %% alt="One panel per regression scenario, mse on the clean test rows: BIAM-P lies between the published loop, at the right, and BIAM-X and EBM-main-fair, at the left."
methods = ["BIAM-P", "BIAM", "BIAM-X", "meta-only", "EBM-main-fair"]
short = results.assign(scenario=results["scenario"].str.partition("/")[2])
score_panels(short, "mse", methods)
plt.show()

# %% alt="One panel per classification scenario, accuracy on the clean test rows: BIAM-X and EBM-main-fair lie to the right of BIAM-P in each; the seeds overlap."
score_panels(short, "accuracy", methods)
plt.show()

# %%
mse, accuracy = means(results, "mse"), means(results, "accuracy")
over_loop = wins(results, "mse", "BIAM-P", "BIAM")
assert (over_loop["wins"] == over_loop["seeds"]).all() and over_loop["seeds"].sum() == 40
behind = mse.loc["BIAM-P"] > mse.loc["EBM-main-fair"]
assert list(behind.index[~behind]) == ["regression/noise30_mnar20"]
complete = ["clean", "noise30", "t3", "chi2"]
alone = mse[[f"regression/{name}" for name in complete]]
assert (alone.loc["BIAM-P"] > 2.5 * alone.loc["meta-only"]).all()
assert (accuracy.loc["BIAM-P"] < accuracy.loc[["BIAM-X", "EBM-main-fair"]].min()).all()

# %%
assert (mse.idxmin() == "BIAM-X").all()
over_clean = wins(results, "mse", "BIAM-X", "meta-only")["wins"]
assert over_clean.sum() >= 30 and over_clean.min() == 4
assert (accuracy.idxmax() == "BIAM-X").all()
gain = wins(results, "accuracy", "BIAM-X", "EBM-main-fair").set_index("scenario")["wins"]
assert gain.min() == 3 and (gain == 5).sum() == 2

# %% [markdown]
# - The search beats the published loop in regression, in each of the 40 pairs of runs.
# - **It does not beat a plain additive model.** `EBM-main-fair`, which has no clean rows, has the lower mean error in seven of eight regression scenarios; the eighth has both wrong labels and values missing not at random. In classification `BIAM-X` and `EBM-main-fair` are ahead everywhere.
# - Without gaps even the clean rows alone are better: the search has more than 2.5 times their error.
# - `BIAM-X` screens interactions and pairs, and keeps what the marginal likelihood supports ([](how_biam_x_works.ipynb)). It has the lowest mean error in all eight regression scenarios and the highest mean accuracy in all six others. Against the clean rows alone it wins at least 30 of the 40 pairs of runs, at four seeds of five or more in each scenario. In classification it beats `EBM-main-fair` at all five seeds in two scenarios, at three or four in the others.
#
# ## Why: the search stops before it has finished

# %%
curves = load_curves(stored, "probabilistic")
rows = results[results["method"] == "BIAM-P"].assign(
    task=lambda table: table["scenario"].str.partition("/")[0]
)
epochs = rows[rows["metric"] == "epochs"].set_index("scenario")["value"]
capped = (epochs == 200).groupby(level=0, sort=False).sum()
assert (capped[["regression/clean", "regression/t3", "regression/chi2"]] == 5).all()
assert capped[capped.index.str.startswith("regression")].sum() >= 32
risk = curves[curves["curve"] == "tune_risk"].set_index(["scenario", "seed", "x"])["value"]
lowest = risk.groupby(level=[0, 1]).idxmin().str[2].unstack()
assert (lowest.loc[["regression/clean", "regression/t3", "regression/chi2"]] == 190).all(axis=None)
capped.rename("of 5 runs, at the last epoch").to_frame()

# %% [markdown]
# A run may take 200 epochs, as described. On complete regression data without wrong labels all of them were used up, and the tuning loss was lowest at the end. The groups are right there (below), so what is short is the fit, not the choice.
#
# ## Which groups are found
#
# One dot per seed, full where the group was kept: `x0` is the curve of a feature, `m0` the effect of its missing, `m1 x2` the curve of `x2` where `x1` is missing. A dash: no gaps, nothing to find.
# "Others" is the mean number of groups kept that are not planted; the two features of the planted product count neither way.

# %%
gaps = (("missing", 0, 0), ("interaction", 1, 2))
regression = curves["scenario"].str.startswith("regression")

# %% alt="Regression: the three planted curves are kept at nearly every seed; the missing effect and the interaction at some, and with values missing not at random many other groups too."
kept_groups(curves[regression], PLANTED["regression"] + gaps, UNCOUNTED["regression"])
plt.show()

# %% alt="Classification: the curves of x0 and x2 are kept at nearly every seed, those of x1 and x3 seldom, the interaction never; few other groups are kept."
kept_groups(curves[~regression], PLANTED["classification"] + gaps, UNCOUNTED["classification"])
plt.show()

# %%
found = ["group_precision", "group_recall", "group_f1", "groups_kept"]
recovery = rows[rows["metric"].isin(found)].pivot_table(
    index="scenario", columns="metric", values="value", sort=False
)[found]
recovery.round(2)

# %%
without = recovery.loc[[f"regression/{name}" for name in complete]]
assert (without["group_precision"] == 1).all() and without["group_recall"].min() > 0.9
gates = curves[curves["curve"].str.startswith("gate:") & (curves["value"] >= 0.5)]
hits = gates.groupby([~regression, "curve", "x", "z"]).size()
assert hits[False, "gate:interaction", 1, 2] == 10 and hits[False, "gate:missing", 0, 0] == 9
assert (True, "gate:interaction", 1, 2) not in hits.index
mnar = recovery.loc[["regression/mnar20", "regression/noise30_mnar20"]]
assert (mnar["group_precision"] < 0.4).all() and (mnar["groups_kept"] > 12).all()
classes = recovery[recovery.index.str.startswith("classification")]
assert 0.4 < classes["group_recall"].mean() < 0.5 and classes["group_precision"].min() > 0.8

# %% [markdown]
# - Regression without gaps: nothing wrong is kept, and nearly nothing is missed. This is what the search is good at.
# - Regression with gaps: the planted missing effect is found in 9 of 20 runs and the planted interaction in 10. Where values are missing not at random more than a dozen groups are kept, and of those that count more than six in ten are wrong: a gap then tells about the value, and many groups can say so.
# - Classification: what is kept is mostly right, but less than half of what was planted is found, the interaction never.
#
# ## The seeds on which settings were chosen
#
# The description leaves things open. We settled the batch size (64), where the gates start, and what the early stop watches by looking at seeds **11 and 22**. Seeds 33, 44 and 55 were not looked at. Both means:

# %%
part = results["seed"].isin([11, 22]).map({True: "11, 22", False: "33, 44, 55"})
task = results["scenario"].str.partition("/")[0]
some = results[results["metric"].isin(["mse", "accuracy", "group_precision", "group_recall"])]
both = some.assign(seeds=part, task=task).pivot_table(
    index=["task", "metric", "method"], columns="seeds", values="value", sort=False
)
both.round(3)

# %%
other = both["33, 44, 55"]
assert other["classification", "group_recall", "BIAM-P"] < 0.4
fall = (both["11, 22"] - other)["classification", "accuracy"]
assert fall.idxmax() == "BIAM-P" and 0.06 < fall["BIAM-P"] < 0.08
fresh = means(results[~results["seed"].isin([11, 22])], "mse")
assert (fresh.loc["BIAM-P"] > fresh.loc["BIAM-X"]).all()
all_seeds = wins(results, "mse", "BIAM-P", "BIAM-X")
assert (all_seeds["BIAM-P"] > all_seeds["BIAM-X"]).all() and (all_seeds["wins"] == 0).all()

# %% [markdown]
# - With the untouched seeds the search loses more accuracy than any other method, about seven points, and finds fewer of the planted groups. These are three test sets of 100 rows; still, trust the right column.
# - `BIAM-X` has the lower mean in all eight regression scenarios, over all seeds and over the untouched ones. The search wins none of the 40 pairs of runs.
#
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce probabilistic --profile full --jobs 2`.

# %%
provenance("probabilistic", stored)
