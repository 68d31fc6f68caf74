"""Ratios are taken within a scenario and a seed; their geometric mean is the marker."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.changes import change_ratios
from biam.plotting.style import axes

CHANGES = {"no weights": ("BIAM-B", "BIAM"), "many knots": ("BIAM:n_knots=40", "BIAM")}


def row(scenario, method, seed, value, metric="mse"):
    return {
        "scenario": scenario,
        "method": method,
        "seed": seed,
        "metric": metric,
        "value": value,
    }


@pytest.fixture
def results():
    rows = [row(s, "BIAM", k, 2.0 + k) for s in ("clean", "noisy", "gaps") for k in (0, 1)]
    rows += [row("clean", "BIAM-B", k, (2.0 + k) * 4.0 ** (1 - 2 * k)) for k in (0, 1)]
    rows += [row("noisy", "BIAM-B", k, 3 * (2.0 + k)) for k in (0, 1)]
    rows += [row("noisy", "BIAM:n_knots=40", k, 5 * (2.0 + k)) for k in (1, 0)]
    rows += [row("clean", "BIAM-B", 0, -7.0, "r2")]
    return pd.DataFrame(rows)


def test_ratios_and_their_geometric_means(results):
    ax = change_ratios(results, CHANGES)
    dots, means, noisy_dots, noisy = ax.lines[:4]
    np.testing.assert_allclose(dots.get_xdata(), [4, 0.25])
    # Four times and a quarter cancel.
    np.testing.assert_allclose(means.get_xdata(), [1])
    np.testing.assert_allclose(noisy_dots.get_xdata(), [3, 3, 5, 5])
    np.testing.assert_allclose(noisy.get_xdata(), [3, 5])
    assert noisy.get_ydata()[0] > noisy.get_ydata()[1]


def test_a_scenario_without_the_change_is_left_out(results):
    ax = change_ratios(results, CHANGES, ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["clean", "noisy"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(CHANGES)


def test_scaling_all_errors_changes_nothing(results):
    one, other = (
        change_ratios(results.assign(value=results["value"] * factor), CHANGES)
        for factor in (1, 10)
    )
    for a, b in zip(one.lines, other.lines, strict=True):
        np.testing.assert_allclose(a.get_xdata(), b.get_xdata())


def test_absent_methods_and_pairs_are_named(results):
    with pytest.raises(InvalidInputError, match="'BIAM-I'"):
        change_ratios(results, {"x": ("BIAM-I", "BIAM")})
    with pytest.raises(InvalidInputError, match="lacks the columns seed"):
        change_ratios(results.drop(columns="seed"), CHANGES)
    apart = pd.DataFrame([row("clean", "BIAM", 0, 1.0), row("noisy", "BIAM-B", 0, 1.0)])
    with pytest.raises(InvalidInputError, match="no scenario and seed has both"):
        change_ratios(apart, {"x": ("BIAM-B", "BIAM")})


def test_more_scenarios_than_markers_are_refused(results):
    many = pd.concat([results.assign(scenario=f"s{k}") for k in range(7)])
    many = many.drop_duplicates(["scenario", "method", "seed", "metric"])
    with pytest.raises(InvalidInputError, match="at most 6 scenarios"):
        change_ratios(many, CHANGES)
