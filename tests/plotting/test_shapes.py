"""Shape functions: what is drawn is what is in the tables."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import UnknownNameError
from biam.plotting import hinges, shape_functions

CURVES = pd.DataFrame(
    {
        "feature": ["age"] * 3 + ["hours"] * 2,
        "x": pd.Series([20.0, 40.0, 60.0, 10.0, 50.0], dtype=object),
        "effect": [-1.0, 0.5, 0.25, 0.0, 2.0],
    }
)
LEVELS = pd.DataFrame(
    {
        "feature": "job",
        "x": pd.Series(list("abcdefghij"), dtype=object),
        "effect": np.linspace(-1, 1, 10),
    }
)
MISSING = pd.DataFrame({"feature": ["age", "job"], "rate": [0.25, 0.05], "effect": [-0.75, 0.125]})


def panel(fig, title):
    (ax,) = [ax for ax in all_axes(fig) if ax.get_title(loc="left") == title]
    return ax


def all_axes(fig):
    return [ax for part in fig.subfigs for ax in part.axes]


def texts(ax):
    return [text.get_text() for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels())]


def test_a_curve_goes_through_its_knots():
    ax = panel(shape_functions(CURVES), "age")
    (curve,) = [line for line in ax.lines if len(line.get_xdata()) == 3]
    np.testing.assert_array_equal(curve.get_xdata(), [20, 40, 60])
    np.testing.assert_array_equal(curve.get_ydata(), [-1, 0.5, 0.25])
    assert ax.get_xlim() == (20, 60)


def test_curves_share_one_scale():
    fig = shape_functions(CURVES)
    assert panel(fig, "age").get_ylim() == panel(fig, "hours").get_ylim()


def test_missing_effect_stands_beside_its_curve():
    fig = shape_functions(CURVES, MISSING)
    curve = panel(fig, "age")
    (strip,) = [
        ax for ax in all_axes(fig) if ax is not curve and ax.get_shared_y_axes().joined(ax, curve)
    ]
    (diamond,) = [line for line in strip.lines if line.get_marker() == "D"]
    assert list(diamond.get_ydata()) == [-0.75]
    assert "\N{MINUS SIGN}0.75" in texts(strip)
    assert "missing\n25.0%" in texts(strip)
    assert len(all_axes(fig)) == 3, "hours has no gaps and no strip"


def test_a_band_is_shaded_between_its_ends():
    wide = CURVES.assign(lower=CURVES["effect"] - 3, upper=CURVES["effect"] + 1)
    gap = MISSING.assign(lower=MISSING["effect"] - 5, upper=MISSING["effect"] + 0.5)
    fig = shape_functions(wide, gap)
    ax = panel(fig, "age")
    (band,) = [area for area in ax.collections if area.get_facecolor().size]
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == -4
    assert corners[:, 1].max() == 1.5
    assert ax.get_ylim()[0] < -5.75, "the band of the missing effect is inside too"
    (strip,) = [x for x in all_axes(fig) if x is not ax and x.get_shared_y_axes().joined(x, ax)]
    lines = [s for c in strip.collections for s in c.get_segments()]
    assert [[0.0, -5.75], [0.0, -0.25]] in [line.tolist() for line in lines]
    (number,) = strip.texts
    assert number.xy == (0, -5.75)
    plain = panel(shape_functions(CURVES, MISSING), "age")
    assert not [area for area in plain.collections if area.get_facecolor().size]


def test_levels_have_their_bands_too():
    wide = LEVELS.assign(lower=LEVELS["effect"] - 1, upper=LEVELS["effect"] + 2)
    ax = panel(shape_functions(wide, n_levels=4), "job")
    segments = [s.tolist() for c in ax.collections for s in c.get_segments()]
    assert [[0.0, 0.0], [3.0, 0.0]] in segments
    assert ax.get_xlim()[0] < -2
    assert ax.get_xlim()[1] > 3


def test_levels_are_sorted_and_the_middle_is_folded():
    ax = panel(shape_functions(LEVELS, n_levels=4), "job")
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == ["j", "i", "... 6 between ...", "b", "a"]
    (points,) = [line for line in ax.lines if line.get_marker() == "o"]
    drawn = points.get_xdata()
    np.testing.assert_allclose(drawn[~np.isnan(drawn)], [1, 7 / 9, -7 / 9, -1])


def test_missing_category_is_the_last_row():
    ax = panel(shape_functions(LEVELS, MISSING, n_levels=20), "job")
    assert [text.get_text() for text in ax.get_yticklabels()][-1] == "missing (5.0%)"
    (diamond,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == (0.125, -10)
    assert "+0.12" in texts(ax)


def test_range_ends_where_the_data_end():
    data = pd.DataFrame({"age": [30.0, 35.0, 50.0, np.nan]})
    ax = panel(shape_functions(CURVES, data=data), "age")
    assert ax.get_xlim() == (30, 50)
    assert len(ax.patches) == 24
    assert max(bar.get_height() for bar in ax.patches) == pytest.approx(0.16)


def test_truth_is_dashed_and_inside_the_range():
    truth = pd.DataFrame({"feature": "age", "x": [0.0, 30.0, 55.0], "effect": [9.0, 0.0, 1.0]})
    ax = panel(shape_functions(CURVES, truth=truth), "age")
    (line,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert list(line.get_xdata()) == [30, 55]


def test_one_curve_per_class():
    table = pd.concat([CURVES.assign(**{"class": name}) for name in "abc"])
    ax = panel(shape_functions(table), "hours")
    colours = {line.get_color() for line in ax.lines if line.get_linewidth() > 1}
    assert len(colours) == 3


def test_chosen_features_in_order():
    both = pd.concat([CURVES, LEVELS])
    fig = shape_functions(both, features=["hours", "job"])
    assert [ax.get_title(loc="left") for ax in all_axes(fig)] == ["hours", "job"]
    with pytest.raises(UnknownNameError, match="weight"):
        shape_functions(both, features=["weight"])


def test_tables_are_not_changed():
    shapes, missing = CURVES.copy(), MISSING.copy()
    shape_functions(shapes, missing)
    pd.testing.assert_frame_equal(shapes, CURVES)
    pd.testing.assert_frame_equal(missing, MISSING)


def test_hinges_add_up():
    x = np.array([0.0, 1.0, 2.0])
    columns = np.maximum(0, x[:, None] - np.array([0.0, 1.0]))
    *parts, total = hinges(x, columns, [1.0, -2.0]).lines
    np.testing.assert_array_equal([line.get_ydata() for line in parts], [[0, 1, 2], [0, 0, -2]])
    np.testing.assert_array_equal(total.get_ydata(), [0, 1, 0])
