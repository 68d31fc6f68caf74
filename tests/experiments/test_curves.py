"""Runs that keep curves: closed forms, the truth against itself, our learner against the truth."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam import BIAMRegressor
from biam.datasets.synthetic import (
    SHAPES,
    Split,
    make_additive_regression,
    make_planted_pairs,
)
from biam.exceptions import UnknownNameError
from biam.experiments.blocks import make_noisy_regression
from biam.experiments.curves import draw, make_gaps_with_truth, make_pairs_with_truth, profile

GAPS = {"noise_rate": 0.1, "missing_rate": 0.2, "mechanism": "mnar", "n_samples": 300}
OURS = {"model": "ours", "estimator": {"epochs": 20}}
TRUTH = {"model": "truth"}
PLANTED = [[4, 5], [6, 7], [8, 9]]
LOOP2 = {"solver": "published", "variant": "BIAM2", "epochs": 3, "gates": "discovery"}


def frame(points):
    return pd.DataFrame(points, columns=["curve", "x", "z", "value"])


@pytest.fixture(scope="module")
def clean():
    return make_noisy_regression("clean", n_samples=400)


@pytest.fixture(scope="module")
def gaps():
    return make_gaps_with_truth(**GAPS)


def test_profile_of_a_line_is_the_line_and_the_mean_of_the_rest():
    X = np.array([[1.0, 5.0], [3.0, 9.0]])
    seen = profile(lambda t: 2 * t[:, 0] + t[:, 1], X, {0: [0.0, 10.0]})
    np.testing.assert_array_equal(seen, [7, 27])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6))
def test_profile_reads_the_shape_of_an_additive_function_whatever_the_rows(values):
    X = np.random.default_rng(0).normal(size=(7, 3))
    curves = [
        profile(lambda t: np.sin(t[:, 1]) + t[:, 0] * t[:, 2], rows, {1: values})
        for rows in (X, X[:1])
    ]
    shapes = [curve - curve[0] for curve in curves]
    np.testing.assert_allclose(shapes[0], shapes[1], atol=1e-12)
    np.testing.assert_allclose(shapes[0], np.sin(values) - np.sin(values[0]), atol=1e-12)


def test_profile_of_a_frame_sets_words_and_gaps():
    X = pd.DataFrame({"n": [1, 2], "word": pd.Categorical(["a", "b"])})

    def predict(table):
        assert table.dtypes["word"] == X.dtypes["word"]
        return table["n"].to_numpy() + table["word"].isna().to_numpy() * 10.0

    assert profile(predict, X, {"word": ["a", None]}).tolist() == [1.5, 11.5]
    assert profile(predict, X, {"n": [4.0]}).tolist() == [4]


def test_gaps_hide_what_is_complete(gaps):
    seen = np.concatenate([gaps.X_train, gaps.X_meta, gaps.X_test])
    complete, hidden = gaps.truth["complete"], gaps.truth["hidden"]
    np.testing.assert_array_equal(np.isnan(seen), hidden)
    np.testing.assert_array_equal(seen[~hidden], complete[~hidden])
    assert not np.isnan(complete).any()
    assert 0.15 < hidden.mean() < 0.25


@pytest.mark.parametrize("seed", [42, 7])
def test_scale_of_the_pairs_gives_the_labels_back(seed):
    split = make_pairs_with_truth(random_state=seed)
    np.testing.assert_array_equal(split.X_train, make_planted_pairs(random_state=seed).X_train)
    truth = split.truth
    x = (split.X_test * truth["x_scale"] + truth["x_centre"]).T
    y = split.y_test * truth["y_scale"] + truth["y_centre"]
    y -= 1.5 * np.sin(x[0]) + x[1] ** 2 - 1 - 1.2 * x[3] + 2 * x[4] * x[5]
    y -= 1.5 * np.sin(x[6] * x[7]) + 1.2 * np.tanh(x[8]) * np.tanh(x[9])
    # What is left is the noise, N(0, 0.1) on 240 rows.
    assert y.std() == pytest.approx(0.1, rel=0.15)
    assert abs(y.mean()) < 0.03


def test_true_shapes_are_the_generator_and_agree_with_themselves(clean):
    metrics, points = draw(clean, "regression", 42, {"draw": "shapes", **TRUTH})
    assert metrics["shape_correlation"] == pytest.approx(1)
    assert metrics["shape_rmse"] == 0
    table = frame(points)
    assert (table.groupby("curve").size() == 41).all()
    part = table[table["curve"] == "x3"]
    truth = clean.truth
    raw = SHAPES[3](part["x"] * truth["x_scale"][3] + truth["x_centre"][3]) / truth["y_scale"]
    np.testing.assert_allclose(part["value"], raw - raw.mean(), atol=1e-4)


def test_our_learner_recovers_the_shapes_and_curves_are_centred(clean):
    metrics, points = draw(clean, "regression", 42, {"draw": "shapes", **OURS})
    assert metrics["shape_correlation"] > 0.99
    each = [metrics[f"shape_correlation_{j}"] for j in range(8)]
    assert metrics["shape_correlation"] == pytest.approx(np.mean(each))
    np.testing.assert_allclose(frame(points).groupby("curve")["value"].mean(), 0, atol=1e-5)


def test_read_from_predictions_a_shape_is_what_the_estimator_shows(clean):
    settings = {"draw": "shapes", **OURS}
    table = frame(draw(clean, "regression", 42, settings)[1])
    est = BIAMRegressor(epochs=20, progress=False, random_state=42)
    est.fit(clean.X_train, clean.y_train, clean.X_meta, clean.y_meta)
    part = table[table["curve"] == "x1"]
    rows = np.zeros((len(part), 10))
    rows[:, 1] = part["x"]
    shown = est.explain(rows).to_numpy()[:, 1:].sum(1)
    np.testing.assert_allclose(part["value"], shown - shown.mean(), atol=1e-4)


def test_a_rival_is_read_in_the_same_way(clean):
    settings = {"draw": "shapes", "model": "rival", "rival": "Lasso", "setting": "fair"}
    table = frame(draw(clean, "regression", 42, settings)[1])
    for _, part in table.groupby("curve"):
        slopes = np.diff(part["value"]) / np.diff(part["x"])
        np.testing.assert_allclose(slopes, slopes.mean(), atol=1e-3)


def test_true_offsets_are_differences_of_means(gaps):
    metrics, points = draw(gaps, "regression", 42, {"draw": "missing", "response": [3, 1], **TRUTH})
    assert metrics["offset_correlation"] == pytest.approx(1)
    assert metrics["response_rmse"] == 0
    table = frame(points).set_index("curve")
    truth = gaps.truth
    x = truth["complete"] * truth["x_scale"] + truth["x_centre"]
    for j in range(8):
        g, gap = SHAPES[j](x[:, j]) / truth["y_scale"], truth["hidden"][:, j]
        want = g[gap].mean() - g[~gap].mean()
        assert table.loc[f"offset:x{j}", "x"] == pytest.approx(want, abs=1e-5)
        assert table.loc[f"offset:x{j}", "value"] == pytest.approx(want, abs=1e-5)
    assert table.loc["offset:x9", "value"] == pytest.approx(0, abs=1e-9)


def test_true_response_moves_by_the_gap_alone(gaps):
    settings = {"draw": "missing", "response": [3, 1], **TRUTH}
    table = frame(draw(gaps, "regression", 42, settings)[1])
    observed, missing = (
        table.loc[table["curve"] == f"x1 | x3 {state}", "value"].to_numpy()
        for state in ("observed", "missing")
    )
    np.testing.assert_allclose(missing - observed, (missing - observed)[0], atol=1e-5)
    assert abs(missing[0] - observed[0]) > 0.05


def test_our_learner_finds_the_offsets():
    split = make_gaps_with_truth(**{**GAPS, "n_samples": 1200})
    metrics, _ = draw(split, "regression", 42, {"draw": "missing", "response": [3, 1], **OURS})
    assert metrics["offset_correlation"] > 0.9
    assert metrics["response_rmse"] < 0.1


@pytest.mark.parametrize("params", [{}, {"corrupt": True, "mechanism": "mnar"}])
def test_true_surfaces_have_no_main_effects(params):
    split = make_pairs_with_truth(**params)
    metrics, points = draw(split, "regression", 42, {"draw": "pairs", "pairs": PLANTED, **TRUTH})
    assert metrics == {"surface_correlation": pytest.approx(1)}
    table = frame(points)
    assert list(table["curve"].unique()) == ["x4 x5", "x6 x7", "x8 x9"]
    for side in ("x", "z"):
        means = table.groupby(["curve", side])["value"].mean()
        np.testing.assert_allclose(means, 0, atol=1e-5)
    product = table[table["curve"] == "x4 x5"]
    x, z = product["x"] - product["x"].mean(), product["z"] - product["z"].mean()
    scale = np.prod(split.truth["x_scale"][4:6]) / split.truth["y_scale"]
    np.testing.assert_allclose(product["value"], 2 * scale * x * z, atol=1e-4)


def test_pairs_of_the_loop_have_strengths_and_surfaces():
    split = make_pairs_with_truth()
    settings = {"draw": "pairs", "pairs": PLANTED, "model": "ours", "estimator": LOOP2}
    metrics, points = draw(split, "regression", 42, settings)
    table = frame(points)
    strength = table[table["curve"] == "strength"]
    assert len(strength) == 45
    assert (strength["x"] < strength["z"]).all()
    assert (strength["value"] >= 0).all()
    assert 0 < metrics["pair_auprc"] <= 1
    assert len(table) == 45 + 3 * 21 * 21


def test_error_at_one_rate_is_that_of_the_estimator():
    split = make_additive_regression(300, noise_rate=0.3)
    metrics, points = draw(split, "regression", 42, {"draw": "rate", "rate": 0.3, **OURS})
    est = BIAMRegressor(epochs=20, progress=False, random_state=42)
    est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    assert metrics["mse"] == pytest.approx(np.mean((est.predict(split.X_test) - split.y_test) ** 2))
    (point,) = points
    assert (point["curve"], point["x"]) == ("mse", 0.3)
    assert point["value"] == pytest.approx(metrics["mse"], rel=1e-5)


def test_the_clean_rows_alone_do_not_see_the_noise():
    errors = [
        draw(
            make_noisy_regression(family, n_samples=300),
            "regression",
            42,
            {"draw": "rate", "rate": 0.0, "model": "ours", "meta_only": True},
        )[0]["mse"]
        for family in ("clean", "outlier30")
    ]
    assert errors[0] == errors[1]


def test_weights_of_all_rows_by_the_mask():
    split = make_noisy_regression("outlier30", n_samples=300)
    metrics, points = draw(split, "regression", 42, {"draw": "weights", **OURS})
    counts = frame(points)["curve"].value_counts()
    assert counts.to_dict() == {"clean": 126, "corrupted": 54}
    assert metrics["weight_auroc"] > 0.95
    assert metrics["mean_weight_corrupted"] < 0.1 < metrics["mean_weight_clean"]


def test_contributions_of_a_table_with_words_and_gaps():
    g = np.random.default_rng(0)
    X = pd.DataFrame({"n": g.normal(size=500), "word": pd.Categorical(g.choice(list("ab"), 500))})
    X["word"] = X["word"].mask(g.uniform(size=500) < 0.2)
    odds = 2 * X["n"] + 3 * X["word"].isna()
    y = (g.uniform(size=500) < 1 / (1 + np.exp(-odds))).to_numpy().astype(int)
    parts = [slice(0, 300), slice(300, 400), slice(400, 500)]
    tables = [part for s in parts for part in (X.iloc[s].reset_index(drop=True), y[s])]
    split = Split(*tables, np.zeros(300, bool))
    settings = {"draw": "contributions", "curves": {"n": [-1, 1]}, "gaps": ["word"], **OURS}
    metrics, points = draw(split, "classification", 0, settings)
    table = frame(points)
    assert metrics["auroc"] > 0.8
    gap = table[table["curve"] == "missing:word"].iloc[0]
    assert gap["x"] == pytest.approx(split.X_train["word"].isna().mean(), rel=1e-5)
    assert 1 < gap["value"] < 6
    curve = table.loc[table["curve"] == "n", "value"]
    assert 2 < curve.iloc[-1] - curve.iloc[0] < 8


def test_points_are_kept_of_the_seeds_asked_for_and_fit_into_json(clean):
    settings = {"draw": "shapes", **TRUTH, "curve_seeds": [7]}
    assert draw(clean, "regression", 42, settings)[1] == []
    kept = draw(clean, "regression", 7, settings)[1]
    assert json.loads(json.dumps(kept)) == kept


def test_unknown_names_say_what_there_is(clean):
    with pytest.raises(UnknownNameError, match="drawing"):
        draw(clean, "regression", 42, {"draw": "shape", **TRUTH})
    with pytest.raises(UnknownNameError, match="model"):
        draw(clean, "regression", 42, {"draw": "shapes", "model": "true"})
