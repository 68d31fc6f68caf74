"""Curves of several models on one scale, a bar for every missing effect."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.contributions import contribution_curves
from biam.plotting.style import method_look

X = np.array([20.0, 40.0, 60.0])
CURVES = pd.concat(
    [
        pd.DataFrame({"method": m, "curve": name, "x": X * size, "value": slope * X / 20})
        for m, slope in (("BIAM-X", 1.0), ("EBM-main-fair", 0.5))
        for name, size in (("age", 1), ("gain", 1000), ("hours", 1))
    ]
)
GAPS = pd.DataFrame(
    {
        "method": ["BIAM-X", "EBM-main-fair"] * 2,
        "curve": ["missing:job"] * 2 + ["missing:land"] * 2,
        "x": [0.05, 0.05, 0.01, 0.01],
        "value": [-0.5, 0.25, 1.0, -1.0],
    }
)


def all_axes(fig):
    return [ax for part in fig.subfigs for ax in part.axes if ax.axison]


def test_curves_are_the_rows_and_share_a_scale():
    *panels, _ = all_axes(contribution_curves(pd.concat([CURVES, GAPS])))
    assert [ax.get_title(loc="left") for ax in panels] == ["age", "gain", "hours"]
    assert len({ax.get_ylim() for ax in panels}) == 1
    for ax in panels:
        lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
        np.testing.assert_array_equal(lines[0].get_ydata(), [1, 2, 3])
        np.testing.assert_array_equal(lines[1].get_ydata(), [0.5, 1, 1.5])
        assert lines[0].get_xdata()[0] == (20_000 if ax is panels[1] else 20)


def test_a_bar_and_its_number_for_every_missing_effect():
    ax = all_axes(contribution_curves(pd.concat([CURVES, GAPS])))[-1]
    assert [bar.get_width() for bar in ax.patches] == [-0.5, 0.25, 1.0, -1.0]
    minus = "\N{MINUS SIGN}"
    assert [t.get_text() for t in ax.texts] == [f"{minus}0.50", "+0.25", "+1.00", f"{minus}1.00"]
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert labels == ["job\nmissing (5.0%)", "land\nmissing (1.0%)"]
    middles = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
    assert middles == pytest.approx([0.2, -0.2, -0.8, -1.2])


def test_without_gaps_there_are_no_bars():
    fig = contribution_curves(CURVES)
    assert len(all_axes(fig)) == 3
    assert fig.subfigs[0].legends[0].get_texts()[1].get_text() == "EBM-main-fair"


def test_a_fair_rival_keeps_the_look_of_its_name():
    (panel, *_) = all_axes(contribution_curves(CURVES.replace("EBM-main-fair", "EBM-fair")))
    assert panel.lines[-1].get_color() == method_look("EBM").colour


def test_absent_columns_are_named():
    with pytest.raises(InvalidInputError, match="lacks the columns curve"):
        contribution_curves(CURVES.drop(columns="curve"))
