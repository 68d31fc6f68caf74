"""What must hold of the table `probabilistic`."""

from importlib import import_module

import pytest

from biam.datasets.structured import make_structured
from biam.experiments.tables.probabilistic import STRUCTURE_SEEDS, TABLES

(TABLE,) = TABLES


def test_every_scenario_is_run_by_every_method_with_every_seed():
    assert TABLE.name == "probabilistic"
    assert STRUCTURE_SEEDS == (11, 22, 33, 44, 55)
    count = len(TABLE.scenarios) * len(TABLE.methods)
    assert len(set(TABLE.profiles["full"].cells)) == 5 * count
    assert len(set(TABLE.profiles["quick"].cells)) == 2 * count


def test_the_clean_rows_alone_are_in_the_table():
    assert {"BIAM-P", "BIAM", "BIAM-X", "meta-only", "EBM"} == {m.name for m in TABLE.methods}


def test_smoke_cells_are_cells_of_the_full_run_with_the_same_parameters():
    smoke = TABLE.profiles["smoke"].cells
    assert set(smoke) < set(TABLE.profiles["full"].cells)
    for cell in smoke:
        assert TABLE.parameters(cell, "smoke") == TABLE.parameters(cell, "full")


@pytest.mark.parametrize("scenario", TABLE.scenarios, ids=lambda s: s.name)
def test_scenarios_can_be_made(scenario):
    split = make_structured(**scenario.params, random_state=11)
    assert scenario.make == "biam.datasets.structured:make_structured"
    assert split.truth["groups"]
    assert split.mask.any() == ("noise30" in scenario.name)


@pytest.mark.parametrize("method", TABLE.methods, ids=lambda m: m.name)
def test_methods_are_there(method):
    module, _, name = method.run.partition(":")
    assert callable(getattr(import_module(module), name))
