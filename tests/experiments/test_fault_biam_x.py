"""BIAM-X is scored as the networks are, by its own rule."""

import numpy as np
import pytest

from biam import BIAMClassifier
from biam.datasets.faulty import make_faulty_table
from biam.experiments.fault_biam_x import faulty_biam_x

SPLIT = make_faulty_table(
    "made", "rare class", n_train=500, n_meta=100, n_target=20, n_test=500, random_state=5
)
BALANCED = {"estimator": {"objective": "balanced_accuracy"}}


@pytest.mark.parametrize("settings", [{}, BALANCED])
def test_answers_are_those_of_the_estimator(settings):
    values = faulty_biam_x(SPLIT, "classification", 0, settings)
    est = BIAMClassifier(random_state=0, **settings.get("estimator", {}))
    est.fit(SPLIT.x_train.astype(float), SPLIT.y_train)
    assert values["accuracy"] == np.mean(est.predict(SPLIT.x_test) == SPLIT.y_test)


def test_a_balanced_rule_keeps_the_probabilities():
    plain, balanced = (faulty_biam_x(SPLIT, "classification", 0, s) for s in ({}, BALANCED))
    assert plain["log_loss"] == balanced["log_loss"]
    assert balanced["balanced_accuracy"] > plain["balanced_accuracy"]


def test_meta_rows_are_used_where_asked_for():
    split = make_faulty_table(
        "made", "shift", n_train=400, n_meta=100, n_target=20, n_test=500, random_state=5
    )
    without, with_meta = (faulty_biam_x(split, "classification", 0, {"meta": m}) for m in (0, 1))
    assert with_meta["log_loss"] < without["log_loss"]
