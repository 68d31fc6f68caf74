# ---
# jupyter:
#   biam:
#     needs: []
# ---

# %% [markdown]
# # Strategies against bias
#
# One network, several ways to keep it from the easy answer: reweighting and sampling, mining, Group DRO {cite:p}`sagawa2020`, spectral decoupling {cite:p}`pezeshki2021`, OccamNet {cite:p}`shrestha2022`, domain-adversarial training {cite:p}`ganin2016`, SMOTE {cite:p}`chawla2002`, training against attacks {cite:p}`goodfellow2015,madry2018`. The strategies are in `biam.mitigation`, one small file each. [Which strategy when](which_strategy_when.ipynb) puts all of them on the same rows.
#
# :::{important}
# All stored numbers are a **quick run** of three seeds on the subsets named in each section. Colored MNIST with all 50,000 pictures, and five seeds, are in the full profile, which was not run. Every score is that of the last model; where a penalty is swept the whole sweep is shown.
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
# Colored MNIST {cite:p}`arjovsky2019`: is the digit below five? A quarter of the labels is wrong, so the digit is worth 75 %. The colour is worth 85 % among the training rows and 10 % among the test rows. Here with 10,000 of the 50,000 training pictures, 100 hidden units a layer instead of 300, batches of 500 instead of all rows, and ten times the learning rate.
#
# `SD:λ` has the penalty λ/2 · mean f² from the first step. `SD-delayed:λ` has the form of the authors' schedule: first no penalty (150 steps here, 450 there), then the whole loss times a small number (0.001 here, 2 · 10⁻⁵ there) for 150 steps; their λ is 2. `IRM` is told which of the two training environments a row is from, the others are not.

# %%
HTML("<b>Test accuracy</b>" + score_table(part["colour"], "accuracy"))

# %%
HTML("<b>Training accuracy</b>" + score_table(part["colour"], "train_accuracy"))

# %%
table = means(part["colour"], "accuracy")["colour/10000"]
paper = PUBLISHED["colour"]
ours = {name: table[name] for name in ("ERM", "SD-delayed:2", "IRM")}
beside = pd.DataFrame({"published": paper.values(), "ours": ours.values()}, index=list(ours))
assert table["ERM"] <= 0.30 and table["SD-delayed:2"] >= 0.62
assert table["SD:2"] < 0.30 and 0.40 < table["SD:200"] < table["SD-delayed:2"] - 0.1
beside.round(3)

# %%
sweep = part["colour"][part["colour"]["method"].str.startswith("SD-delayed")]
sweep = sweep[sweep["metric"].isin(["accuracy", "train_accuracy"])]
sweep = sweep.assign(
    strength=sweep["method"].str.partition(":")[2].astype(float),
    kind=sweep["metric"].map({"accuracy": "test", "train_accuracy": "training"}),
)
levels = {name: table[name] for name in ("ERM", "IRM")}

# %% alt="Accuracy over the strength of the delayed penalty: on test rows it rises from the level of plain training to above six tenths and sinks a little at the largest, on training rows it falls to about the same."
plotting.strength_sweep(sweep, levels, xlabel="λ")
plt.show()

# %% [markdown]
# - **Plain training reads the colour**: at most 30 % on the test rows, as published.
# - **Spectral decoupling with the delay** reaches 62 % or more at the authors' λ, mean of three seeds; published are 68 %.
# - **Without the delay it does not help**: the same penalty from the first step leaves the colour in charge; a hundred times the penalty moves it half of the way.
#
# Why the delay matters: a network that has learned both is pulled back to zero, and what is learned fastest, the colour, is unlearned fastest. The penalised optimum itself still rests on the colour. So the number is that of a way, not of an end: another length of the second part gives another one. Delay, factor and length were fixed here on a seed that is in no table, by looking at rows with the colours of the test, as the authors must have done; no training row can tell them.
#
# ## Two moons and a line
#
# The training moons are moved apart until a line parts them, or nearly. Test rows are moons at their usual places: who has learned the line only is wrong at the tips.

# %%
moons = means(part["moons"], "accuracy")
assert (moons.loc["SD"] > moons.loc["ERM"] + 0.04).all()
assert (moons.loc["SD"] > moons.drop("SD").max() + 0.03).all()
HTML("<b>Test accuracy</b>" + score_table(part["moons"], "accuracy"))

# %% [markdown]
# Spectral decoupling with the authors' coefficient learns more of the curve after as many steps, whether the moons overlap by a tenth or stand a tenth apart. Weight decay and dropout, which the paper tries too, do not.
#
# ## Core and spurious features
#
# Made data after {cite:t}`sagawa2020overparameterization`: a noisy core feature, a clear spurious one that agrees with the label in 95 % of 400 rows, and 1,000 features by which each row can be told from all others. A linear model, with weight decay or without. Test rows hold the four groups in equal shares.

