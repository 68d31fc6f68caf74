# %% [markdown]
# # Concepts and their products
#
# **You will learn**
#
# - how groups of features become **concepts**, and a prediction a polynomial of them;
# - how a polynomial of order three in many concepts is kept in few numbers, and read all the same;
# - how BATM weighs rows: the three moves of one batch, checked by finite differences;
# - what weights do for such a model when 40 % of the labels are wrong;
# - how groups are found where nobody names them.
#
# CAT is a concept-based Taylor additive model {cite:p}`duong2024`. BATM {cite:p}`zhou2025batm` puts a Meta-Weight-Net {cite:p}`shu2019` over it. BATM's public code cannot be run (every bracketed index is lost from its files), and no number of it is published. The code here is written from the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from biam import plotting
from biam.batm import BATMClassifier
from biam.datasets.synthetic_concepts import make_concept_classification
from biam.experiments.images import make_image_split
from biam.taylor import TaylorHead

# %% tags=["parameters"]
noise_rate = 0.4
seed = 42

# %% [markdown]
# ## The model
#
# The features of group $c$ go through a small network of their own to one number, the concept $z_c$. With $C$ concepts, the output is a polynomial of order $N$,
#
# $$
# f = b + \sum_{k=1}^{N} O_k\, G_k \bigl( I_{k1} z \otimes \dots \otimes I_{kk} z \bigr),
# $$ (lc-taylor)
#
# where $O_k$ has $d \times r$ entries, $G_k$ has $r \times r^k$ and every $I_{kj}$ has $r \times C$. The tensor of all coefficients of order $k$ would have $d\,C^k$; these factors have far fewer when $C$ is large, and $r$, the rank, is chosen.
# The number of parameters is $d + N d r + C r N (N+1) / 2 + \sum_k r^{k+1}$. For nine concepts, two outputs, order two and rank eight, CAT's authors print 824, without the two numbers of $b$:

# %%
head = TaylorHead(n_concepts=9, n_outputs=2, order=2, n_ranks=8)
assert head.n_parameters == 824 + 2
dense = 2 + 2 * 9 + 2 * 9**2
print(f"factors {head.n_parameters}, all coefficients {dense}")

# %% [markdown]
# So nine concepts are too few for the factors to pay. With order three and forty concepts they do:

# %%
large = TaylorHead(n_concepts=40, n_outputs=2, order=3, n_ranks=8)
dense = 2 * (1 + 40 + 40**2 + 40**3)
assert large.n_parameters < dense / 15
print(f"factors {large.n_parameters}, all coefficients {dense}")

# %% [markdown]
# Factors are for computing. To read the model, the tensors are put together and equal products of concepts are merged; evaluated as an ordinary polynomial they give the same output.

# %%
stream = torch.Generator().manual_seed(seed)
small = TaylorHead(n_concepts=4, n_outputs=1, order=3, n_ranks=3)
parts = {n: torch.randn(s, generator=stream).double() for n, s in small.shapes.items()}
z = torch.randn((5, 4), generator=stream).double()
merged = small.monomials(parts)
f = sum(c * z[:, list(which)].prod(1, keepdim=True) for which, c in merged.items())
assert torch.allclose(f, small.trace(parts, z).f) and len(merged) == 1 + 4 + 10 + 20

# %% [markdown]
# ## How it starts
#
# All $O_k$ with $k \ge 2$ start at zero: the model starts **linear** in the concepts, and products come in as training asks for them. The factors $I_{kj}$ are drawn such that a product of $k$ entries has variance one. For standard normal $z$, $\mathrm{E}\,|z|^{2k} = C (C+2) \cdots (C+2k-2)$, so their standard deviation is one over the $2k$-th root of that.
# The released code has the rank $r$ in the place of $C$, and $2^k$ for $2k$. With 40 concepts and rank 8:

# %%
z = torch.randn((2000, 40), generator=stream)
spread = {}
for name, slip in (("as derived", False), ("as released", True)):
    factors = torch.cat(
        [large.initial(stream, published=slip)["inputs"] for _ in range(100)], dim=1
    )
    values = torch.einsum("nc,jrc->njr", z, factors)
    spread[name] = [values[:, large.factors(k)].prod(1).square().mean().item() for k in (1, 2, 3)]
pd.DataFrame(spread, index=pd.Index([1, 2, 3], name="order")).T.round(1)

