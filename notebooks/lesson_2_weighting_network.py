# %% [markdown]
# # Lesson 2: the weighting network
#
# **You will learn**
#
# - what the network that gives each training row its weight looks like, and what it cannot see;
# - why losses are standardised on the way in and weights normalised on the way out;
# - what it learns when labels are shifted, and when classes are flipped;
# - why a high loss is not always a wrong label, and what the network does then.
#
# The network is how the paper finds weights. It is part of the published loop (`solver="published"`); with `weighting="network"` the exact solver uses it too, and it always does for more than two classes. Otherwise the default has a model of wrong labels in its place, the subject of [](how_biam_x_works.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from biam import BIAMClassifier, BIAMRegressor, plotting
from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.metrics import spearman
from biam.weighting import WeightingNetwork

# %% tags=["parameters"]
noise_rate = 0.3
epochs = 40
seed = 42

# %% [markdown]
# ## From a loss to a weight
#
# A wrong label usually shows: the model cannot fit it, so the loss of that row stays high. One could drop every row above some threshold. But which threshold? And if labels are right and high losses mark the rows one should learn from, dropping is the wrong way round.
#
# Meta-Weight-Net {cite:p}`shu2019` leaves the answer to a small network that maps the loss $l_i$ of a row to its weight. BIAM takes it over:
#
# $$
# \nu(l_i; \theta) = \operatorname{sigmoid}\bigl(W_2 \operatorname{relu}(W_1 \tilde l_i + b_1) + b_2\bigr).
# $$ (l2-network)
#
# One input, ten hidden units, one output: $\theta$ has 31 numbers. The loss is **all it sees**. It cannot look at features or labels, so it cannot learn to distrust a group of people; it can only learn how much to trust rows of a given loss.

# %%
network = WeightingNetwork()
theta = network.init(torch.Generator().manual_seed(seed))
losses = torch.linspace(0.0, 4.0, 200)
weights = network.weights(theta, losses)
assert theta.shape == (31,)

# %% alt="Weight against loss for an untrained network: a smooth curve that stays near one"
plotting.weight_curve(losses, weights, log=False)
plt.show()

# %% [markdown]
# Before training the curve is a matter of chance.
#
# ## Standardised on the way in
#
# The input $\tilde l$ is the loss minus the mean of its batch, divided by the standard deviation. So only the standing of a row within its batch counts, and neither the unit of $y$ nor the progress of training (all losses fall) moves the weights:

# %%
rescaled = network.weights(theta, 100 * losses + 7)
assert torch.allclose(rescaled, weights, atol=1e-5)

# %% [markdown]
# ## Normalised on the way out
#
# The weights are divided by their mean over the batch, so that they are one on average:

# %%
assert abs(float(weights.mean()) - 1) < 1e-6

# %% [markdown]
# Why? Without this, the network has a second way to lower the meta loss: make **all** weights smaller or larger, which lengthens or shortens the step of the model. That is a learning rate in disguise and says nothing about rows. With it, raising all outputs alike changes nothing. The pullback of the network shows it: the direction "all weights up" has no gradient in $\theta$.

# %%
everything_up = torch.ones(200)
with_mean = network.linearise(theta, losses).vjp(everything_up)
free = WeightingNetwork(normalise=False).linearise(theta, losses).vjp(everything_up)
assert with_mean.norm() < 1e-3 < free.norm()
print(f"gradient of the level: normalised {with_mean.norm():.1f}, otherwise {free.norm():.1f}")

# %% [markdown]
# The same can be seen in training. We take the published loop apart into its pieces, which [the next lesson](lesson_3_bilevel_optimizer.ipynb) explains, and run it with and without the division. First the data: 30 % of the training targets are shifted by about one standard deviation, the meta rows are clean.

# %%
data = make_additive_regression(800, 8, noise_rate=noise_rate, random_state=seed)
print(f"{len(data.y_train)} training rows, {data.mask.sum()} shifted, {len(data.y_meta)} meta rows")

