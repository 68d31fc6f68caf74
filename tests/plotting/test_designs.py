"""Designs and trade-offs: what is drawn is what the tables say."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.designs import class_designs, trade_off

CURVES = pd.DataFrame(
    {"method": ["a", "a", "b", "b"], "x": [1.0, 0.0, 0.0, 1.0], "value": [0.0, 2.0, 5.0, 7.0]}
)
RESULTS = pd.DataFrame(
    [
        (method, seed, metric, value)
        for method, seed, error, deo in (("a", 1, 0.1, 0.3), ("a", 2, 0.2, 0.5), ("b", 1, 0.3, 0.1))
        for metric, value in (("error", error), ("deo", deo))
    ],
    columns=["method", "seed", "metric", "value"],
)


def test_lines_are_centred_and_in_order_of_the_class():
    ax = class_designs(CURVES, {"b": "second", "a": "first"}, known=[3.0, 1.0])
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["logit adjustment", "second", "first"]
    assert list(lines["first"].get_ydata()) == [1.0, -1.0]
    assert list(lines["second"].get_ydata()) == [-1.0, 1.0]
    assert list(lines["logit adjustment"].get_ydata()) == [1.0, -1.0]
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 3


def test_marks_are_means_in_per_cent():
    ax = trade_off(RESULTS, "error", "deo", labels=("e", "d"))
    marks = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert list(marks) == ["a", "b"]
    assert marks["a"].get_xdata()[0] == pytest.approx(15)
    assert marks["a"].get_ydata()[0] == pytest.approx(40)
    assert ax.get_xlabel() == "e" and ax.get_ylim()[0] == 0


def test_absent_rows_are_said():
    with pytest.raises(InvalidInputError, match="method 'c'"):
        class_designs(CURVES, {"c": "third"})
    with pytest.raises(InvalidInputError, match="metric 'gap'"):
        trade_off(RESULTS, "error", "gap", labels=("e", "d"))
