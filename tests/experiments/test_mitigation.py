"""Networks come from their seed, strategies get their settings, scores come from test rows."""

import numpy as np
import pytest
import torch
from torch import nn

from biam.datasets.coloured import make_biased_digits
from biam.datasets.spurious import make_core_spurious
from biam.exceptions import UnknownNameError
from biam.experiments.mitigation import (
    fitted,
    make_network,
    optimizer_for,
    right_answers,
    strategy,
)
from biam.mitigation.dann import DomainNet
from biam.mitigation.occamnet import OccamNet

SPLIT = make_core_spurious(n_train=200, n_test=400, n_noise=5, random_state=3)
PLAIN = {"steps": 60, "batch_size": 50, "optimizer": {"lr": 0.5}}


def test_scores_are_of_the_returned_model():
    values = strategy(SPLIT, "classification", 1, {**PLAIN, "odds": True})
    model, _ = fitted(SPLIT, 1, PLAIN)
    right = right_answers(model, SPLIT.x_test, SPLIT.y_test)
    assert values["accuracy"] == right.mean()
    by = [right[SPLIT.g_test == g].mean() for g in range(4)]
    assert values["worst_group"] == pytest.approx(min(by))
    assert values["deo"] == pytest.approx(abs(by[0] - by[1]) + abs(by[2] - by[3]))
    seen = right_answers(model, SPLIT.x_train, SPLIT.y_train)
    assert values["train_accuracy"] == pytest.approx(seen.mean())


def test_same_seed_same_numbers():
    first, again, other = (strategy(SPLIT, "classification", s, PLAIN) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_group_dro_lifts_the_worst_group():
    erm = strategy(SPLIT, "classification", 1, PLAIN)
    dro = strategy(
        SPLIT,
        "classification",
        1,
        {**PLAIN, "strategy": "group-dro", "tuned": {"group-dro": {"eta": 0.1}}},
    )
    assert dro["worst_group"] > erm["worst_group"] + 0.1


def test_method_settings_come_on_top_of_the_scenario():
    settings = {
        **PLAIN,
        "strategy": "occam",
        "tuned": {"occam": {"l1": 0.0, "l2": 50.0}},
        "options": {"l2": 0.0},
    }
    plain = strategy(SPLIT, "classification", 1, PLAIN)
    assert strategy(SPLIT, "classification", 1, settings) == plain
    strong = strategy(SPLIT, "classification", 1, {**settings, "options": {}, "steps": 20})
    assert strong["train_loss"] > plain["train_loss"] + 0.1
    decayed = strategy(SPLIT, "classification", 1, {**PLAIN, "decay": {"weight_decay": 0.5}})
    assert decayed["train_loss"] > plain["train_loss"]


def test_a_delayed_method_takes_steps_and_options_of_the_scenario():
    late = {"steps": 30, "options": {"delay": 10, "scale": 0.5}}
    settings = {**PLAIN, "strategy": "spectral", "options": {"strength": 2.0}, "late": late}
    delayed = strategy(SPLIT, "classification", 1, {**settings, "delayed": True})
    options = {"strength": 2.0, **late["options"]}
    spelled = {**PLAIN, "strategy": "spectral", "options": options, "steps": 30}
    assert delayed == strategy(SPLIT, "classification", 1, spelled)
    assert delayed != strategy(SPLIT, "classification", 1, settings)


def test_attribute_groups_are_what_dann_sees():
    settings = {
        **PLAIN,
        "strategy": "dann",
        "network": {"hidden": [8]},
        "also": {"domain_head": True},
        "by": "attribute",
        "options": {"all_labelled": True},
        "steps": 10,
    }
    model, _ = fitted(SPLIT, 0, settings)
    assert isinstance(model, DomainNet)
    assert np.isfinite(strategy(SPLIT, "classification", 0, settings)["train_loss"])


def test_networks_are_drawn_from_their_seed_alone():
    state = torch.get_rng_state()
    first, again, other = (
        make_network((4,), 1, s, hidden=(3,), xavier=True)[0].weight for s in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_networks_have_their_shapes():
    linear = make_network((4,), 1, 0)
    assert [type(layer) for layer in linear] == [nn.Linear]
    dropped = make_network((4,), 2, 0, hidden=(3, 3), dropout=0.5)
    assert sum(isinstance(layer, nn.Dropout) for layer in dropped) == 2
    x = torch.zeros(2, 3, 16, 16)
    widths = (4, 4, 4, 4)
    for kind in ("cnn", "occam-net"):
        net = make_network((3, 16, 16), 10, 0, kind=kind, widths=widths).eval()
        assert net(x).shape == (2, 10)
    assert make_network((3, 4, 4), 5, 0)(torch.zeros(2, 3, 4, 4)).shape == (2, 5)
    with pytest.raises(UnknownNameError, match="known: mlp, cnn, occam-net"):
        make_network((4,), 1, 0, kind="tree")


def test_optimizers():
    model = nn.Linear(2, 1)
    adam = optimizer_for(model, "adam", 0.01)
    assert type(adam).__name__ == "Adam" and adam.defaults["lr"] == 0.01
    sgd = optimizer_for(model, lr=0.3, momentum=0.9, weight_decay=0.1)
    assert sgd.defaults["momentum"] == 0.9 and sgd.defaults["weight_decay"] == 0.1


def test_an_occam_net_says_which_exit_answers():
    split = make_biased_digits("digits", n_train=120, n_test=60, random_state=0)
    settings = {
        "strategy": "occam-net",
        "network": {"kind": "occam-net", "widths": [4, 4, 4, 4]},
        "optimizer": {"name": "adam", "lr": 1e-3},
        "steps": 3,
        "batch_size": 30,
        "answers": True,
    }
    values = strategy(split, "classification", 0, settings)
    assert isinstance(fitted(split, 0, settings)[0], OccamNet)
    exits = [value for name, value in values.items() if name.startswith("exit_g")]
    assert exits and all(1 <= value <= 3 for value in exits)
