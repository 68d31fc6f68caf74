"""The 25 published rows, and the three numbers of the text, to four decimals."""

import pkgutil

import numpy as np
import pytest

from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.experiments.catalogue import TABLES
from biam.experiments.published import SCORES, TWIN, biam_published, mean_prediction
from biam.experiments.records import Cell
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


RERUN = published_numbers()
RERUN = RERUN[(RERUN["source"] == "re-run") & RERUN["band"].notna()]
CELLS = [
    ("e1", "mixture_B", "BIAM", 42),
    ("e2", "MCAR_20", "BIAM", 7),
    ("e2", "MCAR_30", "BIAM-I", 42),
    ("e3", "r1=0.3,r2=0.15", "BIAM-B", 42),
    ("e4", "outlier70", "BIAM", 7),
    ("e5", "imb20_clean", "BIAM", 7),
    ("e7", "clf_int_mar", "BIAM", 7),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)))
def test_the_independent_rerun_is_met(cell):
    given = TABLES[cell[0]].parameters(Cell(*cell))
    split = pkgutil.resolve_name(given["make"])(**given["params"], random_state=cell[3])
    values = biam_published(split, given["task"], cell[3], {**given["settings"], "twin": False})
    names = ["table", "scenario", "method", "seed"]
    stated = RERUN[(RERUN[names].to_numpy() == [*cell[:3], str(cell[3])]).all(1)]
    assert len(stated)
    for number in stated.itertuples():
        assert abs(values[number.metric] - number.paper) <= number.band + 1e-9


def test_the_twin_starts_from_the_same_draws():
    split = make_additive_regression(100, 3)
    settings = {"epochs": 1, "twin": True}
    values = biam_published(split, "regression", 0, settings)
    assert 0 < abs(values[TWIN + "mse"] - values["mse"]) < 1e-5
