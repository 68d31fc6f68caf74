"""Reversal negates the gradient; one backward pass does what the saddle point asks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.losses import Logistic, SoftmaxCrossEntropy
from biam.mitigation.dann import (
    DomainAdversarial,
    DomainNet,
    learning_rate,
    proxy_a_distance,
    reversal_strength,
    reverse_gradient,
)
from biam.mitigation.training import rows


def small():
    g = torch.Generator().manual_seed(0)
    extractor = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid())
    net = DomainNet(extractor, nn.Linear(4, 2), nn.Linear(4, 1)).double()
    for p in net.parameters():
        p.data.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64))
    return net


def domains():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(10, 3, generator=g, dtype=torch.float64)
    return rows(x, torch.arange(10) % 2, (torch.arange(10) >= 6).long())


@given(st.floats(0, 5))
def test_reversal_is_the_identity_and_negates_the_gradient(strength):
    z = torch.tensor([1.0, -2.0], requires_grad=True)
    out = reverse_gradient(z, strength)
    assert torch.equal(out.detach(), z.detach())
    (out * torch.tensor([3.0, 4.0])).sum().backward()
    torch.testing.assert_close(z.grad, -strength * torch.tensor([3.0, 4.0]))


def parts(net, data):
    """Label loss on the source, domain loss on both, by hand."""
    z = net.extractor(data.x)
    source = data.groups == 0
    labels = SoftmaxCrossEntropy().value(net.label_head(z[source]), data.y[source]).mean()
    told = Logistic().value(net.domain_head(z), data.groups.double())
    return labels, told[source].mean() + told[~source].mean()


def test_one_backward_pass_is_the_saddle_point():
    net, data = small(), domains()
    objective = DomainAdversarial(SoftmaxCrossEntropy(), Logistic(), 5, 0.7, scheduled=False)
    objective(net, data).backward()
    labels, told = parts(net, data)
    for module, combined in (
        (net.extractor, labels - 0.7 * told),
        (net.label_head, labels),
        (net.domain_head, told),
    ):
        expected = torch.autograd.grad(combined, list(module.parameters()), retain_graph=True)
        for p, gradient in zip(module.parameters(), expected, strict=True):
            torch.testing.assert_close(p.grad, gradient)


def test_target_labels_are_not_read():
    net, data = small(), domains()
    other = data._replace(y=torch.where(data.groups == 1, -1, data.y))
    values = [
        DomainAdversarial(SoftmaxCrossEntropy(), Logistic(), 5, 1.0)(net, d).item()
        for d in (data, other)
    ]
    assert values[0] == values[1]


def test_all_labels_are_read_where_the_domain_is_a_group():
    net, data = small(), domains()
    objective = DomainAdversarial(SoftmaxCrossEntropy(), Logistic(), 5, 0.0, all_labelled=True)
    told = parts(net, data)[1]
    labels = SoftmaxCrossEntropy().value(net(data.x), data.y).mean()
    assert objective(net, data).item() == pytest.approx((labels + told).item())


def test_the_schedule_begins_at_no_reversal_and_ends_at_its_strength():
    assert reversal_strength(0.0) == 0
    assert reversal_strength(1.0) == pytest.approx(1, abs=1e-4)
    assert learning_rate(0.0) == 1
    assert learning_rate(1.0) == pytest.approx(11**-0.75)
    net, data = small(), domains()
    objective = DomainAdversarial(SoftmaxCrossEntropy(), Logistic(), 50, 1.0)
    objective(net, data).backward()
    labels, _ = parts(net, data)
    (expected,) = torch.autograd.grad(labels, net.extractor[0].weight)
    torch.testing.assert_close(net.extractor[0].weight.grad, expected)


def test_copies_that_detach_teach_the_extractor_nothing_and_two_passes_fail():
    net, data = small(), domains()
    z = net.extractor(data.x)
    Logistic().value(net.domain_head(z.detach()), data.groups.double()).mean().backward()
    assert net.extractor[0].weight.grad is None
    SoftmaxCrossEntropy().value(net.label_head(z), data.y).mean().backward()
    with pytest.raises(RuntimeError, match="second time"):
        Logistic().value(net.domain_head(z), data.groups.double()).mean().backward()


def test_called_it_predicts_labels():
    net, data = small(), domains()
    assert torch.equal(net(data.x), net.label_head(net.extractor(data.x)))


def test_proxy_distance():
    assert proxy_a_distance(0.5) == 0
    assert proxy_a_distance(0.0) == 2
