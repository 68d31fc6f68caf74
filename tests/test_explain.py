"""Reading an estimator: terms add up to predictions, tables say what predictions do."""

import numpy as np
import pandas as pd
import pytest

from biam import BIAMClassifier, BIAMRegressor
from biam.explain import term_name
from biam.reading import Term

SURFACES = {"interactions": True, "pairs": [(0, 2), (2, 3), (1, 4)]}
PUBLISHED = {"solver": "published", "epochs": 12, "n_knots": 5, "n_ranks": 2}
CASES = {
    "regression": (BIAMRegressor, 0, {}),
    "binary": (BIAMClassifier, 2, {}),
    "multiclass": (BIAMClassifier, 3, {}),
    "interactions": (BIAMRegressor, 0, {"interactions": True}),
    "multiclass-interactions": (BIAMClassifier, 3, {"interactions": True}),
    "surfaces": (BIAMRegressor, 0, SURFACES),
    "surfaces-binary": (BIAMClassifier, 2, SURFACES),
    "surfaces-multiclass": (BIAMClassifier, 3, SURFACES),
    "published": (BIAMRegressor, 0, PUBLISHED),
    "published-scaled": (BIAMRegressor, 0, PUBLISHED | {"standardise": True}),
    "published-binary": (BIAMClassifier, 2, PUBLISHED),
    "published-multiclass": (BIAMClassifier, 3, PUBLISHED),
    "published-pairs": (BIAMRegressor, 0, PUBLISHED | {"variant": "BIAM2"}),
    "published-pairs-multiclass": (BIAMClassifier, 3, PUBLISHED | {"variant": "BIAM2"}),
    "published-steps": (BIAMRegressor, 0, PUBLISHED | {"variant": "BIAM-H"}),
    "published-plain": (BIAMClassifier, 2, PUBLISHED | {"variant": "BIAM-I"}),
}


def table(n_classes, *, n=240, seed=0):
    """Gaps that matter (b stands in for a), a category, a constant; units far from standard."""
    g = np.random.default_rng(seed)
    a = g.normal(size=n)
    X = pd.DataFrame({"a": a, "b": a + 0.2 * g.normal(size=n), "c": g.normal(size=n)})
    X["d"] = g.choice(["p", "q", "r"], n)
    X["one"] = 2.0
    y = np.sin(2 * a) + X["c"] ** 2 + X["d"].map({"p": 0.0, "q": 1.0, "r": -1.0})
    y = (y + 0.1 * g.normal(size=n)).to_numpy()
    X.loc[g.uniform(size=n) < 0.3, "a"] = np.nan
    X.loc[g.uniform(size=n) < 0.1, "d"] = None
    X["c"] = 3 * X["c"] + 1
    if not n_classes:
        return X, y
    cuts = np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1])
    return X, np.array(["low", "mid", "top"])[np.digitize(y, cuts)]


@pytest.fixture(scope="module")
def cases(with_surfaces):
    made = {}

    def case(name):
        if name not in made:
            kind, n_classes, settings = CASES[name]
            X, y = table(n_classes)
            settings = {"epochs": 3, "n_knots": 5} | settings
            pairs = settings.pop("pairs", [])
            est = kind(random_state=0, **settings)
            est.fit(X[:180], y[:180], X[180:], y[180:])
            if pairs:
                with_surfaces(est, X[:180], pairs)
            made[name] = est, X
        return made[name]

    return case


def output(est, X):
    f = est.predict(X) if isinstance(est, BIAMRegressor) else est.decision_function(X)
    return f if f.ndim == 2 else f[:, None]


def output_without_pairs(est, X):
    """What is left of the output when the contributions of the pairs are taken off."""
    table = est.explain(X)
    parts = [table] if table.columns.nlevels == 1 else [table[label] for label in est.classes_]
    pairs = [[c for c in part if " × " in c and " missing × " not in c] for part in parts]
    off = [part[names].sum(axis=1) for part, names in zip(parts, pairs, strict=True)]
    return output(est, X) - np.column_stack(off)


