"""Table `impute-or-model` as data: every imputer, three mechanisms, one size of cell."""

from biam.experiments.gaps_deep import DEEP
from biam.experiments.tables.gaps import TABLES
from biam.imputation.classical import IMPUTERS

(TABLE,) = TABLES


def test_every_imputer_is_a_method_of_the_module_that_has_it():
    used = {}
    for method in TABLE.methods:
        if "imputer" in method.settings:
            used.setdefault(method.run.rpartition(".")[2], set()).add(method.settings["imputer"])
    assert used == {
        "gaps:predict_with_gaps": set(IMPUTERS),
        "gaps_deep:predict_with_deep_gaps": set(DEEP),
    }


def test_three_mechanisms_at_two_rates_on_generated_and_real_sets():
    seen = {}
    for scenario in TABLE.scenarios:
        p = scenario.params
        seen.setdefault(p["dataset"], set()).add((p["mechanism"], p["rate"]))
    assert {"independent", "related"} < set(seen)
    everything = {(m, r) for m in ("mcar", "mar", "mnar") for r in (0.2, 0.4)}
    assert all(pairs == everything for pairs in seen.values())


def test_every_profile_runs_cells_of_the_full_size():
    for profile in TABLE.profiles.values():
        assert not profile.params
        assert not profile.settings


def test_single_and_multiple_imputation_and_native_gaps_meet_in_the_quick_profile():
    cells = TABLE.profiles["quick"].cells
    for scenario in ("independent/mcar40", "concrete/mnar40"):
        methods = {cell.method for cell in cells if cell.scenario == scenario}
        assert {"BIAM-X", "BIAM-X:MICE", "BIAM-X:5xMICE", "EBM", "HGB"} <= methods


def test_smoke_is_a_part_of_quick_and_needs_embedded_data_only():
    assert set(TABLE.profiles["smoke"].cells) < set(TABLE.profiles["quick"].cells)
    for cell in TABLE.profiles["smoke"].cells:
        assert TABLE.scenario(cell.scenario).params["dataset"] in ("independent", "related")
