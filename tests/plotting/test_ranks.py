"""The critical-difference plot: ranks where they belong, bars that join whole groups."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.plotting.ranks import _lanes, critical_difference_plot
from biam.plotting.style import axes, method_look

RANKS = pd.DataFrame({"method": ["HGB", "BIAM-X", "Lasso+meta"], "rank": [2.5, 1.25, 2.25]})


def bars(ax):
    """Rows that each bar at the right joins."""
    groups = [c for c in ax.collections if len(c.get_paths()) == 1 and c.get_linewidth()[0] > 1]
    return [tuple(c.get_segments()[0][:, 1]) for c in groups]


def test_one_line_per_method_best_first():
    ax = critical_difference_plot(RANKS, 0.5)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["BIAM-X", "Lasso+meta", "HGB"]
    points = ax.lines[:3]
    assert [float(p.get_xdata()[0]) for p in points] == [1.25, 2.25, 2.5]
    assert [float(p.get_ydata()[0]) for p in points] == [0, 1, 2]
    assert [p.get_marker() for p in points] == [
        method_look(name).marker for name in ("BIAM-X", "Lasso+meta", "HGB")
    ]
    assert [p.get_markerfacecolor() == "none" for p in points] == [False, True, False]
    assert ax.yaxis_inverted()
    assert bars(ax) == []


def test_the_ruler_is_as_long_as_the_critical_difference():
    ax = critical_difference_plot(RANKS, 0.5)
    left, right = ax.lines[3].get_xdata()
    assert right - left == pytest.approx(0.5)
    assert ax.texts[0].get_text() == "critical difference 0.50"


def test_bars_join_the_groups_right_of_every_rank():
    ax = critical_difference_plot(RANKS, 1.1, [("BIAM-X", "Lasso+meta"), ("Lasso+meta", "HGB")])
    assert bars(ax) == [(-0.25, 1.25), (0.75, 2.25)]
    places = [c.get_segments()[0][0, 0] for c in ax.collections if c.get_linewidth()[0] > 1]
    assert places[1] > places[0] > 2.5
    assert ax.get_xlim()[1] > places[1]


def test_equal_ranks_and_the_axes_given():
    ax = axes()
    equal = pd.DataFrame({"method": ["a", "b"], "rank": [1.5, 1.5]})
    assert critical_difference_plot(equal, 1.0, [("a", "b")], ax=ax) is ax
    assert bars(ax) == [(-0.25, 1.25)]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=8))
def test_bars_in_one_lane_do_not_touch(drawn):
    spans = sorted((first, first + length) for first, length in drawn)
    placed = _lanes(spans)
    assert [span for span, _ in placed] == spans
    for i, ((first, last), lane) in enumerate(placed):
        for (other_first, other_last), other_lane in placed[:i]:
            assert lane != other_lane or first > other_last or last < other_first
    most = max((sum(a <= row <= b for a, b in spans) for row in range(16)), default=0)
    assert len({lane for _, lane in placed}) == most
