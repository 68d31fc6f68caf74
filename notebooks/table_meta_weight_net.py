# ---
# jupyter:
#   biam:
#     needs: []
# ---

# %% [markdown]
# # Meta-Weight-Net on a small CNN
#
# Meta-Weight-Net {cite:p}`shu2019` is where the weighting network of BIAM comes from: a small network that turns the loss of a row into its weight, trained on a few clean rows by one look-ahead step. Here it stands over a CNN of two convolutions, beside what else has been proposed for wrong labels and long tails, all on the same rows, from the same start and for the same 600 steps.
#
# - **MNIST**: 2,000 training pictures, 200 clean meta pictures, the 10,000 official test pictures.
# - **Digits**: 1,247 training pictures of 8 × 8, 100 clean meta pictures, 450 for testing.
#
# `uniform40`: 40 % of the training labels are another class, drawn at random; the published tables let the draw hit the true class too, so that their 40 % are 36 % wrong. `flip40`: 40 % of all labels are the next class. `lt100`: class sizes fall geometrically, 100:1; so `lt20`.
#
# :::{important}
# All stored numbers are a **quick run**: three seeds for `mnist/uniform40`, on which the claims below are judged, one seed for all else. The full profile (all rates, tails up to 200:1, five seeds) was not run.
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
from biam.experiments.percent import percent_table
from biam.experiments.report import load_curves, load_results
from biam.experiments.stored import provenance, recompute
from biam.experiments.summary import means
from biam.experiments.tables.meta_weight_net import PUBLISHED

# %% [markdown]
# ## Recomputed just now

# %%
now = recompute("meta-weight-net", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round(4)

# %% [markdown]
# ## Accuracy on clean test pictures
#
# In per cent, mean ± standard deviation where there are several seeds; the best of a column is bold. All scores are those of the **last** step, but for `CE-early`.
#
# - `CE`: plain training. `CE-early`: the same, stopped at the epoch with the least loss on the meta rows. `focal`: {cite:p}`lin2017`, $\gamma = 2$. `class-balanced`: {cite:p}`cui2019`, $\beta = .9999$.
# - `fine-tuning`: CE, then a fifth of the steps on the meta rows. `meta-only`: the meta rows alone. `L2RW`: {cite:p}`ren2018`. `GLC`: {cite:p}`hendrycks2018`. `co-teaching`: {cite:p}`han2018`, which is told the true share of wrong labels.
# - `MW-Net`: 1-100-1 on standardised losses, weights divided by their mean.

# %%
results = load_results(stored, "meta-weight-net")
planned = {cell[1:] for cell in TABLES["meta-weight-net"].profiles["quick"].cells}
assert set(results[["scenario", "method", "seed"]].itertuples(index=False, name=None)) == planned
ablation = results["method"].str.startswith("MW-Net/")
compared = results[~ablation]
tails = compared["scenario"].str.contains("/lt")
mnist = compared["scenario"].str.startswith("mnist/")
HTML(percent_table(compared[mnist], "accuracy"))

# %%
HTML(percent_table(compared[~mnist], "accuracy"))