# %%
from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer
from biam.losses import SquaredError
from biam.lower import AdditiveProblem, Rows

basis = Basis.fit(data.X_train)
model = AdditiveModel(basis, generator=torch.Generator().manual_seed(seed))
rows = Rows(basis.design(data.X_train), torch.tensor(data.y_train, dtype=torch.float32))
meta = Rows(basis.design(data.X_meta), torch.tensor(data.y_meta, dtype=torch.float32))

# %%
problem, level = AdditiveProblem(model, SquaredError()), {}
for normalise in (True, False):
    network = WeightingNetwork(normalise=normalise)
    optimizer = BilevelOptimizer(problem, network)
    state = optimizer.init(model.w, torch.Generator().manual_seed(seed))
    state = optimizer.run(state, rows, meta, n_epochs=epochs).state
    trained = problem.linearise(state.lower, rows).losses
    level[normalise] = float(network.weights(state.upper, trained).mean())
assert abs(level[True] - 1) < 1e-4 and level[False] < 0.6
print(f"mean weight: normalised {level[True]:.2f}, not normalised {level[False]:.2f}")

# %% [markdown]
# Without the division the mean weight ends well below one: every step of the model is then shortened by that factor, for clean and shifted rows alike.
#
# ## Shifted labels
#
# Now the estimator, with the paper's solver and settings.

# %%
est = BIAMRegressor(solver="published", epochs=epochs, random_state=seed)
est.fit(data.X_train, data.y_train, data.X_meta, data.y_meta)
losses = est.details_["losses"]
rank = spearman(losses, est.weights_)
assert rank < -0.99
assert est.history_[-1]["lower_loss"] < 0.5 * est.history_[0]["lower_loss"]
print(f"Spearman correlation of loss and weight {rank:.2f}")

# %% alt="Two curves over 40 epochs: the loss of the weighted training rows falls steadily, the loss of the clean meta rows at the look-ahead jumps up and down"
plotting.training_curves(est.history_)
plt.show()

# %% [markdown]
# The loss of the weighted training rows falls. The meta loss is taken at the look-ahead, a step that is not kept, and it jumps from epoch to epoch. The weights of all training rows at the end:

# %% alt="Weight against loss on a logarithmic scale: flat near one for small losses, then falling to zero; shifted rows, crosses, sit mostly on the falling part"
plotting.weight_curve(losses, est.weights_, data.mask, names=("clean", "shifted"))
plt.show()

# %% [markdown]
# The network has learned a falling curve: a Spearman correlation of $-1$ says that a row with a higher loss never has a higher weight. Nobody told it which rows are shifted; it was judged by the loss of the model on clean rows alone.

# %%
mean = {
    name: est.weights_[part].mean()
    for name, part in (("clean", ~data.mask), ("shifted", data.mask))
}
assert mean["clean"] > 1 > 0.9 > mean["shifted"]
print("mean weight: clean {clean:.2f}, shifted {shifted:.2f}".format(**mean))

# %% alt="Histogram of weights: clean rows pile up above one, shifted rows spread from zero to one"
plotting.weight_histogram(est.weights_, data.mask, names=("clean", "shifted"))
plt.show()

# %% [markdown]
# The two groups overlap. A shift is drawn around one with a standard deviation of a half, so some shifted rows are barely shifted; no rule can find those by their loss, and they do little harm.
#
# ## Does it help?
#
# We compare on clean test rows: uniform weights (`BIAM-B`), the learned weights of the loop (`BIAM`), the same kind of network around an exactly solved lower problem, our default `BIAM-X`, and the additive model fitted to nothing but the clean meta rows. A run of the published loop ends wherever its last step leaves it, so one run says little; we take five seeds, for the data and for the loop.

# %%
seeds = [42, 7, 123, 2024, 3407]
published = {"solver": "published", "epochs": epochs}
uniform = published | {"variant": "BIAM-B"}
settings = {"BIAM-B": uniform, "BIAM": published}
settings |= {"exact, network": {"weighting": "network"}, "BIAM-X": {}, "meta-only": {}}
errors = pd.DataFrame(index=seeds, columns=settings, dtype=float)

