"""Tables of a concept model say what the model computes."""

import numpy as np
import pandas as pd
import pytest

from biam.batm import BATMClassifier, BATMRegressor

FAST = {"epochs": 15, "hidden": (6,), "n_ranks": 3, "lower_lr": 0.03, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    g = np.random.default_rng(0)
    X = pd.DataFrame(g.normal(size=(300, 3)), columns=list("abc"))
    X["kind"] = g.choice(["u", "v"], 300)
    y = X["a"] * np.where(X["kind"] == "u", 1, -1) + X["b"]
    return X, 10 * y.to_numpy()


@pytest.fixture(scope="module")
def est(data):
    groups = {"one": ["a", "kind"], "two": ["b"], "three": ["c"]}
    return BATMRegressor(groups=groups, **FAST).fit(*data)


def test_monomials_add_up_to_the_prediction(est, data):
    X, _ = data
    z = pd.DataFrame(est.concept_values(X), columns=est.concept_names_)
    table = est.monomials_
    assert len(table) == 3 + 6 and table["contribution"].is_monotonic_decreasing
    total = sum(
        row.coefficient * z[row.term.split(" × ")].prod(axis=1) for row in table.itertuples()
    )
    rest = est.predict(X) - total
    np.testing.assert_allclose(rest, rest.mean(), rtol=1e-6)


def test_contribution_is_coefficient_times_spread_of_the_monomial(est, data):
    X, _ = data
    z = est.concept_values(X)
    row = est.monomials_.set_index("term").loc["one × two"]
    expected = abs(row["coefficient"]) * (z[:, 0] * z[:, 1]).std() / est.predict(X).std()
    assert row["contribution"] == pytest.approx(expected)


def test_importances_are_shares_and_a_dropped_concept_has_none(data):
    X, y = data
    est = BATMRegressor(**FAST | {"group_penalty": 0.1, "patience": None, "epochs": 120}).fit(X, y)
    table = est.concepts_.set_index("concept")
    assert table["importance"].sum() == pytest.approx(1)
    gone = table["norm"] == 0
    assert gone["c"] and not gone["b"] and (table["importance"][gone] == 0).all()


def test_shape_functions_are_centred_powers_of_the_concept(est, data):
    X, _ = data
    table = est.shape_functions_
    assert set(table["feature"]) == set(X)
    two = table[table["feature"] == "b"]
    coefficients = est.monomials_.set_index("term")["coefficient"]
    z = est.concept_values(X)[:, 1]
    own = lambda z: coefficients["two"] * z + coefficients["two × two"] * z**2  # noqa: E731
    np.testing.assert_allclose(two["effect"], own(two["z"]) - own(z).mean(), rtol=1e-6)
    typical = X.assign(b=X["b"].median())
    along = typical.iloc[[0] * len(two)].assign(b=two["x"].astype(float).to_numpy())
    np.testing.assert_allclose(est.concept_values(along)[:, 1], two["z"])
    assert table[table["feature"] == "kind"]["x"].tolist() == ["u", "v"]


def test_order_one_is_a_straight_line_in_the_concept(data):
    est = BATMRegressor(order=1, **FAST).fit(*data)
    for _, rows in est.shape_functions_.groupby("feature"):
        slope = np.diff(rows["effect"]) / np.diff(rows["z"])
        np.testing.assert_allclose(slope, slope[0], rtol=1e-6)


def test_a_table_for_every_class(data):
    X, y = data
    labels = np.digitize(y, [-8, 8])
    est = BATMClassifier(**FAST).fit(X, labels)
    assert est.monomials_.groupby("class").size().tolist() == [14] * 3
    assert set(est.shape_functions_["class"]) == {0, 1, 2}
    assert "class" not in BATMClassifier(**FAST).fit(X, y > 0).monomials_
