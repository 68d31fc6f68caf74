"""Table `images` as data: every set with every damage, each method beside its plain form."""

from biam.datasets.images import load_digit_images
from biam.experiments.images import SCORES
from biam.experiments.tables.images import TABLES

(TABLE,) = TABLES


def test_every_set_has_every_damage_but_the_one_left_out():
    names = {scenario.name for scenario in TABLE.scenarios}
    sets, damages = {"digits", "mnist", "cifar10"}, {n.partition("/")[2] for n in names}
    assert damages == {"clean", "uniform20", "uniform40", "flip20", "flip40", "lt10", "lt100"}
    assert {f"{s}/{d}" for s in sets for d in damages} - names == {"cifar10/lt100"}


def test_a_table_with_meta_rows_has_them_alone_and_added():
    methods = {method.name for method in TABLE.methods}
    assert {"meta-only", "CNN-meta-only", "CNN+meta", "HGB+meta", "Lasso+meta"} <= methods
    full = TABLE.profiles["full"].cells
    assert len(full) == len(set(full)) == 20 * 12 * 5
    for profile in ("smoke", "quick"):
        assert set(TABLE.profiles[profile].cells) <= set(full)


def test_smoke_cells_are_those_of_the_full_run_and_need_no_file():
    for cell in TABLE.profiles["smoke"].cells:
        assert cell.scenario.startswith("digits/")
        assert TABLE.parameters(cell, "smoke") == TABLE.parameters(cell, "full")


def test_the_quick_cap_leaves_digits_whole():
    quick = TABLE.profiles["quick"]
    assert quick.params["n_train_rows"] >= len(load_digit_images().y)


def test_all_methods_report_the_same_scores():
    for scenario in TABLE.scenarios:
        assert tuple(scenario.settings["scores"]) == SCORES


def test_methods_of_the_cnn_differ_in_rows_and_weights_only():
    plain = dict(TABLE.method("CNN").settings)
    for name in ("CNN-meta-only", "CNN+meta", "CNN-weighted"):
        changed = dict(TABLE.method(name).settings)
        assert {k for k in changed if changed[k] != plain.get(k)} <= {
            "rows",
            "weighted",
            "curve_seeds",
        }
