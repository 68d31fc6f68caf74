"""The whole trajectory of the bilevel loop against the paper's loop, written plainly.

The reference shares no code with `biam`: torch modules, data loaders, autograd, double backward,
parameters in the shapes of Eq. 1, single precision, the global random stream.
"""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer
from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.losses import SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.weighting import WeightingNetwork

SEED, BATCH, LOWER_LR, L = 42, 64, 0.05, 10
L2, L0, PAIR_L2, PAIR_L0, GATE_SCALE, WARM_UP, R = 1e-3, 1e-4, 1e-2, 5e-2, 0.3, 1, 3
near = {"rtol": 1e-5, "atol": 1e-5}


def published(task, variant):
    """The problem of the published rows: split, optimizer, first state, training and meta rows."""
    stream = torch.Generator().manual_seed(SEED)
    sizes = {"noise_rate": 0.3, "missing_rate": 0.2, "random_state": SEED}
    make = make_additive_regression if task == "regression" else make_disc_classification
    split = make(400, 6, **sizes)
    d, loss = (1, SquaredError()) if task == "regression" else (2, SoftmaxCrossEntropy())
    basis = Basis.fit(split.X_train, L, shared=True)
    n_ranks = R if variant == "BIAM2" else 0
    model = AdditiveModel(
        basis, d, interactions=variant != "BIAM-I", n_ranks=n_ranks, generator=stream
    )
    l2, l0, scale = (torch.full((model.layout.size,), x) for x in (L2, L0, 1.0))
    for strength, gates in ((l2, PAIR_L2), (l0, PAIR_L0), (scale, GATE_SCALE)):
        parts = model.coefficients(strength)
        if strength is not scale:
            parts["beta_miss"].zero_()
        if n_ranks:
            parts["gates"].fill_(gates)
    optimizer = BilevelOptimizer(
        AdditiveProblem(model, loss, CoefficientPenalty(l2, l0), warm_up=WARM_UP if n_ranks else 0),
        None if variant == "BIAM-B" else WeightingNetwork(),
        lower_lr=LOWER_LR,
        upper_lr=0.01 if task == "regression" else 0.1,
        lr_scale=scale if n_ranks else None,
    )
    WeightingNetwork().init(stream)
    state = optimizer.init(model.w, stream, upper=WeightingNetwork().init(stream))
    kind = torch.float32 if task == "regression" else torch.int64
    rows, meta = (
        Rows(model.join(basis.design(X)), torch.as_tensor(y).to(kind))
        for X, y in ((split.X_train, split.y_train), (split.X_meta, split.y_meta))
    )
    return split, optimizer, state, rows, meta


