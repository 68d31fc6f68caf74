"""Lines run from few rows to many; settings of one learner are told apart."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.cost import score_against_cost

ROWS = pd.DataFrame(
    [
        ("BIAM-X", 2000, 10.0, 0.3),
        ("BIAM-X", 200, 1.0, 0.5),
        ("EBM-main", 200, 2.0, 3.0),
        ("EBM-main:line", 200, 2.5, 0.6),
        ("EBM-main:true-labels", 200, 2.5, 0.4),
    ],
    columns=["method", "n", "cpu_seconds", "mse"],
)
METHODS = ["BIAM-X", "EBM-main", "EBM-main:line", "EBM-main:true-labels"]


def test_lines_hold_costs_and_scores_by_size():
    ax = score_against_cost(ROWS, METHODS, metric="mse", log=True)
    ours = ax.lines[0]
    assert list(ours.get_xdata()) == [1.0, 10.0] and list(ours.get_ydata()) == [0.5, 0.3]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_ylabel() == "mse"


def test_settings_of_a_learner_are_told_apart():
    ax = score_against_cost(ROWS, METHODS, metric="mse")
    looks = [(line.get_color(), line.get_marker(), line.get_markerfacecolor()) for line in ax.lines]
    assert len(set(looks)) == len(looks)
    assert looks[1][0] == looks[2][0] and looks[2][2] == "none"
    # What is named first is not hidden by what follows.
    orders = [line.get_zorder() for line in ax.lines]
    assert orders == sorted(orders, reverse=True)


def test_absent_methods_are_refused():
    with pytest.raises(InvalidInputError, match="HGB"):
        score_against_cost(ROWS, ["HGB"], metric="mse")
