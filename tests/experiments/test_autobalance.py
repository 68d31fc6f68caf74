"""Methods of the table `autobalance`: scores by hand, fixed losses, searches that are kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biam.exceptions import UnknownNameError
from biam.experiments.autobalance import balance, error_scores, network
from biam.experiments.long_tails import Case, make_long_tail
from biam.lower import Rows

TASK = "classification"
SHORT = {
    "hidden": [20],
    "training": {"epochs": 4, "batch_size": 50},
    "search": {"warm_up": 1, "every": 3},
}


@pytest.fixture(scope="module")
def split():
    return make_long_tail(largest=60, ratio=0.1)


def run(split, seed=0, **settings):
    return balance(split, TASK, seed, {**SHORT, "loss": "CE", **settings})


def test_scores_by_hand():
    y = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    f = torch.eye(2)[torch.tensor([0, 1, 1, 1, 0, 0, 0, 1])]
    case = Case(Rows(f, y), Rows(f, y), (2, 2))
    scores = error_scores(f, case)
    assert scores["error"] == 2 / 8
    assert scores["balanced_error"] == 0.25
    assert scores["worst_class_error"] == 0.25
    # Group 0: class 0 half wrong; group 1: class 1 half wrong.
    assert scores["deo"] == 1.0
    assert scores["worst_group_error"] == 0.25
    assert set(error_scores(f, case._replace(shape=(1, 4)))) == {
        "balanced_error",
        "error",
        "worst_class_error",
    }


def test_a_search_that_takes_no_step_is_the_fixed_loss(split):
    still = {"search": {**SHORT["search"], "upper_lr": 0.0}}
    for loss in ("CE", "LA"):
        searched, _ = run(split, loss=loss, learn=["offset"], **still)
        assert searched == pytest.approx(run(split, loss=loss)[0])


def test_a_search_changes_the_loss_and_keeps_it(split):
    search = {**SHORT["search"], "upper_lr": 0.2}
    metrics, curves = run(split, learn=["offset", "scale"], search=search, curve_seeds=[0])
    assert metrics != run(split)[0]
    offset = [p["value"] for p in curves if p["curve"] == "offset"]
    assert len(offset) == 10 and np.std(offset) > 0.1
    assert offset[0] > offset[-1]
    assert sum(p["curve"] == "objective" for p in curves) == len(
        [p for p in curves if p["curve"] == "objective" and p["x"] % 3 == 0]
    )
    assert run(split, learn=["offset"], search=search)[1] == []


def test_clustered_classes_share_what_is_learned(split):
    search = {**SHORT["search"], "upper_lr": 0.2}
    _, curves = run(split, learn=["offset"], cluster=5, search=search, curve_seeds=[0])
    offset = np.array([p["value"] for p in curves if p["curve"] == "offset"])
    # Sizes fall with the class, so the middles of the two clusters are classes 2 and 7.
    line = np.interp(np.arange(10), [2, 7], offset[[2, 7]])
    np.testing.assert_allclose(offset, line, atol=1e-5)
    assert offset[2] > offset[7] + 0.1


def test_a_larger_validation_part_leaves_fewer_rows_to_search_on(split):
    search = {"learn": ["offset"], "search": {**SHORT["search"], "every": 1}, "curve_seeds": [0]}
    steps = [
        sum(p["curve"] == "objective" for p in run(split, validation_share=share, **search)[1])
        for share in (0.2, 0.7)
    ]
    assert steps[0] >= 2 * steps[1]


def test_policies_are_drawn_and_searched(split):
    names = ["none", "mirror"]
    even, none = run(split, policies=names, search_policies=False)
    assert none == [] and even != run(split)[0]
    search = {**SHORT["search"], "n_rows": 100, "n_curved": 50}
    found, curves = run(split, policies=names, search=search, curve_seeds=[0])
    shares = np.array([p["value"] for p in curves if p["curve"] == "policy"]).reshape(2, 10)
    np.testing.assert_allclose(shares.sum(0), 1, rtol=1e-6)
    assert np.std(shares[0]) > 0.001 and found != even


def test_one_seed_one_result_and_no_global_stream(split):
    state = torch.get_rng_state()
    first = run(split, learn=["offset"])
    torch.manual_seed(99)
    assert run(split, learn=["offset"]) == first
    torch.set_rng_state(state)
    run(split, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert run(split, seed=1) != run(split)


def test_test_rows_are_only_scored(split):
    other = replace(split, X_test=split.X_test[::2], y_test=split.y_test[::2])
    search = {"learn": ["offset"], "curve_seeds": [0]}
    assert run(split, **search)[1] == run(other, **search)[1]


def test_the_cosine_head_gives_scaled_cosines():
    module = network(6, 3, 0, {"hidden": [8], "cosine": True})
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    assert module(x).abs().max() <= 30 + 1e-4
    hidden = module[:-1](x)
    torch.testing.assert_close(module[-1](hidden), module[-1](7 * hidden))


def test_unknown_names_are_said(split):
    with pytest.raises(UnknownNameError, match="CDT"):
        run(split, loss="CTD")
    with pytest.raises(UnknownNameError, match="balanced"):
        run(split, learn=["offset"], objective="balance")
    with pytest.raises(UnknownNameError, match="expected-error"):
        run(split, learn=["offset"], judge="expected")
