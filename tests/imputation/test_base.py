"""The scikit-learn surface of the imputers."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.imputation import MIWAEImputer, NotMIWAEImputer

QUICK = {"max_iter": 30, "hidden": (8,), "n_importance": 50, "random_state": 0, "progress": False}


@parametrize_with_checks([MIWAEImputer(**QUICK), NotMIWAEImputer(**QUICK)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [MIWAEImputer, NotMIWAEImputer])
def test_observed_values_stay_and_gaps_are_filled(kind, gaps_above_mean):
    _, holes = gaps_above_mean(60)
    filled = kind(**QUICK).fit_transform(holes)
    seen = ~np.isnan(holes)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[seen], holes[seen])


def test_same_seed_same_numbers_and_the_global_stream_untouched(gaps_above_mean):
    _, holes = gaps_above_mean(60)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()
    one, two, other = (
        NotMIWAEImputer(**QUICK | {"random_state": seed}).fit_transform(holes) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert before[2] == torch.get_num_threads()


def test_a_row_is_imputed_alike_whatever_stands_beside_it(gaps_above_mean):
    _, holes = gaps_above_mean(60)
    fitted = NotMIWAEImputer(**QUICK).fit(holes)
    row = np.flatnonzero(np.isnan(holes[:, 0]))[3]
    np.testing.assert_allclose(
        fitted.transform(holes[[row]])[0], fitted.transform(holes)[row], 1e-5
    )


def test_new_rows_may_have_gaps_elsewhere(gaps_above_mean):
    _, holes = gaps_above_mean(60)
    fitted = NotMIWAEImputer(**QUICK).fit(holes)
    assert np.isfinite(fitted.transform(np.array([[0.3, np.nan], [np.nan, np.nan]]))).all()


def test_units_do_not_matter(gaps_above_mean):
    _, holes = gaps_above_mean(60)
    scale, shift = np.array([1000.0, 1e-3]), np.array([-5.0, 7.0])
    plain = MIWAEImputer(**QUICK).fit_transform(holes)
    moved = MIWAEImputer(**QUICK).fit_transform(holes * scale + shift)
    np.testing.assert_allclose((moved - shift) / scale, plain, atol=1e-3)


def test_before_any_estimator_in_a_pipeline(gaps_above_mean):
    X, holes = gaps_above_mean(80)
    y = (X.sum(1) > 0).astype(int)
    model = make_pipeline(MIWAEImputer(**QUICK), LogisticRegression())
    assert model.fit(holes, y).score(holes, y) > 0.7


def test_data_frames_come_back_as_data_frames_when_asked(gaps_above_mean):
    _, holes = gaps_above_mean(60)
    table = pd.DataFrame(holes, columns=["a", "b"])
    filled = MIWAEImputer(**QUICK).set_output(transform="pandas").fit_transform(table)
    assert list(filled.columns) == ["a", "b"] and filled.notna().all(axis=None)


def test_mixed_tables_get_their_levels_back():
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=150)
    table = pd.DataFrame(
        {
            "kind": np.array(["red", "green", "blue"])[kind],
            "size": kind * 4.0 + rng.normal(size=150) * 0.1,
            "big": np.where(kind == 2, "yes", "no"),
        }
    )
    holes = table.copy()
    holes.loc[:20, "kind"], holes.loc[10:30, "big"] = None, None
    imputer = MIWAEImputer(**QUICK | {"max_iter": 600, "lr": 0.01, "n_importance": 300})
    filled = imputer.fit_transform(holes)
    assert filled.dtype == object
    assert (filled[:21, 0] == table["kind"][:21]).mean() > 0.9
    assert (filled[10:31, 2] == table["big"][10:31]).mean() > 0.9
    drawn = imputer.sample(holes, 3)
    assert drawn.shape == (3, 150, 3) and set(drawn[:, :21, 0].ravel()) <= {"red", "green", "blue"}


def test_sample_score_and_effective_sizes(gaps_above_mean):
    _, holes = gaps_above_mean(60)
    fitted = NotMIWAEImputer(**QUICK).fit(holes)
    drawn = fitted.sample(holes, 4)
    seen = ~np.isnan(holes)
    assert drawn.shape == (4, 60, 2) and (drawn[:, seen] == holes[seen]).all()
    assert (drawn[:, ~seen].std(0) > 0).mean() > 0.9
    assert fitted.score(holes) == pytest.approx(fitted.score_rows(holes).mean())
    sizes = fitted.effective_sample_size(holes)
    assert sizes.shape == (60,) and (sizes >= 1).all() and (sizes <= 50).all()


def test_rows_can_be_held_out_to_decide_when_to_stop(gaps_above_mean):
    _, holes = gaps_above_mean(100)
    fitted = MIWAEImputer(**QUICK, validation_fraction=0.2).fit(holes)
    assert "validation_bound" in fitted.history_[0]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"decoder": "ppca"}, UnknownNameError, "decoder"),
        ({"scale": "colum"}, UnknownNameError, "did you mean 'column'"),
        ({"n_samples": 0}, InvalidInputError, "n_samples must be an integer of at least 1"),
        ({"lr": 0}, InvalidInputError, "lr must be"),
        ({"hidden": "128"}, InvalidInputError, "list of layer sizes"),
        ({"batch_size": 0}, InvalidInputError, "batch_size"),
        ({"validation_fraction": 0.9}, InvalidInputError, "validation_fraction"),
        ({"device": "abacus"}, InvalidInputError, "cannot be used here"),
    ],
)
def test_parameters_are_checked_before_any_work(options, error, text):
    with pytest.raises(error, match=text):
        MIWAEImputer(**options).fit(np.zeros((3, 2)))


def test_infinity_and_empty_columns_are_told():
    with pytest.raises(InvalidInputError, match="infinity in column 'x1', row 0"):
        MIWAEImputer().fit(np.array([[1.0, np.inf], [2.0, 3.0]]))
    with pytest.raises(InvalidInputError, match="'x0' has no observed value"):
        MIWAEImputer().fit(np.array([[np.nan, 1.0], [np.nan, 3.0]]))
