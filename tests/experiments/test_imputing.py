"""Methods of the tables: oracles first, errors as defined, distances that tell laws apart."""

import numpy as np
import pytest
import torch

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.hidden import Hidden, make_disc, make_gaussian, make_ring
from biam.experiments.imputing import (
    MECHANISMS,
    deep,
    energy_distance,
    oracle,
    rival,
    rmse,
)

TINY = {"training": {"max_iter": 20, "hidden": (8,), "n_importance": 50}}


def test_energy_distance_is_near_zero_for_one_law_and_the_shift_for_two():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 400, 2))
    assert abs(energy_distance(A, B)) < 0.05
    far = energy_distance(A, B + np.array([100.0, 0.0]))
    # 2 E|a - b| is 200; distances within are pi^(1/2) each for a standard normal plane.
    assert far == pytest.approx(200 - 2 * np.sqrt(np.pi), abs=0.5)


def test_rmse_counts_the_hidden_places_alone():
    X = np.zeros((2, 2))
    filled = np.array([[3.0, 100.0], [100.0, 4.0]])
    assert rmse(X, filled, np.eye(2, dtype=bool)) == pytest.approx(np.sqrt(12.5))


def test_no_method_beats_the_oracle_of_the_gaussian():
    data = make_gaussian(500, random_state=1)
    best = oracle(data, "imputation", 1, {})[0]["rmse"]
    for name in ("zero", "mean", "KNN", "MICE"):
        assert rival(data, "imputation", 1, {"imputer": name})[0]["rmse"] > best + 0.2


def test_draws_of_the_oracle_are_nearest_on_the_ring():
    data = make_ring(400, random_state=0)
    best = oracle(data, "imputation", 0, {})[0]
    filled = rival(data, "imputation", 0, {"imputer": "mean"})[0]
    assert best["energy_distance"] < 0.1 < filled["energy_distance"]


def test_an_oracle_needs_a_known_law():
    data = Hidden(np.zeros((2, 2)), np.eye(2, dtype=bool))
    with pytest.raises(InvalidInputError, match="known distribution"):
        oracle(data, "imputation", 0, {})


def test_a_scenario_tunes_a_rival_and_keeps_its_points():
    data = make_gaussian(60, random_state=0)
    settings = {"imputer": "KNN", "options": {"n_neighbors": 5}, "keep": [3]}
    tuned = settings | {"tuned": {"KNN": {"n_neighbors": 1}, "MICE": {"max_iter": 1}}}
    plain, none = rival(data, "imputation", 0, settings)
    assert none == [] and plain != rival(data, "imputation", 0, tuned)[0]
    _, curves = rival(data, "imputation", 3, settings)
    gone = data.missing[:, 0]
    drawn = [point for point in curves if point["curve"] == "drawn"]
    np.testing.assert_allclose([p["value"] for p in drawn], data.X[gone, 0], atol=1e-4)
    np.testing.assert_allclose([p["z"] for p in drawn], data.X[gone, 1], atol=1e-4)


def test_deep_methods_report_what_they_did():
    data = make_gaussian(60, random_state=0)
    miwae, _ = deep(data, "imputation", 0, {"imputer": "MIWAE", **TINY})
    assert set(miwae) == {"rmse", "energy_distance", "bound", "ess", "steps"}
    settings = {"imputer": "not-MIWAE", "options": {"mask_model": "agnostic"}, **TINY}
    masked, _ = deep(data, "imputation", 0, settings)
    assert set(masked) == set(miwae) | {"mask_accuracy", "rmse_decoder"}
    assert masked["steps"] == 20 and 1 <= masked["ess"] <= 50
    assert masked == deep(data, "imputation", 0, settings)[0]
    with pytest.raises(UnknownNameError, match="imputer"):
        deep(data, "imputation", 0, {"imputer": "GAIN"})


def test_pictures_are_judged_in_the_disc_and_their_discs_kept():
    data = make_disc("digits", n_rows=20, radius=2, random_state=0)
    metrics, curves = rival(data, "imputation", 0, {"imputer": "zero", "keep": [0]})
    n_disc = 20 * data.truth["disc"].sum()
    expected = metrics["rmse"] * np.sqrt(data.missing.sum() / n_disc)
    assert metrics["rmse_disc"] == pytest.approx(expected)
    assert len(curves) == 5 * 13 and curves[0]["curve"] == "picture:0"
    first = curves[0]
    assert (first["x"], first["z"], first["value"]) == (2.0, 4.0, 0.0)


@pytest.mark.parametrize("name", sorted(MECHANISMS))
def test_mechanisms_agree_with_what_the_toys_hide(name):
    data = (
        make_ring(300, random_state=0)
        if name == "upper-quarter"
        else make_disc("digits", n_rows=20, radius=2, random_state=0)
    )
    hidden = MECHANISMS[name](torch.tensor(data.X)).numpy() < 0
    columns = data.missing.any(0)
    agree = hidden[:, columns] == data.missing[:, columns]
    assert agree.mean() > 0.999
