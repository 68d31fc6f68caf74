"""The evaluator needs the math module only, and goes through every branch by hand."""

import ast
import math
from pathlib import Path

import pytest

from biam.export import evaluator

AGE = {"name": "age", "kind": "hinge", "knots": [10.0, 20.0], "levels": [], "unknown": "error"}
AGE |= {"effect": {"values": [[0.0], [0.0], [5.0]], "slopes": [[0.0], [0.5], [2.0]]}}
JOB = {"name": "job", "kind": "level", "knots": [], "levels": ["p", "q"], "unknown": "missing"}
JOB |= {"effect": {"values": [[1.0], [-1.0]], "slopes": [[0.0], [0.0]]}}
CROSSED = {"missing": 1, "feature": 0, "effect": AGE["effect"]}
PAIR = {"first": 0, "second": 1, "values": [[[0.0], [0.0]], [[0.0], [1.0]], [[3.0], [4.0]]]}
PAIR |= {"first_slopes": [[[0.0], [0.0]], [[0.1], [0.2]], [[0.3], [0.4]]]}
PAIR |= {name: [[[0.0], [0.0]]] * 3 for name in ("second_slopes", "twists")}
MODEL = {
    "link": "identity",
    "classes": [],
    "intercept": [100.0],
    "features": [AGE | {"missing": [7.0]}, JOB | {"missing": [-3.0]}],
    "interactions": [CROSSED],
    "pairs": [PAIR],
}


@pytest.mark.parametrize(
    ("age", "job", "value"),
    [
        (5, "p", 100 + 0 + 1 + 0),
        (12, "q", 100 + 1 - 1 + 1 + 0.2 * 2),
        (20, "p", 100 + 5 + 1 + 0.1 * 10),
        (23, "q", 100 + 5 + 6 - 1 + 4 + 0.4 * 3),
        (None, "p", 100 + 7 + 1),
        (math.nan, None, 100 + 7 - 3),
        (12, None, 100 + 1 - 3 + 1),
        (12, "unseen", 100 + 1 - 3 + 1),
    ],
)
def test_a_row_is_added_up_by_hand(age, job, value):
    row = {"age": age, "job": job}
    assert evaluator.outputs(MODEL, row) == [pytest.approx(value, abs=1e-12)]
    assert evaluator.predict(MODEL, row) == pytest.approx(value, abs=1e-12)


def test_links():
    plain = {"features": [], "interactions": [], "pairs": [], "classes": ["a", "b", "c"]}
    two = plain | {"link": "logit", "intercept": [math.log(3)]}
    assert evaluator.predict_proba(two, {}) == pytest.approx([0.25, 0.75])
    assert evaluator.predict(two, {}) == "b"
    assert evaluator.predict(two | {"intercept": [0.0]}, {}) == "a"
    three = plain | {"link": "softmax", "intercept": [800.0, 800.0 + math.log(2), 0.0]}
    assert evaluator.predict_proba(three, {}) == pytest.approx([1 / 3, 2 / 3, 0])
    assert evaluator.predict(three, {}) == "b"


def test_it_imports_math_and_nothing_else():
    tree = ast.parse(Path(evaluator.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["import math"]
