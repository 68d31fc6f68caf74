# ---
# jupyter:
#   biam:
#     needs: []
# ---

# %% [markdown]
# # AutoBalance: searching for the loss
#
# With a long tail of classes, or groups of people, the ordinary cross-entropy is small long before the errors that matter are. AutoBalance {cite:p}`li2021` lets the loss itself be found: for every class (and group) a weight $w$, an offset $l$ and a scale $\Delta$,
#
# $$ \ell(y, f) = w_y \log \sum_k \exp\big(\sigma(\Delta_k) f_k + l_k - \sigma(\Delta_y) f_y - l_y\big), $$
#
# such that a network trained with it does well on validation rows by **another** measure: the error balanced over the classes, or the difference between groups.
# The search keeps a fifth of the training rows aside, class by class, and takes implicit hypergradients; then the network is trained anew, from the same start, on all rows with the loss that was found. Test rows are only scored.
#
# - **Long tails**: MNIST with 4,000 pictures of the first class and 40 of the last (the 784-300-100-10 network of {cite:t}`tarzanagh2022`), digits from 120 to 6.
# - **Groups**: COMPAS by race (African-American defendants and all others).
#
# :::{important}
# Only a part was run: three seeds where a claim is judged, one elsewhere. **Not run**: Adult, the KEEL sets, `AutoBalance-worst`, and on MNIST all but `CE`, `LA` and `AutoBalance`. They are in the full profile.
#
# On pictures, classes of like size share an offset and a scale, and half of the rows are judged; this was chosen on seeds 101 to 103 by pictures of the official training part that the tail leaves out. The official seeds were run twice: in the first run the judged rows of a step were drawn in proportion, so that the rarest class had about four, and one seed missed logit adjustment by 1.6 points. Now they are drawn class by class.
# :::

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML

# %%
from biam.experiments.catalogue import TABLES
from biam.experiments.percent import percent_table
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means
from biam.experiments.tables.autobalance import PUBLISHED
from biam.plotting.designs import class_designs, trade_off
from biam.plotting.scores import score_panels
from biam.plotting.sweeps import strength_sweep

# %% [markdown]
# ## Recomputed just now
#
# On the digits, which come with scikit-learn.

