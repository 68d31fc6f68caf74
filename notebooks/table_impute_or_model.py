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
# With real sets of 142 and 258 test rows, a difference between two methods there is a hint and no more.
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
# - `-equal`, and `BIAM-X:equal` for the gaps themselves, is without the model of wrong labels, on which BIAM-X otherwise rests its weights.
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

# %% alt="ALT_LOSSES"
single = ["mean", "KNN", "soft-impute", "PPCA", "MICE", "missForest"]
rows = [*single, "mean+marks", "MICE+marks", "5xPPCA", "5xMICE", "equal", "MICE-equal", "EBM", "HGB"]
gap_losses(first, rows)
plt.show()

#CLAIMS1

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

#CLAIMS2

# %% alt="ALT_RELATED"
related = curves[curves["scenario"] == "related/mnar40"]
deep = [f"BIAM-X:{name}" for name in ("MIWAE", "not-MIWAE")]
shown = ["BIAM-X", "BIAM-X:mean", "BIAM-X:MICE", "BIAM-X:5xMICE", *deep]
gap_responses(related, shown, feature="x0", unit="effect on standardised y")
plt.show()

#CLAIMS3

# ## Cement
#
# Nobody knows the true effect of cement on the strength of concrete. Grey is what BIAM-X learns from the table without gaps.

# %% alt="ALT_CEMENT"
cement = curves[curves["scenario"] == "concrete/mnar40"]
shown = ["BIAM-X", "BIAM-X:mean", "BIAM-X:MICE", "BIAM-X:not-MIWAE"]
unit = "effect on standardised strength"
gap_responses(cement, shown, reference="BIAM-X:complete", feature="cement, kg a m³", unit=unit)
plt.show()

#CLAIMS4

# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce impute-or-model --profile quick --jobs 2`.

# %%
provenance("impute-or-model", stored)
