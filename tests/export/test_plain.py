"""A model as plain numbers: it predicts the same, survives JSON, and is what the tables show."""

import json

import numpy as np
import pytest
import torch

from biam import BIAMRegressor
from biam.exceptions import InvalidInputError
from biam.export.plain import Formula, as_plain, from_json, to_json


def test_json_predicts_the_same(case, expected, records):
    est, X = case
    back = from_json(to_json(est))
    assert back == Formula(json.loads(json.dumps(as_plain(est))))
    rows = records(X)
    if hasattr(est, "classes_"):
        np.testing.assert_allclose(back.predict_proba(rows), expected(est, X), rtol=0, atol=1e-9)
        assert back.predict(rows).tolist() == est.predict(X).tolist()
        assert back.model["classes"] == est.classes_.tolist()
    else:
        np.testing.assert_allclose(back.predict(rows), est.predict(X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        back.outputs(rows).sum(1),
        est.explain(X).to_numpy().sum(1),
        rtol=1e-9,
        atol=1e-9,
    )


def test_effects_are_those_of_the_tables(case):
    est, _ = case
    model, shapes, gaps = as_plain(est), est.shape_functions_, est.missing_effects_
    classes = list(est.classes_) if "class" in shapes else [None]
    for feature in model["features"]:
        for d, label in enumerate(classes):
            rows = shapes[shapes["feature"] == feature["name"]]
            gap = gaps[gaps["feature"] == feature["name"]]
            if label is not None:
                rows, gap = rows[rows["class"] == label], gap[gap["class"] == label]
            values = [value[d] for value in feature["effect"]["values"]]
            # Segment 0 ends at the first knot, segment s begins at knot s - 1; a step jumps there.
            first = 1 if feature["kind"] == "hinge" else 0
            last = -1 if feature["kind"] == "step" else None
            np.testing.assert_allclose(values[first:last], rows["effect"], rtol=1e-9, atol=1e-12)
            assert feature["missing"][d] == pytest.approx(gap["effect"].iloc[0], rel=1e-9)
            shown = feature["levels"] or feature["knots"]
            if feature["levels"]:
                assert shown == rows["x"].tolist()
            else:
                np.testing.assert_allclose(shown, rows["x"].astype(float), rtol=1e-12)


def test_steps_jump_at_the_same_number_to_the_last_bit(exported, records):
    est, X = exported("steps")
    knots = est.shape_functions_.query("feature == 'pay'")["x"].astype(float)
    probes = [float(np.nextafter(k, k + s)) for k in knots for s in (-1, 1)] + [*knots]
    rows = X[:1].loc[[0] * len(probes)].assign(pay=probes)
    answers = from_json(to_json(est)).predict(records(rows))
    np.testing.assert_allclose(answers, est.predict(rows), rtol=1e-12)
    assert len(set(np.round(answers, 9))) == len(knots) + 1


def test_an_unknown_category_and_infinity_are_refused(exported, records):
    est, X = exported("regression")
    (row,) = records(X.dropna()[:1])
    model = from_json(to_json(est))
    with pytest.raises(ValueError, match="it's has the unknown category 'new'"):
        model.predict([row | {"it's": "new"}])
    with pytest.raises(ValueError, match="pay is infinite"):
        model.predict([row | {"pay": float("inf")}])
    gap = model.predict([row | {"pay": float("nan")}])
    assert gap == model.predict([row | {"pay": None}])


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": "biam-formula-1"}'])
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidInputError, match=r"JSON"):
        from_json(text)


def test_a_model_that_diverged_has_no_formula():
    est = BIAMRegressor(random_state=0, n_knots=3).fit(np.eye(4), np.arange(4.0))
    est.w_ = torch.full_like(est.w_, torch.nan)
    with pytest.raises(InvalidInputError, match="not finite"):
        as_plain(est)
