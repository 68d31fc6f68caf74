"""The boundary is where the logit changes its sign; rows have the marks of their domain."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.answers import domain_answers

GRID = pd.DataFrame(
    [(x, z, x - 0.5) for x in np.linspace(0, 1, 5) for z in np.linspace(0, 1, 4)],
    columns=["x", "z", "value"],
)
X = np.array([[0.1, 0.2], [0.9, 0.3], [0.2, 0.8], [0.8, 0.9]])
Y, DOMAIN = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])


def test_boundary_and_marks():
    ax = domain_answers(GRID, X, Y, DOMAIN, title="plain")
    boundary = ax.collections[-1].get_paths()[0].vertices
    np.testing.assert_allclose(boundary[:, 0], 0.5)
    assert [line.get_marker() for line in ax.lines] == ["o", "o", "x", "x"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0.1], [0.9], [0.2], [0.8]]
    assert ax.get_title() == "plain"


def test_half_a_grid_is_refused():
    with pytest.raises(InvalidInputError, match="full grid"):
        domain_answers(GRID.iloc[:-1], X, Y, DOMAIN)
