# ---
# jupyter:
#   biam:
#     needs: [mnist/train-images-idx3-ubyte, mnist/train-labels-idx1-ubyte, mnist/t10k-images-idx3-ubyte, mnist/t10k-labels-idx1-ubyte]
# ---

# %% [markdown]
# # High values hidden: a Gaussian, a ring, pictures
#
# A course project (Dezons & Blotas, MVA, 2024) compared not-MIWAE {cite:p}`ipsen2021` with MIWAE {cite:p}`mattei2019` and classical imputers on toys, and says in its readme that not-MIWAE has the "consistently lowest RMSE". We repeat it with oracles beside it, with the mask models the method's name promises, and with draws where a single guess can say nothing.
#
# - **gaussian**: 500 rows of two normal columns with correlation 0.8; the first is hidden above its sample mean.
# - **ring**: 1,500 points; the first coordinate is hidden in the upper quarter.
# - **mnist**: 2,000 pictures from -1, paper, to 1, ink; in a disc round the centre every pixel that is not grey is hidden, paper and ink alike. **digits**: the same on small pictures that come with scikit-learn.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML

from biam.experiments.hidden import make_disc, make_gaussian, make_ring
from biam.experiments.report import load_curves, load_results
from biam.experiments.stated_imputation import beside, spread_table, stated_numbers
from biam.experiments.stored import provenance, recompute
from biam.plotting.imputation import imputed_pictures, imputed_points

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("not-miwae-toys", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## Published beside reproduced
#
# RMSE of the hidden values, mean ± standard error over the seeds where there are several. `oracle` knows the true distribution and what is hidden; `zero` fills in zeros. `known` is told that high values hide, but not where or how sharply; `upper-quarter` and `grey` are given the very rule. `3` is the best of three starts, by the bound. `conv` has convolutions instead of dense networks, and the rule where it is a not-MIWAE.

# %%
rows = beside(stored, "not-miwae-toys")
HTML(spread_table(rows, digits=3))

# %%
stated = stated_numbers("not-miwae-toys").pivot_table(
    index="method", columns="scenario", values="value"
)
assert stated["mnist"].idxmin() == "MIWAE"
by = rows.pivot_table(index="method", columns="scenario", values="ours", sort=False)
assert (stated["gaussian"].dropna() > by.loc["zero", "gaussian"]).all()
same = (by["mnist"] - stated["mnist"]).abs().loc[["MIWAE", "MICE", "KNN"]]
assert same.max() < 0.01

# %% [markdown]
# - **"Consistently lowest RMSE" fails in the project's own table**: on MNIST its MIWAE is lower.
# - All its numbers for the Gaussian are worse than filling in zeros: nothing was learned from the mask.
# - On MNIST our MIWAE, chains and neighbours are within 0.01 of theirs: the pictures and the disc are the same.
#
# ## The Gaussian

# %%
gaussian = by["gaussian"]
assert gaussian["not-MIWAE:known"] <= 0.66 and gaussian["MIWAE"] > 1
assert gaussian.idxmin() == "oracle"
assert gaussian["not-MIWAE:known"] < 1.05 * gaussian["oracle"]
single = load_results(stored, "not-miwae-toys").query("metric == 'rmse' and scenario == 'gaussian'")
wide = single.pivot_table(index="seed", columns="method", values="value", sort=False)
assert len(wide) == 5 and (wide["not-MIWAE:known"] < 0.6 * wide["zero"]).all()
wide.round(3)

# %% [markdown]
# With the direction known, not-MIWAE is far below what filling in zeros gives, with each of five seeds, and close to the oracle. MIWAE, which takes the gaps as missing at random, is no better than zeros.

# %%
curves = load_curves(stored, "not-miwae-toys")
first = curves[(curves["curve"] == "drawn") & (curves["seed"] == 42)]
data = make_gaussian(500, random_state=42)
gone, part = data.missing[:, 0], first[first["scenario"] == "gaussian"]
panels = {
    name: part[part["method"] == name][["x", "z"]].to_numpy()
    for name in ("MICE", "MIWAE", "not-MIWAE:known")
}

# %% alt="Four panels of x1 against x0, seen rows in grey on the left: the hidden rows as they were lie to the right of zero; MICE puts them on a line and MIWAE in a cloud, both mostly to the left of zero, not-MIWAE in a cloud to the right"
imputed_points(data.X[~gone], panels, data.X[gone])
plt.show()

# %%
assert (panels["not-MIWAE:known"][:, 0] > -0.5).mean() > 0.95
assert (panels["MIWAE"][:, 0] < 0).mean() > 0.5
distances = load_results(stored, "not-miwae-toys").query("metric == 'energy_distance'")
far = distances.pivot_table(index="method", columns="scenario", values="value", sort=False)
assert far.loc["not-MIWAE:known", "gaussian"] < 0.2 * far.loc["MIWAE", "gaussian"]
(far.round(2) + 0.0).rename_axis(columns="energy distance to the hidden rows")

# %% [markdown]
# MIWAE and not-MIWAE are judged by draws, the others by the one table they give. The oracle of the Gaussian, too, gives means: nobody is nearer on average, but a cloud of means is not a cloud of data.
#
# ## The ring
#
# Given x1, the hidden x0 is as likely on the left as on the right: the best guess for squared error is zero, where hardly a point lies, and no method can be told from another by RMSE. Their draws can.

# %%
ring, part = make_ring(1500, random_state=42), first[first["scenario"] == "ring"]
up = ring.missing[:, 0]
panels = {
    name: part[part["method"] == name][["x", "z"]].to_numpy()
    for name in ("MICE", "MIWAE", "not-MIWAE:agnostic-nonlinear", "not-MIWAE:upper-quarter")
}
titles = ["MICE", "MIWAE", "not, agnostic", "not, the rule"]
shown = dict(zip(titles, panels.values(), strict=True))

# %% alt="Panels of a ring whose upper quarter is hidden: the true points close the ring; MICE puts them on a line through the middle, MIWAE in two heaps beside the gap, not-MIWAE with the rule on both branches of the gap"
imputed_points(ring.X[~up], shown, ring.X[up], columns=3)
plt.show()

# %%
errors = by["ring"].dropna().drop(["KNN", "missForest"])
assert errors.max() - errors.min() < 0.1
assert far.loc["not-MIWAE:upper-quarter", "ring"] < 0.2 * far.loc["MIWAE", "ring"]
apart = distances[distances["scenario"] == "ring"].pivot_table(
    index="seed", columns="method", values="value"
)
assert (apart["not-MIWAE:upper-quarter"] < 0.1 * apart["MIWAE"]).sum() == len(apart) - 1 == 4
sides = {name: (points[:, 0] < 0).mean() for name, points in panels.items()}
assert 0.3 < sides["not-MIWAE:upper-quarter"] < 0.7
pd.Series(sides, name="share of draws on the left branch").round(2).to_frame()

# %% [markdown]
# Draws of not-MIWAE with the rule come close to the hidden points, and both branches have their share. So it is with four of five seeds; with the fifth, MIWAE is as near. MIWAE, too, has two branches, in the wrong place: it learned where points of this height lie from rows outside the gap.
#
# That is a matter of the start. Of three starts of each method, the one with the highest bound, which looks at nothing hidden:

# %%
pair = ["MIWAE:3", "not-MIWAE:upper-quarter:3"]
best = apart[pair].dropna()
fifth = apart["MIWAE"].idxmin()
assert fifth in best.index and apart.loc[fifth, "not-MIWAE:upper-quarter"] > 0.2
assert (best[pair[1]] < 0.2 * best[pair[0]]).all()
best.round(3)

# %% [markdown]
# Now not-MIWAE is nearer with the fifth, too, and with every seed that was run so.
#
# ## Pictures behind a disc

# %%
pictures = load_results(stored, "not-miwae-toys").query("metric in ['rmse', 'rmse_disc']")
pictures = pictures[pictures["scenario"].isin(["digits", "mnist"])]
inside = pictures.pivot_table(
    index="method", columns=["scenario", "metric"], values="value", sort=False
)
inside.round(3)

# %%
small, large = inside[("digits", "rmse_disc")], inside[("mnist", "rmse_disc")]
assert small.idxmin() == "not-MIWAE:grey" and small["not-MIWAE:grey"] < 0.8 * small["MIWAE"]
shared = ["MIWAE:conv", "not-MIWAE:conv"]
dense = large.drop(shared)
masked = [name for name in dense.index if name.startswith("not-MIWAE")]
assert dense[masked].min() > dense["mean"] > dense["MIWAE"] == dense.min()
assert large["not-MIWAE:conv"] < 0.95 * large["MIWAE:conv"] < 0.7 * large["mean"]
assert small[shared].min() > small["not-MIWAE:grey"]
large[["mean", "MIWAE", "not-MIWAE:grey", *shared]].round(3).to_frame("inside the disc, MNIST").T

# %% [markdown]
# - **On the small digits it works**: told that grey is seen, not-MIWAE has the lowest error inside the disc, far below MIWAE and the mean picture.
# - **On MNIST, dense networks do not**: all three mask models are above MIWAE *and* above the mean picture, as in the project's table.
# - **Convolutions do**: not-MIWAE is below MIWAE with the same networks, and both are far below the mean picture and everything else. On the small digits, where a picture is two by two places of the latent map, they are no help.
#
# The rule hides ink and paper alike, so the mask says how far from grey a pixel is, not on which side. The side must come from what is seen, and here no picture ever shows ink or paper at these 81 positions: a network that learns each position by itself has nothing to learn from, and to be sure of a side that is wrong costs more than to say grey. A small digit has 9 pixels behind its disc, all but one at its rim.
#
# Convolutions learn at one place what holds at all. The encoder of `conv` is taught besides: in every step the disc is put elsewhere, over pixels that are seen, and the rule hides them (in MIWAE, the mask of another picture); from the picture with this hole the encoder must find the latents it finds without. Nothing that is hidden in the table takes part. The two differ in the mask alone: networks, steps and draws are the same.

# %%
kept = curves[curves["curve"].str.startswith("picture") & curves["scenario"].isin(["mnist"])]
data = make_disc("mnist", random_state=42)
assert data.truth["disc"].sum() == 81
lines = {"true": data.X[:5].reshape(5, 28, 28), "hidden": data.holes[:5].reshape(5, 28, 28)}
for name in ("mean", "MIWAE", "not-MIWAE:grey", *shared):
    points = kept[kept["method"] == name]
    picture = points["curve"].str.removeprefix("picture:").astype(int)
    lines[name] = lines["true"].copy()
    lines[name][picture, points["x"].astype(int), points["z"].astype(int)] = points["value"]

# %% alt="Five handwritten digits as they are, with the disc of hidden pixels in red, and filled by each method: the mean picture and MIWAE fill in shades of grey, not-MIWAE in black and white, often on the wrong side; with convolutions both continue the strokes through the disc"
imputed_pictures(lines)
plt.show()

# %%
gone = data.missing[:5].reshape(5, 28, 28)
ink = lines["true"][gone] > 0
named = ("MIWAE", "not-MIWAE:grey", *shared)
right = pd.Series({name: ((lines[name][gone] > 0) == ink).mean() for name in named})
assert right[:2].max() < 0.75 < 0.8 < right[2:].min()
right.round(2).to_frame("share of hidden pixels on the right side, five pictures")

# %%
kept = curves[curves["curve"].str.startswith("picture") & (curves["scenario"] == "digits")]
data = make_disc("digits", n_rows=1797, radius=1.5, random_state=42)
assert data.truth["disc"].sum() == 9
lines = {"true": data.X[:5].reshape(5, 8, 8), "hidden": data.holes[:5].reshape(5, 8, 8)}
for name in ("mean", "MICE", "MIWAE", "not-MIWAE:grey"):
    points = kept[kept["method"] == name]
    picture = points["curve"].str.removeprefix("picture:").astype(int)
    lines[name] = lines["true"].copy()
    lines[name][picture, points["x"].astype(int), points["z"].astype(int)] = points["value"]

# %% alt="Five small digits as they are, with the disc of hidden pixels in red, and filled by each method: not-MIWAE is closest to the true ones"
imputed_pictures(lines)
plt.show()

# %% [markdown]
# Settings were tried on the digits themselves, on MNIST pictures 10,000 to 12,000, and on a ring of seed 101. On the digits the errors of an earlier setting, without the first half, were seen; the bound, too, is higher with it. Convolutions were tried on MNIST pictures 10,000 to 12,000, and judged there by discs put elsewhere, whose pixels the table shows; the first setting was kept, and the table's pictures were run once.
#
# ## Where the numbers come from

# %%
provenance("not-miwae-toys", stored)
