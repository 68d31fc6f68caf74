# %% [markdown]
# # The published numbers, met
#
# The README files of BIAM {cite:p}`zhou2025biam` print 25 single numbers with their settings.
# This page shows each of them beside ours. `solver="published"` follows the paper's loop step by step, random
# streams included (see [](../book/method.md)); a verdict says whether **all printed digits** agree.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
from IPython.display import HTML

from biam.experiments.report import report
from biam.experiments.stored import provenance, recompute
from biam.plotting.tables import differences

# %% [markdown]
# ## Recomputed just now
#
# First some of the cells are computed again, here, on embedded data, and compared with the stored full run.
# If the code had moved away from the stored numbers, this page would not build.

# %%
now = recompute("published", stored, profile=profile)
assert now["equal"].all(), now[~now["equal"]]
now.round({"stored": 4, "now": 4})

# %% [markdown]
# ## Published beside reproduced
#
# The stored run has every cell. `biam reproduce published --profile full` makes it again in seconds.

# %%
rows = report(stored, ["published"])
columns = ["scenario", "method", "seed", "metric", "paper", "reproduced", "verdict"]
HTML(rows[columns].to_html(index=False, float_format="%.4f"))

# %%
assert (rows["verdict"] == "met").all()
assert len(rows) == 28

# %% [markdown]
# **Every published number is met to all its printed digits.** Besides the 25 rows, the table holds three numbers that stand in
# the text: the mean absolute missing effect, the rank correlation of weight and loss, and the error of the mean prediction.
#
# The figure shows how close: the grey band is half a unit of the last printed digit.

# %% alt="Difference of each reproduced number from the published one, in half units of the last printed digit: all points lie inside the band from minus one to one."
ax = differences(rows)
plt.show()

# %% [markdown]
# ## What the numbers say, and what not
#
# Some things can be read off at once, and not all of them are what one expects of the method.

# %%
value = rows.set_index(["scenario", "method", "seed", "metric"])["reproduced"].sort_index()
clean, noisy = "regression/clean", "regression/noise30_missing20"
shift, mnar = "extrapolation/domain_shift", "regression/mnar25_noise20"
assert value[shift, "BIAM", "42", "mse"] < value[shift, "BIAM-H", "42", "mse"] / 100
assert value[noisy, "BIAM", "42", "mse"] < value[noisy, "BIAM-B", "42", "mse"]
assert value[noisy, "BIAM", "7", "mse"] < value[noisy, "BIAM-B", "7", "mse"]
assert value[clean, "BIAM", "42", "mse"] > value[clean, "BIAM-B", "42", "mse"]
assert value[mnar, "BIAM", "42", "mse"] > value[mnar, "BIAM-I", "42", "mse"]

# %% [markdown]
# - Outside the range of the training rows a hinge goes on as a line and a step stays flat: with seed 42 the error of `BIAM-H` is more than a hundred times larger.
# - With wrong labels and gaps the learned weights help a little (`BIAM` below `BIAM-B`, both seeds).
# - On clean data they cost a little, and with values missing not at random the model **without** missing interactions (`BIAM-I`) is better.
#
# These are single seeds of small tables; [the limits page](#limits) says how far such numbers carry.
#
# ## Where they come from

# %%
origin = provenance("published", stored)
assert origin["cells"].sum() == 17
origin

# %% [markdown]
# `seconds` is an upper bound: each cell's wall time is rounded up to 5, 10, 20, ... so that two runs give the same file, bit for bit.
#
# Run it with other parameters: change `profile` in the first cell to `"full"`, or
#
# ```bash
# biam reproduce published --profile full && biam report && biam verify
# ```
