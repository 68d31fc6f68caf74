"""The formula as text: its numbers are those of the tables, its sentences can be computed."""

import re

import numpy as np
import pandas as pd
import pytest

from biam import BIAMClassifier, BIAMRegressor
from biam.export import formula


def value_of(line, row):
    """Compute one line of hinges, steps and numbers at a row."""
    for name, value in row.items():
        line = re.sub(rf"\b{name}\b", repr(float(value)), line)
    line = re.sub(r"(?<=\S) (max|\[)", r" * \1", line)
    return eval(line.replace("[", "(").replace("]", ")"), {"max": max})


@pytest.mark.parametrize("variant", ["BIAM-B", "BIAM-H"])
def test_the_formula_can_be_computed(variant):
    g = np.random.default_rng(0)
    X = pd.DataFrame(g.normal(size=(90, 2)), columns=["age", "pay"])
    y = 30 + np.abs(X["age"]) - X["pay"]
    X.loc[::6, "age"] = np.nan
    est = BIAMRegressor(solver="published", variant=variant, epochs=3, n_knots=4, random_state=0)
    est.fit(X, y, X[:20], y[:20])
    text = formula(est, digits=15)
    head, *terms = text.strip().splitlines()
    total = float(head.removeprefix("prediction = "))
    row, gap = X.loc[1], X.loc[0]
    curves, gaps = zip(*(t.split(": ", 1)[1].split("; missing: ") for t in terms[:2]), strict=True)
    assert est.predict(X[1:2])[0] == pytest.approx(
        total + sum(value_of(curve, row) for curve in curves), abs=1e-9
    )
    explained = est.explain(X[:1])
    assert float(gaps[0]) == pytest.approx(explained["age missing"][0])
    assert value_of(curves[1], gap.drop("age")) == pytest.approx(explained["pay"][0])


def test_every_term_has_its_line(case):
    est, X = case
    text = est.formula_
    table = est.explain(X)
    terms = set(table.columns if table.columns.nlevels == 1 else table.columns.get_level_values(1))
    lines = [re.match(r"  \+ (.*?):", line)[1] for line in text.splitlines() if "  + " in line]
    # A feature that is missing does not change its own curve: that term is always zero.
    crossed = {term for term in terms if "×" in term} - {f"{name} missing × {name}" for name in X}
    assert {line for line in lines if "×" in line} == crossed
    shown = {line for line in lines if "×" not in line}
    assert shown <= set(X)
    shapes = est.shape_functions_
    assert set(shapes["feature"][shapes["effect"].abs() > 1e-9]) <= shown
    assert "nan" not in text


def test_heads_and_links():
    X = pd.DataFrame({"a": np.arange(40.0) % 7, "b": np.arange(40.0) % 5})
    two = BIAMClassifier(random_state=0, n_knots=3).fit(X, X["a"] > 3)
    assert formula(two).startswith("log-odds of True = ")
    assert "1 / (1 + exp(-log-odds))" in formula(two)
    kinds = np.where(X["a"] < 2, "p", np.where(X["a"] < 5, "q", "r"))
    lines = formula(BIAMClassifier(random_state=0, n_knots=3).fit(X, kinds)).splitlines()
    heads = [line.split(" =")[0] for line in lines if line.startswith("logit")]
    assert heads == ["logit of 'p'", "logit of 'q'", "logit of 'r'"]


def test_a_pair_is_a_table_of_its_effects(exported):
    est, _ = exported("surfaces")
    lines = formula(est, digits=12).splitlines()
    start = lines.index('  + pay × the "c":')
    rows = est.pair_effects_.query("term == 'pay × the \"c\"'")
    n = rows["x"].nunique()
    shown = [
        [float(cell) for cell in line.split()[2:]] for line in lines[start + 2 : start + 2 + n]
    ]
    np.testing.assert_allclose(np.ravel(shown), rows["effect"], rtol=1e-9)
    assert lines[start + 1].count('the "c"') == rows["z"].nunique()


def test_digits_are_significant_digits(exported):
    est, _ = exported("regression")
    numbers = re.findall(r"(?<![\w.])\d+\.\d+(?!\w)", formula(est, digits=2))
    knots = {f"{k:.3g}" for k in est.shape_functions_["x"] if isinstance(k, float)}
    assert numbers
    for number in numbers:
        digits = number.replace(".", "").lstrip("0")
        assert len(digits) <= (3 if f"{float(number):.3g}" in knots | {number} else 2)
