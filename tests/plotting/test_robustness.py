"""A line through the means, a band from the least to the most."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.robustness import metric_by_rate
from biam.plotting.style import axes

CURVES = pd.DataFrame(
    [
        (method, seed, rate, size * (1 + rate) * (1 + seed))
        for method, size in (("BIAM", 1.0), ("Lasso-fair", 2.0))
        for seed in (0, 2)
        for rate in (0.5, 0.0)
    ],
    columns=["method", "seed", "x", "value"],
)


def test_lines_are_means_and_bands_hold_all_seeds():
    ax = metric_by_rate(CURVES, metric="test MSE")
    ours, rival = ax.lines
    np.testing.assert_array_equal(ours.get_xdata(), [0, 0.5])
    np.testing.assert_array_equal(ours.get_ydata(), [2, 3])
    np.testing.assert_array_equal(rival.get_ydata(), [4, 6])
    box = ax.collections[0].get_datalim(ax.transData)
    assert (box.y0, box.y1) == (1, 4.5)
    assert ax.get_ylabel() == "test MSE"
    assert ax.get_ylim()[0] == 0


def test_methods_chosen_in_order():
    ax = metric_by_rate(CURVES, methods=["Lasso-fair"], log=True, ax=axes())
    assert [line.get_label() for line in ax.lines] == ["Lasso-fair"]
    assert ax.get_yscale() == "log"
    assert ax.get_legend().get_texts()[0].get_text() == "Lasso-fair"


def test_rates_are_per_cent():
    ax = metric_by_rate(CURVES)
    ax.figure.canvas.draw()
    assert "50%" in [text.get_text() for text in ax.get_xticklabels()]


def test_absent_columns_and_methods_are_named():
    with pytest.raises(InvalidInputError, match="lacks the columns seed"):
        metric_by_rate(CURVES.drop(columns="seed"))
    with pytest.raises(InvalidInputError, match="'NAM'"):
        metric_by_rate(CURVES, methods=["NAM"])
