"""Scores by hand; the attack that asks for no gradient does what one with gradients does."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.datasets.faulty import make_faulty_table
from biam.experiments.fault_scores import SCORES, attacked, fault_scores
from biam.losses import Logistic
from biam.mitigation.adversarial import Attack, pgd

SPLIT = make_faulty_table(
    "made", "label noise", n_train=300, n_meta=50, n_target=20, n_test=400, random_state=1
)


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(0.01, 2.0))
def test_a_linear_margin_falls_by_radius_times_the_l1_norm(weight, radius):
    w = np.where(np.abs(weight) < 1e-3, 0.0, weight)
    movable = np.array([True, True, False, True])
    x = np.random.default_rng(0).normal(size=(20, 4))
    y = np.arange(20) % 2
    moved = attacked(lambda z: z @ w, x, y, radius, movable)
    loss = (2 * y - 1) * ((x - moved) @ w)
    assert loss == pytest.approx(np.full(20, radius * np.abs(w[movable]).sum()))
    assert np.abs(moved - x).max() <= radius + 1e-12
    assert np.array_equal(moved[:, 2], x[:, 2])


def test_it_harms_a_smooth_network_as_projected_gradients_do():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x, y = torch.randn(50, 3, dtype=torch.float64), torch.arange(50) % 2

    def score(z):
        with torch.no_grad():
            return net(torch.as_tensor(z))[:, 0].numpy()

    own = attacked(score, x.numpy(), y.numpy(), 0.05, np.ones(3, dtype=bool))
    theirs = pgd(net, Logistic(), x, y, Attack(0.05), steps=5).numpy()
    sign = 2 * y.numpy() - 1
    assert sign * score(own) == pytest.approx(sign * score(theirs), abs=2e-3)
    assert np.mean(sign * score(own)) < np.mean(sign * score(x.numpy())) - 0.01


def test_scores_of_a_coin_and_of_an_oracle():
    coin = fault_scores(SPLIT, lambda x: np.zeros(len(x)))
    assert coin["log_loss"] == pytest.approx(np.log(2))
    # Nothing is above the threshold: class 0 is said everywhere.
    assert coin["accuracy"] == np.mean(SPLIT.y_test == 0)
    assert coin["worst_group"] == 0 and coin["balanced_accuracy"] == 0.5
    assert coin["wrong_believed"] == np.mean(SPLIT.y_train[SPLIT.wrong] == 0)
    assert set(coin) == {*SCORES, "worst_group", "wrong_believed"}
    truth = dict(zip(map(bytes, SPLIT.x_test), SPLIT.y_test, strict=True))
    oracle = fault_scores(
        SPLIT, lambda x: np.array([9.0 * (2 * truth.get(bytes(row), 0) - 1) for row in x])
    )
    assert oracle["accuracy"] == oracle["worst_group"] == 1


def test_a_threshold_moves_answers_and_no_probability():
    w = np.array([0, 0, 1.0, 0, 0, 0, 0])
    plain, moved = (fault_scores(SPLIT, lambda x: x @ w, t) for t in (0.0, 1.0))
    assert plain["log_loss"] == moved["log_loss"] and plain["ece"] == moved["ece"]
    assert plain["accuracy"] != moved["accuracy"]


def test_an_attack_lowers_robust_accuracy_and_nothing_else():
    w = np.array([0, 0, 1.0, 0, 0, 0, 0])
    plain = fault_scores(SPLIT, lambda x: x @ w)
    under = fault_scores(SPLIT, lambda x: x @ w, radius=0.3)
    assert under.pop("robust_accuracy") < plain["accuracy"] and under == plain
