"""Stated numbers and stored runs come together by scenario and method."""

import numpy as np
import pandas as pd

from biam.experiments.catalogue import TABLES
from biam.experiments.stated_imputation import PAPER, beside, spread_table, stated_numbers
from biam.experiments.store import COLUMNS

SETS = {"banknote", "concrete", "red", "white", "yeast", "breast"}


def stored(folder, rows):
    table = pd.DataFrame(rows, columns=["scenario", "method", "seed", "value"])
    table = table.assign(table="not-miwae", metric="rmse")
    table.reindex(columns=list(COLUMNS)).to_csv(folder / "not-miwae.csv", index=False)


def test_the_paper_states_a_number_for_each_method_and_set():
    rows = stated_numbers("not-miwae")
    paper = rows[rows["source"] == PAPER]
    assert len(paper) == 11 * 6 and set(paper["scenario"]) == SETS
    known = paper.set_index(["scenario", "method"])["value"]
    assert known["breast", "mean"] == 1.82
    assert known["banknote", "not-MIWAE-PPCA:known"] == 0.57
    masks = stated_numbers("not-miwae", "mask_accuracy")
    assert len(masks) == 36 and masks["value"].between(0.5, 1).all()


def test_stated_names_are_those_of_the_tables():
    for name in ("not-miwae", "not-miwae-toys"):
        cells = TABLES[name].profiles["full"].cells
        run = {(cell.scenario, cell.method) for cell in cells}
        rows = stated_numbers(name)
        pairs = set(rows[["scenario", "method"]].itertuples(index=False, name=None))
        # The project names one not-MIWAE for all; its mask model is the linear one.
        assert {pair for pair in pairs if "agnostic" not in pair[1]} <= run


def test_means_errors_and_runs(tmp_path):
    rows = [("breast", "mean", 1, 1.8), ("red", "MIWAE", 1, 1.5), ("red", "MIWAE", 2, 1.7)]
    stored(tmp_path, rows)
    table = beside(tmp_path, "not-miwae").set_index(["scenario", "method"])
    assert table.loc[("breast", "mean"), [PAPER, "ours", "runs"]].tolist() == [1.82, 1.8, 1]
    assert np.isnan(table.loc[("breast", "mean"), "error"])
    row = table.loc[("red", "MIWAE")]
    assert np.allclose([row["ours"], row["error"]], [1.6, 0.1])


def test_html_has_ours_and_each_source(tmp_path):
    stored(tmp_path, [("breast", "mean", 1, 1.8), ("red", "a < b", 1, 1.5)])
    html = spread_table(beside(tmp_path, "not-miwae"))
    assert "<td>1.80</td>" in html and "<td><i>1.82</i></td>" in html
    assert "a &lt; b" in html and html.count("<i>Ipsen et al. 2021</i>") == 1
