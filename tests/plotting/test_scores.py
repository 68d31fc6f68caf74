"""Panels show every seed and the mean, and nothing that is not in the table."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.scores import score_panels


@pytest.fixture
def results():
    return pd.DataFrame(
        [
            {"scenario": s, "method": m, "seed": k, "metric": "mse", "value": 10.0**k + len(m)}
            for s in ("one", "two", "three")
            for m in ("BIAM", "BIAM-X", "HGB+meta")
            for k in range(3)
        ]
    )


def test_dots_are_the_values_and_markers_the_means(results):
    figure = score_panels(results, "mse", ["BIAM", "HGB+meta"], log=True)
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title() for ax in panels] == ["one", "two", "three"]
    chosen = results[(results["scenario"] == "one") & (results["method"] == "BIAM")]["value"]
    dots, mean = panels[0].lines[:2]
    assert list(dots.get_xdata()) == list(chosen)
    assert list(mean.get_xdata()) == [pytest.approx(chosen.mean())]
    assert panels[0].get_xscale() == "log"
    # First method on top.
    assert dots.get_ydata()[0] > panels[0].lines[2].get_ydata()[0]
    assert panels[0].lines[3].get_markerfacecolor() == "none"


def test_columns_and_methods_must_be_there(results):
    with pytest.raises(InvalidInputError, match="got no value"):
        score_panels(results.drop(columns="value"), "mse", ["BIAM"])
    with pytest.raises(InvalidInputError, match="no such rows"):
        score_panels(results, "mse", ["CatBoost"])


@pytest.mark.parametrize(("factor", "labels"), [(1.0, {"2", "4", "6"}), (1e4, {"1", "100"})])
def test_log_axes_have_few_plain_numbers(factor, labels):
    values = [1.0, 2.0, 6.0 * factor]
    rows = {"scenario": "s", "method": "BIAM", "seed": range(3), "metric": "mse", "value": values}
    (ax, *_) = score_panels(pd.DataFrame(rows), "mse", ["BIAM"], log=True).axes
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    ticks = ax.xaxis.get_major_ticks()
    shown = {t.label1.get_text() for t in ticks if low <= t.get_loc() <= high}
    assert labels <= shown
    assert len(shown) <= 5
    assert not [t for t in ax.xaxis.get_minor_ticks() if t.label1.get_text()]
