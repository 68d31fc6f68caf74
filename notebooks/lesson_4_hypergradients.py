# %% [markdown]
# # Lesson 4: hypergradients, agreement and cost
#
# **You will learn**
#
# - six ways to differentiate the meta loss through the lower problem, and what each of them computes;
# - that they agree where theory says they must, here and now;
# - how their errors fall with the number of steps, and what they cost;
# - which one to take.
#
# [Lesson 3](lesson_3_bilevel_optimizer.ipynb) looked one step ahead. This lesson looks further.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import torch

from biam import plotting
from biam.datasets.synthetic import make_additive_regression
from biam.experiments.hypergradients import at_minimum

# %%
from biam.hypergradient import (
    FiniteDifference,
    ForwardMode,
    Implicit,
    LowerRisk,
    OneStep,
    Truncated,
    Unrolled,
)

# %% tags=["parameters"]
noise_rate = 0.3
missing_rate = 0.2
l2 = 0.1
seed = 42
stored = "../book/results"

# %% [markdown]
# ## What is wanted
#
# The weights $\tilde\nu(\theta)$ decide where the lower problem has its minimum $w^*(\theta)$, and the meta loss is taken there. Its derivative in $\theta$ is the **hypergradient**. Two questions make the methods differ: is the lower problem solved, or only followed for $K$ steps of length $\eta$? And is the chain rule read backwards or forwards?
#
# With $R$ the weighted risk of the rows, $H$ its second derivative and $g$ the gradient of the meta loss, one line covers most answers:
#
# $$
# \frac{\partial L_{\mathrm{meta}}}{\partial \tilde\nu_i} = -\frac1n \bigl\langle \nabla l_i, \, q \bigr\rangle ,
# $$ (l4-adjoint)
#
# and the methods differ in $q$:
#
# | record | $q$ | exact for |
# | --- | --- | --- |
# | `OneStep` | $\eta\, g$ | one step |
# | `Truncated` | $\eta \sum_{k<K} (I - \eta H)^k g$, when the steps stand still at $w^*$ | the last $K$ steps |
# | `Unrolled` | one such vector per step, from a given start | all steps made |
# | `Implicit` | $H^{-1} g$: conjugate gradients, Neumann series, or dense | the minimum |
# | `ForwardMode` | none: carries $\partial w / \partial \theta_j$ along, for each $j$ | all steps made |
# | `FiniteDifference` | products with $H$, or whole runs, by differences | the same, up to $\epsilon^2$ |
#
# Below, the lower problem is solved for the weights of a fresh weighting network, so that the exact answer is known. The ridge is large, so that also the slow methods can be seen to arrive.

# %%
data = make_additive_regression(
    800, 8, noise_rate=noise_rate, missing_rate=missing_rate, random_state=seed
)
case = at_minimum(data, "regression", seed, l2)
lower, upper, lr = case.lower, case.upper, case.lr
assert lower.here.gradient(lower.weights).abs().max() < 1e-10
print(f"{len(lower.rows)} rows, {len(lower.w)} lower and {len(case.exact)} upper parameters")
print(f"eta = {lr:.4f}, one over the largest eigenvalue of H; the smallest is {case.mu:.2f}")

# %% [markdown]
# ## The exact answer, twice
#
# For squared losses the minimum is a formula, $w^* = (\tfrac1n J^\top N J + \lambda I)^{-1} \tfrac1n J^\top N y$ with $N$ the weights on a diagonal and $J$ the design. Torch can differentiate through the solution of that system. `Implicit` needs no formula for the minimum, only products with $H$.

# %%
J, y, n = lower.rows.inputs.joint, lower.rows.y, len(lower.rows)
nu = lower.weights.clone().requires_grad_()
normal = J.T @ (nu[:, None] * J) / n + l2 * torch.eye(J.shape[1], dtype=J.dtype)
w = torch.linalg.solve(normal, J.T @ (nu * y) / n)
meta_loss = (upper.rows.inputs.joint @ w - upper.rows.y).square().mean()
(by_autograd,) = torch.autograd.grad(meta_loss, nu)
by_solving, _ = Implicit("cg", n_steps=500).gradient(lower, upper)
assert torch.allclose(w.detach(), lower.w, rtol=0, atol=1e-9)
assert torch.allclose(by_solving, lower.pull(by_autograd), rtol=1e-6, atol=1e-9)

# %% [markdown]
# They are one vector: `gradient` of a record takes the lower and the upper risk, and returns the derivative in $\theta$, with the meta rows where they were judged.
#
# ## Where they must agree
#
# One truncated step is one step. Forwards and backwards through the same steps are the same number, to rounding. At the minimum, $K$ truncated steps are the first $K$ terms of the Neumann series for $H^{-1}$.