# %%
assert np.allclose(spread["as derived"], 1, atol=0.35)
assert spread["as released"][0] > 4 and spread["as released"][2] > 10

# %% [markdown]
# As derived, the mean square of a product is about one for every order. With the slip it grows with the order, by a factor of five at the first: more concepts than ranks make a louder start. `published_init=True` gives that start.
#
# ## A set with planted concepts
#
# Four groups of three features; the log-odds contain $z_1$, $z_2$, the products $z_1 z_2$ and $z_2 z_3$, and $z_3^2$. The fourth concept does nothing.

# %%
data = make_concept_classification(3000, random_state=seed)
groups = {f"z{c + 1}": list(group) for c, group in enumerate(data.truth["groups"])}
est = BATMClassifier(groups=groups, lower_lr=0.01, random_state=seed)
est.fit(data.X_train, data.y_train)
linear = BATMClassifier(groups=groups, order=1, lower_lr=0.01, random_state=seed)
linear.fit(data.X_train, data.y_train)
scores = [m.score(data.X_test, data.y_test) for m in (linear, est)]
pd.Series(scores, ["order 1", "order 2"], name="accuracy").round(3).to_frame()

# %%
assert scores[1] > scores[0] + 0.05

# %% [markdown]
# Without meta rows nothing is weighed: this is CAT. Order one is an additive model of the concepts and cannot have their products; order two can.
#
# A monomial's **contribution** is $|\text{coefficient}| \cdot \operatorname{std}(\text{monomial}) / \operatorname{std}(f)$. A concept's importance is its share of all contributions.

# %% alt="Bars of the importance of the four concepts; z4, which does nothing, has the shortest"
plotting.importances(est.concepts_.set_index("concept")["importance"])
plt.show()

# %%
est.monomials_.round(3)

# %%
assert est.concepts_["concept"].iloc[-1] == "z4"
pairs = est.monomials_[est.monomials_["term"].str.contains("×")]
squares = [f"z{c} × z{c}" for c in range(1, 5)]
products = pairs[~pairs["term"].isin(squares)]["term"].tolist()
assert set(products[:2]) == {"z1 × z2", "z2 × z3"}

# %% [markdown]
# The two planted products are the strongest, and the idle concept is the last. The sign and the scale of a concept are not determined, so a coefficient is read together with its concept.
#
# ## One batch of BATM
#
# Three moves per batch, with $l_i$ the loss of row $i$ and $\nu_i = V(l_i; \theta)$ its weight:
#
# 1. **look ahead**: $\hat w = w - \eta\, \nabla \bigl( \frac1n \sum_i \nu_i l_i(w) + \lambda\, \overline{z^2} \bigr)$, one plain gradient step that is not kept;
# 2. **weights**: one step of Adam on $\theta$, along the gradient of the meta loss at $\hat w$;
# 3. **model**: the weights anew with that $\theta$, then one step of AdamW on $w$, and a proximal step that shortens each concept's entries in the $I_{kj}$ by a fixed length.
#
# In the released code move 1 divides by $n$ and move 3 by the sum of the weights; `normalise="mixed"` does that, `"sum"` and `"rows"` do one of them in both. The output penalty $\lambda\, \overline{z^2}$ keeps concepts small.
#
# The derivative of the meta loss in the weight of a row is that of [](lesson_3_bilevel_optimizer.ipynb), $-\frac{\eta}{n} \langle \nabla l_i(w), \nabla L_{\mathrm{meta}}(\hat w) \rangle$. For this model it comes from one directional derivative too, here set against finite differences.

# %%
from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.losses import Logistic
from biam.lower import Rows
from biam.solvers.taylor_problem import TaylorProblem
from biam.taylor import TaylorModel
from biam.weighting import RowWeights

# %%
model = TaylorModel(list(groups.values()), hidden=(8,), generator=stream)
problem, w = TaylorProblem(model, Logistic(), 0.05), model.w.detach().double()
batch, judge = (
    Rows(torch.tensor(X[:32]), torch.tensor(y[:32]).double())
    for X, y in ((data.X_train, data.y_train), (data.X_meta, data.y_meta))
)
nu, eta = torch.full((32,), 0.5, dtype=torch.float64), 0.1
lower = LowerRisk(problem, batch, RowWeights(nu), w)
upper = UpperRisk(problem, judge)
slopes, _ = OneStep(eta).gradient(lower, upper)