# %%
for s in seeds:
    split = make_additive_regression(800, 8, noise_rate=noise_rate, random_state=s)
    train, clean = (split.X_train, split.y_train), (split.X_meta, split.y_meta)
    for name, options in settings.items():
        tables = clean if name == "meta-only" else (*train, *clean)
        fit = BIAMRegressor(**options, random_state=s).fit(*tables)
        errors.loc[s, name] = ((fit.predict(split.X_test) - split.y_test) ** 2).mean()

# %%
mean = errors.mean()
assert mean["BIAM"] < mean["BIAM-B"]
assert mean["BIAM-X"] < mean["meta-only"] < 0.1 * mean["BIAM"]
assert mean.idxmin() == "BIAM-X"
assert 0 < (errors["BIAM"] > errors["BIAM-B"]).sum() < 3
pd.concat([errors, mean.to_frame("mean").T]).round(4)

# %% [markdown]
# On average over the seeds learned weights do better than uniform ones, though not with every seed. But the last column deserves a pause: **the clean rows alone do far better** than the published loop, since that loop uses them only to choose weights and stops long before its model has converged. `BIAM-X` puts the clean rows to both uses and is best on average. [](#limits) says more.
#
# :::{admonition} Question
# The exact solver with the network solves the lower problem instead of stepping through it. Would you expect its weights to separate the two groups better or worse?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# Better: a converged model has much smaller losses on clean rows, while the loss of a shifted row stays about the square of its shift. The histogram below shows it.
# :::

# %% alt="Histogram of the weights of the network around the exact lower problem: shifted rows almost all at zero, clean rows spread up to 0.9"
exact = BIAMRegressor(weighting="network", random_state=seed)
exact.fit(data.X_train, data.y_train, data.X_meta, data.y_meta)
assert np.median(exact.weights_[data.mask]) < 0.01 < 0.5 < exact.weights_[~data.mask].mean()
plotting.weight_histogram(exact.weights_, data.mask, names=("clean", "shifted"))
plt.show()

# %% [markdown]
# The default goes a step further. It asks what errors of right and of wrong labels look like, and a weight is the chance that the label is right:

# %% alt="Histogram of the weights of BIAM-X: clean rows at one, shifted rows at zero, next to nothing between"
default = BIAMRegressor(random_state=seed)
default.fit(data.X_train, data.y_train, data.X_meta, data.y_meta)
mean = [default.weights_[part].mean() for part in (~data.mask, data.mask)]
assert mean[0] > 0.95 and mean[1] < 0.1
plotting.weight_histogram(default.weights_, data.mask, names=("clean", "shifted"))
plt.show()

# %% [markdown]
# ## Flipped labels
#
# In classification the loss is the cross-entropy, and a wrong label is a flipped one. Two classes, inside and outside a disc, 30 % of the training labels flipped:

# %%
disc = make_disc_classification(1200, 4, noise_rate=noise_rate, random_state=seed)
clf = BIAMClassifier(solver="published", epochs=60, random_state=seed)
clf.fit(disc.X_train, disc.y_train, disc.X_meta, disc.y_meta)
mean = [clf.weights_[part].mean() for part in (~disc.mask, disc.mask)]
assert mean[1] < 0.7 < 1.1 < mean[0]
print("mean weight: clean {:.2f}, flipped {:.2f}".format(*mean))

# %% alt="Histogram of weights in classification: clean rows mostly above one, flipped rows mostly below"
plotting.weight_histogram(clf.weights_, disc.mask, names=("clean", "flipped"))
plt.show()

# %% [markdown]
# Again the flipped rows get clearly less weight. Whether the classifier gets better is another matter:

# %%
flat = BIAMClassifier(solver="published", variant="BIAM-B", epochs=60, random_state=seed)
flat.fit(disc.X_train, disc.y_train)
default = BIAMClassifier(random_state=seed).fit(
    disc.X_train, disc.y_train, disc.X_meta, disc.y_meta
)
scores = [e.score(disc.X_test, disc.y_test) for e in (flat, clf, default)]
assert scores[1] < scores[0] < scores[2]
print("accuracy: BIAM-B {:.3f}, BIAM {:.3f}, BIAM-X {:.3f}".format(*scores))