# %%
one, _ = OneStep(lr).gradient(lower, upper)
ten, _ = Truncated(10, lr).gradient(lower, upper)
for method, expected in [
    (Truncated(1, lr), one),
    (Unrolled(10, lr), ten),
    (ForwardMode(10, lr), ten),
    (Implicit("neumann", n_steps=10, lr=lr), ten),
]:
    assert torch.allclose(method.gradient(lower, upper)[0], expected, rtol=1e-8, atol=1e-12)

# %% [markdown]
# Differences have an error of second order in their width. On squared losses the difference of a product happens to be exact; that of whole runs shows the order: a tenth of the width, a hundredth of the error.

# %%
sizes = {}
for eps in (1.0, 0.1):
    method = FiniteDifference(10, lr, eps=eps, of="solution")
    sizes[eps] = float((method.gradient(lower, upper)[0] - ten).norm() / ten.norm())
assert 50 < sizes[1.0] / sizes[0.1] < 200
by_products, _ = FiniteDifference(10, lr).gradient(lower, upper)
assert torch.allclose(by_products, ten, rtol=1e-6, atol=1e-10)

# %% [markdown]
# ## Error against steps
#
# The smallest eigenvalue $\mu$ of $H$ sets the pace of everything that takes gradient steps: the error falls like $(1 - \eta\mu)^K$ {cite:p}`grazzi2020,ji2021`. Conjugate gradients choose their steps together; they need at most one per distinct eigenvalue, and far fewer when the eigenvalues cluster. Errors below one in a million stand at the bottom of the figure.

# %%
families = {
    "Truncated": lambda k: Truncated(k, lr),
    "Implicit-neumann": lambda k: Implicit("neumann", k, lr=lr),
    "Implicit-cg": lambda k: Implicit("cg", k),
}
steps = {"Truncated": [1, 3, 10, 30, 100, 300, 1000], "Implicit-neumann": [1000, 2000, 3000, 3100]}
steps["Implicit-cg"] = [1, 2, 3, 5, 10, 20, 30, 50, 70]
norm, errors = case.exact.norm(), {}
for name, make in families.items():
    tried = {k: make(k).gradient(lower, upper)[0] for k in steps[name]}
    errors[name] = {k: float((found - case.exact).norm() / norm) for k, found in tried.items()}

# %% alt="Relative error over the number of steps, both logarithmic. Truncated steps and the Neumann series lie on one line, a little below the proven rate, and need thousands of steps; conjugate gradients fall below one in a million within some dozen"
rate = 1 - lr * case.mu
plotting.error_against_steps(errors, rate=rate)
plt.show()

# %%
series, cg = errors["Implicit-neumann"], errors["Implicit-cg"]
measured = (series[3100] / series[3000]) ** 0.01
assert 2 / 3 < (1 - rate) / (1 - measured) <= 1
assert abs(series[1000] / errors["Truncated"][1000] - 1) < 1e-6
assert cg[30] < series[3000] and cg[70] < 1e-8
print(f"an error falls per step by the factor {measured:.5f}; proven: at most {rate:.5f}")

# %% [markdown]
# The proven pace is that of the worst direction, and the measured one is hardly better. Truncated steps and the series have one error. Thirty conjugate gradients are nearer than three thousand terms of the series.
#
# ## When the lower problem is not solved
#
# In the loop $w$ is never quite at rest. `Implicit` then answers a question about a minimum that is somewhere else, and more conjugate gradients do not help; more lower steps do. Take $w$ away from the minimum:

# %%
far = lower.w + 0.1 * torch.randn(
    lower.w.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
)
away = LowerRisk(lower.problem, lower.rows, lower.learned, far)
methods = {f"Implicit-cg, {k} steps": Implicit("cg", k) for k in (10, 50, 250)}
methods |= {f"Truncated, {k} steps": Truncated(k, lr) for k in (10, 100, 1000)}
found = {name: method.gradient(away, upper)[0] for name, method in methods.items()}
error = pd.Series({name: float((x - case.exact).norm() / norm) for name, x in found.items()})
assert error["Implicit-cg, 250 steps"] > 10 * error["Truncated, 1000 steps"]
assert abs(error["Implicit-cg, 250 steps"] / error["Implicit-cg, 50 steps"] - 1) < 0.01
error.to_frame("relative error").round(3)