# %%
here, found = problem.linearise(w, batch), []
for i in range(32):
    ends = []
    for sign in (1, -1):
        moved = nu.clone()
        moved[i] += sign * 1e-5
        ends.append(upper.value(upper.judge(w - eta * here.gradient(moved))))
    found.append((ends[0] - ends[1]) / 2e-5)
assert np.allclose(slopes, found, rtol=1e-4, atol=1e-10) and slopes.abs().max() > 1e-4

# %% [markdown]
# ## Wrong labels, with and without weights
#
# The digits of scikit-learn, their first 16 principal components as ready concepts (`encoder="none"`), 40 % of the training labels another digit, ten clean meta rows a class.
#
# Say that a label is kept with the chance $g$ and else drawn evenly from all $K$ classes. Then class $c$ is seen with the chance $r + g\,p_c(x)$, $r = (1-g)/K$, and the gradient of the negative log-likelihood of the labels as they are is
#
# $$
# -\nabla \log (r + g\,p_c) = \sigma\Bigl(\log \frac{g}{r} - l\Bigr)\, \nabla l, \qquad l = -\log p_c :
# $$ (lc-flips)
#
# a sigmoid of the loss times the usual gradient, so wrong labels themselves ask for **weights that depend on the loss** {cite:p}`patrini2017`. The published network of the loss has to find that shape in a few clean rows. `weighting="flips"`, the default, starts from it: $\nu = \sigma(a_c - e^{s_c} l)$ with two numbers a class.
#
# Where does $a_c$ start? A model of any quality recognises fewer wrong labels than right ones: on rows it has not seen, its signal (balanced accuracy above guessing) on the labels at hand is $g$ times that on clean rows. So **clean rows and training rows are held out by folds**; their ratio is $g$, and the look-ahead then changes $a_c$ and $s_c$ by what the held-out clean rows say. The model that is kept trains on all rows, the clean ones with weight one.

# %%
digits = make_image_split("digits", label_noise="uniform", noise_rate=noise_rate, random_state=seed)
train, meta, test = (
    (getattr(digits, f"X_{part}"), getattr(digits, f"y_{part}"))
    for part in ("train", "meta", "test")
)
settings = {"encoder": "none", "n_ranks": 16, "random_state": seed}
cat = BATMClassifier(**settings, weighting="equal").fit(*train)
cat_meta = BATMClassifier(**settings, weighting="equal", meta_weight=5).fit(*train, *meta)
batm = BATMClassifier(**settings).fit(*train, *meta)

# %%
scores = pd.Series(
    [m.score(*test) for m in (cat, cat_meta, batm)], ["CAT", "CAT+meta", "BATM"], name="accuracy"
)
assert scores["BATM"] > scores["CAT"] + 0.03
assert abs(scores["BATM"] - scores["CAT+meta"]) < 0.02
scores.round(3).to_frame()

# %%
kept = 1 - noise_rate * 10 / 9
assert abs(batm.details_["kept"] - kept) < 0.1
print(f"labels kept: {kept:.2f}, found {batm.details_['kept']:.2f}")

# %% [markdown]
# `weighting="equal"` is CAT; `CAT+meta` has the same clean rows, five times as heavy as the others, and no learned weights. At this seed **the clean rows do as much by themselves**, where somebody knows that five is a good weight; comparing BATM with a model that never saw them credits the learned weights with what these rows do. [](table_batm.ipynb) has both on eight sets.

# %% alt="Share of right and of wrong rows by learned weight: six in ten wrong rows have the lowest weights, nine in ten right ones the highest"
plotting.weight_histogram(batm.weights_, digits.mask, names=("right", "wrong"))
plt.show()

# %%
right, wrong = batm.weights_[~digits.mask].mean(), batm.weights_[digits.mask].mean()
assert wrong < 0.5 * right

# %% [markdown]
# A wrong row weighs less than half of a right one on average, though all that is seen of a row is its loss and its class. With two classes and 40 % flips that is much harder: most losses say little, and few clean rows say as much as all the others.
#
# ## Groups that nobody named
#
# `groups="auto"` joins columns whose correlations are 0.5 or more on average, whatever their sign.

# %%
from biam.datasets import load_breast_cancer

# %%
cells = load_breast_cancer()
found = BATMClassifier(groups="auto", epochs=20, random_state=seed).fit(cells.X, cells.y)
sizes = sorted(map(len, found.groups_), reverse=True)
assert sum(sizes) == 30 and sizes[0] > 5
found.concepts_[["features", "importance"]].round(3)
