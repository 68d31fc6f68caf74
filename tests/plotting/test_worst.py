"""A line from the worst group to the average, methods from top to bottom."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.style import axes
from biam.plotting.worst import average_and_worst

ROWS = pd.DataFrame(
    [
        (method, seed, metric, value + seed / 10)
        for method, worst, mean in (("ERM", 0.2, 0.8), ("Group-DRO", 0.6, 0.7))
        for metric, value in (("worst_group", worst), ("accuracy", mean), ("gap", 9.0))
        for seed in (0, 1)
    ],
    columns=["method", "seed", "metric", "value"],
)


def test_ends_are_the_means():
    ax = average_and_worst(ROWS)
    joins = [line for line in ax.lines if line.get_linewidth() == 1.2]
    assert [list(line.get_xdata()) for line in joins] == [
        pytest.approx([0.65, 0.75]),
        pytest.approx([0.25, 0.85]),
    ]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["Group-DRO", "ERM"]


def test_methods_chosen():
    ax = average_and_worst(ROWS, ["ERM"], ax=axes())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["ERM"]


def test_what_is_absent_is_named():
    with pytest.raises(InvalidInputError, match="'DANN'"):
        average_and_worst(ROWS, ["DANN"])
    with pytest.raises(InvalidInputError, match="'worst_group'"):
        average_and_worst(ROWS[ROWS["metric"] == "accuracy"])
