"""A line of means per kind, a band of all seeds, levels across."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.style import axes
from biam.plotting.sweeps import strength_sweep

ROWS = pd.DataFrame(
    [
        (kind, strength, base * strength + seed)
        for kind, base in (("test", 1.0), ("train", 2.0))
        for strength in (0.2, 2.0)
        for seed in (0, 1)
    ],
    columns=["kind", "strength", "value"],
)


def test_means_bands_and_levels():
    ax = strength_sweep(ROWS, {"ERM": 0.5}, xlabel="lambda")
    first, second, level = ax.lines
    assert list(first.get_xdata()) == [0.2, 2.0]
    assert list(first.get_ydata()) == pytest.approx([0.7, 2.5])
    assert list(second.get_ydata()) == pytest.approx([0.9, 4.5])
    assert list(level.get_ydata()) == [0.5, 0.5]
    assert [text.get_text() for text in ax.texts] == ["ERM"]
    box = ax.collections[0].get_paths()[0].get_extents()
    assert (box.y0, box.y1) == pytest.approx((0.2, 3.0))
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.2", "2"]


def test_own_axes_have_their_own_legend():
    ax = strength_sweep(ROWS, ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["test", "train"]


def test_absent_column():
    with pytest.raises(InvalidInputError, match="lacks the columns kind"):
        strength_sweep(ROWS.drop(columns="kind"))
