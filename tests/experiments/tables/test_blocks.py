"""Blocks E1 to E7 have the scenarios, methods and seeds of the protocol, and no unfair table."""

import pytest

from biam.datasets.synthetic import planted_pairs
from biam.experiments.records import SEEDS
from biam.experiments.report import published_numbers
from biam.experiments.tables.blocks import TABLES

BY_NAME = {table.name: table for table in TABLES}
EPOCHS = {"regression": (100, 300), "classification": (80, 200)}


def test_the_blocks_are_seven():
    assert list(BY_NAME) == [f"e{k}" for k in range(1, 8)]
    assert [len(table.scenarios) for table in TABLES] == [6, 5, 5, 8, 5, 5, 5]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_full_is_every_scenario_method_and_seed(table):
    cells = table.profiles["full"].cells
    for method in table.methods:
        seeds = [c.seed for c in cells if c.method == method.name]
        # The slowest rival is run once.
        once = method.name == "EBM"
        assert seeds == ([SEEDS[0]] if once else list(SEEDS) * len(table.scenarios))
    assert {cell.seed for cell in table.profiles["quick"].cells} == {42, 7}


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_who_sees_meta_rows_has_company(table):
    names = {method.name for method in table.methods}
    assert {"BIAM", "BIAM-B", "BIAM-I", "BIAM2", "BIAM-X", "meta-only"} <= names
    fair = {name.removesuffix("-fair") for name in names if name.endswith("-fair")}
    assert {name.removesuffix("+meta") for name in names if name.endswith("+meta")} == fair
    published = {m.name for m in table.methods if m.settings.get("setting") == "published"}
    assert published <= fair


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_the_loop_runs_as_long_as_in_the_protocol_and_twice(table):
    (task,) = {scenario.task for scenario in table.scenarios}
    single, pairs = EPOCHS[task]
    for name, epochs in (
        ("BIAM", single),
        ("BIAM-B", single),
        ("BIAM-I", single),
        ("BIAM2", pairs),
    ):
        settings = table.method(name).settings
        assert settings["epochs"] == epochs
        assert settings["variant"] == name
        assert settings["twin"]
    gates = "discovery" if table.name in ("e6", "e7") else "robust"
    assert table.method("BIAM2").settings["gates"] == gates


def test_pairs_to_find_are_those_that_are_planted():
    for name, n in (("e6", 3), ("e7", 2)):
        for scenario in BY_NAME[name].scenarios:
            assert scenario.settings["pairs"] == [list(pair) for pair in planted_pairs[:n]]


def test_every_cell_of_the_rerun_is_a_cell():
    rows = published_numbers()
    rows = rows[rows["source"] == "re-run"]
    for row in rows.itertuples():
        BY_NAME[row.table].scenario(row.scenario), BY_NAME[row.table].method(row.method)
