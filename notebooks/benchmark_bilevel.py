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
from biam.plotting.bilevel import error_against_cost
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
results = load_results(stored, "benchmark")
rows = results[results["scenario"] == "published_loop"]
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
# ## Other hypergradients
#
# One step is not the only way. The table has six records at a solved lower problem, where the exact hypergradient is known:
# how wrong each of them is, and how many one-steps it costs in the same run. What they are is the subject of
# [lesson 4](lesson_4_hypergradients.ipynb). Errors do not depend on the clock, so some are computed again now:

# %%
others = results[results["scenario"].str.startswith("hypergradients/")]
then = others.set_index(["scenario", "method", "metric"])["value"]
for method in ("OneStep", "Truncated:n_steps=10", "Implicit-cg:n_steps=30"):
    cell = Cell("benchmark", "hypergradients/regression", method, 42)
    now = {row["metric"]: row["value"] for row in run_cell(cell, profile)}
    stored_error = then["hypergradients/regression", method, "relative_error"]
    assert abs(now["relative_error"] - stored_error) < 1e-6

# %%
wide = then.unstack("metric").reset_index()
wide = wide[["scenario", "method", "relative_error", "cosine", "ratio"]]
HTML(wide.sort_values(["scenario", "ratio"]).to_html(index=False, float_format="%.3g"))

# %% alt="Relative error over cost for the classification data, both logarithmic. One-step is cheapest with an error of about a fifth; stepped methods need a thousand one-steps to come near one per cent; conjugate gradients fall below one in a million at about fifteen"
error_against_cost(wide[wide["scenario"] == "hypergradients/classification"])
plt.show()

# %%
by = wide.set_index(["scenario", "method"])
cg, series = (
    by.xs(name, level="method")
    for name in ("Implicit-cg:n_steps=30", "Implicit-neumann:n_steps=1000")
)
assert (cg["relative_error"] < 1e-4).all() and (cg["ratio"] < 30).all()
assert (series["relative_error"] > 0.01).all() and (series["ratio"] > 200).all()

# %% [markdown]
# In both tasks thirty conjugate gradients are right to four digits at less than thirty one-steps; a thousand terms of the
# Neumann series cost more than two hundred and are off by more than one per cent.
#
# Measure it on your machine:
#
# ```bash
# biam reproduce benchmark --profile full
# ```