# %%
regularised, interpolating = (
    part["spurious"][part["spurious"]["scenario"] == f"spurious/{name}"]
    for name in ("regularised", "interpolating")
)
HTML("<b>Worst group</b>" + score_table(part["spurious"], "worst_group"))

# %%
others = ["inverse-frequency", "over-sampling", "under-sampling", "quotas", "weighted-draws"]
gain, rest = {}, {}
for name in ("regularised", "interpolating"):
    worst = means(part["spurious"], "worst_group")[f"spurious/{name}"]
    gain[name], rest[name] = worst["Group-DRO"] - worst["ERM"], worst[others] - worst["ERM"]
    assert worst["hard-examples"] < worst["ERM"] + 0.01
fits = means(part["spurious"], "train_accuracy")["spurious/interpolating"]
assert gain["regularised"] >= 0.15 and gain["interpolating"] < 0.15
assert fits[["ERM", "Group-DRO", *others]].min() > 0.995 > 0.9 > fits["Group-DRO-adjusted"]
assert rest["regularised"].min() > 0.4 and rest["interpolating"].max() < 0.15
{name: round(value, 3) for name, value in gain.items()}

# %% alt="With weight decay: the worst group of plain training is far behind its average, that of the strategies by group close to theirs."
plotting.average_and_worst(regularised)
plt.show()

# %% alt="Without weight decay, all training rows fitted: the worst group is far behind whatever the strategy."
plotting.average_and_worst(interpolating)
plt.show()

# %% [markdown]
# The numbers above the figures are how far the worst group of Group DRO lies above that of plain training. With weight decay it is 15 points or more. Where every training row is fitted it is less: all groups have next to no loss, so there is none to be worse, as the paper says of its networks {cite:p}`sagawa2020`. Weights, draws and quotas do as Group DRO does, in both. `Group-DRO-adjusted` (C = 2) keeps pressing on the rare groups, so it never fits all rows and is not held up by them. Mining helps in neither.
#
# ## Three biases at once
#
# 4,000 MNIST digits of 14 pixels on 32, coloured: the colour of the digit, that of the background and the place each follow the class in 70 % of the training rows, on their own; among the test rows in 10 %, which is chance. A small CNN of four blocks, eight passes. A relative of BiasedMNIST, which has seven biases that agree in 95 %, 160 pixels and 90 passes: with 95 % a network stays at chance here.

# %%
biased = part["biased"]
biases = [f"accuracy_g{k}" for k in range(4)]
by = pd.concat({m: means(biased, m)["biased/mnist"] for m in ["accuracy", *biases]}, axis=1)
by.set_axis(["all", *(f"{k} agree" for k in range(4))], axis=1).round(3)

# %%
assert by.at["ERM", "accuracy_g3"] > 0.95 and by.at["ERM", "accuracy_g0"] < 0.1
assert abs(by.at["occam", "accuracy"] - by.at["ERM", "accuracy"]) < 0.02
assert by.at["OccamNet", "accuracy"] < by.at["ERM", "accuracy"] - 0.02
exits = pd.Series({k: means(biased, f"exit_g{k}").at["OccamNet", "biased/mnist"] for k in range(4)})
assert exits[3] < 1.2 and exits[[0, 1, 2]].between(1.5, 1.9).all()
exits.rename("mean exit").rename_axis("biases that agree").round(2)

# %% [markdown]
# The columns are test rows by how many of their three biases agree with the class. **Plain training reads the biases**: nearly all right where all agree, next to none where none does. **OccamNet {cite:p}`shrestha2022` does not mend it here**, three seeds: two points or more below plain training. Its gates send the rows that all biases serve out at the first of three exits, as they should, but do not tell rows with two agreeing biases from rows with none. L1 penalties on the weights (`occam`, the lecture's use of the name) change nothing. Nothing was tuned, and with eight passes for 90 this says little of the paper's networks.
#
# ## People
#
# Adult by sex (8,000 of its training rows, all test rows) and COMPAS by race: groups are label times attribute, a man or not, white or not. `gap` is the best group minus the worst, `deo` the difference of odds: the sum over the classes of the difference in accuracy between the two values of the attribute, zero is equalised odds. `DANN` learns features from which the attribute cannot be told.

# %%
people = {name: results[results["scenario"] == name] for name in ("adult", "compas")}
shown = ["accuracy", "worst_group", "gap", "deo"]
side = {
    name: pd.concat({metric: means(rows, metric)[name] for metric in shown}, axis=1)
    for name, rows in people.items()
}
side["adult"].round(3)

# %%
grouped = ["inverse-frequency", "class-balanced", "over-sampling", "under-sampling"]
grouped += ["quotas", "weighted-draws", "Group-DRO", "Group-DRO-adjusted"]
side["compas"].round(3)

# %% alt="Adult: average and worst group of each method; those that use groups bring the two together."
plotting.average_and_worst(people["adult"])
plt.show()