def changed(X, **values):
    return X.assign(**{k: pd.Series([v] * len(X), index=X.index) for k, v in values.items()})


def classes_of(est, frame):
    """A tidy table per output."""
    if "class" not in frame:
        return [frame]
    return [frame[frame["class"] == label].reset_index(drop=True) for label in est.classes_]


@pytest.mark.parametrize("name", CASES)
def test_contributions_sum_to_the_prediction(cases, name):
    est, X = cases(name)
    table = est.explain(X)
    f = output(est, X)
    if f.shape[1] == 1:
        total = table.sum(axis=1).to_numpy()[:, None]
        assert table.columns[0] == "intercept"
    else:
        assert table.columns.get_level_values(0).unique().tolist() == list(est.classes_)
        total = np.column_stack([table[label].sum(axis=1) for label in est.classes_])
    assert f.std() > 0.05
    np.testing.assert_allclose(total, f, rtol=0, atol=1e-10 * np.abs(f).max())
    assert len(table) == len(X)


def test_terms_are_named_and_present_where_learned(cases):
    pairs = cases("published-pairs")[0].explain(cases("published-pairs")[1]).columns
    assert {"intercept", "a", "a missing", "a missing × b", "a × b"} <= set(pairs)
    plain = cases("published-plain")[0].explain(cases("published-plain")[1]).columns
    assert not [name for name in plain if "×" in name]
    assert "c missing" not in plain, "no gap in c, neither in training nor here"


@pytest.mark.parametrize(
    ("term", "name"),
    [
        (Term("intercept"), "intercept"),
        (Term("shape", 1), "hours"),
        (Term("missing", 0), "age missing"),
        (Term("interaction", 0, 1), "age missing × hours"),
        (Term("pair", 0, 1), "age × hours"),
    ],
)
def test_term_names(term, name):
    assert term_name(term, ["age", "hours"]) == name


