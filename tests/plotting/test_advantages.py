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


def test_colours_are_steps_of_the_difference_to_the_reference():
    scores = pd.DataFrame({"x": [0.5, 0.52, 0.56, 0.7, 0.51, 0.4]}, index=list("abcdef"))
    ax = advantage_map(scores, "a", ax=axes())
    (image,) = ax.images
    red, _, blue, strength = np.asarray(image.get_array(), dtype=float)[:, 0].T
    assert (blue[1:4] > red[1:4]).all() and red[5] > blue[5]
    assert strength[0] == strength[4] == 0
    assert 0 < strength[1] < strength[2] == strength[5] < strength[3] == 1
    # What is dark carries white figures.
    assert [t.get_color() == "white" for t in ax.texts] == [False, False, True, True, False, True]


def test_the_reference_must_be_there():
    with pytest.raises(InvalidInputError, match="'IRM'"):
        advantage_map(SCORES, "IRM")
    with pytest.raises(InvalidInputError, match="no rows"):
        advantage_map(SCORES[:0], "ERM")
