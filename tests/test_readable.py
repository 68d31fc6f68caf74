"""What an estimator shows is what the reading modules say of it, on demand and after every fit."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from biam import BIAMRegressor, explain

G = np.random.default_rng(0)
X = pd.DataFrame(G.normal(size=(80, 3)), columns=list("abc"))
Y = X["a"] ** 2 + X["b"].to_numpy()
X.loc[::4, "a"] = np.nan
TABLES = (
    "shape_functions",
    "missing_effects",
    "interactions",
    "pair_effects",
    "term_importances",
    "complexity",
)


@pytest.fixture
def est(with_surfaces):
    return with_surfaces(BIAMRegressor(random_state=0, n_knots=4).fit(X, Y), X, [(0, 1)])


@pytest.mark.parametrize("name", TABLES)
def test_attributes_are_the_tables_of_explain(est, name):
    shown, expected = getattr(est, f"{name}_"), getattr(explain, name)(est)
    if name == "complexity":
        assert shown == expected
        assert shown["pairs"] == 1
    else:
        pd.testing.assert_frame_equal(shown, expected)
        assert len(shown)


@pytest.mark.parametrize("name", [*(f"{name}_" for name in TABLES), "feature_importances_"])
def test_nothing_is_shown_before_fit(name):
    with pytest.raises(NotFittedError):
        getattr(BIAMRegressor(), name)


def test_another_fit_leaves_nothing_of_the_last(est):
    assert est.pair_effects_["effect"].any()
    est.fit(X[["c"]], Y)
    assert est.pair_effects_.empty
    assert est.terms_ == [["shape", 0, -1]]
    assert est.term_sizes_.shape == (1, 3)
    assert est.column_means_.shape == (4,)
