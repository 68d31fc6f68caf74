"""Ratios at the same seed, and their geometric mean."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.experiments.gap_ratios import loss_ratios, pooled

COLUMNS = ["scenario", "method", "seed", "metric", "value"]
RESULTS = pd.DataFrame(
    [
        ("a-b/mnar40", "BIAM-X", 1, "mse", 2.0),
        ("a-b/mnar40", "BIAM-X", 2, "mse", 1.0),
        ("a-b/mnar40", "mean", 1, "mse", 4.0),
        ("a-b/mnar40", "mean", 2, "mse", 0.5),
        ("a-b/mnar40", "mean", 2, "r2", 0.9),
        ("c/mcar20", "BIAM-X", 1, "log_loss", 0.5),
        ("c/mcar20", "mean", 1, "log_loss", 0.25),
    ],
    columns=COLUMNS,
)


def test_each_loss_is_divided_by_that_of_the_base_at_its_seed():
    ratios = loss_ratios(RESULTS)
    mean = ratios[ratios["method"] == "mean"]
    assert list(mean["ratio"]) == [2.0, 0.5, 0.5]
    assert list(mean["dataset"]) == ["a-b", "a-b", "c"]
    assert list(mean["mechanism"]) == ["mnar", "mnar", "mcar"]
    assert list(mean["percent"]) == [40, 40, 20]
    assert (ratios.loc[ratios["method"] == "BIAM-X", "ratio"] == 1).all()


def test_twice_and_half_are_one_on_average():
    means = pooled(loss_ratios(RESULTS), ["dataset", "method"])
    assert means["a-b", "mean"] == pytest.approx(1.0)
    assert means["c", "mean"] == pytest.approx(0.5)


def test_a_base_without_results_is_an_error():
    with pytest.raises(InvalidInputError, match="EBM"):
        loss_ratios(RESULTS, "EBM")