# %%
now = recompute("autobalance", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round(4)

# %% [markdown]
# ## Long tails: balanced error
#
# In per cent, mean ± standard deviation over the seeds; the least of a column is bold.
#
# - `CE`: ordinary cross-entropy. `weighted`: $w$ is the inverse frequency. `LA`: $l = \log \pi$ {cite:p}`menon2021`. `CDT`: scales $(n_k / n_{\max})^{0.2}$ {cite:p}`ye2020`. `LDAM`: margins $\propto n_k^{-1/4}$ on a cosine classifier {cite:p}`cao2019`.
# - `AutoBalance-l`, `AutoBalance-Delta`, `AutoBalance`: offsets, scales or both are searched for, from the ordinary loss; `AutoBalance-LA` begins at logit adjustment. `AutoBalance-bare` leaves out the sigmoid, as the paper writes the loss; the authors' implementation has it.
# - `LA+even-policy`: pictures are moved by a pixel or mirrored, each as often as they are left alone. `LA+AutoBalance-policy`: how often is searched for, class by class.

# %%
results = load_results(stored, "autobalance")
planned = {cell[1:] for cell in TABLES["autobalance"].profiles["quick"].cells}
assert set(results[["scenario", "method", "seed"]].itertuples(index=False, name=None)) == planned
groups = results[results["scenario"].isin(["compas/race"])]
tails = results.drop(groups.index)
HTML(percent_table(tails, "balanced_error", lower=True))

# %% alt="Balanced error by method, MNIST left, digits right: on MNIST AutoBalance lies on logit adjustment, far below CE; on the digits logit adjustment is alone in front, and the search without the sigmoid far behind."
methods = [m for m in tails["method"].unique() if "policy" not in m]
pictures = tails[tails["scenario"].isin(["mnist/lt100", "digits/lt20"])]
score_panels(pictures, "balanced_error", methods, label="balanced error on test rows")
plt.show()

# %% [markdown]
# Published numbers are of a ResNet-32 on CIFAR-10 with the same ratio of 100:1, which two cores cannot train; they are not aimed at, and are known to us from reports of others only. What can be compared is the share of the errors of `CE` that is left, in per cent:

# %%
table = 100 * means(tails, "balanced_error")
mnist = table["mnist/lt100"]
beside = pd.DataFrame({"published, CIFAR10-LT": PUBLISHED, "ours, MNIST-LT": mnist}).loc[
    ["CE", "LA", "AutoBalance"]
]
(100 * beside / beside.loc["CE"]).round(0)

# %% [markdown]
# The digits with ever fewer of the rare ones, from 120 : 24 to 120 : 2:

# %%
few = tails[(tails["metric"] == "balanced_error") & tails["scenario"].str.startswith("digits/")]
few = few[few["method"].isin(["CE", "LA", "AutoBalance", "AutoBalance-LA"])]
ratio = few["scenario"].str.removeprefix("digits/lt").astype(int)
few = few.assign(kind=few["method"], strength=ratio)

# %% alt="Balanced error over the ratio of class sizes on digits, four lines: logit adjustment is below CE everywhere; the searched losses are above both at 5 to 1 and between them at 50 to 1."
strength_sweep(few, xlabel="most common class : rarest class", ylabel="balanced error")
plt.show()

# %% [markdown]
# ## What was found
#
# Logit adjustment is a formula for the offsets: the logarithm of the class's share. The search knows no shares; it only sees the validation rows.

# %%
curves = load_curves(stored, "autobalance")
seen = curves[(curves["scenario"] == "mnist/lt100") & (curves["seed"] == 42)]
offsets, scales = (seen[seen["curve"] == name] for name in ("offset", "scale"))
sizes = 4000 * 0.01 ** (np.arange(10) / 9)
names = {"AutoBalance": "found"}

# %% alt="Offset by class, from common to rare: the searched offsets fall as the grey line of logit adjustment does, flat at the first two classes."
class_designs(offsets, names, known=np.log(sizes / sizes.sum()))
plt.show()

# %%
assert scales[scales["method"] == "AutoBalance"]["value"].min() > 0.98
assert table.loc["AutoBalance-bare", "digits/lt20"] > 2 * table.loc["CE", "digits/lt20"]

# %% [markdown]
# **The scales are hardly used**: they start at one, where the sigmoid is flat, and on MNIST (seed 42) all stay above .98. A start at sigmoid(1), as in the authors' code, was tried on one seed and gave more errors. Without the sigmoid the search goes astray on the digits.

# %% [markdown]
# ## Groups
#
# `deo` is the difference of equal opportunity: for each class the difference of the groups' errors, added up. Offsets and scales are now of class and group; the group is used in training alone, and the network is judged at its raw outputs. `weighted` and `LA` too see the sizes of class and group.
# `AutoBalance` is searched for balanced error; `AutoBalance-DEO` for half balanced error, half `deo`; `AutoBalance-DEO-LA` begins at logit adjustment.

# %%
HTML("<b>deo</b>" + percent_table(groups, "deo", lower=True))

# %%
HTML("<b>balanced error</b>" + percent_table(groups, "balanced_error", lower=True))

# %% alt="COMPAS by race, difference of equal opportunity against balanced error: CE is at the top, the weighted loss and logit adjustment at the bottom, the search in between, all at about the same balanced error."
labels = ("balanced error, %", "difference of equal opportunity, %")
trade_off(groups, "balanced_error", "deo", labels=labels)
plt.show()

# %% [markdown]
# ## What the table says

# %%
ours = mnist[mnist.index.str.startswith("AutoBalance")]
fewer = 1 - ours / mnist["CE"]
beyond = ours - mnist["LA"]
pd.DataFrame({"fewer errors than CE, %": 100 * fewer, "above LA, points": beyond}).round(1)

# %%
assert fewer["AutoBalance"] >= 0.18 and beyond["AutoBalance"] <= 0.3
lines = table[[f"digits/lt{n}" for n in (5, 10, 20, 50)]]
assert (lines.loc["AutoBalance"] > lines.loc["LA"]).sum() == 3
assert lines.loc["AutoBalance", "digits/lt5"] > lines.loc["CE", "digits/lt5"] + 4

# %%
odds, cost = (100 * means(groups, m)["compas/race"] for m in ("deo", "balanced_error"))
assert odds["AutoBalance-DEO"] <= odds["CE"] / 2
assert cost["AutoBalance-DEO"] <= cost["CE"] + 2 and odds["LA"] < odds["AutoBalance-DEO"]
worst = groups[(groups["metric"] == "deo")].pivot(index="seed", columns="method", values="value")
assert not (worst["AutoBalance-DEO"] <= worst["CE"] / 2).all()

# %% [markdown]
# On MNIST AutoBalance, started from the ordinary loss, makes at least 18 % fewer balanced errors than it, and is within 0.3 points of logit adjustment, mean of three seeds. It is not better than that formula: it finds it again.
#
# **On the digits it is worse than the formula** in three of four ratios, one seed, and at 5:1 worse than no search by more than 4 points: the judged half holds a few hundred pictures, and the offsets follow them.
#
# On COMPAS the difference of equal opportunity is halved in the mean of three seeds, **only just and not on every seed**, at no cost in balanced error. Logit adjustment by class and group needs no search and does clearly better. Longer upper steps (0.1 every 5 steps) had given a tenth of the difference on one official seed and worse errors than `CE` on another; the present length was chosen after that, on seeds 101 to 103 by a quarter of the training rows kept aside, and run once.
#
# ## Where the numbers come from
#
# `seconds` is an upper bound, and far too high here: the machine was shared, and some cells waited many times longer than they computed. Run it again with `biam reproduce autobalance --profile quick --jobs 2`.

# %%
provenance("autobalance", stored)
