# %% [markdown]
# # The rivals
#
# Who the models are compared with, and on what terms. Every rival is a scikit-learn estimator of the registry `biam.baselines.registry`, and comes in up to three settings:
#
# - **as published** (the plain name): as the experiments of BIAM ran it. Inputs are filled by the column mean, settings are fixed, and it never sees the clean meta rows.
# - **fair** (`-fair`): gaps as the learner likes them best (its own handling, or the mean with a missing indicator beside it), settings chosen by cross-validation or early stopping on the training rows.
# - **with meta rows** (`+meta`): the fair setting, and the same information that BIAM gets. The clean meta rows are cut in two halves; one model is trained on the training rows and
#   the first half, another on the training rows and the second. Each predicts the half it has not seen, and a calibration (a straight line, or a logistic curve on the log-odds) is fitted to these predictions.
#   The answer is the calibrated mean of the two models: all meta rows train, and none calibrates a model that has seen it.
#
# One more line of every table is not a rival but a question: `meta-only`, the additive model fitted to the clean meta rows and nothing else.

# %% tags=["parameters"]
task = "classification"

# %%
import pandas as pd
from IPython.display import HTML

from biam.baselines.registry import RIVALS

# %%
names = ["name", "settings", "package", "version", "reference", "note"]
table = pd.DataFrame([{name: getattr(r, name) for name in names} for r in RIVALS.values()])
assert table["version"].notna().all()
# The build of a library, such as +cpu, is no part of its version.
table["version"] = table["version"].str.partition("+")[0]
table["settings"] = table["settings"].str.join(", ")
text = table.to_html(index=False)
HTML(f"<style>.left td {{text-align: left !important}}</style><div class=left>{text}</div>")

# %% [markdown]
# ## One of them, used
#
# A rival takes data frames with categories and gaps as they are.

# %%
from biam.baselines.registry import make_rival, rival_names
from biam.datasets import load_breast_cancer

data = load_breast_cancer()
X = data.X.mask(data.X.quantile(0.9) < data.X)
model = make_rival("HGB", task, "fair", random_state=0).fit(X.iloc[:400], data.y[:400])
score = (model.predict(X.iloc[400:]) == data.y[400:]).mean()
assert score > 0.9
print(f"accuracy {score:.3f}")

# %%
for setting in ("published", "fair"):
    print(setting, *rival_names(task, setting), sep="\n  ")

# %% [markdown]
# ## What to keep in mind
#
# - A fair setting is not always the better one at a threshold of one half: with few positive rows and flipped labels an early-stopped model predicts the common class throughout, while its ranking (AUROC) may be better.
# - Default EBM with pairs takes minutes on 840 rows here. Tables E6 and E7 have it as published once, in the second scenario, and with coarser bins and fewer bags (`EBM-fair`) everywhere: cheaper, and a little worse.
# - cleanlab drops rows whose label looks wrong; around it stands histogram gradient boosting. For regression it removes little.
# - M-GAM is our encoding of its recipe: indicators and missing-by-threshold columns made on the training rows alone, with an L0 penalty. Its own code encodes training and test rows together.
