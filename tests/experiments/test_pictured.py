"""Convolutions and restarts as methods of the table."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError
from biam.experiments.hidden import Hidden, make_gaussian
from biam.experiments.imputing import deep
from biam.experiments.pictured import convolved, restarted

NETWORKS = {"channels": 2, "latent_channels": 1, "max_iter": 3, "n_importance": 5}
TINY = {"training": {"max_iter": 20, "hidden": (8,), "n_importance": 50}}


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((12, 64)) < 0.5, -1.0, 1.0)
    disc = np.zeros((8, 8), bool)
    disc[3:5, 3:5] = True
    gone = np.broadcast_to(disc.ravel(), X.shape)
    return Hidden(X, gone, (8, 8), {"disc": disc.ravel()})


@pytest.mark.parametrize("mechanism", [{}, {"mechanism": "grey"}])
def test_pictures_are_judged_in_the_disc(pictures, mechanism):
    settings = {"options": NETWORKS, "keep": [3], **mechanism}
    metrics, none = convolved(pictures, "imputation", 0, settings)
    # All that is hidden is the disc.
    assert metrics["rmse"] == metrics["rmse_disc"] and none == []
    assert 0 <= metrics["sides"] <= 1 <= metrics["ess"] <= 5
    assert metrics == convolved(pictures, "imputation", 0, settings)[0]
    assert len(convolved(pictures, "imputation", 3, settings)[1]) == 5 * 4


def test_convolutions_need_pictures():
    with pytest.raises(InvalidInputError, match="pictures"):
        convolved(make_gaussian(20, random_state=0), "imputation", 0, {"options": NETWORKS})


def test_the_highest_bound_of_the_starts_counts():
    data = make_gaussian(60, random_state=0)
    settings = {"imputer": "not-MIWAE", **TINY}
    once, _ = deep(data, "imputation", 5, settings)
    assert restarted(data, "imputation", 5, settings | {"restarts": 1})[0] == once
    others = [deep(data, "imputation", 5 + 10_000 * k, settings)[0] for k in (1, 2)]
    best, _ = restarted(data, "imputation", 5, settings | {"restarts": 3})
    assert best["bound"] == max(part["bound"] for part in (once, *others))
    assert best in (once, *others)
