# %% [markdown]
# # Impute or model the gap?
#
# A table with gaps can be completed first and modelled then, or modelled as it is. BIAM does the second: a missing value has an effect of its own beside the curve of its feature.
#
# A learner that can draw any function gets there either way, given rows enough {cite:p}`lemorvan2021`. An additive model does not: its one curve must serve the rows that have a value and the rows into which that value was written.
# That is the argument of M-GAM {cite:p}`mctavish2024` for modelling the gap. It says nothing about features that give each other away, where a good guess may be worth more than a mark. So both are tried here, on sets of both kinds.
#
# - **Sets.** `independent` and `related` are generated: eight standard normal features, with no correlation or with 0.7 between every two, 800 training and 1,000 test rows, and a target that is a sum of six curves and noise.
#   `concrete` is real: the strength of concrete from seven ingredients, which nearly fill one cubic metre, and its age. So is `breast-cancer`: 30 measures of ten properties.
# - **Gaps.** Every second column loses 20 or 40 % of its values, in training and test rows alike: by a coin (MCAR), more often where the complete column beside it is high (MAR), or more often where the value itself is high (MNAR). Labels are clean.
# - **Rules.** An imputer is fitted to the features of the training rows, and completes the test rows by what it learned there. No test row chooses anything.
#
# :::{important}
# The stored numbers are a **quick run**: two seeds for four methods at 40 % and one for all else, and few methods at 20 %. The forest, the deep imputers and EBM ran on two or three scenarios.
# The real sets leave one to three hundred rows for testing: a difference between two methods there is a hint and no more.
# :::

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam.experiments.gap_ratios import loss_ratios, pooled
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import score_table, wins
from biam.imputation.classical import IMPUTERS
from biam.plotting.gaps import gap_losses, gap_responses

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("impute-or-model", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now[now["metric"].isin(["mse", "shape_rmse", "imputation_rmse"])].round(4)

# %% [markdown]
# ## The methods
#
# `BIAM-X`, `EBM` and `HGB` take the table with its gaps. `BIAM-X:complete` has the values that nobody has: the bound of what filling can do. All others are BIAM-X on a completed table:

# %%
rows = [(f"BIAM-X:{i.name}", i.reference, i.note) for i in IMPUTERS.values()]
text = pd.DataFrame(rows, columns=["method", "imputer", "note"]).to_html(index=False)
HTML(f"<style>.left td {{text-align: left !important}}</style><div class=left>{text}</div>")

# %% [markdown]
# - `+marks` adds a column of zeros and ones beside each that has gaps.
# - `5x` draws five tables, fits a model to each, and averages their predictions (multiple imputation). Without it the table is completed once, by conditional means where the imputer has them.
# - `BIAM-X:equal` has the gaps too, and no weights.
# - MIWAE and not-MIWAE {cite:p}`ipsen2021` are deep latent-variable models; not-MIWAE also models the mask, here in the knowledge that high values go missing. That is true under MNAR and wrong otherwise.
#
# ## Losses
#
# Squared error of the standardised target at 40 %, mean ± standard deviation over the seeds; then the log-loss of the classes.

# %%
results = load_results(stored, "impute-or-model")
many = results[results["scenario"].str.endswith("40")]
HTML(score_table(many, "mse"))

# %%
HTML(score_table(many, "log_loss"))

# %% [markdown]
# The loss as a multiple of that of `BIAM-X` with the gaps as they are, at one seed; geometric means over the mechanisms. Below one, filling was better.

# %%
ratios = loss_ratios(results)
ratios = ratios.assign(method=ratios["method"].str.removeprefix("BIAM-X:"))
first = ratios[(ratios["percent"] == 40) & (ratios["seed"] == 42)]
sets = list(dict.fromkeys(first["dataset"]))
by_set = pooled(first, ["dataset", "method"]).unstack("dataset")[sets]
by_set.round(2)

# %% alt="A panel per data set, a row per way to treat gaps, and a marker per mechanism at the loss relative to BIAM-X with gaps. On the independent set all fills without marks are to the right of one; on concrete most imputers that use other columns are to the left."
single = ["mean", "KNN", "soft-impute", "PPCA", "MICE", "missForest"]
rows = [*single, "mean+marks", "MICE+marks", "5xPPCA", "5xMICE", "equal", "EBM", "HGB"]
gap_losses(first, rows)
plt.show()

# %%
fills = [*single, "5xPPCA", "5xMICE"]
assert (by_set.loc[fills, "independent"] > 1.05).all()
assert by_set.loc["mean+marks", "independent"] < 1.03
assert (by_set.loc["mean", ["independent", "related"]] > 1.05).all()
assert by_set.loc["MICE+marks", "related"] < 1.05
assert (by_set.loc[["MICE", "MICE+marks", "HGB"], "concrete"] < 0.93).all()
assert (by_set.loc["5xMICE", sets[:3]] > 1.05 * by_set.loc["MICE", sets[:3]]).all()

# %%
both = wins(many, "mse", "BIAM-X:MICE", "BIAM-X").set_index("scenario")
concrete = both[both.index.str.startswith("concrete")].sum()
assert concrete["wins"] == 4 and concrete["seeds"] == 6
cancer = ratios[(ratios["dataset"] == "breast-cancer") & (ratios["percent"] == 40)]
cancer = cancer[cancer["method"] == "MICE"].groupby("seed")["ratio"].mean()
assert cancer[42] < 0.9 and cancer[7] > 1.02

# %% [markdown]
# - **Unrelated features: model the gap.** On `independent` every way to fill loses, by more than 5 %. What it loses is the mark, not the value: with marks beside it, even the mean is as good as the gaps.
# - **Loosely related features: about even.** On `related` the mean loses; a chain with marks is at most 5 % behind the gaps, and can be ahead.
# - **Features that determine one another: fill.** On `concrete` the chain (MICE) is better than the gaps by more than 7 %, with marks or without, and at four of six pairs of scenario and seed. BIAM-X lets another column speak for a hidden one only where a test asks for that interaction; trees do it as they please, and HGB is ahead there.
# - **Breast cancer does not decide**: filling by MICE is better at one seed and worse at the other. With so few test rows the log-loss hangs on single tumours.
# - **Five draws are worse than one conditional mean**, by more than 5 % on the three sets with a squared error. Textbooks ask for draws to get *inference* right; for prediction a draw is a noisy copy of the feature, and the model that is fitted to it is too flat.
#
# ## What filling does to the curve
#
# The first feature of the generated sets acts by $x^2 - 1$: lowest at its mean. Rows in which it is hidden have an average effect near zero, and a filled-in mean puts all of them where the effect should be lowest.
# Grey is the truth; bars at the foot are what the gaps were filled by (on a square root scale); the diamond is the effect of a missing value, over the true one.

# %% alt="Six panels of the response to a feature with gaps over the true parabola. With gaps as they are, by BIAM-X and EBM, and with marks, the curve follows the truth. With a filled mean there is a bump above the single bar of filled values; with MICE the valley is flat over a heap of them; averaged over five draws the whole curve is too flat."
curves = load_curves(stored, "impute-or-model")
unrelated = curves[curves["scenario"] == "independent/mcar40"]
shown = ["BIAM-X", "EBM", "BIAM-X:mean", "BIAM-X:mean+marks", "BIAM-X:MICE", "BIAM-X:5xMICE"]
gap_responses(unrelated, shown, feature="x0", unit="effect on standardised y")
plt.show()

# %%
kept = results["scenario"].str.startswith("independent") & (results["seed"] == 42)
read = results[kept & results["metric"].isin(["error_at_mean", "shape_rmse"])]
read = read.pivot_table(index="method", columns=["metric", "scenario"], values="value", sort=False)
bump, shape = read["error_at_mean"], read["shape_rmse"]
read["error_at_mean"].round(2)

# %%
asked = bump.loc[["BIAM-X", "BIAM-X:mean+marks"]]
assert asked.abs().max(axis=None) < 0.08
assert (bump.loc["BIAM-X:mean"] > 0.1).all()
assert (shape.loc["BIAM-X"] < 0.75 * shape.loc["BIAM-X:mean"]).all()
drawn = shape.loc["BIAM-X:5xMICE"].dropna()
assert (drawn > 1.3 * shape.loc["BIAM-X:MICE", drawn.index]).all() and len(drawn) == 3

# %% [markdown]
# The table shows how far the curve is from the truth at the mean of the observed values, in standard deviations of the target.
#
# - **A filled-in mean makes a bump**: more than 0.1 too high there, in all six scenarios, whatever the mechanism and also where only 20 % are missing. This is M-GAM's argument, and it holds.
# - With the gaps as they are, or with marks, the error there stays below 0.08, and over the whole range the curve is closer to the truth by a quarter or more.
# - MICE has nothing to go by among unrelated features: its guesses are near the mean, and the bump is a plateau. Draws have no spike, but they dilute the curve: its error is more than 1.3 times that of the single table.
#
# Losses at 20 % tell less than curves, since few rows are concerned:

# %%
at20 = ratios[ratios["percent"] == 20]
at20.pivot_table(
    index="method", columns=["dataset", "mechanism"], values="ratio", sort=False
).round(2)

# %% [markdown]
# Where `equal` is below one, the weights have cost something. Rows with a gap in a feature that matters have larger residuals, and the model of wrong labels can take them for mislabelled ones. If labels are known to be clean, say so: `weighting="equal"`.
#
# ## Missing because it is high
#
# Under MNAR the hidden values are the high ones. The same picture for `related`, with the deep imputers:

# %% alt="Six panels of the response over the true parabola where high values are missing. BIAM-X with gaps follows it; a filled mean bends it left of the middle; after MICE, five draws and MIWAE the right arm is too flat; after not-MIWAE it is less so."
related = curves[curves["scenario"] == "related/mnar40"]
deep = ["BIAM-X:MIWAE", "BIAM-X:not-MIWAE"]
shown = ["BIAM-X", "BIAM-X:mean", "BIAM-X:MICE", "BIAM-X:5xMICE", *deep]
gap_responses(related, shown, feature="x0", unit="effect on standardised y")
plt.show()

# %%
hidden = first[(first["dataset"] == "related") & (first["mechanism"] == "mnar")]
hidden = hidden.set_index("method")["ratio"]
errors = results[(results["scenario"] == "related/mnar40") & (results["seed"] == 42)]
errors = errors[errors["metric"] == "imputation_rmse"].set_index("method")["value"]
errors = errors.rename(lambda name: name.removeprefix("BIAM-X:"))
assert hidden["not-MIWAE"] < 0.95 * hidden["MIWAE"]
assert errors.drop(["not-MIWAE", "5xnot-MIWAE"]).min() > errors["not-MIWAE"]
pd.DataFrame({"loss": hidden, "imputation_rmse": errors}).dropna().round(2)

# %% [markdown]
# - A mean of what was observed lies left of the middle, and the bump with it. MICE, MIWAE and draws do not go far enough to the right, and the right arm of the curve is too flat.
# - **not-MIWAE, told that high values go missing, has the smallest imputation error of all**, and its loss is more than 5 % below that of MIWAE. It was told the truth; with real data nobody can check it.
#
# ## Cement
#
# Nobody knows the true effect of cement on the strength of concrete. Grey is what BIAM-X learns from the table without gaps.

# %% alt="Four panels of the response to cement. BIAM-X with gaps follows the grey line up to 300 kg and is too flat beyond; so it is after MICE, and flatter after a filled mean; after not-MIWAE the curve bends down."
cement = curves[curves["scenario"] == "concrete/mnar40"]
shown = ["BIAM-X", "BIAM-X:mean", "BIAM-X:MICE", "BIAM-X:not-MIWAE"]
unit = "effect on standardised strength"
gap_responses(cement, shown, reference="BIAM-X:complete", feature="cement, kg a m³", unit=unit)
plt.show()

# %%
lines = cement[cement["curve"] == "response"].pivot_table(
    index="x", columns="method", values="value"
)
apart = lines[shown].sub(lines["BIAM-X:complete"], axis=0).pow(2).mean() ** 0.5
assert apart.idxmin() == "BIAM-X" and apart.idxmax() == "BIAM-X:not-MIWAE"
assert apart["BIAM-X:MICE"] < 1.2 * apart["BIAM-X"] < apart["BIAM-X:mean"]
apart.round(2)

# %% [markdown]
# Distance from the grey line: with the gaps as they are the curve is the closest of the four, and after MICE it is less than a fifth further off. A filled mean is worse than either, and not-MIWAE the furthest. None is near: few high values are left to learn from.
#
# ## So which?
#
# - Gaps in features that the others say little about: leave them to the model, or fill anything and **add marks**.
# - Features that determine one another: fill by a model of the columns, add marks, and keep to one table.
# - To read the curves, never fill a constant without a mark.
#
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce impute-or-model --profile quick --jobs 2`.

# %%
provenance("impute-or-model", stored)