# %% [markdown]
# From 50 conjugate gradients on nothing changes: what is left is the distance to the minimum. A thousand look-ahead steps walk there first. So the lower solver and the hypergradient belong together: the exact solver with `weighting="network"` solves the lower problem and differentiates the solution; the published loop takes one step and differentiates that step.
#
# ## Error against cost
#
# How long they take is part of the table `benchmark`: the same kind of data with a smaller ridge, processor time as a multiple of one-step in the same run. Stored full run:

# %%
from biam.experiments.report import load_results

rows = load_results(stored, "benchmark")
rows = rows[rows["scenario"] == "hypergradients/regression"]
table = rows.pivot(index="method", columns="metric", values="value").reset_index()

# %% alt="Relative error over cost, both logarithmic. One-step is cheapest with an error of about a fifth. Truncated, unrolled, Neumann and difference methods fall slowly as they cost ten to a thousand one-steps; forward mode and differences of solutions have the same errors at more than ten times the cost. Conjugate gradients fall steeply, below one in a million at some thirty one-steps; the dense solve is exact at about forty"
plotting.error_against_cost(table)
plt.show()

# %%
error, cost = (table.set_index("method")[name] for name in ("relative_error", "ratio"))
cg, cheap = "Implicit-cg:n_steps=30", "Truncated:n_steps=10"
assert error[cg] < 1e-3 and cost[cg] < 30
assert error["Truncated:n_steps=1000"] > 0.01 and cost["Truncated:n_steps=1000"] > 300
assert cost["ForwardMode:n_steps=10"] > 8 * cost[cheap]
assert table.set_index("method").loc["OneStep", "cosine"] > 0.98

# %% [markdown]
# Thirty conjugate gradients cost less than thirty one-steps and are right to three digits and more; a thousand truncated steps cost more than three hundred and are still off by more than one per cent. Forward mode pays once per upper parameter. And one-step, the cheapest, is wrong in length more than in direction: the cosine of its angle to the exact hypergradient is above 0.98 in this table. That is one reason why the published loop gets as far as it does.
#
# ## One optimizer for all of them
#
# `BilevelOptimizer` takes any record, with any lower problem that is linearised as in lesson 3.

# %%
from biam.bilevel import BilevelOptimizer
from biam.penalties import WeightEntropy
from biam.weighting import WeightingNetwork

optimizer = BilevelOptimizer(lower.problem, WeightingNetwork(), lower_lr=0.01, upper_lr=0.1)
state = optimizer.init(lower.w, torch.Generator().manual_seed(seed))
for method in (None, Truncated(5, 0.01), ForwardMode(2, 0.01), Implicit("cg", 20, damping=0.1)):
    changed = replace(optimizer, hypergradient=method, upper_penalty=WeightEntropy(0.01))
    result = changed.run(state, lower.rows, upper.rows, n_epochs=2)
    assert result.status == "finished" and not torch.equal(result.state.upper, state.upper)

# %% [markdown]
# `upper_penalty` is a price on uneven weights: the loop then does not trust a handful of rows, see {eq}`eq-entropy`.
#
# ## Which one
#
# | your lower problem | take |
# | --- | --- |
# | stepped, batches of a few dozen rows | `OneStep`: one look, nothing to tune |
# | stepped, and one step looks too short | `Truncated`, 5 to 20 steps |
# | short, and the start matters (few steps from an initial $w$) | `Unrolled` |
# | solved, convex | `Implicit("cg")`; `Implicit("dense")` up to some hundred parameters |
# | solved, not convex | `Implicit("cg", damping=...)` |
# | few upper parameters, many steps, little memory | `ForwardMode` |
# | gradients only, no second derivatives to be had | `FiniteDifference` |
#
# The Neumann series has no case of its own: it has the error of truncated steps and loses to conjugate gradients. It is there because the literature uses it {cite:p}`lorraine2020`.
#
# :::{admonition} Exercise
# Set `l2` to 0.01 in the parameters cell and run the page again. Which methods suffer, and why does the rate say so beforehand?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# The smallest eigenvalue of $H$ is about $2\lambda$, so $\mu$ falls to a tenth while $\eta$ hardly moves, and all methods that take gradient steps need ten times as many. Conjugate gradients go with the square root of the condition number, and the dense solve does not care.
# :::
#
# ## Take-away
#
# - A hypergradient is exact for something: one step, $K$ steps, or the minimum. Say which.
# - Backwards, forwards and by differences, the same steps give the same number.
# - Errors of stepped methods fall like $(1 - \eta\mu)^K$; conjugate gradients are far ahead when the lower problem is solved.
# - Away from the minimum, solving the system better does not help.