# %% [markdown]
# In this run it does not. With symmetric flips most labels are right everywhere, so uniform weights find the boundary too, and the published loop ends below them. `BIAM-X`, which estimates how often labels are flipped, is ahead of both.
#
# ## Where a loss misleads
#
# A row can have a high loss because its label is wrong, or because it is **rare**. The network cannot tell. Here the inside of the disc is made rare, one row to ten, and 30 % of the labels are flipped:

# %%
rare = make_disc_classification(2000, 4, noise_rate=noise_rate, imbalance=0.1, random_state=seed)
clf = BIAMClassifier(solver="published", epochs=60, random_state=seed)
clf.fit(rare.X_train, rare.y_train, rare.X_meta, rare.y_meta)
clean = ~rare.mask
minority = rare.truth["y_clean"] == np.bincount(rare.truth["y_clean"]).argmin()
mean = [clf.weights_[clean & minority].mean(), clf.weights_[clean & ~minority].mean()]
assert mean[0] < 0.9 < 1 < mean[1]
print("mean weight of clean rows: rare class {:.2f}, common class {:.2f}".format(*mean))

# %% [markdown]
# Clean rows of the rare class pay for their rarity: they get less weight than clean rows of the common one. Only the meta rows can speak for them, since their loss is what the weights are judged by. Choose meta rows with that in mind.
#
# ## When a high loss is worth learning from
#
# With the same rarity and **no** wrong label, a high loss means a row the model neglects. The network is free to learn that, too:

# %%
right = make_disc_classification(2000, 4, imbalance=0.1, random_state=seed)
clf = BIAMClassifier(solver="published", epochs=60, random_state=seed)
clf.fit(right.X_train, right.y_train, right.X_meta, right.y_meta)
minority = right.y_train == np.bincount(right.y_train).argmin()
rank = spearman(clf.details_["losses"], clf.weights_)
mean = [clf.weights_[minority].mean(), clf.weights_[~minority].mean()]
assert rank > 0.99 and mean[0] > 2 * mean[1]
print(f"Spearman {rank:.2f}; mean weight: rare class {mean[0]:.2f}, common class {mean[1]:.2f}")

# %% alt="Weight against loss: a rising curve, with the rows of the rare class, crosses, at its upper end"
plotting.weight_curve(
    clf.details_["losses"], clf.weights_, minority, names=("common class", "rare class")
)
plt.show()

# %% [markdown]
# Now the curve rises. The same network that silenced high losses gives them the floor, because here the meta rows gain from it. This is what a fixed threshold could not do.
#
# :::{admonition} Exercise
# Between these two runs lies a noise rate at which the curve turns over. Find it to the nearest 0.05, by calling `make_disc_classification` with `imbalance=0.1` and a growing `noise_rate`. What does the curve look like there?
# :::
#
# :::{admonition} Hint
# :class: dropdown
# Follow `spearman(clf.details_["losses"], clf.weights_)`. Where it is far from both $1$ and $-1$ the curve is not monotone: draw it with `plotting.weight_curve`.
# :::
#
# ## Take-away
#
# - The weight of a row is a learned function of its loss, and of nothing else.
# - Standardising makes it blind to units and to progress; normalising keeps it from being a learning rate.
# - Under shifted and under flipped labels it learns to fall, and corrupted rows get less weight. With right labels and a rare class it learns to rise.
# - Less weight on wrong rows does not by itself make a better model. Compare with uniform weights, and with the clean rows alone.
# - Rare rows look like wrong rows; where both occur, the network has to choose.
# - The default replaces the network by chances that labels are right, and keeps it for more than two classes.
#
# How can a loss on meta rows say anything about the weight of a training row? That is the [next lesson](lesson_3_bilevel_optimizer.ipynb).
