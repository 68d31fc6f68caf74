# %% [markdown]
# # Lesson 3: the bilevel optimizer
#
# **You will learn**
#
# - how one batch passes through the three steps of the published loop;
# - how the loss on meta rows gets a derivative in the weight of a training row, without differentiating twice;
# - to check that derivative, here and now, against automatic differentiation;
# - to run the optimizer by hand: `init`, `step`, `run`, and to resume a run that was cut.
#
# This is the loop of the paper, `solver="published"`. The default of the package has two levels as well, but neither moves by gradient steps: coefficients are solved for, penalties and the noise of the labels go to the fixed point of a marginal likelihood ([](how_biam_x_works.ipynb)).

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import torch

from biam import plotting
from biam.datasets.synthetic import make_additive_regression

# %% tags=["parameters"]
noise_rate = 0.3
missing_rate = 0.1
epochs = 40
seed = 42

# %% [markdown]
# ## Two problems, one inside the other
#
# The **lower problem** fits the parameters $w$ of the model to weighted training rows. The **upper problem** chooses $\theta$, the parameters of the [weighting network](lesson_2_weighting_network.ipynb), such that the fitted model does well on the clean meta rows; {eq}`eq-bilevel` writes both down.
#
# Solving the lower problem anew for each $\theta$ would be exact and slow. The published loop takes turns instead: for every batch, one step in $w$, one in $\theta$. The difficulty is that the meta loss contains no $\theta$. It depends on $\theta$ only through what the weights do to $w$. So before judging the weights, the loop takes a step in $w$ that it will not keep, only to see where these weights lead.

# %% alt="Three boxes from top to bottom. Lower step: w moves along the gradient of the weighted risk R, kept. Look ahead: w-hat of theta is one more such step, not kept. Upper step: theta moves along the gradient of the meta loss at w-hat, kept. A training batch feeds the first two, a meta batch the third; an arrow leads from the third back to the first: the new theta weights the next batch"
plotting.three_step_loop()
plt.show()

# %% [markdown]
# $\eta$ is `lower_lr`, $\mu$ is `upper_lr`, and $R(w; \theta) = \frac1n \sum_i \tilde\nu_i\, l_i(w) + \mathrm{pen}(w)$ is the weighted risk of the batch.
#
# ## The derivative in one line
#
# Look ahead from $w$ with weights $\tilde\nu$: $\hat w = w - \eta \nabla_w R$. The weight of row $i$ enters $\hat w$ in one place only,
#
# $$
# \frac{\partial \hat w}{\partial \tilde\nu_i} = -\frac{\eta}{n} \nabla_w l_i(w),
# $$ (l3-effect)
#
# so with $g = \nabla L_{\mathrm{meta}}(\hat w)$ the chain rule gives
#
# $$
# \frac{\partial L_{\mathrm{meta}}(\hat w)}{\partial \tilde\nu_i} = -\frac{\eta}{n} \bigl\langle \nabla_w l_i(w), g \bigr\rangle .
# $$ (l3-onestep)
#
# Read it aloud: a row whose gradient agrees with that of the meta rows lowers the meta loss when it gets more weight. A row that pulls the other way raises it {cite:p}`shu2019`.
#
# A program that asks automatic differentiation for this has to keep the graph of the first gradient and differentiate through it, a **double backward**. Formula {eq}`l3-onestep` needs none of that. All $n$ inner products together are one directional derivative of the losses along $g$; for a model that is linear in $w$, that is the model evaluated once with $g$ in the place of $w$.
#
# ## Checked against automatic differentiation
#
# A small table, in double precision so that the comparison is sharp.

# %%
from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer, BilevelState
from biam.hypergradient import OneStep, weight_hypergradient
from biam.losses import SquaredError
from biam.lower import AdditiveProblem, Rows
from biam.weighting import WeightingNetwork

# %%
data = make_additive_regression(
    800, 8, noise_rate=noise_rate, missing_rate=missing_rate, random_state=seed
)
basis = Basis.fit(data.X_train, dtype=torch.float64)
model = AdditiveModel(basis, interactions=False, generator=torch.Generator().manual_seed(seed))
rows = Rows(basis.design(data.X_train), torch.tensor(data.y_train))
meta = Rows(basis.design(data.X_meta), torch.tensor(data.y_meta))
batch, judge = rows.take(slice(0, 64)), meta.take(slice(0, 64))
print(f"{len(rows)} training rows, {len(meta)} meta rows, {model.layout.size} parameters")

