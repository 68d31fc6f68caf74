"""Mask models: logits as defined, signs kept, only columns with gaps."""

import numpy as np
import pytest
import torch

from biam.imputation.columns import Layout
from biam.imputation.mask_models import KnownMask, LinearMask, NonlinearMask, SelfMask

NUMBERS = Layout(("gaussian",) * 3, (1, 1, 1))
MIXED = Layout(("gaussian", "gaussian", "categorical"), (1, 1, 3))
X = torch.tensor([[[0.5, -1.0, 2.0]], [[1.5, 0.0, -2.0]]])
SEEN = torch.tensor([[1.0, 0.0, 1.0]])


def test_log_prob_is_that_of_independent_masks():
    model = LinearMask([0, 1], NUMBERS)
    p = torch.sigmoid(model.linear(X))
    expected = p[..., 0].log() + (1 - p[..., 1]).log()
    assert torch.allclose(model.log_prob(X, SEEN), expected, atol=1e-6)


def test_self_masking_sees_its_own_value_alone():
    model = SelfMask([0, 2], NUMBERS)
    model.raw_slope.data = torch.tensor([2.0, -1.0])
    model.intercept.data = torch.tensor([0.5, 0.0])
    expected = torch.stack([-2 * X[..., 0] + 0.5, X[..., 2]], -1)
    assert torch.allclose(model.logits(X), expected)


@pytest.mark.parametrize("raw", [-5.0, 0.0, 5.0])
def test_a_known_sign_is_kept_whatever_is_learned(raw):
    model = SelfMask([0, 1, 2], NUMBERS, np.array([1, -1, 0]))
    model.raw_slope.data.fill_(raw)
    slope = model.slope
    assert slope[0] > 0 > slope[1] and slope[2] == raw
    x = torch.stack([torch.zeros(1, 3), torch.ones(1, 3)])
    low, high = model.logits(x)[:, 0]
    assert low[0] > high[0] and low[1] < high[1]


def test_each_level_has_its_own_slope_and_a_free_sign():
    model = SelfMask([1, 2], MIXED, np.array([1, 1, 1]))
    model.raw_slope.data = torch.tensor([0.0, -1.0, 2.0, 3.0])
    x = torch.tensor([[[9.0, 0.0, 1.0, 0.0, 0.0]], [[9.0, 0.0, 0.0, 0.0, 1.0]]])
    assert model.logits(x)[:, 0, 1].tolist() == [1.0, -3.0]
    assert model.logits(x).shape == (2, 1, 2)


def test_a_fixed_mechanism_has_nothing_to_learn():
    model = KnownMask([1], lambda x: 3 * x)
    assert list(model.parameters()) == []
    assert model.logits(X)[..., 0].tolist() == [[-3.0], [0.0]]


def test_nonlinear_agnostic_has_one_logit_per_gap():
    model = NonlinearMask([2], NUMBERS, 5)
    assert model.logits(X).shape == (2, 1, 1)
    halves = model.logits(X / 2) * 2
    assert not torch.allclose(halves, model.logits(X))
