"""Two precisions agree within a part in two thousand, or one test row, and not beyond."""

import pandas as pd
import pytest

from biam.experiments.published import TWIN as WRITTEN
from biam.experiments.stability import TWIN, stable_cells


def results(metric, single, double):
    rows = [("t", "s", "m", 1, metric, single), ("t", "s", "m", 1, TWIN + metric, double)]
    return pd.DataFrame(rows, columns=["table", "scenario", "method", "seed", "metric", "value"])


@pytest.mark.parametrize(
    ("metric", "single", "double", "stable"),
    [
        ("mse", 2.0, 2.0009, True),
        ("mse", 2.0, 2.0011, False),
        ("accuracy", 100 / 240, 101 / 240, True),
        ("accuracy", 100 / 240, 102 / 240, False),
    ],
)
def test_the_line_between_stable_and_chaotic(metric, single, double, stable):
    (cell,) = stable_cells(results(metric, single, double)).to_dict("records")
    assert cell["stable"] is stable
    assert (cell["float32"], cell["float64"]) == (single, double)


def test_cells_without_a_twin_are_not_judged():
    assert len(stable_cells(results("mse", 1.0, 1.0).iloc[:1])) == 0


def test_the_prefix_is_the_one_that_is_written():
    assert TWIN == WRITTEN
