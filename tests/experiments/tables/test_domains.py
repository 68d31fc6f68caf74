"""Table `domain-adversarial` as data: methods differ in the reversal and in whose labels count."""

from biam.experiments.tables.domains import ANGLES, STRENGTHS, TABLES

(TABLE,) = TABLES


def test_every_scenario_has_floor_and_ceiling():
    for scenario in TABLE.scenarios:
        methods = {c.method for c in TABLE.profiles["full"].cells if c.scenario == scenario.name}
        assert {"source-only", "target-labels"} < methods
        assert any(name.startswith("DANN") for name in methods)


def test_the_published_angle_and_strength_are_there():
    assert 35 in ANGLES and 6 in STRENGTHS
    assert TABLE.method("DANN:6").settings["options"] == {"strength": 6, "scheduled": False}


def test_floor_and_ceiling_do_not_reverse():
    for name in ("source-only", "target-labels"):
        assert TABLE.method(name).settings["options"]["strength"] == 0


def test_smoke_is_embedded_and_equal_to_full():
    for cell in TABLE.profiles["smoke"].cells:
        assert cell.scenario.startswith("moons/")
        assert TABLE.parameters(cell, "smoke") == TABLE.parameters(cell, "full")


def test_quick_has_every_angle_the_pictures_and_every_method():
    quick = TABLE.profiles["quick"].cells
    wanted = {"mnist", *(f"moons/{angle}" for angle in ANGLES)}
    assert {cell.scenario for cell in quick} == wanted
    assert {cell.method for cell in quick} == {method.name for method in TABLE.methods}
