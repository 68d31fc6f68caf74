"""Table `mam` as data: the paper's seed, and rivals that get the meta rows too."""

from biam.experiments.mam import COUNTS
from biam.experiments.tables.mam import TABLES

(TABLE,) = TABLES
PUBLISHED = {
    *("eps_A", "eps_B", "eps_C"),
    *("imbalance_0.15", "corruption_0.15", "imbalance+corruption"),
}


def test_every_published_number_has_its_cell_at_the_paper_seed():
    cells = TABLE.profiles["full"].cells
    for method in ("MAM", "ERM"):
        at_one = {c.scenario for c in cells if c.method == method and c.seed == 1}
        assert at_one == PUBLISHED


def test_learners_with_meta_rows_stand_beside_the_clean_rows_alone():
    cells = TABLE.profiles["full"].cells
    for scenario in PUBLISHED:
        methods = {c.method for c in cells if c.scenario == scenario and c.seed == 1}
        assert {"meta-only", "HGB", "HGB+meta", "BIAM-X", "Lasso", "EBM-main"} <= methods


def test_settings_are_the_public_ones():
    for scenario in TABLE.scenarios:
        regression = scenario.task == "regression"
        assert scenario.settings["epochs"] == (1000 if regression else 500)
        assert scenario.settings["degree"] == (2 if regression else 4)
        assert "n_samples" not in scenario.params


def test_smoke_is_small_and_headlines_are_known():
    smoke = TABLE.profiles["smoke"]
    assert len(smoke.cells) == 2
    # What the book recomputes must be what the stored run has.
    full = TABLE.profiles["full"]
    assert (smoke.settings, smoke.params) == (full.settings, full.params)
    assert set(TABLE.headline) - set(COUNTS) == {"mse", "accuracy"}
