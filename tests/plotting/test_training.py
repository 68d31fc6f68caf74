"""Training curves: a line per loss."""

import numpy as np

from biam.plotting import training_curves

HISTORY = [
    {"epoch": 1, "lower_loss": 2.0, "meta_loss": 1.0},
    {"epoch": 2, "lower_loss": 1.0, "meta_loss": 0.5},
]


def test_a_line_for_each_loss():
    lower, meta = training_curves(HISTORY).lines
    np.testing.assert_array_equal(lower.get_ydata(), [2, 1])
    np.testing.assert_array_equal(meta.get_ydata(), [1, 0.5])
    np.testing.assert_array_equal(meta.get_xdata(), [1, 2])
    assert lower.get_linestyle() != meta.get_linestyle()


def test_losses_that_are_absent_are_not_drawn():
    ax = training_curves(
        [{"epoch": 1, "meta_loss": 1.0}, {"epoch": 2, "meta_loss": 0.9}], log=False
    )
    assert [line.get_label() for line in ax.lines] == ["upper: clean meta rows"]
    assert ax.get_yscale() == "linear"


def test_numbers_on_a_logarithmic_axis_are_plain():
    ax = training_curves(HISTORY)
    ax.figure.canvas.draw()
    shown = [text.get_text() for text in ax.get_yticklabels() if text.get_text()]
    assert {"0.5", "1", "2"} <= set(shown)