# %% [markdown]
# First the long way: build $\hat w$ with `create_graph=True`, and let torch differentiate the meta loss in the weights.

# %%
loss, eta = SquaredError(), 0.05
nu = torch.ones(64, dtype=torch.float64, requires_grad=True)
w = model.w.detach().clone().requires_grad_()
risk = (nu * loss.value(model.outputs(w, batch.inputs), batch.y)).mean()
(gradient,) = torch.autograd.grad(risk, w, create_graph=True)
ahead = w - eta * gradient
meta_loss = loss.value(model.outputs(ahead, judge.inputs), judge.y).mean()
(by_autograd,) = torch.autograd.grad(meta_loss, nu)

# %% [markdown]
# Then ours. `linearise` gives losses and derivatives of the batch at $w$; `OneStep` knows where to look and which vector to multiply with.

# %%
problem = AdditiveProblem(model, loss)
here = problem.linearise(w.detach(), batch)
method = OneStep(lr=eta)
point = method.point(w.detach(), here.gradient(nu.detach()))
adjoint = method.adjoint(problem.linearise(point, judge).gradient())
by_formula = weight_hypergradient(here, adjoint)
assert (by_formula - by_autograd).abs().max() < 1e-10
assert by_autograd.abs().max() > 1e-4

# %% [markdown]
# The two agree to ten decimals, row by row. No graph was kept for the second.
#
# From the weights it goes on to $\theta$, by the pullback of the network. Once more with torch, where the network is written out as in {eq}`eq-network`:

