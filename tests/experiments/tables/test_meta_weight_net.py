"""Table `meta-weight-net` as data: damages, rivals, and the ablation beside the main method."""

from biam.experiments.meta_weights import METHODS
from biam.experiments.tables.meta_weight_net import TABLES

(TABLE,) = TABLES
FULL = TABLE.profiles["full"].cells


def test_every_set_has_all_noise_and_mnist_all_tails():
    damages = {s.name for s in TABLE.scenarios}
    for name in ("digits", "mnist"):
        assert {
            f"{name}/{kind}{rate}" for kind in ("uniform", "flip") for rate in (20, 40, 60)
        } <= (damages)
    assert {f"mnist/lt{ratio}" for ratio in (10, 20, 50, 100, 200)} <= damages


def test_all_rivals_are_in_every_scenario():
    assert {m.settings["method"] for m in TABLE.methods} == set(METHODS)
    for scenario in TABLE.scenarios:
        methods = {c.method for c in FULL if c.scenario == scenario.name}
        assert set(METHODS) <= methods


def test_the_ablation_changes_the_weighting_network_only():
    main = dict(TABLE.method("MW-Net").settings)
    for method in TABLE.methods:
        if method.settings["method"] == "MW-Net":
            changed = {k for k in method.settings if method.settings[k] != main.get(k)}
            assert changed <= {"widths", "standardise", "normalise"}
    widths = [tuple(m.settings.get("widths", ())) for m in TABLE.methods]
    assert {(50,), (100,), (200,), (100, 100), (10, 10), (10, 10, 10)} <= set(widths)


def test_smoke_cells_are_those_of_the_full_run_and_need_no_file():
    for cell in TABLE.profiles["smoke"].cells:
        assert cell.scenario.startswith("digits/")
        assert TABLE.parameters(cell, "smoke") == TABLE.parameters(cell, "full")


def test_quick_has_every_method_and_damage():
    quick = TABLE.profiles["quick"].cells
    assert {c.method for c in quick} == {m.name for m in TABLE.methods}
    digits = {s.name for s in TABLE.scenarios if s.name.startswith("digits/")}
    for scenario in digits | {"mnist/uniform40"}:
        methods = {c.method for c in quick if c.scenario == scenario}
        assert set(METHODS) <= methods
    assert {f"mnist/lt{ratio}" for ratio in (10, 20, 50, 100, 200)} < {c.scenario for c in quick}
    assert set(quick) < set(FULL) and len(set(quick)) == len(quick)
