"""Markers at the means of the ratios, curves over the spike of what was filled."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.gaps import MECHANISMS, _ticks, gap_losses, gap_responses

RATIOS = pd.DataFrame(
    [
        (dataset, mechanism, method, seed, ratio * (1 + k))
        for k, dataset in enumerate(["a", "b", "c"])
        for mechanism in MECHANISMS
        for method, ratio in (("mean", 1.2), ("KNN", 0.8))
        for seed in (1, 2)
    ],
    columns=["dataset", "mechanism", "method", "seed", "ratio"],
)
GRID = np.linspace(-2, 2, 9)
CURVES = pd.concat(
    [
        pd.DataFrame({"method": "BIAM-X", "curve": "response", "x": GRID, "value": GRID**2 + 0.1}),
        pd.DataFrame({"method": "BIAM-X", "curve": "truth", "x": GRID, "value": GRID**2}),
        pd.DataFrame({"method": "BIAM-X", "curve": "gap", "x": [0.0], "value": [1.5]}),
        pd.DataFrame({"method": "BIAM-X", "curve": "true gap", "x": [0.0], "value": [1.4]}),
        pd.DataFrame({"method": "mean", "curve": "response", "x": GRID, "value": GRID**2 + 0.3}),
        pd.DataFrame({"method": "mean", "curve": "filled", "x": GRID, "value": np.eye(9)[4]}),
    ]
)


def test_a_panel_per_set_and_a_marker_at_the_geometric_mean():
    fig = gap_losses(RATIOS, ["KNN", "mean"])
    shown = [ax for ax in fig.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in shown] == ["a", "b", "c"]
    assert [t.get_text() for t in shown[0].get_yticklabels()] == ["KNN", "mean"]
    markers = {line.get_label(): line for line in shown[1].lines}
    for name in MECHANISMS:
        np.testing.assert_allclose(markers[name.upper()].get_xdata(), [1.6, 2.4])
    assert {t.get_text() for t in fig.legends[0].get_texts()} == {m.upper() for m in MECHANISMS}


def test_equal_and_opposite_ratios_meet_at_one():
    rows = RATIOS[(RATIOS["dataset"] == "a") & (RATIOS["mechanism"] == "mar")].copy()
    rows["ratio"] = np.where(rows["seed"] == 1, 2.0, 0.5)
    fig = gap_losses(rows, ["mean"])
    markers = {line.get_label(): line for line in fig.axes[0].lines}
    np.testing.assert_allclose(markers["MAR"].get_xdata(), [1.0])


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.3), (0.4, 2.5), (0.06, 7.0)])
def test_ticks_are_round_apart_and_hold_one(low, high):
    ticks = np.array(_ticks(low, high))
    assert 1 in ticks
    assert ((low <= ticks) & (ticks <= high)).all()
    assert len(ticks) > 1
    assert (np.diff(np.log(ticks)) >= 0.2 * np.log(high / low)).all()


def test_curves_lie_over_the_truth_and_the_spike_at_the_foot():
    fig = gap_responses(CURVES, ["BIAM-X", "mean"])
    left, right = fig.axes
    truth, ours, *_ = left.lines
    np.testing.assert_allclose(truth.get_ydata(), GRID**2)
    np.testing.assert_allclose(ours.get_ydata(), GRID**2 + 0.1)
    assert not left.patches
    heights = [bar.get_height() for bar in right.patches]
    assert np.argmax(heights) == 4
    assert sum(height > 0 for height in heights) == 1
    # A missing value stands right of the curve, ours in front of the true mean.
    diamonds = [line for line in left.lines if line.get_marker() == "D"]
    assert [line.get_ydata().item() for line in diamonds] == [1.4, 1.5]
    assert all(np.ravel(line.get_xdata())[0] > 2 for line in diamonds)
    assert left.get_ylim() == right.get_ylim()


def test_a_method_can_be_the_reference():
    fig = gap_responses(CURVES, ["mean"], reference="BIAM-X")
    np.testing.assert_allclose(fig.axes[0].lines[0].get_ydata(), GRID**2 + 0.1)


def test_absent_columns_methods_and_references_are_named():
    with pytest.raises(InvalidInputError, match="ratio"):
        gap_losses(RATIOS.drop(columns="ratio"), ["mean"])
    with pytest.raises(InvalidInputError, match="MICE"):
        gap_losses(RATIOS, ["MICE"])
    with pytest.raises(InvalidInputError, match="truth"):
        gap_responses(CURVES[CURVES["curve"] != "truth"], ["mean"])
