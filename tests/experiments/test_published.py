"""The 25 published rows, and the three numbers of the text, to four decimals."""

import numpy as np
import pytest

from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.experiments.published import SCORES, biam_published, mean_prediction
from biam.experiments.report import load_results, published_numbers

NUMBERS = published_numbers()
NUMBERS = NUMBERS[NUMBERS["table"] == "published"].astype({"seed": int})


@pytest.mark.parametrize(
    "number",
    [row for row in NUMBERS.itertuples(index=False)],
    ids=lambda row: f"{row.scenario}-{row.method}-{row.seed}-{row.metric}",
)
def test_published_number(published_out, number):
    rows = load_results(published_out, "published")
    for name in ("scenario", "method", "seed", "metric"):
        rows = rows[rows[name] == getattr(number, name)]
    (value,) = rows["value"]
    assert abs(value - number.paper) <= 0.5e-4 + 1e-9


def test_what_is_measured_follows_the_problem():
    complete = make_additive_regression(100, 3)
    gaps = make_additive_regression(100, 3, missing_rate=0.2)
    common = {*SCORES["regression"], "spearman_weight_loss"}
    assert set(biam_published(complete, "regression", 0, {"epochs": 1})) == common
    uniform = biam_published(gaps, "regression", 0, {"epochs": 1, "variant": "BIAM-B"})
    assert set(uniform) == {*SCORES["regression"], "mean_abs_beta_miss"}


def test_classification_losses_rank_like_the_fit():
    disc = make_disc_classification(200, 3)
    values = biam_published(disc, "classification", 0, {"epochs": 2})
    assert set(SCORES["classification"]) < set(values)
    assert -1 <= values["spearman_weight_loss"] <= 1


def test_mean_prediction():
    split = make_additive_regression(100, 3, noise_rate=0.3)
    values = mean_prediction(split, "regression", 0, {})
    assert values["mse"] == pytest.approx(np.mean((split.y_test - split.y_train.mean()) ** 2))
    disc = make_disc_classification(200, 3)
    values = mean_prediction(disc, "classification", 0, {})
    assert values["accuracy"] == pytest.approx(np.mean(disc.y_test == 1))
    assert values["auroc"] == values["balanced_accuracy"] == 0.5
