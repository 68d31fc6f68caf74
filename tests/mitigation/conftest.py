"""Linear models with known weights."""

import pytest
import torch
from torch import nn


@pytest.fixture
def linear():
    """Maker of a linear model with these weights, shape (d, p), in float64, without a bias."""

    def make(weights):
        weights = torch.as_tensor(weights, dtype=torch.float64)
        model = nn.Linear(weights.shape[1], weights.shape[0], bias=False, dtype=torch.float64)
        model.weight.data.copy_(weights)
        return model

    return make
