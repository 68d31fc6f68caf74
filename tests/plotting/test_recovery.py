"""Shape recovery: each line is its rows, and the truth sets the scale."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.recovery import shape_recovery
from biam.plotting.style import FONT, GREY, method_look

X = np.linspace(-1, 1, 5)
CURVES = pd.concat(
    [
        pd.DataFrame({"method": method, "curve": f"x{j}", "x": X, "value": size * (j + 1) * X})
        for method, size in (("BIAM", 0.8), ("truth", 1.0), ("NAM", 100.0))
        for j in range(3)
    ]
)


def panels(fig):
    return [ax for ax in fig.axes if ax.axison]


def test_lines_are_the_rows_of_the_table():
    fig = shape_recovery(CURVES)
    assert [ax.get_title(loc="left") for ax in panels(fig)] == ["x0", "x1", "x2"]
    for ax, (_, part) in zip(panels(fig), CURVES.groupby("curve"), strict=True):
        lines = {line.get_label(): line for line in ax.lines}
        assert set(lines) == {"BIAM", "truth", "NAM"}
        for method, rows in part.groupby("method"):
            np.testing.assert_array_equal(lines[method].get_xdata(), rows["x"])
            np.testing.assert_array_equal(lines[method].get_ydata(), rows["value"])


def test_the_truth_is_grey_thick_and_below_the_rest():
    first, *others = panels(shape_recovery(CURVES))[0].lines
    assert (first.get_label(), first.get_color()) == ("truth", GREY)
    assert all(first.get_linewidth() > 2 * line.get_linewidth() for line in others)
    assert [line.get_color() for line in others] == [
        method_look(name).colour for name in ("BIAM", "NAM")
    ]


def test_a_curve_far_off_does_not_set_the_scale():
    fig = shape_recovery(CURVES)
    limits = {ax.get_ylim() for ax in panels(fig)}
    assert len(limits) == 1
    ((low, high),) = limits
    assert -5 < low < -3 < 3 < high < 5


def test_notes_stand_behind_the_names():
    fig = shape_recovery(CURVES, notes={"NAM": "(0.12)"})
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == ["truth", "BIAM", "NAM (0.12)"]
    assert {text.get_fontsize() for text in legend.get_texts()} == {FONT}


def test_no_background():
    fig = shape_recovery(CURVES)
    assert fig.get_facecolor()[3] == 0
    assert all(ax.get_facecolor()[3] == 0 for ax in panels(fig))


def test_what_is_absent_is_named():
    with pytest.raises(InvalidInputError, match="lacks the columns value"):
        shape_recovery(CURVES.drop(columns="value"))
    with pytest.raises(InvalidInputError, match="no rows with method 'truth'"):
        shape_recovery(CURVES[CURVES["method"] != "truth"])


def test_the_table_is_not_changed():
    before = CURVES.copy()
    shape_recovery(CURVES)
    pd.testing.assert_frame_equal(CURVES, before)
