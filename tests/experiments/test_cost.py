"""A cell is one process: its scores are those of a fit here, its costs are of the right size."""

import numpy as np
import pandas as pd
import pytest

from biam.datasets.self_masked import make_self_masked
from biam.exceptions import BIAMError, InvalidInputError
from biam.experiments.cost import beside_goals, cost_table, exponents, measure_cost, sizes
from biam.experiments.cost_child import SCORES, build
from biam.metrics import evaluate

ROWS = {"n_samples": 300, "n_test": 400}
HGB = {"rival": "HGB", "use": "train"}


def test_scores_are_those_of_a_fit_in_this_process():
    split = make_self_masked("classification", **ROWS)
    values = measure_cost(split, "classification", 3, HGB)
    model = build("classification", 3, HGB)(split)
    proba = model.predict_proba(split.X_test)
    here = evaluate(SCORES["classification"], split.y_test, proba.argmax(1), proba)
    assert {name: values[name] for name in here} == pytest.approx(here)
    assert 0 <= values["cpu_seconds"] < 60 and values["wall_seconds"] > 0
    # Python with scikit-learn takes tens of megabytes; the fit adds to them or not.
    assert 30 < values["idle_mb"] <= values["peak_mb"] < 3000


def test_a_process_that_fails_says_why():
    split = make_self_masked("regression", **ROWS)
    with pytest.raises(BIAMError, match="no-such-rival"):
        measure_cost(split, "regression", 0, {"rival": "no-such-rival", "use": "train"})


def tidy(cost):
    return pd.DataFrame(
        [
            {
                "scenario": f"learners/regression/n={n}/p={p}",
                "method": method,
                "seed": seed,
                "metric": "cpu_seconds",
                "value": cost(n, p) * size * (1 + seed),
            }
            for method, size in (("BIAM-X", 1.0), ("EBM-main", 3.0))
            for n, p in ((100, 20), (1000, 20), (10_000, 20), (100, 40))
            for seed in (0, 1)
        ]
    )


def test_exponents_of_power_laws_are_their_powers():
    grown = exponents(tidy(lambda n, p: 1e-4 * n**1.5 * p**0.5), "n")
    assert grown["exponent"].to_numpy() == pytest.approx(1.5)
    assert len(grown) == 6 and set(grown["from"]) == {100, 1000}
    wide = exponents(tidy(lambda n, p: 1e-4 * n**1.5 * p**0.5), "p")
    assert wide["exponent"].to_numpy() == pytest.approx(0.5)
    assert list(wide["to"]) == [40, 40]


def test_bent_growth_shows_between_neighbours():
    grown = exponents(tidy(lambda n, p: float(n if n <= 1000 else n**2 / 1000)), "n")
    ours = grown[grown["method"] == "BIAM-X"].set_index(["from", "to"])["exponent"]
    assert ours[100, 1000] == pytest.approx(1) and ours[1000, 10_000] == pytest.approx(2)
    assert ours[100, 10_000] == pytest.approx(1.5)


def test_other_names_and_sizes_are_refused():
    with pytest.raises(InvalidInputError, match="hypergradients/x"):
        sizes(pd.Series(["learners/regression/n=1/p=2", "hypergradients/x"]))
    with pytest.raises(InvalidInputError, match="'q'"):
        exponents(tidy(lambda n, p: 1.0), "q")


def test_seeded_by_the_cell():
    split = make_self_masked("regression", **ROWS)
    first, second, other = (
        build("regression", seed, {"rival": "HGB", "use": "train"})(split).predict(split.X_test)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_table_of_costs_is_the_mean_over_seeds():
    rows = tidy(lambda n, p: float(n * p))
    other = rows.iloc[:1].assign(scenario="published_loop", method="one-step")
    table = cost_table(pd.concat([rows, other]))
    assert len(table) == 8 and (table["seeds"] == 2).all()
    ours = table[(table["method"] == "BIAM-X") & (table["p"] == 20)]
    assert list(ours["n"]) == [100, 1000, 10_000]
    assert list(ours["cpu_seconds"]) == [1.5 * 2000, 1.5 * 20_000, 1.5 * 200_000]


def test_goals_are_bounds_on_the_right_side():
    table = pd.DataFrame(
        {
            "task": ["regression", "regression", "classification"],
            "n": [10, 20, 10],
            "method": ["BIAM-X"] * 3,
            "mse": [0.3, 0.5, np.nan],
            "auprc": [np.nan, np.nan, 0.5],
        }
    )
    goals = {
        ("regression", 10, "BIAM-X"): 0.4,
        ("regression", 20, "BIAM-X"): 0.4,
        ("classification", 10, "BIAM-X"): 0.5,
        ("classification", 99, "BIAM-X"): 0.5,
    }
    found = beside_goals(table, goals)
    assert found["met"].tolist() == [True, False, True]
    assert found["metric"].tolist() == ["mse", "mse", "auprc"]
