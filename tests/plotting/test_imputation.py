"""Figures of imputed values show the points and lines they are given."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.imputation import error_lines, imputed_pictures, imputed_points
from biam.plotting.style import BLUE, VERMILLION, WIDTH

SEEN = np.random.default_rng(0).normal(size=(20, 2))
HIDDEN = SEEN[:5] + 1


def test_a_panel_per_method_with_seen_rows_in_each():
    fig = imputed_points(SEEN, {"mean": HIDDEN, "MICE": HIDDEN * 2}, HIDDEN)
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["true", "mean", "MICE"]
    assert fig.get_figwidth() == WIDTH
    for ax in shown:
        np.testing.assert_array_equal(ax.lines[0].get_xydata(), SEEN)
    np.testing.assert_array_equal(shown[2].lines[1].get_xydata(), HIDDEN * 2)
    assert [ax.lines[1].get_color() for ax in shown] == [VERMILLION, BLUE, BLUE]
    assert len({ax.get_xlim() for ax in shown}) == 1


@pytest.mark.parametrize(
    ("seen", "imputed", "text"),
    [(SEEN, {}, "no method"), (SEEN[:, 0], {"a": HIDDEN}, r"'seen' must have shape \(n, 2\)")],
)
def test_nothing_to_draw(seen, imputed, text):
    with pytest.raises(InvalidInputError, match=text):
        imputed_points(seen, imputed)


def test_a_line_of_pictures_per_method():
    true = np.linspace(-1, 1, 24).reshape(2, 3, 4)
    holes = np.where(true > 0.5, np.nan, true)
    fig = imputed_pictures({"true": true, "hidden": holes})
    assert len(fig.axes) == 4 and fig.get_figwidth() == WIDTH
    assert [ax.get_ylabel() for ax in fig.axes] == ["true", "", "hidden", ""]
    shown = [ax.images[0].get_array() for ax in fig.axes]
    np.testing.assert_array_equal(shown[1], true[1])
    assert (shown[3].mask == np.isnan(holes[1])).all()
    assert {ax.images[0].get_clim() for ax in fig.axes} == {(-1.0, 1.0)}


@pytest.mark.parametrize("pictures", [{}, {"a": np.zeros((2, 3))}])
def test_no_pictures(pictures):
    with pytest.raises(InvalidInputError, match="one shape"):
        imputed_pictures(pictures)


def test_a_line_per_column_told_apart_without_colour():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}, index=[1, 10])
    ax = error_lines(table, xlabel="K", ylabel="bound", log=True)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 2], [2, 1]]
    assert len({(line.get_marker(), line.get_linestyle()) for line in ax.lines}) == 2
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "K"


@pytest.mark.parametrize("shape", [(0, 2), (2, 7)])
def test_too_little_or_too_much(shape):
    with pytest.raises(InvalidInputError, match="at most 6 columns"):
        error_lines(pd.DataFrame(np.zeros(shape)), xlabel="", ylabel="")
