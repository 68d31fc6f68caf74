"""On a linear model the attack is exact; balls, boxes and fixed entries are kept."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.exceptions import InvalidInputError
from biam.losses import Logistic
from biam.mitigation.adversarial import AdversarialTraining, Attack, fgsm, pgd
from biam.mitigation.training import Average, rows

W = [[0.5, -2.0, 0.0, 1.0]]


def batch(n=6):
    g = torch.Generator().manual_seed(3)
    x = torch.randn(n, 4, generator=g, dtype=torch.float64)
    return x, (torch.arange(n) % 2).double()


def curved():
    g = torch.Generator().manual_seed(4)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    for p in model.parameters():
        p.data.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64))
    return model


@given(st.floats(0, 3))
def test_fgsm_takes_eps_times_the_l1_norm_off_a_linear_margin(eps):
    model = nn.Linear(4, 1, bias=False, dtype=torch.float64)
    model.weight.data.copy_(torch.tensor(W))
    x, y = batch()
    moved = fgsm(model, Logistic(), x, y, Attack(eps))
    margin = (2 * y - 1) * (model(moved) - model(x))[:, 0]
    torch.testing.assert_close(margin.detach(), torch.full((6,), -3.5 * eps, dtype=torch.float64))


def test_l2_takes_eps_times_the_length(linear):
    model, (x, y) = linear(W), batch()
    moved = fgsm(model, Logistic(), x, y, Attack(0.2, "l2"))
    fall = (2 * y - 1) * (model(moved) - model(x))[:, 0]
    length = torch.tensor(W, dtype=torch.float64).norm().item()
    torch.testing.assert_close(fall.detach(), torch.full((6,), -0.2 * length).double())


def test_raw_is_eps_times_the_gradient(linear):
    model, (x, y) = linear(W), batch()
    moved = fgsm(model, Logistic(), x, y, Attack(0.2, "raw"))
    gradient = Logistic().gradient(model(x), y) * torch.tensor(W, dtype=torch.float64)
    torch.testing.assert_close(moved, (x + 0.2 * gradient).detach())


@pytest.mark.parametrize("norm", ["sign", "l2"])
def test_pgd_stays_in_ball_and_box_and_does_more_harm(norm):
    model, (x, y) = curved(), batch(40)
    x = x.clamp(-1, 1)
    attack = Attack(0.3, norm, low=-1.0, high=1.0)
    once = fgsm(model, Logistic(), x, y, attack)
    many = pgd(model, Logistic(), x, y, attack, steps=20, step_size=0.05)
    size = (many - x).abs().amax(1) if norm == "sign" else (many - x).norm(dim=1)
    assert size.max() <= 0.3 + 1e-9
    assert many.abs().max() <= 1
    harm = [Logistic().value(model(z), y).mean().item() for z in (x, once, many)]
    assert harm == sorted(harm)


def test_one_full_step_of_pgd_is_fgsm():
    model, (x, y) = curved(), batch()
    for norm in ("sign", "l2"):
        attack = Attack(0.25, norm)
        found = pgd(model, Logistic(), x, y, attack, steps=1, step_size=0.25)
        torch.testing.assert_close(found, fgsm(model, Logistic(), x, y, attack))


def test_a_random_start_is_in_the_ball_and_repeats():
    model, (x, y) = curved(), batch()
    options = {"steps": 1, "step_size": 0.0}
    first, again, other = (
        pgd(model, Logistic(), x, y, Attack(0.1), seed=s, **options) for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0 < (first - x).abs().max() <= 0.1


@pytest.mark.parametrize("norm", ["sign", "l2", "raw"])
def test_missing_indicators_and_missing_entries_never_move(norm):
    model, (x, y) = curved(), batch()
    # Column 3 says where column 0 is missing; there a 0 stands in for it.
    x[:, 3] = (torch.arange(6) < 3).double()
    x[:3, 0] = 0.0
    fixed = torch.zeros(6, 4, dtype=torch.bool)
    fixed[:, 3] = True
    fixed[:3, 0] = True
    attack = Attack(0.5, norm, low=-0.4, high=0.4, fixed=fixed)
    found = [fgsm(model, Logistic(), x, y, attack)]
    if norm != "raw":
        found.append(pgd(model, Logistic(), x, y, attack, steps=5, seed=0))
    for moved in found:
        assert torch.equal(moved[fixed], x[fixed])
        assert (moved[~fixed] != x[~fixed]).any()


def test_no_length_is_spent_on_entries_that_stay():
    model, (x, y) = curved(), batch()
    fixed = torch.tensor([True, False, False, True])
    attack = Attack(0.3, "l2", fixed=fixed)
    for moved in (
        fgsm(model, Logistic(), x, y, attack),
        pgd(model, Logistic(), x, y, attack, steps=1, step_size=0.3),
    ):
        length = (moved - x).norm(dim=1)
        torch.testing.assert_close(length, torch.full((6,), 0.3, dtype=torch.float64))


def test_nan_stays_nan_and_moves_nothing_else():
    class FillIn(nn.Module):
        def forward(self, x):
            return torch.where(torch.isnan(x), 0.0, x).sum(1, keepdim=True)

    x = torch.tensor([[float("nan"), 1.0]], dtype=torch.float64)
    for attack in (Attack(0.1), Attack(0.1, "l2")):
        moved = fgsm(FillIn(), Logistic(), x, torch.ones(1), attack)
        assert torch.isnan(moved[0, 0])
        assert moved[0, 1].item() == pytest.approx(0.9)
        again = pgd(FillIn(), Logistic(), x, torch.ones(1), attack, steps=3)
        assert again[0, 1].item() == pytest.approx(0.9)


def test_the_attack_leaves_no_trace_in_the_model():
    model, (x, y) = curved(), batch()
    moved = fgsm(model, Logistic(), x, y, Attack(0.1))
    assert not moved.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert model.training


def test_the_objective_mixes_clean_and_attacked(linear):
    x, y = batch()
    data, model = rows(x, y), linear(W)
    clean = Average(Logistic())(model, data).item()
    moved = fgsm(model, Logistic(), x, y, Attack(0.3))
    attacked = Logistic().value(model(moved), y).mean().item()
    for share in (0.0, 0.25, 1.0):
        found = AdversarialTraining(Logistic(), Attack(0.3), share)(model, data).item()
        assert found == pytest.approx(share * clean + (1 - share) * attacked)
    several = AdversarialTraining(Logistic(), Attack(0.3), 0.0, steps=4)(model, data).item()
    assert several == pytest.approx(attacked)


def test_names_and_radii_are_checked():
    with pytest.raises(InvalidInputError, match="known: sign, l2, raw"):
        Attack(0.1, "linf")
    with pytest.raises(InvalidInputError, match="eps"):
        Attack(-0.1)
    x, y = batch()
    with pytest.raises(InvalidInputError, match="no ball"):
        pgd(curved(), Logistic(), x, y, Attack(0.1, "raw"))
