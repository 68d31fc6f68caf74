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
# - **Long tails**: MNIST with 4,000 pictures of the first class and 40 of the last (the 784-300-100-10 network of {cite:t}`tarzanagh2022`), digits from 120 to 6, three two-class sets of KEEL.
# - **Groups**: Adult by sex (6,000 rows), COMPAS by race (African-American defendants and all others).
#
# :::{important}
# All stored numbers are a **quick run** of three seeds. DEV
# :::

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML

from biam.experiments.catalogue import TABLES
from biam.experiments.percent import percent_table
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means
from biam.experiments.tables.autobalance import PUBLISHED
from biam.plotting.designs import class_designs, trade_off
from biam.plotting.scores import score_panels

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
groups = results[results["scenario"].isin(["adult/sex", "compas/race"])]
tails = results.drop(groups.index)
HTML(percent_table(tails, "balanced_error", lower=True))

# %% alt="ALT"
methods = [m for m in tails["method"].unique() if "policy" not in m]
pictures = tails[tails["scenario"].isin(["mnist/lt100", "digits/lt20"])]
score_panels(pictures, "balanced_error", methods, label="balanced error on test rows")
plt.show()

# %% [markdown]
# Published numbers are of a ResNet-32 on CIFAR-10 with the same ratio of 100:1, which two cores cannot train; they are not aimed at, and are known to us from reports of others only. What can be compared is the share of the errors of `CE` that is left, in per cent:

# %%
table = 100 * means(tails, "balanced_error")
mnist = table["mnist/lt100"]
beside = pd.DataFrame({"published, CIFAR10-LT": PUBLISHED, "ours, MNIST-LT": mnist[list(PUBLISHED)]})
(100 * beside / beside.loc["CE"]).round(0)

# %% [markdown]
# ## What was found
#
# Logit adjustment is a formula for the offsets: the logarithm of the class's share. The search knows no shares; it only sees the validation rows.

# %%
curves = load_curves(stored, "autobalance")
seen = curves[(curves["scenario"] == "mnist/lt100") & (curves["seed"] == 42)]
offsets, scales = (seen[seen["curve"] == name] for name in ("offset", "scale"))
sizes = 4000 * 0.01 ** (np.arange(10) / 9)
names = {"AutoBalance-l": "offsets alone", "AutoBalance": "with scales", "AutoBalance-LA": "from LA"}

# %% alt="ALT"
class_designs(offsets, names, known=np.log(sizes / sizes.sum()))
plt.show()

# %% alt="ALT"
class_designs(
    scales,
    {"AutoBalance-Delta": "scales alone", "AutoBalance": "with offsets"},
    known=(sizes / sizes[0]) ** 0.2,
    known_label="class-dependent temperatures",
    label="scale",
)
plt.show()

# %% [markdown]
# ## Groups
#
# `deo` is the difference of equal opportunity: for each class the difference of the groups' errors, added up. Offsets and scales are now of class and group; the group is used in training alone, and the network is judged at its raw outputs. `weighted` and `LA` too see the sizes of class and group.
# `AutoBalance` is searched for balanced error; `AutoBalance-DEO` for half balanced error, half `deo`; `AutoBalance-worst` for the group that is worst off.

# %%
HTML("<b>deo</b>" + percent_table(groups, "deo", lower=True))

# %%
HTML("<b>balanced error</b>" + percent_table(groups, "balanced_error", lower=True))

# %% alt="ALT"
labels = ("balanced error, %", "difference of equal opportunity, %")
adult = groups[groups["scenario"] == "adult/sex"]
trade_off(adult, "balanced_error", "deo", labels=labels)
plt.show()

# %% alt="ALT"
compas = groups[groups["scenario"] == "compas/race"]
trade_off(compas, "balanced_error", "deo", labels=labels)
plt.show()

# %% [markdown]
# ## What the table says

# %%
ours = mnist[mnist.index.str.startswith("AutoBalance")]
fewer = 1 - ours / mnist["CE"]
beyond = ours - mnist["LA"]
pd.DataFrame({"fewer errors than CE, %": 100 * fewer, "above LA, points": beyond}).round(1)