# %% alt="COMPAS: the same; plain training, spectral decoupling, DANN and mining leave the worst group behind."
plotting.average_and_worst(people["compas"])
plt.show()

# %%
for table in side.values():
    change = table - table.loc["ERM"]
    assert change.loc[grouped, "worst_group"].min() > 0.15 and change.loc[grouped, "deo"].max() < 0
    assert change.at["hard-examples", "worst_group"] < -0.05
    assert change.at["SD", "worst_group"] < 0.01
price = {name: table["accuracy"].loc["ERM"] - table["accuracy"] for name, table in side.items()}
assert price["compas"][grouped].max() < 0.015 < 0.03 < price["adult"][grouped].min()
odds = side["compas"]["deo"]
assert odds[[*grouped, "DANN"]].max() < odds["ERM"] / 2
assert side["adult"]["deo"].idxmax() == "hard-examples" and price["compas"]["DANN"] < 0.02
assert side["adult"].at["DANN", "deo"] > side["adult"].at["ERM", "deo"]

# %% [markdown]
# - **Every strategy that is told the groups** lifts the worst one by more than 15 points and brings the odds closer, on COMPAS to less than half. There that costs less than 1.5 points of accuracy, on Adult more than three. How it is done, by weights, draws or Group DRO, matters less than that it is done.
# - **Mining the hardest examples makes the worst group worse**, perhaps because the hardest rows are those that no model can tell.
# - DANN more than halves the difference of odds on COMPAS and not on Adult, and leaves the worst group behind: it asks for features alike, not for few errors. Spectral decoupling, which knows no groups, does nothing for them.
#
# ## SMOTE
#
# Ten folds, a decision tree, more and more under-sampling along a curve; the area below it. `SMOTE:100` makes a new row for every rare one.

# %%
HTML("<b>Area</b>" + score_table(part["smote"], "auc"))

# %%
area = means(part["smote"], "auc")
pima = pd.DataFrame({"published": PUBLISHED["pima"], "ours": area["smote/pima"]}).round(4)
assert pima["published"].idxmax() == "SMOTE:100" and pima["ours"].idxmax() == "under-only"
best = area.drop("under-only").max() - area.loc["under-only"]
assert best.max() < 0.01 and (area.loc["SMOTE:500"] - area.loc["under-only"]).max() < 0.002
pima

# %% [markdown]
# **On Pima the published order does not hold here**: SMOTE on top of under-sampling is below under-sampling alone, where the paper has it above. The trees are not the same (CART here, C4.5 there), and the published gap is below one point. On the other four sets, too, no amount and no mode of SMOTE wins a whole point over under-sampling alone, and the most of it (500 %) wins nothing. The other sets of the paper's Table 3 are not at hand.

# %% [markdown]
# ## Attacks
#
# The bundled digits and 5,000 pictures of MNIST, an MLP, ten steps of projected gradient in the largest entry. `FGSM` and `PGD` are trained on attacked rows only, radius 0.1, `FGSM-mixed` on attacked and clean ones; `FGSM-raw` moves along the gradient itself, without its sign, as the lecture has it.

# %%
curves = load_curves(stored, "mitigation")
robust = curves[curves["curve"] == "robust_accuracy"]
look = {"metric": "accuracy", "xlabel": "radius of the attack, share of the grey scale"}

# %% alt="Accuracy over the radius of the attack on digits: plain training falls first, then training against raw gradients, training against signed steps and projected gradients holds up longest."
plotting.metric_by_rate(robust[robust["scenario"] == "attack/digits"], **look)
plt.show()

# %% alt="The same on MNIST: without training against attacks nothing is left at a radius of a tenth."
plotting.metric_by_rate(robust[robust["scenario"] == "attack/mnist"], **look)
plt.show()

# %%
strong, clean = (means(part["attack"], name) for name in ("robust_accuracy_0.1", "accuracy"))
signed = ["FGSM", "FGSM-mixed", "PGD"]
assert (strong.loc["plain"] < strong.loc["FGSM-raw"]).all()
assert (strong.loc["FGSM-raw"] < strong.loc[signed].min()).all()
assert (strong.loc[signed].min() > 2 * strong.loc["plain"]).all()
assert strong.at["plain", "attack/mnist"] < 0.05 and strong.loc[signed, "attack/mnist"].min() > 0.65
assert clean["attack/digits"].max() - clean["attack/digits"].min() < 0.02
assert clean["attack/mnist"].idxmax() == "FGSM-mixed" and clean["attack/mnist"].idxmin() == "PGD"

# %% [markdown]
# At the radius of the training, training against attacks more than doubles the accuracy under attack; on MNIST it is the difference between nothing and two thirds. It costs little without an attack, and nothing where clean rows are mixed in. The step without the sign is a weaker teacher: where the model is sure, the gradient is short.
#
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce mitigation --profile quick --jobs 2`.

# %%
provenance("mitigation", stored)
