"""The CNN under the weighting network: equal weights change nothing, wrong labels lose weight."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biam.exceptions import UnknownNameError
from biam.experiments.images import SCORES, make_image_split
from biam.experiments.networks import network, small_cnn
from biam.weighting import WeightingNetwork

TASK = "classification"


@pytest.fixture(scope="module")
def split():
    return make_image_split(label_noise="uniform", noise_rate=0.4, n_train_rows=400)


def run(split, seed=0, **settings):
    return network(split, TASK, seed, {"steps": 8, **settings})


def test_frozen_equal_weights_are_the_plain_cnn(split, monkeypatch):
    def zero(self, generator=None, *, dtype=torch.float32):
        return torch.zeros(3 * self.n_hidden + 1, dtype=dtype)

    monkeypatch.setattr(WeightingNetwork, "init", zero)
    plain, _ = run(split)
    weighted, _ = run(split, weighted=True, upper_lr=0.0)
    assert weighted.pop("weight_auroc") == 0.5
    assert weighted == pytest.approx(plain, rel=1e-4)


def test_wrong_labels_weigh_less(split):
    metrics, curves = run(split, weighted=True, steps=80, curve_seeds=[0])
    assert metrics["weight_auroc"] > 0.9
    curve = [point for point in curves if point["curve"] == "weight"]
    losses, weights = (np.array([point[key] for point in curve]) for key in ("x", "value"))
    assert (np.diff(losses) >= 0).all()
    assert weights[0] > 2 * weights[-1]
    suspects = [int(point["z"]) for point in curves if point["curve"] == "suspect"]
    assert split.mask[suspects].mean() > 0.8


def test_weighting_beats_the_plain_cnn_under_noise(split):
    plain, weighted = (run(split, weighted=w, steps=150)[0]["accuracy"] for w in (False, True))
    assert weighted > plain + 0.02


def test_meta_rows_alone_know_nothing_of_the_training_rows(split):
    other = replace(split, y_train=(split.y_train + 1) % 10)
    first, _ = run(split, rows="meta")
    assert first == run(other, rows="meta")[0]
    assert first != run(split, rows="both")[0]
    assert first != run(split)[0]
    assert list(first) == list(SCORES)


def test_one_seed_one_result_and_no_global_stream(split):
    state = torch.get_rng_state()
    first = run(split, weighted=True, curve_seeds=[0])
    torch.manual_seed(99)
    assert run(split, weighted=True, curve_seeds=[0]) == first
    torch.set_rng_state(state)
    run(split, seed=1)
    torch.testing.assert_close(torch.get_rng_state(), state)
    assert run(split, seed=1)[0] != run(split)[0]


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (32, 32, 3)])
def test_the_cnn_fits_pictures_of_every_size(split, shape):
    sized = replace(split, truth={**split.truth, "shape": shape})
    channels = shape[2] if len(shape) == 3 else 1
    x = torch.zeros(2, channels, *shape[:2])
    assert small_cnn(sized, 0)(x).shape == (2, 10)


def test_no_curves_without_learned_weights(split):
    assert run(split, curve_seeds=[0])[1] == []


def test_unknown_rows_are_said(split):
    with pytest.raises(UnknownNameError, match="train"):
        run(split, rows="trian")
