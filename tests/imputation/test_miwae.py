"""The two imputers: what a mask model is for, mechanisms, saving."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.imputation import MIWAEImputer, NotMIWAEImputer, load

FAST = {"max_iter": 600, "lr": 0.02, "hidden": (16,), "random_state": 0, "progress": False}
TINY = FAST | {"max_iter": 20, "n_importance": 50}


def test_at_random_the_fitted_model_imputes_the_conditional_mean():
    rng = np.random.default_rng(0)
    rho, X = 0.8, rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 400)
    holes = X.copy()
    # Missing by the value of the other column, which is seen: at random.
    gone = X[:, 1] > 0.3
    holes[gone, 0] = np.nan
    imputer = MIWAEImputer(**FAST, decoder="linear", standardise=False)
    filled = imputer.fit_transform(holes)
    expected = rho * X[gone, 1]
    assert np.sqrt(((filled[gone, 0] - expected) ** 2).mean()) < 0.15


def test_a_mask_model_finds_what_the_gaps_hide(gaps_above_mean):
    X, holes = gaps_above_mean(300)
    gone = np.isnan(holes[:, 0])
    options = FAST | {"standardise": False}
    errors = {
        name: np.sqrt(((imputer.fit_transform(holes) - X)[gone, 0] ** 2).mean())
        for name, imputer in {
            "miwae": MIWAEImputer(**options, decoder="linear"),
            "learned": NotMIWAEImputer(**options),
            "given": NotMIWAEImputer(
                **options, mask_model="mechanism", mechanism={"slope": 20, "threshold": 0}
            ),
            "wrong": NotMIWAEImputer(**options, missing="low"),
        }.items()
    }
    # Oracle 0.459, zero 0.998, regression on the rows that are seen 1.076.
    assert errors["given"] < 0.6 and errors["learned"] < 0.66
    assert errors["miwae"] > 0.9 and errors["wrong"] > 0.9


@pytest.mark.parametrize("mask_model", ["agnostic", "agnostic-nonlinear", "self-masking"])
def test_every_mask_model_runs_and_is_saved(mask_model, gaps_above_mean, tmp_path):
    _, holes = gaps_above_mean(50)
    fitted = NotMIWAEImputer(**TINY, mask_model=mask_model).fit(holes)
    fitted.save(tmp_path / "imputer")
    again = load(tmp_path / "imputer")
    np.testing.assert_array_equal(again.transform(holes), fitted.transform(holes))
    np.testing.assert_array_equal(again.sample(holes, 2), fitted.sample(holes, 2))
    assert again.get_params() == fitted.get_params() | {"hidden": [16]}
    assert again.history_ == fitted.history_


def test_a_mixed_table_is_saved(tmp_path):
    table = pd.DataFrame({"a": ["x", "y", None, "z"] * 5, "b": [1.0, np.nan, 3.0, 4.0] * 5})
    fitted = NotMIWAEImputer(**TINY, missing={"b": "low"}).fit(table)
    fitted.save(tmp_path / "imputer")
    again = load(tmp_path / "imputer")
    assert (again.transform(table) == fitted.transform(table)).all()
    assert list(again.feature_names_in_) == ["a", "b"]


def test_a_mechanism_is_in_the_units_of_the_table():
    rng = np.random.default_rng(0)
    X = rng.normal(100, 10, (50, 2))
    X[X[:, 0] > 105, 0] = np.nan
    dict_, function = {"slope": [0.5, 0], "threshold": [105, 0]}, lambda x: -0.5 * (x - 105)
    imputers = [
        NotMIWAEImputer(**TINY, mask_model="mechanism", mechanism=m).fit(X)
        for m in (dict_, function)
    ]
    rows = np.array([[95.0, 100.0], [105.0, 100.0], [115.0, 100.0]])
    for imputer in imputers:
        expected = 1 / (1 + np.exp([5, 0, -5]))
        np.testing.assert_allclose(imputer.predict_mask(rows)[:, 0], expected, atol=1e-4)
    np.testing.assert_array_equal(*(imputer.transform(X) for imputer in imputers))


def test_a_function_cannot_be_saved_and_a_table_without_gaps_needs_no_mask(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 2))
    imputer = NotMIWAEImputer(**TINY, mask_model="mechanism", mechanism=lambda x: x).fit(X)
    assert imputer.model_.mask_model is None and (imputer.predict_mask(X) == 0).all()
    with pytest.raises(InvalidInputError, match="cannot be saved"):
        imputer.save(tmp_path / "imputer")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mask_model": "mechanism"}, "go together"),
        ({"mechanism": {"slope": 1, "threshold": 0}}, "go together"),
        ({"mask_model": "mechanism", "mechanism": {"slope": 1}}, "'slope' and 'threshold'"),
        ({"mask_model": "self_masking"}, "did you mean"),
        ({"missing": "hihg"}, "did you mean 'high'"),
        ({"missing": ["high"]}, "one entry per column"),
        ({"estimate": "mean"}, "unknown estimate"),
    ],
)
def test_parameters_are_checked(options, text):
    with pytest.raises(InvalidInputError, match=text):
        NotMIWAEImputer(**TINY, **options).fit(np.array([[np.nan, 1.0], [1.0, 2.0]]))


def test_predict_mask_needs_complete_rows(gaps_above_mean):
    _, holes = gaps_above_mean(30)
    with pytest.raises(InvalidInputError, match="complete rows"):
        NotMIWAEImputer(**TINY).fit(holes).predict_mask(holes)
