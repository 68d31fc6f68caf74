"""Which rows, groups and domains a strategy is shown."""

import numpy as np
import pytest
import torch

from biam.datasets.faulty import make_faulty_table
from biam.exceptions import UnknownNameError
from biam.experiments import fault_networks
from biam.experiments.fault_networks import _evened, _rows, _with_domain, faulty_network

SIZES = {"n_train": 300, "n_meta": 40, "n_target": 60, "n_test": 200, "random_state": 2}
QUICK = {"network": {"hidden": [8]}, "optimizer": {"name": "adam", "lr": 0.01}, "steps": 40}
RUN = {**QUICK, "batch_size": 64}


def table(fault):
    return make_faulty_table("made", fault, **SIZES)


def test_rows_are_those_asked_for():
    split = table("none")
    assert _rows(split, "train") is split
    assert np.array_equal(_rows(split, "meta").x_train, split.x_meta)
    both = _rows(split, "train+meta")
    assert both.x_train.shape == (340, 7) and np.array_equal(both.y_train[300:], split.y_meta)
    with pytest.raises(UnknownNameError, match="train\\+meta"):
        _rows(split, "all")


@pytest.mark.parametrize("fault", ["rare class", "rare group"])
def test_smote_evens_the_groups_and_keeps_indicators(fault):
    split = table(fault)
    even = _evened(split, {}, 0)
    counts = np.bincount(even.g_train)
    assert len(set(counts.tolist())) == 1 and counts[0] == np.bincount(split.g_train).max()
    assert np.array_equal(even.x_train[:300], split.x_train)
    assert set(np.unique(even.x_train[:, ~split.movable])) == {0.0, 1.0}
    label = even.g_train if fault == "rare class" else even.g_train // 2
    assert np.array_equal(even.y_train, label)


def test_domains_are_the_attribute_or_where_a_row_is_from():
    split = table("spurious feature")
    assert np.array_equal(_with_domain(split, "attribute").g_train, split.a_train)
    target = _with_domain(split, "target")
    assert np.bincount(target.g_train).tolist() == [300, 60]
    assert np.array_equal(target.x_train[300:], split.x_target)
    assert not target.y_train[300:].any()
    assert _with_domain(split, "") is split


def test_unlabelled_rows_have_no_say_in_the_labels(monkeypatch):
    settings = {
        **RUN,
        "strategy": "dann",
        "also": {"domain_head": True},
        "domain": "target",
        "options": {"all_labelled": False},
    }
    first = faulty_network(table("shift"), "classification", 0, settings)
    real = fault_networks._with_domain

    def told(split, domain):
        data = real(split, domain)
        data.y_train[300:] = 1
        return data

    monkeypatch.setattr(fault_networks, "_with_domain", told)
    assert faulty_network(table("shift"), "classification", 0, settings) == first


def test_a_moved_threshold_changes_answers_alone():
    split = table("rare class")
    longer = {**RUN, "steps": 200}
    plain, moved = (
        faulty_network(split, "classification", 0, {**longer, "move_threshold": move})
        for move in (False, True)
    )
    assert plain["log_loss"] == moved["log_loss"]
    assert moved["worst_group"] > plain["worst_group"] + 0.2


def test_adversarial_training_leaves_indicators_alone(monkeypatch):
    seen = []
    real = fault_networks.fitted
    monkeypatch.setattr(
        fault_networks, "fitted", lambda *given: seen.append(given[2]) or real(*given)
    )
    split = table("adversary")
    settings = {**RUN, "strategy": "adversarial", "options": {"eps": 0.2}, "radius": 0.2}
    values = faulty_network(split, "classification", 0, settings)
    assert torch.equal(seen[0]["options"]["fixed"], torch.as_tensor(~split.movable))
    assert "fixed" not in settings["options"]
    assert values["robust_accuracy"] <= values["accuracy"]


def test_same_seed_same_numbers():
    split = table("none")
    first, again, other = (faulty_network(split, "classification", s, RUN) for s in (1, 1, 2))
    assert first == again != other
