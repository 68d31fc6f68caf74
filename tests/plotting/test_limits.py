"""Markers stand at the ratios; what is too far stands at the edge; NaN is left out."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.limits import distance_to_limit

ROWS = pd.DataFrame(
    [
        ("e1/a", "BIAM-X", 1.1, 1.2),
        ("e1/a", "meta-only", 500.0, 400.0),
        ("e2/b", "BIAM-X", 2.0, 2.5),
        ("e2/b", "meta-only", 3.0, 3.5),
        ("e3/c", "BIAM-X", np.nan, np.nan),
    ],
    columns=["scenario", "method", "to_rows", "to_limit"],
)


def test_markers_are_the_ratios():
    ax = distance_to_limit(ROWS, ["BIAM-X", "meta-only"])
    ours, clean = ax.lines
    assert list(ours.get_xdata()) == [1.1, 2.0]
    assert list(ours.get_ydata()) == [0, 1]
    assert list(clean.get_xdata()) == [30.0, 3.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["e1/a", "e2/b"]
    low, high = ax.get_ylim()
    assert low > high


def test_other_column_and_shaded_band():
    ax = distance_to_limit(ROWS, ["BIAM-X"], column="to_limit", near=1.5)
    assert list(ax.lines[0].get_xdata()) == [1.2, 2.5]
    band = ax.patches[0].get_bbox() if hasattr(ax.patches[0], "get_bbox") else None
    assert band is not None and (band.x0, band.x1) == (1, 1.5)


def test_unknown_method_is_refused():
    with pytest.raises(InvalidInputError, match="CatBoost"):
        distance_to_limit(ROWS, ["CatBoost"])