class ReferenceLoop:
    """The loop of the protocol written plainly: torch modules, data loaders, double backward."""

    def __init__(self, task, variant, split, knots, upper_lr):
        self.variant, self.regression, self.knots = variant, task == "regression", knots
        self.upper_lr, self.epoch = upper_lr, 0
        p, d = split.X_train.shape[1], 1 if self.regression else 2
        torch.manual_seed(SEED)
        w = {"beta0": torch.zeros(d), "beta": 0.01 * torch.randn(p, L, d)}
        w["beta_miss"] = torch.zeros(p, d)
        if variant != "BIAM-I":
            w["alpha"] = torch.zeros(p, p, L, d)
        if variant == "BIAM2":
            w["factors"], w["gates"] = 0.1 * torch.randn(p, L, R, d), torch.zeros(p, p, d)
        self.w = {name: x.requires_grad_() for name, x in w.items()}
        self.network(), self.network()
        self.nu = self.used
        self.train, self.val = (
            DataLoader(self.table(X, y), BATCH, shuffle=shuffle)
            for X, y, shuffle in (
                (split.X_train, split.y_train, True),
                (split.X_meta, split.y_meta, False),
            )
        )

    def network(self):
        self.used = nn.Sequential(nn.Linear(1, 10), nn.ReLU(), nn.Linear(10, 1), nn.Sigmoid())
        for layer in (self.used[0], self.used[2]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def table(self, X, y):
        X, kind = torch.tensor(X, dtype=torch.float32), torch.float32 if self.regression else int
        return TensorDataset(X.nan_to_num(), X.isnan().float(), torch.tensor(y).to(kind))

    def losses(self, w, x, m, y):
        h = (x[:, :, None] - self.knots).clamp_min(0) * (1 - m)[:, :, None]
        f = w["beta0"] + torch.einsum("jtd,njt->nd", w["beta"], h) + m @ w["beta_miss"]
        if "alpha" in w:
            f = f + torch.einsum("jktd,nj,nkt->nd", w["alpha"], m, h)
        if "gates" in w and self.epoch >= WARM_UP:
            u = torch.einsum("jtrd,njt->njrd", w["factors"], h)
            off = (1 - torch.eye(len(w["gates"])))[:, :, None]
            f = f + 0.5 * torch.einsum("jkd,njrd,nkrd->nd", w["gates"] * off, u, u)
        if self.regression:
            return (f[:, 0] - y) ** 2
        return nn.functional.cross_entropy(f, y, reduction="none")

    def risk(self, w, batch):
        losses = self.losses(w, *batch)
        nu = torch.ones_like(losses)
        if self.variant != "BIAM-B":
            z = losses.detach() - losses.detach().mean()
            z = z / (losses.detach().std() + 1e-8)
            nu = self.nu(z[:, None])[:, 0]
            nu = nu / (nu.mean() + 1e-8)
        risk = (nu * losses).mean()
        for name, x in w.items():
            l2, l0 = (PAIR_L2, PAIR_L0) if name == "gates" else (L2, L0)
            if name != "beta_miss":
                risk = risk + l2 * (x**2).sum() + l0 * (1 - torch.exp(-(x**2))).sum()
        return risk

    def lower_step(self, batch):
        parameters = list(self.w.values())
        slopes = torch.autograd.grad(self.risk(self.w, batch), parameters)
        for x, g in zip(parameters, slopes, strict=True):
            x.grad = g
        nn.utils.clip_grad_norm_(parameters, 1.0)
        with torch.no_grad():
            for name, x in self.w.items():
                x -= LOWER_LR * (GATE_SCALE if name == "gates" else 1.0) * x.grad

    def upper_step(self, batch, judge):
        slopes = torch.autograd.grad(
            self.risk(self.w, batch), list(self.w.values()), create_graph=True
        )
        ahead = {n: x - LOWER_LR * g for (n, x), g in zip(self.w.items(), slopes, strict=True)}
        theta = torch.optim.SGD(self.nu.parameters(), lr=self.upper_lr)
        theta.zero_grad()
        self.losses(ahead, *judge).mean().backward()
        nn.utils.clip_grad_norm_(self.nu.parameters(), 1.0)
        theta.step()

    def run_epoch(self):
        judges = list(self.val)
        for i, batch in enumerate(self.train):
            self.lower_step(batch)
            if self.variant != "BIAM-B":
                self.upper_step(batch, judges[i % len(judges)])
        self.epoch += 1


@pytest.mark.parametrize("variant", ["BIAM", "BIAM-B", "BIAM-I", "BIAM2"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_trajectory_is_that_of_double_backward(task, variant):
    split, optimizer, state, rows, meta = published(task, variant)
    model = optimizer.problem.model
    knots = model.basis.features[0].knots
    reference = ReferenceLoop(task, variant, split, knots, optimizer.upper_lr)

    def compare(state, _):
        reference.run_epoch()
        for name, part in model.coefficients(state.lower).items():
            expected = reference.w[name].detach()
            if name == "alpha":
                expected = expected.permute(1, 2, 0, 3)
            torch.testing.assert_close(part, expected.reshape(part.shape), **near)
        theta = torch.cat([x.detach().view(-1) for x in reference.nu.parameters()])
        torch.testing.assert_close(state.upper, theta, **near)

    result = optimizer.run(state, rows, meta, 3, callback=compare)
    assert reference.epoch == 3
    assert (result.state.lower - state.lower).norm() > 0.05
    if variant == "BIAM2":
        assert model.coefficients(result.state.lower)["gates"].abs().max() > 1e-5
    moved = (result.state.upper - state.upper).norm()
    assert moved > 1e-3 or variant == "BIAM-B"
