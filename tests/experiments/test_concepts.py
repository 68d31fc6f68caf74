"""The learners of table `batm`, and its sets."""

import numpy as np
import pytest

from biam.exceptions import UnknownNameError
from biam.experiments.concepts import SCORES, STOPS, batm, biam_x, make_concept_split

FAST = {"hidden": [6], "n_ranks": 3, "epochs": 15, "lower_lr": 0.03}
PLANTED = {"z1": [0, 1, 2], "z2": [3, 4, 5], "z3": [6, 7, 8], "z4": [9, 10, 11]}


@pytest.fixture(scope="module")
def split():
    return make_concept_split("synthetic", n_rows=300, noise_rate=0.3, random_state=1)


def run(split, **settings):
    settings = {"concepts": {"groups": PLANTED}, "learner": FAST, **settings}
    return batm(split, "classification", 0, settings)[0]


def test_scores_weights_and_planted_products(split):
    values = run(split)
    assert set(values) == {
        *SCORES["classification"],
        *("epochs", "concepts_kept", "labels_kept", "weight_auroc", "pair_auprc"),
    }
    assert values == run(split) and 0 < values["pair_auprc"] <= 1


def test_the_stop_is_by_the_rows_it_names(split):
    equal = FAST | {"weighting": "equal", "patience": 30, "epochs": 30, "meta_folds": 1}
    found = {stop: run(split, learner=equal, stop=stop) for stop in STOPS}
    # Same epochs, and "test" takes the one that is best on the test rows.
    verdict = {s: 1 - v["balanced_accuracy"] + 0.1 * v["log_loss"] for s, v in found.items()}
    assert len(set(verdict.values())) == 3 and verdict["test"] < verdict["meta"]
    assert "weight_auroc" not in run(split, learner=equal)
    with pytest.raises(UnknownNameError, match="stop"):
        run(split, stop="never")


def test_what_is_kept_to_be_read(split):
    settings = {"concepts": {"groups": PLANTED}, "learner": FAST, "curve_seeds": [0]}
    _, curves = batm(split, "classification", 0, settings)
    shares = {c["curve"]: c["value"] for c in curves if c["curve"].startswith("concept:")}
    assert set(shares) == {f"concept:{name}" for name in PLANTED}
    assert sum(shares.values()) == pytest.approx(1)
    terms = [c["value"] for c in curves if c["curve"].startswith("term:")]
    assert len(terms) == 12 and terms == sorted(terms, reverse=True)
    assert batm(split, "classification", 1, settings)[1] == []


def test_pictures_have_concepts_of_their_own():
    split = make_concept_split("digits", n_rows=400, noise_rate=0.4, random_state=0)
    assert split.X_train.shape == (400, 16) and split.mask.mean() == pytest.approx(0.4)
    settings = {"concepts": {"encoder": "none"}, "learner": FAST}
    values, _ = batm(split, "classification", 0, settings)
    assert values["concepts_kept"] == 16 and values["accuracy"] > 0.3


def test_tables_of_numbers():
    split = make_concept_split("diabetes", n_rows=200, noise_rate=0.2, random_state=0)
    assert len(split.y_train) + len(split.y_meta) + len(split.y_test) == 200
    values, _ = batm(split, "regression", 0, {"learner": FAST})
    assert set(SCORES["regression"]) < set(values) and np.isfinite(list(values.values())).all()


def test_additive_rival_takes_the_keywords_of_its_scenario(split):
    few = {"additive": {"n_knots": 3, "pairs": False}, "concepts": {"order": 1}}
    more = {"additive": {"n_knots": 8, "pairs": False}, "concepts": {"order": 1}}
    a, b = (biam_x(split, "classification", 0, s) for s in (few, more))
    assert a["log_loss"] != b["log_loss"] and set(SCORES["classification"]) <= set(a)
