"""Weights over losses: every point, in the order of the losses, under the name asked for."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.networks import weight_lines

CURVES = pd.DataFrame(
    {
        "scenario": ["one", "one", "two", "two", "three"],
        "x": [2.0, 0.5, 0.1, 4.0, 1.0],
        "value": [0.1, 0.9, 0.5, 0.4, 0.3],
    }
)


def test_lines_hold_the_points_by_loss():
    ax = weight_lines(CURVES, {"two": "second", "one": "first"})
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["second", "first"]
    assert list(lines["first"].get_xdata()) == [0.5, 2.0]
    assert list(lines["first"].get_ydata()) == [0.9, 0.1]
    assert ax.get_xscale() == "log"
    assert ax.get_ylim()[0] == 0


def test_no_two_lines_look_alike():
    ax = weight_lines(CURVES, {name: name for name in ("one", "two", "three")}, log=False)
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert len(looks) == 3
    assert len({line.get_linestyle() for line in ax.lines}) == 3
    assert ax.get_xscale() == "linear"


def test_an_absent_scenario_is_named():
    with pytest.raises(InvalidInputError, match="no rows with scenario 'four'"):
        weight_lines(CURVES, {"four": "fourth"})
