"""Every name gives a sampler and an objective with the stated shares of the groups."""

import pytest
import torch
from torch import nn

from biam.exceptions import UnknownNameError
from biam.experiments.strategies import STRATEGIES, build, even_quotas
from biam.losses import Logistic
from biam.mitigation.dann import DomainNet
from biam.mitigation.training import rows

GROUPS = torch.tensor([0] * 30 + [1] * 6 + [2] * 4)
OPTIONS = {
    "hard-examples": {"kept": 5},
    "spectral": {"strength": 0.1},
    "invariant": {"strength": 1.0},
    "adversarial": {"eps": 0.1, "clean_share": 0.25},
}


def table():
    g = torch.Generator().manual_seed(0)
    return rows(torch.randn(40, 3, generator=g), torch.arange(40) % 2, GROUPS)


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"occam-net", "dann"}))
def test_a_step_can_be_taken(name):
    data, model = table(), nn.Linear(3, 1)
    sampler, objective = build(name, data, Logistic(), 12, 10, OPTIONS.get(name, {}))
    batch = data.take(next(iter(sampler.epoch(torch.Generator().manual_seed(0)))))
    value = objective(model, batch)
    value.backward()
    assert value.ndim == 0
    assert model.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["quotas", "group-dro", "dann", "over-sampling"])
def test_groups_are_even(name):
    sampler, _ = build(name, table(), Logistic(), 12, 10, {})
    places = torch.cat(list(sampler.epoch(torch.Generator().manual_seed(0))))
    assert torch.bincount(GROUPS[places]).unique().numel() == 1


def test_groups_without_rows_get_no_quota():
    assert even_quotas(torch.tensor([0, 0, 3]), 10) == {0: 5, 3: 5}
    assert even_quotas(torch.tensor([0, 1, 2]), 2) == {0: 1, 1: 1, 2: 1}


def test_options_reach_their_classes():
    _, dro = build("group-dro", table(), Logistic(), 12, 10, {"eta": 0.3, "adjustment": 2.0})
    assert (dro.eta, dro.adjustment, dro.sizes.tolist()) == (0.3, 2.0, [30, 6, 4])
    options = {"eps": 0.2, "norm": "l2", "clean_share": 0.0, "steps": 3}
    _, attacked = build("adversarial", table(), Logistic(), 12, 10, options)
    assert (attacked.attack.eps, attacked.attack.norm) == (0.2, "l2")
    assert (attacked.clean_share, attacked.steps) == (0.0, 3)
    _, dann = build("dann", table(), Logistic(), 12, 77, {"strength": 2.0})
    assert (dann.steps, dann.strength) == (77, 2.0)
    net = DomainNet(nn.Identity(), nn.Linear(3, 1), nn.Linear(3, 1))
    assert dann(net, table()._replace(groups=(GROUPS > 0).long())).isfinite()


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="did you mean 'group-dro'"):
        build("groupdro", table(), Logistic(), 4, 1, {})
