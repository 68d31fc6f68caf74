"""Both rules are marked where they stop, on the curves of the first method."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.epochs import epoch_panels

EPOCHS = [1, 50, 100, 150]
VALUES = {
    ("noise", "test_mse"): [0.9, 0.1, 0.3, 0.4],
    ("noise", "meta_loss"): [0.8, 0.5, 0.2, 0.6],
    ("flips", "test_accuracy"): [0.5, 0.6, 0.9, 0.8],
    ("flips", "meta_loss"): [0.8, 0.7, 0.6, 0.4],
}


@pytest.fixture
def curves():
    return pd.DataFrame(
        [
            (scenario, method, curve, float(x), value * size)
            for (scenario, curve), values in VALUES.items()
            for method, size in (("MAM", 1.0), ("ERM", 0.5))
            for x, value in zip(EPOCHS, values, strict=True)
        ],
        columns=["scenario", "method", "curve", "x", "value"],
    )


def marks(ax):
    lines = {line.get_label(): line for line in ax.lines}
    return [
        (
            float(lines[f"best on {rows} rows"].get_xdata()[0]),
            float(lines[f"best on {rows} rows"].get_ydata()[0]),
        )
        for rows in ("test", "meta")
    ]


def test_marks_are_the_best_looks_on_both_curves(curves):
    score, loss, accuracy, accuracy_loss = epoch_panels(curves).axes
    assert marks(score) == [(50, 0.1), (100, 0.3)]
    assert marks(loss) == [(50, 0.5), (100, 0.2)]
    assert marks(accuracy) == [(100, 0.9), (150, 0.8)]
    assert marks(accuracy_loss) == [(100, 0.6), (150, 0.4)]


def test_lines_are_the_curves_in_order_of_the_epochs(curves):
    fig = epoch_panels(
        curves.sample(frac=1, random_state=0).sort_values("scenario", ascending=False)
    )
    first = fig.axes[0]
    np.testing.assert_array_equal(first.lines[0].get_xdata(), EPOCHS)
    np.testing.assert_allclose(first.lines[0].get_ydata(), VALUES["noise", "test_mse"])
    np.testing.assert_allclose(
        first.lines[1].get_ydata(), np.array(VALUES["noise", "test_mse"]) / 2
    )


def test_what_spans_a_decade_is_logarithmic(curves):
    fig = epoch_panels(curves)
    assert [ax.get_yscale() for ax in fig.axes] == ["log", "linear", "linear", "linear"]
    assert "flips\ntest accuracy" in [ax.get_title(loc="left") for ax in fig.axes]


def test_what_is_absent_is_named(curves):
    with pytest.raises(InvalidInputError, match="'BIAM'"):
        epoch_panels(curves, ["BIAM"])
    with pytest.raises(InvalidInputError, match="'meta_loss'"):
        epoch_panels(curves[curves["curve"] != "meta_loss"])
