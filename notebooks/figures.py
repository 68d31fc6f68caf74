# %% [markdown]
# # Figures
#
# What is learned, and how well: shape functions, missing effects, pairs, weights, and the error as more and more rows are corrupted.
# Each figure is drawn by one function of `biam.plotting` from **stored** points; nothing is fitted to draw it. `biam reproduce figures --profile full` makes the points again.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"
seed = 42

# %%
import matplotlib.pyplot as plt

from biam import plotting
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute

# %% [markdown]
# Some of the stored numbers are computed again, here and now, so that they cannot drift from the code:

# %%
now = recompute("figures", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
print(f"{len(now)} numbers computed again and found equal")

# %%
results, points = load_results(stored, "figures"), load_curves(stored, "figures")
columns = ["scenario", "method", "metric"]
mean = results.groupby(columns)["value"].mean()
least = results.groupby(columns)["value"].min()
one = points[points["seed"] == seed]

# %% [markdown]
# Points are those of seed 42 where a figure shows one run; numbers in the text are means over five seeds.
#
# ## Shape recovery
#
# The eight informative features of the additive regression: the truth is grey and wide, and the number behind a method is the mean correlation of its curves with it. First with clean labels.

# %%
clean, dirty = "shapes/clean", "shapes/outlier10"
found = results[(results["metric"] == "shape_correlation") & (results["seed"] == seed)]
notes = {
    name: dict(zip(part["method"], part["value"].map("({:.3f})".format), strict=True))
    for name, part in found[found["method"] != "truth"].groupby("scenario")
}

# %% alt="Eight panels, one per feature, on clean labels: the curves of BIAM-X and NAM lie on the grey truth, those of BIAM leave it at the left end"
plotting.shape_recovery(one[one["scenario"] == clean], notes=notes[clean])
plt.show()

# %%
assert least[clean, "BIAM-X", "shape_correlation"] > 0.999
assert least[clean, "NAM", "shape_correlation"] > 0.999
assert 0.97 < mean[clean, "BIAM", "shape_correlation"] < 0.995

# %% [markdown]
# On clean labels everybody is right, and the published loop is the least so: its last step leaves it short of convergence. Now one training label in ten is a gross outlier, 100 standard deviations away on average.

# %% alt="The same eight panels with ten per cent outliers: BIAM-X still lies on the truth, BIAM stays near it, the curves of NAM leave the panels"
plotting.shape_recovery(one[one["scenario"] == dirty], notes=notes[dirty])
plt.show()

# %%
assert least[dirty, "BIAM-X", "shape_correlation"] > 0.999
assert 0.9 < mean[dirty, "BIAM", "shape_correlation"] < mean[clean, "BIAM", "shape_correlation"]
assert mean[dirty, "NAM", "shape_correlation"] < 0.5
mean.unstack("method").loc[[(clean, "shape_correlation"), (dirty, "shape_correlation")]].dropna(
    axis=1
).round(3)

# %% [markdown]
# Learned weights keep both of our learners near the truth; NAM, which has neither weights nor the clean rows, loses it. That comparison is the paper's, and it is not a fair one: a robust loss would help NAM as well.
#
# ## What a gap says
#
# Values are missing **not at random**: the larger a value, the likelier its gap. So a gap tells something about the target, and the model has a missing effect for it. The true offset of feature $j$ is $\mathbb{E}[g_j \mid \text{missing}] - \mathbb{E}[g_j \mid \text{observed}]$, which the generator knows. All five seeds are shown.

# %%
gaps = points[points["scenario"] == "missing/mnar"]
is_offset = gaps["curve"].str.startswith("offset:")
offsets = gaps[is_offset & (gaps["method"] != "truth")]
responses = gaps[~is_offset & (gaps["seed"] == seed)]

# %% alt="Fitted against true offsets with the diagonal: points of BIAM-X lie close to it, those of BIAM spread more widely around it"
plotting.missing_offsets(offsets)
plt.show()

# %%
error = mean.xs("offset_rmse", level="metric")["missing/mnar"]
assert error["BIAM-X"] < error["BIAM-I"] < error["BIAM"]
assert mean["missing/mnar", "BIAM-X", "offset_correlation"] > 0.9
error.drop("truth").round(3).to_frame("root mean squared error of the offsets")

# %% [markdown]
# `BIAM-X` is closest. `BIAM-I`, the model **without** missing interactions, does better than `BIAM` with them: features are independent here, so there is no interaction to find and each of them is one more thing to get wrong.
#
# The response to one feature, while another is observed at its mean and while it is missing: the true curves have the same form, the second is lower by the offset.

# %% alt="Two panels, x3 observed and x3 missing: a parabola in x1, the second lower; BIAM-X follows both, the published variants are off by up to a half"
plotting.response_curves(responses)
plt.show()

# %%
error = mean.xs("response_rmse", level="metric")["missing/mnar"]
assert error["BIAM-X"] < 0.5 * error["BIAM"]

# %% [markdown]
# ## A real table: Adult
#
# Contributions on the logit scale, of our learner and of an explainable boosting machine without pairs (EBM), both given the table with its gaps as it is. Bars show what a gap does against the average observed value.

# %% alt="Four curves, age, years of education, hours per week and capital gain, of BIAM-X and EBM: alike but for years of education and large capital gains; below, bars of three missing effects, all below zero"
plotting.contribution_curves(one[one["scenario"] == "adult"])
plt.show()

# %%
effects = one[one["curve"].str.startswith("missing:")]
assert (effects["value"] < 0).all() and len(effects) == 6
top = one[one["scenario"] == "adult"].groupby(["curve", "method"])["value"].max().unstack()
height = (top["BIAM-X"] - top["EBM-main-fair"]).abs()
assert height[["age", "hours-per-week"]].max() < 0.5 and height["education-num"] > 1
gains = top.loc["capital-gain", "BIAM-X"] / top.loc["capital-gain", "EBM-main-fair"]
assert 1.4 < gains < 1.8
auroc = mean.xs("auroc", level="metric")["adult"]
assert auroc.min() > 0.9 and abs(auroc["BIAM-X"] - auroc["EBM-main-fair"]) < 0.01
auroc.round(3).to_frame("AUROC of the test file")

# %% [markdown]
# Two very different learners agree on age and hours per week: their curves rise to the same height, to half a unit. For some large capital gains `BIAM-X` goes half as high again: its curve may jump from one shared amount to the next. They also differ in the years of education, which the table holds twice, once as a number and once as a word: how a model shares an effect between two names of one thing is its own choice. Where a person's occupation, employer or country is not known, the odds are lower for both.
#
# ## Pairs
#
# Three pairs are planted (framed). `BIAM2` has a gate for each of the 45 pairs; `BIAM-X` screens them and fits those that pay. Here are the strengths that were learned.

# %%
planted = [(4, 5), (6, 7), (8, 9)]
pairs = one[one["scenario"] == "pairs/int_clean"]
strengths, surfaces = (pairs[(pairs["curve"] == "strength") == part] for part in (True, False))

# %% alt="Heat map of pair strengths of BIAM2: the framed pairs x4 x5 and x6 x7 stand out, the framed pair x8 x9 does not"
plotting.pair_strengths(strengths[strengths["method"] == "BIAM2"], planted)
plt.show()

# %% alt="Heat map of pair strengths of BIAM-X: the three framed pairs are there, all others are blank"
plotting.pair_strengths(strengths[strengths["method"] == "BIAM-X"], planted)
plt.show()

# %% alt="Heat map of pair strengths of EBM: all three framed pairs stand out"
plotting.pair_strengths(strengths[strengths["method"] == "EBM-fair"], planted)
plt.show()

# %%
assert mean["pairs/int_clean", "BIAM2", "pair_auprc"] < 0.95
assert mean["pairs/int_clean", "EBM-fair", "pair_auprc"] > 0.95
kept = points[(points["curve"] == "strength") & (points["method"] == "BIAM-X")]
kept = (kept["value"] > 0).groupby([kept["scenario"], kept["seed"]]).sum().unstack()
assert (kept.loc["pairs/int_clean"] == 3).all() and (kept.loc["pairs/int_mnar"] == 2).all()
assert least["pairs/int_clean", "BIAM-X", "pair_auprc"] == 1

# %% [markdown]
# `BIAM-X` keeps these three and no other, and EBM finds all three; `BIAM2`, with this seed, misses the weakest. (With wrong labels and MNAR gaps `BIAM-X` keeps two pairs only.) Over the scenarios of E6 and five seeds:

# %%
e6 = load_results(stored, "e6")
is_auprc = (e6["metric"] == "pair_auprc") & (e6["scenario"] != "null_main")
auprc = e6[is_auprc & e6["method"].isin(["BIAM-X", "BIAM2", "EBM-fair", "CatBoost"])]
level = auprc.groupby("method")["value"].mean()
assert level["CatBoost"] < level["BIAM2"] < level["EBM-fair"] < level["BIAM-X"]

# %% alt="Area under the precision-recall curve of the planted pairs by scenario, bars for means and dots for seeds: BIAM-X at or near one, EBM below it, then BIAM2, then CatBoost"
plotting.pair_auprc(auprc)
plt.show()

# %% [markdown]
# `BIAM-X` ranks the planted pairs highest on average, then EBM; how it does that: [](how_biam_x_works.ipynb).
#
# What is the surface of a pair? Main effects are taken out of both sides (row and column means of the grid), since a product of hinges has some of its own.

# %% alt="True and fitted surfaces of three pairs: BIAM-X cannot be told from the truth"
plotting.pair_surfaces(surfaces, "truth", "BIAM-X")
plt.show()

# %% alt="True and fitted surfaces of three pairs: BIAM2 has the signs of the first two right, strongest in the upper right corner, and the third is nearly blank"
plotting.pair_surfaces(surfaces, "truth", "BIAM2")
plt.show()

# %%
agreement = mean.xs("surface_correlation", level="metric")["pairs/int_clean"]
assert 0.5 < agreement["BIAM2"] < agreement["EBM-fair"] < agreement["BIAM-X"]
harder = mean.xs("surface_correlation", level="metric")["pairs/int_mnar"]
assert harder["BIAM-X"] < harder[["BIAM2", "EBM-fair"]].min()
agreement.round(3).to_frame("correlation with the true surfaces")

# %% [markdown]
# A correlation sees the form and not the height: the third surface of `BIAM2` has the right signs and next to no height.
# `BIAM-X` is closest here. With wrong labels and MNAR gaps it is behind both, since the pair that it leaves out counts as zero.

# %% [markdown]
# ## Error against the rate of corruption
#
# More and more training labels are shifted by about one standard deviation. Lines are means over five seeds, bands go from the best to the worst of them.

# %% alt="Test error on a logarithmic scale against the share of shifted labels: Lasso and BIAM-B rise, BIAM stays below a tenth, meta-only and BIAM-X are flat and a hundred times lower"
plotting.metric_by_rate(points[points["curve"] == "mse"], metric="test MSE", log=True)
plt.show()

# %%
mse = mean.xs("mse", level="metric").unstack("method")
assert (mse["BIAM-X"] < mse["BIAM"] / 10).all()
assert (mse["meta-only"] < mse["BIAM"]).all() and (mse["meta-only"] < mse["BIAM-B"]).all()
assert (mse["BIAM-X"] < mse["meta-only"]).all()
assert mse["BIAM"].iloc[-1] < mse["BIAM-B"].iloc[-1]
assert mse["BIAM"].iloc[0] > mse["BIAM-B"].iloc[0]

# %% [markdown]
# `BIAM` withstands noise that `BIAM-B` does not, and without noise its weights cost a little. But the 240 clean rows alone (`meta-only`) do better than either at every rate; only `BIAM-X`, which fits both kinds of rows together, does better still.
#
# ## Learned weights
#
# Each training row with its loss at the end and the weight it was given. In `BIAM` a network makes the weight of the loss; in `BIAM-X` it is the chance that the label is right. First 30 % gross outliers, the published loop.

# %%
weights = {
    (name.partition("/")[2], method): part
    for (name, method), part in one.groupby(["scenario", "method"])
    if name.startswith("weights/")
}
loop, ours = weights["outlier30", "BIAM"], weights["outlier30", "BIAM-X"]

# %% alt="Weight against loss of BIAM under outliers: clean rows on a plateau above one, corrupted rows on a falling curve down to zero"
plotting.weight_curve(loop["x"], loop["value"], loop["curve"] == "corrupted")
plt.show()

# %% alt="Weight against loss of BIAM-X under outliers: all clean rows at one, all corrupted rows at zero"
plotting.weight_curve(ours["x"], ours["value"], ours["curve"] == "corrupted")
plt.show()

# %% [markdown]
# And 30 % of labels shifted, which are harder to tell from clean ones:

# %%
loop, ours = weights["noise30", "BIAM"], weights["noise30", "BIAM-X"]

# %% alt="Histogram of weights of BIAM: clean rows above one, shifted rows mostly near zero, with some overlap"
plotting.weight_histogram(loop["value"], loop["curve"] == "corrupted")
plt.show()

# %% alt="Histogram of weights of BIAM-X: nearly all shifted rows in the bin at zero, clean rows at one"
plotting.weight_histogram(ours["value"], ours["curve"] == "corrupted")
plt.show()

# %%
caught = mean.xs("weight_auroc", level="metric").unstack("method")
assert (caught["BIAM-X"] >= caught["BIAM"]).all() and caught["BIAM-X"].min() > 0.98
caught.round(3)

# %% [markdown]
# The number is the chance that a corrupted row weighs less than a clean one, mean of five seeds. Both learners tell them apart; `BIAM-X` does it almost without error.
#
# ## Where the points come from

# %%
provenance("figures", stored)
