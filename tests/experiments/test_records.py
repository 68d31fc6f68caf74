"""Records of tables: what a cell is made from, and in which order cells come."""

import pytest

from biam.exceptions import UnknownNameError
from biam.experiments.records import Cell, Method, Profile, Scenario, Table, plan

TABLE = Table(
    name="t",
    title="",
    source="",
    scenarios=(Scenario("a", "biam.x:make", {"n": 5, "p": 2}, settings={"k": 1, "s": "scenario"}),),
    methods=(Method("m", "biam.y:run", {"s": "method", "e": 9}), Method("o", "biam.x:run")),
    profiles={
        name: Profile((Cell("t", "a", "m", 1),), 1, settings, params)
        for name, settings, params in (
            ("smoke", {"e": 2}, {"n": 3}),
            ("quick", {}, {"n": 4}),
            ("full", {}, {}),
        )
    },
)
CELL = Cell("t", "a", "m", 1)


def test_a_profile_comes_on_top_of_the_method_and_that_of_the_scenario():
    smoke, full = TABLE.parameters(CELL, "smoke"), TABLE.parameters(CELL)
    assert smoke["settings"] == {"k": 1, "s": "method", "e": 2}
    assert full["settings"] == {"k": 1, "s": "method", "e": 9}
    assert smoke["params"] == {"n": 3, "p": 2}
    assert full["params"] == {"n": 5, "p": 2}


def test_roots_are_the_modules_of_the_cell_alone():
    assert TABLE.roots(CELL) == ("biam.x", "biam.y")
    assert TABLE.roots(CELL._replace(method="o")) == ("biam.x",)


def test_plan_goes_scenario_by_scenario_and_seed_by_seed():
    cells = plan("t", [("a", ["m", "o"], [1, 2]), ("b", ["m"], [1])])
    assert [tuple(c)[1:] for c in cells] == [
        ("a", "m", 1),
        ("a", "o", 1),
        ("a", "m", 2),
        ("a", "o", 2),
        ("b", "m", 1),
    ]


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError):
        TABLE.scenario("aa")
    with pytest.raises(UnknownNameError):
        TABLE.method("M")
    with pytest.raises(UnknownNameError):
        TABLE.parameters(CELL, "ful")
