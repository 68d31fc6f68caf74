"""Rivals in a table: scores of the three settings, meta rows, pairs."""

from dataclasses import replace

import numpy as np
import pytest

from biam.baselines.registry import make_rival
from biam.datasets.synthetic import (
    make_additive_regression,
    make_disc_classification,
    make_planted_pairs,
)
from biam.exceptions import UnknownNameError
from biam.experiments.rivals import RIVAL_SCORES, fit_rival, run_rival
from biam.metrics import evaluate, pair_auprc

FEW_TREES = {"rival": "CatBoost", "options": {"iterations": 100}}


def test_published_and_fair_never_see_the_meta_rows():
    split = make_additive_regression(200, 4, missing_rate=0.1)
    lost = replace(split, X_meta=split.X_meta[:0], y_meta=split.y_meta[:0])
    for setting in ("published", "fair"):
        settings = {"rival": "Lasso", "setting": setting, "epochs": 7}
        values = run_rival(lost, "regression", 1, settings)
        model = make_rival("Lasso", "regression", setting, 1).fit(split.X_train, split.y_train)
        expected = evaluate(("mse", "mae", "r2"), split.y_test, model.predict(split.X_test))
        assert values == expected


def test_meta_rows_undo_a_constant_shift():
    split = make_additive_regression(400, 4)
    shifted = replace(split, y_train=split.y_train + 5)
    fair, meta = (
        run_rival(shifted, "regression", 0, {"rival": "SAM", "setting": setting})["mse"]
        for setting in ("fair", "meta")
    )
    assert fair > 20
    assert meta < 1


@pytest.mark.parametrize("setting", ["published", "fair", "meta"])
def test_classification_scores(setting):
    split = make_disc_classification(200, 3, noise_rate=0.1)
    settings = {"rival": "Lasso", "setting": setting}
    assert tuple(run_rival(split, "classification", 0, settings)) == RIVAL_SCORES["classification"]
    settings["scores"] = ["log_loss", "brier"]
    assert tuple(run_rival(split, "classification", 0, settings)) == ("log_loss", "brier")


def test_a_test_class_that_training_lacks_has_probability_zero():
    split = make_disc_classification(200, 3)
    ones = replace(split, y_train=np.ones_like(split.y_train))
    settings = {"rival": "HGB", "setting": "fair", "scores": ["accuracy", "auroc"]}
    values = run_rival(ones, "classification", 0, settings)
    assert values == {"accuracy": np.mean(split.y_test == 1), "auroc": 0.5}


@pytest.mark.parametrize("setting", ["published", "fair", "meta"])
def test_pairs_are_scored_where_they_are_known(setting):
    split = make_planted_pairs()
    settings = {**FEW_TREES, "setting": setting}
    values = run_rival(split, "regression", 0, settings)
    assert values["pair_auprc"] > 0.3
    unknown = replace(split, truth={})
    assert "pair_auprc" not in run_rival(unknown, "regression", 0, settings)
    assert "pair_auprc" not in run_rival(
        split, "regression", 0, {**settings, "rival": "Lasso", "options": {}}
    )


def test_null_scenario_counts_the_pairs_of_the_others():
    split = make_planted_pairs("binary", pairs=False)
    settings = {**FEW_TREES, "setting": "fair"}
    named = {**settings, "pairs": [[4, 5], [7, 6]]}
    assert run_rival(split, "classification", 0, settings) == run_rival(
        split, "classification", 0, named
    )


def test_pair_auprc_by_hand():
    strengths = np.zeros((4, 4))
    for strength, (j, k) in zip((6, 5, 4), ((0, 1), (0, 2), (2, 3)), strict=True):
        strengths[j, k] = strengths[k, j] = strength
    # Ranks 1 and 3 of six pairs: precision 1 at the first, 2/3 at the second.
    assert pair_auprc(strengths, [(1, 0), (2, 3)]) == pytest.approx((1 + 2 / 3) / 2)


def test_unknown_setting():
    split = make_additive_regression(50, 2)
    with pytest.raises(UnknownNameError, match="setting"):
        fit_rival(split, "regression", 0, {"rival": "Lasso", "setting": "fare"})
