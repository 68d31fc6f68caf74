"""Uncertainty of what is read: the delta method is exact where linear, the bootstrap covers."""

import numpy as np
import pandas as pd
import pytest
import torch

from biam import BIAMClassifier, BIAMRegressor, load
from biam.exceptions import InvalidInputError
from biam.explain import WIDTH, bootstrap_bands

TABLES = ("shape_functions_", "missing_effects_", "pair_effects_")
PUBLISHED = {"solver": "published", "n_knots": 4, "n_ranks": 2}
CASES = {
    "regression": (BIAMRegressor, 0, {}, [(0, 2), (1, 2)]),
    "binary": (BIAMClassifier, 2, {}, []),
    "multiclass": (BIAMClassifier, 3, {"interactions": True}, [(0, 1)]),
    "two-logits": (BIAMClassifier, 2, PUBLISHED | {"variant": "BIAM-I"}, []),
    "gates": (BIAMRegressor, 0, PUBLISHED | {"variant": "BIAM2"}, []),
}


def make_table(n, seed=0, noise=0.3):
    g = np.random.default_rng(seed)
    X = pd.DataFrame({"a": 20 + 5 * g.normal(size=n), "b": g.normal(size=n)})
    X["c"] = g.choice(["p", "q", "r"], n)
    y = 50 + 8 * np.abs(X["a"] - 20) + 4 * X["b"] + X["c"].map({"p": 0.0, "q": 3.0, "r": -3.0})
    y = y + noise * g.normal(size=n)
    X.loc[g.uniform(size=n) < 0.2, "a"] = np.nan
    X.loc[g.uniform(size=n) < 0.1, "c"] = None
    return X, y.to_numpy()


@pytest.fixture(scope="module")
def cases(with_surfaces):
    made = {}

    def case(name):
        if name not in made:
            kind, n_classes, settings, pairs = CASES[name]
            X, y = make_table(120)
            if n_classes:
                y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
            est = kind(random_state=0, **({"epochs": 3, "n_knots": 4} | settings))
            est.fit(X, y, X[:30], y[:30])
            made[name] = with_surfaces(est, X, pairs) if pairs else est
        return made[name]

    return case


def drawn_covariance(size, seed=0):
    A = np.random.default_rng(seed).normal(size=(size + 3, size))
    return A.T @ A / 100


def effects_at(est, table, w):
    """Effects of a table at other parameters; centres follow them."""
    before = est.w_, est.centres_
    est.w_ = w
    beta = est.model_.coefficients(w)["beta"].numpy()
    widths = [len(f.knots) for f in est.model_.basis.features]
    owner = np.repeat(np.arange(len(widths)), widths)
    products = est.column_means_[:, None] * beta
    est.centres_ = np.stack([products[owner == j].sum(0) for j in range(len(widths))])
    effects = getattr(est, table)["effect"].to_numpy(float)
    est.w_, est.centres_ = before
    return effects


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("table", TABLES)
def test_bands_are_those_of_all_coefficients_moved_one_by_one(cases, name, table):
    est = cases(name)
    if table == "pair_effects_" and not est.model_.pairs:
        return
    size = est.model_.layout.size
    V = drawn_covariance(size)
    start = torch.zeros_like(est.w_)
    moves = [effects_at(est, table, start + unit) for unit in torch.eye(size).to(start)]
    J = np.stack(moves, 1) - effects_at(est, table, start)[:, None]
    est.details_["covariance"] = V
    try:
        shown = getattr(est, table)
    finally:
        del est.details_["covariance"]
    error = np.sqrt(np.einsum("ma,ab,mb->m", J, V, J))
    assert error.max() > 0.1
    np.testing.assert_allclose(shown["upper"] - shown["effect"], WIDTH * error, atol=1e-9)
    np.testing.assert_allclose(shown["effect"] - shown["lower"], WIDTH * error, atol=1e-9)
    assert pytest.approx(1.959964, abs=1e-6) == WIDTH


