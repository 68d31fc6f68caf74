"""Means, spreads, winners and wins by hand."""

import re

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.experiments.catalogue import TABLES
from biam.experiments.summary import KINDS, best, kind, means, score_table, shown, wins

VALUES = {
    ("a", "BIAM"): [1.0, 2.0, 3.0],
    ("a", "BIAM-X"): [0.5, 0.5, 3.5],
    ("b", "BIAM"): [10.0, 20.0, 30.0],
    ("b", "HGB+meta"): [1.0, 1.0, 1.0],
}


@pytest.fixture
def results():
    rows = [
        {"scenario": s, "method": m, "seed": seed, "metric": metric, "value": sign * v}
        for (s, m), values in VALUES.items()
        for seed, v in enumerate(values)
        for metric, sign in (("mse", 1), ("accuracy", -1))
    ]
    return pd.DataFrame(rows)


def test_means_and_gaps(results):
    table = means(results, "mse")
    assert list(table.columns) == ["a", "b"]
    assert table.loc["BIAM"].to_list() == [2.0, 20.0]
    assert pd.isna(table.loc["BIAM-X", "b"])


def test_spread_is_the_sample_deviation(results):
    text = shown(results, "mse")
    assert text.loc[("published method", "BIAM"), "a"] == "2.00 ± 1.00"
    assert text.loc[("rival with meta rows", "HGB+meta"), "a"] == ""
    assert [k for k, _ in text.index] == ["published method", "ours", "rival with meta rows"]


def test_wide_spreads_are_whole_numbers(results):
    wide = results.assign(value=results["value"] * 100)
    assert shown(wide, "mse").loc[("published method", "BIAM"), "b"] == "2000 ± 1000"


def test_small_numbers_keep_five_decimals(results):
    small = results.assign(value=results["value"] / 1e4)
    assert shown(small, "mse").loc[("published method", "BIAM"), "a"] == "0.00020 ± 0.00010"


def test_score_table_has_a_row_per_method_and_bold_winners(results):
    html = score_table(results.assign(method=results["method"] + "<"), "mse")
    assert html.count("<tr>") == 1 + 2 + 3
    assert "BIAM-X&lt;" in html
    html = score_table(results, "mse")
    assert re.findall("<b>(.*?)</b>", html) == ["1.50 ± 1.73", "1.00 ± 0.00"]


def test_one_seed_has_no_spread(results):
    text = shown(results[results["seed"] == 0], "mse")
    assert text.loc[("published method", "BIAM"), "b"] == "10.0"


def test_best_follows_the_direction_of_the_metric(results):
    assert list(best(results, "mse")["method"]) == ["BIAM-X", "HGB+meta"]
    # Accuracies are the negative of the errors here: the same method wins.
    assert list(best(results, "accuracy")["method"]) == ["BIAM-X", "HGB+meta"]


def test_a_method_of_fewer_seeds_is_not_the_best(results):
    few = results[(results["method"] != "BIAM-X") | (results["seed"] == 0)]
    assert list(best(few, "mse")["method"]) == ["BIAM", "HGB+meta"]


def test_wins_are_counted_at_the_same_seed(results):
    table = wins(results, "mse", "BIAM-X", "BIAM")
    assert table.to_dict("records") == [
        {"scenario": "a", "seeds": 3, "wins": 2, "BIAM-X": 1.5, "BIAM": 2.0}
    ]


def test_an_unknown_metric_is_an_error(results):
    with pytest.raises(InvalidInputError, match="mse, accuracy"):
        means(results, "auroc")


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("BIAM", 0),
        ("BIAM2:gates=robust", 0),
        ("BIAM-X", 1),
        ("BIAM-X:n_knots=5", 1),
        ("meta-only", 1),
        ("Lasso", 2),
        ("Lasso-fair", 3),
        ("EBM-main+meta", 4),
        ("CNN", 5),
        ("CNN+meta", 5),
    ],
)
def test_kinds(method, place):
    assert kind(method) == KINDS[place]


def test_strategies_are_no_rivals():
    assert kind("ERM", "mitigation") == kind("DANN", "domain-adversarial") == KINDS[6]
    assert kind("ERM", "mam") == KINDS[0]


def test_every_method_of_the_blocks_has_a_kind():
    found = {kind(m.name, name) for name in ("e1", "e5") for m in TABLES[name].methods}
    assert found == set(KINDS[:5])


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_kind_of_a_rival_is_the_setting_in_which_it_runs(table):
    words = {"published": "as published", "fair": "fair", "meta": "with meta rows"}
    for method in TABLES[table].methods:
        setting = method.settings.get("setting")
        if setting in words:
            assert kind(method.name, table).endswith(words[setting]), method.name


def test_a_table_of_real_data_has_no_rival_as_published(results):
    named = results.assign(table="real-regression", method=results["method"].replace("BIAM", "HGB"))
    assert ("rival, fair", "HGB") in shown(named, "mse").index
