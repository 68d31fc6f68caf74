"""A full pip is a kept group; what is not offered is a dash, what is wrong is counted."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.groups import group_name, kept_groups
from biam.plotting.style import BLUE, axes

PLANTED = [("main", 0, 0), ("interaction", 1, 2)]


def gate(scenario, seed, kind, source, target, value):
    return (scenario, seed, f"gate:{kind}", float(source), float(target), value)


@pytest.fixture
def curves():
    rows = []
    for seed, p in ((11, 0.9), (22, 0.2), (33, 0.5)):
        rows += [
            gate("regression/clean", seed, "main", 0, 0, p),
            gate("regression/clean", seed, "main", 5, 5, 0.9),
            gate("regression/clean", seed, "main", 6, 6, 0.8 if seed == 11 else 0.1),
            gate("regression/gaps", seed, "main", 0, 0, 0.4),
            gate("regression/gaps", seed, "interaction", 1, 2, 1 - p),
            gate("regression/gaps", seed, "interaction", 2, 1, p),
            ("regression/gaps", seed, "tune_risk", 0.0, np.nan, 0.7),
        ]
    return pd.DataFrame(rows, columns=["scenario", "seed", "curve", "x", "z", "value"])


def full(ax, row, column):
    """Seeds, by position, whose pip is full."""
    there = [
        x
        for line in ax.lines
        if line.get_markerfacecolor() == BLUE
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if y == row and abs(x - column) < 0.5
    ]
    return sorted(round((x - column) / 0.24) + 1 for x in there)


def test_full_pips_are_kept_groups_in_the_order_of_the_seeds(curves):
    ax = kept_groups(curves, PLANTED)
    assert full(ax, 0, 0) == [0, 2]
    assert full(ax, 1, 0) == []
    assert full(ax, 1, 1) == [1, 2]
    assert sum(len(line.get_xdata()) for line in ax.lines) == 9


def test_dashes_and_others(curves):
    texts = [text.get_text() for text in kept_groups(curves, PLANTED).texts]
    # Scenario clean: no interaction, four wrong groups in three seeds; gaps: the reversed one.
    assert texts == ["\N{EN DASH}", "1.3", "0.7"]
    texts = [text.get_text() for text in kept_groups(curves, PLANTED, [("main", 5, 5)]).texts]
    assert texts == ["\N{EN DASH}", "0.3", "0.7"]


def test_the_threshold_decides(curves):
    assert full(kept_groups(curves, PLANTED, threshold=0.6, ax=axes()), 0, 0) == [0]


def test_labels(curves):
    ax = kept_groups(curves, PLANTED)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x0", "m1\nx2", "others"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["clean", "gaps"]
    assert group_name(("missing", 3, 3)) == "m3"
    assert group_name(("interaction", 1, 2)) == "m1 x2"


def test_no_gates_are_refused(curves):
    with pytest.raises(InvalidInputError, match="'gate:main'"):
        kept_groups(curves[curves["curve"] == "tune_risk"], PLANTED)
    with pytest.raises(InvalidInputError, match="lacks the columns z"):
        kept_groups(curves.drop(columns="z"), PLANTED)
