"""Deep imputers take the place of the classical ones, and nothing else changes."""

import numpy as np
import pytest

from biam.exceptions import UnknownNameError
from biam.experiments.gaps import make_gappy, predict_with_gaps
from biam.experiments.gaps_deep import DEEP, make_deep_imputer, predict_with_deep_gaps

BRIEF = {"max_iter": 30, "n_importance": 20, "hidden": [8]}


@pytest.fixture(scope="module")
def mnar():
    return make_gappy("related", mechanism="mnar", rate=0.4, max_rows=150, random_state=3)


@pytest.mark.parametrize(("name", "draws"), [("MIWAE", 0), ("not-MIWAE", 2)])
def test_scores_are_those_of_its_tables(mnar, name, draws):
    settings = {"sees": "imputed", "imputer": name, "imputer_options": BRIEF, "draws": draws}
    metrics, _ = predict_with_deep_gaps(mnar, "regression", 0, settings)
    imputer = make_deep_imputer(name, 0, **BRIEF).fit(mnar.X_train)
    filled = imputer.sample(mnar.X_test, 2).mean(0) if draws else imputer.transform(mnar.X_test)
    error = (filled - mnar.whole_test) / mnar.whole_train.std(0)
    expected = np.sqrt(np.mean(error[np.isnan(mnar.X_test)] ** 2))
    assert metrics["imputation_rmse"] == pytest.approx(expected)
    mean, _ = predict_with_gaps(mnar, "regression", 0, {"sees": "imputed", "imputer": "mean"})
    assert set(metrics) == set(mean)


def test_seed_and_options_reach_the_imputer():
    for name, kind in DEEP.items():
        made = make_deep_imputer(name, 7, max_iter=5)
        assert isinstance(made, kind)
        assert (made.random_state, made.max_iter, made.progress) == (7, 5, False)
    with pytest.raises(UnknownNameError, match="not-MIWAE"):
        make_deep_imputer("notMIWAE", 0)
