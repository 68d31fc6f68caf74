"""Methods start alike, read the labels of one domain only, and are scored on both."""

import numpy as np
import pytest
import torch

from biam.datasets.grouped import GroupedSplit
from biam.datasets.shifted import make_digit_domains, make_rotated_moons
from biam.exceptions import UnknownNameError
from biam.experiments.domains import adapt, domain_distance, make_domain_net

SPLIT = make_rotated_moons(35.0, n_source=100, n_target=100)
BRIEF = {"network": "shallow", "steps": 15, "optimizer": {"name": "adam", "lr": 0.05}}


def without_labels_of(domain):
    y = np.where(SPLIT.g_train == domain, 1 - SPLIT.y_train, SPLIT.y_train)
    return GroupedSplit(
        *(SPLIT.x_train, y, SPLIT.g_train, SPLIT.x_test, SPLIT.y_test, SPLIT.g_test)
    )


@pytest.mark.parametrize(("labels", "hidden"), [("source", 1), ("target", 0)])
def test_labels_of_the_other_domain_change_nothing(labels, hidden):
    settings = {**BRIEF, "labels": labels, "options": {"strength": 1.0}}
    values, _ = adapt(SPLIT, "classification", 1, settings)
    assert adapt(without_labels_of(hidden), "classification", 1, settings)[0] == values
    assert adapt(without_labels_of(1 - hidden), "classification", 1, settings)[0] != values


def test_trained_on_a_domain_it_is_good_at_it():
    settings = {**BRIEF, "steps": 400, "options": {"strength": 0.0}}
    source, _ = adapt(SPLIT, "classification", 1, settings)
    target, _ = adapt(SPLIT, "classification", 1, {**settings, "labels": "target"})
    assert source["source_accuracy"] > 0.95 > source["target_accuracy"]
    assert target["target_accuracy"] > 0.95 > target["source_accuracy"]


def test_the_answer_is_kept_on_a_grid_for_the_seeds_asked_for():
    settings = {**BRIEF, "steps": 2, "curve_seeds": [1]}
    _, points = adapt(SPLIT, "classification", 1, settings)
    assert len({(p["x"], p["z"]) for p in points}) == len(points) == 41 * 33
    assert adapt(SPLIT, "classification", 2, settings)[1] == []


def test_networks():
    first, again = (make_domain_net("shallow", (2,), 1, 5) for _ in range(2))
    assert torch.equal(first.label_head.weight, again.label_head.weight)
    assert first.extractor[0].out_features == 15
    picture = make_domain_net("cnn", (3, 28, 28), 10, 0)
    assert picture(torch.zeros(2, 3, 28, 28)).shape == (2, 10)
    with pytest.raises(UnknownNameError, match="known: shallow, cnn"):
        make_domain_net("deep", (2,), 1, 0)


def test_small_pictures_train_with_the_published_schedule():
    split = make_digit_domains("digits", n_source=60, n_target=60, n_test=20)
    settings = {"network": "cnn", "steps": 3, "batch_size": 20, "decay": True}
    values, _ = adapt(split, "classification", 0, settings)
    assert 0 <= values["target_accuracy"] <= 1


def test_distance_of_domains_that_are_alike_and_apart():
    g = np.random.default_rng(0)
    domain = np.arange(400) % 2
    domain = g.permutation(domain)
    alike = g.normal(size=(400, 3))
    assert domain_distance(alike, domain) < 0.4
    assert domain_distance(alike + 20 * domain[:, None], domain) == 2
