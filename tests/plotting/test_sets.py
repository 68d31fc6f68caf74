"""Differences of two methods: a second count of each point, and the order of the sets."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.sets import set_differences

VALUES = {
    ("a/clean", "X"): (0.2, 0.4),
    ("a/clean", "Y"): (0.5, 0.5),
    ("a/noise20", "X"): (0.6, 0.6),
    ("a/noise20", "Y"): (0.5, 0.5),
    ("b/clean", "X"): (0.9, 0.9),
    ("b/clean", "Y"): (0.1, 0.3),
    ("b/noise20", "X"): (0.9, 0.9),
}


@pytest.fixture
def results():
    return pd.DataFrame(
        [
            {"scenario": s, "method": m, "seed": k, "metric": metric, "value": v}
            for (s, m), values in VALUES.items()
            for k, v in enumerate(values)
            for metric in ("log_loss", "auroc")
        ]
    )


def points(figure):
    """Set and difference of each marker, by damage."""
    (ax,) = figure.axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    return {
        line.get_label(): {
            names[int(y)]: x for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        }
        for line in ax.lines
        if not line.get_label().startswith("_")
    }


def test_points_are_differences_of_means_over_seeds(results):
    shown = points(set_differences(results, "log_loss", "X", "Y"))
    assert set(shown) == {"clean", "noise20"}
    assert shown["clean"] == pytest.approx({"a": -0.2, "b": 0.7})
    # The second method has no value for the other set here.
    assert shown["noise20"] == pytest.approx({"a": 0.1})


@pytest.mark.parametrize(("metric", "top"), [("log_loss", "a"), ("auroc", "b")])
def test_the_set_that_speaks_for_the_first_is_on_top(results, metric, top):
    (ax,) = set_differences(results, metric, "X", "Y").axes
    assert ax.get_yticklabels()[0].get_text() == top
    assert ax.yaxis_inverted()


def test_the_side_of_the_better_is_written(results):
    lower, higher = (set_differences(results, m, "X", "Y") for m in ("log_loss", "auroc"))
    assert "left of the line: X is better" in lower.get_supxlabel()
    assert "right of the line: X is better" in higher.get_supxlabel()


def test_exchanged_methods_turn_the_picture(results):
    one = points(set_differences(results, "log_loss", "X", "Y"))
    two = points(set_differences(results, "log_loss", "Y", "X", linear=0.1))
    assert {k: {s: -v for s, v in part.items()} for k, part in one.items()} == two


def test_absent_methods_are_named(results):
    with pytest.raises(InvalidInputError, match="no rows with method 'Z'"):
        set_differences(results, "auroc", "X", "Z")
    with pytest.raises(InvalidInputError, match="no scenario has both X and Y"):
        apart = results[(results["scenario"] == "b/noise20") | (results["method"] == "Y")]
        set_differences(apart, "auroc", "X", "Y")
