"""Outputs without a design matrix are those of the additive model, on any model and any table."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biam import BIAMClassifier, BIAMRegressor, load, prediction
from biam.additive import AdditiveModel
from biam.basis import Basis, FeatureBasis
from biam.exceptions import InvalidInputError
from biam.prediction import Predictor, encoded
from biam.table import TableEncoder


@st.composite
def models(draw):
    """A model with drawn parameters, many of them zero, and a table it has never seen."""
    stream = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p, d = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    features, columns, n = [], [], draw(st.integers(1, 40))
    for _ in range(p):
        n_knots = draw(st.integers(0, 5))
        centre = torch.tensor(stream.normal(size=n_knots)) if draw(st.booleans()) else None
        if draw(st.booleans()) and n_knots:
            features.append(FeatureBasis("level", torch.arange(n_knots).double(), centre))
            columns.append(stream.integers(0, n_knots, n).astype(float))
        else:
            knots = np.sort(stream.normal(size=n_knots))
            features.append(FeatureBasis("hinge", torch.tensor(knots), centre))
            # Far outside the knots' range too, and on the knots themselves.
            x = stream.normal(size=n) * 10.0 ** draw(st.integers(-1, 3))
            columns.append(np.where(stream.random(n) < 0.2, knots[0] if n_knots else 0.0, x))
    X = np.column_stack(columns)
    X[stream.random(X.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    every = [(j, k) for j in range(p) for k in range(j + 1, p)]
    pairs = draw(st.lists(st.sampled_from(every), unique=True, max_size=4)) if every else []
    basis = Basis(tuple(features))
    centres = torch.tensor(stream.normal(size=basis.n_columns))
    crossed = draw(st.booleans())
    model = AdditiveModel(basis, d, interactions=crossed, pairs=pairs, centres=centres)
    w = stream.normal(size=model.layout.size)
    w[stream.random(len(w)) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = 0.0
    return model, torch.tensor(w), X


def by_design(model, w, X):
    return model.outputs(w, model.basis.design(X)).numpy()


@pytest.mark.parametrize("entries", [1, 10**9], ids=["in-blocks", "at-once"])
@given(models())
@settings(max_examples=100)
def test_outputs_are_those_of_the_design(entries, case):
    model, w, X = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "ENTRIES", entries)
        patch.setattr(prediction, "LEAST_ROWS", 7)
        f = Predictor(model, w).outputs(X)
    expected = by_design(model, w, X)
    size = 1 + np.abs(expected).max()
    np.testing.assert_allclose(f, expected, rtol=1e-9, atol=1e-11 * size)


def test_no_rows_give_no_outputs_and_other_tables_are_refused():
    model = AdditiveModel(Basis.fit(np.eye(4), 3, dtype=torch.float64), 2)
    assert Predictor(model, model.w).outputs(np.empty((0, 4))).shape == (0, 2)
    for X in (np.ones((2, 3)), np.ones(4)):
        with pytest.raises(InvalidInputError, match=r"X must have shape \(n, 4\)"):
            Predictor(model, model.w).outputs(X)


def test_steps_and_gated_pairs_are_left_to_the_design():
    X = np.random.default_rng(0).normal(size=(30, 2))
    assert Predictor.knows(AdditiveModel(Basis.fit(X, 3)))
    assert not Predictor.knows(AdditiveModel(Basis.fit(X, 3, kind="step")))
    assert not Predictor.knows(AdditiveModel(Basis.fit(X, 3), n_ranks=2))


def table(n=300, seed=0):
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * stream.normal(size=n)
    X[stream.random(X.shape) < 0.1] = np.nan
    return X, y


@pytest.mark.parametrize("options", [{}, {"interactions": True}, {"weighting": "network"}])
def test_estimators_predict_what_their_model_says(options, tmp_path):
    X, y = table()
    new = 3 * table(100, 1)[0]
    common = {"random_state": 0, "progress": False, "epochs": 8, **options}
    for est in (
        BIAMRegressor(**common).fit(X, y),
        BIAMClassifier(**common).fit(X, y > 0),
        BIAMClassifier(**common).fit(X, np.digitize(y, [-0.5, 0.5])),
    ):
        f = by_design(est.model_, est.w_, est.encoder_.transform(new))
        np.testing.assert_allclose(est._outputs(new), f, rtol=1e-9, atol=1e-11)
        assert not np.allclose(f, f.mean(0))
        est.save(tmp_path / "est.biam")
        again = load(tmp_path / "est.biam")
        np.testing.assert_array_equal(again.predict(new), est.predict(new))


def test_the_published_loop_predicts_by_its_design_to_the_last_bit(monkeypatch):
    X, y = table(60)
    est = BIAMRegressor(solver="published", variant="BIAM-B", epochs=2, random_state=0).fit(X, y)
    monkeypatch.setattr(Predictor, "outputs", lambda *_: pytest.fail("another order of sums"))
    f = by_design(est.model_, est.w_, X)
    np.testing.assert_array_equal(est.predict(X), f[:, 0])


STREAM = np.random.default_rng(0)
X = STREAM.normal(size=(40, 3))
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(d=np.where(X[:, 0] > 0, "u", "v"))
PLAIN_TABLES = {
    "floats": X,
    "single-precision": X.astype(np.float32),
    "whole": np.arange(30).reshape(10, 3),
    "frame": FRAME[["a", "b", "c"]],
    "mixed-frame": FRAME[["a", "b"]].assign(c=np.arange(40), d=np.arange(40) > 3),
    "gaps": np.where(X > 1, np.nan, X),
}


@pytest.mark.parametrize("table", PLAIN_TABLES.values(), ids=PLAIN_TABLES)
def test_plain_tables_are_encoded_in_one_piece_to_the_same_bits(table, monkeypatch):
    encoder = TableEncoder(standardise=True).fit(table)
    expected = encoder.transform(table)
    monkeypatch.setattr(TableEncoder, "transform", lambda *_: pytest.fail("column by column"))
    before = table.copy()
    np.testing.assert_array_equal(encoded(encoder, table), expected)
    np.testing.assert_array_equal(table, before)


@pytest.mark.parametrize("table", [FRAME, FRAME.astype({"a": "Float64"}), FRAME.astype(object)])
def test_other_tables_are_encoded_column_by_column(table, monkeypatch):
    encoder = TableEncoder().fit(table)
    monkeypatch.setattr(TableEncoder, "transform", lambda *_: "column by column")
    assert encoded(encoder, table) == "column by column"


def test_plain_tables_are_refused_for_what_others_are():
    encoder = TableEncoder(standardise=True).fit(FRAME[["a", "b"]])
    with pytest.raises(InvalidInputError, match="infinity in column 'b', row 3"):
        encoded(encoder, FRAME[["a", "b"]].assign(b=np.where(FRAME.index == 3, np.inf, 1.0)))
    with pytest.raises(InvalidInputError, match="in another order than in fit"):
        encoded(encoder, FRAME[["b", "a"]])


@pytest.mark.parametrize(
    "table", [*PLAIN_TABLES.values(), FRAME], ids=[*PLAIN_TABLES, "categories"]
)
def test_tables_are_encoded_block_by_block_to_the_same_bits(table, monkeypatch):
    encoder = TableEncoder(standardise=True).fit(table)
    values = encoder.transform(table)
    basis = Basis.fit(values, 3, n_levels=encoder.n_levels, dtype=torch.float64)
    model = AdditiveModel(basis, 2)
    monkeypatch.setattr(prediction, "ENTRIES", 1)
    monkeypatch.setattr(prediction, "LEAST_ROWS", 7)
    before = table.copy()
    f = Predictor(model, model.w).outputs(table, encoder)
    np.testing.assert_array_equal(f, Predictor(model, model.w).outputs(values))
    np.testing.assert_array_equal(table, before)
    assert np.ptp(f) > 0


def test_an_infinity_in_a_late_block_is_refused(monkeypatch):
    monkeypatch.setattr(prediction, "ENTRIES", 1)
    monkeypatch.setattr(prediction, "LEAST_ROWS", 7)
    est = BIAMRegressor(progress=False).fit(X, X[:, 0])
    with pytest.raises(InvalidInputError, match="infinity in column 'x1', row 38"):
        est.predict(np.where((np.arange(40) == 38)[:, None] & (np.arange(3) == 1), np.inf, X))
