"""Offsets where the table has them, response curves by state."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.missing import missing_offsets, response_curves
from biam.plotting.style import axes

OFFSETS = pd.DataFrame(
    {
        "method": ["BIAM", "BIAM", "BIAM-X"],
        "curve": ["offset:x0", "offset:x1", "offset:x0"],
        "x": [-0.5, 0.25, -0.5],
        "value": [-0.75, 0.5, -0.5],
    }
)
X = np.linspace(-1, 1, 4)
RESPONSE = pd.concat(
    [
        pd.DataFrame({"method": m, "curve": f"x1 | x3 {state}", "x": X, "value": X**2 + shift})
        for m, extra in (("truth", 0.0), ("BIAM-X", 0.1))
        for state, shift in (("observed", extra), ("missing", extra - 1))
    ]
)


def test_points_are_true_against_fitted():
    ax = missing_offsets(OFFSETS)
    diagonal, first, second = ax.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_array_equal(first.get_xdata(), [-0.5, 0.25])
    np.testing.assert_array_equal(first.get_ydata(), [-0.75, 0.5])
    np.testing.assert_array_equal(second.get_ydata(), [-0.5])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["BIAM", "BIAM-X"]


def test_both_axes_have_one_scale_and_hold_all_points():
    ax = missing_offsets(OFFSETS, ax=axes())
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_xlim()[0] < -0.75
    assert ax.get_aspect() == 1


def test_a_panel_per_state_on_one_scale():
    fig = response_curves(RESPONSE)
    left, right = fig.axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["x3 observed", "x3 missing"]
    assert left.get_ylim() == right.get_ylim()
    assert left.get_xlabel() == "x1"
    for ax, shift in ((left, 0), (right, -1)):
        truth, ours = ax.lines
        np.testing.assert_array_equal(truth.get_ydata(), X**2 + shift)
        np.testing.assert_allclose(ours.get_ydata(), X**2 + 0.1 + shift)


@pytest.mark.parametrize("function", [missing_offsets, response_curves])
def test_absent_columns_are_named(function):
    with pytest.raises(InvalidInputError, match="lacks the columns x"):
        function(RESPONSE.drop(columns="x"))


def test_a_response_needs_the_truth():
    with pytest.raises(InvalidInputError, match="'truth'"):
        response_curves(RESPONSE[RESPONSE["method"] == "BIAM-X"])