# %%
network = WeightingNetwork()
theta = network.init(torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()
z = (here.losses - here.losses.mean()) / (here.losses.std() + 1e-8)
first, bias, second, offset = theta.split([10, 10, 10, 1])
raw = torch.sigmoid(torch.relu(z[:, None] * first + bias) @ second + offset)
weights = raw / (raw.mean() + 1e-8)
(theta_by_autograd,) = torch.autograd.grad(weights @ by_autograd, theta)

# %%
learned = network.linearise(theta.detach(), here.losses)
assert torch.allclose(learned.weights, weights.detach(), rtol=0, atol=1e-12)
assert (learned.vjp(by_formula) - theta_by_autograd).abs().max() < 1e-10

# %% [markdown]
# :::{admonition} Question
# Formula {eq}`l3-onestep` is exact for one step. Why is it not the derivative of the upper problem {eq}`eq-bilevel`?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# Because $\hat w$ is not $w^*(\theta)$, the solution of the lower problem. Weights that look good one step ahead need not be those whose solution is good. The implicit hypergradient {cite:p}`pedregosa2016,lorraine2020` replaces $\eta\, g$ by the solution of a linear system with the Hessian of the lower problem; the exact solver does this with `weighting="network"`. In the package, only the record that says where to look and what to multiply with is another one.
# :::
#
# ## By hand: init and step
#
# The optimizer holds settings, and a **state** holds everything that changes: $w$, $\theta$, the random stream, and where the run stands.

# %%
optimizer = BilevelOptimizer(problem, network, lower_lr=eta, upper_lr=0.1)
state = optimizer.init(model.w, torch.Generator().manual_seed(seed))
print(
    f"epoch {state.epoch}, batch {state.batch}, {len(state.lower)} + {len(state.upper)} parameters"
)

# %%
after, info = optimizer.step(state, batch, judge)
assert (state.batch, after.batch) == (0, 1)
assert abs(float(info.weights.mean()) - 1) < 1e-6
print(f"lower loss {info.lower_loss:.3f}, meta loss at the look-ahead {info.meta_loss:.3f}")

# %% [markdown]
# `step` returns a new state and leaves the old one as it was. The gradient of the lower step is clipped to norm one, so $w$ has moved by at most `lower_lr`, and $\theta$ by at most `upper_lr`:

# %%
moved = float((after.lower - state.lower).norm()), float((after.upper - state.upper).norm())
assert moved[0] <= 0.05 + 1e-9 and 0 < moved[1] <= 0.1 + 1e-9
print("w moved by {:.4f}, theta by {:.4f}".format(*moved))

# %% [markdown]
# ## Run
#
# `run` goes through epochs: it shuffles the rows, cuts them into batches and takes the meta batches in turn.

# %%
result = optimizer.run(state, rows, meta, n_epochs=epochs)
history = pd.DataFrame(result.history)
assert result.status == "finished" and len(history) == epochs
assert history["meta_loss"].iloc[-1] < 2 / 3 * history["meta_loss"].iloc[0]
history.iloc[[0, 9, -1]].round(3)

# %% alt="Lower and meta loss over the epochs, both falling on a logarithmic scale"
plotting.training_curves(result.history)
plt.show()

# %% [markdown]
# The meta loss has fallen by more than a third. The weights at the end:

# %%
losses = problem.linearise(result.state.lower, rows).losses
weights = network.weights(result.state.upper, losses)
mask = torch.tensor(data.mask)
assert weights[mask].mean() < weights[~mask].mean()
print(f"mean weight: clean {weights[~mask].mean():.2f}, shifted {weights[mask].mean():.2f}")

# %% [markdown]
# ## Cut and resumed
#
# Since all that changes is in the state, a run can be stopped anywhere and go on later, in another process too. The result is not close to that of an undisturbed run, it is the same, bit for bit. Half of the epochs first, then the state through a file, then the rest:

# %%
import io

file = io.BytesIO()
half = optimizer.run(state, rows, meta, n_epochs=epochs // 2)
torch.save(half.state.to_dict(), file)
file.seek(0)
restored = BilevelState.from_dict(torch.load(file))
resumed = optimizer.run(restored, rows, meta, n_epochs=epochs)
assert torch.equal(resumed.state.lower, result.state.lower)
assert torch.equal(resumed.state.upper, result.state.upper)
assert torch.equal(resumed.state.rng, result.state.rng)

# %% [markdown]
# Not one bit differs, in $w$, in $\theta$ or in the random stream. `n_epochs` counts all epochs of a run, those of the state included, so the same call finishes whatever is left.
#
# ## Other parts
#
# Each part can be replaced by another one. Without an upper learner, the optimizer trains with uniform weights and takes the first step only; that is `BIAM-B`:

# %%
uniform = replace(optimizer, upper=None).run(state, rows, None, n_epochs=2)
assert torch.equal(uniform.state.upper, state.upper)
assert not torch.equal(uniform.state.lower, state.lower)
list(uniform.history[0])

# %% [markdown]
# $\theta$ has not moved, no meta rows were needed, and there is no meta loss to record.
#
# :::{note}
# The loop ends where its last batch leaves it, and with steps of this size that is not at rest: compare two neighbouring epochs, and the error on new rows may double or halve. So we do not say here whether learned weights beat uniform ones. That takes several seeds; [lesson 2](lesson_2_weighting_network.ipynb) has five.
# :::
#
# :::{admonition} Exercise
# Set `lower_lr` of the optimizer to 0.005, but leave `hypergradient=OneStep(lr=0.05)`. The loop then looks ten times as far ahead as it steps. Which of the three steps change?
# :::
#
# :::{admonition} Answer
# :class: dropdown
# The first, which gets shorter, and the second, which does not. In the third, the hypergradient in {eq}`l3-onestep` has $\eta = 0.05$ as before; only the $w$ at which it is taken is another one.
# :::
#
# ## Take-away
#
# - Three steps per batch: a step in $w$, a look-ahead, a step in $\theta$.
# - The hypergradient of one step is an inner product per row: does this row pull where the meta rows want to go?
# - It needs one directional derivative, no double backward, and agrees with automatic differentiation to ten decimals.
# - A state holds all that changes; cut and resumed runs end bit for bit alike.
#
# How much time is saved is measured in [](benchmark_bilevel.ipynb). Looking further than one step is [lesson 4](lesson_4_hypergradients.ipynb). To use all this on a real table, go on to [](adult.ipynb).
