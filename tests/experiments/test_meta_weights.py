"""Methods of the table `meta-weight-net` on a small CNN."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biam.exceptions import UnknownNameError
from biam.experiments.images import make_image_split
from biam.experiments.meta_weights import METHODS, pictures
from biam.experiments.networks import network

TASK = "classification"


@pytest.fixture(scope="module")
def split():
    return make_image_split(label_noise="uniform", noise_rate=0.4, n_train_rows=300)


def run(split, method, seed=0, **settings):
    settings = {"steps": 6, "scores": ["accuracy", "log_loss"], "method": method, **settings}
    return pictures(split, TASK, seed, settings)


def test_plain_training_is_that_of_the_table_of_pictures(split):
    theirs, _ = network(split, TASK, 0, {"steps": 6, "scores": ["accuracy", "log_loss"]})
    assert run(split, "CE")[0] == pytest.approx(theirs)
    theirs, _ = network(split, TASK, 0, {"steps": 6, "scores": ["accuracy"], "rows": "meta"})
    assert run(split, "meta-only", scores=["accuracy"])[0] == pytest.approx(theirs)


def test_weights_are_those_of_the_table_of_pictures(split):
    settings = {"steps": 6, "scores": ["log_loss"], "weighted": True, "n_hidden": 10}
    theirs, _ = network(split, TASK, 0, settings)
    ours, _ = run(split, "MW-Net", widths=[10], scores=["log_loss"])
    assert ours["log_loss"] == pytest.approx(theirs["log_loss"])
    assert ours["weight_auroc"] == pytest.approx(theirs["weight_auroc"])


@pytest.mark.parametrize("method", METHODS)
def test_one_seed_one_result_on_clean_test_rows(split, method):
    state = torch.get_rng_state()
    first = run(split, method)
    assert run(split, method) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert 0 <= first[0]["accuracy"] <= 1
    fewer = replace(
        split,
        y_test=split.y_test[:100],
        truth={**split.truth, "images_test": split.truth["images_test"][:100]},
    )
    assert run(fewer, method)[0] != first[0]


def test_methods_differ(split):
    losses = {name: run(split, name)[0]["log_loss"] for name in METHODS if name != "CE-early"}
    assert len(set(losses.values())) == len(losses)


def test_focal_without_focus_and_even_classes_are_plain(split):
    plain = run(split, "CE")[0]
    assert run(split, "focal", gamma=0.0)[0] == pytest.approx(plain, rel=1e-4)
    assert run(split, "class-balanced", beta=0.0)[0] == pytest.approx(plain, rel=1e-4)


def test_early_stopping_is_never_worse_on_the_meta_rows(split):
    """It stops where the meta loss is lowest: here before the end of a long run."""
    metrics, _ = run(split, "CE-early", steps=120)
    assert 1 <= metrics["best_epoch"] < 40
    stopped = run(split, "CE", steps=3 * int(metrics["best_epoch"]))[0]
    assert metrics["log_loss"] == pytest.approx(stopped["log_loss"])


def test_weight_curves_are_kept_where_asked(split):
    metrics, curves = run(split, "MW-Net", steps=60, curve_seeds=[0])
    x, value = (np.array([point[key] for point in curves]) for key in ("x", "value"))
    assert (np.diff(x) >= 0).all() and len(x) == 40
    assert metrics["weight_slope"] < 0 and value[0] > value[-1]
    assert 0 < metrics["mean_weight"] < 1
    assert run(split, "MW-Net", curve_seeds=[1])[1] == []


def test_deep_networks_and_public_normalisations_train(split):
    values = {
        str(options): run(split, "MW-Net", **options)[0]["log_loss"]
        for options in ({}, {"normalise": False}, {"standardise": False}, {"widths": [5, 5]})
    }
    assert len(set(values.values())) == 4 and np.isfinite(list(values.values())).all()


def test_unknown_methods_are_said(split):
    with pytest.raises(UnknownNameError, match="co-teaching"):
        run(split, "coteaching")
