"""Figures are the scores, colours are what is won over the reference in the same column."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.advantages import advantage_map
from biam.plotting.style import axes

SCORES = pd.DataFrame(
    {"noise": [0.6, 0.8, 0.3], "shift": [0.5, 0.5, np.nan]}, index=["ERM", "better", "worse"]
)


def test_figures_are_per_cent_and_gaps_stay_empty():
    ax = advantage_map(SCORES, "ERM")
    texts = {t.get_position(): t.get_text() for t in ax.texts}
    assert texts == {(0, 0): "60", (0, 1): "80", (0, 2): "30", (1, 0): "50", (1, 1): "50"}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["noise", "shift"]
    assert [t.get_text() for t in ax.get_yticklabels()] == list(SCORES.index)


def test_colours_are_differences_to_the_reference():
    ax = advantage_map(SCORES, "ERM", limit=0.4, ax=axes())
    (image,) = ax.images
    change = np.asarray(image.get_array())
    assert change[:, 0] == pytest.approx([0, 0.5, -0.75])
    red, _, blue, strong = image.cmap(image.norm(change[:, 0])).T
    assert strong[0] < 0.02 and blue[1] > red[1] and red[2] > blue[2]
    assert strong[2] > strong[1] > 0.3
    # What is dark carries white figures.
    assert [t.get_color() == "white" for t in ax.texts if t.get_position()[0] == 0] == [
        *(False, False, True)
    ]


def test_the_reference_must_be_there():
    with pytest.raises(InvalidInputError, match="'IRM'"):
        advantage_map(SCORES, "IRM")
    with pytest.raises(InvalidInputError, match="no rows"):
        advantage_map(SCORES[:0], "ERM")