def test_bands_cover_the_truth_of_a_plain_linear_model():
    # Least squares of known noise: of many pointwise 95 % bands about 95 % hold the truth.
    X, _ = make_table(400, noise=0.0)
    X = X[["b"]]
    truth = np.sin(2 * X["b"])
    g = np.random.default_rng(1)
    est = BIAMRegressor(solver="published", variant="BIAM-B", epochs=1, n_knots=6, random_state=0)
    est.fit(X, truth)
    design = est.model_.basis.design(est.encoder_.transform(X))
    H = design.H.numpy()
    used = H.any(0)
    V = np.zeros((est.model_.layout.size,) * 2)
    places = est.model_.coefficients(torch.arange(est.model_.layout.size))
    index = np.append(places["beta0"].numpy(), places["beta"][:, 0].numpy())[used]
    inverse = np.linalg.inv(H[:, used].T @ H[:, used])
    V[np.ix_(index, index)] = 0.3**2 * inverse
    est.details_["covariance"] = V
    mean = H[:, used] @ inverse @ (H[:, used].T @ truth.to_numpy())
    exact = None
    inside = []
    for _ in range(200):
        y = mean + 0.3 * g.normal(size=len(mean))
        w = torch.zeros_like(est.w_)
        w[index] = torch.tensor(inverse @ (H[:, used].T @ y))
        est.w_ = w
        est.centres_ = (est.column_means_ @ w[places["beta"][:, 0]].numpy()).reshape(1, 1)
        shown = est.shape_functions_
        if exact is None:
            own = torch.zeros_like(w)
            own[index] = torch.tensor(inverse @ (H[:, used].T @ mean))
            exact = effects_at(est, "shape_functions_", own)
        inside.append((shown["lower"] <= exact) & (exact <= shown["upper"]))
    assert 0.92 < np.mean(inside) < 0.975


def test_without_a_covariance_there_is_no_band(cases):
    est = cases("multiclass")
    est.details_["covariance"] = None
    for table in TABLES:
        assert not {"lower", "upper"} & set(getattr(est, table))


def test_bands_are_saved(cases, tmp_path):
    est = cases("binary")
    est.details_["covariance"] = drawn_covariance(est.model_.layout.size)
    est.save(tmp_path / "m")
    shown = load(tmp_path / "m").shape_functions_
    pd.testing.assert_frame_equal(shown, est.shape_functions_)
    assert (shown["upper"] >= shown["lower"]).all()
    assert list(shown) == ["feature", "x", "effect", "lower", "upper"]


@pytest.mark.parametrize("name", ["regression", "multiclass"])
def test_bootstrap_bands_hold_the_curve_and_are_reproducible(cases, name):
    kind, n_classes, settings, _ = CASES[name]
    X, y = make_table(120)
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    est = kind(random_state=0, **({"epochs": 3, "n_knots": 4} | settings)).fit(X, y)
    before = est.shape_functions_
    shapes, missing = bootstrap_bands(est, X, y, n_boot=16, random_state=0)
    again, _ = bootstrap_bands(est, X, y, n_boot=16, random_state=0)
    pd.testing.assert_frame_equal(shapes, again)
    pd.testing.assert_frame_equal(est.shape_functions_, before)
    ends = ["lower", "upper"]
    plain = shapes.drop(columns=ends)
    pd.testing.assert_frame_equal(plain, before.drop(columns=ends, errors="ignore"))
    assert list(missing)[:5] == ["feature", "rate", "effect", "lower", "upper"]
    for table in (shapes, missing):
        assert (table["lower"] < table["upper"]).all()
        held = (table["lower"] <= table["effect"]) & (table["effect"] <= table["upper"])
        assert held.mean() > 0.6
    narrow, _ = bootstrap_bands(est, X, y, n_boot=16, level=0.2, random_state=0)
    assert ((narrow["upper"] - narrow["lower"]) < (shapes["upper"] - shapes["lower"])).all()


def test_bootstrap_bands_shrink_with_the_rows_and_draw_meta_rows_too():
    widths = []
    for n in (60, 480):
        X, y = make_table(n, noise=3.0)
        est = BIAMRegressor(random_state=0, n_knots=3, epochs=2).fit(X, y, X[:20], y[:20])
        shapes, _ = bootstrap_bands(est, X, y, X[:20], y[:20], n_boot=6, random_state=1)
        widths.append((shapes["upper"] - shapes["lower"]).mean())
    assert widths[1] < widths[0]


def test_a_rare_level_may_be_absent_from_a_draw():
    X, y = make_table(60)
    X.loc[0, "c"] = "rare"
    est = BIAMRegressor(random_state=0, n_knots=3, epochs=2).fit(X, y)
    shapes, _ = bootstrap_bands(est, X, y, X[:5], y[:5], n_boot=4, random_state=0)
    assert shapes["x"].tolist().count("rare") == 1


@pytest.mark.parametrize("options", [{"n_boot": 1}, {"level": 0.0}, {"level": 1.5}])
def test_settings_that_make_no_band_are_refused(cases, options):
    with pytest.raises(InvalidInputError, match=r"n_boot|level"):
        bootstrap_bands(cases("regression"), *make_table(20), **options)
