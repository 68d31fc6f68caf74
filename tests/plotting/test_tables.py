"""What the figures of table pages draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from biam.plotting.tables import costs, differences, stable_shares


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def rows(verdicts, shares):
    return pd.DataFrame(
        {
            "scenario": [f"block/s{i}" for i in range(len(shares))],
            "method": "BIAM",
            "seed": 42,
            "metric": "mse",
            "difference": np.asarray(shares) * 5e-5,
            "band": 5e-5,
            "verdict": verdicts,
        }
    )


def test_differences_are_in_units_of_the_band_and_top_down():
    ax = differences(rows(["met", "not met", "met"], [0.5, 2.0, -1.0]))
    met, not_met = ax.lines
    np.testing.assert_allclose(met.get_xdata(), [0.5, -1.0])
    np.testing.assert_allclose(met.get_ydata(), [2, 0])
    np.testing.assert_allclose(not_met.get_xdata(), [2.0])
    assert ax.get_yticklabels()[0].get_text() == "s0 BIAM 42 mse"


def test_far_differences_stay_visible_and_missing_ones_are_left_out():
    table = rows(["not met", "missing"], [900.0, np.nan])
    (points,) = differences(table).lines
    np.testing.assert_allclose(points.get_xdata(), [3.0])


def test_costs_bars_carry_their_values():
    ax = costs(pd.DataFrame({"method": ["a", "b"], "value": [1.0, 20.0]}))
    assert [bar.get_width() for bar in ax.patches] == [20.0, 1.0]
    assert [t.get_text().strip() for t in ax.texts] == ["20", "1"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]


def test_stable_shares_are_counted():
    cells = pd.DataFrame(
        {"table": ["e1"] * 4 + ["e6"], "method": "BIAM", "stable": [True, True, True, False, False]}
    )
    ax = stable_shares(cells)
    assert [bar.get_width() for bar in ax.patches] == [0.75, 0.0]
    assert [text.get_text() for text in ax.texts] == [" 3 of 4", " 0 of 1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["e1 BIAM", "e6 BIAM"]
