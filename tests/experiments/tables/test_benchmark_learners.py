"""Learners of table `benchmark` as data: the same rows for all, robust losses for numbers only."""

import pandas as pd

from biam.experiments.cost import sizes
from biam.experiments.tables.benchmark import TABLES
from biam.experiments.tables.benchmark_learners import FULL, METHODS, QUICK, SCENARIOS, SMOKE

(TABLE,) = TABLES


def test_names_say_the_sizes():
    found = sizes(pd.Series([scenario.name for scenario in SCENARIOS]))
    for scenario, row in zip(SCENARIOS, found.itertuples(), strict=True):
        assert scenario.task == row.task == scenario.params["task"]
        assert (scenario.params["n_samples"], scenario.params["n_features"]) == (row.n, row.p)


def test_no_cell_is_listed_twice_and_names_have_no_commas():
    for cells in (SMOKE, QUICK, FULL):
        assert len(set(cells)) == len(cells)
    assert not any("," in name for cell in FULL for name in cell[:3])


def test_smoke_is_tiny_and_part_of_all():
    assert set(SMOKE) <= set(QUICK) and set(SMOKE) <= set(FULL)
    found = sizes(pd.Series([cell.scenario for cell in SMOKE]))
    assert found["n"].max() <= 500


def test_ours_stand_beside_the_rival_at_every_size():
    for scenario in {cell.scenario for cell in FULL if "n=500/" not in cell.scenario}:
        methods = {cell.method for cell in FULL if cell.scenario == scenario}
        if "n=1000000/" in scenario:
            assert methods == {"BIAM-X", "BIAM-X-no-meta", "HGB"}
            continue
        assert {"BIAM-X", "BIAM-X-no-meta", "EBM-main", "HGB", "CatBoost"} <= methods


def test_absolute_errors_are_for_numbers():
    for cell in FULL:
        if cell.method.endswith("-MAE"):
            assert TABLE.scenario(cell.scenario).task == "regression"


def test_who_is_given_clean_rows_is_said():
    uses = {method.name: method.settings["use"] for method in METHODS}
    assert {name for name, use in uses.items() if use in ("meta", "line")} == {
        *("BIAM-X", "EBM-main:line", "HGB:line"),
    }
    assert {name for name, use in uses.items() if use == "true"} == {
        *("EBM-main:true-labels", "HGB:true-labels"),
    }