@pytest.mark.parametrize("name", CASES)
def test_shapes_are_what_predictions_do_when_one_value_changes(cases, name):
    est, X = cases(name)
    # Rows without gaps: there the shape of the changed feature and its pairs move the prediction.
    whole = X.dropna()[:3]
    for feature, rows in est.shape_functions_.groupby("feature", sort=False):
        for k, part in enumerate(classes_of(est, rows.reset_index(drop=True))):
            tables = [changed(whole, **{feature: x}) for x in part["x"]]
            f = [output_without_pairs(est, at)[:, k] for at in tables]
            moves = np.array(f) - f[0]
            expected = (part["effect"] - part["effect"][0]).to_numpy()[:, None]
            # A step column jumps just beyond its knot, so the step's own value is that below it.
            np.testing.assert_allclose(moves, expected + 0 * moves, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_shapes_are_centred_on_the_training_rows(cases, name):
    est, X = cases(name)
    table = est.explain(X[:180])
    for feature in X:
        seen = X[:180][feature].notna().to_numpy()
        columns = (
            table[feature] if table.columns.nlevels == 1 else table.xs(feature, axis=1, level=1)
        )
        size = max(1.0, float(np.abs(table).to_numpy().max()))
        np.testing.assert_allclose(columns[seen].mean(), 0, atol=1e-9 * size)
    assert est.shape_functions_["effect"].abs().max() > 0.1


@pytest.mark.parametrize("name", CASES)
def test_missing_effects_are_what_predictions_do_without_the_value(cases, name):
    est, X = cases(name)
    whole = X.dropna()[:3]
    effects = est.missing_effects_
    assert set(effects["feature"]) == {"a", "d"}
    for feature, rows in effects.groupby("feature"):
        gone = changed(whole, **{feature: None if feature == "d" else np.nan})
        table = est.explain(gone)
        for k, part in enumerate(classes_of(est, rows.reset_index(drop=True))):
            prefix = [] if table.columns.nlevels == 1 else [est.classes_[k]]
            terms = table if not prefix else table[prefix[0]]
            crossed = [c for c in terms if c.startswith(f"{feature} missing ×")]
            shape = est.explain(whole) if not prefix else est.explain(whole)[prefix[0]]
            change = output_without_pairs(est, gone) - output_without_pairs(est, whole)
            expected = float(part["effect"][0]) - shape[feature] + terms[crossed].sum(axis=1)
            np.testing.assert_allclose(change[:, k], expected, rtol=1e-9, atol=1e-9)
        assert rows["rate"].iloc[0] == X[:180][feature].isna().mean()


def test_without_gaps_there_are_no_missing_effects():
    X, y = table(0)
    est = BIAMRegressor(random_state=0, n_knots=4).fit(X[["c", "one"]], y)
    assert est.missing_effects_.empty
    assert list(est.missing_effects_) == ["feature", "rate", "effect"]
    assert est.interactions_.empty
    assert est.complexity_["missing_effects"] == 0


def test_x_is_in_the_units_of_the_data(cases):
    est, X = cases("regression")
    shapes = est.shape_functions_
    c = shapes[shapes["feature"] == "c"]["x"].astype(float)
    assert X["c"].min() - 1e-9 <= c.min() <= X[:180]["c"].min() + 1e-9
    assert c.is_monotonic_increasing
    assert 2 < c.max() - 1 <= X["c"].max()
    assert shapes[shapes["feature"] == "d"]["x"].tolist() == ["p", "q", "r"]
    assert shapes[shapes["feature"] == "one"]["effect"].tolist() == [0]


def test_effects_follow_the_truth():
    g = np.random.default_rng(0)
    X = pd.DataFrame({"wave": g.uniform(-2, 2, 500), "kind": g.choice(["p", "q"], 500)})
    y = 100 + 20 * np.sin(2 * X["wave"]) + 10 * (X["kind"] == "q")
    shapes = BIAMRegressor(random_state=0).fit(X, y).shape_functions_
    wave = shapes[shapes["feature"] == "wave"]
    truth = 20 * np.sin(2 * wave["x"].astype(float))
    assert np.corrcoef(wave["effect"], truth)[0, 1] > 0.98
    low, high = shapes[shapes["feature"] == "kind"]["effect"]
    assert high - low == pytest.approx(10, abs=0.5)


def test_interactions_are_listed_strongest_first(cases):
    est, X = cases("published-pairs")
    table = est.interactions_
    assert list(table) == ["term", "kind", "first", "second", "strength"]
    assert table["strength"].is_monotonic_decreasing
    assert set(table["kind"]) == {"interaction", "pair"}
    assert (table["kind"] == "pair").sum() == 10
    assert set(table[table["kind"] == "interaction"]["first"]) == {"a", "d"}
    assert set(table["term"]) <= set(est.explain(X).columns)
    assert cases("published")[0].interactions_["kind"].isin(["interaction"]).all()


@pytest.mark.parametrize("name", ["surfaces", "surfaces-multiclass"])
def test_surfaces_are_listed_with_the_spread_of_their_contributions(cases, name):
    est, X = cases(name)
    table, terms = est.interactions_, est.explain(X[:180])
    pairs = table[table["kind"] == "pair"].set_index("term")["strength"]
    # The column `one` is constant: what is built on it is zero, and has strength zero.
    assert set(pairs.index) == {"a × c", "c × d", "b × one"}
    for term, strength in pairs.items():
        part = terms[term] if terms.columns.nlevels == 1 else terms.xs(term, axis=1, level=1)
        assert strength == pytest.approx(float(np.mean(part.std(ddof=0))), abs=1e-12)
    assert (pairs > 0.01).tolist() == [True, True, False]


@pytest.mark.parametrize("name", ["surfaces", "surfaces-binary", "surfaces-multiclass"])
def test_pair_effects_are_the_contributions_at_the_knots(cases, name):
    est, X = cases(name)
    effects = est.pair_effects_
    whole = X.dropna()[:1]
    for term, rows in effects.groupby("term"):
        first, second = rows["first"].iloc[0], rows["second"].iloc[0]
        for part in classes_of(est, rows.reset_index(drop=True)):
            at = pd.concat([whole] * len(part), ignore_index=True)
            at[first], at[second] = part["x"].infer_objects(), part["z"].infer_objects()
            table = est.explain(at)
            shown = table[term] if "class" not in part else table[part["class"][0]][term]
            np.testing.assert_allclose(shown, part["effect"].astype(float), rtol=1e-9, atol=1e-9)
    assert effects[effects["term"] == "c × d"]["z"].iloc[0] == "p"
    assert cases("published")[0].pair_effects_.empty


@pytest.mark.parametrize("name", CASES)
def test_term_importances_share_out_the_variance_and_show_the_hierarchy(cases, name):
    est, X = cases(name)
    table, terms = est.term_importances_, est.explain(X[:180])
    assert table["share"].sum() == pytest.approx(1, abs=1e-9)
    columns = terms.columns if terms.columns.nlevels == 1 else terms[est.classes_[0]].columns
    # Rows that were not trained on may have gaps in other columns.
    assert set(table["term"]) == set(columns) - {"intercept"}
    assert (table["spread"] >= 0).all()
    if terms.columns.nlevels == 1 and not hasattr(est, "classes_"):
        spreads = terms[table["term"]].std(ddof=0)
        np.testing.assert_allclose(table["spread"], spreads, rtol=1e-9, atol=1e-12)
        total = terms.sum(axis=1)
        shares = [np.cov(terms[t], total, ddof=0)[0, 1] / total.var(ddof=0) for t in table["term"]]
        np.testing.assert_allclose(table["share"], shares, rtol=1e-9, atol=1e-12)
    mains = table["first"].where(table["level"] == 0).ffill()
    assert table["level"].iloc[0] == 0
    assert ((mains == table["first"]) | (mains == table["second"])).all()


@pytest.mark.parametrize("name", CASES)
def test_importances_are_shares(cases, name):
    est, _ = cases(name)
    shares = est.feature_importances_
    assert shares.shape == (5,)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert shares[2] > 0.05


def test_complexity_counts_what_the_tables_show(cases):
    for name in CASES:
        est, _ = cases(name)
        counts, table = est.complexity_, est.interactions_
        assert counts["missing_effects"] == 2
        assert counts["missing_interactions"] == (table["kind"] == "interaction").sum()
        assert counts["pairs"] == (table["kind"] == "pair").sum()
        assert counts["parameters"] == (np.abs(est.w_.numpy()) > 1e-8).sum()
        assert counts["active_knots"] <= est.model_.basis.n_columns
    counts = cases("regression")[0].complexity_
    assert counts["features"] == 4, "the constant column has nothing to read"
    assert cases("interactions")[0].complexity_["missing_interactions"] > 0


def test_coefficients_are_the_parts_of_the_equation(cases):
    named = cases("published-pairs")[0].coefficients_
    assert set(named) == {"beta0", "beta", "beta_miss", "alpha", "factors", "gates"}
    assert all(isinstance(part, np.ndarray) for part in named.values())
    assert set(cases("published-plain")[0].coefficients_) == {"beta0", "beta", "beta_miss"}


def test_a_column_named_like_a_term_loses_nothing():
    g = np.random.default_rng(0)
    X = pd.DataFrame(g.normal(size=(80, 3)), columns=["intercept", "a", "a missing"])
    y = X.sum(axis=1).to_numpy() + 1
    X.loc[::5, "a"] = np.nan
    for est in (
        BIAMRegressor(random_state=0, n_knots=3),
        BIAMClassifier(random_state=0, n_knots=3),
    ):
        est.fit(X, y if isinstance(est, BIAMRegressor) else np.digitize(y, [0, 2]))
        table = est.explain(X)
        total = (
            table.sum(axis=1).to_numpy()[:, None]
            if table.columns.nlevels == 1
            else np.column_stack([table[label].sum(axis=1) for label in est.classes_])
        )
        np.testing.assert_allclose(total, output(est, X), atol=1e-9)
