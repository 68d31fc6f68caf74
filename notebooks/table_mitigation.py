# ---
# jupyter:
#   biam:
#     needs: []
# ---

# %% [markdown]
# # Strategies against bias
#
# One network, many ways to keep it from the easy answer: reweighting, sampling, mining, SMOTE {cite:p}`chawla2002`, Group DRO {cite:p}`sagawa2020`, spectral decoupling {cite:p}`pezeshki2021`, OccamNet {cite:p}`shrestha2022`, training against attacks {cite:p}`goodfellow2015,madry2018`. The strategies are in `biam.mitigation`, one small file each.
#
# :::{important}
# All stored numbers are a **quick run** of three seeds, on the subsets named in each section. Every score is that of the last model; no epoch and no strength was chosen on test rows, and where a penalty is swept the whole sweep is shown.
# :::

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam import plotting
from biam.experiments.catalogue import TABLES
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means, score_table
from biam.experiments.tables.mitigation import PUBLISHED

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("mitigation", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now[now["metric"].isin(["accuracy", "worst_group", "auc"])].round(4)

# %%
results = load_results(stored, "mitigation")
assert set(results["profile"]) == {"quick"} and results["seed"].nunique() == 3
planned = {cell[1:] for cell in TABLES["mitigation"].profiles["quick"].cells}
assert set(results[["scenario", "method", "seed"]].itertuples(index=False, name=None)) == planned
part = {name: rows for name, rows in results.groupby(results["scenario"].str.split("/").str[0])}

# %% [markdown]
# ## A colour that says more than the digit
#
# Colored MNIST {cite:p}`arjovsky2019`: is the digit below five? A quarter of the labels is wrong, so the digit is worth 75 %. The colour is worth 85 % among the training rows and 10 % among the test rows. Here with 10,000 of the 50,000 training pictures and batches of 500.
#
# `SD:λ` has the penalty λ/2 · mean f² from the first step. `SD-delayed:λ` is the authors' schedule: 450 steps without it, then the whole loss times 2 · 10⁻⁵; their λ is 2. `IRM` is told which of the two training environments a row is from, the others are not.

# %%
HTML("<b>Test accuracy</b>" + score_table(part["colour"], "accuracy"))

# %%
HTML("<b>Training accuracy</b>" + score_table(part["colour"], "train_accuracy"))

# %%
sweep = part["colour"][part["colour"]["method"].str.startswith("SD")].copy()
sweep[["kind", "strength"]] = sweep["method"].str.split(":", expand=True)
sweep["strength"] = sweep["strength"].astype(float)
tests = sweep[sweep["metric"] == "accuracy"]
table = means(part["colour"], "accuracy")["colour/10000"]
levels = {name: table[name] for name in ("ERM", "IRM")}

# %% alt="Test accuracy over the strength of the penalty: without delay it stays low at every strength; with the delay it rises with the strength."
plotting.strength_sweep(tests, levels, xlabel="λ", ylabel="test accuracy")
plt.show()

# %% [markdown]
# ## Two moons and a line
#
# The training moons are moved apart until a line parts them, or nearly. Test rows are moons at their usual places: who has learned the line only is wrong at the tips.

# %%
HTML("<b>Test accuracy</b>" + score_table(part["moons"], "accuracy"))

# %% [markdown]
# ## Core and spurious features
#
# Made data after {cite:t}`sagawa2020overparameterization`: a noisy core feature, a clear spurious one that agrees with the label in 95 % of 400 rows, and 1,000 features by which each row can be told from all others. A linear model, with weight decay or without. Test rows hold the four groups in equal shares.

# %%
regularised, interpolating = (
    part["spurious"][part["spurious"]["scenario"] == f"spurious/{name}"]
    for name in ("regularised", "interpolating")
)
HTML("<b>Worst group</b>" + score_table(part["spurious"], "worst_group"))

# %% alt="With weight decay: the worst group of plain training is far behind its average, that of the strategies by group close to theirs."
plotting.average_and_worst(regularised)
plt.show()

# %% alt="Without weight decay, all training rows fitted: the worst group is far behind whatever the strategy."
plotting.average_and_worst(interpolating)
plt.show()

# %% [markdown]
# ## People
#
# Adult by sex (8,000 of the 32,561 training rows) and COMPAS by race: groups are label times attribute. `deo` is the difference of odds, the sum over the classes of the difference in accuracy between the two attributes: zero is equalised odds.

# %%
people = results[results["scenario"].isin(["adult", "compas"])]
HTML("<b>Worst group</b>" + score_table(people, "worst_group"))

# %%
HTML("<b>Average</b>" + score_table(people, "accuracy"))

# %%
HTML("<b>Difference of odds</b>" + score_table(people, "deo"))

# %% [markdown]
# ## Digits with three biases
#
# Digit colour, background and place follow the class with a chance of 95 % in training and not at all in testing: a small relative of BiasedMNIST, 3,000 pictures of MNIST (and the bundled digits, one seed). Numbers cannot be compared with the published ones, whose pictures have seven biases and 160 pixels a side.

# %%
HTML("<b>Accuracy without bias</b>" + score_table(part["biased"], "accuracy"))

# %% [markdown]
# ## SMOTE
#
# Ten folds, a decision tree, more and more under-sampling along a curve; the area below it. `SMOTE:200` makes two new rows for every rare one.

# %%
HTML("<b>Area</b>" + score_table(part["smote"], "auc"))

# %% [markdown]
# ## Attacks

# %%
curves = load_curves(stored, "mitigation")
robust = curves[curves["curve"] == "robust_accuracy"]
look = {"metric": "accuracy", "xlabel": "radius of the attack, share of the grey scale"}

# %% alt="Accuracy over the radius of the attack on MNIST: plain training falls to nothing, training against attacks falls later."
plotting.metric_by_rate(robust[robust["scenario"] == "attack/mnist"], **look)
plt.show()

# %% [markdown]
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce mitigation --profile quick --jobs 2`.

# %%
provenance("mitigation", stored)
