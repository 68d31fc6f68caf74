# ---
# jupyter:
#   biam:
#     needs: []
# ---

# %% [markdown]
# # Domain-adversarial training
#
# Labels in one domain, none in the other: a network whose features do not tell the domains apart {cite:p}`ganin2016`. A domain head learns to tell them, and its gradient enters the feature extractor with the sign turned.
#
# :::{important}
# All stored numbers are a **quick run** of three seeds.
#
# - **Rotated moons**: the paper's toy example, 300 rows with labels and 300 without, at its 35 degrees, at 20 and at 50.
# - **MNIST over photographs**: pieces of scikit-learn's two sample photographs stand in for the BSDS500 patches of the published MNIST-M, 4,000 pictures of each domain at half the side, 600 steps. The same with the bundled digits is in the full profile.
# - **SVHN** and the other pairs of the paper are not at hand.
# :::

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam import plotting
from biam.datasets.shifted import make_digit_domains, make_rotated_moons
from biam.experiments.catalogue import TABLES
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means, score_table
from biam.experiments.tables.domains import PUBLISHED

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("domain-adversarial", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round(4)

# %% [markdown]
# ## Accuracy on the target
#
# `source-only` is the same network with the reversal set to zero: same weights at the start, same batches. `DANN:4` and `DANN:6` reverse with a steady strength of 4, or of 6 as in the paper's toy example. Strength 4, optimiser and number of steps were chosen by accuracy on the target rows of seeds 1 to 6, which are in no table.

# %%
results = load_results(stored, "domain-adversarial")
assert set(results["profile"]) == {"quick"} and results["seed"].nunique() == 3
planned = {cell[1:] for cell in TABLES["domain-adversarial"].profiles["quick"].cells}
assert set(results[["scenario", "method", "seed"]].itertuples(index=False, name=None)) == planned
HTML(score_table(results, "target_accuracy"))

# %%
HTML("<b>Accuracy on the source</b>" + score_table(results, "source_accuracy"))

# %%
target = means(results, "target_accuracy")
turned = target["moons/35"]
assert turned["source-only"] < 0.85 and turned["DANN:4"] >= 0.95
assert target.at["DANN:4", "moons/20"] > 0.99
assert target.at["source-only", "moons/50"] + 0.15 < target.at["DANN:4", "moons/50"] < 0.85
seeds = results[(results["scenario"] == "moons/35") & (results["metric"] == "target_accuracy")]
assert seeds.loc[seeds["method"] == "DANN:6", "value"].min() < 0.85
sure = means(results, "source_accuracy").drop("target-labels")
assert sure[["moons/20", "moons/35", "moons/50"]].min(axis=None) > 0.99

# %% [markdown]
# **On the moons it does what it says**: where the plain network is below 85 % on the target, DANN is at 95 % or more, without one label from there and without a loss at home. How well depends on the strength, and on the seed: with strength 6, the paper's, one of three stays below 85 %. At 50 degrees it gets some of the way.
#
# The proxy A-distance is 2 (1 - 2 err) for a logistic regression that tells the domains from the features: 0 = it cannot, 2 = it always can.

# %%
apart = means(results, "proxy_a_distance")
assert apart.at["DANN:4", "moons/35"] > apart.at["source-only", "moons/35"]
assert apart.at["DANN", "mnist"] > 1.85
HTML("<b>Proxy A-distance</b>" + score_table(results, "proxy_a_distance"))

# %% [markdown]
# **The distance does not fall**, where the paper reports that it does. The head that DANN plays against is fooled; a fresh judge of the same features still finds the domains, on the moons more easily than before. So this number was no guide here to how well the labels carry over.

# %% [markdown]
# ## Moons
#
# Dots are source rows in the colour of their class, crosses target rows, whose labels no method reads. The line is where the network changes its answer (35 degrees, first seed).

# %%
curves = load_curves(stored, "domain-adversarial")
curves = curves[(curves["seed"] == 42) & (curves["scenario"] == "moons/35")]
split = make_rotated_moons(35.0, random_state=42)
points = (split.x_train, split.y_train, split.g_train)

# %% alt="Two moons and the same moons turned: the boundary of the plain network follows the dots and cuts through the crosses."
rows = curves[curves["method"] == "source-only"]
plotting.domain_answers(rows, *points, title="source-only")
plt.show()

# %% alt="The same rows: the boundary of DANN passes between the classes of both domains."
rows = curves[curves["method"] == "DANN:4"]
plotting.domain_answers(rows, *points, title="DANN, strength 4")
plt.show()

# %% [markdown]
# ## Digits over photographs
#
# What the two domains look like, here with the bundled digits.

# %% alt="Twelve digits: six grey ones on black, six over pieces of coloured photographs, some of which hide the digit."
split = make_digit_domains("digits", random_state=42)
shown = [0, 1, 2, 3, 4, 5, -1, -2, -3, -4, -5, -6]
pictures = (split.x_train[shown].transpose(0, 2, 3, 1) * 255).astype("uint8")
plotting.image_grid(pictures, split.y_train[shown], split.y_train[shown])
plt.show()

# %%
beside = pd.DataFrame({"published, MNIST-M": PUBLISHED, "ours": target["mnist"][list(PUBLISHED)]})
ours = beside["ours"]
assert beside.iloc[:, 0].idxmax() == ours.idxmax() == "target-labels"
assert ours["DANN"] < ours["source-only"] - 0.05 and abs(ours["source-only"] - 0.52) < 0.06
assert means(results, "source_accuracy").loc["DANN", "mnist"] > 0.88
beside.round(3)

# %% [markdown]
# **Here it does not do what it says.** The plain network stands about where the paper has it; DANN, with the paper's schedule and strength, is more than five points **below** it instead of 24 above. After 600 steps its features still tell the domains apart, so nothing has been aligned. The paper trains on all pictures at full size and for far longer. Stronger reversals, plain SGD and twice the batch, tried on seed 101, did no better; what many more steps would do was not tried.

# %% [markdown]
# ## Where the numbers come from
#
# `seconds` is an upper bound: the time of each cell is rounded up. Run it again with `biam reproduce domain-adversarial --profile quick --jobs 2`.

# %%
provenance("domain-adversarial", stored)
