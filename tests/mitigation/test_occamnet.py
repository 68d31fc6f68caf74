"""Exits answer in order, the losses match their formulas, gates remember."""

import pytest
import torch

from biam.exceptions import InvalidInputError
from biam.losses import SoftmaxCrossEntropy
from biam.mitigation.occamnet import Exits, OccamLoss, OccamNet, suppression
from biam.mitigation.training import rows


def net(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OccamNet(3, 5, widths=(4, 6, 8, 8)).eval()


def pictures(n=6, seed=1):
    return torch.randn(n, 3, 12, 12, generator=torch.Generator().manual_seed(seed))


def found_with(gates):
    gates = [torch.tensor(gate, dtype=torch.float32) for gate in gates]
    n = len(gates[0])
    logits = [torch.full((n, 2), float(k)) for k in range(len(gates))]
    return Exits(logits, gates, [])


def test_the_first_sure_exit_answers_but_never_exit_zero():
    found = found_with([[9, 9, 9], [1, -1, -1], [1, 1, -1], [-1, -1, -1]])
    assert OccamNet.answering(found).tolist() == [1, 2, 3]


def test_called_it_gives_the_answering_exit():
    model, x = net(), pictures()
    found = model.exits(x)
    which = OccamNet.answering(found)
    expected = torch.stack([found.logits[k][i] for i, k in enumerate(which.tolist())])
    torch.testing.assert_close(model(x), expected)
    assert [maps.shape[2] for maps in found.maps] == [12, 6, 3, 2]
    torch.testing.assert_close(found.logits[2], found.maps[2].mean((2, 3)))


def test_exit_zero_is_cut_off_and_gates_are_too():
    model, x = net(), pictures()
    found = model.exits(x)
    found.logits[0].sum().backward(retain_graph=True)
    assert all(p.grad is None for p in model.blocks.parameters())
    found.gates[2].sum().backward(retain_graph=True)
    assert all(p.grad is None for p in model.blocks.parameters())
    assert all(p.grad is None for p in model.ends[2].features.parameters())
    found.logits[2].sum().backward()
    assert model.blocks[2][0].weight.grad is not None
    assert model.blocks[3][0].weight.grad is None


def test_suppression_is_zero_for_equal_maps_and_counts_places_below_the_mean():
    y = torch.tensor([0])
    # All classes alike at every place: nothing to suppress.
    alike = torch.arange(4.0).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    assert suppression(alike, y).item() == pytest.approx(0, abs=1e-6)
    maps = torch.zeros(1, 2, 1, 2)
    maps[0, 0, 0] = torch.tensor([-1.0, 3.0])
    p = torch.tensor([-1.0, 0.0]).softmax(0)
    kl = (0.5 * (0.5 / p).log()).sum()
    assert suppression(maps, y).item() == pytest.approx(kl.item())


def test_output_weights_follow_their_formula():
    loss, losses = OccamLoss(4), torch.tensor([0.1, 2.0])
    first = loss._weight(0, losses, [])
    cubes = (-losses).exp() ** 3
    torch.testing.assert_close(first, cubes / cubes.max() + 0.1)
    gates = [torch.tensor([0.0, 2.0])]
    second = loss._weight(1, losses, gates)
    a = 1 - gates[0].sigmoid()
    torch.testing.assert_close(second, a / 0.5 + 0.1)
    # The running largest stays.
    third = loss._weight(1, losses, [torch.tensor([2.0, 2.0])])
    torch.testing.assert_close(third, (1 - torch.tensor([2.0, 2.0]).sigmoid()) / 0.5 + 0.1)


def test_gates_learn_until_the_exit_is_good_enough_then_remember():
    loss = OccamLoss(2, thresholds=(0.9,))
    data = rows(torch.zeros(2, 1), [0, 1])
    right, wrong = torch.tensor([[3.0, 0], [0, 3]]), torch.tensor([[0.0, 3], [3, 0]])
    loss.labels[data.index] = data.y
    assert loss._target(0, wrong, data).tolist() == [False, False]
    assert loss._target(0, right, data).tolist() == [True, True]
    assert loss.frozen == [True]
    assert loss._target(0, wrong, data).tolist() == [True, True]


def test_the_whole_loss_reaches_every_parameter_and_falls():
    model, x = net().train(), pictures(10)
    data = rows(x, torch.arange(10) % 5)
    objective = OccamLoss(10)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        value = objective(model, data)
        value.backward()
        if not values:
            assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]
    plain = SoftmaxCrossEntropy().value(model.exits(x).logits[-1], data.y).mean()
    assert plain < 1.0


def test_one_block_is_too_few():
    with pytest.raises(InvalidInputError, match="number of blocks"):
        OccamNet(1, 2, widths=(4,))
