"""Table `limits`: every generated scenario has its limit, and its test rows are the scenario's."""

import importlib

import numpy as np
import pytest

from biam.experiments.tables.blocks import TABLES as BLOCKS
from biam.experiments.tables.limits import GOALS, TABLES

(TABLE,) = TABLES
PLACES = [(table.name, scenario) for table in BLOCKS for scenario in table.scenarios]


def made(scenario, seed):
    module, _, name = scenario.make.partition(":")
    return getattr(importlib.import_module(module), name)(**scenario.params, random_state=seed)


@pytest.mark.parametrize(("block", "scenario"), PLACES, ids=[f"{b}/{s.name}" for b, s in PLACES])
def test_limit_is_about_the_test_rows_that_learners_are_scored_on(block, scenario):
    limit = TABLE.scenario(f"{block}/{scenario.name}")
    process, split = made(limit, 7), made(scenario, 7)
    assert limit.task == scenario.task
    assert np.array_equal(process.split.X_test, split.X_test, equal_nan=True)
    assert np.array_equal(process.split.y_test, split.y_test)


def test_every_scenario_has_a_goal_and_five_seeds():
    names = {f"{block}/{scenario.name}" for block, scenario in PLACES}
    assert set(GOALS) == names
    cells = TABLE.profiles["full"].cells
    assert {cell.scenario for cell in cells} == names
    assert len(cells) == 5 * len(names)


def test_smoke_cells_are_cells_of_the_full_run():
    smoke, full = TABLE.profiles["smoke"], TABLE.profiles["full"]
    assert set(smoke.cells) < set(full.cells)
    assert (smoke.settings, smoke.params) == (full.settings, full.params)
