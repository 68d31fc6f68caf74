# %% [markdown]
# # What the hypergradient costs
#
# The published loop differentiates through its look-ahead step. Written straightforwardly, that takes autograd with
# `create_graph=True`: a graph of the lower gradient, and a second backward pass through it.
# Equation {eq}`eq-onestep` says that none of this is needed. This page measures the difference, on the same rows,
# with the same random draws, in one process on one thread.

# %% tags=["parameters"]
profile = "smoke"
stored = "../book/results"

# %%
import matplotlib.pyplot as plt
from IPython.display import HTML

from biam.experiments.records import Cell
from biam.experiments.report import load_results
from biam.experiments.runner import run_cell
from biam.plotting.tables import costs

# %% [markdown]
# ## Measured just now
#
# `double-backward` is the loop as one would write it down; `one-step` is `solver="published"`.
# Both take turns, and processor time is compared, not wall time. Times differ between machines and runs, so the cell shows
# none and asks of a short run only half of what the full run must show; the trajectory must be the same in any case.

# %%
cell = Cell("benchmark", "published_loop", "one-step", 42)
now = {row["metric"]: row["value"] for row in run_cell(cell, profile)}
assert now["ratio"] > 5
assert now["max_trajectory_difference"] < 1e-5

# %% [markdown]
# ## The stored full run
#
# 800 rows, 8 features, 30 % shifted labels, 20 % gaps, 40 epochs, median of five repeats.

# %%
rows = load_results(stored, "benchmark")
columns = ["method", "metric", "value", "profile", "commit", "lock"]
HTML(rows[columns].to_html(index=False, float_format="%.3g"))

# %%
value = rows.set_index(["method", "metric"])["value"]
assert value["one-step", "ratio"] > 10
assert value["one-step", "max_trajectory_difference"] < 1e-5

# %% [markdown]
# The parameters of both loops stay together to less than $10^{-5}$ along the whole run, and the closed form is more than ten times cheaper.

# %% alt="Two bars of processor seconds for 40 epochs: double backward takes more than ten times as long as the one-step closed form."
ax = costs(rows[rows["metric"] == "cpu_seconds"], unit="processor seconds, 40 epochs")
plt.show()

# %% [markdown]
# Where does the factor come from? For a model that is linear in its parameters every derivative of the loop is a product with one
# matrix, and a batch has only 64 rows: what costs time there is the number of calls, not the arithmetic. The closed form needs about sixty
# small array operations per step and keeps no graph.
#
# Measure it on your machine:
#
# ```bash
# biam reproduce benchmark --profile full
# ```
