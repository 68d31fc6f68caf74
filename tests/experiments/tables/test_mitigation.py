"""Table `mitigation` as data: each strategy beside plain training, and published settings."""

from biam.experiments.tables.mitigation import AMOUNTS, STRENGTHS, TABLES

(TABLE,) = TABLES
FULL = TABLE.profiles["full"]


def methods(scenario):
    return {cell.method for cell in FULL.cells if cell.scenario == scenario}


def test_every_trained_scenario_has_plain_training():
    for scenario in TABLE.scenarios:
        plain = {"smote": "under-only", "attack": "plain"}.get(scenario.name.split("/")[0], "ERM")
        assert plain in methods(scenario.name)


def test_colour_has_the_sweep_with_and_without_delay():
    names = {f"{kind}:{strength:g}" for kind in ("SD", "SD-delayed") for strength in STRENGTHS}
    assert names | {"ERM", "IRM"} == methods("colour/10000") == methods("colour/50000")
    assert TABLE.method("SD-delayed:2").settings["delayed"]
    # The authors': 450 steps with coefficient 2e-5, then all at 2e-5 with the penalty at one.
    late = TABLE.scenario("colour/50000").settings["late"]
    assert late == {"steps": 2001, "options": {"delay": 450, "before": 4e-5, "scale": 2e-5}}
    assert TABLE.scenario("colour/50000").params == {}
    assert 0 not in {cell.seed for cell in FULL.cells}


def test_group_strategies_stand_beside_one_another():
    for name in ("spurious/regularised", "spurious/interpolating", "adult", "compas"):
        assert {"Group-DRO", "quotas", "inverse-frequency", "hard-examples"} <= methods(name)


def test_the_two_spurious_scenarios_differ_in_training_only():
    first, second = (
        TABLE.scenario(f"spurious/{name}") for name in ("regularised", "interpolating")
    )
    assert first.params == second.params
    assert first.settings["optimizer"]["weight_decay"] > 0
    assert "weight_decay" not in second.settings["optimizer"]


def test_smote_amounts():
    assert {f"SMOTE:{amount}" for amount in AMOUNTS} <= methods("smote/pima")


def test_smoke_cells_are_those_of_the_other_profiles_and_need_no_file():
    smoke = TABLE.profiles["smoke"].cells
    assert set(smoke) <= set(TABLE.profiles["quick"].cells)
    for cell in smoke:
        assert cell.scenario.split("/")[0] in {"moons", "spurious", "smote"}
        assert TABLE.parameters(cell, "smoke") == TABLE.parameters(cell, "full")
        assert TABLE.parameters(cell, "quick") == TABLE.parameters(cell, "full")


def test_quick_is_wide():
    quick = TABLE.profiles["quick"].cells
    families = {scenario.name.split("/")[0] for scenario in TABLE.scenarios}
    assert {cell.scenario.split("/")[0] for cell in quick} == families
    assert {cell.method for cell in quick} == {method.name for method in TABLE.methods}
    assert {cell.scenario for cell in FULL.cells} - {cell.scenario for cell in quick} == {
        "colour/50000"
    }
